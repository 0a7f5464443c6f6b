/*
 * test_log_line.c - what the log does faster for plain text and for lines that follow at
 * once gives what the slow way gives.
 */
#include "base/log_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

enum { LENGTH = 27, MAX = 4096 };

/* By the rule, a byte at a time. */
static void
escaped_slowly(const unsigned char *p, size_t n, bool is_json, char *want)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] < 0x20 || p[i] >= 0x7F)
			want += sprintf(want, "%s\\x%02x", is_json ? "\\" : "", p[i]);
		else if (is_json && (p[i] == '"' || p[i] == '\\'))
			want += sprintf(want, "\\%c", p[i]);
		else
			want += sprintf(want, "%c", p[i]);
	}
	*want = '\0';
}

/* One byte of every value at every place of plain text; above 127 none of them is
 * UTF-8 by itself. */
static void
test_every_byte_at_every_place(void **state)
{
	struct buf text, json;
	char want[MAX];
	int bad = 0;

	(void)state;
	buf_init(&text, MAX);
	buf_init(&json, MAX);
	for (size_t i = 0; i < LENGTH * 256u; i++) {
		unsigned char plain[LENGTH];
		memset(plain, 'a', sizeof(plain));
		plain[i / 256] = (unsigned char)(i % 256);
		struct span s = span_make((const char *)plain, sizeof(plain));
		buf_clear(&text);
		buf_clear(&json);
		log_escape(&text, s);
		log_escape_json(&json, s, SIZE_MAX);
		escaped_slowly(plain, sizeof(plain), false, want);
		bad += strcmp(buf_text(&text), want) != 0;
		escaped_slowly(plain, sizeof(plain), true, want);
		bad += strcmp(buf_text(&json), want) != 0;
		if (bad > 0)
			print_error("byte %02zx at %zu: text %s, json %s\n", i % 256,
				    i / 256, buf_text(&text), buf_text(&json));
		assert_int_equal(bad, 0);
	}
	buf_done(&text);
	buf_done(&json);
}

static void
test_cut_at_every_place(void **state)
{
	struct buf out;
	char want[MAX];

	(void)state;
	buf_init(&out, MAX);
	for (size_t max = 0; max <= LENGTH; max++) {
		const char *text = "abcdefghijklmnopqrstuvwxyz\n";
		buf_clear(&out);
		log_escape_cut(&out, span_of(text), max);
		snprintf(want, sizeof(want), "%.*s...", (int)max, text);
		if (max == LENGTH)
			snprintf(want, sizeof(want), "abcdefghijklmnopqrstuvwxyz\\x0a");
		assert_string_equal(buf_text(&out), want);
	}
	buf_done(&out);
}

typedef int encode_fn(struct buf *out, const struct log_record *r);

/* Times in an order that tempts a kept stamp: the same again, the next, back, and those
 * before 1970, where a second begins before its milliseconds. */
static void
compare_kept_times(encode_fn *const forms[2])
{
	static const int64_t times[] = { 0,     0,    999,  1000, 1000, 1001,
					 1999,  2000, 1999, -1,   0,    1050609382123,
					 -1000, -1001 };
	struct log_stamp stamp = { 0 };
	struct buf got, want;

	buf_init(&got, MAX);
	buf_init(&want, MAX);
	for (size_t i = 0; i < 2 * sizeof(times) / sizeof(times[0]); i++) {
		struct log_record r = { .wall_ms = times[i / 2],
					.level = LOG_LEVEL_INFO,
					.event = "x",
					.text = { "t", 1 } };
		buf_clear(&got);
		buf_clear(&want);
		forms[i % 2](&want, &r);
		r.stamp = &stamp;
		forms[i % 2](&got, &r);
		assert_string_equal(buf_text(&got), buf_text(&want));
	}
	buf_done(&got);
	buf_done(&want);
}

static void
test_kept_times(void **state)
{
	(void)state;
	compare_kept_times((encode_fn *const[]){ log_encode_text, log_encode_text });
	compare_kept_times((encode_fn *const[]){ log_encode_json, log_encode_json });
	compare_kept_times((encode_fn *const[]){ log_encode_text, log_encode_json });
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_at_every_place),
		cmocka_unit_test(test_cut_at_every_place),
		cmocka_unit_test(test_kept_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

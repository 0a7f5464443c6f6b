/*
 * test_buf.c - bounded buffers: limits, sticky failure, sliding, text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/buf.h"

#include <stdlib.h>

static void
appended_bytes_come_out_at_the_front(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_append(&b, "one ", 4), 0);
	assert_int_equal(buf_append_text(&b, "two "), 0);
	assert_int_equal(buf_append_span(&b, span_of("three")), 0);
	assert_int_equal(buf_append_byte(&b, '!'), 0);
	assert_string_equal(buf_text(&b), "one two three!");
	buf_consume(&b, 4);
	assert_string_equal(buf_text(&b), "two three!");
	assert_int_equal(buf_room(&b), 90);
	buf_consume(&b, 10);
	assert_int_equal(buf_span(&b).n, 0);
	assert_null(buf_span(&b).p);
	buf_done(&b);
}

static void
the_maximum_holds_and_failure_is_sticky(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_append(&b, "0123456", 7), 0);
	assert_int_equal(buf_append(&b, "7890", 4), -1);
	assert_true(b.failed);
	assert_int_equal(b.n, 7); /* nothing of it */
	assert_int_equal(buf_append(&b, "7", 1), -1);
	assert_int_equal(buf_append(&b, "", 0), -1);
	assert_null(buf_reserve(&b, 1));
	buf_clear(&b);
	assert_int_equal(buf_append(&b, "0123456789", 10), 0);
	assert_int_equal(buf_room(&b), 0);
	assert_string_equal(buf_text(&b), "0123456789"); /* NUL beyond the maximum */
	assert_null(buf_reserve(&b, 1));
	buf_done(&b);
}

static void
reserved_room_is_live_when_it_is_committed(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	char *room = buf_reserve(&b, 600);
	assert_non_null(room);
	memset(room, 'x', 600);
	buf_commit(&b, 5);
	assert_string_equal(buf_text(&b), "xxxxx");
	buf_done(&b);
}

static void
print_goes_up_to_the_maximum(void **state)
{
	static const size_t lengths[] = { 0, 1, 255, 256, 257, 511, 512, 513, 999, 1000 };
	static char text[1002];
	struct buf b;

	(void)state;
	memset(text, 'a', 1001);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		buf_init(&b, 1000);
		assert_int_equal(buf_printf(&b, "%.*s", (int)lengths[i], text), 0);
		assert_int_equal(b.n, lengths[i]);
		assert_int_equal(strlen(buf_text(&b)), lengths[i]);
		assert_int_equal(buf_printf(&b, "%.*s", (int)(1001 - lengths[i]), text),
				 -1);
		assert_int_equal(b.n, lengths[i]);
		buf_done(&b);
	}
	buf_init(&b, 20);
	buf_append_text(&b, "0123456789");
	assert_int_equal(buf_printf(&b, "%d-%s", 42, "abcdefg"), 0);
	assert_string_equal(buf_text(&b), "012345678942-abcdefg");
	assert_int_equal(buf_printf(&b, "%s", "x"), -1);
	buf_done(&b);
}

static void
shrink_gives_memory_back_only_when_empty(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_append(&b, "x", 1);
	buf_shrink(&b);
	assert_int_equal(b.n, 1);
	buf_consume(&b, 1);
	assert_non_null(b.p);
	buf_shrink(&b);
	assert_null(b.p);
	assert_int_equal(buf_append(&b, "y", 1), 0);
	buf_clear(&b);
	assert_non_null(b.p);
	buf_done(&b);
	assert_int_equal(b.max, 100);
}

/* A queue of numbered bytes through buffers of several sizes: order and content stay. */
static void
a_stream_of_appends_and_consumes_is_a_queue(void **state)
{
	static const size_t maxima[] = { 1, 7, 300, 5000 };

	(void)state;
	for (size_t m = 0; m < sizeof(maxima) / sizeof(maxima[0]); m++) {
		struct buf b;
		uint8_t in = 0, out = 0;
		uint32_t seed = 99;
		buf_init(&b, maxima[m]);
		for (int step = 0; step < 20000; step++) {
			seed = seed * 1664525 + 1013904223;
			size_t n = (seed >> 8) % (maxima[m] + 1);
			uint8_t piece[5000];
			if (seed >> 31) {
				n = n > buf_room(&b) ? buf_room(&b) : n;
				for (size_t i = 0; i < n; i++)
					piece[i] = in++;
				assert_int_equal(buf_append(&b, piece, n), 0);
				continue;
			}
			n = n > b.n ? b.n : n;
			for (size_t i = 0; i < n; i++)
				assert_int_equal((uint8_t)buf_span(&b).p[i], out++);
			buf_consume(&b, n);
			assert_true(b.cap <= maxima[m] + 1);
		}
		buf_done(&b);
	}
}

static void
a_buffer_without_maximum_does_not_overflow_its_arithmetic(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_append_text(&b, "x"), 0);
	assert_int_equal(buf_printf(&b, "%s", "y"), 0);
	assert_string_equal(buf_text(&b), "xy");
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_bytes_come_out_at_the_front),
		cmocka_unit_test(the_maximum_holds_and_failure_is_sticky),
		cmocka_unit_test(reserved_room_is_live_when_it_is_committed),
		cmocka_unit_test(print_goes_up_to_the_maximum),
		cmocka_unit_test(shrink_gives_memory_back_only_when_empty),
		cmocka_unit_test(a_stream_of_appends_and_consumes_is_a_queue),
		cmocka_unit_test(
			a_buffer_without_maximum_does_not_overflow_its_arithmetic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

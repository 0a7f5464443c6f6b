/*
 * test_uid.c - identifiers: printed and parsed, ordered by time, never the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/uid.h"

#include <stdio.h>
#include <string.h>

static void
a_printed_identifier_parses_to_itself(void **state)
{
	struct uid_source source = { 0 };
	struct uid u, again;
	char text[UID_TEXT_MAX];
	struct err e;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(uid_next(&source, 1700000000000 + i, &u, &e), 0);
		uid_format(&u, text);
		assert_int_equal(strlen(text), 32);
		assert_int_equal(strspn(text, "0123456789abcdef"), 32);
		assert_int_equal(uid_parse(span_of(text), &again), 0);
		assert_memory_equal(again.b, u.b, UID_BYTES);
	}
}

static void
identifiers_begin_with_their_time_and_differ(void **state)
{
	struct uid_source source = { 0 };
	struct uid a, b, later;
	char text[UID_TEXT_MAX];
	struct err e;

	(void)state;
	uid_next(&source, 0x0123456789ab, &a, &e);
	uid_next(&source, 0x0123456789ab, &b, &e);
	uid_next(&source, 0x0123456789ac, &later, &e);
	uid_format(&a, text);
	assert_memory_equal(text, "0123456789ab", 12);
	assert_memory_not_equal(a.b, b.b, UID_BYTES);
	assert_true(memcmp(a.b, later.b, UID_BYTES) < 0);
}

/* Over several fillings: no random byte is used twice, nor left out of the change. */
static void
a_source_never_gives_the_same_again(void **state)
{
	enum { N = 3 * UID_SOURCE_UIDS + 1 };
	struct uid_source source = { 0 };
	uint8_t varies[UID_BYTES] = { 0 };
	struct uid made[N];
	struct err e;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(uid_next(&source, 0x0123456789ab, &made[i], &e), 0);
		assert_memory_equal(made[i].b, "\x01\x23\x45\x67\x89\xab", 6);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(made[i].b, made[k].b, UID_BYTES);
		for (size_t k = 0; k < UID_BYTES; k++)
			varies[k] |= made[i].b[k] ^ made[0].b[k];
	}
	for (size_t k = 6; k < UID_BYTES; k++)
		assert_int_not_equal(varies[k], 0);
}

static const struct {
	const char *name, *text;
	int result;
} rows[] = {
	{ "32 digits", "0123456789abcdef0123456789abcdef", 0 },
	{ "upper case is another form", "0123456789ABCDEF0123456789abcdef", -1 },
	{ "too short", "0123456789abcdef0123456789abcde", -1 },
	{ "too long", "0123456789abcdef0123456789abcdef0", -1 },
	{ "a letter behind f", "0123456789abcdeg0123456789abcdef", -1 },
	{ "a blank", " 123456789abcdef0123456789abcdef", -1 },
	{ "nothing", "", -1 },
};

static void
only_the_printed_form_is_parsed(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct uid u = { { 0x77 } };
		int r = uid_parse(span_of(rows[i].text), &u);
		if (r != rows[i].result || (r != 0 && u.b[0] != 0x77)) {
			printf("%s: got %d, want %d\n", rows[i].name, r, rows[i].result);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
bytes_become_hexadecimal(void **state)
{
	char text[9];

	(void)state;
	hex_format("\x00\x0f\xf0\xff", 4, text);
	assert_string_equal(text, "000ff0ff");
	hex_format("", 0, text);
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_printed_identifier_parses_to_itself),
		cmocka_unit_test(identifiers_begin_with_their_time_and_differ),
		cmocka_unit_test(a_source_never_gives_the_same_again),
		cmocka_unit_test(only_the_printed_form_is_parsed),
		cmocka_unit_test(bytes_become_hexadecimal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

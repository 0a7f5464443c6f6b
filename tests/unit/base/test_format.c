/*
 * test_format.c - what format_text() writes is what vsnprintf() writes, whatever the text
 * asks for and however little room there is.
 */
#include "tdc/base/format.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

enum { ROOM = 128 };

/* Compares both in every size from none to more than enough. Returns how many differ. */
static int __attribute__((format(printf, 2, 3)))
differences(const char *name, const char *fmt, ...)
{
	int bad = 0;

	for (size_t size = 0; size <= ROOM; size++) {
		char *got = malloc(size + 1), *want = malloc(size + 1);
		va_list ap;
		memset(got, '#', size + 1);
		memset(want, '#', size + 1);
		va_start(ap, fmt);
		int got_n = format_text(got, size, fmt, ap);
		va_end(ap);
		va_start(ap, fmt);
		int want_n = vsnprintf(want, size, fmt, ap);
		va_end(ap);
		/* Behind the NUL, and behind the end, nothing is written. */
		size_t same = (size_t)want_n < size ? (size_t)want_n + 1 : size;
		if (got_n != want_n || memcmp(got, want, same) != 0 || got[size] != '#') {
			print_error("%s, in %zu bytes:\n got  %d %.*s\n want %d %.*s\n",
				    name, size, got_n, (int)size, got, want_n, (int)size,
				    want);
			bad++;
		}
		free(got);
		free(want);
	}
	return bad;
}

static void
test_own_conversions(void **state)
{
	int bad = 0;

	(void)state;
	bad += differences("nothing at all", "%s", "");
	bad += differences("plain text", "no conversion in it");
	bad += differences("strings", "<%s> and <%s>", "a@b.example", "");
	bad += differences("a string with its length", "[%.*s]%.*s", 3, "abcdef", 0, "x");
	bad += differences("a length that is longer", "%.*s|", 10, "ab");
	bad += differences("a negative length is none", "%.*s|", -1, "ab");
	bad += differences("a percent sign", "100%% of %d%%", 7);
	bad += differences("characters", "%c%c%c", 'a', 0xe9, '%');
	bad += differences("int", "%d %d %d %i", 0, INT_MAX, INT_MIN, -7);
	bad += differences("unsigned", "%u %u", 0u, UINT_MAX);
	bad += differences("long", "%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
	bad += differences("long long", "%lld %lld %llu", LLONG_MIN, LLONG_MAX,
			   ULLONG_MAX);
	bad += differences("sizes", "%zu %zu", (size_t)0, SIZE_MAX);
	bad += differences("fixed widths", "%" PRIu64 " %" PRId64 " %" PRIu32, UINT64_MAX,
			   INT64_MIN, UINT32_MAX);
	assert_int_equal(bad, 0);
}

static void
test_others(void **state)
{
	int bad = 0;

	(void)state;
	bad += differences("a width", "%5d|%-5d|%05d|%3s|", 42, 42, 42, "a");
	bad += differences("hexadecimal", "%s %x %08" PRIX64, "x", 255u, UINT64_C(77));
	bad += differences("a precision in the text", "%s %.2s %.3d", "ab", "cdef", 7);
	bad += differences("flags", "%+d % d %#o", 5, 5, 8u);
	bad += differences("short and char", "%hd %hhu", (short)-5, (unsigned char)200);
	bad += differences("floating point", "%s %.3f %e", "pi", 3.14159, 1e10);
	bad += differences("ours first, then another's", "%s %d %u %p", "a", 1, 2u,
			   (void *)0);
	bad += differences("a width from the arguments", "%*d|%-*s|", 6, 42, 6, "ab");
	assert_int_equal(bad, 0);
}

static void
test_null_string(void **state)
{
	const char *volatile none = NULL;

	(void)state;
	assert_int_equal(differences("a string that is not there", "%s|", none), 0);
}

static void
test_number(void **state)
{
	static const uint64_t numbers[] = { 0, 9, 10, 99, 100, 1234567890, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char got[FORMAT_NUMBER_MAX], want[32];
		int n = snprintf(want, sizeof(want), "%" PRIu64, numbers[i]);
		assert_int_equal(format_number(numbers[i], got), n);
		assert_string_equal(got, want);
	}
}

static void
test_plural(void **state)
{
	(void)state;
	assert_string_equal(format_plural(1), "");
	assert_string_equal(format_plural(0), "s");
	assert_string_equal(format_plural(2), "s");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_conversions), cmocka_unit_test(test_others),
		cmocka_unit_test(test_null_string),     cmocka_unit_test(test_number),
		cmocka_unit_test(test_plural),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_bytes.c - every byte at every place of sixteen and more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/bytes.h"

#include <stdlib.h>

enum { LENGTH_MAX = 50 };

static void
one_byte_that_is_not_visible_is_found_wherever_it_stands(void **state)
{
	int bad = 0;

	(void)state;
	for (size_t n = BYTES_AT_ONCE; n <= LENGTH_MAX; n++) {
		char *text = malloc(n); /* so that a look behind its end is found */
		memset(text, 'a', n);
		for (size_t i = 0; i < n * 256; i++) {
			int c = (int)(i % 256);
			text[i / 256] = (char)c;
			bool want = c >= ' ' && c < 0x7f;
			if (bytes_are_visible(text, n) != want && ++bad < 10)
				print_error("%02x at %zu of %zu\n", c, i / 256, n);
			text[i / 256] = 'a';
		}
		free(text);
	}
	assert_int_equal(bad, 0);
}

static void
few_bytes_are_left_to_the_caller(void **state)
{
	(void)state;
	assert_false(bytes_are_visible("", 0));
	assert_false(bytes_are_visible("aaaaaaaaaaaaaaa", 15));
	assert_true(bytes_are_visible("aaaaaaaaaaaaaaaa", 16));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			one_byte_that_is_not_visible_is_found_wherever_it_stands),
		cmocka_unit_test(few_bytes_are_left_to_the_caller),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_checksum.c - known sums, pieces of every size, reuse of one object.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/uid.h"
#include "tdc/digest/checksum.h"

#include <stdio.h>
#include <string.h>

enum { BYTES = 100000 };

static char bytes[BYTES];

static void
sum_of(struct checksum *c, size_t n, size_t piece, char text[2 * CHECKSUM_BYTES + 1])
{
	uint8_t sum[CHECKSUM_BYTES];

	checksum_start(c);
	for (size_t at = 0; at < n; at += piece)
		checksum_update(c, bytes + at, n - at < piece ? n - at : piece);
	checksum_finish(c, sum);
	hex_format(sum, sizeof(sum), text);
}

/* As xxh128sum prints them: what lies in a spool is the same on every machine. */
static const struct {
	size_t n;
	const char *sum;
} rows[] = {
	{ 0, "99aa06d3014798d86001c324468d497f" },
	{ 3, "656e81c56e41fe02c3489259e968ad9e" },
	{ 200, "dbfff5e13c798ab90497bdb3d145ccd6" },
	{ 4096, "cde3f47d2ed204cd5a73a95c9a8b3549" },
	{ BYTES, "faa51cdf3b1485174e16d63e05fac6ed" },
};

static void
known_sums_come_out_of_one_object_in_pieces_of_any_size(void **state)
{
	static const size_t pieces[] = { 1, 63, 64, 255, 256, 1000, BYTES };
	struct checksum *c;
	struct err e;
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	assert_int_equal(checksum_new(&c, &e), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
			char text[2 * CHECKSUM_BYTES + 1];
			sum_of(c, rows[i].n, pieces[k], text);
			if (strcmp(text, rows[i].sum) == 0)
				continue;
			printf("%zu in pieces of %zu: got %s, want %s\n", rows[i].n,
			       pieces[k], text, rows[i].sum);
			wrong++;
		}
	assert_int_equal(wrong, 0);
	checksum_free(c);
	checksum_free(NULL);
}

static void
every_bit_counts(void **state)
{
	char before[2 * CHECKSUM_BYTES + 1], after[2 * CHECKSUM_BYTES + 1];
	struct checksum *c;
	struct err e;

	(void)state;
	assert_int_equal(checksum_new(&c, &e), 0);
	sum_of(c, 1000, 1000, before);
	for (size_t bit = 0; bit < 8 * 1000; bit += 13) {
		bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
		sum_of(c, 1000, 1000, after);
		assert_string_not_equal(before, after);
		bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
	}
	checksum_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sums_come_out_of_one_object_in_pieces_of_any_size),
		cmocka_unit_test(every_bit_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

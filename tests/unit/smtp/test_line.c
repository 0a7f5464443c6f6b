/*
 * test_line.c - lines end with CRLF, fit, or are too long, however they arrive.
 */
#include "show.h"

#include "tdc/smtp/line.h"

static const struct {
	const char *name;
	struct span input;
	size_t max;
	enum smtp_line_result result;
	struct span line;
	size_t used;
} rows[] = {
	{ "crlf ends a line", BYTES("NOOP\r\n"), 10, SMTP_LINE_OK, BYTES("NOOP"), 6 },
	{ "only the first line is taken", BYTES("A\r\nB\r\n"), 10, SMTP_LINE_OK,
	  BYTES("A"), 3 },
	{ "an empty line is a line", BYTES("\r\n"), 10, SMTP_LINE_OK, BYTES(""), 2 },
	{ "bare lf does not end a line", BYTES("A\nB\r\n"), 10, SMTP_LINE_OK,
	  BYTES("A\nB"), 5 },
	{ "bare cr does not end a line", BYTES("A\rB\r\n"), 10, SMTP_LINE_OK,
	  BYTES("A\rB"), 5 },
	{ "lf at the start does not end a line", BYTES("\nA\r\n"), 10, SMTP_LINE_OK,
	  BYTES("\nA"), 4 },
	{ "cr cr lf ends a line with a cr in it", BYTES("A\r\r\n"), 10, SMTP_LINE_OK,
	  BYTES("A\r"), 4 },
	{ "nothing is not a line yet", BYTES(""), 10, SMTP_LINE_MORE, NO_BYTES, 0 },
	{ "no crlf is not a line yet", BYTES("NOOP"), 10, SMTP_LINE_MORE, NO_BYTES, 0 },
	{ "bare lf is not a line yet", BYTES("NOOP\n"), 10, SMTP_LINE_MORE, NO_BYTES, 0 },
	{ "cr is not a line yet", BYTES("NOOP\r"), 10, SMTP_LINE_MORE, NO_BYTES, 0 },
	{ "a line of the maximum fits", BYTES("NOOP\r\n"), 4, SMTP_LINE_OK, BYTES("NOOP"),
	  6 },
	{ "the maximum may still get its crlf", BYTES("NOOP"), 4, SMTP_LINE_MORE,
	  NO_BYTES, 0 },
	{ "the maximum and cr may still get lf", BYTES("NOOP\r"), 4, SMTP_LINE_MORE,
	  NO_BYTES, 0 },
	{ "one over the maximum is too long", BYTES("NOOP1"), 4, SMTP_LINE_TOO_LONG,
	  NO_BYTES, 0 },
	{ "an ended line over the maximum is too long", BYTES("NOOP1\r\n"), 4,
	  SMTP_LINE_TOO_LONG, NO_BYTES, 0 },
	{ "cr over the maximum is too long", BYTES("NOOP\r\r"), 4, SMTP_LINE_TOO_LONG,
	  NO_BYTES, 0 },
};

static void
test_rows(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span line = { 0 };
		size_t scanned = 0, used = 0;
		enum smtp_line_result r = smtp_line_take(rows[i].input, rows[i].max,
							 &scanned, &line, &used);
		failures += differ_number(rows[i].name, "result", r, rows[i].result);
		failures += differ_bytes(rows[i].name, "line", line, rows[i].line);
		failures += differ_number(rows[i].name, "used", (int64_t)used,
					  (int64_t)rows[i].used);
		if (r == SMTP_LINE_MORE)
			failures +=
				differ_number(rows[i].name, "scanned", (int64_t)scanned,
					      (int64_t)rows[i].input.n);
	}
	assert_int_equal(failures, 0);
}

/* Byte by byte, with `scanned` kept between the calls, the answer is the same. */
static void
test_rows_byte_by_byte(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span line = { 0 };
		size_t scanned = 0, used = 0;
		enum smtp_line_result r = SMTP_LINE_MORE;
		for (size_t n = 0; n <= rows[i].input.n && r == SMTP_LINE_MORE; n++)
			r = smtp_line_take(span_make(rows[i].input.p, n), rows[i].max,
					   &scanned, &line, &used);
		failures += differ_number(rows[i].name, "result", r, rows[i].result);
		failures += differ_bytes(rows[i].name, "line", line, rows[i].line);
		failures += differ_number(rows[i].name, "used", (int64_t)used,
					  (int64_t)rows[i].used);
		if (r == SMTP_LINE_OK)
			failures += differ_number(rows[i].name, "scanned",
						  (int64_t)scanned, 0);
	}
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_byte_by_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

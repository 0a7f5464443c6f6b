/*
 * test_facts.c - the names of the facts, which stand in journals.
 */
#include "tdc/mime/scan.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>
#include <cmocka.h>

static const struct {
	enum mime_fact fact;
	const char *name;
} rows[MIME_FACT_COUNT] = {
	{ MIME_HAS_8BIT, "8-bit" },
	{ MIME_HAS_UTF8_HEADER, "utf8-header" },
	{ MIME_HAS_8BIT_HEADER, "8-bit-header" },
	{ MIME_HAS_NUL, "nul" },
	{ MIME_HAS_BARE_CR, "bare-cr" },
	{ MIME_HAS_BARE_LF, "bare-lf" },
	{ MIME_HAS_LONG_LINE, "long-lines" },
	{ MIME_HAS_NO_FINAL_CRLF, "no-final-crlf" },
	{ MIME_IS_OPAQUE, "opaque" },
	{ MIME_HAS_LOOP_MARK, "loop-mark" },
	{ MIME_IS_JOURNAL_REPORT, "journal-report" },
	{ MIME_IS_EMPTY, "empty" },
	{ MIME_HEADER_TOO_LARGE, "header-too-large" },
};

static void
names_that_stand_in_journals_never_change(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MIME_FACT_COUNT; i++) {
		assert_int_equal(rows[i].fact, 1u << i);
		assert_string_equal(mime_fact_name(i), rows[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_stand_in_journals_never_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

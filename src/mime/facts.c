/*
 * facts.c - the names of what was learned of a message's bytes.
 */
#include "tdc/mime/scan.h"

#include "tdc/base/check.h"

static const struct {
	enum mime_fact fact;
	const char *name;
} rows[] = {
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
_Static_assert(sizeof(rows) / sizeof(rows[0]) == MIME_FACT_COUNT, "each has a name");

const char *
mime_fact_name(unsigned i)
{
	check(i < MIME_FACT_COUNT && (unsigned)rows[i].fact == 1u << i);
	return rows[i].name;
}

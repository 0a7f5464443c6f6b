/*
 * test_words.c - encoded words become UTF-8, or stay as they are.
 */
#include "unit/smtp/show.h"

#include "tdc/mime/text.h"

static const struct {
	const char *name;
	struct span value;
	const char *want;
} rows[] = {
	{ "plain text", BYTES("hello world"), "hello world" },
	{ "nothing", BYTES(""), "" },
	{ "q in utf-8", BYTES("=?utf-8?q?a=C3=A4_b?="), "a\xc3\xa4 b" },
	{ "b in utf-8", BYTES("=?UTF-8?B?w6TDtsO8?="), "\xc3\xa4\xc3\xb6\xc3\xbc" },
	{ "b without its padding", BYTES("=?UTF-8?B?w6Q?="), "\xc3\xa4" },
	{ "b with its padding", BYTES("=?UTF-8?B?YQ==?="), "a" },
	{ "iso-8859-1", BYTES("=?ISO-8859-1?Q?=E4?="), "\xc3\xa4" },
	{ "windows-1252", BYTES("=?windows-1252?Q?=80=93?="),
	  "\xe2\x82\xac\xe2\x80\x9c" },
	{ "a byte that windows-1252 has not", BYTES("=?windows-1252?Q?=81?="),
	  "\xef\xbf\xbd" },
	{ "us-ascii", BYTES("=?us-ascii?Q?abc?="), "abc" },
	{ "us-ascii with 8-bit stays", BYTES("=?us-ascii?Q?=E4?="),
	  "=?us-ascii?Q?=E4?=" },
	{ "a language is passed over", BYTES("=?utf-8*de?q?=C3=A4?="), "\xc3\xa4" },
	{ "an unknown character set stays", BYTES("=?x-foo?q?abc?= d"),
	  "=?x-foo?q?abc?= d" },
	{ "an unknown encoding stays", BYTES("=?utf-8?x?abc?="), "=?utf-8?x?abc?=" },
	{ "bytes that are not utf-8 stay", BYTES("=?utf-8?q?=E4?= b"),
	  "=?utf-8?q?=E4?= b" },
	{ "base64 that is none stays", BYTES("=?utf-8?b?a*b?="), "=?utf-8?b?a*b?=" },
	{ "text around a word", BYTES("a =?utf-8?q?b?= c"), "a b c" },
	{ "text close to a word", BYTES("(=?utf-8?q?b?=)"), "(b)" },
	{ "blanks between words go", BYTES("=?utf-8?q?a?= \t =?utf-8?q?b?="), "ab" },
	{ "folding between words goes", BYTES("=?utf-8?q?a?=\r\n =?utf-8?q?b?="), "ab" },
	{ "blanks between words of two character sets go",
	  BYTES("=?utf-8?q?a?= =?iso-8859-1?q?=E4?="), "a\xc3\xa4" },
	{ "words without a blank between", BYTES("=?utf-8?q?a?==?utf-8?q?b?="), "ab" },
	{ "blanks behind a word stay when text follows", BYTES("=?utf-8?q?a?=  b"),
	  "a  b" },
	{ "blanks behind a word stay when a bad word follows",
	  BYTES("=?utf-8?q?a?= =?x?q?b?="), "a =?x?q?b?=" },
	{ "blanks stay before a word that cannot be decoded",
	  BYTES("=?us-ascii?q?a?= =?utf-8?q?=E4?="), "a =?utf-8?q?=E4?=" },
	{ "a character cut between words is joined",
	  BYTES("=?utf-8?q?=C3?= =?utf-8?q?=A4?="), "\xc3\xa4" },
	{ "a character cut between encodings is joined",
	  BYTES("=?utf-8?q?=C3?= =?utf-8?b?pA==?="), "\xc3\xa4" },
	{ "blanks at the end after a word go", BYTES("=?utf-8?q?a?=  "), "a" },
	{ "control bytes become blanks", BYTES("a\r\nb\tc\0d\x7f"), "a  b c d " },
	{ "encoded control bytes become blanks", BYTES("=?utf-8?q?a=0D=0Ab=00?="),
	  "a  b " },
	{ "encoded control bytes of latin 1 become blanks",
	  BYTES("=?iso-8859-1?b?DQo=?="), "  " },
	{ "8-bit text stays", BYTES("\xe4 b"), "\xe4 b" },
	{ "a bad escape in q stays", BYTES("=?utf-8?q?a=zz=4?="), "a=zz=4" },
	{ "blanks within q are taken", BYTES("=?utf-8?q?a b?="), "a b" },
	{ "a word that does not end", BYTES("=?utf-8?q?abc"), "=?utf-8?q?abc" },
	{ "a word that ends too early", BYTES("=?utf-8?q?"), "=?utf-8?q?" },
	{ "a word without an encoding", BYTES("=?utf-8?="), "=?utf-8?=" },
	{ "a word without a character set", BYTES("=??q?a?="), "=??q?a?=" },
	{ "a question mark within stays", BYTES("=?utf-8?q?a?b?="), "=?utf-8?q?a?b?=" },
	{ "an equals sign alone", BYTES("a=b =? ="), "a=b =? =" },
	{ "an empty word",
	  BYTES("a=?utf-8?q?"
		"?=b"),
	  "ab" },
};

static void
test_rows(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf got;
		buf_init(&got, 4096);
		failures += differ_number(rows[i].name, "result",
					  mime_words_decode(rows[i].value, &got), 0);
		failures += differ_bytes(rows[i].name, "text", buf_span(&got),
					 span_of(rows[i].want));
		buf_done(&got);
	}
	assert_int_equal(failures, 0);
}

static void
test_a_full_buffer_is_an_error(void **state)
{
	struct buf got;

	(void)state;
	buf_init(&got, 2);
	assert_int_equal(mime_words_decode(LITERAL("abc"), &got), -1);
	buf_clear(&got);
	assert_int_equal(mime_words_decode(LITERAL("=?utf-8?q?abc?="), &got), -1);
	buf_done(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_full_buffer_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

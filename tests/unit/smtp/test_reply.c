/*
 * test_reply.c - replies are read strictly, written safely; extensions become bits.
 */
#include "show.h"

#include "tdc/smtp/reply.h"

#define X100                                                                             \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                             \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100

static const struct row {
	const char *name;
	struct span input;
	enum smtp_reply_result result;
	int code;
	const char *enhanced, *text;
	size_t used;
} rows[] = {
	{ "one line", BYTES("250 OK\r\n"), SMTP_REPLY_DONE, 250, "", "OK", 8 },
	{ "a code alone", BYTES("250\r\n"), SMTP_REPLY_DONE, 250, "", "", 5 },
	{ "a code and a blank", BYTES("250 \r\n"), SMTP_REPLY_DONE, 250, "", "", 6 },
	{ "more than a reply", BYTES("250 OK\r\n220 x\r\n"), SMTP_REPLY_DONE, 250, "",
	  "OK", 8 },
	{ "several lines", BYTES("250-a\r\n250-b\r\n250 c\r\n"), SMTP_REPLY_DONE, 250, "",
	  "a / b / c", 21 },
	{ "an empty line among several", BYTES("250-a\r\n250-\r\n250 c\r\n"),
	  SMTP_REPLY_DONE, 250, "", "a / c", 20 },
	{ "an empty line first", BYTES("250-\r\n250 c\r\n"), SMTP_REPLY_DONE, 250, "",
	  "c", 13 },
	{ "an enhanced code", BYTES("250 2.1.0 Ok\r\n"), SMTP_REPLY_DONE, 250, "2.1.0",
	  "Ok", 14 },
	{ "an enhanced code alone", BYTES("250 2.1.0\r\n"), SMTP_REPLY_DONE, 250, "2.1.0",
	  "", 11 },
	{ "an enhanced code with three digits", BYTES("550 5.123.456 x\r\n"),
	  SMTP_REPLY_DONE, 550, "5.123.456", "x", 17 },
	{ "an enhanced code on each line", BYTES("550-5.1.1 a\r\n550 5.1.1 b\r\n"),
	  SMTP_REPLY_DONE, 550, "5.1.1", "a / b", 26 },
	{ "an enhanced code on the second line", BYTES("550-a\r\n550 5.1.1 b\r\n"),
	  SMTP_REPLY_DONE, 550, "5.1.1", "a / b", 20 },
	{ "an enhanced code of another class is text", BYTES("450 5.1.1 x\r\n"),
	  SMTP_REPLY_DONE, 450, "", "5.1.1 x", 13 },
	{ "an intermediate reply has no enhanced code", BYTES("354 3.0.0 x\r\n"),
	  SMTP_REPLY_DONE, 354, "", "3.0.0 x", 13 },
	{ "an address is no enhanced code", BYTES("250 2.0.0.1 hi\r\n"), SMTP_REPLY_DONE,
	  250, "", "2.0.0.1 hi", 16 },
	{ "four digits are no enhanced code", BYTES("250 2.0.1234 hi\r\n"),
	  SMTP_REPLY_DONE, 250, "", "2.0.1234 hi", 17 },
	{ "a missing part is no enhanced code", BYTES("250 2..0 hi\r\n"), SMTP_REPLY_DONE,
	  250, "", "2..0 hi", 13 },
	{ "8-bit text stays", BYTES("250 \xe4\r\n"), SMTP_REPLY_DONE, 250, "", "\xe4",
	  7 },
	{ "a long text is cut", BYTES("250-" X1000 "\r\n250 " X1000 "\r\n"),
	  SMTP_REPLY_DONE, 250, "", X1000 " / xxxxxxxxxxxxxxxxxxxxx", 2012 },
	{ "nothing is not a reply yet", BYTES(""), SMTP_REPLY_MORE, 0, NULL, NULL, 0 },
	{ "half a line is not a reply yet", BYTES("250 O"), SMTP_REPLY_MORE, 0, NULL,
	  NULL, 0 },
	{ "a line without its lf is not a reply yet", BYTES("250 OK\r"), SMTP_REPLY_MORE,
	  0, NULL, NULL, 0 },
	{ "a first line is not a reply yet", BYTES("250-a\r\n250"), SMTP_REPLY_MORE, 0,
	  NULL, NULL, 7 },
	{ "no code", BYTES("hello\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL, 7 },
	{ "an empty line", BYTES("\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL, 2 },
	{ "two digits", BYTES("25 OK\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL, 7 },
	{ "four digits", BYTES("2500 OK\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL, 9 },
	{ "a code under 200", BYTES("150 x\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL,
	  7 },
	{ "a code over 599", BYTES("600 x\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL, 7 },
	{ "another divider", BYTES("250=x\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL, 7 },
	{ "codes that differ", BYTES("250-a\r\n550 b\r\n"), SMTP_REPLY_MALFORMED, 0, NULL,
	  NULL, 14 },
	{ "bare lf at the end", BYTES("250 OK\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL,
	  0 },
	{ "bare lf between lines", BYTES("250-a\n250 b\r\n"), SMTP_REPLY_MALFORMED, 0,
	  NULL, NULL, 13 },
	{ "bare cr", BYTES("250 a\rb\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL, 9 },
	{ "nul", BYTES("250 a\0b\r\n"), SMTP_REPLY_MALFORMED, 0, NULL, NULL, 9 },
	{ "nul before the end", BYTES("250 a\0"), SMTP_REPLY_MALFORMED, 0, NULL, NULL,
	  0 },
	{ "a line over the maximum", BYTES("250 " X1000 X1000 X100 "\r\n"),
	  SMTP_REPLY_MALFORMED, 0, NULL, NULL, 0 },
	{ "a line over the maximum without its end", BYTES("250 " X1000 X1000 X100),
	  SMTP_REPLY_MALFORMED, 0, NULL, NULL, 0 },
};

static int
check_row(const struct row *row, const struct smtp_reply_parser *p,
	  enum smtp_reply_result r)
{
	int failures = differ_number(row->name, "result", r, row->result);

	if (row->result != SMTP_REPLY_DONE)
		return failures;
	failures += differ_number(row->name, "code", p->reply.code, row->code);
	failures += differ_bytes(row->name, "enhanced", span_of(p->reply.enhanced),
				 span_of(row->enhanced));
	failures += differ_bytes(row->name, "text", span_of(p->reply.text),
				 span_of(row->text));
	return failures;
}

static void
test_rows(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct smtp_reply_parser p;
		size_t used = 99;
		smtp_reply_parser_init(&p);
		enum smtp_reply_result r = smtp_reply_parse(&p, rows[i].input, &used);
		failures += check_row(&rows[i], &p, r);
		failures += differ_number(rows[i].name, "used", (int64_t)used,
					  (int64_t)rows[i].used);
	}
	assert_int_equal(failures, 0);
}

/* As a connection does it: each byte is offered with what was not used before. */
static void
test_rows_byte_by_byte(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct smtp_reply_parser p;
		enum smtp_reply_result r = SMTP_REPLY_MORE;
		size_t taken = 0;
		smtp_reply_parser_init(&p);
		for (size_t n = 0; n <= rows[i].input.n && r == SMTP_REPLY_MORE; n++) {
			size_t used;
			r = smtp_reply_parse(
				&p, span_make(rows[i].input.p + taken, n - taken), &used);
			taken += used;
		}
		failures += check_row(&rows[i], &p, r);
	}
	assert_int_equal(failures, 0);
}

static void
test_one_parser_reads_reply_after_reply(void **state)
{
	static const char input[] = "250-2.0.0 a\r\n250 2.0.0 b\r\n354 go\r\n";
	struct smtp_reply_parser p;
	struct span rest = span_of(input);
	size_t used;

	(void)state;
	smtp_reply_parser_init(&p);
	assert_int_equal(smtp_reply_parse(&p, rest, &used), SMTP_REPLY_DONE);
	assert_string_equal(p.reply.text, "a / b");
	rest = span_skip(rest, used);
	assert_int_equal(smtp_reply_parse(&p, rest, &used), SMTP_REPLY_DONE);
	assert_int_equal(p.reply.code, 354);
	assert_string_equal(p.reply.enhanced, "");
	assert_string_equal(p.reply.text, "go");
}

static enum smtp_reply_result
parse_lines(size_t n)
{
	struct smtp_reply_parser p;
	enum smtp_reply_result r = SMTP_REPLY_MORE;
	size_t used;

	smtp_reply_parser_init(&p);
	for (size_t i = 0; i + 1 < n && r == SMTP_REPLY_MORE; i++)
		r = smtp_reply_parse(&p, LITERAL("250-x\r\n"), &used);
	if (r == SMTP_REPLY_MORE)
		r = smtp_reply_parse(&p, LITERAL("250 x\r\n"), &used);
	return r;
}

static void
test_the_number_of_lines_has_a_limit(void **state)
{
	(void)state;
	assert_int_equal(parse_lines(SMTP_REPLY_LINES_MAX), SMTP_REPLY_DONE);
	assert_int_equal(parse_lines(SMTP_REPLY_LINES_MAX + 1), SMTP_REPLY_MALFORMED);
}

static void
on_line(void *arg, int line, struct span text)
{
	buf_printf(arg, "%d:", line);
	buf_append_span(arg, text);
	buf_append_text(arg, ";");
}

static void
test_lines_are_told_one_by_one(void **state)
{
	struct smtp_reply_parser p;
	struct buf lines;
	size_t used;

	(void)state;
	buf_init(&lines, 256);
	smtp_reply_parser_init(&p);
	p.on_line = on_line;
	p.arg = &lines;
	assert_int_equal(smtp_reply_parse(&p,
					  LITERAL("250-h\r\n250-SIZE 1\r\n250 DSN\r\n"),
					  &used),
			 SMTP_REPLY_DONE);
	assert_int_equal(differ_bytes("lines", "text", buf_span(&lines),
				      LITERAL("0:h;1:SIZE 1;2:DSN;")),
			 0);
	buf_done(&lines);
}

static void
test_writing(void **state)
{
	static const struct {
		const char *name;
		int code;
		const char *enhanced, *text, *want;
	} writings[] = {
		{ "one line", 250, "2.0.0", "Ok", "250 2.0.0 Ok\r\n" },
		{ "without an enhanced code", 220, NULL, "h ESMTP", "220 h ESMTP\r\n" },
		{ "several lines", 250, NULL, "h\nDSN\nSIZE 1",
		  "250-h\r\n250-DSN\r\n250 SIZE 1\r\n" },
		{ "several lines with an enhanced code", 550, "5.1.1", "a\nb",
		  "550-5.1.1 a\r\n550 5.1.1 b\r\n" },
		{ "an empty line within stays", 250, NULL, "a\n\nb",
		  "250-a\r\n250-\r\n250 b\r\n" },
		{ "a last line feed makes no line", 250, NULL, "a\n", "250 a\r\n" },
		{ "no text", 250, "2.0.0", NULL, "250 2.0.0 \r\n" },
		{ "bytes that could break a line", 250, NULL,
		  "a\r\x01\x7f"
		  "b",
		  "250 a???b\r\n" },
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(writings); i++) {
		struct buf out;
		buf_init(&out, 256);
		failures += differ_number(writings[i].name, "result",
					  smtp_reply_format(&out, writings[i].code,
							    writings[i].enhanced,
							    writings[i].text),
					  0);
		failures += differ_bytes(writings[i].name, "reply", buf_span(&out),
					 span_of(writings[i].want));
		buf_done(&out);
	}
	assert_int_equal(failures, 0);
}

static void
test_writing_into_a_full_buffer_fails(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 8);
	assert_int_equal(smtp_reply_format(&out, 250, "2.0.0", "Ok"), -1);
	buf_done(&out);
}

static void
test_capabilities(void **state)
{
	static const struct {
		const char *name, *line;
		struct smtp_capabilities want;
	} lines[] = {
		{ "pipelining", "PIPELINING", { .extensions = SMTP_EXT_PIPELINING } },
		{ "small letters", "starttls", { .extensions = SMTP_EXT_STARTTLS } },
		{ "size with a limit",
		  "SIZE 52428800",
		  { SMTP_EXT_SIZE, 52428800, 0, 0 } },
		{ "size without a limit", "SIZE", { .extensions = SMTP_EXT_SIZE } },
		{ "size with nonsense", "SIZE x", { .extensions = SMTP_EXT_SIZE } },
		{ "8bitmime", "8BITMIME", { .extensions = SMTP_EXT_8BITMIME } },
		{ "smtputf8", "SMTPUTF8", { .extensions = SMTP_EXT_SMTPUTF8 } },
		{ "enhancedstatuscodes",
		  "ENHANCEDSTATUSCODES",
		  { .extensions = SMTP_EXT_ENHANCEDSTATUSCODES } },
		{ "dsn", "DSN", { .extensions = SMTP_EXT_DSN } },
		{ "chunking", "CHUNKING", { .extensions = SMTP_EXT_CHUNKING } },
		{ "binarymime", "BINARYMIME", { .extensions = SMTP_EXT_BINARYMIME } },
		{ "requiretls", "REQUIRETLS", { .extensions = SMTP_EXT_REQUIRETLS } },
		{ "limits",
		  "LIMITS MAILMAX=10 RCPTMAX=20",
		  { SMTP_EXT_LIMITS, 0, 10, 20 } },
		{ "limits that are not known",
		  "LIMITS RCPTDOMAINMAX=1 MAILMAX=3",
		  { SMTP_EXT_LIMITS, 0, 3, 0 } },
		{ "limits of nonsense",
		  "LIMITS MAILMAX=x RCPTMAX",
		  { .extensions = SMTP_EXT_LIMITS } },
		{ "auth", "AUTH PLAIN LOGIN", { .extensions = SMTP_EXT_AUTH } },
		{ "xforward", "XFORWARD NAME ADDR", { .extensions = SMTP_EXT_XFORWARD } },
		{ "an unknown keyword", "X-FOO", { 0 } },
		{ "a keyword's beginning", "STARTTL", { 0 } },
		{ "a keyword with more letters", "STARTTLSX", { 0 } },
		{ "nothing", "", { 0 } },
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct smtp_capabilities c = { 0 };
		const struct smtp_capabilities *want = &lines[i].want;
		smtp_capabilities_add(&c, span_of(lines[i].line));
		failures += differ_number(lines[i].name, "extensions", c.extensions,
					  want->extensions);
		failures += differ_number(lines[i].name, "size", (int64_t)c.size_max,
					  (int64_t)want->size_max);
		failures += differ_number(lines[i].name, "mail_max", c.mail_max,
					  want->mail_max);
		failures += differ_number(lines[i].name, "rcpt_max", c.rcpt_max,
					  want->rcpt_max);
	}
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_byte_by_byte),
		cmocka_unit_test(test_one_parser_reads_reply_after_reply),
		cmocka_unit_test(test_the_number_of_lines_has_a_limit),
		cmocka_unit_test(test_lines_are_told_one_by_one),
		cmocka_unit_test(test_writing),
		cmocka_unit_test(test_writing_into_a_full_buffer_fails),
		cmocka_unit_test(test_capabilities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

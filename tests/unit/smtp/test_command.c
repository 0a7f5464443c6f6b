/*
 * test_command.c - command lines become values, or a result that says which reply they
 * get.
 */
#include "show.h"

#include "tdc/smtp/command.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* What a command holds, as text; only what is not zero. */
static void
render(const struct smtp_command *c, struct buf *to)
{
	static const char *const bodies[] = { "7BIT", "8BITMIME", "BINARYMIME" };

	buf_append_text(to, smtp_verb_name(c->verb));
	if (c->address.whole.p != NULL) {
		buf_append_text(to, " <");
		buf_append_span(to, c->address.whole);
		buf_append_text(to, ">");
	} else if (c->verb != SMTP_BDAT && c->argument.n > 0) {
		buf_append_text(to, " ");
		buf_append_span(to, c->argument);
	}
	if ((c->parameters & SMTP_PARAMETER_SIZE) != 0)
		buf_printf(to, " size=%" PRIu64, c->size);
	if ((c->parameters & SMTP_PARAMETER_BODY) != 0)
		buf_printf(to, " body=%s", bodies[c->body]);
	if ((c->parameters & SMTP_PARAMETER_SMTPUTF8) != 0)
		buf_append_text(to, " smtputf8");
	if ((c->parameters & SMTP_PARAMETER_RET) != 0)
		buf_append_text(to, c->ret_full ? " ret=full" : " ret=hdrs");
	if ((c->parameters & SMTP_PARAMETER_ENVID) != 0)
		buf_printf(to, " envid=%.*s", (int)c->envid.n, c->envid.p);
	if ((c->parameters & SMTP_PARAMETER_NOTIFY) != 0)
		buf_printf(to, " notify=%u", c->notify);
	if ((c->parameters & SMTP_PARAMETER_ORCPT) != 0)
		buf_printf(to, " orcpt=%.*s", (int)c->orcpt.n, c->orcpt.p);
	if ((c->parameters & SMTP_PARAMETER_REQUIRETLS) != 0)
		buf_append_text(to, " requiretls");
	if ((c->parameters & SMTP_PARAMETER_AUTH) != 0)
		buf_append_text(to, " auth");
	if (c->verb == SMTP_BDAT)
		buf_printf(to, " %" PRIu64 "%s", c->chunk_size,
			   c->chunk_is_last ? " last" : "");
}

static const struct {
	const char *name;
	struct span line;
	enum smtp_command_result result;
	const char *want; /* what it holds, or the detail's span */
} rows[] = {
	/* verbs */
	{ "helo", BYTES("HELO c.example"), SMTP_COMMAND_OK, "HELO c.example" },
	{ "ehlo", BYTES("EHLO c.example"), SMTP_COMMAND_OK, "EHLO c.example" },
	{ "lhlo", BYTES("LHLO [192.0.2.1]"), SMTP_COMMAND_OK, "LHLO [192.0.2.1]" },
	{ "case does not matter", BYTES("eHlO c"), SMTP_COMMAND_OK, "EHLO c" },
	{ "blanks around an argument go", BYTES("EHLO  \t c  "), SMTP_COMMAND_OK,
	  "EHLO c" },
	{ "helo without a name", BYTES("HELO"), SMTP_COMMAND_SYNTAX, "" },
	{ "ehlo without a name", BYTES("EHLO "), SMTP_COMMAND_SYNTAX, "" },
	{ "lhlo without a name", BYTES("LHLO"), SMTP_COMMAND_SYNTAX, "" },
	{ "data", BYTES("DATA"), SMTP_COMMAND_OK, "DATA" },
	{ "data with blanks behind it", BYTES("DATA  "), SMTP_COMMAND_OK, "DATA" },
	{ "data with an argument", BYTES("DATA now"), SMTP_COMMAND_SYNTAX, "" },
	{ "rset", BYTES("RSET"), SMTP_COMMAND_OK, "RSET" },
	{ "rset with an argument", BYTES("RSET x"), SMTP_COMMAND_SYNTAX, "" },
	{ "quit", BYTES("QUIT"), SMTP_COMMAND_OK, "QUIT" },
	{ "quit with an argument", BYTES("QUIT x"), SMTP_COMMAND_SYNTAX, "" },
	{ "starttls", BYTES("STARTTLS"), SMTP_COMMAND_OK, "STARTTLS" },
	{ "starttls with an argument", BYTES("STARTTLS x"), SMTP_COMMAND_SYNTAX, "" },
	{ "noop", BYTES("NOOP"), SMTP_COMMAND_OK, "NOOP" },
	{ "noop with an argument", BYTES("NOOP x y"), SMTP_COMMAND_OK, "NOOP x y" },
	{ "help", BYTES("HELP"), SMTP_COMMAND_OK, "HELP" },
	{ "help with an argument", BYTES("HELP MAIL"), SMTP_COMMAND_OK, "HELP MAIL" },
	{ "vrfy", BYTES("VRFY a@b"), SMTP_COMMAND_OK, "VRFY a@b" },
	{ "vrfy without an argument", BYTES("VRFY"), SMTP_COMMAND_SYNTAX, "" },
	{ "expn without an argument", BYTES("EXPN"), SMTP_COMMAND_SYNTAX, "" },
	{ "etrn without an argument", BYTES("ETRN"), SMTP_COMMAND_SYNTAX, "" },
	{ "auth without a mechanism", BYTES("AUTH"), SMTP_COMMAND_SYNTAX, "" },
	{ "auth", BYTES("AUTH PLAIN ="), SMTP_COMMAND_OK, "AUTH PLAIN =" },
	{ "turn", BYTES("TURN"), SMTP_COMMAND_OK, "TURN" },
	{ "xforward", BYTES("XFORWARD NAME=a"), SMTP_COMMAND_OK, "XFORWARD NAME=a" },
	{ "xforward without attributes", BYTES("XFORWARD"), SMTP_COMMAND_SYNTAX, "" },
	{ "xclient without attributes", BYTES("XCLIENT"), SMTP_COMMAND_SYNTAX, "" },
	{ "an unknown verb", BYTES("FOO bar"), SMTP_COMMAND_UNKNOWN, "" },
	{ "a verb's beginning is no verb", BYTES("MAI FROM:<a@b>"), SMTP_COMMAND_UNKNOWN,
	  "" },
	{ "a verb with more letters is no verb", BYTES("DATAX"), SMTP_COMMAND_UNKNOWN,
	  "" },
	{ "a question mark is no verb", BYTES("?"), SMTP_COMMAND_UNKNOWN, "" },
	{ "an empty line is no verb", BYTES(""), SMTP_COMMAND_UNKNOWN, "" },
	{ "a blank in front is no verb", BYTES(" NOOP"), SMTP_COMMAND_UNKNOWN, "" },
	{ "http is no verb", BYTES("GET / HTTP/1.1"), SMTP_COMMAND_UNKNOWN, "" },
	/* control bytes */
	{ "nul is refused", BYTES("NOOP\0"), SMTP_COMMAND_CONTROL, "" },
	{ "bare lf is refused", BYTES("NOOP\nMAIL FROM:<a@b>"), SMTP_COMMAND_CONTROL,
	  "" },
	{ "bare cr is refused", BYTES("NOOP\r"), SMTP_COMMAND_CONTROL, "" },
	{ "del is refused", BYTES("NOOP \x7f"), SMTP_COMMAND_CONTROL, "" },
	{ "a tls hello is refused", BYTES("\x16\x03\x01"), SMTP_COMMAND_CONTROL, "" },
	/* MAIL */
	{ "mail", BYTES("MAIL FROM:<a@b>"), SMTP_COMMAND_OK, "MAIL <a@b>" },
	{ "mail with blanks everywhere", BYTES("mail  from : <a@b> "), SMTP_COMMAND_OK,
	  "MAIL <a@b>" },
	{ "mail with the null sender", BYTES("MAIL FROM:<>"), SMTP_COMMAND_OK,
	  "MAIL <>" },
	{ "mail from somebody without a domain", BYTES("MAIL FROM:<root>"),
	  SMTP_COMMAND_OK, "MAIL <root>" },
	{ "mail from an empty domain", BYTES("MAIL FROM:<\"a@b\"@> SIZE=1"),
	  SMTP_COMMAND_OK, "MAIL <\"a@b\"@> size=1" },
	{ "mail from a domain that is none", BYTES("MAIL FROM:<a@*..b,c;[d>"),
	  SMTP_COMMAND_OK, "MAIL <a@*..b,c;[d>" },
	{ "mail from a domain with a blank", BYTES("MAIL FROM:<a@b c>"),
	  SMTP_COMMAND_BAD_ADDRESS, "<a@b c>" },
	{ "mail from a domain that does not end", BYTES("MAIL FROM:<a@b"),
	  SMTP_COMMAND_BAD_ADDRESS, "<a@b" },
	{ "mail without from", BYTES("MAIL"), SMTP_COMMAND_SYNTAX, "" },
	{ "mail to", BYTES("MAIL TO:<a@b>"), SMTP_COMMAND_SYNTAX, "" },
	{ "mail without a colon", BYTES("MAIL FROM <a@b>"), SMTP_COMMAND_SYNTAX, "" },
	{ "mail without an address", BYTES("MAIL FROM:"), SMTP_COMMAND_BAD_ADDRESS, "" },
	{ "mail without brackets", BYTES("MAIL FROM:a@b"), SMTP_COMMAND_BAD_ADDRESS,
	  "a@b" },
	{ "mail with a bad address", BYTES("MAIL FROM:<a@@b>"), SMTP_COMMAND_BAD_ADDRESS,
	  "<a@@b>" },
	{ "mail with text behind the path", BYTES("MAIL FROM:<a@b>SIZE=1"),
	  SMTP_COMMAND_BAD_ADDRESS, "<a@b>SIZE=1" },
	{ "mail from an address that is not utf-8", BYTES("MAIL FROM:<\xe4@b>"),
	  SMTP_COMMAND_BAD_ADDRESS, "<\xe4@b>" },
	{ "mail from an address in utf-8", BYTES("MAIL FROM:<\xc3\xa4@b> SMTPUTF8"),
	  SMTP_COMMAND_OK, "MAIL <\xc3\xa4@b> smtputf8" },
	{ "every parameter of mail",
	  BYTES("MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x+2By "
		"REQUIRETLS AUTH=<>"),
	  SMTP_COMMAND_OK,
	  "MAIL <a@b> size=10 body=8BITMIME smtputf8 ret=full envid=x+2By requiretls "
	  "auth" },
	{ "size of zero", BYTES("MAIL FROM:<a@b> SIZE=0"), SMTP_COMMAND_OK,
	  "MAIL <a@b> size=0" },
	{ "size of 20 digits that fits",
	  BYTES("MAIL FROM:<a@b> SIZE=18446744073709551615"), SMTP_COMMAND_OK,
	  "MAIL <a@b> size=18446744073709551615" },
	{ "size of 20 digits that does not fit",
	  BYTES("MAIL FROM:<a@b> SIZE=99999999999999999999"), SMTP_COMMAND_OK,
	  "MAIL <a@b> size=18446744073709551615" },
	{ "size of 21 digits", BYTES("MAIL FROM:<a@b> SIZE=000000000000000000001"),
	  SMTP_COMMAND_BAD_PARAMETER, "SIZE=000000000000000000001" },
	{ "size without a number", BYTES("MAIL FROM:<a@b> SIZE="),
	  SMTP_COMMAND_BAD_PARAMETER, "SIZE=" },
	{ "size without a value", BYTES("MAIL FROM:<a@b> SIZE"),
	  SMTP_COMMAND_BAD_PARAMETER, "SIZE" },
	{ "size with a sign", BYTES("MAIL FROM:<a@b> SIZE=-1"),
	  SMTP_COMMAND_BAD_PARAMETER, "SIZE=-1" },
	{ "body in small letters", BYTES("MAIL FROM:<a@b> body=binarymime"),
	  SMTP_COMMAND_OK, "MAIL <a@b> body=BINARYMIME" },
	{ "body 7bit", BYTES("MAIL FROM:<a@b> BODY=7BIT"), SMTP_COMMAND_OK,
	  "MAIL <a@b> body=7BIT" },
	{ "body of another kind", BYTES("MAIL FROM:<a@b> BODY=9BIT"),
	  SMTP_COMMAND_BAD_PARAMETER, "BODY=9BIT" },
	{ "smtputf8 with a value", BYTES("MAIL FROM:<a@b> SMTPUTF8=1"),
	  SMTP_COMMAND_BAD_PARAMETER, "SMTPUTF8=1" },
	{ "smtputf8 with an empty value", BYTES("MAIL FROM:<a@b> SMTPUTF8="),
	  SMTP_COMMAND_BAD_PARAMETER, "SMTPUTF8=" },
	{ "requiretls with a value", BYTES("MAIL FROM:<a@b> REQUIRETLS=1"),
	  SMTP_COMMAND_BAD_PARAMETER, "REQUIRETLS=1" },
	{ "ret hdrs", BYTES("MAIL FROM:<a@b> RET=HDRS"), SMTP_COMMAND_OK,
	  "MAIL <a@b> ret=hdrs" },
	{ "ret of another kind", BYTES("MAIL FROM:<a@b> RET=ALL"),
	  SMTP_COMMAND_BAD_PARAMETER, "RET=ALL" },
	{ "envid of 100", BYTES("MAIL FROM:<a@b> ENVID=" X50 X50), SMTP_COMMAND_OK,
	  "MAIL <a@b> envid=" X50 X50 },
	{ "an envid over the 100 of the standard",
	  BYTES("MAIL FROM:<a@b> ENVID=" X50 X50 "x"), SMTP_COMMAND_OK,
	  "MAIL <a@b> envid=" X50 X50 "x" },
	{ "envid of nothing", BYTES("MAIL FROM:<a@b> ENVID="), SMTP_COMMAND_BAD_PARAMETER,
	  "ENVID=" },
	{ "envid that is not xtext", BYTES("MAIL FROM:<a@b> ENVID=a+0Ab"),
	  SMTP_COMMAND_BAD_PARAMETER, "ENVID=a+0Ab" },
	{ "auth with a mailbox", BYTES("MAIL FROM:<a@b> AUTH=a@b"), SMTP_COMMAND_OK,
	  "MAIL <a@b> auth" },
	{ "auth without a value", BYTES("MAIL FROM:<a@b> AUTH"),
	  SMTP_COMMAND_BAD_PARAMETER, "AUTH" },
	{ "auth that is not xtext", BYTES("MAIL FROM:<a@b> AUTH=+zz"),
	  SMTP_COMMAND_BAD_PARAMETER, "AUTH=+zz" },
	{ "a parameter given twice", BYTES("MAIL FROM:<a@b> SIZE=1 SIZE=1"),
	  SMTP_COMMAND_BAD_PARAMETER, "SIZE=1" },
	{ "a parameter of rcpt on mail", BYTES("MAIL FROM:<a@b> NOTIFY=NEVER"),
	  SMTP_COMMAND_UNKNOWN_PARAMETER, "NOTIFY=NEVER" },
	{ "an unknown parameter", BYTES("MAIL FROM:<a@b> FOO=bar"),
	  SMTP_COMMAND_UNKNOWN_PARAMETER, "FOO=bar" },
	{ "an unknown parameter without a value", BYTES("MAIL FROM:<a@b> X-FOO"),
	  SMTP_COMMAND_UNKNOWN_PARAMETER, "X-FOO" },
	{ "a parameter without a name", BYTES("MAIL FROM:<a@b> =1"), SMTP_COMMAND_SYNTAX,
	  "=1" },
	{ "a second address", BYTES("MAIL FROM:<a@b> <c@d>"), SMTP_COMMAND_SYNTAX,
	  "<c@d>" },
	{ "a parameter that starts with a hyphen", BYTES("MAIL FROM:<a@b> -X=1"),
	  SMTP_COMMAND_SYNTAX, "-X=1" },
	/* RCPT */
	{ "rcpt", BYTES("RCPT TO:<a@b>"), SMTP_COMMAND_OK, "RCPT <a@b>" },
	{ "rcpt with a blank behind the colon", BYTES("RCPT TO: <a@b>"), SMTP_COMMAND_OK,
	  "RCPT <a@b>" },
	{ "rcpt to postmaster", BYTES("RCPT TO:<postmaster>"), SMTP_COMMAND_OK,
	  "RCPT <postmaster>" },
	{ "rcpt to nobody", BYTES("RCPT TO:<>"), SMTP_COMMAND_BAD_ADDRESS, "" },
	{ "rcpt from", BYTES("RCPT FROM:<a@b>"), SMTP_COMMAND_SYNTAX, "" },
	{ "rcpt without an argument", BYTES("RCPT"), SMTP_COMMAND_SYNTAX, "" },
	{ "notify never", BYTES("RCPT TO:<a@b> NOTIFY=NEVER"), SMTP_COMMAND_OK,
	  "RCPT <a@b> notify=1" },
	{ "notify of all others", BYTES("RCPT TO:<a@b> NOTIFY=success,FAILURE,Delay"),
	  SMTP_COMMAND_OK, "RCPT <a@b> notify=14" },
	{ "notify never with another", BYTES("RCPT TO:<a@b> NOTIFY=NEVER,DELAY"),
	  SMTP_COMMAND_BAD_PARAMETER, "NOTIFY=NEVER,DELAY" },
	{ "notify another with never", BYTES("RCPT TO:<a@b> NOTIFY=DELAY,NEVER"),
	  SMTP_COMMAND_BAD_PARAMETER, "NOTIFY=DELAY,NEVER" },
	{ "notify of nothing", BYTES("RCPT TO:<a@b> NOTIFY="), SMTP_COMMAND_BAD_PARAMETER,
	  "NOTIFY=" },
	{ "notify with a comma too many", BYTES("RCPT TO:<a@b> NOTIFY=DELAY,"),
	  SMTP_COMMAND_BAD_PARAMETER, "NOTIFY=DELAY," },
	{ "notify of another kind", BYTES("RCPT TO:<a@b> NOTIFY=NONE"),
	  SMTP_COMMAND_BAD_PARAMETER, "NOTIFY=NONE" },
	{ "orcpt", BYTES("RCPT TO:<a@b> ORCPT=rfc822;c+2Bd@e"), SMTP_COMMAND_OK,
	  "RCPT <a@b> orcpt=rfc822;c+2Bd@e" },
	{ "orcpt with a plain =", BYTES("RCPT TO:<a@b> ORCPT=rfc822;c=d@e"),
	  SMTP_COMMAND_OK, "RCPT <a@b> orcpt=rfc822;c=d@e" },
	{ "orcpt in utf-8", BYTES("RCPT TO:<a@b> ORCPT=utf-8;\xc3\xa4+@e"),
	  SMTP_COMMAND_OK, "RCPT <a@b> orcpt=utf-8;\xc3\xa4+@e" },
	{ "orcpt in something that is not utf-8",
	  BYTES("RCPT TO:<a@b> ORCPT=utf-8;\xe4@e"), SMTP_COMMAND_BAD_PARAMETER,
	  "ORCPT=utf-8;\xe4@e" },
	{ "orcpt without a type", BYTES("RCPT TO:<a@b> ORCPT=;c@d"),
	  SMTP_COMMAND_BAD_PARAMETER, "ORCPT=;c@d" },
	{ "orcpt without an address", BYTES("RCPT TO:<a@b> ORCPT=rfc822;"),
	  SMTP_COMMAND_BAD_PARAMETER, "ORCPT=rfc822;" },
	{ "orcpt without a semicolon", BYTES("RCPT TO:<a@b> ORCPT=c@d"),
	  SMTP_COMMAND_BAD_PARAMETER, "ORCPT=c@d" },
	{ "orcpt that is not xtext", BYTES("RCPT TO:<a@b> ORCPT=rfc822;c+d@e"),
	  SMTP_COMMAND_BAD_PARAMETER, "ORCPT=rfc822;c+d@e" },
	{ "a parameter of mail on rcpt", BYTES("RCPT TO:<a@b> SIZE=1"),
	  SMTP_COMMAND_UNKNOWN_PARAMETER, "SIZE=1" },
	/* BDAT */
	{ "bdat", BYTES("BDAT 100"), SMTP_COMMAND_OK, "BDAT 100" },
	{ "bdat of the last chunk", BYTES("BDAT 0 last"), SMTP_COMMAND_OK,
	  "BDAT 0 last" },
	{ "bdat of more than fits", BYTES("BDAT 99999999999999999999"), SMTP_COMMAND_OK,
	  "BDAT 18446744073709551615" },
	{ "bdat without a size", BYTES("BDAT"), SMTP_COMMAND_SYNTAX, "" },
	{ "bdat with a word for a size", BYTES("BDAT LAST"), SMTP_COMMAND_SYNTAX, "" },
	{ "bdat with a sign", BYTES("BDAT -1"), SMTP_COMMAND_SYNTAX, "" },
	{ "bdat with another word", BYTES("BDAT 1 FIRST"), SMTP_COMMAND_SYNTAX, "" },
	{ "bdat with a word too many", BYTES("BDAT 1 LAST LAST"), SMTP_COMMAND_SYNTAX,
	  "" },
};

static void
test_rows(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct smtp_command c;
		struct smtp_command_error e;
		struct buf got;
		buf_init(&got, 4096);
		enum smtp_command_result r = smtp_command_parse(rows[i].line, &c, &e);
		failures += differ_number(rows[i].name, "result", r, rows[i].result);
		if (r == SMTP_COMMAND_OK)
			render(&c, &got);
		else
			buf_append_span(&got, e.detail_span);
		failures += differ_bytes(rows[i].name, "text", buf_span(&got),
					 span_of(rows[i].want));
		bool wants_detail = r != SMTP_COMMAND_OK && r != SMTP_COMMAND_UNKNOWN &&
				    r != SMTP_COMMAND_CONTROL;
		failures += differ_number(rows[i].name, "has a detail", e.detail != NULL,
					  wants_detail);
		buf_done(&got);
	}
	assert_int_equal(failures, 0);
}

static void
test_lines_are_mended(void **state)
{
	static const struct {
		const char *name;
		struct span line, want; /* of NULL: it is left alone */
	} lines[] = {
		{ "a control byte", BYTES("MAIL FROM:<a\x01@b>"),
		  BYTES("MAIL FROM:<a?@b>") },
		{ "del, and a small verb", BYTES("rcpt to:<\x7f@b>"),
		  BYTES("rcpt to:<?@b>") },
		{ "latin 1", BYTES("MAIL FROM:<\xe4@b>"), BYTES("MAIL FROM:<?@b>") },
		{ "half a character at the end", BYTES("MAIL \xc3\xa4\xe2\x82"),
		  BYTES("MAIL \xc3\xa4??") },
		{ "surrogates", BYTES("MAIL \xed\xa0\x80"), BYTES("MAIL ???") },
		{ "four bytes are a character", BYTES("MAIL \x01\xf0\x9f\x98\x80"),
		  BYTES("MAIL ?\xf0\x9f\x98\x80") },
		{ "a line that is well", BYTES("MAIL FROM:<a@b>"), { 0 } },
		{ "a tab", BYTES("MAIL\tFROM:<a@b>"), { 0 } },
		{ "another verb", BYTES("NOOP \x01"), { 0 } },
		{ "a longer word", BYTES("MAILER \x01"), { 0 } },
		{ "a verb alone", BYTES("MAIL"), { 0 } },
		{ "with a line feed", BYTES("MAIL \x01\n"), { 0 } },
		{ "with a carriage return", BYTES("MAIL \x01\r"), { 0 } },
		{ "with a nul", BYTES("MAIL \x01\0"), { 0 } },
		{ "nothing", BYTES(""), { 0 } },
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct buf got;
		buf_init(&got, lines[i].line.n);
		bool is_mended = smtp_command_mend(lines[i].line, &got);
		failures += differ_number(lines[i].name, "mended", is_mended,
					  lines[i].want.p != NULL);
		if (is_mended)
			failures += differ_bytes(lines[i].name, "line", buf_span(&got),
						 lines[i].want);
		buf_done(&got);
	}
	assert_int_equal(failures, 0);
}

static void
test_every_verb_has_its_name(void **state)
{
	(void)state;
	for (int v = SMTP_UNKNOWN + 1; v < SMTP_VERB_COUNT; v++) {
		struct smtp_command c;
		struct smtp_command_error e;
		const char *name = smtp_verb_name((enum smtp_verb)v);
		smtp_command_parse(span_of(name), &c, &e);
		assert_int_equal(c.verb, v);
	}
	assert_string_equal(smtp_verb_name(SMTP_UNKNOWN), "?");
	assert_string_equal(smtp_verb_name(SMTP_VERB_COUNT), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_lines_are_mended),
		cmocka_unit_test(test_every_verb_has_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

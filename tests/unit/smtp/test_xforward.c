/*
 * test_xforward.c - attributes one by one, until the end or a mistake.
 */
#include "show.h"

#include "tdc/smtp/command.h"

#define X51  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X49  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X51 X51 X51 X51 X51

static const struct {
	const char *name;
	struct span text;
	const char *want; /* "NAME=value;" of each, then "end" or "error" */
} rows[] = {
	{ "nothing", BYTES(""), "end" },
	{ "blanks", BYTES("  "), "end" },
	{ "what postfix sends first",
	  BYTES("NAME=c.example ADDR=192.0.2.1 PORT=25 PROTO=ESMTP"),
	  "NAME=c.example;ADDR=192.0.2.1;PORT=25;PROTO=ESMTP;end" },
	{ "and then", BYTES("HELO=c.example IDENT=4XYZ SOURCE=REMOTE"),
	  "HELO=c.example;IDENT=4XYZ;SOURCE=REMOTE;end" },
	{ "case does not matter", BYTES("name=a Source=local"),
	  "NAME=a;SOURCE=local;end" },
	{ "unavailable is empty", BYTES("NAME=[UNAVAILABLE] ADDR=[unavailable]"),
	  "NAME=;ADDR=;end" },
	{ "temporarily unavailable is empty", BYTES("NAME=[TEMPUNAVAIL]"), "NAME=;end" },
	{ "an empty value is empty", BYTES("HELO="), "HELO=;end" },
	{ "xtext is decoded", BYTES("HELO=a+20b+2B+3D"), "HELO=a b+=;end" },
	{ "bad xtext", BYTES("HELO=a+2"), "error" },
	{ "a control byte in xtext", BYTES("NAME=ok HELO=a+0Ab"), "NAME=ok;error" },
	{ "an ipv6 address loses its prefix", BYTES("ADDR=IPV6:2001:db8::1"),
	  "ADDR=2001:db8::1;end" },
	{ "the prefix in small letters", BYTES("ADDR=ipv6:::1"), "ADDR=::1;end" },
	{ "an ipv6 address without its prefix", BYTES("ADDR=2001:db8::1"),
	  "ADDR=2001:db8::1;end" },
	{ "the prefix before an ipv4 address", BYTES("ADDR=IPV6:192.0.2.1"), "error" },
	{ "an address that is none", BYTES("ADDR=c.example"), "error" },
	{ "a port that is none", BYTES("PORT=smtp"), "error" },
	{ "a port that is too high", BYTES("PORT=65536"), "error" },
	{ "a source of another kind", BYTES("SOURCE=ELSEWHERE"), "error" },
	{ "an unknown attribute", BYTES("NAME=a LOGIN=b"), "NAME=a;error" },
	{ "a name's beginning is no name", BYTES("NAM=a"), "error" },
	{ "an attribute without a value", BYTES("NAME"), "error" },
	{ "a value without an attribute", BYTES("=a"), "error" },
	{ "a value of 255 bytes", BYTES("HELO=" X255), "HELO=" X255 ";end" },
	{ "a value of 256 bytes is cut", BYTES("HELO=" X255 "y"), "HELO=" X255 ";end" },
	{ "a value of much more is cut", BYTES("HELO=" X255 X255 X255 X255 " IDENT=1"),
	  "HELO=" X255 ";IDENT=1;end" },
	{ "none is cut within a character",
	  BYTES("HELO=x" X51 X51 X51 X51 X49 "+C3+A4+C3+A4+C3+A4"),
	  "HELO=x" X51 X51 X51 X51 X49 ";end" },
	{ "what is cut off must be xtext, too", BYTES("HELO=" X255 "+2"), "error" },
	{ "an address is never cut", BYTES("ADDR=" X255 "y"), "error" },
	{ "a value of 255 bytes, one of them encoded", BYTES("IDENT=+41" X51 X51 X51 X51),
	  "IDENT=A" X51 X51 X51 X51 ";end" },
};

static void
test_rows(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span text = rows[i].text;
		enum smtp_xforward a = SMTP_XFORWARD_COUNT;
		char value[SMTP_XFORWARD_VALUE_MAX + 1] = "untouched";
		struct buf got;
		int r;
		buf_init(&got, 2048);
		while ((r = smtp_xforward_take(&text, &a, value)) == 1)
			buf_printf(&got, "%s=%s;", smtp_xforward_name(a), value);
		buf_append_text(&got, r == 0 ? "end" : "error");
		failures += differ_bytes(rows[i].name, "attributes", buf_span(&got),
					 span_of(rows[i].want));
		buf_done(&got);
	}
	assert_int_equal(failures, 0);
}

static void
test_a_mistake_leaves_everything_as_it_was(void **state)
{
	struct span text = BYTES("  LOGIN=x");
	enum smtp_xforward a = SMTP_XFORWARD_PORT;
	char value[SMTP_XFORWARD_VALUE_MAX + 1] = "untouched";

	(void)state;
	assert_int_equal(smtp_xforward_take(&text, &a, value), -1);
	assert_int_equal(text.n, 9);
	assert_int_equal(a, SMTP_XFORWARD_PORT);
	assert_string_equal(value, "untouched");
}

static void
test_every_attribute_has_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < SMTP_XFORWARD_COUNT; i++)
		assert_string_not_equal(smtp_xforward_name((enum smtp_xforward)i), "?");
	assert_string_equal(smtp_xforward_name(SMTP_XFORWARD_COUNT), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_mistake_leaves_everything_as_it_was),
		cmocka_unit_test(test_every_attribute_has_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

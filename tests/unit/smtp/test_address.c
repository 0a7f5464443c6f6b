/*
 * test_address.c - paths, mailboxes, copy addresses, xtext, UTF-8.
 */
#include "show.h"

#include "tdc/smtp/address.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A1K A64 A64 A64 A64 A64 A64 A64 A64 A64 A64 A64 A64 A64 A64 A64 A64
#define D63 "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define D64 D63 "."

static const struct {
	const char *name;
	const char *text;
	enum smtp_address_result result;
	const char *whole, *local, *domain, *rest;
} paths[] = {
	{ "a plain path", "<a@b.example>", SMTP_ADDRESS_OK, "a@b.example", "a",
	  "b.example", "" },
	{ "text may follow", "<a@b> SIZE=1", SMTP_ADDRESS_OK, "a@b", "a", "b",
	  " SIZE=1" },
	{ "the null path", "<>", SMTP_ADDRESS_OK, "", "", "", "" },
	{ "postmaster needs no domain", "<Postmaster>", SMTP_ADDRESS_OK, "Postmaster",
	  "Postmaster", "", "" },
	{ "others need a domain", "<root>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a source route is skipped", "<@one,@two:a@b>", SMTP_ADDRESS_OK, "a@b", "a",
	  "b", "" },
	{ "a source route through a literal", "<@[IPv6:::1]:a@b>", SMTP_ADDRESS_OK, "a@b",
	  "a", "b", "" },
	{ "a source route alone is nothing", "<@one:>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a source route without a colon", "<@one>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a source route without a domain", "<@:a@b>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a source route with a blank", "<@one @two:a@b>", SMTP_ADDRESS_SYNTAX, 0, 0, 0,
	  0 },
	{ "a quoted local part", "<\"a b\"@c>", SMTP_ADDRESS_OK, "\"a b\"@c", "\"a b\"",
	  "c", "" },
	{ "a quoted bracket is not the end", "<\"a>b\"@c>", SMTP_ADDRESS_OK, "\"a>b\"@c",
	  "\"a>b\"", "c", "" },
	{ "a quoted quote is not the end", "<\"a\\\"b\"@c>", SMTP_ADDRESS_OK,
	  "\"a\\\"b\"@c", "\"a\\\"b\"", "c", "" },
	{ "a quoted string that does not end", "<\"a@c>", SMTP_ADDRESS_SYNTAX, 0, 0, 0,
	  0 },
	{ "an empty quoted local part", "<\"\"@c>", SMTP_ADDRESS_OK, "\"\"@c", "\"\"",
	  "c", "" },
	{ "no local part", "<@b>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "no domain behind the @", "<a@>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "two @", "<a@b@c>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "no brackets", "a@b", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "no closing bracket", "<a@b", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "nothing", "", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "an opening bracket alone", "<", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a bracket within", "<a<b@c>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a blank within", "<a b@c>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a blank in front", "< a@b>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a control byte", "<a\x01@b>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a control byte within quotes", "<\"a\tb\"@c>", SMTP_ADDRESS_SYNTAX, 0, 0, 0,
	  0 },
	{ "a quoted control byte within quotes", "<\"a\\\nb\"@c>", SMTP_ADDRESS_SYNTAX, 0,
	  0, 0, 0 },
	{ "del within quotes", "<\"a\x7f\"@c>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "dots anywhere in a local part", "<.a..b.@c>", SMTP_ADDRESS_OK, ".a..b.@c",
	  ".a..b.", "c", "" },
	{ "every special that atext has", "<!#$%&'*+-/=?^_`{|}~@c>", SMTP_ADDRESS_OK,
	  "!#$%&'*+-/=?^_`{|}~@c", "!#$%&'*+-/=?^_`{|}~", "c", "" },
	{ "a dot behind the domain", "<a@b.>", SMTP_ADDRESS_OK, "a@b.", "a", "b.", "" },
	{ "an underscore in the domain", "<a@b_c>", SMTP_ADDRESS_OK, "a@b_c", "a", "b_c",
	  "" },
	{ "a dot in front of the domain", "<a@.b>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "two dots in the domain", "<a@b..c>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "an ipv4 literal", "<a@[192.0.2.1]>", SMTP_ADDRESS_OK, "a@[192.0.2.1]", "a",
	  "[192.0.2.1]", "" },
	{ "an ipv6 literal", "<a@[IPv6:2001:db8::1]>", SMTP_ADDRESS_OK,
	  "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]", "" },
	{ "a literal of another kind", "<a@[x400:foo]>", SMTP_ADDRESS_OK, "a@[x400:foo]",
	  "a", "[x400:foo]", "" },
	{ "a literal that is no address", "<a@[192.0.2]>", SMTP_ADDRESS_SYNTAX, 0, 0, 0,
	  0 },
	{ "an ipv6 literal that is none", "<a@[IPv6:1.2.3.4]>", SMTP_ADDRESS_SYNTAX, 0, 0,
	  0, 0 },
	{ "an empty literal", "<a@[]>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "a literal that does not end", "<a@[192.0.2.1>", SMTP_ADDRESS_SYNTAX, 0, 0, 0,
	  0 },
	{ "a literal without a tag", "<a@[:x]>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "text behind a literal", "<a@[192.0.2.1]b>", SMTP_ADDRESS_SYNTAX, 0, 0, 0, 0 },
	{ "utf-8 on both sides", "<\xc3\xa4@\xc3\xb6.example>", SMTP_ADDRESS_OK,
	  "\xc3\xa4@\xc3\xb6.example", "\xc3\xa4", "\xc3\xb6.example", "" },
	{ "utf-8 within quotes", "<\"\xc3\xa4 b\"@c>", SMTP_ADDRESS_OK,
	  "\"\xc3\xa4 b\"@c", "\"\xc3\xa4 b\"", "c", "" },
	{ "8-bit bytes that are not utf-8", "<\xe4@b>", SMTP_ADDRESS_NOT_UTF8, 0, 0, 0,
	  0 },
	{ "half a character", "<a@b\xc3>", SMTP_ADDRESS_NOT_UTF8, 0, 0, 0, 0 },
	{ "a local part over 64 is taken", "<" A64 "a@b>", SMTP_ADDRESS_OK, A64 "a@b",
	  A64 "a", "b", "" },
	{ "a local part of 2 KiB is taken", "<" A1K A1K "@b>", SMTP_ADDRESS_OK,
	  A1K A1K "@b", A1K A1K, "b", "" },
	{ "an address over the maximum", "<" A1K A1K A1K "@b>", SMTP_ADDRESS_TOO_LONG, 0,
	  0, 0, 0 },
	{ "a domain over the maximum", "<a@" D64 D64 D64 D64 "d>", SMTP_ADDRESS_TOO_LONG,
	  0, 0, 0, 0 },
	{ "a domain of 255", "<a@" D64 D64 D64 D63 ">", SMTP_ADDRESS_OK,
	  "a@" D64 D64 D64 D63, "a", D64 D64 D64 D63, "" },
	{ "a domain of 256", "<a@" D64 D64 D64 D64 ">", SMTP_ADDRESS_TOO_LONG, 0, 0, 0,
	  0 },
};

static int
check_address(const char *name, const struct smtp_address *a, const char *whole,
	      const char *local, const char *domain)
{
	int failures = 0;
	bool is_utf8 = false;

	for (const char *p = whole; *p != '\0'; p++)
		is_utf8 = is_utf8 || (unsigned char)*p >= 0x80;
	failures += differ_bytes(name, "whole", a->whole, span_of(whole));
	failures += differ_bytes(name, "local", a->local, span_of(local));
	failures += differ_bytes(name, "domain", a->domain, span_of(domain));
	failures += differ_number(name, "is_utf8", a->is_utf8, is_utf8);
	return failures;
}

static void
test_paths(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		struct span text = span_of(paths[i].text);
		struct smtp_address a = { .whole = BYTES("untouched") };
		enum smtp_address_result r = smtp_path_parse(&text, &a);
		failures += differ_number(paths[i].name, "result", r, paths[i].result);
		if (r != SMTP_ADDRESS_OK) {
			failures += differ_bytes(paths[i].name, "address", a.whole,
						 LITERAL("untouched"));
			failures += differ_bytes(paths[i].name, "text", text,
						 span_of(paths[i].text));
			continue;
		}
		if (paths[i].result != SMTP_ADDRESS_OK)
			continue;
		failures += check_address(paths[i].name, &a, paths[i].whole,
					  paths[i].local, paths[i].domain);
		failures +=
			differ_bytes(paths[i].name, "rest", text, span_of(paths[i].rest));
	}
	assert_int_equal(failures, 0);
}

static void
test_addresses_without_brackets(void **state)
{
	static const struct {
		const char *name, *text;
		enum smtp_address_result result;
	} rows[] = {
		{ "an address", "a@b.example", SMTP_ADDRESS_OK },
		{ "postmaster", "postmaster", SMTP_ADDRESS_OK },
		{ "nothing", "", SMTP_ADDRESS_SYNTAX },
		{ "brackets", "<a@b>", SMTP_ADDRESS_SYNTAX },
		{ "text behind it", "a@b c", SMTP_ADDRESS_SYNTAX },
		{ "a source route", "@c:a@b", SMTP_ADDRESS_SYNTAX },
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct smtp_address a;
		failures += differ_number(rows[i].name, "result",
					  smtp_address_parse(span_of(rows[i].text), &a),
					  rows[i].result);
	}
	assert_int_equal(failures, 0);
}

typedef int convert_fn(struct span text, struct buf *ret);

struct conversion {
	const char *name;
	struct span text;
	const char *want; /* NULL: refused */
};

static int
check_conversions(convert_fn *convert, const struct conversion *rows, size_t n)
{
	int failures = 0;

	for (size_t i = 0; i < n; i++) {
		struct buf b;
		buf_init(&b, 2048);
		int r = convert(rows[i].text, &b);
		failures += differ_number(rows[i].name, "result", r,
					  rows[i].want == NULL ? -1 : 0);
		failures += differ_bytes(rows[i].name, "text", buf_span(&b),
					 span_of(rows[i].want));
		buf_done(&b);
	}
	return failures;
}

static void
test_local_parts_lose_their_quotes(void **state)
{
	static const struct conversion rows[] = {
		{ "without quotes nothing changes", BYTES("a.b"), "a.b" },
		{ "quotes go", BYTES("\"a b\""), "a b" },
		{ "backslashes go", BYTES("\"a\\\"\\\\b\""), "a\"\\b" },
		{ "quotes around nothing", BYTES("\"\""), "" },
	};

	(void)state;
	assert_int_equal(check_conversions(smtp_local_part_unquote, rows, COUNT_OF(rows)),
			 0);
}

static void
test_domains_are_normalized(void **state)
{
	static const struct conversion rows[] = {
		{ "upper case becomes lower", BYTES("Example.COM"), "example.com" },
		{ "the last dot goes", BYTES("b."), "b" },
		{ "utf-8 stays", BYTES("\xc3\x84.De"), "\xc3\x84.de" },
		{ "nothing stays nothing", BYTES(""), "" },
	};

	(void)state;
	assert_int_equal(check_conversions(smtp_domain_normalize, rows, COUNT_OF(rows)),
			 0);
}

static int
decode_copy(struct span text, struct buf *ret)
{
	struct smtp_address a;

	assert_int_equal(smtp_address_parse(text, &a), SMTP_ADDRESS_OK);
	return smtp_address_decode_copy(&a, ret);
}

static void
test_copy_addresses(void **state)
{
	static const struct conversion rows[] = {
		{ "the plain form", BYTES("u=d.example@q"), "u@d.example" },
		{ "the last = divides", BYTES("u=x=d@q"), "u=x@d" },
		{ "within quotes", BYTES("\"u=d\"@q"), "u@d" },
		{ "a user that needs quotes gets them", BYTES("\"a b=d\"@q"),
		  "\"a b\"@d" },
		{ "a quote in the user is escaped", BYTES("\"a\\\"b=d\"@q"),
		  "\"a\\\"b\"@d" },
		{ "a literal for a domain", BYTES("\"u=[192.0.2.1]\"@q"),
		  "u@[192.0.2.1]" },
		{ "no = is not of the form", BYTES("u@q"), NULL },
		{ "no user is not of the form", BYTES("=d@q"), NULL },
		{ "no domain is not of the form", BYTES("u=@q"), NULL },
		{ "a domain that is none", BYTES("u=a..b@q"), NULL },
		{ "a domain with a blank", BYTES("\"u=a b\"@q"), NULL },
		{ "postmaster is not of the form", BYTES("postmaster"), NULL },
	};

	(void)state;
	assert_int_equal(check_conversions(decode_copy, rows, COUNT_OF(rows)), 0);
}

static void
test_xtext_decodes(void **state)
{
	static const struct conversion rows[] = {
		{ "plain text", BYTES("a@b"), "a@b" },
		{ "hexadecimal", BYTES("a+2Bb+3Dc"), "a+b=c" },
		{ "lower case digits", BYTES("+2b"), "+" },
		{ "a blank as hexadecimal", BYTES("a+20b"), "a b" },
		{ "utf-8 as hexadecimal", BYTES("+C3+A4"), "\xc3\xa4" },
		{ "a plain = is taken", BYTES("a=b"), "a=b" },
		{ "nothing", BYTES(""), "" },
		{ "a blank is refused", BYTES("a b"), NULL },
		{ "an 8-bit byte is refused", BYTES("\xc3\xa4"), NULL },
		{ "one digit is refused", BYTES("a+2"), NULL },
		{ "no digit is refused", BYTES("a+"), NULL },
		{ "other digits are refused", BYTES("a+2Gb"), NULL },
		{ "a decoded nul is refused", BYTES("+00"), NULL },
		{ "a decoded line feed is refused", BYTES("ok+0Aok"), NULL },
		{ "a decoded del is refused", BYTES("+7F"), NULL },
		{ "a control byte is refused", BYTES("a\tb"), NULL },
	};

	(void)state;
	assert_int_equal(check_conversions(smtp_xtext_decode, rows, COUNT_OF(rows)), 0);
}

static void
test_xtext_encodes_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char byte = (char)c;
		struct buf coded, again;
		buf_init(&coded, 16);
		buf_init(&again, 16);
		assert_int_equal(smtp_xtext_encode(span_make(&byte, 1), &coded), 0);
		for (size_t i = 0; i < coded.n; i++)
			assert_true(coded.p[i] > ' ' && coded.p[i] < 0x7f &&
				    coded.p[i] != '=');
		bool is_control = c < ' ' || c == 0x7f;
		assert_int_equal(smtp_xtext_decode(buf_span(&coded), &again),
				 is_control ? -1 : 0);
		if (!is_control)
			assert_int_equal((unsigned char)again.p[0], c);
		buf_done(&coded);
		buf_done(&again);
	}
}

static void
test_a_full_buffer_is_an_error(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 2);
	assert_int_equal(smtp_xtext_encode(LITERAL("abc"), &b), -1);
	buf_clear(&b);
	assert_int_equal(smtp_xtext_decode(LITERAL("abc"), &b), -1);
	buf_clear(&b);
	assert_int_equal(smtp_domain_normalize(LITERAL("abc"), &b), -1);
	buf_clear(&b);
	assert_int_equal(smtp_local_part_unquote(LITERAL("abc"), &b), -1);
	buf_done(&b);
}

static void
test_utf8(void **state)
{
	static const struct {
		const char *name;
		struct span bytes;
		bool is_valid;
	} rows[] = {
		{ "nothing", BYTES(""), true },
		{ "ascii with nul", BYTES("a\0b"), true },
		{ "two bytes", BYTES("\xc2\x80"), true },
		{ "three bytes", BYTES("\xe2\x82\xac"), true },
		{ "four bytes", BYTES("\xf0\x9f\x98\x80"), true },
		{ "the last code point", BYTES("\xf4\x8f\xbf\xbf"), true },
		{ "one over the last code point", BYTES("\xf4\x90\x80\x80"), false },
		{ "an overlong slash", BYTES("\xc0\xaf"), false },
		{ "an overlong form of three", BYTES("\xe0\x9f\xbf"), false },
		{ "an overlong form of four", BYTES("\xf0\x8f\xbf\xbf"), false },
		{ "a surrogate", BYTES("\xed\xa0\x80"), false },
		{ "a follower alone", BYTES("\x80"), false },
		{ "a first byte alone", BYTES("\xc3"), false },
		{ "two of three bytes", BYTES("\xe2\x82"), false },
		{ "three of four bytes", BYTES("\xf0\x9f\x98"), false },
		{ "a first byte that is never used", BYTES("\xff"), false },
		{ "ascii in the middle",
		  BYTES("\xe2"
			"a\xac"),
		  false },
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		failures += differ_number(rows[i].name, "is valid",
					  smtp_utf8_is_valid(rows[i].bytes),
					  rows[i].is_valid);
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_addresses_without_brackets),
		cmocka_unit_test(test_local_parts_lose_their_quotes),
		cmocka_unit_test(test_domains_are_normalized),
		cmocka_unit_test(test_copy_addresses),
		cmocka_unit_test(test_xtext_decodes),
		cmocka_unit_test(test_xtext_encodes_every_byte),
		cmocka_unit_test(test_a_full_buffer_is_an_error),
		cmocka_unit_test(test_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

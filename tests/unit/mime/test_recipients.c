/*
 * test_recipients.c - addresses are found in header fields, however they are written.
 */
#include "unit/smtp/show.h"

#include "tdc/mime/scan.h"

static const struct {
	const char *name;
	struct span header;
	const char *want; /* each with a ';' behind it */
} rows[] = {
	{ "an address", BYTES("To: a@b.example\r\n"), "a@b.example;" },
	{ "an address in brackets", BYTES("To: <a@b>\r\n"), "a@b;" },
	{ "a display name", BYTES("To: A B <a@b>\r\n"), "a@b;" },
	{ "a quoted display name with a comma", BYTES("To: \"B, A\" <a@b>, c@d\r\n"),
	  "a@b;c@d;" },
	{ "a quoted display name with a quote",
	  BYTES("To: \"A \\\"x, y\\\" B\" <a@b>\r\n"), "a@b;" },
	{ "a display name that looks like an address", BYTES("To: x@y <a@b>\r\n"),
	  "a@b;" },
	{ "a quoted display name that looks like an address",
	  BYTES("To: \"x@y\" <a@b>\r\n"), "a@b;" },
	{ "an encoded display name", BYTES("To: =?utf-8?q?=C3=A4=2C?= <a@b>\r\n"),
	  "a@b;" },
	{ "a list", BYTES("To: a@b, c@d,e@f\r\n"), "a@b;c@d;e@f;" },
	{ "a folded list", BYTES("To: a@b,\r\n c@d,\r\n\te@f\r\n"), "a@b;c@d;e@f;" },
	{ "commas too many", BYTES("To: ,, a@b,,\r\n"), "a@b;" },
	{ "semicolons for commas", BYTES("To: a@b; c@d\r\n"), "a@b;c@d;" },
	{ "a comment behind", BYTES("To: a@b (A, B)\r\n"), "a@b;" },
	{ "a comment in front", BYTES("To: (x@y) a@b\r\n"), "a@b;" },
	{ "a comment in a comment", BYTES("To: a@b (x (y) z@w), c@d\r\n"), "a@b;c@d;" },
	{ "an address behind a comment in a comment", BYTES("To: (x (y) <z@w>) a@b\r\n"),
	  "a@b;" },
	{ "a comment with an escaped bracket", BYTES("To: a@b (x\\) y@z), c@d\r\n"),
	  "a@b;c@d;" },
	{ "a comment that does not end", BYTES("To: a@b (x, c@d\r\n"), "a@b;" },
	{ "comments and blanks within an address",
	  BYTES("To: a (x) @ (y) b . example\r\n"), "a@b.example;" },
	{ "a group", BYTES("To: team: a@b, C <c@d>;, e@f\r\n"), "a@b;c@d;e@f;" },
	{ "an empty group", BYTES("To: undisclosed-recipients:;\r\n"), "" },
	{ "a source route", BYTES("To: <@x,@y:a@b>\r\n"), "a@b;" },
	{ "a quoted local part", BYTES("To: \"a b\"@c\r\n"), "\"a b\"@c;" },
	{ "a quoted local part with @ and >", BYTES("To: <\"a@x>\"@c>\r\n"),
	  "\"a@x>\"@c;" },
	{ "an address literal", BYTES("To: a@[IPv6:2001:db8::1]\r\n"),
	  "a@[IPv6:2001:db8::1];" },
	{ "utf-8", BYTES("To: \xc3\xa4@\xc3\xb6.example\r\n"),
	  "\xc3\xa4@\xc3\xb6.example;" },
	{ "8-bit that is not utf-8 is left out", BYTES("To: \xe4@b, c@d\r\n"), "c@d;" },
	{ "a missing comma between brackets", BYTES("To: <a@b> <c@d>\r\n"), "a@b;c@d;" },
	{ "a missing comma behind a bracket", BYTES("To: A <a@b> C <c@d>\r\n"),
	  "a@b;c@d;" },
	{ "words around an address", BYTES("To: mail a@b please\r\n"), "a@b;" },
	{ "a mailto", BYTES("To: mailto:a@b\r\n"), "a@b;" },
	{ "a bracket that does not end", BYTES("To: A <a@b, c@d\r\n"), "a@b;c@d;" },
	{ "a bracket that only ends", BYTES("To: a@b>, c@d\r\n"), "a@b;c@d;" },
	{ "a quote that does not end", BYTES("To: \"A <a@b>\r\n"), "" },
	{ "a blank within brackets is no address", BYTES("To: <a b@c>, d@e\r\n"),
	  "d@e;" },
	{ "no domain", BYTES("To: root, a@, @b, <x>\r\n"), "" },
	{ "two @ are no address", BYTES("To: a@b@c\r\n"), "" },
	{ "two dots in the domain are no address", BYTES("To: a@b..c\r\n"), "" },
	{ "a control byte is no address", BYTES("To: a\x01@b, \"\x02\"@b, c@d\r\n"),
	  "c@d;" },
	{ "a nul is no address", BYTES("To: a\0@b, c@d\r\n"), "c@d;" },
	{ "nothing", BYTES("To:\r\n"), "" },
	{ "every field that counts, in order",
	  BYTES("X-Original-To: a@b\r\nDelivered-To: c@b\r\nTo: d@b\r\nCc: e@b\r\nBcc: "
		"f@b\r\nApparently-To: g@b\r\n"),
	  "a@b;c@b;d@b;e@b;f@b;g@b;" },
	{ "a field that occurs twice", BYTES("To: a@b\r\nTo: c@d\r\n"), "a@b;c@d;" },
	{ "other fields do not count",
	  BYTES("From: a@b\r\nReply-To: c@d\r\nResent-To: e@f\r\n"), "" },
	{ "each address once", BYTES("To: a@b, a@b\r\nCc: A@B, c@d\r\n"), "a@b;c@d;" },
	{ "an open quote in one field leaves the next alone",
	  BYTES("To: \"a@b\r\nCc: c@d\r\n"), "c@d;" },
	{ "an open comment in one field leaves the next alone",
	  BYTES("To: (a@b\r\nCc: c@d\r\n"), "c@d;" },
};

static void
scan(struct mime_scan *s, struct span header)
{
	mime_scan_start(s);
	mime_scan_feed(s, header.p, header.n);
	mime_scan_feed(s, "\r\n", 2);
	mime_scan_finish(s);
}

static void
test_rows(void **state)
{
	struct mime_scan *s;
	int failures = 0;

	(void)state;
	assert_int_equal(mime_scan_new(65536, &s), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf got;
		buf_init(&got, 4096);
		scan(s, rows[i].header);
		for (size_t k = 0; k < mime_scan_recipient_count(s); k++) {
			buf_append_span(&got, mime_scan_recipient(s, k));
			buf_append_byte(&got, ';');
		}
		failures += differ_bytes(rows[i].name, "addresses", buf_span(&got),
					 span_of(rows[i].want));
		buf_done(&got);
	}
	mime_scan_free(s);
	assert_int_equal(failures, 0);
}

static void
test_a_thousand_and_no_more(void **state)
{
	struct mime_scan *s;
	struct buf header;

	(void)state;
	buf_init(&header, 1 << 20);
	buf_append_text(&header, "To: ");
	for (int i = 0; i < 2000; i++)
		buf_printf(&header, "u%d@d, u%d@D,\r\n ", i, i);
	buf_append_text(&header, "x@y\r\n");
	assert_int_equal(mime_scan_new(1 << 20, &s), 0);
	scan(s, buf_span(&header));
	assert_int_equal(mime_scan_recipient_count(s), 1000);
	assert_int_equal(differ_bytes("last", "address", mime_scan_recipient(s, 999),
				      LITERAL("u999@d")),
			 0);
	assert_int_equal(mime_scan_recipient(s, 1000).n, 0);
	mime_scan_free(s);
	buf_done(&header);
}

static void
test_half_an_address_at_the_limit_is_left_out(void **state)
{
	struct mime_scan *s;
	struct buf header;

	(void)state;
	buf_init(&header, 1 << 20);
	buf_append_text(&header, "To: a@b,");
	for (int i = 0; i < MIME_ADDRESS_FIELDS_MAX - 20; i++)
		buf_append_byte(&header, ' ');
	buf_append_text(&header, "someone@long.domain.example\r\nCc: c@d\r\n");
	assert_int_equal(mime_scan_new(1 << 20, &s), 0);
	scan(s, buf_span(&header));
	assert_false(mime_scan_failed(s));
	assert_int_equal(mime_scan_recipient(s, 0).n, 3);
	for (size_t i = 0; i < mime_scan_recipient_count(s); i++)
		assert_int_equal(mime_scan_recipient(s, i).n, 3);
	mime_scan_free(s);
	buf_done(&header);
}

static void
test_an_address_that_is_too_long_is_left_out(void **state)
{
	struct mime_scan *s;
	struct buf header;

	(void)state;
	buf_init(&header, 4096);
	buf_append_text(&header, "To: ");
	for (int i = 0; i < 600; i++)
		buf_append_byte(&header, 'x');
	buf_append_text(&header, "@d, a@b\r\n");
	assert_int_equal(mime_scan_new(65536, &s), 0);
	scan(s, buf_span(&header));
	assert_int_equal(mime_scan_recipient_count(s), 1);
	mime_scan_free(s);
	buf_done(&header);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_thousand_and_no_more),
		cmocka_unit_test(test_half_an_address_at_the_limit_is_left_out),
		cmocka_unit_test(test_an_address_that_is_too_long_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_carry.c - the capability table: what the original holds, what the hop offers, what
 * is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#include <stdio.h>

enum {
	E8 = SMTP_EXT_8BITMIME,
	EU = SMTP_EXT_SMTPUTF8,
	EC = SMTP_EXT_CHUNKING,
	EB = SMTP_EXT_BINARYMIME,
	ALL = E8 | EU | EC | EB,
	UTF8 = MIME_HAS_UTF8_HEADER | MIME_HAS_8BIT,
	OPAQUE_BYTES =
		MIME_IS_OPAQUE | MIME_HAS_NUL | MIME_HAS_BARE_CR | MIME_HAS_BARE_LF,
};

/*
 * One line for what was made: form, MAIL parameters, type and encoding of the second
 * part, mark.
 */
static void
describe(const struct journal_rendering *r, char *text, size_t n)
{
	static const char *const bodies[] = { "7bit", "8bitmime", "binarymime" };
	char head[8192] = "";
	const char *type = "none", *encoding = "none";

	if (r->is_held) {
		snprintf(text, n, "held | %s", r->mark);
		return;
	}
	struct span s = buf_span(&r->head);
	snprintf(head, sizeof(head), "%.*s", (int)s.n, s.n == 0 ? "" : s.p);
	char *part = strstr(head, "charset=utf-8");
	part = part == NULL ? NULL : strstr(part, "\r\n--tdc-");
	if (part != NULL) {
		type = strstr(part, "Content-Type: ") + 14;
		encoding = strstr(part, "Content-Transfer-Encoding: ") + 27;
	}
	snprintf(text, n, "%s%s BODY=%s%s | %.*s %.*s | %s",
		 r->form == JOURNAL_BODY_BASE64 ? "base64" : "as is",
		 r->must_use_bdat ? " bdat" : "", bodies[r->body],
		 r->needs_smtputf8 ? " SMTPUTF8" : "", (int)strcspn(type, ";\r"), type,
		 (int)strcspn(encoding, "\r"), encoding, r->mark);
}

struct row {
	const char *name;
	unsigned facts, extensions;
	enum journal_format format;
	enum journal_choice eight_bit, utf8_header, long_lines, bare;
	const char *want;
};
#define D   JOURNAL_CHOICE_DEFAULT
#define A   JOURNAL_CHOICE_ATTACH
#define H   JOURNAL_CHOICE_HOLD
#define J   JOURNAL_FORMAT_JOURNAL
#define BCC JOURNAL_FORMAT_BCC
#define ATTACHED                                                                         \
	"base64 BODY=7bit | "                                                            \
	"application/octet-stream base64 | attach: "
#define RFC822(body, encoding) "as is BODY=" body " | message/rfc822 " encoding " | "
#define BINARY                 "as is bdat BODY=binarymime | message/rfc822 binary | "

static const struct row rows[] = {
	{ "plain mail goes as it is", 0, 0, J, D, D, D, D, RFC822("7bit", "7bit") },
	{ "plain mail takes no notice of choices", 0, 0, J, H, H, H, H,
	  RFC822("7bit", "7bit") },
	{ "8-bit over 8BITMIME is 8bit", MIME_HAS_8BIT, E8, J, D, D, D, D,
	  RFC822("8bitmime", "8bit") },
	{ "8-bit without 8BITMIME is attached", MIME_HAS_8BIT, 0, J, D, D, D, D,
	  ATTACHED "8-bit data, no 8BITMIME" },
	{ "8-bit without 8BITMIME is held by choice", MIME_HAS_8BIT, 0, J, H, D, D, D,
	  "held | hold: 8-bit data, no 8BITMIME" },
	{ "a UTF-8 header over SMTPUTF8 is message/global", UTF8, E8 | EU, J, D, D, D, D,
	  "as is BODY=8bitmime SMTPUTF8 | message/global 8bit | " },
	{ "a UTF-8 header over 8BITMIME is 8-bit data", UTF8, E8, J, D, D, D, D,
	  RFC822("8bitmime", "8bit") },
	{ "a UTF-8 header over 8BITMIME is attached by choice", UTF8, E8, J, D, A, D, D,
	  ATTACHED "UTF-8 header, no SMTPUTF8" },
	{ "a UTF-8 header over 8BITMIME is held by choice", UTF8, E8, J, D, H, D, D,
	  "held | hold: UTF-8 header, no SMTPUTF8" },
	{ "a UTF-8 header with nothing offered is attached", UTF8, 0, J, D, D, D, D,
	  ATTACHED "8-bit data, no 8BITMIME" },
	{ "an 8-bit header that is not UTF-8 is no message/global",
	  MIME_HAS_8BIT | MIME_HAS_8BIT_HEADER, ALL, J, D, D, D, D,
	  RFC822("8bitmime", "8bit") },
	{ "long lines over BINARYMIME are binary", MIME_HAS_LONG_LINE, EC | EB, J, D, D,
	  D, D, BINARY },
	{ "long lines over CHUNKING alone go as they are", MIME_HAS_LONG_LINE, EC, J, D,
	  D, D, D, RFC822("7bit", "7bit") },
	{ "long lines with nothing offered go as they are", MIME_HAS_LONG_LINE, 0, J, D,
	  D, D, D, RFC822("7bit", "7bit") },
	{ "long lines are attached by choice", MIME_HAS_LONG_LINE, E8, J, D, D, A, D,
	  ATTACHED "lines over 998 octets" },
	{ "long lines are held by choice", MIME_HAS_LONG_LINE, E8, J, D, D, H, D,
	  "held | hold: lines over 998 octets" },
	{ "a choice does not matter where BINARYMIME is offered", MIME_HAS_LONG_LINE,
	  EC | EB, J, D, D, H, D, BINARY },
	{ "a bare CR over BINARYMIME is binary, and marked", MIME_HAS_BARE_CR, EC | EB, J,
	  D, D, D, D, BINARY "binary: bare-cr" },
	{ "bare line ends in long lines: the mark names what DATA would not carry",
	  MIME_HAS_BARE_LF | MIME_HAS_BARE_CR | MIME_HAS_LONG_LINE, EC | EB, J, D, D, D,
	  D, BINARY "binary: bare-cr, bare-lf" },
	{ "the longest of all marks", OPAQUE_BYTES, EC | EB, J, D, D, D, D,
	  BINARY "opaque: no header could be read; binary: nul, bare-cr, bare-lf" },
	{ "a bare LF over CHUNKING alone is attached", MIME_HAS_BARE_LF, EC, J, D, D, D,
	  D, ATTACHED "bare line ends or NUL" },
	{ "a NUL with nothing offered is attached", MIME_HAS_NUL, 0, J, D, D, D, D,
	  ATTACHED "bare line ends or NUL" },
	{ "bare line ends are held by choice", MIME_HAS_BARE_LF, 0, J, D, D, D, H,
	  "held | hold: bare line ends or NUL" },
	{ "8-bit and a NUL over everything is binary", MIME_HAS_NUL | MIME_HAS_8BIT, ALL,
	  J, D, D, D, D, BINARY "binary: nul" },
	{ "a hold of one wins over an attachment of another",
	  MIME_HAS_NUL | MIME_HAS_8BIT, 0, J, H, D, D, D,
	  "held | hold: 8-bit data, no 8BITMIME" },
	{ "an end without a line end is fine inside a multipart", MIME_HAS_NO_FINAL_CRLF,
	  0, J, D, D, D, D, RFC822("7bit", "7bit") },
	{ "what cannot be read is carried as it is, and marked", MIME_IS_OPAQUE, 0, J, D,
	  D, D, D, RFC822("7bit", "7bit") "opaque: no header could be read" },
	{ "bcc puts fields in front", 0, 0, BCC, D, D, D, D,
	  "as is BODY=7bit | none none | " },
	{ "bcc of 8-bit mail", MIME_HAS_8BIT, E8, BCC, D, D, D, D,
	  "as is BODY=8bitmime | none none | " },
	{ "bcc of a UTF-8 header", UTF8, ALL, BCC, D, D, D, D,
	  "as is BODY=8bitmime SMTPUTF8 | none none | " },
	{ "bcc with a NUL over BINARYMIME", MIME_HAS_NUL, ALL, BCC, D, D, D, D,
	  "as is bdat BODY=binarymime | none none | binary: nul" },
	{ "bcc with a NUL and without BINARYMIME", MIME_HAS_NUL, E8, BCC, D, D, D, D,
	  ATTACHED "bare line ends or NUL" },
	{ "bcc without a last line end needs BDAT", MIME_HAS_NO_FINAL_CRLF, EC, BCC, D, D,
	  D, D, "as is bdat BODY=7bit | none none | " },
	{ "bcc without a last line end and without BDAT", MIME_HAS_NO_FINAL_CRLF, 0, BCC,
	  D, D, D, D, ATTACHED "no line end at the end" },
	{ "bcc of what has no header", MIME_IS_OPAQUE, ALL, BCC, D, D, D, D,
	  ATTACHED "no header to add fields to" },
	{ "bcc of nothing at all", MIME_IS_EMPTY, ALL, BCC, D, D, D, D,
	  ATTACHED "no header to add fields to" },
	{ "bcc is held by choice as well", MIME_HAS_8BIT, 0, BCC, H, D, D, D,
	  "held | hold: 8-bit data, no 8BITMIME" },
};

static void
each_row_of_the_capability_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct journal_settings settings = sample_settings();
		struct journal_rendering r;
		struct sample s;
		struct err e;
		char got[512];
		settings.format = row->format;
		settings.eight_bit = row->eight_bit;
		settings.utf8_header = row->utf8_header;
		settings.long_lines = row->long_lines;
		settings.bare_line_ends = row->bare;
		sample_init(&s);
		s.body.facts.facts = row->facts;
		assert_int_equal(sample_render(&s, &settings, row->extensions, &r, &e),
				 0);
		describe(&r, got, sizeof(got));
		if (strcmp(got, row->want) != 0)
			fail_msg("%s\n got  %s\n want %s", row->name, got, row->want);
		journal_rendering_done(&r);
	}
}

static void
set_choices(const struct row *row, enum journal_choice instead_of_hold,
	    struct journal_settings *s)
{
	const enum journal_choice given[] = { row->eight_bit, row->utf8_header,
					      row->long_lines, row->bare };
	enum journal_choice *const to[] = { &s->eight_bit, &s->utf8_header,
					    &s->long_lines, &s->bare_line_ends };

	*s = sample_settings();
	s->format = row->format;
	for (size_t i = 0; i < 4; i++)
		*to[i] = given[i] == JOURNAL_CHOICE_HOLD ? instead_of_hold : given[i];
}

/* The bytes of what an operator released are those of the defaults; others stay. */
static void
what_was_released_is_not_held_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct journal_settings settings;
		struct journal_rendering got, want;
		struct sample s;
		struct err e;

		sample_init(&s);
		s.body.facts.facts = row->facts;
		set_choices(row, JOURNAL_CHOICE_DEFAULT, &settings);
		assert_int_equal(sample_render(&s, &settings, row->extensions, &want, &e),
				 0);
		set_choices(row, JOURNAL_CHOICE_HOLD, &settings);
		s.journal.is_released = true;
		assert_int_equal(sample_render(&s, &settings, row->extensions, &got, &e),
				 0);
		if (got.is_held || strcmp(got.mark, want.mark) != 0 ||
		    got.form != want.form || got.body != want.body ||
		    got.must_use_bdat != want.must_use_bdat ||
		    !span_equal(buf_span(&got.head), buf_span(&want.head)) ||
		    !span_equal(buf_span(&got.tail), buf_span(&want.tail)))
			fail_msg("%s, and released: %s \"%s\", want \"%s\"", row->name,
				 got.is_held ? "held" : "sent", got.mark, want.mark);
		journal_rendering_done(&got);
		journal_rendering_done(&want);
	}
}

static void
a_release_lets_go_of_one_journal_alone(void **state)
{
	struct journal_settings settings = sample_settings();
	struct journal_rendering r;
	struct journal_renderer *w;
	struct buf profile;
	struct sample s;
	struct err e;

	(void)state;
	sample_init(&s);
	s.body.facts.facts = MIME_HAS_8BIT;
	settings.eight_bit = JOURNAL_CHOICE_HOLD;
	buf_init(&profile, 8192);
	assert_int_equal(journal_profile_write(&settings, 0, &profile), 0);
	assert_int_equal(journal_renderer_new(SAMPLE_SECRET, &w, &e), 0);
	for (int i = 0; i < 4; i++) {
		s.journal.is_released = i % 2 == 1;
		assert_int_equal(
			journal_render(w, buf_text(&profile), &s.journal, "a@b", &r, &e),
			0);
		assert_int_equal(r.is_held, i % 2 == 0);
		journal_rendering_done(&r);
	}
	journal_renderer_free(w);
	buf_done(&profile);
}

static void
an_8bit_report_is_base64_where_8bit_cannot_go(void **state)
{
	static const struct {
		unsigned extensions;
		const char *encoding, *body;
	} cases[] = {
		{ E8, "Content-Transfer-Encoding: 8bit\r\n\r\nSender: s@example.com\r\n",
		  "8bitmime" },
		{ 0, "Content-Transfer-Encoding: base64\r\n\r\nU2VuZGVyOiBz", "7bit" },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct journal_settings settings = sample_settings();
		struct journal_rendering r;
		struct sample s;
		struct err e;
		sample_init(&s);
		s.message.subject = (char *)(uintptr_t) "Gr\xc3\xbc\xc3\x9f"
							"e";
		assert_int_equal(
			sample_render(&s, &settings, cases[i].extensions, &r, &e), 0);
		assert_non_null(strstr(buf_text(&r.head), cases[i].encoding));
		assert_int_equal(r.body, i == 0 ? SMTP_BODY_8BITMIME : SMTP_BODY_7BIT);
		/* The field itself is ASCII in any case. */
		assert_non_null(strstr(buf_text(&r.head), "Subject: =?"));
		journal_rendering_done(&r);
	}
}

static void
an_intake_with_utf8_in_its_address_needs_smtputf8(void **state)
{
	struct journal_settings settings = sample_settings();
	struct journal_rendering r;
	struct sample s;
	struct buf profile;
	struct err e;

	(void)state;
	sample_init(&s);
	buf_init(&profile, 8192);
	assert_int_equal(journal_profile_write(&settings, ALL, &profile), 0);
	assert_int_equal(sample_render_text(&s, buf_text(&profile), "\xc3\xbc@x",
					    SAMPLE_SECRET, &r, &e),
			 0);
	assert_true(r.needs_smtputf8);
	journal_rendering_done(&r);
	buf_done(&profile);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_capability_table),
		cmocka_unit_test(what_was_released_is_not_held_again),
		cmocka_unit_test(a_release_lets_go_of_one_journal_alone),
		cmocka_unit_test(an_8bit_report_is_base64_where_8bit_cannot_go),
		cmocka_unit_test(an_intake_with_utf8_in_its_address_needs_smtputf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

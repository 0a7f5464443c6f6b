/*
 * test_render.c - the bytes around an original: golden forms, exact sizes, and values
 * that try to escape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#include "tdc/digest/hmac.h"
#include "tdc/mime/text.h"

#include <stdio.h>
#include <stdlib.h>

#define SHA "abababababababababababababababababababababababababababababababab"
#define ADDRESSES                                                                        \
	"From: postmaster@mx.example.org\r\n"                                            \
	"To: tenant@intake.example\r\n"                                                  \
	"Subject: Hello\r\n"                                                             \
	"Date: Thu, 17 Apr 2003 19:56:22 +0000\r\n"                                      \
	"Message-ID: <" SAMPLE_UID "@mx.example.org>\r\n"                                \
	"MIME-Version: 1.0\r\n"                                                          \
	"Auto-Submitted: auto-generated\r\n"
#define FACTS                                                                            \
	"X-TDC-Journal: " SAMPLE_UID "\r\n " SAMPLE_TAG "\r\n"                           \
	"X-TDC-SHA256: " SHA "\r\n"                                                      \
	"X-TDC-Size: 100\r\n"
#define CLIENT                                                                           \
	"X-IronPort-RemoteIP: 192.0.2.7\r\n"                                             \
	"X-CSE-ClientIP: 192.0.2.7\r\n"                                                  \
	"X-CSE-MailFrom: s@example.com\r\n"                                              \
	"X-CSE-RcptTo: r0@example.org, r1@example.org\r\n"                               \
	"X-CSE-MsgDirection: Incoming\r\n"
#define MULTIPART                                                                        \
	"Content-Type: multipart/mixed; boundary=\"tdc-" SAMPLE_UID "\"\r\n"             \
	"Content-Transfer-Encoding: 7bit\r\n\r\n" REPORT
#define REPORT                                                                           \
	"--tdc-" SAMPLE_UID "\r\n"                                                       \
	"Content-Type: text/plain; charset=utf-8\r\n"                                    \
	"Content-Transfer-Encoding: 7bit\r\n\r\n"                                        \
	"Sender: s@example.com\r\n"                                                      \
	"Subject: Hello\r\n"                                                             \
	"Message-ID: <1@example.com>\r\n"                                                \
	"Recipient: r0@example.org\r\n"                                                  \
	"Recipient: r1@example.org\r\n"                                                  \
	"\r\n--tdc-" SAMPLE_UID "\r\n"
#define ORIGINAL "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
#define ATTACHED                                                                         \
	"Content-Type: application/octet-stream; name=\"" SAMPLE_UID ".eml\"\r\n"        \
	"Content-Transfer-Encoding: base64\r\n"                                          \
	"Content-Disposition: attachment; filename=\"" SAMPLE_UID ".eml\"\r\n\r\n"
#define TAIL "\r\n--tdc-" SAMPLE_UID "--\r\n"

#define BINARY_TYPE                                                                      \
	"Content-Type: multipart/mixed; boundary=\"tdc-" SAMPLE_UID "\"\r\n"             \
	"Content-Transfer-Encoding: binary\r\n\r\n"
#define BINARY_ORIGINAL                                                                  \
	"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\n"
enum { BINARY = SMTP_EXT_CHUNKING | SMTP_EXT_BINARYMIME };

static const struct golden {
	const char *name, *versions;
	enum journal_format format;
	unsigned facts, extensions;
	const char *head, *tail;
} goldens[] = {
	{ "journal", "12", JOURNAL_FORMAT_JOURNAL, 0, 0,
	  ADDRESSES FACTS CLIENT MULTIPART ORIGINAL, TAIL },
	{ "exchange", "12", JOURNAL_FORMAT_EXCHANGE, 0, 0,
	  "X-MS-Journal-Report:\r\n" ADDRESSES FACTS CLIENT MULTIPART ORIGINAL, TAIL },
	{ "bcc", "12", JOURNAL_FORMAT_BCC, 0, 0, FACTS CLIENT, "" },
	{ "attach", "12", JOURNAL_FORMAT_JOURNAL, MIME_HAS_NUL, 0,
	  ADDRESSES FACTS
	  "X-TDC-Mark: attach: bare line ends or NUL\r\n" CLIENT MULTIPART ATTACHED,
	  TAIL },
	{ "binary, before it was marked", "1", JOURNAL_FORMAT_JOURNAL, MIME_HAS_BARE_LF,
	  BINARY, ADDRESSES FACTS CLIENT BINARY_TYPE REPORT BINARY_ORIGINAL, TAIL },
	{ "binary", "2", JOURNAL_FORMAT_JOURNAL, MIME_HAS_BARE_LF, BINARY,
	  ADDRESSES FACTS
	  "X-TDC-Mark: binary: bare-lf\r\n" CLIENT BINARY_TYPE REPORT BINARY_ORIGINAL,
	  TAIL },
	{ "bcc, binary, before it was marked", "1", JOURNAL_FORMAT_BCC, MIME_HAS_NUL,
	  BINARY, FACTS CLIENT, "" },
	{ "bcc, binary", "2", JOURNAL_FORMAT_BCC, MIME_HAS_NUL, BINARY,
	  FACTS "X-TDC-Mark: binary: nul\r\n" CLIENT, "" },
};

static void
check_golden(const struct golden *row, char version)
{
	struct journal_settings settings = sample_settings();
	struct journal_rendering r;
	struct sample s;
	struct err e;

	settings.format = row->format;
	sample_init(&s);
	s.body.facts.facts = row->facts;
	assert_int_equal(
		sample_render_as(&s, &settings, row->extensions, version, &r, &e), 0);
	struct span tail = buf_span(&r.tail);
	if (strcmp(buf_text(&r.head), row->head) != 0 ||
	    !span_equal(tail, span_of(row->tail)))
		fail_msg("%s, version %c: got\n%s...%.*s\nwant\n%s...%s", row->name,
			 version, buf_text(&r.head), (int)tail.n,
			 tail.n == 0 ? "" : tail.p, row->head, row->tail);
	uint64_t body =
		r.form == JOURNAL_BODY_BASE64 ? mime_base64_encoded_size(100) : 100;
	assert_int_equal(r.size, strlen(row->head) + body + strlen(row->tail));
	journal_rendering_done(&r);
}

static void
the_bytes_of_a_version_never_change(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++)
		for (const char *v = goldens[i].versions; *v != '\0'; v++)
			check_golden(&goldens[i], *v);
}

static void
fields_can_be_left_out(void **state)
{
	struct journal_settings settings = sample_settings();
	struct journal_rendering r;
	struct sample s;
	struct err e;

	(void)state;
	settings.client_ip_field = "";
	settings.has_cse_fields = false;
	settings.format = JOURNAL_FORMAT_BCC;
	sample_init(&s);
	assert_int_equal(sample_render(&s, &settings, 0, &r, &e), 0);
	assert_string_equal(buf_text(&r.head), FACTS);
	journal_rendering_done(&r);
}

static const struct {
	const char *name, *rids, *sender;
	enum recipient_source sources[2];
	const char *want;
} reports[] = {
	{ "all of them",
	  NULL,
	  "s@example.com",
	  { 0, 0 },
	  "Sender: s@example.com\r\nSubject: Hello\r\nMessage-ID: "
	  "<1@example.com>\r\n"
	  "Recipient: r0@example.org\r\nRecipient: r1@example.org\r\n" },
	{ "the null sender, one recipient",
	  "1",
	  "",
	  { 0, 0 },
	  "Sender: <>\r\nSubject: Hello\r\nMessage-ID: <1@example.com>\r\n"
	  "Recipient: r1@example.org\r\n" },
	{ "rids beyond the list are not there",
	  "0,7",
	  "",
	  { 0, 0 },
	  "Sender: <>\r\nSubject: Hello\r\nMessage-ID: <1@example.com>\r\n"
	  "Recipient: r0@example.org\r\n" },
	{ "read from the header: said once, behind the lines that parsers know",
	  NULL,
	  "",
	  { RECIPIENT_FROM_HEADER, RECIPIENT_FROM_HEADER },
	  "Sender: <>\r\nSubject: Hello\r\nMessage-ID: <1@example.com>\r\n"
	  "Recipient: r0@example.org\r\nRecipient: r1@example.org\r\n"
	  "Recipient-Source: header\r\n" },
	{ "read from the header: one of two",
	  NULL,
	  "",
	  { RECIPIENT_FROM_COPY, RECIPIENT_FROM_HEADER },
	  "Sender: <>\r\nSubject: Hello\r\nMessage-ID: <1@example.com>\r\n"
	  "Recipient: r0@example.org\r\nRecipient: r1@example.org\r\n"
	  "Recipient-Source: header; r1@example.org\r\n" },
};

static void
the_report_names_the_recipients_and_where_they_come_from(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		struct journal_settings settings = sample_settings();
		struct journal_rendering r;
		struct sample s;
		struct err e;
		sample_init(&s);
		s.message.sender = (char *)(uintptr_t)reports[i].sender;
		s.journal.rids = (char *)(uintptr_t)reports[i].rids;
		s.recipients[0].source = reports[i].sources[0];
		s.recipients[1].source = reports[i].sources[1];
		assert_int_equal(sample_render(&s, &settings, 0, &r, &e), 0);
		char *got = strstr((char *)(uintptr_t)buf_text(&r.head),
				   "7bit\r\n\r\nSender:");
		assert_non_null(got);
		got += 8;
		*strstr(got, "\r\n--tdc-") = '\0';
		if (strcmp(got, reports[i].want) != 0)
			fail_msg("%s: got\n%s\nwant\n%s", reports[i].name, got,
				 reports[i].want);
		journal_rendering_done(&r);
	}
}

/* Header field names and report keys, in order, joined by spaces. */
static void
names(const struct buf *head, char *text, size_t size)
{
	struct span s = buf_span(head);
	size_t n = 0, start = 0;

	text[0] = '\0';
	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] != '\r' && s.p[i] != '\n')
			continue;
		assert_true(s.p[i] == '\r' &&
			    s.p[i + 1] == '\n'); /* no bare line end, ever */
		const char *colon = memchr(s.p + start, ':', i - start);
		if (colon != NULL && s.p[start] != ' ' && s.p[start] != '\t')
			n += (size_t)snprintf(text + n, size - n, "%.*s ",
					      (int)(colon - s.p) - (int)start,
					      s.p + start);
		i++;
		start = i + 1;
	}
}

static void
no_value_can_begin_a_line(void **state)
{
	static const char evil[] = "a\r\nEvil: 1\r\n\r\nEvil: 2\nEvil: 3\rEvil: 4"
				   "\xc2\x85"
				   "Evil: 5\xe2\x80\xa8"
				   "Evil: 6\v\f\x01\x7f\xff";
	struct journal_settings settings = sample_settings();
	struct journal_rendering honest, r;
	struct sample s;
	struct err e;
	char want[2048], got[2048];

	(void)state;
	sample_init(&s);
	assert_int_equal(sample_render(&s, &settings, SMTP_EXT_8BITMIME, &honest, &e), 0);
	names(&honest.head, want, sizeof(want));
	s.message.sender = (char *)(uintptr_t)evil;
	s.message.subject = (char *)(uintptr_t)evil;
	s.message.message_id = (char *)(uintptr_t)evil;
	s.message.client_address = (char *)(uintptr_t)evil;
	s.recipients[0].address = s.recipients[1].address = (char *)(uintptr_t)evil;
	assert_int_equal(sample_render(&s, &settings, SMTP_EXT_8BITMIME, &r, &e), 0);
	names(&r.head, got, sizeof(got));
	assert_string_equal(got, want);
	assert_null(strstr(buf_text(&r.head), "\xc2\x85"));
	assert_null(strstr(buf_text(&r.head), "\xe2\x80\xa8"));
	assert_null(strstr(buf_text(&r.head), "\xff"));
	journal_rendering_done(&honest);
	journal_rendering_done(&r);
}

static void
a_thousand_recipients_are_folded_and_no_line_is_too_long(void **state)
{
	enum { MANY = 1000 };
	struct journal_settings settings = sample_settings();
	struct message_recipient *many = calloc(MANY, sizeof(*many));
	struct journal_rendering r;
	struct sample s;
	struct err e;
	char address[300];

	(void)state;
	assert_non_null(many);
	memset(address, 'a', sizeof(address) - 1);
	memcpy(address + 280, "@b.example", 11);
	sample_init(&s);
	for (size_t i = 0; i < MANY; i++)
		many[i].address = address;
	s.message.recipients = many;
	s.message.n_recipients = MANY;
	assert_int_equal(sample_render(&s, &settings, 0, &r, &e), 0);
	struct span head = buf_span(&r.head);
	size_t line = 0, recipients = 0;
	for (size_t i = 0; i < head.n; i++) {
		line = head.p[i] == '\n' ? 0 : line + 1;
		assert_in_range(line, 0, 999);
		recipients +=
			i + 11 <= head.n && memcmp(head.p + i, "\nRecipient:", 11) == 0;
	}
	assert_int_equal(recipients, MANY);
	journal_rendering_done(&r);
	free(many);
}

static void
a_message_without_subject_or_client_is_whole(void **state)
{
	struct journal_settings settings = sample_settings();
	struct journal_rendering r;
	struct sample s;
	struct err e;

	(void)state;
	sample_init(&s);
	s.message.subject = s.message.message_id = s.message.client_address =
		s.message.sender = NULL;
	s.message.n_recipients = 0;
	assert_int_equal(sample_render(&s, &settings, 0, &r, &e), 0);
	assert_non_null(strstr(buf_text(&r.head), "\r\nSubject: (no subject)\r\n"));
	assert_non_null(
		strstr(buf_text(&r.head),
		       "\r\n\r\nSender: <>\r\nSubject:\r\nMessage-ID:\r\n\r\n--tdc-"));
	assert_null(strstr(buf_text(&r.head), "X-CSE-ClientIP"));
	journal_rendering_done(&r);
}

/* Head and tail of the sample under a secret, which begins with `first`. */
static char *
head_under(const struct sample *s, uint8_t first)
{
	static const char profile[] =
		"v1 format=bcc ext= host=h mail_from= from=f to=t ip= "
		"cse=no eight_bit=default utf8_header=default "
		"long_lines=default bare=default";
	uint8_t secret[HMAC_KEY_BYTES] = { first };
	struct journal_rendering r;
	struct err e;

	if (sample_render_text(s, profile, "a@b", secret, &r, &e) != 0)
		fail_msg("%s", e.text);
	char *head = strdup(buf_text(&r.head));
	assert_non_null(head);
	journal_rendering_done(&r);
	return head;
}

static void
the_loop_mark_is_the_secrets_and_the_journals(void **state)
{
	struct sample s;

	(void)state;
	sample_init(&s);
	char *one = head_under(&s, 1), *same = head_under(&s, 1),
	     *other = head_under(&s, 2);
	s.journal.uid.b[3] ^= 1;
	char *next = head_under(&s, 1);
	const char *tag = strstr(one, "\r\n ");
	assert_non_null(tag);
	assert_string_equal(one, same);
	assert_string_not_equal(one, other);
	assert_memory_equal(one, other, (size_t)(tag - one)); /* only the tag differs */
	assert_memory_not_equal(tag, strstr(next, "\r\n "), 3 + 32);
	free(one);
	free(same);
	free(other);
	free(next);
}

static void
an_unknown_profile_is_a_syntax_error(void **state)
{
	struct journal_rendering r;
	struct sample s;
	struct err e;

	(void)state;
	sample_init(&s);
	assert_int_equal(sample_render_text(&s, "v9 x=y", "a@b", SAMPLE_SECRET, &r, &e),
			 -1);
	assert_int_equal(e.kind, ERR_SYNTAX);
}

/* From: of its own, so that no two of these profiles make the same bytes. */
static char *
numbered_head(struct journal_renderer *w, const struct sample *s, int number)
{
	struct journal_settings settings = sample_settings();
	struct journal_rendering r;
	struct buf profile;
	char from[40];
	struct err e;

	snprintf(from, sizeof(from), "from-%d@example.org", number);
	settings.header_from = from;
	buf_init(&profile, 8192);
	assert_int_equal(journal_profile_write(&settings, 0, &profile), 0);
	assert_int_equal(
		journal_render(w, buf_text(&profile), &s->journal, "a@b", &r, &e), 0);
	char *head = strdup(buf_text(&r.head));
	assert_non_null(head);
	assert_non_null(strstr(head, from));
	journal_rendering_done(&r);
	buf_done(&profile);
	return head;
}

static void
what_was_rendered_before_changes_nothing(void **state)
{
	/* More profiles than are kept, some again; a broken one and another day between. */
	static const int order[] = { 1, 1, 2, 3, 1, 4, 5, 6, 1, 6, 2, 7, 7, 3 };
	struct journal_renderer *w, *fresh;
	struct journal_rendering r;
	struct sample s;
	struct err e;

	(void)state;
	sample_init(&s);
	assert_int_equal(journal_renderer_new(SAMPLE_SECRET, &w, &e), 0);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		s.message.accepted_at += i % 3 == 0 ? 999 : 86400000;
		s.journal.uid.b[0] = (uint8_t)i;
		s.message.n_recipients = i % 3;
		s.message.subject = (char *)(uintptr_t)(i % 2 == 0 ? "a\x01z" : "b");
		assert_int_equal(journal_renderer_new(SAMPLE_SECRET, &fresh, &e), 0);
		char *got = numbered_head(w, &s, order[i]);
		char *want = numbered_head(fresh, &s, order[i]);
		assert_string_equal(got, want);
		free(got);
		free(want);
		journal_renderer_free(fresh);
		assert_int_equal(journal_render(w, "v1 x=y", &s.journal, "a@b", &r, &e),
				 -1);
	}
	journal_renderer_free(w);
}

static void
a_short_value_stands_as_a_longer_one_is_written(void **state)
{
	static const struct {
		const char *subject, *want;
	} cases[] = {
		{ "a  b", "\r\nSubject: a  b\r\n" },
		{ " a", "\r\nSubject: a\r\n" },
		{ "a ", "\r\nSubject: a\r\n" },
		{ " ", "\r\nSubject:\r\n" },
		{ "~\x7f", "\r\nSubject: ~?\r\n" },
		{ "1234567\t", "\r\nSubject: 1234567?\r\n" },
		{ "a 23456789 123456789 123456789 123456789 123456789 123456789 12345",
		  "\r\nSubject: a 23456789 123456789 123456789 123456789 123456789 "
		  "123456789 12345\r\n" },
		{ "a 23456789 123456789 123456789 123456789 123456789 123456789 "
		  "123456789",
		  "\r\nSubject: a 23456789 123456789 123456789 123456789 123456789 "
		  "123456789\r\n 123456789\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal_settings settings = sample_settings();
		struct journal_rendering r;
		struct sample s;
		struct err e;
		sample_init(&s);
		s.message.subject = (char *)(uintptr_t)cases[i].subject;
		assert_int_equal(sample_render(&s, &settings, 0, &r, &e), 0);
		if (strstr(buf_text(&r.head), cases[i].want) == NULL)
			fail_msg("\"%s\" became %s", cases[i].subject, buf_text(&r.head));
		journal_rendering_done(&r);
	}
}

static void
the_message_id_is_told_as_it_stands_in_the_field(void **state)
{
	struct sample s;
	struct buf id;

	(void)state;
	sample_init(&s);
	buf_init(&id, 100);
	assert_int_equal(journal_message_id(&s.journal, "mx.example.org", &id), 0);
	assert_string_equal(buf_text(&id), "<" SAMPLE_UID "@mx.example.org>");
	buf_done(&id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_of_a_version_never_change),
		cmocka_unit_test(fields_can_be_left_out),
		cmocka_unit_test(
			the_report_names_the_recipients_and_where_they_come_from),
		cmocka_unit_test(no_value_can_begin_a_line),
		cmocka_unit_test(
			a_thousand_recipients_are_folded_and_no_line_is_too_long),
		cmocka_unit_test(a_message_without_subject_or_client_is_whole),
		cmocka_unit_test(the_loop_mark_is_the_secrets_and_the_journals),
		cmocka_unit_test(an_unknown_profile_is_a_syntax_error),
		cmocka_unit_test(what_was_rendered_before_changes_nothing),
		cmocka_unit_test(a_short_value_stands_as_a_longer_one_is_written),
		cmocka_unit_test(the_message_id_is_told_as_it_stands_in_the_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

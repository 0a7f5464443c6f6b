/*
 * fuzz_journal_unwrap.c - any envelope and any body, wrapped and taken apart again.
 *
 * Unwrapping, by a parser of this file's own, gives back the body byte for byte. No value
 * begins a header field or a line of the report. What is said about the bytes (7bit, no
 * need of BDAT, size) is true. Input: flags, then sender, subject, Message-ID, client and
 * recipients (by commas), each up to a NUL; the rest is the body.
 */
#include "tdc/base/check.h"
#include "tdc/digest/hmac.h"
#include "tdc/journal/journal.h"
#include "tdc/mime/scan.h"
#include "tdc/mime/text.h"
#include "tdc/smtp/body.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECIPIENTS_MAX = 16, BODY_MAX = 1 << 20 };

struct spool_body {
	struct body_facts facts;
};

const struct body_facts *
spool_body_facts(const struct spool_body *b)
{
	return &b->facts;
}

/* ---------------------------------------- a parser of its own */

static struct span
take_line(struct span *rest)
{
	for (size_t i = 0; i + 1 < rest->n; i++) {
		if (rest->p[i] == '\r' && rest->p[i + 1] == '\n') {
			struct span line = span_make(rest->p, i);
			*rest = span_skip(*rest, i + 2);
			return line;
		}
	}
	check(false && "a line without its end");
	return *rest;
}

static bool
is_one_of(struct span name, const char *const *known)
{
	for (size_t i = 0; known[i] != NULL; i++)
		if (span_equal(name, span_of(known[i])))
			return true;
	return false;
}

static struct span
name_of(struct span line)
{
	const char *colon = line.n == 0 ? NULL : memchr(line.p, ':', line.n);

	check(colon != NULL);
	return span_make(line.p, (size_t)(colon - line.p));
}

/*
 * Reads fields up to the empty line, or (bcc) as long as they are ours. Returns the
 * count.
 */
static size_t
take_header(struct span *rest)
{
	static const char *const known[] = {
		"From",
		"To",
		"Subject",
		"Date",
		"Message-ID",
		"MIME-Version",
		"Auto-Submitted",
		"X-MS-Journal-Report",
		"X-TDC-Journal",
		"X-TDC-SHA256",
		"X-TDC-Size",
		"X-TDC-Mark",
		"X-IronPort-RemoteIP",
		"X-CSE-ClientIP",
		"X-CSE-MailFrom",
		"X-CSE-RcptTo",
		"X-CSE-MsgDirection",
		"Content-Type",
		"Content-Transfer-Encoding",
		NULL,
	};
	size_t fields = 0;

	for (;;) {
		struct span line = take_line(rest);
		if (line.n == 0)
			return fields;
		check(line.n <= 998);
		if (line.p[0] == ' ' || line.p[0] == '\t')
			continue;
		check(is_one_of(name_of(line), known));
		fields++;
	}
}

static int
digit_of(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

static void
decode_base64(struct span text, struct buf *ret)
{
	unsigned bits = 0, n = 0;

	for (size_t i = 0; i < text.n; i++) {
		int digit = digit_of(text.p[i]);
		if (digit < 0) {
			check(text.p[i] == '\r' || text.p[i] == '\n' || text.p[i] == '=');
			continue;
		}
		bits = bits << 6 | (unsigned)digit;
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_append_byte(ret, (char)(bits >> n & 0xff));
		}
	}
}

/* What stands before CRLF "--" boundary. */
static struct span
take_part(struct span *rest, const char *boundary, size_t n)
{
	for (size_t i = 0; i + n + 2 <= rest->n; i++) {
		if (memcmp(rest->p + i, "\r\n", 2) == 0 &&
		    memcmp(rest->p + i + 2, boundary, n) == 0) {
			struct span part = span_make(rest->p, i);
			*rest = span_skip(*rest, i + 2 + n);
			return part;
		}
	}
	check(false && "a part without its end");
	return *rest;
}

static bool
says_base64(struct span header)
{
	static const char text[] = "Content-Transfer-Encoding: base64";

	for (size_t i = 0; i + sizeof(text) - 1 <= header.n; i++)
		if (memcmp(header.p + i, text, sizeof(text) - 1) == 0)
			return true;
	return false;
}

/* A part's content, decoded if it says so. */
static void
open_part(struct span part, struct buf *ret)
{
	struct span header = part;

	while (take_line(&part).n > 0)
		;
	header.n -= part.n;
	if (says_base64(header))
		decode_base64(part, ret);
	else
		buf_append_span(ret, part);
}

static void
check_report(struct span report, size_t recipients)
{
	static const char *const known[] = { "Sender",           "Subject",
					     "Message-ID",       "Recipient",
					     "Recipient-Source", NULL };
	size_t found = 0, at = 0;

	while (report.n > 0) {
		struct span line = take_line(&report);
		struct span name = name_of(line);
		check(is_one_of(name, known));
		check(at > 2 || span_equal(name, span_of(known[at])));
		found += span_equal(name, span_of("Recipient"));
		for (size_t i = 0; i < line.n; i++)
			check((unsigned char)line.p[i] >= ' ' && line.p[i] != 0x7f);
		at++;
	}
	check(found == recipients);
}

/* ------------------------------------------------------------------ wrapping */

struct made {
	struct spool_body body;
	struct spool_message message;
	struct message_recipient recipients[RECIPIENTS_MAX];
	struct spool_journal journal;
	char *strings[8];
	size_t n_strings;
	struct span bytes;
};

static char *
take_string(struct made *m, struct span *rest)
{
	const char *end = rest->n == 0 ? NULL : memchr(rest->p, '\0', rest->n);
	size_t n = end == NULL ? rest->n : (size_t)(end - rest->p);
	char *copy = strndup(rest->p == NULL ? "" : rest->p, n);

	check(copy != NULL);
	m->strings[m->n_strings++] = copy;
	*rest = span_skip(*rest, end == NULL ? n : n + 1);
	return copy;
}

static void
scan_body(struct made *m)
{
	struct mime_scan *scan;

	check(mime_scan_new(1 << 20, &scan) == 0);
	mime_scan_start(scan);
	mime_scan_feed(scan, m->bytes.p, m->bytes.n);
	mime_scan_finish(scan);
	m->body.facts.size = m->bytes.n;
	m->body.facts.facts = mime_scan_facts(scan);
	m->body.facts.header_size = mime_scan_header_size(scan);
	mime_scan_free(scan);
}

/*
 * In life it is random and unknown to whoever wrote the body; here it is one that is not
 * in the body.
 */
static void
choose_uid(struct made *m)
{
	char uid[UID_TEXT_MAX];

	do {
		m->journal.uid.b[UID_BYTES - 1]++;
		uid_format(&m->journal.uid, uid);
	} while (m->bytes.n > 0 &&
		 memmem(m->bytes.p, m->bytes.n, uid, sizeof(uid) - 1) != NULL);
}

static void
make(struct made *m, struct span rest)
{
	m->message.sender = take_string(m, &rest);
	m->message.subject = take_string(m, &rest);
	m->message.message_id = take_string(m, &rest);
	m->message.client_address = take_string(m, &rest);
	for (char *p = take_string(m, &rest); m->message.n_recipients < RECIPIENTS_MAX;
	     p++) {
		struct message_recipient *r = &m->recipients[m->message.n_recipients++];
		r->address = p;
		r->source = *p == 'h' ? RECIPIENT_FROM_HEADER : RECIPIENT_FROM_ENVELOPE;
		p += strcspn(p, ",");
		if (*p == '\0')
			break;
		*p = '\0';
	}
	m->message.recipients = m->recipients;
	m->bytes = rest.n == 0 ? span_make("", 0) : rest;
	scan_body(m);
	m->journal.message = &m->message;
	m->journal.body = &m->body;
	choose_uid(m);
}

static void
to_buf(void *arg, const char *p, size_t n)
{
	buf_append(arg, p, n);
}

static void
check_claims(const struct journal_rendering *r, struct span whole)
{
	struct smtp_data_encoder encoder;
	struct buf wire;

	check(whole.n == r->size);
	for (size_t i = 0; i < whole.n; i++)
		check(r->body != SMTP_BODY_7BIT || (unsigned char)whole.p[i] < 0x80);
	if (r->must_use_bdat)
		return;
	buf_init(&wire, SIZE_MAX);
	smtp_data_encoder_init(&encoder);
	check(smtp_data_encode(&encoder, whole, to_buf, &wire) == 0);
	check(whole.p[whole.n - 1] == '\n'); /* or the final dot would add a line end */
	check(memchr(whole.p, '\0', whole.n) == NULL);
	buf_done(&wire);
}

static void
check_unwrap(const struct made *m, const struct journal_rendering *r, struct span whole)
{
	char uid[UID_TEXT_MAX], boundary[64] = "--tdc-";
	struct buf part;

	if (r->tail.n == 0) { /* bcc: our fields, then the original */
		struct span fields = span_make(whole.p, r->head.n + 2);
		check(span_equal(span_skip(whole, r->head.n), m->bytes));
		struct buf header;
		buf_init(&header, SIZE_MAX);
		buf_append(&header, fields.p, r->head.n);
		buf_append_text(&header, "\r\n");
		struct span rest = buf_span(&header);
		check(take_header(&rest) >= 3 && rest.n == 0);
		buf_done(&header);
		return;
	}
	uid_format(&m->journal.uid, uid);
	strcat(boundary, uid);
	size_t n = strlen(boundary);
	check(take_header(&whole) >= 10);
	check(whole.n > n && memcmp(whole.p, boundary, n) == 0);
	whole = span_skip(whole, n + 2);
	buf_init(&part, SIZE_MAX);
	open_part(take_part(&whole, boundary, n), &part);
	check_report(buf_span(&part), m->message.n_recipients);
	buf_clear(&part);
	whole = span_skip(whole, 2);
	open_part(take_part(&whole, boundary, n), &part);
	check(span_equal(buf_span(&part), m->bytes));
	check(span_equal(whole, span_of("--\r\n")));
	buf_done(&part);
}

static void
wrap(const struct made *m, const struct journal_rendering *r, struct buf *whole)
{
	struct mime_base64 b;

	buf_append_span(whole, buf_span(&r->head));
	if (r->form == JOURNAL_BODY_BASE64) {
		mime_base64_init(&b);
		mime_base64_encode(&b, m->bytes, whole);
		mime_base64_finish(&b, whole);
	} else {
		buf_append_span(whole, m->bytes);
	}
	buf_append_span(whole, buf_span(&r->tail));
	check(!whole->failed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned extensions[] = { SMTP_EXT_8BITMIME, SMTP_EXT_SMTPUTF8,
					       SMTP_EXT_CHUNKING, SMTP_EXT_BINARYMIME };
	static const uint8_t secret[HMAC_KEY_BYTES] = { 1 };
	struct made m = { 0 };
	struct journal_rendering r;
	struct journal_renderer *renderer;
	struct buf profile, whole;
	struct err e;
	unsigned offered = 0;

	if (size < 2 || size > BODY_MAX)
		return 0;
	for (size_t i = 0; i < 4; i++)
		if (data[1] & 1 << i)
			offered |= extensions[i];
	struct journal_settings settings = {
		.hostname = "h.example",
		.format = (enum journal_format)(data[0] % 3),
		.mail_from = "",
		.client_ip_field = "X-IronPort-RemoteIP",
		.has_cse_fields = true,
		.utf8_header =
			data[0] & 64 ? JOURNAL_CHOICE_ATTACH : JOURNAL_CHOICE_DEFAULT,
	};
	make(&m, span_make(data + 2, size - 2));
	buf_init(&profile, 8192);
	buf_init(&whole, SIZE_MAX);
	check(journal_profile_write(&settings, offered, &profile) == 0);
	check(journal_renderer_new(secret, &renderer, &e) == 0);
	check(journal_render(renderer, buf_text(&profile), &m.journal, "t@intake.example",
			     &r, &e) == 0);
	wrap(&m, &r, &whole);
	check_claims(&r, buf_span(&whole));
	check_unwrap(&m, &r, buf_span(&whole));
	journal_rendering_done(&r);
	journal_renderer_free(renderer);
	buf_done(&whole);
	buf_done(&profile);
	while (m.n_strings > 0)
		free(m.strings[--m.n_strings]);
	return 0;
}

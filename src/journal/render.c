/*
 * render.c - head and tail of a journal, by row and profile.
 *
 *	journal, exchange   outer header | report | message/rfc822 or message/global
 *	attach              outer header | report | application/octet-stream in base64
 *	bcc                 the X-TDC and X-CSE fields, then the original
 */
#include "render.h"

#include "tdc/mime/text.h"

#include <stdio.h>

enum {
	HEAD_MAX = 128 * 1024, /* without the recipients           */
	HEAD_PER_RECIPIENT_MAX = 8192,
	REPORT_LINE_MAX = 998, /* RFC 5322 2.1.1                   */
	MARKED_BINARY = MIME_HAS_NUL | MIME_HAS_BARE_CR | MIME_HAS_BARE_LF,
};

static bool
has_long_line(struct span text)
{
	size_t line = 0;

	for (size_t i = 0; i < text.n; i++) {
		line = text.p[i] == '\n' ? 0 : line + 1;
		if (line > REPORT_LINE_MAX + 1) /* the CR counts here */
			return true;
	}
	return false;
}

static void
write_report_part(const struct rendering_parts *r, struct buf *out)
{
	buf_printf(out,
		   "--tdc-%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		   "Content-Transfer-Encoding: %s\r\n\r\n",
		   r->uid,
		   r->report_is_base64 ? "base64"
		   : r->report_is_8bit ? "8bit"
				       : "7bit");
	if (!r->report_is_base64) {
		buf_append_span(out, buf_span(&r->report));
		return;
	}
	struct mime_base64 b;
	mime_base64_init(&b);
	mime_base64_encode(&b, buf_span(&r->report), out);
	mime_base64_finish(&b, out);
}

static void
write_original_header(const struct rendering_parts *r, struct buf *out)
{
	buf_printf(out, "\r\n--tdc-%s\r\n", r->uid);
	if (r->carry.is_attached)
		buf_printf(out,
			   "Content-Type: application/octet-stream; name=\"%s.eml\"\r\n"
			   "Content-Transfer-Encoding: base64\r\n"
			   "Content-Disposition: attachment; filename=\"%s.eml\"\r\n\r\n",
			   r->uid, r->uid);
	else
		buf_printf(out,
			   "Content-Type: message/%s\r\nContent-Transfer-Encoding: "
			   "%s\r\n\r\n",
			   r->carry.is_global ? "global" : "rfc822",
			   encoding_of_original(r));
}

static void
write_multipart(struct rendering_parts *r, struct buf *head, struct buf *tail)
{
	report_write(r->journal, &r->report);
	r->report_is_8bit = !text_is_ascii(buf_span(&r->report));
	r->report_is_base64 = (r->report_is_8bit &&
			       (r->profile->extensions & SMTP_EXT_8BITMIME) == 0) ||
			      has_long_line(buf_span(&r->report));
	header_write_outer(r, head);
	write_report_part(r, head);
	write_original_header(r, head);
	buf_printf(tail, "\r\n--tdc-%s--\r\n", r->uid);
}

/* "binary: bare-cr, nul": the original goes out with bytes that DATA would not carry. */
static void
add_binary_mark(unsigned facts, char mark[JOURNAL_MARK_MAX])
{
	const char *before = mark[0] == '\0' ? "binary: " : "; binary: ";

	for (unsigned i = 0; i < MIME_FACT_COUNT; i++) {
		if ((facts & MARKED_BINARY & (1u << i)) == 0)
			continue;
		size_t n = strlen(mark);
		snprintf(mark + n, JOURNAL_MARK_MAX - n, "%s%s", before,
			 mime_fact_name(i));
		before = ", ";
	}
}

static void
set_mark(const struct carry *c, unsigned facts, int version, char mark[JOURNAL_MARK_MAX])
{
	mark[0] = '\0';
	if (c->is_held) {
		snprintf(mark, JOURNAL_MARK_MAX, "hold: %s", c->why);
		return;
	}
	if (c->is_attached) {
		snprintf(mark, JOURNAL_MARK_MAX, "attach: %s", c->why);
		return;
	}
	if ((facts & MIME_IS_OPAQUE) != 0)
		snprintf(mark, JOURNAL_MARK_MAX, "opaque: no header could be read");
	if (version >= PROFILE_MARKS_BINARY)
		add_binary_mark(facts, mark);
}

static void
set_transport(const struct rendering_parts *r, struct journal_rendering *ret)
{
	bool has_utf8_address = !text_is_ascii(span_of(r->intake)) ||
				!text_is_ascii(span_of(r->profile->mail_from));

	ret->form = r->carry.is_attached ? JOURNAL_BODY_BASE64 : JOURNAL_BODY_AS_IS;
	ret->must_use_bdat = r->carry.must_use_bdat;
	ret->needs_smtputf8 = r->carry.is_global || has_utf8_address;
	ret->body = SMTP_BODY_7BIT;
	if (r->carry.is_binary)
		ret->body = SMTP_BODY_BINARYMIME;
	else if (!text_is_ascii(buf_span(&ret->head)) ||
		 (!r->carry.is_attached && (r->facts->facts & MIME_HAS_8BIT) != 0))
		ret->body = SMTP_BODY_8BITMIME;
	uint64_t body = r->facts->size;
	if (ret->form == JOURNAL_BODY_BASE64)
		body = mime_base64_encoded_size(body);
	ret->size = ret->head.n + body + ret->tail.n;
}

static int
render(struct rendering_parts *r, struct journal_rendering *ret, struct err *e)
{
	if (r->profile->format == JOURNAL_FORMAT_BCC && !r->carry.is_attached)
		header_write_facts(r, &ret->head);
	else
		write_multipart(r, &ret->head, &ret->tail);
	if (ret->head.failed || ret->tail.failed || r->report.failed)
		return err_set(e, ERR_MEMORY, 0, "no memory to render a journal");
	set_transport(r, ret);
	return 0;
}

int
journal_render(const char *profile, const struct spool_journal *j, const char *intake,
	       const uint8_t *secret, struct journal_rendering *ret, struct err *e)
{
	struct profile p;

	if (profile_parse(profile, &p, e) != 0)
		return -1;
	size_t head_max = HEAD_MAX + j->message->n_recipients * HEAD_PER_RECIPIENT_MAX;
	struct rendering_parts r = {
		.profile = &p,
		.journal = j,
		.facts = spool_body_facts(j->body),
		.intake = intake,
	};
	struct journal_rendering made = { .form = JOURNAL_BODY_AS_IS };
	uid_format(&j->uid, r.uid);
	if (hmac_tag(secret, span_of(r.uid), r.tag, e) != 0)
		return -1;
	r.carry = carry_decide(&p, r.facts->facts, r.facts->header_size);
	set_mark(&r.carry, r.facts->facts, p.version, made.mark);
	snprintf(made.mail_from, sizeof(made.mail_from), "%s", p.mail_from);
	made.is_held = r.carry.is_held;
	r.mark = made.mark;
	buf_init(&r.report, head_max);
	buf_init(&made.head, head_max);
	buf_init(&made.tail, 256);
	int result = made.is_held ? 0 : render(&r, &made, e);
	buf_done(&r.report);
	if (result != 0)
		journal_rendering_done(&made);
	else
		*ret = made;
	return result;
}

void
journal_rendering_done(struct journal_rendering *r)
{
	buf_done(&r->head);
	buf_done(&r->tail);
}

int
journal_message_id(const struct spool_journal *j, const char *hostname, struct buf *ret)
{
	char uid[UID_TEXT_MAX];

	uid_format(&j->uid, uid);
	return buf_printf(ret, "<%s@%s>", uid, hostname);
}

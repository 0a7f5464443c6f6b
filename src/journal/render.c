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
	HEAD_USUAL = 2048, /* one allocation for nearly all    */
	SCRATCH_KEPT_MAX = 65536,
	REPORT_LINE_MAX = 998, /* RFC 5322 2.1.1                   */
	MARKED_BINARY = MIME_HAS_NUL | MIME_HAS_BARE_CR | MIME_HAS_BARE_LF,
};

static bool
has_long_line(struct span text)
{
	while (text.n > REPORT_LINE_MAX + 1) { /* the CR counts here */
		const char *lf = memchr(text.p, '\n', REPORT_LINE_MAX + 2);
		if (lf == NULL)
			return true;
		text = span_skip(text, (size_t)(lf + 1 - text.p));
	}
	return false;
}

static void
write_boundary(const struct rendering_parts *r, const char *before, const char *after,
	       struct buf *out)
{
	buf_append_text(out, before);
	buf_append(out, r->uid, UID_TEXT_MAX - 1);
	buf_append_text(out, after);
}

static void
write_report_part(const struct rendering_parts *r, struct buf *out)
{
	struct span report = buf_span(&r->writer->report);

	write_boundary(r, "--tdc-",
		       "\r\nContent-Type: text/plain; charset=utf-8\r\n"
		       "Content-Transfer-Encoding: ",
		       out);
	buf_append_text(out, r->report_is_base64 ? "base64"
			     : r->report_is_8bit ? "8bit"
						 : "7bit");
	buf_append(out, "\r\n\r\n", 4);
	if (!r->report_is_base64) {
		buf_append_span(out, report);
		return;
	}
	struct mime_base64 b;
	mime_base64_init(&b);
	mime_base64_encode(&b, report, out);
	mime_base64_finish(&b, out);
}

static void
write_original_header(const struct rendering_parts *r, struct buf *out)
{
	write_boundary(r, "\r\n--tdc-", "\r\n", out);
	if (r->carry.is_attached) {
		write_boundary(r, "Content-Type: application/octet-stream; name=\"",
			       ".eml\"\r\nContent-Transfer-Encoding: base64\r\n", out);
		write_boundary(r, "Content-Disposition: attachment; filename=\"",
			       ".eml\"\r\n\r\n", out);
		return;
	}
	buf_append_text(out, "Content-Type: message/");
	buf_append_text(out, r->carry.is_global ? "global" : "rfc822");
	buf_append_text(out, "\r\nContent-Transfer-Encoding: ");
	buf_append_text(out, encoding_of_original(r));
	buf_append(out, "\r\n\r\n", 4);
}

static void
write_multipart(struct rendering_parts *r, struct buf *head, struct buf *tail)
{
	struct buf *report = &r->writer->report;

	report_write(r->journal, report);
	r->report_is_8bit = !text_is_ascii(buf_span(report));
	r->report_is_base64 = (r->report_is_8bit &&
			       (r->profile->extensions & SMTP_EXT_8BITMIME) == 0) ||
			      has_long_line(buf_span(report));
	buf_reserve(head, HEAD_USUAL);
	header_write_outer(r, head);
	write_report_part(r, head);
	write_original_header(r, head);
	write_boundary(r, "\r\n--tdc-", "--\r\n", tail);
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
	if (ret->head.failed || ret->tail.failed || r->writer->report.failed)
		return err_set(e, ERR_MEMORY, 0, "no memory to render a journal");
	set_transport(r, ret);
	return 0;
}

/* Of a message with very many recipients nothing is kept. */
static void
tidy(struct buf *b)
{
	if (b->cap > SCRATCH_KEPT_MAX)
		buf_done(b);
	buf_clear(b);
}

int
journal_render(struct journal_renderer *w, const char *profile,
	       const struct spool_journal *j, const char *intake,
	       struct journal_rendering *ret, struct err *e)
{
	const struct profile *p = renderer_profile(w, profile, e);
	struct profile of_released;

	if (p == NULL)
		return -1;
	if (j->is_released) {
		of_released = *p;
		profile_let_go(&of_released);
		p = &of_released;
	}
	size_t head_max = HEAD_MAX + j->message->n_recipients * HEAD_PER_RECIPIENT_MAX;
	struct rendering_parts r = {
		.writer = w,
		.profile = p,
		.journal = j,
		.facts = spool_body_facts(j->body),
		.intake = intake,
	};
	uid_format(&j->uid, r.uid);
	if (hmac_key_tag(w->key, span_of(r.uid), r.tag, e) != 0)
		return -1;
	struct journal_rendering made = { .form = JOURNAL_BODY_AS_IS };
	r.carry = carry_decide(p, r.facts->facts, r.facts->header_size);
	set_mark(&r.carry, r.facts->facts, p->version, made.mark);
	memcpy(made.mail_from, p->mail_from, strlen(p->mail_from) + 1);
	made.is_held = r.carry.is_held;
	r.mark = made.mark;
	w->report.max = w->list.max = head_max;
	buf_init(&made.head, head_max);
	buf_init(&made.tail, 256);
	int result = made.is_held ? 0 : render(&r, &made, e);
	tidy(&w->report);
	tidy(&w->list);
	tidy(&w->clean);
	if (result != 0)
		journal_rendering_done(&made);
	else
		*ret = made;
	return result;
}

_Static_assert(sizeof(((struct journal_rendering *)0)->mail_from) ==
		       sizeof(((struct profile *)0)->mail_from),
	       "the envelope sender fits");

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

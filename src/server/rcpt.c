/*
 * rcpt.c - RCPT: where the envelope's recipients come from.
 *
 *   user=domain@QUEUE   a copy that names its recipient (recipient_bcc_maps): decoded
 *   any@QUEUE           a copy that does not (always_bcc): the header is read
 *   anything else       a recipient
 *
 * No recipient is refused for what it is: who is journaled is the policy's business.
 */
#include "session_inside.h"

#include "envelope_memory.h"
#include "mail_log.h"

#include "tdc/smtp/address.h"

enum { ORCPT_MAX = 64 * 1024 }; /* the longest command line */

static bool
is_queue_domain(const struct session *s, struct span domain)
{
	if (domain.n > 0 && domain.p[domain.n - 1] == '.')
		domain.n--;
	return span_equal_nocase(domain, span_of(s->config->queue_domain));
}

/* "rfc822;a+2Bb@c" -> "rfc822;a+b@c"; what cannot be decoded stays as it came. */
static struct span
orcpt_decode(struct span orcpt, struct buf *ret)
{
	const char *semicolon = orcpt.n == 0 ? NULL : memchr(orcpt.p, ';', orcpt.n);

	if (semicolon == NULL)
		return orcpt;
	size_t type = (size_t)(semicolon - orcpt.p) + 1;
	struct buf value;
	buf_init(&value, ORCPT_MAX);
	bool ok = smtp_xtext_decode(span_skip(orcpt, type), &value) == 0 &&
		  buf_append(ret, orcpt.p, type) == 0 &&
		  buf_append_span(ret, buf_span(&value)) == 0;
	buf_done(&value);
	return ok ? buf_span(ret) : orcpt;
}

static int
recipient_add(struct session *s, const struct smtp_command *c, struct span address,
	      enum recipient_source source)
{
	struct spool_message *m = s->transaction->message;
	struct buf orcpt;

	buf_init(&orcpt, ORCPT_MAX);
	int r = spool_message_add_recipient(m, address, orcpt_decode(c->orcpt, &orcpt),
					    c->notify, source);
	buf_done(&orcpt);
	if (r == 0)
		mail_log_recipient(s, m->n_recipients - 1);
	return r;
}

static int
recipient_take(struct session *s, const struct smtp_command *c)
{
	struct transaction *t = s->transaction;
	struct buf decoded;
	int r;

	if (!is_queue_domain(s, c->address.domain))
		return recipient_add(s, c, c->address.whole, RECIPIENT_FROM_ENVELOPE);
	buf_init(&decoded, SMTP_ADDRESS_MAX);
	if (smtp_address_decode_copy(&c->address, &decoded) == 0) {
		r = recipient_add(s, c, buf_span(&decoded), RECIPIENT_FROM_COPY);
	} else {
		buf_clear(&t->copy_address);
		r = buf_append_span(&t->copy_address, c->address.whole);
	}
	buf_done(&decoded);
	return r;
}

enum verb_outcome
on_rcpt(struct session *s, const struct smtp_command *c)
{
	unsigned offered = s->is_esmtp ? SMTP_PARAMETER_NOTIFY | SMTP_PARAMETER_ORCPT : 0;
	struct transaction *t = s->transaction;

	if ((c->parameters & ~offered) != 0) {
		session_reply(s, REPLY_UNKNOWN_PARAMETER);
		return VERB_REFUSED;
	}
	if (t->accepted >= s->config->settings.recipients_max) {
		session_reply(s, REPLY_TOO_MANY_RECIPIENTS);
		return VERB_REFUSED;
	}
	if (!envelope_memory_take(s, c->address.whole, c->orcpt)) {
		session_reply(s, REPLY_NO_SPACE);
		return VERB_REFUSED;
	}
	if (recipient_take(s, c) != 0) {
		session_reply(s, REPLY_TROUBLE);
		return VERB_REFUSED;
	}
	t->accepted++;
	if (c->address.is_utf8)
		t->message->is_smtputf8 = true;
	session_reply(s, REPLY_RECIPIENT_OK);
	return VERB_ACCEPTED;
}

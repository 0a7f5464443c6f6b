/*
 * acceptance.c - the end of the data: what is known becomes a message, a decision and a
 * commit, and the commit's completion becomes the reply.
 */
#include "session_inside.h"

#include "mail_log.h"
#include "received.h"

#include "tdc/base/counter.h"
#include "tdc/base/fault.h"
#include "tdc/base/format.h"
#include "tdc/digest/hmac.h"
#include "tdc/mime/scan.h"
#include "tdc/mime/text.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	SUBJECT_MAX = 1024,
	FROM_MAX = 1024,
	MESSAGE_ID_MAX = 998,
};

/* ----------------------------------------------- what the message says */

/* Cut at `max`, never within a UTF-8 sequence. */
static struct span
cut(struct span value, size_t max)
{
	if (value.n <= max)
		return value;
	while (max > 0 && ((unsigned char)value.p[max] & 0xc0) == 0x80)
		max--;
	return span_make(value.p, max);
}

/* False: there is no encoded word in it, and no control byte, and it stays as it is. */
static bool
needs_decoding(struct span value)
{
	char last = ' ';

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if (c < ' ' || c == 0x7f || (c == '?' && last == '='))
			return true;
		last = value.p[i];
	}
	return false;
}

static int
decoded_set(char **field, struct span value, size_t max)
{
	struct buf decoded;

	buf_init(&decoded, (size_t)MIME_FIELD_MAX * 4);
	bool ok = mime_words_decode(value, &decoded) == 0;
	struct span text = cut(ok ? buf_span(&decoded) : value, max);
	int r = spool_message_set(field, text);
	buf_done(&decoded);
	return r;
}

/* A header value as UTF-8 text; bytes that are none become '?'. */
static int
text_set(char **field, struct span value, size_t max)
{
	if (value.n == 0)
		return 0;
	int r = needs_decoding(value) ? decoded_set(field, value, max)
				      : spool_message_set(field, cut(value, max));
	if (r != 0 || smtp_utf8_is_valid(span_of(*field)))
		return r;
	for (char *p = *field; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return 0;
}

/* always_bcc: nobody was named but the copy address, so the header is asked; the copy
 * address itself stays when that names nobody either. */
static int
recipients_from_header(struct session *s)
{
	struct transaction *t = s->transaction;
	const struct mime_scan *scan = t->ingest.scan;
	struct span none = span_make(NULL, 0);
	size_t n = mime_scan_recipient_count(scan);

	if (t->message->n_recipients > 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct span address = mime_scan_recipient(scan, i);
		if (spool_message_add_recipient(t->message, address, none, 0,
						RECIPIENT_FROM_HEADER) != 0)
			return -1;
		mail_log_recipient(s, i);
	}
	if (n > 0)
		return 0;
	if (spool_message_add_recipient(t->message, buf_span(&t->copy_address), none, 0,
					RECIPIENT_FROM_COPY) != 0)
		return -1;
	mail_log_recipient(s, 0);
	return 0;
}

/* Without XFORWARD the feeder's own trace field, the newest, tells who the client was. */
static int
client_from_received(struct session *s)
{
	struct spool_message *m = s->transaction->message;
	struct received_client client;
	const struct span *values;
	int failed = 0;

	if (s->transaction->is_forwarded ||
	    mime_scan_received_values(s->transaction->ingest.scan, &values) == 0 ||
	    !received_client_parse(values[0], &client))
		return 0;
	failed |= spool_message_set(&m->client_address, span_of(client.address));
	if (client.name.n > 0)
		failed |= spool_message_set(&m->client_name, client.name);
	if (client.helo.n > 0)
		failed |= spool_message_set(&m->helo, client.helo);
	return failed;
}

/*
 * The loop mark "ID TAG". Anybody can write the field; only a tag that this spool's
 * secret has made ends a loop, or a sender could keep its mail from the scanner. Any
 * other mark is none.
 */
static int
loop_mark_verify(struct session *s)
{
	struct transaction *t = s->transaction;
	struct span id = mime_scan_field(t->ingest.scan, MIME_LOOP_MARK);
	bool is_ours = false;
	size_t n = 0;

	if ((t->facts.facts & MIME_HAS_LOOP_MARK) == 0)
		return 0;
	while (n < id.n && id.p[n] != ' ' && id.p[n] != '\t')
		n++;
	struct span tag = span_trim(span_skip(id, n));
	id.n = n;
	if (hmac_tag_verify(s->secret, id, tag, &is_ours, NULL) != 0)
		return -1;
	if (is_ours)
		return 0;
	t->facts.facts &= ~(unsigned)MIME_HAS_LOOP_MARK;
	mail_log_foreign_mark(s);
	return 0;
}

static int
message_complete(struct session *s)
{
	struct transaction *t = s->transaction;
	const struct mime_scan *scan = t->ingest.scan;
	struct spool_message *m = t->message;
	struct span id = cut(mime_scan_field(scan, MIME_MESSAGE_ID), MESSAGE_ID_MAX);
	int failed = 0;

	m->accepted_at = s->clock->wall_ms(s->clock);
	failed |= text_set(&m->subject, mime_scan_field(scan, MIME_SUBJECT), SUBJECT_MAX);
	failed |= text_set(&m->header_from, mime_scan_field(scan, MIME_FROM), FROM_MAX);
	if (id.n > 0)
		failed |= spool_message_set(&m->message_id, id);
	failed |= client_from_received(s);
	failed |= recipients_from_header(s);
	failed |= loop_mark_verify(s);
	/* Without memory for all that the header says, nobody knows whose mail it is. */
	return failed != 0 || mime_scan_failed(scan) ? -1 : 0;
}

/* The policy's decision. Too many trace fields decide nothing, for a sender can write
 * them; what ends a loop is the mark. */
static void
message_plan(struct session *s)
{
	struct transaction *t = s->transaction;
	unsigned received = mime_scan_received_count(t->ingest.scan);

	if (received > s->config->settings.received_max)
		mail_log_many_received(s, received);
	t->n_plans = s->ops->decide(s->host, t->message, &t->facts,
				    mime_scan_names(t->ingest.scan), t->plans);
	for (size_t i = 0; i < t->n_plans; i++) {
		t->plans[i].mid = s->ops->next_mid(s->host);
		mail_log_plan(s, &t->plans[i]);
	}
}

/* ------------------------------------------------------------------ the end of data */

enum reply
acceptance_obstacle(const struct session *s)
{
	const struct transaction *t = s->transaction;
	bool has_bare = t->decoder.has_bare_cr || t->decoder.has_bare_lf;

	if (t->ingest.is_too_large)
		return REPLY_TOO_LARGE;
	if (t->ingest.trouble.kind != ERR_NONE)
		return reply_for_trouble(&t->ingest.trouble);
	if (has_bare && s->config->settings.bare_line_ends == BARE_REFUSE)
		return REPLY_BARE_LINE_END;
	return REPLY_QUEUED;
}

/* RFC 2033 4.3: a chunk in front of the last one has one reply, whoever it is for. */
void
acceptance_refuse(struct session *s, enum reply r)
{
	bool is_early = s->state == ST_CHUNK && !s->chunk.is_last;
	char maximum[32] = "";

	if (r == REPLY_TOO_LARGE)
		snprintf(maximum, sizeof(maximum), "%" PRIu64,
			 s->config->settings.message_size_max);
	else if (s->transaction->ingest.trouble.kind != ERR_NONE)
		mail_log_trouble(s, &s->transaction->ingest.trouble);
	if (is_early)
		session_reply_with(s, r, span_of(maximum));
	else
		session_reply_message(s, r, span_of(maximum));
	session_reset(s, reply_code(r) >= 500 ? "refused" : "deferred");
	session_after_command(s);
}

void
acceptance_begin(struct session *s)
{
	struct transaction *t = s->transaction;
	enum reply obstacle = acceptance_obstacle(s);

	fault_crash("server.after-data");
	if (obstacle != REPLY_QUEUED) {
		acceptance_refuse(s, obstacle);
		return;
	}
	ingest_finish(&t->ingest, &t->facts);
	if (message_complete(s) != 0) {
		err_set(&t->ingest.trouble, ERR_MEMORY, 0, "no memory for the message");
		acceptance_refuse(s, REPLY_TROUBLE);
		return;
	}
	mail_log_ready(s);
	message_plan(s);
	session_enter(s, ST_COMMIT);
	if (fault_is("server.early-250")) {
		session_reply_message(s, REPLY_QUEUED, span_of("a lie"));
		t->is_answered_early = true;
	}
	struct spool_draft *draft = t->ingest.draft;
	t->ingest.draft = NULL; /* the commit takes it */
	s->ops->commit(s->host, draft, t->message, &t->facts, t->plans, t->n_plans);
}

/* ------------------------------------------------------------------ the reply */

/*
 * When 250 is said.
 *
 * "250" after the final dot moves the responsibility for a message from the sender to us
 * (RFC 5321 4.2.5 and 6.1). The sender deletes its copy, and most senders here made that
 * copy for us alone: if we lose it, nobody will ever notice. So this function is the only
 * place in the program that says it, and it is called from one place only, the completion
 * of spool_commit(): rows committed, body and journal synced, the message survives kill
 * -9 and power loss from now on.
 *
 * Before this instant nothing was promised. If the process dies, the client sees a broken
 * connection and sends again; the draft leaves nothing behind. Behind it, everything is
 * ours: if the process dies between the commit and the reply, or the reply is lost on its
 * way, the client sends again and the message is journaled twice. That window cannot be
 * closed (RFC 1047); it is kept small by doing nothing between the completion and the
 * reply but writing lines into the log. A client that is gone already changes nothing:
 * the message is kept and delivered, as it would be if the reply had been lost.
 *
 * A commit that failed kept nothing, and is our trouble whatever its reason: 4xx, and the
 * client comes back. There is no error of ours that a 5xx would be the right answer to.
 *
 * No input is used while the commit runs, so that the reply of a pipelined command cannot
 * overtake this one.
 */
void
session_committed(struct session *s, const struct err *e)
{
	struct transaction *t = s->transaction;
	char mid[FORMAT_NUMBER_MAX];

	format_number(t->message->mid, mid);
	if (e == NULL) {
		mail_log_queued(s);
		counter_add(COUNTER_MESSAGES_IN, 1);
		counter_add(COUNTER_BYTES_IN, t->facts.size);
		fault_crash("server.before-250");
		if (!t->is_answered_early && !s->is_lost)
			session_reply_message(s, REPLY_QUEUED, span_of(mid));
	} else {
		mail_log_trouble(s, e);
		if (!t->is_answered_early && !s->is_lost)
			session_reply_message(s, reply_for_trouble(e),
					      span_make(NULL, 0));
	}
	session_reset(s, e == NULL ? NULL : "deferred");
	if (s->is_lost)
		session_enter(s, ST_CLOSED);
	session_after_command(s);
}

/*
 * message.c - messages, journals and their words.
 */
#include "tdc/store/spool.h"

#include "tdc/base/check.h"

#include <stdlib.h>

/* The words as the database and the views have them. */
static const char *const state_names[JOURNAL_STATE_COUNT] = {
	[JOURNAL_WAITING] = "waiting", [JOURNAL_UNCERTAIN] = "uncertain",
	[JOURNAL_HELD] = "held",       [JOURNAL_DELIVERED] = "delivered",
	[JOURNAL_DEAD] = "dead",       [JOURNAL_QUARANTINED] = "quarantined",
};
static const char *const kind_names[] = {
	[JOURNAL_KIND_JOURNAL] = "journal",
	[JOURNAL_KIND_REPLAY] = "replay",
	[JOURNAL_KIND_FORWARD] = "forward",
};
static const char *const source_names[MESSAGE_SOURCE_COUNT] = {
	[MESSAGE_FROM_SMTP] = "smtp",       [MESSAGE_FROM_LMTP] = "lmtp",
	[MESSAGE_FROM_MILTER] = "milter",   [MESSAGE_FROM_REPLAY] = "replay",
	[MESSAGE_FROM_FORWARD] = "forward",
};
static const char *const ret_names[MESSAGE_RET_COUNT] = {
	[MESSAGE_RET_HDRS] = "hdrs",
	[MESSAGE_RET_FULL] = "full",
};
static const char *const recipient_names[] = {
	[RECIPIENT_FROM_ENVELOPE] = "envelope",
	[RECIPIENT_FROM_COPY] = "copy",
	[RECIPIENT_FROM_HEADER] = "header",
};
static const char *const place_names[] = {
	[BODY_INLINE] = "inline",
	[BODY_SEGMENT] = "segment",
	[BODY_FILE] = "file",
};
static const char *const drop_names[DROP_REASON_COUNT] = {
	[DROP_NONE] = "none",           [DROP_POLICY] = "policy",
	[DROP_DIRECTION] = "direction", [DROP_ROUTE] = "route",
	[DROP_DUPLICATE] = "duplicate", [DROP_LOOP] = "loop",
};

const char *
journal_state_name(enum journal_state s)
{
	check(s < JOURNAL_STATE_COUNT);
	return state_names[s];
}

int
journal_state_parse(struct span text, enum journal_state *ret)
{
	for (int i = 0; i < JOURNAL_STATE_COUNT; i++)
		if (span_equal(text, span_of(state_names[i]))) {
			*ret = (enum journal_state)i;
			return 0;
		}
	return -1;
}

const char *
journal_kind_name(enum journal_kind k)
{
	return kind_names[k];
}

const char *
message_source_name(enum message_source s)
{
	check(s < MESSAGE_SOURCE_COUNT);
	return source_names[s];
}

const char *
message_ret_name(enum message_ret r)
{
	check(r < MESSAGE_RET_COUNT);
	return ret_names[r];
}

const char *
recipient_source_name(enum recipient_source s)
{
	return recipient_names[s];
}

const char *
body_place_name(enum body_place p)
{
	return place_names[p];
}

const char *
drop_reason_name(enum drop_reason r)
{
	check(r < DROP_REASON_COUNT);
	return drop_names[r];
}

/* -- messages -- */

struct spool_message *
spool_message_new(void)
{
	struct spool_message *m = calloc(1, sizeof(*m));
	if (m != NULL)
		m->refs = 1;
	return m;
}

struct spool_message *
spool_message_ref(struct spool_message *m)
{
	m->refs++;
	return m;
}

void
spool_message_unref(struct spool_message *m)
{
	if (m == NULL || --m->refs > 0)
		return;
	for (size_t i = 0; i < m->n_recipients; i++) {
		free(m->recipients[i].address);
		free(m->recipients[i].orcpt);
	}
	free(m->recipients);
	char *const fields[] = { m->sender,         m->envid,       m->listener,
				 m->client_address, m->client_name, m->helo,
				 m->protocol,       m->queue_id,    m->forward_source,
				 m->subject,        m->message_id,  m->header_from };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		free(fields[i]);
	free(m);
}

int
spool_message_set(char **field, struct span value)
{
	char *copy = malloc(value.n + 1);
	if (copy == NULL)
		return -1;
	if (value.n > 0)
		memcpy(copy, value.p, value.n);
	copy[value.n] = '\0';
	free(*field);
	*field = copy;
	return 0;
}

int
spool_message_add_recipient(struct spool_message *m, struct span address,
			    struct span orcpt, unsigned notify,
			    enum recipient_source source)
{
	/* Grows at the powers of two: the capacity need not be kept. */
	if ((m->n_recipients & (m->n_recipients - 1)) == 0) {
		size_t cap = m->n_recipients == 0 ? 1 : m->n_recipients * 2;
		struct message_recipient *grown =
			realloc(m->recipients, cap * sizeof(*grown));
		if (grown == NULL)
			return -1;
		m->recipients = grown;
	}
	struct message_recipient r = { .notify = notify, .source = source };
	if (spool_message_set(&r.address, address) != 0)
		return -1;
	if (orcpt.p != NULL && spool_message_set(&r.orcpt, orcpt) != 0) {
		free(r.address);
		return -1;
	}
	m->recipients[m->n_recipients++] = r;
	return 0;
}

/* -- journals -- */

static size_t
text_memory(const char *const *texts, size_t n)
{
	enum { BLOCK = 16 }; /* what malloc() adds, about */
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		if (texts[i] != NULL)
			bytes += strlen(texts[i]) + 1 + BLOCK;
	return bytes;
}

static size_t
message_memory(const struct spool_message *m)
{
	const char *const fields[] = {
		m->sender,      m->envid,          m->listener,   m->client_address,
		m->client_name, m->helo,           m->protocol,   m->queue_id,
		m->subject,     m->forward_source, m->message_id, m->header_from
	};
	size_t bytes = sizeof(*m) + m->n_recipients * sizeof(*m->recipients) +
		       text_memory(fields, sizeof(fields) / sizeof(fields[0]));

	for (size_t i = 0; i < m->n_recipients; i++) {
		const char *const texts[] = { m->recipients[i].address,
					      m->recipients[i].orcpt };
		bytes += text_memory(texts, 2);
	}
	return bytes;
}

size_t
spool_journal_memory(const struct spool_journal *j)
{
	const char *const fields[] = { j->policy, j->profile,     j->last_reply, j->tls,
				       j->rids,   j->destination, j->reason };

	return sizeof(*j) + text_memory(fields, sizeof(fields) / sizeof(fields[0])) +
	       (j->message == NULL ? 0 : message_memory(j->message));
}

void
spool_journal_free(struct spool_journal *j)
{
	if (j == NULL)
		return;
	spool_message_unref(j->message);
	spool_body_unref(j->body);
	char *const fields[] = { j->policy, j->profile,     j->last_reply, j->tls,
				 j->rids,   j->destination, j->reason };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		free(fields[i]);
	free(j);
}

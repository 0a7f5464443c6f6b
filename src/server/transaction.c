/*
 * transaction.c - beginning and end of mail transactions, and the pool of their objects.
 */
#include "transaction.h"

#include "envelope_memory.h"
#include "mail_log.h"
#include "session_inside.h"
#include "xforward.h"

#include "tdc/base/check.h"
#include "tdc/smtp/address.h"

#include <stdlib.h>

enum {
	POOL_MAX = 32,
	ENVID_MAX = 64 * 1024, /* the longest command line */
};

void
transaction_pool_init(struct transaction_pool *p)
{
	list_init(&p->idle);
}

static void
transaction_free(struct transaction *t)
{
	ingest_done(&t->ingest);
	buf_done(&t->copy_address);
	free(t);
}

void
transaction_pool_done(struct transaction_pool *p)
{
	struct list_node *n;

	while ((n = list_first(&p->idle)) != NULL) {
		list_remove(&p->idle, n);
		transaction_free(list_entry(n, struct transaction, node));
	}
}

static struct transaction *
pool_take(struct transaction_pool *p, uint64_t header_max, struct err *e)
{
	struct list_node *n = list_first(&p->idle);

	if (n != NULL) {
		list_remove(&p->idle, n);
		return list_entry(n, struct transaction, node);
	}
	struct transaction *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		err_set(e, ERR_MEMORY, 0, "no memory for a transaction");
		return NULL;
	}
	buf_init(&t->copy_address, SMTP_ADDRESS_MAX);
	if (ingest_init(&t->ingest, header_max, e) != 0) {
		free(t);
		return NULL;
	}
	return t;
}

static void
pool_give(struct transaction_pool *p, struct transaction *t)
{
	if (p->idle.count < POOL_MAX)
		list_prepend(&p->idle, &t->node);
	else
		transaction_free(t);
}

/* What is known before the data: the MAIL command, and the client. */
static int
message_fill(struct session *s, struct spool_message *m, const struct smtp_command *c)
{
	int failed = 0;

	m->mid = s->ops->next_mid(s->host);
	m->icid = s->icid;
	m->source = s->config->settings.protocol == SERVER_LMTP ? MESSAGE_FROM_LMTP
								: MESSAGE_FROM_SMTP;
	m->is_smtputf8 =
		(c->parameters & SMTP_PARAMETER_SMTPUTF8) != 0 || c->address.is_utf8;
	m->is_8bitmime = c->body == SMTP_BODY_8BITMIME;
	m->is_binarymime = c->body == SMTP_BODY_BINARYMIME;
	if ((c->parameters & SMTP_PARAMETER_RET) != 0)
		m->ret = c->ret_full ? MESSAGE_RET_FULL : MESSAGE_RET_HDRS;
	failed |= spool_message_set(&m->sender, c->address.whole);
	failed |= spool_message_set(&m->listener, span_of(s->config->settings.name));
	if ((c->parameters & SMTP_PARAMETER_ENVID) != 0) {
		struct buf envid;
		buf_init(&envid, ENVID_MAX);
		/* One that cannot be decoded is kept as it came: it is not worth a
		 * message. */
		bool ok = smtp_xtext_decode(c->envid, &envid) == 0;
		failed |= spool_message_set(&m->envid, ok ? buf_span(&envid) : c->envid);
		buf_done(&envid);
	}
	failed |= session_client_facts(s, m);
	return failed;
}

int
transaction_begin(struct session *s, const struct smtp_command *c, struct err *e)
{
	const struct server_listener_settings *set = &s->config->settings;
	struct transaction *t;

	check(s->transaction == NULL);
	t = pool_take(&s->config->transactions, set->header_size_max, e);
	if (t == NULL)
		return -1;
	t->accepted = 0;
	t->body = c->body;
	t->n_plans = 0;
	t->is_answered_early = false;
	t->is_forwarded = s->forward != NULL;
	t->has_deferral = t->has_refusal = t->is_data_refused = false;
	buf_clear(&t->copy_address);
	smtp_data_decoder_init(&t->decoder);
	t->message = spool_message_new();
	if (t->message == NULL || message_fill(s, t->message, c) != 0)
		err_set(e, ERR_MEMORY, 0, "no memory for a message's envelope");
	else if (ingest_start(&t->ingest, s->ops, s->host, c->size, set->message_size_max,
			      e) == 0) {
		s->transaction = t;
		return 0;
	}
	spool_message_unref(t->message);
	t->message = NULL;
	pool_give(&s->config->transactions, t);
	return -1;
}

void
transaction_note_reply(struct transaction *t, enum smtp_verb verb, bool is_of_data,
		       int code)
{
	bool is_deferral = code >= 400 && code < 500;

	t->has_deferral = t->has_deferral || (is_deferral && verb == SMTP_RCPT);
	t->has_refusal = t->has_refusal || code >= 500;
	if (is_of_data)
		t->is_data_refused = code >= 500;
}

static bool
is_refused(const struct transaction *t)
{
	bool is_nobody_left = t->accepted == 0 && t->has_refusal && !t->has_deferral;

	return t->is_data_refused || is_nobody_left;
}

void
transaction_end(struct session *s, const char *why)
{
	struct transaction *t = s->transaction;

	if (t == NULL)
		return;
	if (why != NULL) {
		mail_log_aborted(s, why);
		if (is_refused(t))
			session_count_refused(s);
	}
	envelope_memory_give_back(s);
	s->transaction = NULL;
	ingest_abandon(&t->ingest);
	spool_message_unref(t->message);
	t->message = NULL;
	pool_give(&s->config->transactions, t);
	/* As Postfix has it, XFORWARD is good for one mail transaction. */
	xforward_forget(s);
}

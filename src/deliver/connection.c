/*
 * connection.c - the states of a connection, its life, and its deadlines.
 */
#include "connection.h"
#include "report.h"

#include "tdc/base/check.h"
#include "tdc/loop/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { QUIT_TIMEOUT_MS = 5000 };

#define IN(state) (1u << CONNECTION_##state)
#define ANEW      (IN(RESOLVING) | IN(CONNECTING) | IN(CLOSED))
static const struct {
	const char *name;
	unsigned next; /* the legal edges */
} states[CONNECTION_STATE_COUNT] = {
	[CONNECTION_RESOLVING] = { "resolving", ANEW },
	[CONNECTION_CONNECTING] = { "connecting", IN(GREETING) | ANEW },
	[CONNECTION_GREETING] = { "greeting", IN(EHLO) | ANEW },
	[CONNECTION_EHLO] = { "ehlo", IN(STARTTLS) | ANEW },
	[CONNECTION_STARTTLS] = { "starttls", IN(HANDSHAKE) | ANEW },
	[CONNECTION_HANDSHAKE] = { "handshake", IN(EHLO_TLS) | ANEW },
	[CONNECTION_EHLO_TLS] = { "ehlo-tls", IN(PROFILE) | IN(QUITTING) | ANEW },
	[CONNECTION_PROFILE] = { "profile", IN(IDLE) | IN(QUITTING) | IN(CLOSED) },
	[CONNECTION_IDLE] = { "idle",
			      IN(BUSY) | IN(PROFILE) | IN(QUITTING) | IN(CLOSED) },
	[CONNECTION_BUSY] = { "busy",
			      IN(IDLE) | IN(PROFILE) | IN(QUITTING) | IN(CLOSED) },
	[CONNECTION_QUITTING] = { "quitting", IN(CLOSED) },
	[CONNECTION_CLOSED] = { "closed", 0 },
};

const char *
connection_state_name(enum connection_state s)
{
	return states[s].name;
}

bool
connection_edge_is_legal(enum connection_state from, enum connection_state to)
{
	return (states[from].next & (1u << to)) != 0;
}

void
connection_enter(struct connection *c, enum connection_state to)
{
	struct destination *x = c->destination;

	check(connection_edge_is_legal(c->state, to));
	list_remove(c->state == CONNECTION_IDLE ? &x->idle : &x->busy, &c->node);
	c->state = to;
	if (to == CONNECTION_IDLE)
		list_prepend(
			&x->idle,
			&c->node); /* the one used last is warm; the others time out */
	else if (to != CONNECTION_CLOSED)
		list_append(&x->busy, &c->node);
}

void
connection_open(struct destination *x)
{
	struct deliver *d = x->deliver;
	struct connection *c = calloc(1, sizeof(*c));
	struct err e;

	if (c == NULL) {
		err_set(&e, ERR_MEMORY, 0, "no memory for a connection");
		deliver_pause(d, &e);
		return;
	}
	c->deliver = d;
	c->destination = x;
	c->dcid = ++d->next_dcid;
	c->generation = d->generation;
	c->failures_then = x->failures;
	transaction_init(&c->transaction);
	list_append(&x->busy, &c->node);
	d->n_connections++;
	attempt_begin(c);
}

static void
connection_free(void *p)
{
	struct connection *c = p;

	transaction_done(&c->transaction);
	free(c->profile);
	free(c);
}

void
connection_close(struct connection *c)
{
	struct deliver *d = c->deliver;

	if (c->state == CONNECTION_CLOSED)
		return;
	check(c->transaction.item == NULL);
	if (c->profile != NULL)
		report_closed(c);
	connection_enter(c, CONNECTION_CLOSED);
	if (c->query != NULL)
		dns_query_cancel(c->query);
	if (c->connecting != NULL)
		connecting_cancel(c->connecting);
	dialogue_end(&c->dialogue);
	if (c->stream != NULL) {
		/*
		 * A close would try to send what is queued; it might be the end of a
		 * journal.
		 */
		if (stream_output_queued(c->stream) > 0)
			shutdown(stream_fd(c->stream), SHUT_RDWR);
		stream_close(c->stream);
	}
	c->query = NULL;
	c->connecting = NULL;
	c->stream = NULL;
	d->n_connections--;
	loop_defer_free(d->loop, c, connection_free);
	deliver_wake(d);
	deliver_check_stopped(d);
}

void
connection_say_quit(struct connection *c)
{
	static const char quit[] = "QUIT\r\n";

	dialogue_send(&c->dialogue, COMMAND_QUIT, quit, sizeof(quit) - 1);
	connection_arm(c);
}

void
connection_quit(struct connection *c)
{
	if (c->dialogue.count > 0 || !dialogue_is_clean(&c->dialogue)) {
		connection_close(c);
		return;
	}
	connection_enter(c, CONNECTION_QUITTING);
	connection_say_quit(c);
}

unsigned
connection_messages_max(const struct connection *c)
{
	unsigned max = destination_controls(c->destination)->messages_per_connection;
	unsigned stated = c->capabilities.mail_max;

	return stated > 0 && stated < max ? stated : max;
}

bool
connection_is_outdated(const struct connection *c)
{
	return c->generation != c->deliver->generation ||
	       (c->destination->bdat == BDAT_REFUSED &&
		(c->capabilities.extensions & SMTP_EXT_CHUNKING) != 0);
}

bool
connection_is_current(const struct connection *c)
{
	return c->generation == c->deliver->generation &&
	       c->failures_then == c->destination->failures;
}

void
connection_ready(struct connection *c)
{
	bool is_used_up = c->messages >= connection_messages_max(c);

	if (is_used_up || c->deliver->is_stopping || connection_is_outdated(c))
		connection_quit(c);
	else
		connection_profile_turn(c);
}

void
connection_profile_turn(struct connection *c)
{
	bool is_free = destination_takes_profile(c->destination, c->profile);

	if (!is_free && c->state == CONNECTION_PROFILE)
		return;
	/* The second EHLO leads through PROFILE in any case. */
	if (!is_free || c->state == CONNECTION_EHLO_TLS)
		connection_enter(c, CONNECTION_PROFILE);
	if (is_free)
		connection_enter(c, CONNECTION_IDLE);
	connection_arm(c);
	deliver_wake(c->deliver);
}

/* ------------------------------------------------------------------ time */

static int64_t
reply_timeout(const struct destination_controls *k, enum command next)
{
	/* RFC 5321 4.5.3.2. */
	const int64_t timeouts[COMMAND_COUNT + 1] = {
		[COMMAND_GREETING] = k->greeting_timeout_ms,
		[COMMAND_EHLO] = k->ehlo_timeout_ms,
		[COMMAND_STARTTLS] = k->starttls_timeout_ms,
		[COMMAND_MAIL] = k->mail_timeout_ms,
		[COMMAND_RCPT] = k->rcpt_timeout_ms,
		[COMMAND_DATA] = k->data_timeout_ms,
		[COMMAND_BDAT] = k->final_timeout_ms,
		[COMMAND_CONTENT] = k->final_timeout_ms,
		[COMMAND_QUIT] = QUIT_TIMEOUT_MS,
		[COMMAND_COUNT] = k->mail_timeout_ms, /* nothing is owed */
	};
	return timeouts[next];
}

void
connection_arm(struct connection *c)
{
	const struct destination_controls *k = destination_controls(c->destination);
	const struct transaction *t = &c->transaction;
	enum command next = dialogue_next(&c->dialogue);
	bool is_final = next == COMMAND_CONTENT || next == COMMAND_BDAT;
	int64_t ms = reply_timeout(k, next);

	if (c->stream == NULL)
		return;
	if (c->state == CONNECTION_HANDSHAKE)
		ms = k->starttls_timeout_ms;
	else if (c->state == CONNECTION_PROFILE)
		ms = 0; /* we wait for ourselves */
	else if (c->state == CONNECTION_IDLE)
		ms = k->idle_timeout_ms;
	else if (t->is_reading)
		ms = 0; /* for our own disk */
	else if (t->is_proof_awaited)
		ms = k->final_timeout_ms; /* BDAT's reply may come before QUIT's */
	else if (is_final && (!t->is_all_queued || stream_output_queued(c->stream) > 0))
		ms = k->block_timeout_ms;
	stream_set_deadline(c->stream, ms);
}

void
connection_set_tls_text(struct connection *c)
{
	const struct tls_facts *f = &c->tls_facts;
	char text[TLS_TEXT_MAX];

	tls_facts_format(f, text, sizeof(text));
	snprintf(c->tls, sizeof(c->tls), "%s %s%s", text,
		 f->is_verified ? "verified " : "not verified",
		 f->is_verified ? f->peer_name : "");
	snprintf(c->destination->last_tls, sizeof(c->destination->last_tls), "%s",
		 c->tls);
}

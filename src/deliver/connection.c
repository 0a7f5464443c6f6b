/*
 * connection.c - the states of a connection, its deadlines, and what happens when it
 * breaks.
 */
#include "connection.h"
#include "report.h"

#include "tdc/base/check.h"
#include "tdc/loop/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	QUIT_TIMEOUT_MS = 5000,
	LOSSES_MAX =
		3, /* then a journal that breaks connections is treated as the cause */
};

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
	transaction_init(&c->transaction);
	list_append(&x->busy, &c->node);
	d->n_connections++;
	establish_begin(c);
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
connection_quit(struct connection *c)
{
	static const char quit[] = "QUIT\r\n";

	if (c->dialogue.count > 0 || !dialogue_is_clean(&c->dialogue)) {
		connection_close(c);
		return;
	}
	connection_enter(c, CONNECTION_QUITTING);
	dialogue_send(&c->dialogue, COMMAND_QUIT, quit, sizeof(quit) - 1);
	connection_arm(c);
}

unsigned
connection_messages_max(const struct connection *c)
{
	unsigned max = destination_controls(c->destination)->messages_per_connection;
	unsigned stated = c->capabilities.mail_max;

	return stated > 0 && stated < max ? stated : max;
}

void
connection_ready(struct connection *c)
{
	bool is_used_up = c->messages >= connection_messages_max(c);

	if (is_used_up || c->deliver->is_stopping ||
	    c->generation != c->deliver->generation)
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

/* ------------------------------------------------------------------ the end */

static void
blame(struct connection *c, enum failure f, const struct err *why)
{
	/*
	 * Peers close a connection when they have had enough of it; the next one will do.
	 */
	if (f == FAILURE_CLOSED && c->messages > 0)
		return;
	destination_failed(c->destination, f, why);
}

void
connection_refused(struct connection *c, enum failure f, const struct err *why)
{
	struct item *i = transaction_finish(c);

	lane_put_back(i);
	blame(c, f, why);
	connection_quit(c);
}

static void
become_uncertain(struct connection *c, const struct err *why)
{
	struct outcome o;

	outcome_init(&o, OUTCOME_UNCERTAIN, NULL);
	o.was_attempted = true;
	o.next_at = loop_wall_ms(c->deliver->loop) +
		    destination_controls(c->destination)->uncertain_wait_ms;
	outcome_set_text(&o, "", why->text);
	outcome_record(c, c->transaction.item, &o);
	transaction_finish(c);
}

/*
 * The connection broke in the middle of a journal. Mostly that is the network; but a
 * journal that breaks every connection would block its destination for ever. So the
 * second time others go first, and when they were delivered meanwhile, it is the journal
 * that waits.
 */
static void
lose_journal(struct connection *c, enum failure f, const struct err *why)
{
	bool was_sending = c->transaction.is_head_sent;
	struct destination *x = c->destination;
	struct item *i = c->transaction.item;
	struct outcome o;

	report_broken_off(c, i, why);
	if (was_sending && i->losses++ == 0)
		i->delivered_then = x->delivered;
	if (was_sending && i->losses >= LOSSES_MAX && x->delivered != i->delivered_then) {
		outcome_init(&o, OUTCOME_SOFT, NULL);
		o.was_attempted = true;
		outcome_set_text(&o, "4.4.2", why->text);
		outcome_soft(c, i, &o);
		transaction_finish(c);
		return;
	}
	transaction_finish(c);
	if (i->losses > 1)
		lane_put_back_last(i);
	else
		lane_put_back(i);
	blame(c, was_sending ? FAILURE_BACK_OFF : f, why);
}

/*
 * A peer that ends a used connection in order (close_notify), while the next journal is on
 * its way in one flight, has read nothing of it: it would have answered MAIL first. The
 * journal goes over another connection at once, and nobody is to blame. A cut is another
 * matter: replies may have been lost with it.
 */
static bool
peer_had_left(const struct connection *c)
{
	return c->messages > 0 && dialogue_next(&c->dialogue) == COMMAND_MAIL &&
	       tls_ended_cleanly(c->stream);
}

void
connection_broke(struct connection *c, enum failure f, const struct err *why)
{
	if (c->state < CONNECTION_PROFILE) {
		establish_failed(c, f, why);
		return;
	}
	if (c->state == CONNECTION_PROFILE)
		blame(c, f, why);
	if (c->transaction.item != NULL && peer_had_left(c)) {
		lane_put_back(transaction_finish(c));
	} else if (c->transaction.item != NULL && transaction_is_uncertain(c)) {
		become_uncertain(c, why);
		blame(c, FAILURE_BACK_OFF, why);
	} else if (c->transaction.item != NULL) {
		lose_journal(c, f, why);
	}
	connection_close(c);
}

void
connection_wind_down(struct connection *c, enum connection_stop when)
{
	struct err e;

	if (c->transaction.item != NULL && transaction_is_uncertain(c)) {
		if (when == STOP_BEGINS)
			return;
		err_set(&e, ERR_SHUTDOWN, 0, "the daemon stopped before the reply came");
		become_uncertain(c, &e);
	} else if (c->transaction.item != NULL) {
		lane_put_back(transaction_finish(c));
	}
	bool is_polite = c->state == CONNECTION_IDLE || c->state == CONNECTION_PROFILE;
	if (when == STOP_BEGINS && is_polite)
		connection_quit(c);
	else if (when == STOP_IS_OVER || c->state != CONNECTION_QUITTING)
		connection_close(c);
}

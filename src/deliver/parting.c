/*
 * parting.c - the end of a connection that carries a journal: who is to blame, and what
 * becomes of the journal.
 */
#include "connection.h"
#include "outcome.h"
#include "report.h"

#include "tdc/loop/stream.h"

enum {
	LOSSES_MAX =
		3, /* then a journal that breaks connections is treated as the cause */
	DEPARTURES_MAX = 3, /* attempts after which a content left behind waits */
};

static void
blame(struct connection *c, enum failure f, const struct err *why)
{
	/*
	 * Peers close a connection when they have had enough of it; the next one will do.
	 */
	if (f == FAILURE_CLOSED && c->messages > 0)
		return;
	/* What a route of the past says is not held against the present one. */
	if (c->generation != c->deliver->generation)
		return;
	destination_failed(c->destination, f, why);
}

/*
 * It ended without a word. When it was under way as the destination failed it was lost
 * then, and its time-out comes when a probe has long shown better, or worse.
 */
void
connection_lost(struct connection *c, enum failure f, const struct err *why)
{
	if (connection_is_current(c))
		blame(c, f, why);
}

void
connection_refused(struct connection *c, enum failure f, const struct err *why)
{
	bool is_content_under_way = c->transaction.is_head_sent;
	struct item *i = transaction_finish(c);

	lane_put_back(i);
	blame(c, f, why);
	/* QUIT would stand behind a content that may be read as commands. */
	if (is_content_under_way)
		connection_close(c);
	else
		connection_quit(c);
}

static int64_t
uncertain_wait(const struct connection *c)
{
	return destination_controls(c->destination)->uncertain_wait_ms;
}

static void
become_uncertain(struct connection *c, int64_t wait_ms, const struct err *why)
{
	struct outcome o;

	outcome_init(&o, OUTCOME_UNCERTAIN, NULL);
	o.was_attempted = true;
	o.next_at = loop_wall_ms(c->deliver->loop) + wait_ms;
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
	connection_lost(c, was_sending ? FAILURE_BACK_OFF : f, why);
}

/*
 * A peer that ends a used connection in order (close_notify), without a word about the
 * next journal that is on its way in one flight, has most probably not read it: a limit
 * or an idle time of its own, crossing our MAIL. All that it ever said is here, unlike
 * after a cut, and it is not even a part of a reply. The journal goes over another
 * connection, and nobody is to blame.
 *
 * It is no proof. A server may keep its replies to the envelope back until the content
 * is there (RFC 2920 3.2), and what ends TLS in order may stand in front of a server that
 * just died. So a content that was sent whole may have been taken. Its final reply cannot
 * come any more, and that is where a second copy may be sent: of the same bytes. Hence
 * it is recorded as an uncertain one, with the profile that it was rendered with, and is
 * due at once: whatever comes in between, an operator's hand, a stop or a crash, finds
 * the doubt in its row. A journal whose whole content peers left behind again and again
 * waits as long as any uncertain one.
 */
static bool
peer_had_left(const struct connection *c)
{
	return c->messages > 0 && dialogue_next(&c->dialogue) == COMMAND_MAIL &&
	       dialogue_is_clean(&c->dialogue) && tls_ended_cleanly(c->stream);
}

void
connection_broke(struct connection *c, enum failure f, const struct err *why)
{
	if (c->state < CONNECTION_PROFILE) {
		attempt_failed(c, f, why);
		return;
	}
	if (c->state == CONNECTION_PROFILE)
		connection_lost(c, f, why);
	if (c->transaction.item == NULL) {
		connection_close(c);
		return;
	}
	bool is_uncertain = transaction_is_uncertain(c);
	if (peer_had_left(c) && !is_uncertain) {
		lane_put_back(transaction_finish(c));
	} else if (peer_had_left(c) &&
		   c->transaction.item->journal->attempts < DEPARTURES_MAX) {
		become_uncertain(c, 0, why);
	} else if (is_uncertain) {
		become_uncertain(c, uncertain_wait(c), why);
		connection_lost(c, FAILURE_BACK_OFF, why);
	} else {
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
		become_uncertain(c, uncertain_wait(c), &e);
	} else if (c->transaction.item != NULL) {
		lane_put_back(transaction_finish(c));
	}
	bool is_polite = c->state == CONNECTION_IDLE || c->state == CONNECTION_PROFILE;
	if (when == STOP_BEGINS && is_polite)
		connection_quit(c);
	else if (when == STOP_IS_OVER || c->state != CONNECTION_QUITTING)
		connection_close(c);
}

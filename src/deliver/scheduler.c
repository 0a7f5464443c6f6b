/*
 * scheduler.c - which journal goes to which connection, and when a connection is opened.
 *
 * Runs after every turn in which something happened, over lanes and destinations; both
 * are few. No attempt is made for a journal: connections are opened for a destination,
 * and take what comes next when they are ready. So a destination that is down costs one
 * probe, not one attempt per journal.
 *
 * An outcome that is in memory alone is lost in a crash, and its journal is sent again.
 * So nothing is begun while the spool cannot record what came before.
 */
#include "connection.h"
#include "outcome.h"

enum {
	JOURNALS_PER_NEW_CONNECTION =
		4, /* a few in a row are faster than a handshake more */
	OUTCOMES_KEPT_MAX = 2000,
	OUTCOMES_LOOK_MS = 100,
};

static struct lane *
lane_after(struct deliver *d, struct lane *l)
{
	struct list_node *n = l == NULL ? NULL : list_next(&d->lanes, &l->node);

	if (n == NULL)
		n = list_first(&d->lanes);
	return n == NULL ? NULL : list_entry(n, struct lane, node);
}

size_t
scheduler_waiting(const struct destination *x)
{
	struct list *lanes = &x->deliver->lanes;
	size_t waiting = 0;

	for (struct list_node *n = list_first(lanes); n != NULL;
	     n = list_next(lanes, n)) {
		struct lane *l = list_entry(n, struct lane, node);
		if (l->destination == x)
			waiting += lane_waiting(l);
	}
	return waiting;
}

/* One that was not tried too often; those that were are ended. */
static struct item *
take_from(struct lane *l)
{
	const struct destination_controls *c = destination_controls(l->destination);

	for (struct item *i; (i = lane_take(l)) != NULL;) {
		if (!outcome_is_expired(i->journal, c))
			return i;
		outcome_expired(i);
	}
	return NULL;
}

struct item *
scheduler_take(struct destination *x)
{
	struct deliver *d = x->deliver;
	struct lane *l = x->last_lane;

	for (size_t tries = d->lanes.count; tries > 0; tries--) {
		l = lane_after(d, l);
		struct item *i = l->destination == x ? take_from(l) : NULL;
		if (i != NULL) {
			x->last_lane = l;
			return i;
		}
	}
	return NULL;
}

/* ------------------------------------------------------------------ one destination */

static bool
is_dropped(const struct destination *x)
{
	const struct smtp_route *r = policy_route(x->deliver->policies, x->domain);

	return r->n_hops > 0 && r->hops[0].kind == NEXT_HOP_DEV_NULL;
}

/* Outcomes that wait in memory alone. */
static uint64_t
outcomes_kept(const struct deliver *d)
{
	return spool_outcomes_recorded(d->spool) - spool_outcomes_committed(d->spool);
}

/* As many as may be kept, if need be; the others when those are recorded. */
static void
drop_all(struct destination *x)
{
	while (outcomes_kept(x->deliver) <= OUTCOMES_KEPT_MAX) {
		struct item *i = scheduler_take(x);
		struct outcome o;

		if (i == NULL)
			return;
		outcome_init(&o, OUTCOME_DROPPED, "route");
		outcome_record(NULL, i, &o);
	}
}

/* Connections that have no journal yet: being made, or waiting for their profile. */
static size_t
opening(const struct destination *x, bool *is_profile_awaited)
{
	size_t n = 0;

	*is_profile_awaited = false;
	for (struct list_node *node = list_first(&x->busy); node != NULL;
	     node = list_next(&x->busy, node)) {
		const struct connection *c = list_entry(node, struct connection, node);
		n += c->state <= CONNECTION_PROFILE && connection_is_current(c);
		if (c->state == CONNECTION_PROFILE)
			*is_profile_awaited = true;
	}
	return n;
}

/* A journal is on its way, and can tell how the destination is by now. */
static bool
is_probing(const struct destination *x)
{
	for (struct list_node *n = list_first(&x->busy); n != NULL;
	     n = list_next(&x->busy, n)) {
		const struct connection *c = list_entry(n, struct connection, node);
		if (c->transaction.item != NULL && connection_is_current(c))
			return true;
	}
	return false;
}

static bool
is_paused(const struct deliver *d)
{
	return d->paused_until > loop_mono_ms(d->loop);
}

/* Up: always. Down: one journal, when the time for a probe has come. */
static bool
may_send(const struct destination *x)
{
	const struct deliver *d = x->deliver;

	if (is_paused(d))
		return false;
	if (x->state == DESTINATION_UP)
		return true;
	return loop_mono_ms(d->loop) >= x->next_probe_at && !is_probing(x);
}

static void
use_idle(struct destination *x)
{
	struct list_node *n;

	while ((n = list_first(&x->idle)) != NULL && may_send(x)) {
		struct connection *c = list_entry(n, struct connection, node);
		if (connection_is_outdated(c) || !dialogue_is_clean(&c->dialogue)) {
			connection_quit(c);
			continue;
		}
		if (!destination_takes_profile(x, c->profile)) {
			connection_profile_turn(c);
			continue;
		}
		struct item *i = scheduler_take(x);
		if (i == NULL)
			return;
		transaction_send(c, i);
	}
}

static void
end_outdated(struct destination *x)
{
	for (struct list_node *n = list_first(&x->idle), *next; n != NULL; n = next) {
		struct connection *c = list_entry(n, struct connection, node);
		next = list_next(&x->idle, n);
		if (connection_is_outdated(c))
			connection_quit(c);
	}
}

/* All that is due there is in the windows. */
static bool
is_known(const struct destination *x)
{
	struct list *lanes = &x->deliver->lanes;

	for (struct list_node *n = list_first(lanes); n != NULL;
	     n = list_next(lanes, n)) {
		const struct lane *l = list_entry(n, struct lane, node);
		if (l->destination == x &&
		    (l->fetch != NULL || !l->is_exhausted || l->must_rescan))
			return false;
	}
	return true;
}

static bool
is_used(const struct destination *x)
{
	struct list *lanes = &x->deliver->lanes;

	for (struct list_node *n = list_first(lanes); n != NULL; n = list_next(lanes, n))
		if (list_entry(n, struct lane, node)->destination == x)
			return true;
	return false;
}

/* A connection of after the failure that is ready; idle ones of before it are ended. */
static bool
is_ready(struct destination *x)
{
	for (struct list_node *n = list_first(&x->idle), *next; n != NULL; n = next) {
		struct connection *c = list_entry(n, struct connection, node);
		next = list_next(&x->idle, n);
		if (connection_is_current(c))
			return true;
		connection_quit(c);
	}
	return false;
}

/*
 * It is down, and nothing is due that would find its end: a connection that gets ready
 * must do.
 */
static void
probe_without_journal(struct destination *x)
{
	bool is_profile_awaited;

	if (!is_used(x) || is_dropped(x))
		destination_forget(x);
	else if (!is_known(x) || is_paused(x->deliver))
		return;
	else if (is_ready(x))
		destination_is_reached(x);
	else if (destination_room(x) > 0 && opening(x, &is_profile_awaited) == 0)
		connection_open(x);
}

static void
run_destination(struct destination *x)
{
	bool is_profile_awaited;

	end_outdated(x);
	destination_look_at_time(x);
	if (x->in_flight == 0)
		destination_profile_turn(x);
	size_t waiting = scheduler_waiting(x);
	if (waiting == 0 && x->state != DESTINATION_UP)
		probe_without_journal(x);
	if (waiting == 0)
		return;
	if (is_dropped(x)) {
		drop_all(x);
		return;
	}
	size_t made = opening(x, &is_profile_awaited);
	if (!is_profile_awaited)
		use_idle(x);
	waiting = scheduler_waiting(x);
	size_t wanted =
		(waiting + JOURNALS_PER_NEW_CONNECTION - 1) / JOURNALS_PER_NEW_CONNECTION;
	/* Each may fail at once, and the destination with it. */
	for (; made < wanted && !is_paused(x->deliver) && destination_room(x) > 0; made++)
		connection_open(x);
}

static bool
outcomes_are_recorded(const struct deliver *d)
{
	uint64_t kept = outcomes_kept(d);
	struct spool_status s;

	if (kept == 0 || kept > OUTCOMES_KEPT_MAX)
		return kept == 0;
	spool_status(d->spool, &s);
	/* Below its reserve the spool has room for outcomes still. */
	return s.is_accepting || s.free_bytes < s.reserve;
}

void
scheduler_run(struct deliver *d)
{
	if (!d->is_started || d->is_stopping)
		return;
	if (!outcomes_are_recorded(d)) {
		deliver_wake_at(d, loop_mono_ms(d->loop) + OUTCOMES_LOOK_MS);
		return;
	}
	sweep_run(d);
	withdrawal_prune(d);
	if (is_paused(d)) {
		deliver_wake_at(d, d->paused_until);
		return;
	}
	if (d->must_find_lanes)
		deliver_find_lanes(d);
	for (struct list_node *n = list_first(&d->lanes); n != NULL;
	     n = list_next(&d->lanes, n))
		lane_refill(list_entry(n, struct lane, node));
	for (struct list_node *n = list_first(&d->destinations); n != NULL;
	     n = list_next(&d->destinations, n))
		run_destination(list_entry(n, struct destination, node));
}

/*
 * deliver.c - the delivery's life, and what others may ask of it.
 */
#include "connection.h"

#include "tdc/base/check.h"
#include "tdc/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
	WINDOW = 4000,
	WINDOW_MEMORY = 6 * 1024 * 1024,
	CONNECTIONS = 500,
	PAUSE_MS = 1000,
	POLICIES_FIRST = 256, /* room for their names; more is taken when needed */
};

/* ------------------------------------------------------------------ waking */

double
deliver_random(struct deliver *d)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 7;
	d->random ^= d->random << 17;
	return (double)(d->random >> 11) / 9007199254740992.0; /* 2^53 */
}

void
deliver_wake(struct deliver *d)
{
	if (d->is_started)
		loop_at_turn_end(d->loop, &d->pump);
}

void
deliver_wake_at(struct deliver *d, int64_t mono_ms)
{
	int64_t left = mono_ms - loop_mono_ms(d->loop);

	if (d->is_stopping || (d->wake_at != 0 && d->wake_at <= mono_ms))
		return;
	d->wake_at = mono_ms;
	timer_set(&d->timer, left < 1 ? 1 : left);
}

void
deliver_pause(struct deliver *d, const struct err *why)
{
	d->paused_until = loop_mono_ms(d->loop) + PAUSE_MS;
	deliver_wake_at(d, d->paused_until);
	log_event(LOG_DELIVER, ERROR, "deliver.paused", F(LF_TEXT("reason", why->text)),
		  "TDC: Deliveries pause for %d ms: %s", PAUSE_MS, why->text);
}

static void
pump(struct loop_task *task)
{
	scheduler_run(list_entry(task, struct deliver, pump));
}

static void
each_connection(struct deliver *d, enum connection_stop when)
{
	for (struct list_node *n = list_first(&d->destinations); n != NULL;
	     n = list_next(&d->destinations, n)) {
		struct destination *x = list_entry(n, struct destination, node);
		struct list *lists[] = { &x->idle, &x->busy };
		for (size_t k = 0; k < 2; k++) {
			for (struct list_node *m = list_first(lists[k]), *next; m != NULL;
			     m = next) {
				next = list_next(lists[k], m);
				connection_wind_down(
					list_entry(m, struct connection, node), when);
			}
		}
	}
}

static void
timer_fired(void *arg)
{
	struct deliver *d = arg;

	d->wake_at = 0;
	if (!d->is_stopping) {
		deliver_wake(d);
		return;
	}
	bool is_over = loop_mono_ms(d->loop) >= d->stop_at;
	if (is_over)
		each_connection(d, STOP_IS_OVER);
	void (*stopped)(void *) = d->stopped;
	if (stopped == NULL)
		return;
	/* Answers of the spool that come later find nobody. */
	if (!is_over && (d->n_connections > 0 || d->waiting > 0)) {
		timer_set(&d->timer, d->stop_at - loop_mono_ms(d->loop));
		return;
	}
	d->stopped = NULL;
	stopped(d->stopped_arg);
}

void
deliver_check_stopped(struct deliver *d)
{
	if (d->is_stopping && d->stopped != NULL && d->n_connections == 0 &&
	    d->waiting == 0)
		timer_set(&d->timer, 0);
}

/* ------------------------------------------------------------------ life */

static void
accepted(void *arg, struct spool_journal *j)
{
	struct deliver *d = arg;
	struct lane *l = lane_find(d, j->policy);

	if (l == NULL) {
		d->must_find_lanes = true; /* it is in the spool */
		deliver_wake(d);
		spool_journal_free(j);
	} else {
		lane_offer(l, j);
	}
}

static void
take_settings(struct deliver *d, const struct deliver_settings *s)
{
	snprintf(d->hostname, sizeof(d->hostname), "%s", s->hostname);
	d->window = s->window == 0             ? WINDOW
		    : s->window < WINDOW_LEAST ? WINDOW_LEAST
					       : s->window;
	d->window_memory = s->window_memory == 0 ? WINDOW_MEMORY : s->window_memory;
	d->connections_max = s->connections_max == 0 ? CONNECTIONS : s->connections_max;
}

static int
init(struct deliver *d, const struct deliver_settings *s, struct err *e)
{
	take_settings(d, s);
	if (getrandom(&d->random, sizeof(d->random), 0) != (ssize_t)sizeof(d->random))
		return err_set(e, ERR_IO, errno, "no random bytes from the kernel");
	d->random |= 1;
	return 0;
}

int
deliver_new(struct loop *l, const struct deliver_settings *s, struct spool *sp,
	    struct dns *dns, struct policy_set *p, struct deliver_tls *tls,
	    const struct deliver_content_ops *ops, void *ops_arg, struct deliver **ret,
	    struct err *e)
{
	struct deliver *d = calloc(1, sizeof(*d));

	if (d == NULL || timer_init(&d->timer, l, timer_fired, d, e) != 0) {
		free(d);
		deliver_tls_free(tls);
		return err_set(e, ERR_MEMORY, 0, "no memory for deliveries");
	}
	d->loop = l;
	d->spool = sp;
	d->dns = dns;
	d->ops = ops;
	d->ops_arg = ops_arg;
	d->policies = policy_set_ref(p);
	d->tls = tls;
	d->pump.run = pump;
	d->pump.rank = LOOP_RANK_WORK; /* not before what is owed to others is said */
	list_init(&d->lanes);
	list_init(&d->destinations);
	list_init(&d->withdrawn);
	list_init(&d->given_back);
	item_set_init(&d->items);
	item_set_init(&d->marks);
	if (init(d, s, e) != 0) {
		deliver_free(d);
		return -1;
	}
	spool_on_accepted(sp, accepted, d);
	*ret = d;
	return 0;
}

static int
find_lanes_with_room(struct deliver *d, size_t room, size_t *n)
{
	const char **names = calloc(room, sizeof(*names));

	if (names == NULL)
		return -1;
	*n = spool_waiting_policies(d->spool, names, room);
	int failed = 0;
	for (size_t i = 0; i < *n; i++)
		failed |= lane_find(d, names[i]) == NULL;
	free(names);
	return failed ? -1 : 0;
}

void
deliver_find_lanes(struct deliver *d)
{
	size_t room = POLICIES_FIRST, n = 0;

	d->must_find_lanes = false;
	while (find_lanes_with_room(d, room, &n) == 0) {
		if (n < room)
			return;
		room *= 2;
	}
	d->must_find_lanes = true; /* no memory now */
	deliver_wake_at(d, loop_mono_ms(d->loop) + PAUSE_MS);
}

void
deliver_start(struct deliver *d)
{
	d->is_started = true;
	deliver_find_lanes(d);
	deliver_wake(d);
}

void
deliver_reload(struct deliver *d, const struct deliver_settings *s, struct policy_set *p,
	       struct deliver_tls *tls)
{
	take_settings(d, s);
	deliver_tls_free(d->tls);
	d->tls = tls;
	policy_set_ref(p);
	policy_set_unref(d->policies);
	d->policies = p;
	d->generation++;
	for (struct list_node *n = list_first(&d->lanes); n != NULL;
	     n = list_next(&d->lanes, n))
		lane_reload(list_entry(n, struct lane, node));
	for (struct list_node *n = list_first(&d->destinations); n != NULL;
	     n = list_next(&d->destinations, n))
		destination_reload(list_entry(n, struct destination, node));
	deliver_find_lanes(d);
	deliver_wake(d);
}

void
deliver_stop(struct deliver *d, int64_t grace_ms, void (*done)(void *arg), void *arg)
{
	check(!d->is_stopping);
	d->is_stopping = true;
	d->stopped = done;
	d->stopped_arg = arg;
	d->stop_at = loop_mono_ms(d->loop) + grace_ms;
	each_connection(d, STOP_BEGINS);
	bool is_idle = d->n_connections == 0 && d->waiting == 0;
	timer_set(&d->timer, is_idle ? 0 : grace_ms);
}

void
deliver_free(struct deliver *d)
{
	if (d == NULL)
		return;
	d->is_stopping = true;
	d->stopped = NULL;
	spool_on_accepted(d->spool, NULL, NULL);
	each_connection(d, STOP_IS_OVER);
	for (struct list_node *n; (n = list_first(&d->lanes)) != NULL;)
		lane_free(list_entry(n, struct lane, node));
	for (struct list_node *n; (n = list_first(&d->destinations)) != NULL;)
		destination_free(list_entry(n, struct destination, node));
	withdrawal_done(d);
	item_set_done(&d->items);
	deliver_tls_free(d->tls);
	policy_set_unref(d->policies);
	loop_task_cancel(d->loop, &d->pump);
	timer_done(&d->timer);
	free(d);
}

/* ------------------------------------------------------------------ the operator */

void
deliver_look_again(struct deliver *d)
{
	deliver_find_lanes(d);
	for (struct list_node *n = list_first(&d->lanes); n != NULL;
	     n = list_next(&d->lanes, n))
		lane_look_again(list_entry(n, struct lane, node));
}

void
deliver_now(struct deliver *d, uint64_t mid)
{
	const struct item *i = mid == 0 ? NULL : item_set_find(&d->items, mid);
	bool is_known = i != NULL && i->journal != NULL;

	d->paused_until = 0;
	deliver_look_again(d);
	for (struct list_node *n = list_first(&d->destinations); n != NULL;
	     n = list_next(&d->destinations, n)) {
		struct destination *x = list_entry(n, struct destination, node);
		if (!is_known || i->lane->destination == x)
			destination_probe_now(x);
	}
}

uint64_t
deliver_dcid(const struct deliver *d, uint64_t mid)
{
	const struct item *i = item_set_find(&d->items, mid);

	return i != NULL && i->state == ITEM_IN_FLIGHT ? i->dcid : 0;
}

void
deliver_each_destination(const struct deliver *d,
			 void (*fn)(void *arg, const struct destination_status *s),
			 void *arg)
{
	int64_t now = loop_mono_ms(d->loop), ahead = loop_wall_ms(d->loop) - now;

	for (struct list_node *n = list_first(&d->destinations); n != NULL;
	     n = list_next(&d->destinations, n)) {
		const struct destination *x = list_entry(n, struct destination, node);
		bool is_up = x->state == DESTINATION_UP;
		bool is_awaited = !is_up && x->next_probe_at > now;
		struct destination_status s = {
			.domain = x->domain,
			.state = x->state,
			.last_error_at = x->last_error_at,
			.next_probe_at = is_awaited ? x->next_probe_at + ahead : 0,
			.down_since = x->down_since,
			.is_being_probed = !is_up && !is_awaited,
			.is_overdue = x->is_overdue,
			.connections = (unsigned)destination_connections(x),
			.in_flight = (unsigned)x->in_flight,
			.delivered = x->delivered,
			.soft_bounced = x->soft_bounced,
			.hard_bounced = x->hard_bounced,
		};
		snprintf(s.last_error, sizeof(s.last_error), "%s", x->last_error.text);
		snprintf(s.last_tls, sizeof(s.last_tls), "%s", x->last_tls);
		fn(arg, &s);
	}
}

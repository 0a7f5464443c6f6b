/*
 * destination.c - one intake's domain as a whole: up, backed off or suspended, and its
 * render profile.
 *
 *	           trouble, 4xx before the content
 *	   UP ----------------------------------> BACKED_OFF  (waits double, one probe)
 *	    ^ \__ 5xx before the content _______      |
 *	    |                                   v     v
 *	    +--- a recipient was accepted ---- SUSPENDED      (probes at an interval)
 *
 * With nothing due there a connection that gets ready ends it as well. No row is touched
 * by any of it. Recovery is this one change of state, whatever the
 * backlog. An intake that takes recipients and no content would recover again and again:
 * so the waits go on to double, and connections do not grow, until the first content got
 * its reply, whichever.
 */
#include "connection.h"
#include "report.h"

#include "tdc/base/check.h"

#include <stdlib.h>

const char *
destination_state_name(enum destination_state s)
{
	static const char *const names[] = {
		[DESTINATION_UP] = "up",
		[DESTINATION_BACKED_OFF] = "backed off",
		[DESTINATION_SUSPENDED] = "suspended",
	};
	return names[s];
}

enum { UNPROVEN_MAX = 2 }; /* connections: the first may be one that never ends */

/* ------------------------------------------------------------------ life */

static char *
copy_or_null(const char *text)
{
	return text == NULL ? NULL : strdup(text);
}

struct destination *
destination_find(struct deliver *d, const char *domain)
{
	for (struct list_node *n = list_first(&d->destinations); n != NULL;
	     n = list_next(&d->destinations, n)) {
		struct destination *x = list_entry(n, struct destination, node);
		if (strcmp(x->domain, domain) == 0)
			return x;
	}
	struct destination *x = calloc(1, sizeof(*x));
	char *name = strdup(domain);
	if (x == NULL || name == NULL) {
		free(x);
		free(name);
		return NULL;
	}
	x->deliver = d;
	x->domain = name;
	x->allowed = 1;
	list_init(&x->idle);
	list_init(&x->busy);
	x->profile = copy_or_null(spool_destination_profile(d->spool, domain));
	list_append(&d->destinations, &x->node);
	return x;
}

size_t
destination_connections(const struct destination *x)
{
	return x->idle.count + x->busy.count;
}

/* Asked for at every step of a dialogue: looked up once for each configuration. */
const struct destination_controls *
destination_controls(struct destination *x)
{
	if (x->controls == NULL || x->controls_of != x->deliver->generation) {
		x->controls = policy_controls(x->deliver->policies, x->domain);
		x->controls_of = x->deliver->generation;
	}
	return x->controls;
}

/* ------------------------------------------------------------------ down and up */

static int64_t
with_jitter(struct destination *x, int64_t ms)
{
	return ms + (int64_t)((double)ms * 0.2 * (deliver_random(x->deliver) - 0.5));
}

/* The back-off's, which doubles; a suspension's interval is always the same. */
static int64_t
next_wait(struct destination *x, enum failure f)
{
	const struct destination_controls *c = destination_controls(x);

	if (f == FAILURE_SUSPEND) {
		x->wait_ms = 0;
		return c->suspended_probe_ms;
	}
	if (x->wait_ms == 0)
		x->wait_ms = c->probe_first_ms;
	else if (x->wait_ms < c->probe_longest_ms / 2)
		x->wait_ms *= 2;
	else
		x->wait_ms = c->probe_longest_ms;
	return x->wait_ms;
}

/*
 * Connections that fall together are one failure, also when one of them took a recipient
 * in between.
 */
static bool
is_one_failure(const struct destination *x, enum destination_state to)
{
	bool is_over = x->state == DESTINATION_UP && to == DESTINATION_BACKED_OFF;

	return (x->state == to || is_over) &&
	       loop_mono_ms(x->deliver->loop) < x->next_probe_at;
}

void
destination_failed(struct destination *x, enum failure f, const struct err *why)
{
	enum destination_state to =
		f == FAILURE_SUSPEND ? DESTINATION_SUSPENDED : DESTINATION_BACKED_OFF;
	enum destination_state from = x->state;

	x->last_error = *why;
	x->last_error_at = loop_wall_ms(x->deliver->loop);
	x->allowed = 1;
	if (!is_one_failure(x, to)) {
		x->failures++;
		x->is_unproven = true;
		x->next_probe_at =
			loop_mono_ms(x->deliver->loop) + with_jitter(x, next_wait(x, f));
		deliver_wake_at(x->deliver, x->next_probe_at);
	}
	x->state = to;
	if (from == to)
		return;
	if (from == DESTINATION_UP)
		x->down_since = loop_wall_ms(x->deliver->loop);
	report_destination_down(x);
}

static void
come_up(struct destination *x)
{
	if (x->state == DESTINATION_SUSPENDED)
		x->next_probe_at = 0;
	x->state = DESTINATION_UP;
	x->down_since = 0;
	x->is_overdue = false;
	deliver_wake(x->deliver);
}

void
destination_works(struct destination *x)
{
	size_t most = destination_controls(x)->concurrency;

	/* It takes mail: a connection more for each journal that says so. */
	if (x->is_unproven && most > UNPROVEN_MAX)
		most = UNPROVEN_MAX;
	if (x->allowed < most) {
		x->allowed++;
		deliver_wake(x->deliver);
	}
	if (x->state == DESTINATION_UP)
		return;
	report_destination_up(x);
	come_up(x);
}

/* The waits go on to double from here: whether it takes mail is for the next journal. */
void
destination_is_reached(struct destination *x)
{
	report_destination_up(x);
	come_up(x);
}

void
destination_forget(struct destination *x)
{
	report_destination_unused(x);
	come_up(x);
	destination_answers(x);
}

void
destination_look_at_time(struct destination *x)
{
	struct loop *l = x->deliver->loop;
	int64_t most = destination_controls(x)->bounce.max_time_in_queue_ms;

	if (x->state == DESTINATION_UP || x->is_overdue)
		return;
	int64_t left = x->down_since + most - loop_wall_ms(l);
	if (left > 0) {
		deliver_wake_at(x->deliver, loop_mono_ms(l) + left);
		return;
	}
	x->is_overdue = true;
	report_destination_overdue(x);
}

void
destination_answers(struct destination *x)
{
	x->is_unproven = false;
	x->wait_ms = 0;
	if (x->state == DESTINATION_UP)
		x->next_probe_at = 0;
}

void
destination_learn_bdat(struct destination *x, enum bdat what)
{
	if (what > x->bdat)
		x->bdat = what;
}

/*
 * Connections that carry no journal yet: they go the way that somebody may just have put
 * right, and would hold up the one that goes the new way.
 */
static void
drop_attempts(struct destination *x)
{
	for (struct list_node *n = list_first(&x->busy), *next; n != NULL; n = next) {
		struct connection *c = list_entry(n, struct connection, node);
		next = list_next(&x->busy, n);
		if (c->state < CONNECTION_PROFILE)
			connection_close(c);
		else if (c->state == CONNECTION_PROFILE)
			connection_quit(c);
	}
}

void
destination_probe_now(struct destination *x)
{
	if (x->state == DESTINATION_UP)
		return;
	drop_attempts(x);
	x->failures++; /* a probe that hangs belongs to what is past */
	x->next_probe_at = loop_mono_ms(x->deliver->loop);
	x->wait_ms = 0;
	deliver_wake(x->deliver);
}

void
destination_reload(struct destination *x)
{
	drop_attempts(x);
	destination_probe_now(x);
}

/* Which can tell how it is by now. Those that only wait for QUIT's reply are over. */
static size_t
current_connections(const struct destination *x)
{
	size_t n = x->idle.count;

	for (struct list_node *node = list_first(&x->busy); node != NULL;
	     node = list_next(&x->busy, node)) {
		const struct connection *c = list_entry(node, struct connection, node);
		n += connection_is_current(c) && c->state != CONNECTION_QUITTING;
	}
	return n;
}

size_t
destination_room(struct destination *x)
{
	struct deliver *d = x->deliver;
	size_t limit = 1, open = destination_connections(x);

	if (x->state != DESTINATION_UP) {
		if (loop_mono_ms(d->loop) < x->next_probe_at) {
			deliver_wake_at(d, x->next_probe_at);
			return 0;
		}
		open = current_connections(x);
	} else {
		limit = destination_controls(x)->concurrency;
		limit = x->allowed < limit ? x->allowed : limit;
	}
	size_t room = open < limit ? limit - open : 0;
	size_t left = d->n_connections < d->connections_max
			      ? d->connections_max - d->n_connections
			      : 0;
	return room < left ? room : left;
}

/* ------------------------------------------------------------------ render profile */

struct profile_wait {
	struct destination *destination; /* NULL: it went away */
};

void
destination_free(struct destination *x)
{
	check(list_is_empty(&x->idle) && list_is_empty(&x->busy));
	if (x->profile_wait != NULL)
		x->profile_wait->destination = NULL;
	list_remove(&x->deliver->destinations, &x->node);
	free(x->profile);
	free(x->profile_wanted);
	free(x->domain);
	free(x);
}

static void
profile_failed(struct destination *x, const struct err *why)
{
	struct err e = *why;

	err_wrap(&e, "the render profile could not be recorded");
	for (struct list_node *n = list_first(&x->busy), *next; n != NULL; n = next) {
		struct connection *c = list_entry(n, struct connection, node);
		next = list_next(&x->busy, n);
		if (c->state == CONNECTION_PROFILE)
			connection_close(c);
	}
	destination_failed(x, FAILURE_BACK_OFF, &e);
}

static void
profile_recorded(void *arg, const struct err *e)
{
	struct profile_wait *wait = arg;
	struct destination *x = wait->destination;

	free(wait);
	if (x == NULL)
		return;
	x->profile_wait = NULL;
	x->deliver->waiting--;
	if (e == NULL) {
		free(x->profile);
		x->profile = x->profile_wanted;
	} else {
		free(x->profile_wanted);
	}
	x->profile_wanted = NULL;
	if (e == NULL)
		destination_profile_turn(x);
	else
		profile_failed(x, e);
	deliver_wake(x->deliver);
	deliver_check_stopped(x->deliver);
}

static void
record_profile(struct destination *x, const char *profile)
{
	struct err e;

	x->profile_wanted = strdup(profile);
	x->profile_wait = malloc(sizeof(*x->profile_wait));
	if (x->profile_wanted == NULL || x->profile_wait == NULL) {
		free(x->profile_wanted);
		free(x->profile_wait);
		x->profile_wanted = NULL;
		x->profile_wait = NULL;
		err_set(&e, ERR_MEMORY, 0, "no memory for a render profile");
		deliver_pause(x->deliver, &e);
		return;
	}
	x->profile_wait->destination = x;
	x->deliver->waiting++;
	spool_set_destination_profile(x->deliver->spool, x->domain, profile,
				      profile_recorded, x->profile_wait);
}

/*
 * One profile at a time: after a crash the recorded one must be that of every journal
 * which was in flight. So a hop that makes another one (two hops of a route with
 * different extensions) waits until none is.
 */
bool
destination_takes_profile(struct destination *x, const char *profile)
{
	if (x->profile_wait != NULL)
		return false;
	if (x->profile != NULL && strcmp(x->profile, profile) == 0)
		return true;
	if (x->in_flight == 0)
		record_profile(x, profile);
	return false;
}

void
destination_profile_turn(struct destination *x)
{
	for (struct list_node *n = list_first(&x->busy), *next; n != NULL; n = next) {
		struct connection *c = list_entry(n, struct connection, node);
		next = list_next(&x->busy, n);
		if (c->state == CONNECTION_PROFILE)
			connection_profile_turn(c);
	}
}

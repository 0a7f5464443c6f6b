/*
 * lane.c - the window of one policy's due journals.
 *
 * Fresh journals come straight from their commit, old ones from the spool, each into a
 * list of half the window; they are taken in turn, so that neither starves the other.
 * What does not fit, by number or by memory, is forgotten here and read later: the spool
 * has all of it. Of the fresh ones the oldest are forgotten, for a walk finds those first:
 * mail that comes behind an outage does not wait for the whole of it. What is here is not read again. The cursor
 * walks the due queue; `must_rescan` says that something may be in front of it.
 */
#include "inside.h"

#include "tdc/base/check.h"

#include <stdlib.h>

enum {
	FETCH_BYTES = 1 << 20,
	RESCAN_GAP_MS = 500, /* rows that come due one by one are read together */
	PRUNE_EACH = 64,
};

/* ------------------------------------------------------------------ life */

static void
resolve(struct lane *l)
{
	const char *domain = policy_destination(l->deliver->policies, l->policy);
	struct err e;

	l->destination = domain == NULL ? NULL : destination_find(l->deliver, domain);
	if (domain == NULL || l->destination != NULL)
		return;
	err_set(&e, ERR_MEMORY, 0, "no memory for the destination %s", domain);
	deliver_pause(l->deliver, &e);
}

struct lane *
lane_find(struct deliver *d, const char *policy)
{
	for (struct list_node *n = list_first(&d->lanes); n != NULL;
	     n = list_next(&d->lanes, n)) {
		struct lane *l = list_entry(n, struct lane, node);
		if (strcmp(l->policy, policy) == 0)
			return l;
	}
	struct lane *l = calloc(1, sizeof(*l));
	char *name = strdup(policy);
	if (l == NULL || name == NULL) {
		free(l);
		free(name);
		return NULL;
	}
	l->deliver = d;
	l->policy = name;
	list_init(&l->fresh);
	list_init(&l->old);
	list_init(&l->finished);
	list_append(&d->lanes, &l->node);
	resolve(l);
	return l;
}

static void
drop_items(struct lane *l, struct list *items)
{
	for (struct list_node *n; (n = list_first(items)) != NULL;) {
		list_remove(items, n);
		item_free(&l->deliver->items, list_entry(n, struct item, node));
	}
}

void
lane_free(struct lane *l)
{
	drop_items(l, &l->fresh);
	drop_items(l, &l->old);
	drop_items(l, &l->finished);
	if (l->fetch != NULL)
		l->fetch->lane = NULL;
	if (l->sweep != NULL)
		l->sweep->lane = NULL;
	list_remove(&l->deliver->lanes, &l->node);
	free(l->policy);
	free(l);
}

/* How many may wait there. The memory is that of all lanes: without a destination a lane
 * has none of it. */
static size_t
room(const struct lane *l, const struct list *items)
{
	const struct deliver *d = l->deliver;

	if (l->destination == NULL)
		return 0;
	size_t memory = items == &l->old ? d->old_memory : d->fresh_memory;

	return memory < d->window_memory / 2 ? d->window / 2 : WINDOW_LEAST / 2;
}

static void
forget_one(struct lane *l, struct list *items, struct list_node *n)
{
	list_remove(items, n);
	item_free(&l->deliver->items, list_entry(n, struct item, node));
	l->must_rescan = true; /* read later */
}

static void
trim(struct lane *l, struct list *items)
{
	while (items->count > room(l, items))
		forget_one(l, items,
			   items == &l->fresh ? list_first(items) : items->head.prev);
}

void
lane_reload(struct lane *l)
{
	resolve(l);
	trim(l, &l->fresh);
	trim(l, &l->old);
}

size_t
lane_waiting(const struct lane *l)
{
	return l->fresh.count + l->old.count;
}

const struct bounce_profile *
lane_bounce(const struct lane *l)
{
	if (l->destination == NULL)
		return &policy_controls(l->deliver->policies, "")->bounce;
	return &destination_controls(l->destination)->bounce;
}

/* ---------------------------------------- what must not come again */

void
lane_prune(struct lane *l)
{
	uint64_t settled = spool_outcomes_committed(l->deliver->spool);

	/*
	 * An answer that is still to come may show what was not yet committed when it was
	 * asked for.
	 */
	if (l->fetch != NULL && l->fetch->settled < settled)
		settled = l->fetch->settled;
	if (l->sweep != NULL && l->sweep->settled < settled)
		settled = l->sweep->settled;
	for (struct list_node *n; (n = list_first(&l->finished)) != NULL;) {
		struct item *i = list_entry(n, struct item, node);
		if (i->sequence > settled)
			break;
		list_remove(&l->finished, n);
		item_free(&l->deliver->items, i);
	}
}

/*
 * What was skipped was stale, or is due again by another hand (a retry): the next walk
 * tells.
 */
static void
look_at_skipped(struct lane *l)
{
	struct deliver *d = l->deliver;

	if (l->skipped == 0)
		return;
	lane_prune(l);
	const struct list_node *first = list_first(&l->finished);
	if (first == NULL ||
	    list_entry(first, struct item, node)->sequence > l->skipped) {
		l->skipped = 0;
		l->must_rescan = true;
	} else {
		deliver_wake_at(d, loop_mono_ms(d->loop) + RESCAN_GAP_MS);
	}
}

static void
note_due_at(struct lane *l, int64_t wall_ms)
{
	if (wall_ms != 0 && (l->earliest_at == 0 || wall_ms < l->earliest_at))
		l->earliest_at = wall_ms;
}

void
lane_finish(struct item *i, int64_t next_at)
{
	struct lane *l = i->lane;

	if (list_node_is_linked(&i->node))
		list_remove(i->is_old ? &l->old : &l->fresh, &i->node);
	item_drop_journal(i);
	i->state = ITEM_FINISHED;
	i->sequence = spool_outcomes_recorded(l->deliver->spool);
	list_append(&l->finished, &i->node);
	note_due_at(l, next_at);
	deliver_wake(l->deliver);
}

void
lane_forget(struct item *i)
{
	list_remove(i->is_old ? &i->lane->old : &i->lane->fresh, &i->node);
	deliver_wake(i->lane->deliver);
	item_free(&i->lane->deliver->items, i);
}

void
lane_look_again(struct lane *l)
{
	l->must_rescan = true;
	deliver_wake(l->deliver);
}

/* ------------------------------------------------------------------ filling */

static void
add_waiting(struct lane *l, struct spool_journal *j, struct list *to)
{
	struct item *i = item_new(&l->deliver->items, l, j);

	if (i == NULL) {
		l->must_rescan = true; /* no memory now; it is in the spool */
		return;
	}
	i->is_old = to == &l->old;
	item_charge(i, i->is_old ? &l->deliver->old_memory : &l->deliver->fresh_memory);
	list_append(to, &i->node);
}

void
lane_offer(struct lane *l, struct spool_journal *j)
{
	struct deliver *d = l->deliver;

	if (item_set_find(&d->items, j->mid) != NULL || withdrawal_is(d, j->mid)) {
		spool_journal_free(j);
		return;
	}
	if (l->destination == NULL)
		resolve(l); /* there was no memory for it, or the policy has none */
	if (d->is_stopping || room(l, &l->fresh) == 0) {
		l->must_rescan = true;
		spool_journal_free(j);
		return;
	}
	while (l->fresh.count >= room(l, &l->fresh))
		forget_one(l, &l->fresh, list_first(&l->fresh));
	add_waiting(l, j, &l->fresh);
	deliver_wake(d);
}

/* Whether the window is to have it. */
static bool
is_wanted(struct lane *l, const struct spool_journal *j)
{
	const struct item *held = item_set_find(&l->deliver->items, j->mid);

	if (held != NULL && held->state == ITEM_FINISHED && held->sequence > l->skipped)
		l->skipped = held->sequence;
	return held == NULL && !l->deliver->is_stopping &&
	       !withdrawal_is(l->deliver, j->mid);
}

/*
 * As far as there is room: large envelopes or other lanes may have taken it meanwhile. The
 * page ends there, then, and the next one begins behind what was taken.
 */
static void
take_page(struct lane *l, struct spool_due *due)
{
	struct spool_cursor taken = l->cursor;

	for (struct list_node *n; (n = list_first(&due->journals)) != NULL;) {
		struct spool_journal *j = list_entry(n, struct spool_journal, node);
		bool wanted = is_wanted(l, j);

		if (wanted && l->old.count >= room(l, &l->old)) {
			due->next = taken;
			due->is_end = false;
			return; /* what is left is the spool's to free */
		}
		list_remove(&due->journals, n);
		taken = (struct spool_cursor){ j->next_at, j->mid };
		if (wanted)
			add_waiting(l, j, &l->old);
		else
			spool_journal_free(j);
	}
}

static void
fetched(void *arg, struct spool_due *due, const struct err *e)
{
	struct lane_fetch *f = arg;
	struct lane *l = f->lane;

	free(f);
	if (l == NULL)
		return;
	if (due != NULL)
		take_page(l, due);
	struct deliver *d = l->deliver;
	l->fetch = NULL;
	d->waiting--;
	lane_prune(l);
	if (e != NULL) {
		deliver_pause(d, e);
	} else {
		l->cursor = due->next;
		l->is_exhausted = due->is_end;
		if (due->is_end)
			note_due_at(l, due->earliest_at);
	}
	deliver_wake(d);
	deliver_check_stopped(d);
}

struct lane_fetch *
lane_fetch_new(struct lane *l)
{
	struct lane_fetch *f = malloc(sizeof(*f));
	struct err e;

	if (f == NULL) {
		err_set(&e, ERR_MEMORY, 0, "no memory to read the queue");
		deliver_pause(l->deliver, &e);
		return NULL;
	}
	lane_prune(l);
	*f = (struct lane_fetch){ .lane = l,
				  .number = ++l->deliver->fetches,
				  .settled =
					  spool_outcomes_committed(l->deliver->spool) };
	l->deliver->waiting++;
	return f;
}

/* Rows with a time of their own that has come are read by a walk from the beginning. */
static void
look_at_times(struct lane *l)
{
	struct deliver *d = l->deliver;
	int64_t left;

	look_at_skipped(l);
	if (l->finished.count >= PRUNE_EACH)
		lane_prune(l);
	if (l->earliest_at != 0) {
		left = l->earliest_at - loop_wall_ms(d->loop);
		if (left <= 0) {
			l->earliest_at = 0;
			l->must_rescan = true;
		} else {
			deliver_wake_at(d, loop_mono_ms(d->loop) + left);
		}
	}
	if (!l->is_exhausted || !l->must_rescan)
		return;
	left = l->rescanned_at + RESCAN_GAP_MS - loop_mono_ms(d->loop);
	if (l->rescanned_at != 0 && left > 0) {
		deliver_wake_at(d, loop_mono_ms(d->loop) + left);
		return;
	}
	l->cursor = (struct spool_cursor){ 0, 0 };
	l->is_exhausted = l->must_rescan = false;
	l->rescanned_at = loop_mono_ms(d->loop);
}

static size_t
note_mids(const struct list *items, uint64_t *mids)
{
	size_t n = 0;

	for (const struct list_node *at = items->head.next; at != &items->head;
	     at = at->next)
		mids[n++] = list_entry(at, struct item, node)->mid;
	return n;
}

/* What waits in the window. NULL: nothing, or no memory to say so. */
static struct spool_held *
held_by(const struct lane *l)
{
	size_t n = lane_waiting(l);
	struct spool_held *held =
		n == 0 ? NULL : malloc(sizeof(*held) + n * sizeof(held->mids[0]));

	if (held == NULL)
		return NULL;
	held->n = note_mids(&l->fresh, held->mids);
	held->n += note_mids(&l->old, held->mids + held->n);
	return held;
}

void
lane_refill(struct lane *l)
{
	struct deliver *d = l->deliver;
	size_t most = room(l, &l->old);

	if (l->destination == NULL)
		resolve(l); /* there was no memory for it, or the policy has none */
	if (l->destination == NULL)
		return;
	look_at_times(l);
	if (l->fetch != NULL || l->is_exhausted || l->old.count > most / 4)
		return;
	if (l->destination->state != DESTINATION_UP && lane_waiting(l) > 0)
		return; /* enough to probe with */
	l->fetch = lane_fetch_new(l);
	if (l->fetch != NULL)
		spool_fetch_due(d->spool, l->policy, l->cursor, loop_wall_ms(d->loop),
				most - l->old.count, FETCH_BYTES, held_by(l), fetched,
				l->fetch);
}

/* ------------------------------------------------------------------ taking */

struct item *
lane_take(struct lane *l)
{
	struct list *from = l->takes_old_next ? &l->old : &l->fresh;

	if (list_is_empty(from))
		from = from == &l->old ? &l->fresh : &l->old;
	struct list_node *n = list_first(from);
	if (n == NULL)
		return NULL;
	list_remove(from, n);
	l->takes_old_next = from == &l->fresh;
	struct item *i = list_entry(n, struct item, node);
	i->state = ITEM_IN_FLIGHT;
	return i;
}

static void
put_back(struct item *i, void (*put)(struct list *, struct list_node *))
{
	check(i->state == ITEM_IN_FLIGHT && i->journal != NULL);
	i->state = ITEM_WAITING;
	i->dcid = 0;
	put(i->is_old ? &i->lane->old : &i->lane->fresh, &i->node);
	deliver_wake(i->lane->deliver);
}

void
lane_put_back(struct item *i)
{
	put_back(i, list_prepend);
}

void
lane_put_back_last(struct item *i)
{
	put_back(i, list_append);
}

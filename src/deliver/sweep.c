/*
 * sweep.c - the end of what waited too long.
 *
 * The time of a journal that is sent ends at an answer to it (outcome.c). Where a policy
 * has no intake any more nothing is sent, and there it ends by itself. Once a minute the
 * windows of such policies are looked through; and only when the oldest row of all is old
 * enough, a walk over the due queue follows, page by page, one at a time, without the
 * window's help.
 */
#include "inside.h"

#include "outcome.h"

#include <stdlib.h>

enum {
	SWEEP_GAP_MS = 60000,
	SWEEP_ROWS = 500,
	SWEEP_BYTES = 0, /* rows are wanted, not bodies */
};

static bool
has_intake(const struct lane *l)
{
	return policy_intake(l->deliver->policies, l->policy) != NULL;
}

static void
expire_list(struct lane *l, struct list *items, int64_t now)
{
	for (struct list_node *n = list_first(items), *next; n != NULL; n = next) {
		struct item *i = list_entry(n, struct item, node);
		next = list_next(items, n);
		if (outcome_is_overdue(i->journal, lane_bounce(l), now))
			outcome_expired(i);
	}
}

static void
expire_due(struct lane *l, struct spool_due *due)
{
	struct item_set *items = &l->deliver->items;
	int64_t now = loop_wall_ms(l->deliver->loop);

	for (struct list_node *n; (n = list_first(&due->journals)) != NULL;) {
		struct spool_journal *j = list_entry(n, struct spool_journal, node);
		list_remove(&due->journals, n);
		if (item_set_find(items, j->mid) != NULL ||
		    withdrawal_is(l->deliver, j->mid) || has_intake(l) ||
		    !outcome_is_overdue(j, lane_bounce(l), now)) {
			spool_journal_free(j);
			continue;
		}
		struct item *i = item_new(items, l, j);
		if (i != NULL)
			outcome_expired(i);
	}
}

static void
swept(void *arg, struct spool_due *due, const struct err *e)
{
	struct lane_fetch *f = arg;
	struct lane *l = f->lane;

	free(f);
	if (l == NULL)
		return;
	struct deliver *d = l->deliver;
	l->sweep = NULL;
	d->waiting--;
	lane_prune(l);
	if (due != NULL && e == NULL) {
		expire_due(l, due);
		l->sweep_cursor = due->next;
		l->is_sweep_due = !due->is_end;
	}
	deliver_wake(d);
	deliver_check_stopped(d);
}

static void
next_page(struct lane *l)
{
	struct deliver *d = l->deliver;

	if (!l->is_sweep_due || l->sweep != NULL)
		return;
	l->is_sweep_due = false;
	l->sweep = lane_fetch_new(l);
	if (l->sweep != NULL)
		spool_fetch_due(d->spool, l->policy, l->sweep_cursor,
				loop_wall_ms(d->loop), SWEEP_ROWS, SWEEP_BYTES, NULL,
				swept, l->sweep);
}

static void
begin(struct lane *l, int64_t oldest_at)
{
	int64_t now = loop_wall_ms(l->deliver->loop);

	if (has_intake(l))
		return;
	expire_list(l, &l->fresh, now);
	expire_list(l, &l->old, now);
	if (oldest_at == 0 || now - oldest_at < lane_bounce(l)->max_time_in_queue_ms ||
	    l->is_sweep_due || l->sweep != NULL)
		return;
	l->sweep_cursor = (struct spool_cursor){ 0, 0 };
	l->is_sweep_due = true;
}

void
sweep_run(struct deliver *d)
{
	int64_t now = loop_mono_ms(d->loop);
	bool is_time = now >= d->next_sweep_at;

	if (is_time)
		d->next_sweep_at = now + SWEEP_GAP_MS;
	deliver_wake_at(d, d->next_sweep_at);
	int64_t oldest_at = spool_account(d->spool)->oldest_waiting_at;
	for (struct list_node *n = list_first(&d->lanes); n != NULL;
	     n = list_next(&d->lanes, n)) {
		struct lane *l = list_entry(n, struct lane, node);
		if (is_time)
			begin(l, oldest_at);
		next_page(l);
	}
}

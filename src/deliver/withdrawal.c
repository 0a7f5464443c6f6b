/*
 * withdrawal.c - journals whose rows somebody changes.
 *
 * From the withdrawal to the answer of the change the MID is marked, whether the
 * journal was in memory or not: no row of it is taken, expired or offered. An answer of
 * the spool that was asked for before may still show the row as it was; so the mark stays
 * until all of these have come. Then everything is looked at again, as the change may
 * have left the row due.
 */
#include "inside.h"

#include "tdc/base/check.h"

enum withdrawal
deliver_withdraw(struct deliver *d, uint64_t mid, uint64_t *dcid)
{
	struct item *i = item_set_find(&d->items, mid);
	struct item *mark = item_set_find(&d->marks, mid);

	check(mid != 0);
	*dcid = 0;
	if (i != NULL && i->state == ITEM_IN_FLIGHT) {
		*dcid = i->dcid;
		return WITHDRAWAL_IN_FLIGHT;
	}
	if (mark == NULL && (mark = item_new_mark(&d->marks, NULL, mid)) == NULL)
		return WITHDRAWAL_NO_MEMORY;
	if (mark->changes == 0) {
		if (list_node_is_linked(&mark->node))
			list_remove(&d->given_back, &mark->node);
		list_append(&d->withdrawn, &mark->node);
	}
	mark->changes++;
	mark->state = ITEM_MARK;
	if (i != NULL && i->state == ITEM_WAITING)
		lane_forget(i);
	return WITHDRAWAL_DONE;
}

void
deliver_give_back(struct deliver *d, uint64_t mid)
{
	struct item *mark = item_set_find(&d->marks, mid);

	check(mark != NULL && mark->changes > 0);
	if (--mark->changes > 0)
		return;
	list_remove(&d->withdrawn, &mark->node);
	mark->sequence = d->fetches;
	list_append(&d->given_back, &mark->node);
	deliver_wake(d);
}

bool
withdrawal_is(const struct deliver *d, uint64_t mid)
{
	return item_set_find(&d->marks, mid) != NULL;
}

/* The number of the oldest answer that is still to come. */
static uint64_t
oldest_fetch(const struct deliver *d)
{
	uint64_t oldest = UINT64_MAX;

	for (struct list_node *n = list_first(&d->lanes); n != NULL;
	     n = list_next(&d->lanes, n)) {
		const struct lane *l = list_entry(n, struct lane, node);
		if (l->fetch != NULL && l->fetch->number < oldest)
			oldest = l->fetch->number;
		if (l->sweep != NULL && l->sweep->number < oldest)
			oldest = l->sweep->number;
	}
	return oldest;
}

static void
forget_first(struct deliver *d, struct list *marks)
{
	struct item *mark = list_entry(list_first(marks), struct item, node);

	list_remove(marks, &mark->node);
	item_free(&d->marks, mark);
}

void
withdrawal_prune(struct deliver *d)
{
	bool is_any = false;

	if (list_is_empty(&d->given_back))
		return;
	uint64_t oldest = oldest_fetch(d);
	while (!list_is_empty(&d->given_back) &&
	       list_entry(list_first(&d->given_back), struct item, node)->sequence <
		       oldest) {
		forget_first(d, &d->given_back);
		is_any = true;
	}
	for (struct list_node *n = is_any ? list_first(&d->lanes) : NULL; n != NULL;
	     n = list_next(&d->lanes, n))
		lane_look_again(list_entry(n, struct lane, node));
}

void
withdrawal_done(struct deliver *d)
{
	while (!list_is_empty(&d->withdrawn))
		forget_first(d, &d->withdrawn);
	while (!list_is_empty(&d->given_back))
		forget_first(d, &d->given_back);
	item_set_done(&d->marks);
}

/*
 * settle.c - when the spool's answers show the outcomes that were recorded.
 *
 * An outcome has no answer of its own, and until it is committed the due queue still shows its row. The
 * spool works in the order of our calls: so once in a while something that has an answer is asked
 * for, the recording of the very profile that is recorded already, and its answer stands for all before it.
 */
#include "inside.h"

#include <stdlib.h>

enum { SETTLE_EACH = 256 };

struct settle_wait {
	struct deliver *deliver; /* NULL: it went away */
	uint64_t outcomes;
};

static void
settled(void *arg, const struct err *e)
{
	struct settle_wait *wait = arg;
	struct deliver *d = wait->deliver;
	uint64_t outcomes = wait->outcomes;

	free(wait);
	if (d == NULL)
		return;
	d->settle_wait = NULL;
	d->waiting--;
	if (e == NULL) {
		d->settled = outcomes;
		for (struct list_node *n = list_first(&d->lanes); n != NULL; n = list_next(&d->lanes, n))
			lane_prune(list_entry(n, struct lane, node), 0);
	}
	deliver_check_stopped(d);
}

void
settle_outcomes(struct destination *x)
{
	struct deliver *d = x == NULL ? NULL : x->deliver;

	/* Never while another profile is being recorded: this one would undo it. */
	if (d == NULL || d->settle_wait != NULL || d->outcomes - d->settled < SETTLE_EACH ||
	    x->profile == NULL || x->profile_wait != NULL || d->is_stopping)
		return;
	d->settle_wait = malloc(sizeof(*d->settle_wait));
	if (d->settle_wait == NULL)
		return; /* the next outcome tries again */
	*d->settle_wait = (struct settle_wait){ .deliver = d, .outcomes = d->outcomes };
	d->waiting++;
	spool_set_destination_profile(d->spool, x->domain, x->profile, settled, d->settle_wait);
}

void
settle_forget(struct deliver *d)
{
	if (d->settle_wait != NULL)
		d->settle_wait->deliver = NULL;
}

/*
 * settle.c - when the spool's answers show the outcomes that were recorded.
 *
 * An outcome has no answer of its own, and until it is committed the due queue still shows its row. The
 * spool works in the order of our calls. So a while after an outcome, or after many, something that
 * has an answer is asked for: the recording of a profile that is nobody's. Its answer stands for all before it.
 */
#include "inside.h"

#include <stdlib.h>

enum { SETTLE_EACH = 256, SETTLE_MS = 2000 };

static const char nobody[] = ""; /* no destination has this name */

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
	if (e == NULL)
		d->settled = outcomes;
	for (struct list_node *n = list_first(&d->lanes); n != NULL; n = list_next(&d->lanes, n))
		lane_prune(list_entry(n, struct lane, node));
	settle_outcomes(d);
	deliver_check_stopped(d);
}

void
settle_outcomes(struct deliver *d)
{
	int64_t now = loop_mono_ms(d->loop);
	uint64_t unsettled = d->outcomes - d->settled;

	if (unsettled == 0 || d->settle_wait != NULL || d->is_stopping)
		return;
	if (d->settle_at == 0)
		d->settle_at = now + SETTLE_MS;
	if (unsettled < SETTLE_EACH && now < d->settle_at) {
		deliver_wake_at(d, d->settle_at);
		return;
	}
	d->settle_at = 0;
	d->settle_wait = malloc(sizeof(*d->settle_wait));
	if (d->settle_wait == NULL)
		return; /* the next outcome tries again */
	*d->settle_wait = (struct settle_wait){ .deliver = d, .outcomes = d->outcomes };
	d->waiting++;
	spool_set_destination_profile(d->spool, nobody, "none", settled, d->settle_wait);
}

void
settle_forget(struct deliver *d)
{
	if (d->settle_wait != NULL)
		d->settle_wait->deliver = NULL;
}

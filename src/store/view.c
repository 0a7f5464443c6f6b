/*
 * view.c - account and figures from the store thread to the loop, once per batch.
 */
#include "store/state.h"

#include <stdio.h>
#include <stdlib.h>

static void
taken(struct completion *c)
{
	view_take((struct spool *)((char *)c -
				   offsetof(struct spool, exchange.completion)));
}

void
view_init(struct spool *sp)
{
	pthread_mutex_init(&sp->exchange.lock, NULL);
	sp->exchange.completion.run = taken;
}

void
view_done(struct spool *sp)
{
	free(sp->exchange.latest.policies);
	free(sp->view.policies);
	pthread_mutex_destroy(&sp->exchange.lock);
}

/* Room for n names; when memory fails the old list stays. */
static int
names_reserve(struct view *v, size_t n)
{
	if (n <= v->cap_policies)
		return 0;
	const char **grown = realloc(v->policies, n * 2 * sizeof(*grown));
	if (grown == NULL)
		return -1;
	v->policies = grown;
	v->cap_policies = n * 2;
	return 0;
}

static void
fill(struct writer *w, struct view *v)
{
	account_of_terms(w->terms, &v->account);
	v->account.oldest_waiting_at = w->oldest_at;
	if (names_reserve(v, w->n_policies) == 0) {
		v->n_policies = 0;
		for (size_t i = 0; i < w->n_policies; i++)
			if (w->policies[i].waiting > 0)
				v->policies[v->n_policies++] = w->policies[i].name;
	}
	v->is_troubled = w->is_troubled || w->is_log_full;
	snprintf(v->trouble, sizeof(v->trouble), "%s",
		 w->is_troubled || !w->is_log_full
			 ? w->trouble
			 : "the write-ahead log is at its limit");
	v->database_bytes = w->database_bytes;
	v->wal_bytes = wal_bytes(w);
	v->segment_bytes = w->segment_bytes;
	v->file_bytes = w->file_bytes;
	v->unsynced = w->unsynced;
	v->outcomes = outcomes_done(w);
	v->refused_rows =
		refused_count(&w->spool->refused) + refused_count(&w->spool->unreadable);
	v->longest_commit_us = w->longest_commit_us;
	v->longest_checkpoint_us = w->longest_checkpoint_us;
}

/*
 * Puts the view's own completion at the end of the chain unless it is under way already.
 */
void
view_publish(struct writer *w, struct completion ***end)
{
	struct view_exchange *x = &w->spool->exchange;

	w->is_view_stale = false;
	pthread_mutex_lock(&x->lock);
	fill(w, &x->latest);
	bool must_post = !x->is_posted;
	x->is_posted = true;
	pthread_mutex_unlock(&x->lock);
	if (!must_post)
		return;
	x->completion.next = NULL;
	**end = &x->completion;
	*end = &x->completion.next;
}

void
view_take(struct spool *sp)
{
	struct view_exchange *x = &sp->exchange;
	struct view mine = sp->view;

	pthread_mutex_lock(&x->lock);
	x->is_posted = false;
	int r = names_reserve(&mine, x->latest.n_policies);
	const char **names = mine.policies;
	size_t cap = mine.cap_policies, n = mine.n_policies;
	mine = x->latest;
	mine.policies = names;
	mine.cap_policies = cap;
	mine.n_policies = n;
	if (r == 0) {
		mine.n_policies = x->latest.n_policies;
		if (mine.n_policies > 0)
			memcpy(names, x->latest.policies,
			       mine.n_policies * sizeof(*names));
	}
	pthread_mutex_unlock(&x->lock);
	sp->view = mine;
}

/* -- what the loop asks -- */

const struct spool_account *
spool_account(const struct spool *sp)
{
	return &sp->view.account;
}

size_t
spool_waiting_policies(const struct spool *sp, const char **names, size_t max)
{
	size_t n = sp->view.n_policies < max ? sp->view.n_policies : max;

	for (size_t i = 0; i < n; i++)
		names[i] = sp->view.policies[i];
	return n;
}

void
spool_status(const struct spool *sp, struct spool_status *ret)
{
	const struct view *v = &sp->view;
	bool is_low = atomic_load(&sp->space.is_low);

	*ret = (struct spool_status){
		.free_bytes = atomic_load(&sp->space.free_bytes),
		.reserve = atomic_load(&sp->space.reserve),
		.is_accepting = !is_low && !v->is_troubled,
		.database_bytes = v->database_bytes,
		.wal_bytes = v->wal_bytes,
		.segment_bytes = v->segment_bytes,
		.file_bytes = v->file_bytes,
		.hot_bytes = sp->hot.bytes,
		.in_flight_bytes = sp->in_flight,
		.unsynced_outcomes = v->unsynced,
		.refused_rows = v->refused_rows,
		.longest_commit_us = v->longest_commit_us,
		.longest_checkpoint_us = v->longest_checkpoint_us,
		.last_mid = sp->next_mid,
		.retention_ms = atomic_load(&sp->limits.retention_ms),
	};
	if (v->is_troubled)
		memcpy(ret->trouble, v->trouble, sizeof(ret->trouble));
	else if (is_low)
		snprintf(ret->trouble, sizeof(ret->trouble), "%s", SPACE_IS_LOW);
}

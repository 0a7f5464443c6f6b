/*
 * refused.c - a set of MIDs in order, under a mutex: few, and asked for with each row.
 */
#include "store/refused.h"

#include <stdlib.h>
#include <string.h>

void
refused_init(struct refused *r)
{
	*r = (struct refused){ 0 };
	pthread_mutex_init(&r->lock, NULL);
}

void
refused_done(struct refused *r)
{
	free(r->mids);
	pthread_mutex_destroy(&r->lock);
}

/* The first place that is not below it. */
static size_t
find(const struct refused *r, uint64_t mid)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (r->mids[middle] < mid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
insert(struct refused *r, size_t at, uint64_t mid)
{
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? 16 : r->cap * 2;
		uint64_t *grown = realloc(r->mids, cap * sizeof(*grown));
		if (grown == NULL)
			abort(); /* see spool_record(): it would be sent again and again */
		r->mids = grown;
		r->cap = cap;
	}
	memmove(r->mids + at + 1, r->mids + at, (r->n - at) * sizeof(*r->mids));
	r->mids[at] = mid;
	r->n++;
}

void
refused_add(struct refused *r, uint64_t mid)
{
	pthread_mutex_lock(&r->lock);
	size_t at = find(r, mid);
	if (at == r->n || r->mids[at] != mid)
		insert(r, at, mid);
	pthread_mutex_unlock(&r->lock);
}

void
refused_clear(struct refused *r)
{
	pthread_mutex_lock(&r->lock);
	r->n = 0;
	pthread_mutex_unlock(&r->lock);
}

bool
refused_has(struct refused *r, uint64_t mid)
{
	pthread_mutex_lock(&r->lock);
	size_t at = find(r, mid);
	bool has = at < r->n && r->mids[at] == mid;
	pthread_mutex_unlock(&r->lock);
	return has;
}

size_t
refused_count(struct refused *r)
{
	pthread_mutex_lock(&r->lock);
	size_t n = r->n;
	pthread_mutex_unlock(&r->lock);
	return n;
}

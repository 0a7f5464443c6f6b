/*
 * refused.h - rows that the database will not change, until the next start.
 *
 * What became of them cannot be recorded: were they given out again, each look at the due
 * queue would send them once more.
 */
#ifndef TDC_STORE_REFUSED_H
#define TDC_STORE_REFUSED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refused {
	pthread_mutex_t lock;
	uint64_t *mids; /* in order */
	size_t n, cap;
};

/* Any thread, but for the first and the last. */
void refused_init(struct refused *r);
void refused_done(struct refused *r);
void refused_add(struct refused *r, uint64_t mid);
void refused_clear(struct refused *r);
bool refused_has(struct refused *r, uint64_t mid);
size_t refused_count(struct refused *r);

#endif

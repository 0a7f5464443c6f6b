/*
 * work.h - jobs for threads.
 *
 * A pool of n threads takes jobs in order of their submission. A job carries ids and
 * values, never pointers to mortal objects, unless its submitter keeps those alive until
 * it is done. A queue is for a thread that wants everything that waits as one
 * batch.
 */
#ifndef TDC_LOOP_WORK_H
#define TDC_LOOP_WORK_H

#include "tdc/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct work_job {
	struct work_job *next;
	void (*run)(struct work_job *job); /* on a thread of the pool; may free the job */
};

struct work; /* a pool */

/* `name` (at most 15 bytes, static) becomes the threads' name. All signals are blocked
 * there. */
int work_new(const char *name, unsigned threads, struct work **ret, struct err *e);
/* Any thread. Takes the job. */
void work_submit(struct work *w, struct work_job *job);
/* Runs what was submitted, then ends the threads and frees. Not from a thread of the
 * pool. */
void work_free(struct work *w);

/* -- a queue whose one consumer is a thread of the caller's own -- */
struct work_queue;
int work_queue_new(struct work_queue **ret, struct err *e);
void work_queue_free(struct work_queue *q);
/* Any thread. Takes the job (its `run` is not called by the queue). */
void work_queue_push(struct work_queue *q, struct work_job *job);
/* The same for a job that has time: see struct work_pace. */
void work_queue_push_patiently(struct work_queue *q, struct work_job *job);
/* The same for a chain linked by `next`, in that order: no batch has a part of it. */
void work_queue_push_chain(struct work_queue *q, struct work_job *first);
/* No more pushes; the consumer sees `closed` after the last job. */
void work_queue_close(struct work_queue *q);
/*
 * How a batch grows. Jobs that all have time wait for up to `patience_us` for one that has
 * not. And behind a batch with `crowd` jobs or more that had none, taken just before, the
 * consumer looks again each `step_us` (under a second), at most `steps` times, for as long
 * as the last look found another of them, and until `enough` of them are there. (So many
 * of both sorts end the patience, too.) A lone job waits for nobody.
 */
struct work_pace {
	unsigned patience_us;
	size_t crowd, enough;
	unsigned step_us, steps;
};
/* Before the first take. Without it every job is taken at once. */
void work_queue_set_pace(struct work_queue *q, const struct work_pace *pace);
/*
 * Waits until something is there, the queue is closed, or wait_ms passed (-1 = for ever);
 * returns all that waits as a chain in order of arrival, or NULL.
 */
struct work_job *work_queue_take_all(struct work_queue *q, int64_t wait_ms, bool *closed);

#endif

/*
 * completion.h - the way back to the loop: one wake-up for all answers of a batch.
 *
 * Any thread adds chains; the loop runs them in order. When the spool is closed what is
 * left runs inside completions_done(), so that every callback runs exactly once and
 * nothing outlives the spool.
 */
#ifndef TDC_STORE_COMPLETION_H
#define TDC_STORE_COMPLETION_H

#include "store/op.h"

#include <pthread.h>

struct loop;
struct watch;

struct completions {
	pthread_mutex_t lock;
	struct completion *first, **end;
	int wake_fd;
	struct watch *watch;
};

int completions_init(struct completions *c, struct loop *l, struct err *e);
void completions_done(struct completions *c); /* loop thread; runs what is left */
void completions_run(struct completions *c);  /* loop thread: what is there */
void completions_post(struct completions *c,
		      struct completion *first); /* any thread; takes the chain */

#endif

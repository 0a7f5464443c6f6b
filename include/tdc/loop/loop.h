/*
 * loop.h - one event loop: turns, timers, signals, descriptors, and work from other
 * threads.
 *
 * All of it belongs to the thread that runs the loop, but for loop_post() and loop_queue.
 * The loop never waits in a callback and never touches a file or the database. A turn:
 * wait, events, timers that are due, tasks, frees. After each turn the tasks of
 * loop_at_turn_end() run, then what was given to loop_defer_free() is freed: an object
 * with callbacks is closed now and freed after the turn.
 */
#ifndef TDC_LOOP_LOOP_H
#define TDC_LOOP_LOOP_H

#include "tdc/base/clock.h"
#include "tdc/base/err.h"
#include "tdc/base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

int loop_new(const struct clock *clock, struct loop **ret, struct err *e);
/* NULL is fine. Everything on it was closed before; streams that linger are closed;
 * jobs that were posted and did not run yet are forgotten (loop_run_once() with 0 runs
 * them). */
void loop_free(struct loop *l);

int loop_run(struct loop *l, struct err *e); /* until loop_stop() */
void loop_stop(struct loop *l);
/* One turn; waits at most `wait_ms` (0 = not at all) for an event. For tests. */
int loop_run_once(struct loop *l, int wait_ms, struct err *e);

/* The time of this turn (cached at its start). */
int64_t loop_mono_ms(const struct loop *l);
int64_t loop_wall_ms(const struct loop *l);
const struct clock *loop_clock(const struct loop *l);

/* -- timers: embedded in their owner (which does not move); `fn` runs once per
 * timer_set(), by the loop's clock: with a manual clock, a turn after the clock was
 * moved -- */
typedef void timer_fn(void *arg);
struct timer {
	struct loop *loop;
	timer_fn *fn;
	void *arg;
	int64_t due_ms; /* on the loop's monotonic clock */
	size_t place;   /* among the timers that are set; 0 = not set */
};
int timer_init(struct timer *t, struct loop *l, timer_fn *fn, void *arg, struct err *e);
void timer_set(struct timer *t, int64_t ms); /* from now; replaces an earlier setting */
void timer_cancel(struct timer *t);
bool timer_is_set(const struct timer *t);
/* zeroed or initialised timers only; may run inside fn */
void timer_done(struct timer *t);

/* -- descriptors that are not streams (libunbound's, for one): level triggered -- */
typedef void watch_fn(void *arg, bool readable, bool writable);
struct watch;
int watch_new(struct loop *l, int fd, bool read, bool write, watch_fn *fn, void *arg,
	      struct watch **ret, struct err *e);
void watch_free(struct watch *w); /* the descriptor stays open */

/* -- signals -- */
typedef void signal_fn(void *arg, int signo);
struct signal_watch;
int signal_watch_new(struct loop *l, int signo, signal_fn *fn, void *arg,
		     struct signal_watch **ret, struct err *e);
void signal_watch_free(struct signal_watch *w);

/* -- after this turn -- */
/*
 * Of two tasks that wait, the one of the lower rank runs first; but each rank has its turn
 * in each turn.
 */
enum loop_rank {
	LOOP_RANK_ANSWER, /* somebody waits for it: the default */
	LOOP_RANK_WORK,   /* begun when all that is said        */
	LOOP_RANKS
};
struct loop_task {
	struct list_node node; /* unlinked = not waiting */
	void (*run)(struct loop_task *task);
	enum loop_rank rank; /* not changed while it waits */
};
/* Runs the task once after the present turn; a second call before that does nothing.
 * What a task queues runs in the same turn's end, within reason; then in the next
 * turn, which comes at once. */
void loop_at_turn_end(struct loop *l, struct loop_task *task);
void loop_task_cancel(struct loop *l, struct loop_task *task);
/* Calls free_fn(p) after the present turn and its tasks. */
void loop_defer_free(struct loop *l, void *p, void (*free_fn)(void *));

/* -- from other threads -- */
struct loop_job {
	struct loop_job *next;
	void (*run)(struct loop_job *job); /* on the loop's thread; may free the job */
};
/* Any thread. Takes the job until it runs; jobs of one thread run in their order. */
void loop_post(struct loop *l, struct loop_job *job);
/* Any thread. A chain linked by `next`, in that order: one wake-up for all of them. */
void loop_post_chain(struct loop *l, struct loop_job *first);

#endif

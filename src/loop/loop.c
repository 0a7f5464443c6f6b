/*
 * loop.c - turns of the loop: wait, events, timers, tasks, graves; and jobs from other
 * threads.
 *
 * libevent does one pass at a time; what comes after the pass is ours, so that everything
 * that was queued in a turn (output, acknowledgements) leaves as one piece at its end.
 */
#include "loop/inside.h"

#include "tdc/base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	TASK_ROUNDS = 8,     /* tasks queued by tasks, in one turn */
	WAIT_MAX_MS = 60000, /* nothing depends on it */
	SMALL_WAITING = 32,
	LARGE_WAITING = 8,
};

static void
tick_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	l->tick_at = 0;
}

/* -- jobs from other threads -- */

static void
inbox_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_inbox *inbox = arg;
	uint64_t times;

	(void)what;
	/* The wake-up is taken before the chain: a job that comes later wakes again. */
	ssize_t r = read((int)fd, &times, sizeof(times));
	(void)r;
	pthread_mutex_lock(&inbox->lock);
	struct loop_job *job = inbox->first;
	inbox->first = NULL;
	inbox->end = &inbox->first;
	pthread_mutex_unlock(&inbox->lock);
	while (job != NULL) {
		struct loop_job *next = job->next;
		job->run(job);
		job = next;
	}
}

static int
inbox_init(struct loop_inbox *inbox, struct event_base *base, struct err *e)
{
	inbox->end = &inbox->first;
	inbox->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (inbox->wake_fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno,
			       "no descriptor for wake-ups");
	inbox->wake =
		event_new(base, inbox->wake_fd, EV_READ | EV_PERSIST, inbox_fired, inbox);
	if (inbox->wake == NULL || event_add(inbox->wake, NULL) != 0)
		return err_set(e, ERR_MEMORY, 0, "no memory for wake-ups");
	return 0;
}

void
loop_post_chain(struct loop *l, struct loop_job *first)
{
	struct loop_inbox *inbox = &l->inbox;
	struct loop_job **end = &first;

	if (first == NULL)
		return;
	while (*end != NULL)
		end = &(*end)->next;
	pthread_mutex_lock(&inbox->lock);
	bool was_empty = inbox->first == NULL;
	*inbox->end = first;
	inbox->end = end;
	pthread_mutex_unlock(&inbox->lock);
	if (was_empty) {
		uint64_t one = 1;
		ssize_t r = write(inbox->wake_fd, &one, sizeof(one));
		(void)r; /* a full counter is a wake-up, too */
	}
}

void
loop_post(struct loop *l, struct loop_job *job)
{
	job->next = NULL;
	loop_post_chain(l, job);
}

/* -- life -- */

static struct event_base *
base_new(void)
{
	struct event_config *config = event_config_new();
	if (config == NULL)
		return NULL;
	/* Other threads never touch the base: they write to the inbox. */
	event_config_set_flag(config,
			      EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int
loop_new(const struct clock *clock, struct loop **ret, struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));
	if (l == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a loop");
	l->clock = clock;
	l->time = &l->now;
	l->inbox.wake_fd = -1;
	pthread_mutex_init(&l->inbox.lock, NULL);
	for (int i = 0; i < LOOP_RANKS; i++)
		list_init(&l->tasks[i]);
	list_init(&l->orphans);
	blocks_init(&l->small, LOOP_BLOCK_SMALL, SMALL_WAITING);
	blocks_init(&l->large, LOOP_BLOCK_LARGE, LARGE_WAITING);
	l->base = base_new();
	if (l->base != NULL)
		l->tick = evtimer_new(l->base, tick_fired, l);
	if (l->tick == NULL) {
		loop_free(l);
		return err_set(e, ERR_MEMORY, 0, "no event base");
	}
	if (inbox_init(&l->inbox, l->base, e) != 0) {
		loop_free(l);
		return -1;
	}
	*ret = l;
	return 0;
}

static void
graves_empty(struct loop *l)
{
	/* Freeing something may bury something else. */
	for (size_t i = 0; i < l->n_graves; i++) {
		struct loop_grave grave = l->graves[i];
		grave.free_fn(grave.p);
	}
	l->n_graves = 0;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	for (struct list_node *n; (n = list_first(&l->orphans)) != NULL;) {
		struct loop_orphan *orphan = list_entry(n, struct loop_orphan, node);
		orphan->end(orphan);
	}
	graves_empty(l);
	free(l->graves);
	if (l->inbox.wake != NULL)
		event_free(l->inbox.wake);
	if (l->inbox.wake_fd >= 0)
		close(l->inbox.wake_fd);
	if (l->tick != NULL)
		event_free(l->tick);
	if (l->base != NULL)
		event_base_free(l->base);
	pthread_mutex_destroy(&l->inbox.lock);
	timers_done(l);
	blocks_done(&l->small);
	blocks_done(&l->large);
	free(l);
}

/* -- time -- */

static struct loop_time *
loop_time_read(const struct loop *l)
{
	struct loop_time *t = l->time;
	if (!t->is_fresh || !l->is_in_turn) {
		t->mono = l->clock->mono_ms(l->clock);
		t->wall = l->clock->wall_ms(l->clock);
		t->is_fresh = true;
	}
	return t;
}

int64_t
loop_mono_ms(const struct loop *l)
{
	return loop_time_read(l)->mono;
}

int64_t
loop_wall_ms(const struct loop *l)
{
	return loop_time_read(l)->wall;
}

const struct clock *
loop_clock(const struct loop *l)
{
	return l->clock;
}

/* -- after the turn -- */

void
loop_at_turn_end(struct loop *l, struct loop_task *task)
{
	if (!list_node_is_linked(&task->node))
		list_append(&l->tasks[task->rank], &task->node);
}

void
loop_task_cancel(struct loop *l, struct loop_task *task)
{
	if (list_node_is_linked(&task->node))
		list_remove(&l->tasks[task->rank], &task->node);
}

void
loop_defer_free(struct loop *l, void *p, void (*free_fn)(void *))
{
	if (l->n_graves == l->graves_cap) {
		size_t cap = l->graves_cap == 0 ? 64 : l->graves_cap * 2;
		struct loop_grave *graves = realloc(l->graves, cap * sizeof(*graves));
		if (graves == NULL)
			return; /* better lost than freed under somebody's feet */
		l->graves = graves;
		l->graves_cap = cap;
	}
	l->graves[l->n_graves++] = (struct loop_grave){ p, free_fn };
}

/* The first rank with something in it. NULL: none has. */
static struct list *
tasks_next(struct loop *l)
{
	for (int i = 0; i < LOOP_RANKS; i++)
		if (!list_is_empty(&l->tasks[i]))
			return &l->tasks[i];
	return NULL;
}

/* Those that wait now. */
static void
tasks_run_list(struct list *tasks)
{
	for (size_t n = tasks->count; n > 0 && !list_is_empty(tasks); n--) {
		struct list_node *first = list_first(tasks);
		list_remove(tasks, first);
		struct loop_task *task = list_entry(first, struct loop_task, node);
		task->run(task);
	}
}

static void
tasks_run(struct loop *l)
{
	struct list *tasks;

	for (int round = 0; round < TASK_ROUNDS && (tasks = tasks_next(l)) != NULL;
	     round++)
		tasks_run_list(tasks);
	/* A task that queues itself for ever holds up nobody else. */
	for (int i = LOOP_RANK_ANSWER + 1; i < LOOP_RANKS; i++)
		tasks_run_list(&l->tasks[i]);
}

/* -- turns -- */

/* How long this turn may sleep: until the first timer, and not at all while tasks
 * wait. */
static int64_t
loop_wait(struct loop *l, int64_t most_ms)
{
	if (tasks_next(l) != NULL || l->n_graves > 0 || l->is_stopped)
		return 0;
	int64_t wait = most_ms;
	if (l->timers.n > 0) {
		int64_t left = l->timers.at[0]->due_ms - l->clock->mono_ms(l->clock);
		if (left < wait)
			wait = left < 0 ? 0 : left;
	}
	return wait;
}

/* Makes sure that a wait ends after wait_ms, at the latest. An earlier tick is left
 * alone. */
static int
loop_arm_tick(struct loop *l, int64_t wait_ms, struct err *e)
{
	int64_t at = l->clock->mono_ms(l->clock) + wait_ms;

	if (l->tick_at != 0 && l->tick_at <= at)
		return 0;
	struct timeval tv = { (time_t)(wait_ms / 1000),
			      (suseconds_t)(wait_ms % 1000) * 1000 };
	if (event_add(l->tick, &tv) != 0)
		return err_set(e, ERR_MEMORY, 0, "the loop's timer cannot be set");
	l->tick_at = at;
	return 0;
}

static int
loop_turn(struct loop *l, int64_t most_ms, struct err *e)
{
	int64_t wait = loop_wait(l, most_ms);

	check(!l->is_in_turn);
	if (wait > 0 && loop_arm_tick(l, wait, e) != 0)
		return -1;
	l->is_in_turn = true;
	l->time->is_fresh = false;
	/* One pass: NONBLOCK alone would go on for as long as something is ready. */
	int r = event_base_loop(l->base, EVLOOP_ONCE | (wait > 0 ? 0 : EVLOOP_NONBLOCK));
	if (r >= 0) {
		timers_run(l);
		tasks_run(l);
		graves_empty(l);
	}
	l->is_in_turn = false;
	return r < 0 ? err_set(e, ERR_IO, errno, "waiting for events failed") : 0;
}

int
loop_run_once(struct loop *l, int wait_ms, struct err *e)
{
	int r = loop_turn(l, wait_ms, e);
	/* The next call decides anew how long it waits. */
	if (l->tick_at != 0) {
		event_del(l->tick);
		l->tick_at = 0;
	}
	return r;
}

int
loop_run(struct loop *l, struct err *e)
{
	int r = 0;

	while (!l->is_stopped && r == 0)
		r = loop_turn(l, WAIT_MAX_MS, e);
	l->is_stopped = false;
	return r;
}

void
loop_stop(struct loop *l)
{
	l->is_stopped = true;
}

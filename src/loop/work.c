/*
 * work.c - a pool of threads, and a queue for a thread of the caller's own.
 *
 * Both are a chain under one mutex. A wake-up is sent only to somebody who sleeps.
 */
#include "tdc/loop/work.h"

#include "tdc/base/check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* Jobs in order of arrival. */
struct chain {
	struct work_job *first, **end;
};

static void
chain_init(struct chain *c)
{
	c->first = NULL;
	c->end = &c->first;
}

static void
chain_append(struct chain *c, struct work_job *job)
{
	job->next = NULL;
	*c->end = job;
	c->end = &job->next;
}

static struct work_job *
chain_take_first(struct chain *c)
{
	struct work_job *job = c->first;
	if (job != NULL) {
		c->first = job->next;
		if (c->first == NULL)
			c->end = &c->first;
		job->next = NULL;
	}
	return job;
}

struct work {
	pthread_mutex_t lock;
	pthread_cond_t there_is_work;
	struct chain jobs;
	unsigned sleepers;
	bool is_ending;
	const char *name;
	unsigned n_threads;
	pthread_t threads[];
};

static void *
work_thread(void *arg)
{
	struct work *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct work_job *job = chain_take_first(&w->jobs);
		if (job == NULL && w->is_ending)
			break;
		if (job == NULL) {
			w->sleepers++;
			pthread_cond_wait(&w->there_is_work, &w->lock);
			w->sleepers--;
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Signals are for the thread that runs the loop. */
static int
work_start_thread(struct work *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&w->threads[w->n_threads], NULL, work_thread, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return r;
	pthread_setname_np(w->threads[w->n_threads], w->name);
	w->n_threads++;
	return 0;
}

int
work_new(const char *name, unsigned threads, struct work **ret, struct err *e)
{
	check(threads > 0);
	struct work *w = calloc(1, sizeof(*w) + threads * sizeof(w->threads[0]));
	if (w == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the threads \"%s\"",
			       name);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->there_is_work, NULL);
	chain_init(&w->jobs);
	w->name = name;
	for (unsigned i = 0; i < threads; i++) {
		int r = work_start_thread(w);
		if (r != 0) {
			work_free(w);
			return err_set(e, err_kind_of_errno(r), r,
				       "cannot start a thread \"%s\"", name);
		}
	}
	*ret = w;
	return 0;
}

void
work_submit(struct work *w, struct work_job *job)
{
	pthread_mutex_lock(&w->lock);
	check(!w->is_ending);
	chain_append(&w->jobs, job);
	if (w->sleepers > 0)
		pthread_cond_signal(&w->there_is_work);
	pthread_mutex_unlock(&w->lock);
}

void
work_free(struct work *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->is_ending = true;
	pthread_cond_broadcast(&w->there_is_work);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->there_is_work);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

struct work_queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct chain jobs;
	size_t n, n_hurried; /* jobs that wait; those of them that have no time  */
	size_t n_before;     /* of those, in the batch before; 0: it was long ago */
	bool is_closed, has_sleeper;
	bool is_patient; /* the sleeper has jobs that have time */
	struct work_pace pace;
};

int
work_queue_new(struct work_queue **ret, struct err *e)
{
	struct work_queue *q = calloc(1, sizeof(*q));
	if (q == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a queue");
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&q->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&q->lock, NULL);
	chain_init(&q->jobs);
	*ret = q;
	return 0;
}

void
work_queue_free(struct work_queue *q)
{
	if (q == NULL)
		return;
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

void
work_queue_set_pace(struct work_queue *q, const struct work_pace *pace)
{
	check(pace->crowd > 0 && pace->step_us < 1000000);
	q->pace = *pace;
}

/* Under the lock. */
static void
queue_append(struct work_queue *q, struct work_job *job)
{
	check(!q->is_closed);
	chain_append(&q->jobs, job);
	q->n++;
}

static void
queue_wake(struct work_queue *q)
{
	bool is_time = q->n_hurried > 0 || !q->is_patient || q->n >= q->pace.enough;

	if (q->has_sleeper && is_time)
		pthread_cond_signal(&q->changed);
}

void
work_queue_push(struct work_queue *q, struct work_job *job)
{
	job->next = NULL;
	work_queue_push_chain(q, job);
}

void
work_queue_push_patiently(struct work_queue *q, struct work_job *job)
{
	pthread_mutex_lock(&q->lock);
	queue_append(q, job);
	queue_wake(q);
	pthread_mutex_unlock(&q->lock);
}

void
work_queue_push_chain(struct work_queue *q, struct work_job *first)
{
	pthread_mutex_lock(&q->lock);
	while (first != NULL) {
		struct work_job *next = first->next;
		queue_append(q, first);
		q->n_hurried++;
		first = next;
	}
	queue_wake(q);
	pthread_mutex_unlock(&q->lock);
}

void
work_queue_close(struct work_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->is_closed = true;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

static int64_t
mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Under the lock, as all below. A negative time never comes. False: it is over. */
static bool
sleep_until(struct work_queue *q, int64_t us)
{
	const struct timespec until = { .tv_sec = (time_t)(us / 1000000),
					.tv_nsec = (long)(us % 1000000) * 1000 };

	q->has_sleeper = true;
	int r = us < 0 ? pthread_cond_wait(&q->changed, &q->lock)
		       : pthread_cond_timedwait(&q->changed, &q->lock, &until);
	q->has_sleeper = false;
	return r != ETIMEDOUT;
}

static void
wait_for_first(struct work_queue *q, int64_t wait_ms)
{
	if (q->n > 0 || wait_ms == 0)
		return;
	int64_t begin = mono_us();
	int64_t until = wait_ms < 0 ? -1 : begin + wait_ms * 1000;
	bool is_over = false;
	while (q->n == 0 && !q->is_closed && !is_over)
		is_over = !sleep_until(q, until);
	/* The crowd has gone. */
	if (mono_us() - begin > (int64_t)q->pace.step_us * q->pace.steps)
		q->n_before = 0;
}

/* For one that is in a hurry. */
static void
be_patient(struct work_queue *q)
{
	int64_t until = mono_us() + q->pace.patience_us;
	bool is_over = false;

	q->is_patient = true;
	while (q->n_hurried == 0 && !q->is_closed && q->n < q->pace.enough && !is_over)
		is_over = !sleep_until(q, until);
	q->is_patient = false;
}

static void
let_grow(struct work_queue *q)
{
	const struct timespec step = { .tv_nsec = (long)q->pace.step_us * 1000 };
	size_t before = 0;

	for (unsigned i = 0; i < q->pace.steps && !q->is_closed &&
			     q->n_hurried > before && q->n_hurried < q->pace.enough;
	     i++) {
		before = q->n_hurried;
		pthread_mutex_unlock(&q->lock);
		nanosleep(&step, NULL);
		pthread_mutex_lock(&q->lock);
	}
}

struct work_job *
work_queue_take_all(struct work_queue *q, int64_t wait_ms, bool *closed)
{
	pthread_mutex_lock(&q->lock);
	wait_for_first(q, wait_ms);
	if (q->n > 0 && q->pace.crowd > 0 && wait_ms != 0) {
		if (q->n_hurried == 0)
			be_patient(q);
		if (q->n_before >= q->pace.crowd)
			let_grow(q);
	}
	struct work_job *all = q->jobs.first;
	chain_init(&q->jobs);
	if (all != NULL)
		q->n_before = q->n_hurried;
	q->n = q->n_hurried = 0;
	*closed = q->is_closed && all == NULL;
	pthread_mutex_unlock(&q->lock);
	return all;
}

/*
 * test_work.c - the pool of threads, and the queue whose consumer takes everything at
 * once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/clock.h"
#include "tdc/loop/work.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Atomic int ran;
static int order[1000];
static char thread_name[16];
static bool are_signals_blocked;

struct numbered {
	struct work_job job;
	int number;
};

static void
count_run(struct work_job *job)
{
	free(job);
	atomic_fetch_add(&ran, 1);
}

static void
order_run(struct work_job *job)
{
	struct numbered *n = (struct numbered *)(void *)job;
	order[atomic_fetch_add(&ran, 1)] = n->number;
	free(n);
}

static void
look_run(struct work_job *job)
{
	sigset_t set;

	free(job);
	pthread_getname_np(pthread_self(), thread_name, sizeof(thread_name));
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	are_signals_blocked =
		sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGHUP) == 1;
}

static struct work_job *
job_new(void (*run)(struct work_job *), int number)
{
	struct numbered *n = calloc(1, sizeof(*n));
	n->job.run = run;
	n->number = number;
	return &n->job;
}

static void *
submit_jobs(void *arg)
{
	for (int i = 0; i < 5000; i++)
		work_submit(arg, job_new(count_run, i));
	return NULL;
}

static void
a_pool_runs_every_job_of_every_thread_before_it_ends(void **state)
{
	struct work *w;
	struct err e;
	pthread_t threads[4];

	(void)state;
	atomic_store(&ran, 0);
	assert_int_equal(work_new("test-pool", 3, &w, &e), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, submit_jobs, w), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	work_free(w);
	assert_int_equal(atomic_load(&ran), 20000);
	work_free(NULL);
}

static void
one_thread_keeps_the_order_and_has_name_and_no_signals(void **state)
{
	struct work *w;
	struct err e;
	sigset_t before, after;

	(void)state;
	atomic_store(&ran, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(work_new("body", 1, &w, &e), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
	for (int i = 0; i < 1000; i++)
		work_submit(w, job_new(order_run, i));
	work_submit(w, job_new(look_run, 0));
	work_free(w);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(order[i], i);
	assert_string_equal(thread_name, "body");
	assert_true(are_signals_blocked);
}

static void
a_queue_gives_everything_at_once_in_order(void **state)
{
	struct work_queue *q;
	struct err e;
	bool closed = true;

	(void)state;
	assert_int_equal(work_queue_new(&q, &e), 0);
	assert_null(work_queue_take_all(q, 0, &closed));
	assert_false(closed);
	for (int i = 0; i < 10; i++)
		work_queue_push(q, job_new(NULL, i));
	work_queue_close(q);
	struct work_job *job = work_queue_take_all(q, -1, &closed);
	assert_false(closed); /* not before the last job was taken */
	int n = 0;
	while (job != NULL) {
		struct work_job *next = job->next;
		assert_int_equal(((struct numbered *)(void *)job)->number, n++);
		free(job);
		job = next;
	}
	assert_int_equal(n, 10);
	assert_null(work_queue_take_all(q, -1, &closed));
	assert_true(closed);
	work_queue_free(q);
	work_queue_free(NULL);
}

static void
an_empty_queue_waits_as_long_as_it_was_told(void **state)
{
	struct work_queue *q;
	struct err e;
	bool closed = true;

	(void)state;
	assert_int_equal(work_queue_new(&q, &e), 0);
	int64_t start = clock_system()->mono_ms(clock_system());
	assert_null(work_queue_take_all(q, 20, &closed));
	assert_in_range(clock_system()->mono_ms(clock_system()) - start, 19, 5000);
	assert_false(closed);
	work_queue_free(q);
}

struct consumer {
	struct work_queue *queue;
	int jobs, batches;
};

static void *
consume(void *arg)
{
	struct consumer *c = arg;
	bool closed = false;

	while (!closed) {
		struct work_job *job = work_queue_take_all(c->queue, -1, &closed);
		c->batches += job != NULL;
		while (job != NULL) {
			struct work_job *next = job->next;
			free(job);
			c->jobs++;
			job = next;
		}
	}
	return NULL;
}

static void *
push_jobs(void *arg)
{
	for (int i = 0; i < 5000; i++)
		work_queue_push(arg, job_new(NULL, i));
	return NULL;
}

/* Both sorts, and chains of three; 5,000 in all, the last of them one that has time. */
static void *
push_mixed(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		struct work_job *first = job_new(NULL, i);
		first->next = job_new(NULL, i);
		first->next->next = job_new(NULL, i);
		first->next->next->next = NULL;
		work_queue_push(arg, job_new(NULL, i));
		work_queue_push_chain(arg, first);
		work_queue_push_patiently(arg, job_new(NULL, i));
	}
	return NULL;
}

static void
consume_from_three(void *(*push)(void *), const struct work_pace *pace)
{
	struct consumer c = { 0 };
	struct err e;
	pthread_t consumer, threads[3];

	assert_int_equal(work_queue_new(&c.queue, &e), 0);
	if (pace != NULL)
		work_queue_set_pace(c.queue, pace);
	assert_int_equal(pthread_create(&consumer, NULL, consume, &c), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, push, c.queue), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	work_queue_close(c.queue);
	pthread_join(consumer, NULL);
	assert_int_equal(c.jobs, 15000);
	assert_in_range(c.batches, 1, 15000);
	work_queue_free(c.queue);
}

static void
a_sleeping_consumer_sees_every_push_and_the_close(void **state)
{
	const struct work_pace pace = {
		.patience_us = 500, .crowd = 4, .enough = 16, .step_us = 20, .steps = 3
	};

	(void)state;
	consume_from_three(push_jobs, NULL);
	consume_from_three(push_mixed, &pace);
}

/* -- how a batch grows -- */

struct taker {
	struct work_queue *queue;
	pthread_t thread;
	int64_t took_ms;
	_Atomic int jobs; /* -1: not back yet */
};

static void *
take_once(void *arg)
{
	struct taker *t = arg;
	bool closed;
	int n = 0;

	int64_t start = clock_system()->mono_ms(clock_system());
	struct work_job *job = work_queue_take_all(t->queue, -1, &closed);
	t->took_ms = clock_system()->mono_ms(clock_system()) - start;
	while (job != NULL) {
		struct work_job *next = job->next;
		free(job);
		n++;
		job = next;
	}
	atomic_store(&t->jobs, n);
	return NULL;
}

static void
taker_start(struct taker *t, const struct work_pace *pace)
{
	struct err e;

	if (t->queue == NULL) {
		assert_int_equal(work_queue_new(&t->queue, &e), 0);
		work_queue_set_pace(t->queue, pace);
	}
	atomic_store(&t->jobs, -1);
}

static void
taker_run(struct taker *t)
{
	assert_int_equal(pthread_create(&t->thread, NULL, take_once, t), 0);
}

/* Jobs of the batch. */
static int
taker_join(struct taker *t)
{
	pthread_join(t->thread, NULL);
	return atomic_load(&t->jobs);
}

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void
a_job_that_has_time_waits_for_one_that_has_not(void **state)
{
	const struct work_pace pace = { .patience_us = 60000000,
					.crowd = 100,
					.enough = 100 };
	struct taker t = { 0 };

	(void)state;
	taker_start(&t, &pace);
	taker_run(&t);
	work_queue_push_patiently(t.queue, job_new(NULL, 0));
	pause_ms(50); /* for it to be taken alone, if it were */
	work_queue_push_patiently(t.queue, job_new(NULL, 1));
	pause_ms(50);
	assert_int_equal(atomic_load(&t.jobs), -1);
	work_queue_push(t.queue, job_new(NULL, 2));
	assert_int_equal(taker_join(&t), 3);
	assert_in_range(t.took_ms, 0, 30000); /* it was woken */
	work_queue_free(t.queue);
}

static void
patience_ends_by_time_by_number_and_by_the_close(void **state)
{
	const struct {
		const char *name;
		struct work_pace pace;
		int pushes;
		bool is_closed;
	} rows[] = {
		{ "by time",
		  { .patience_us = 1000, .crowd = 100, .enough = 100 },
		  1,
		  false },
		{ "by number",
		  { .patience_us = 60000000, .crowd = 100, .enough = 3 },
		  3,
		  false },
		{ "by the close",
		  { .patience_us = 60000000, .crowd = 100, .enough = 100 },
		  2,
		  true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct taker t = { 0 };
		taker_start(&t, &rows[i].pace);
		for (int n = 0; n < rows[i].pushes - 1; n++)
			work_queue_push_patiently(t.queue, job_new(NULL, n));
		if (rows[i].pushes > 1) {
			taker_run(&t);
			pause_ms(20);
		}
		work_queue_push_patiently(t.queue, job_new(NULL, 0));
		if (rows[i].pushes == 1)
			taker_run(&t);
		if (rows[i].is_closed)
			work_queue_close(t.queue);
		int got = taker_join(&t);
		if (got != rows[i].pushes || t.took_ms > 30000)
			fail_msg("%s: got %d jobs after %d ms, want %d", rows[i].name,
				 got, (int)t.took_ms, rows[i].pushes);
		work_queue_free(t.queue);
	}
}

static void
push_crowd(struct taker *t, int jobs)
{
	for (int i = 0; i < jobs; i++)
		work_queue_push(t->queue, job_new(NULL, i));
	taker_run(t);
	assert_int_equal(taker_join(t), jobs);
	atomic_store(&t->jobs, -1);
}

static const struct work_pace slow = {
	.patience_us = 1000, .crowd = 2, .enough = 4, .step_us = 999999, .steps = 60
};

static void
a_batch_behind_a_crowd_waits_for_more(void **state)
{
	struct taker t = { 0 };

	(void)state;
	taker_start(&t, &slow);
	push_crowd(&t, 2);
	assert_in_range(t.took_ms, 0, 900); /* the crowd itself waits for nobody */
	work_queue_push(t.queue, job_new(NULL, 0));
	taker_run(&t);
	pause_ms(50); /* for it to be taken alone, if it were */
	assert_int_equal(atomic_load(&t.jobs), -1);
	for (int i = 1; i < 4; i++)
		work_queue_push(t.queue, job_new(NULL, i));
	assert_in_range(taker_join(&t), 1, 4);  /* 4, if this thread was in time */
	assert_in_range(t.took_ms, 900, 30000); /* a step, and not sixty */
	work_queue_free(t.queue);
}

static void
a_step_that_brings_nobody_is_the_last(void **state)
{
	struct taker t = { 0 };

	(void)state;
	taker_start(&t, &slow);
	push_crowd(&t, 2);
	push_crowd(&t, 1);
	assert_in_range(t.took_ms, 900, 30000);
	push_crowd(&t, 1);
	assert_in_range(t.took_ms, 0, 900); /* the one before was alone: no step at all */
	work_queue_free(t.queue);
}

static void
those_that_have_time_are_no_crowd(void **state)
{
	struct taker t = { 0 };

	(void)state;
	taker_start(&t, &slow);
	for (int i = 0; i < 3; i++)
		work_queue_push_patiently(t.queue, job_new(NULL, i));
	work_queue_push(t.queue, job_new(NULL, 3));
	taker_run(&t);
	assert_int_equal(taker_join(&t), 4);
	push_crowd(&t, 1);
	assert_in_range(t.took_ms, 0, 900);
	work_queue_free(t.queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_runs_every_job_of_every_thread_before_it_ends),
		cmocka_unit_test(one_thread_keeps_the_order_and_has_name_and_no_signals),
		cmocka_unit_test(a_queue_gives_everything_at_once_in_order),
		cmocka_unit_test(an_empty_queue_waits_as_long_as_it_was_told),
		cmocka_unit_test(a_sleeping_consumer_sees_every_push_and_the_close),
		cmocka_unit_test(a_job_that_has_time_waits_for_one_that_has_not),
		cmocka_unit_test(patience_ends_by_time_by_number_and_by_the_close),
		cmocka_unit_test(a_batch_behind_a_crowd_waits_for_more),
		cmocka_unit_test(a_step_that_brings_nobody_is_the_last),
		cmocka_unit_test(those_that_have_time_are_no_crowd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

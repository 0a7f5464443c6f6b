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

static void
a_sleeping_consumer_sees_every_push_and_the_close(void **state)
{
	struct consumer c = { 0 };
	struct err e;
	pthread_t consumer, threads[3];

	(void)state;
	assert_int_equal(work_queue_new(&c.queue, &e), 0);
	assert_int_equal(pthread_create(&consumer, NULL, consume, &c), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, push_jobs, c.queue),
				 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	work_queue_close(c.queue);
	pthread_join(consumer, NULL);
	assert_int_equal(c.jobs, 15000);
	assert_in_range(c.batches, 1, 15000);
	work_queue_free(c.queue);
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

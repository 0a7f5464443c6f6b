/*
 * test_loop.c - turns: timers, tasks, frees, jobs from other threads, watches, signals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/buf.h"
#include "tdc/loop/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	struct buf story;
};

static void
open_loop(struct fixture *f)
{
	struct err e;

	clock_manual_init(&f->clock, 5000000);
	assert_int_equal(loop_new(&f->clock.base, &f->loop, &e), 0);
	buf_init(&f->story, 1 << 20);
}

static void
close_loop(struct fixture *f)
{
	loop_free(f->loop);
	buf_done(&f->story);
}

static void
turn(struct fixture *f)
{
	struct err e;
	assert_int_equal(loop_run_once(f->loop, 0, &e), 0);
}

/* -- timers -- */

struct named {
	struct fixture *f;
	const char *name;
	struct timer timer;
	struct loop_task task;
	struct named *next; /* queued by it */
	int again;          /* how often it queues itself again */
};

static void
named_fired(void *arg)
{
	struct named *n = arg;
	buf_append_text(&n->f->story, n->name);
	if (n->again > 0) {
		n->again--;
		timer_set(&n->timer, 0);
	}
}

static void
named_init(struct named *n, struct fixture *f, const char *name)
{
	struct err e;
	*n = (struct named){ .f = f, .name = name };
	assert_int_equal(timer_init(&n->timer, f->loop, named_fired, n, &e), 0);
}

static void
timers_fire_in_the_order_of_their_times(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	static const int64_t times[] = { 50, 10, 80, 30, 20, 70, 60, 40 };
	struct fixture f;
	struct named n[8];

	(void)state;
	open_loop(&f);
	for (int i = 0; i < 8; i++) {
		named_init(&n[i], &f, names[i]);
		timer_set(&n[i].timer, times[i]);
	}
	timer_cancel(&n[6].timer);
	timer_set(&n[2].timer, 5); /* replaces 80 */
	assert_false(timer_is_set(&n[6].timer));
	assert_true(timer_is_set(&n[2].timer));
	turn(&f);
	assert_string_equal(buf_text(&f.story), "");
	clock_manual_advance(&f.clock, 30);
	turn(&f);
	assert_string_equal(buf_text(&f.story), "cbed");
	clock_manual_advance(&f.clock, 100);
	turn(&f);
	assert_string_equal(buf_text(&f.story), "cbedhaf");
	turn(&f);
	assert_string_equal(buf_text(&f.story), "cbedhaf");
	for (int i = 0; i < 8; i++)
		timer_done(&n[i].timer);
	close_loop(&f);
}

static void
many_timers_set_and_cancelled_at_random_fire_as_a_sorted_list_says(void **state)
{
	enum { N = 500 };
	struct fixture f;
	static struct named n[N];
	int64_t due[N];
	uint32_t seed = 12345;

	(void)state;
	open_loop(&f);
	for (int i = 0; i < N; i++)
		named_init(&n[i], &f, "x");
	for (int i = 0; i < N; i++)
		due[i] = -1;
	for (int step = 0; step < 5000; step++) {
		seed = seed * 1664525 + 1013904223;
		int i = (int)(seed >> 8) % N;
		int64_t ms = (int64_t)(seed >> 20) % 1000;
		if (ms < 200)
			timer_cancel(&n[i].timer);
		else
			timer_set(&n[i].timer, ms);
		due[i] = ms < 200 ? -1 : ms;
	}
	for (int64_t at = 0; at <= 1000; at += 50) {
		size_t expected = 0;
		for (int i = 0; i < N; i++)
			expected += due[i] >= 0 && due[i] <= at;
		turn(&f);
		assert_int_equal(f.story.n, expected);
		clock_manual_advance(&f.clock, 50);
	}
	for (int i = 0; i < N; i++)
		timer_done(&n[i].timer);
	close_loop(&f);
}

static void
a_timer_that_is_set_again_for_now_waits_for_the_next_turn(void **state)
{
	struct fixture f;
	struct named n;

	(void)state;
	open_loop(&f);
	named_init(&n, &f, "x");
	n.again = 2;
	timer_set(&n.timer, 0);
	turn(&f);
	assert_string_equal(buf_text(&f.story), "x");
	turn(&f);
	turn(&f);
	turn(&f);
	assert_string_equal(buf_text(&f.story), "xxx");
	timer_done(&n.timer);
	close_loop(&f);
}

static void
done_fired(void *arg)
{
	struct named *n = arg;
	buf_append_text(&n->f->story, "gone");
	timer_done(&n->timer);
	free(n);
}

static void
a_timer_may_end_inside_its_own_call(void **state)
{
	struct fixture f;
	struct err e;
	struct named *n = calloc(1, sizeof(*n));
	struct timer never = { 0 };

	(void)state;
	open_loop(&f);
	n->f = &f;
	assert_int_equal(timer_init(&n->timer, f.loop, done_fired, n, &e), 0);
	timer_set(&n->timer, 1);
	clock_manual_advance(&f.clock, 1);
	turn(&f);
	assert_string_equal(buf_text(&f.story), "gone");
	timer_done(&never);
	close_loop(&f);
}

static void
a_turn_sees_one_time(void **state)
{
	struct fixture f;

	(void)state;
	open_loop(&f);
	int64_t before = loop_wall_ms(f.loop);
	clock_manual_advance(&f.clock, 7);
	assert_int_equal(loop_wall_ms(f.loop),
			 before + 7); /* outside of turns: the clock */
	assert_ptr_equal(loop_clock(f.loop), &f.clock.base);
	close_loop(&f);
}

/* -- tasks and frees -- */

static void
named_run(struct loop_task *task)
{
	struct named *n = list_entry(&task->node, struct named, task.node);
	buf_append_text(&n->f->story, n->name);
	if (n->again > 0) {
		n->again--;
		loop_at_turn_end(n->f->loop, &n->task);
	}
	if (n->next != NULL)
		loop_at_turn_end(n->f->loop, &n->next->task);
}

static struct fixture *burying;

static void
bury_inner(void *p)
{
	buf_append_text(&burying->story, p);
}

static void
bury(void *p)
{
	buf_append_text(&burying->story, p);
	loop_defer_free(burying->loop, "3", bury_inner);
}

static void
tasks_run_once_then_the_dead_are_freed(void **state)
{
	struct fixture f;
	struct named a = { .f = &f, .name = "a", .task.run = named_run };
	struct named b = { .f = &f, .name = "b", .task.run = named_run };
	struct named c = { .f = &f, .name = "c", .task.run = named_run };

	(void)state;
	open_loop(&f);
	burying = &f;
	loop_defer_free(f.loop, "1", bury);
	loop_at_turn_end(f.loop, &a.task);
	loop_at_turn_end(f.loop, &b.task);
	loop_at_turn_end(f.loop, &c.task);
	loop_at_turn_end(f.loop, &a.task);
	loop_task_cancel(f.loop, &b.task);
	loop_task_cancel(f.loop, &b.task);
	turn(&f);
	assert_string_equal(buf_text(&f.story), "ac13");
	turn(&f);
	assert_string_equal(buf_text(&f.story), "ac13");
	loop_defer_free(f.loop, "4", bury_inner);
	loop_free(f.loop);
	assert_string_equal(buf_text(&f.story), "ac134");
	buf_done(&f.story);
}

static void
tasks_that_queue_tasks_run_soon_but_never_hold_a_turn(void **state)
{
	struct fixture f;
	struct named a = { .f = &f, .name = "a", .task.run = named_run, .again = 1 };
	struct named b = { .f = &f, .name = "b", .task.run = named_run, .again = 10000 };
	struct err e;

	(void)state;
	open_loop(&f);
	loop_at_turn_end(f.loop, &a.task);
	turn(&f);
	assert_string_equal(buf_text(&f.story), "aa");
	buf_clear(&f.story);
	loop_at_turn_end(f.loop, &b.task);
	turn(&f);
	assert_in_range(f.story.n, 1, 100);
	size_t before = f.story.n;
	/* Would wait for a minute if the rest were forgotten. */
	assert_int_equal(loop_run_once(f.loop, 60000, &e), 0);
	assert_true(f.story.n > before);
	loop_task_cancel(f.loop, &b.task);
	close_loop(&f);
}

static void
what_is_owed_goes_before_new_work_even_what_that_work_owes(void **state)
{
	struct fixture f;
	struct named owed = { .f = &f, .name = "o", .task.run = named_run };
	struct named flush = { .f = &f, .name = "f", .task.run = named_run };
	struct named work = { .f = &f,
			      .name = "w",
			      .next = &flush,
			      .task = { .run = named_run, .rank = LOOP_RANK_WORK } };
	struct named dropped = { .f = &f,
				 .name = "d",
				 .task = { .run = named_run, .rank = LOOP_RANK_WORK } };

	(void)state;
	open_loop(&f);
	loop_at_turn_end(f.loop, &dropped.task);
	loop_at_turn_end(f.loop, &work.task);
	loop_at_turn_end(f.loop, &owed.task);
	loop_task_cancel(f.loop, &dropped.task);
	turn(&f);
	assert_string_equal(buf_text(&f.story), "owf");
	close_loop(&f);
}

static void
answers_without_end_do_not_keep_work_from_its_turn(void **state)
{
	struct fixture f;
	struct named owed = {
		.f = &f, .name = "o", .task.run = named_run, .again = 10000
	};
	struct named work = { .f = &f,
			      .name = "w",
			      .task = { .run = named_run, .rank = LOOP_RANK_WORK } };

	(void)state;
	open_loop(&f);
	loop_at_turn_end(f.loop, &work.task);
	loop_at_turn_end(f.loop, &owed.task);
	turn(&f);
	assert_non_null(strchr(buf_text(&f.story), 'w'));
	loop_task_cancel(f.loop, &owed.task);
	close_loop(&f);
}

/* -- jobs from other threads -- */

enum { THREADS = 4, JOBS = 20000 };

struct numbered {
	struct loop_job job;
	int thread, number;
};

static struct {
	struct loop *loop;
	int next[THREADS], ran, disorder;
} posted;

static void
numbered_run(struct loop_job *job)
{
	struct numbered *n = (struct numbered *)(void *)job;
	if (n->number != posted.next[n->thread]++)
		posted.disorder++;
	posted.ran++;
	free(n);
	if (posted.ran == THREADS * JOBS)
		loop_stop(posted.loop);
}

static struct numbered *
numbered_new(int thread, int number)
{
	struct numbered *n = calloc(1, sizeof(*n));
	n->job.run = numbered_run;
	n->thread = thread;
	n->number = number;
	return n;
}

static void *
post_jobs(void *arg)
{
	int thread = *(int *)arg;

	for (int i = 0; i < JOBS; i += 5) {
		struct numbered *first = numbered_new(thread, i),
				*second = numbered_new(thread, i + 1);
		first->job.next = &second->job;
		loop_post_chain(posted.loop, &first->job);
		for (int k = 2; k < 5; k++)
			loop_post(posted.loop, &numbered_new(thread, i + k)->job);
	}
	return NULL;
}

static void
jobs_of_four_threads_all_run_in_the_order_of_each_thread(void **state)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];
	struct err e;

	(void)state;
	assert_int_equal(loop_new(clock_system(), &posted.loop, &e), 0);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(
			pthread_create(&threads[i], NULL, post_jobs, &numbers[i]), 0);
	}
	assert_int_equal(loop_run(posted.loop, &e), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(posted.ran, THREADS * JOBS);
	assert_int_equal(posted.disorder, 0);
	loop_free(posted.loop);
}

static void
tell_name(struct loop_job *job)
{
	struct fixture *f = burying;
	buf_append_byte(&f->story, 'j');
	free(job);
}

static void
a_burst_of_jobs_runs_in_one_turn(void **state)
{
	struct fixture f;

	(void)state;
	open_loop(&f);
	burying = &f;
	for (int i = 0; i < 1000; i++) {
		struct loop_job *job = calloc(1, sizeof(*job));
		job->run = tell_name;
		loop_post(f.loop, job);
	}
	turn(&f);
	assert_int_equal(f.story.n, 1000);
	close_loop(&f);
}

/* -- watches and signals -- */

struct seen {
	struct watch *watch;
	int calls, frees_at;
	bool readable, writable;
};

static void
on_watch(void *arg, bool readable, bool writable)
{
	struct seen *s = arg;
	s->calls++;
	s->readable = readable;
	s->writable = writable;
	if (s->calls == s->frees_at)
		watch_free(s->watch);
}

static void
a_watch_tells_as_long_as_the_descriptor_is_ready(void **state)
{
	struct fixture f;
	struct seen s = { .frees_at = 3 };
	struct err e;
	int fds[2];

	(void)state;
	open_loop(&f);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(
		watch_new(f.loop, fds[0], true, false, on_watch, &s, &s.watch, &e), 0);
	turn(&f);
	assert_int_equal(s.calls, 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	for (int i = 0; i < 5; i++)
		turn(&f);
	assert_int_equal(s.calls, 3); /* freed inside its call */
	assert_true(s.readable);
	assert_false(s.writable);
	watch_free(NULL);
	int never_ready =
		open("/dev/null", O_RDONLY | O_CLOEXEC); /* epoll does not take it */
	assert_int_equal(
		watch_new(f.loop, never_ready, true, false, on_watch, &s, &s.watch, &e),
		-1);
	close(never_ready);
	close(fds[0]);
	close(fds[1]);
	close_loop(&f);
}

static void
on_signal(void *arg, int signo)
{
	*(int *)arg = signo;
}

static void
a_signal_is_told_by_the_loop(void **state)
{
	struct fixture f;
	struct signal_watch *w;
	struct err e;
	int seen = 0;

	(void)state;
	open_loop(&f);
	assert_int_equal(signal_watch_new(f.loop, SIGUSR1, on_signal, &seen, &w, &e), 0);
	raise(SIGUSR1);
	assert_int_equal(seen, 0);
	turn(&f);
	assert_int_equal(seen, SIGUSR1);
	signal_watch_free(w);
	signal_watch_free(NULL);
	close_loop(&f);
}

static void
stop_fired(void *arg)
{
	loop_stop(arg);
}

static void
a_loop_runs_until_it_is_stopped_and_again(void **state)
{
	struct loop *l;
	struct timer t;
	struct err e;

	(void)state;
	assert_int_equal(loop_new(clock_system(), &l, &e), 0);
	assert_int_equal(timer_init(&t, l, stop_fired, l, &e), 0);
	for (int i = 0; i < 2; i++) {
		int64_t start = clock_system()->mono_ms(clock_system());
		timer_set(&t, 15);
		assert_int_equal(loop_run(l, &e), 0);
		assert_in_range(clock_system()->mono_ms(clock_system()) - start, 15,
				5000);
	}
	timer_done(&t);
	loop_free(l);
	loop_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_the_order_of_their_times),
		cmocka_unit_test(
			many_timers_set_and_cancelled_at_random_fire_as_a_sorted_list_says),
		cmocka_unit_test(
			a_timer_that_is_set_again_for_now_waits_for_the_next_turn),
		cmocka_unit_test(a_timer_may_end_inside_its_own_call),
		cmocka_unit_test(a_turn_sees_one_time),
		cmocka_unit_test(tasks_run_once_then_the_dead_are_freed),
		cmocka_unit_test(tasks_that_queue_tasks_run_soon_but_never_hold_a_turn),
		cmocka_unit_test(
			what_is_owed_goes_before_new_work_even_what_that_work_owes),
		cmocka_unit_test(answers_without_end_do_not_keep_work_from_its_turn),
		cmocka_unit_test(
			jobs_of_four_threads_all_run_in_the_order_of_each_thread),
		cmocka_unit_test(a_burst_of_jobs_runs_in_one_turn),
		cmocka_unit_test(a_watch_tells_as_long_as_the_descriptor_is_ready),
		cmocka_unit_test(a_signal_is_told_by_the_loop),
		cmocka_unit_test(a_loop_runs_until_it_is_stopped_and_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_crash.c - the process dies at each crash point; whoever opens the spool next finds
 * what was promised.
 *
 * The child is killed by the point itself. What it was told before that comes by a pipe:
 * a byte for each acceptance that was answered. Promise: every answered one is there,
 * whole, and nothing else is left behind.
 */
#include "spool_fixture.h"

#include <signal.h>

#ifndef TDC_FAULTS
#error "this test needs a build with crash points"
#endif

struct told { /* one acceptance that was answered */
	uint64_t mid;
	uint64_t seed;
};

static int pipe_fd;

/* -- what the child does -- */

static void
tell(struct fixture *f, size_t size, uint64_t seed)
{
	struct told t = { accept_one(f, "DEFAULT", seed, size), seed };
	ssize_t r = write(pipe_fd, &t, sizeof(t));
	(void)r;
}

static void
accept_rounds(struct fixture *f)
{
	static const size_t sizes[] = { 500, 60000, 400000 };

	for (uint64_t i = 0; i < 30; i++)
		tell(f, sizes[i % 3], i);
}

static void
accept_and_deliver(struct fixture *f)
{
	for (uint64_t i = 0; i < 6; i++) {
		uint64_t mid = accept_one(f, "DEFAULT", i, 60000);
		record(f, OUTCOME_DELIVERED, mid);
		settle(f);
	}
}

static void
run_child(const char *directory, const char *fault, void (*work)(struct fixture *))
{
	struct fixture f;

	setenv("TDC_FAULT", fault, 1);
	memset(&f, 0, sizeof(f));
	snprintf(f.directory, sizeof(f.directory), "%s", directory);
	clock_manual_init(&f.clock, T0);
	if (loop_new(&f.clock.base, &f.loop, NULL) != 0)
		_exit(3);
	f.settings = (struct spool_settings){ .directory = f.directory, .reserve = 1 };
	open_spool(&f);
	work(&f);
	_exit(4); /* the point was never passed */
}

/* -- what the parent finds -- */

static const struct {
	const char *name, *fault;
	void (*work)(struct fixture *);
} points[] = {
	{ "a large body is written, its row is not", "store.body-written:3",
	  accept_rounds },
	{ "a segment is synced, the row is not", "store.segment-appended:3",
	  accept_rounds },
	{ "the first acceptance before its commit", "store.before-commit:1",
	  accept_rounds },
	{ "an inline body before the commit", "store.before-commit:7", accept_rounds },
	{ "a segment body before the commit", "store.before-commit:8", accept_rounds },
	{ "a large body before the commit", "store.before-commit:9", accept_rounds },
	{ "committed, not answered", "store.after-commit:8", accept_rounds },
	{ "answered in a moment", "store.before-answer:9", accept_rounds },
	{ "an outcome before its commit", "store.outcome-before-commit:3",
	  accept_and_deliver },
	{ "an outcome after its commit", "store.outcome-after-commit:3",
	  accept_and_deliver },
};

static size_t
read_told(int fd, struct told *told, size_t max)
{
	size_t n = 0;

	while (n < max && read(fd, &told[n], sizeof(told[n])) == sizeof(told[n]))
		n++;
	return n;
}

static void
check_accepted(struct fixture *f, const char *row, const struct told *told, size_t n)
{
	static const size_t sizes[] = { 500, 60000, 400000 };

	for (size_t i = 0; i < n; i++) {
		struct spool_journal *j = fetch_one(f, told[i].mid);
		if (j == NULL)
			fail_msg("%s: MID %" PRIu64 " was answered and is lost", row,
				 told[i].mid);
		assert_body(f, row, j->body, told[i].seed, sizes[told[i].seed % 3]);
		/* The numbers of a dead process are not given again. */
		assert_true(told[i].mid <= spool_unclean_mid(f->sp));
	}
	/* At most one more: committed in the instant of death, and whole. */
	uint64_t waiting = count_state(f, JOURNAL_WAITING);
	if (waiting > n + 1)
		fail_msg("%s: %" PRIu64 " rows wait, %zu were answered", row, waiting, n);
	fetch_due(f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 100, 1u << 30);
	for (size_t i = 0; i < f->n_rows; i++) {
		size_t got;
		char *p = read_body(f, f->rows[i]->body, &got);
		if (p == NULL)
			fail_msg("%s: a body cannot be read: %s", row, f->error.text);
		free(p);
	}
}

static pid_t
start_child(struct fixture *f, int fds[2], const char *fault,
	    void (*work)(struct fixture *))
{
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		pipe_fd = fds[1];
		run_child(f->directory, fault, work);
	}
	close(fds[1]);
	return pid;
}

static void
await_kill(const char *row, pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("%s: the child ended with status %x, want SIGKILL", row, status);
}

static void
nothing_answered_is_lost_at_any_point(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct fixture f;
		struct told told[64];
		int fds[2];
		bool is_delivery = points[i].work == accept_and_deliver;

		fixture_init(&f);
		pid_t pid = start_child(&f, fds, points[i].fault, points[i].work);
		size_t n = read_told(fds[0], told, 64);
		close(fds[0]);
		await_kill(points[i].name, pid);
		open_spool(&f);
		assert_false(f.recovery.was_clean);
		assert_true(spool_unclean_mid(f.sp) > 0);
		assert_true(spool_next_mid(f.sp) > spool_unclean_mid(f.sp));
		if (!is_delivery)
			check_accepted(&f, points[i].name, told, n);
		assert_account(&f, points[i].name);
		/*
		 * Delivered, and gone, twice; the third is there, or its outcome was
		 * committed.
		 */
		uint64_t waiting = spool_account(f.sp)->state[JOURNAL_WAITING];
		if (is_delivery &&
		    waiting != (strstr(points[i].fault, "before") != NULL ? 1u : 0u))
			fail_msg("%s: %" PRIu64 " rows wait", points[i].name, waiting);
		change(&f, CHANGE_DELETE, 0);
		close_spool(&f);
		open_spool(&f);
		close_spool(&f);
		if (count_files(&f) != 0)
			fail_msg("%s: %u files of nobody are left", points[i].name,
				 count_files(&f));
		fixture_done(&f);
	}
}

static void
accept_for_ever(struct fixture *f)
{
	static const size_t sizes[] = { 500, 60000, 400000 };

	for (uint64_t i = 0;; i++) {
		tell(f, sizes[i % 3], i);
		if (i % 5 == 4 && f->n_fresh > 3)
			record(f, OUTCOME_SOFT, f->fresh[f->n_fresh - 3]->mid);
		if (f->n_fresh > 100)
			forget_fresh(f);
	}
}

static void
nothing_answered_is_lost_at_random_instants(void **state)
{
	struct fixture f;
	struct told told[512];
	size_t n = 0;
	unsigned rounds = 12;

	(void)state;
	fixture_init(&f);
	for (unsigned round = 0; round < rounds; round++) {
		int fds[2];
		pid_t pid = start_child(&f, fds, "nothing", accept_for_ever);
		struct told first;
		if (read(fds[0], &first, sizeof(first)) != sizeof(first))
			fail_msg("round %u: the child accepted nothing", round);
		told[n++] = first;
		usleep(5000 + (unsigned)rand() % 60000);
		kill(pid, SIGKILL);
		n += read_told(fds[0], told + n, 40);
		close(fds[0]);
		await_kill("a random instant", pid);
	}
	open_spool(&f);
	static const size_t sizes[] = { 500, 60000, 400000 };
	for (size_t i = 0; i < n; i++) {
		struct spool_journal *j = fetch_one(&f, told[i].mid);
		if (j == NULL)
			fail_msg("MID %" PRIu64 " was answered and is lost", told[i].mid);
		assert_body(&f, "a random instant", j->body, told[i].seed,
			    sizes[told[i].seed % 3]);
		for (size_t k = 0; k < i; k++)
			assert_true(told[k].mid != told[i].mid);
	}
	assert_account(&f, "random instants");
	fixture_done(&f);
}

/* -- what may have been in flight -- */

static const char *profile_wanted; /* of the child */

static void
use_profile_and_die(struct fixture *f)
{
	unsigned done = f->done;

	if (profile_wanted != NULL) {
		spool_set_destination_profile(f->sp, "intake.example", profile_wanted,
					      on_done, f);
		AWAIT(f, f->done > done);
	}
	tell(f, 500, 1);
	raise(SIGKILL);
}

static uint64_t
crash_with(struct fixture *f, const char *profile)
{
	int fds[2];
	struct told told;

	profile_wanted = profile;
	pid_t pid = start_child(f, fds, "nothing", use_profile_and_die);
	assert_int_equal(read_told(fds[0], &told, 1), 1);
	close(fds[0]);
	await_kill("a life that crashes", pid);
	return told.mid;
}

static void
restart_in_order(struct fixture *f)
{
	if (f->sp == NULL)
		open_spool(f);
	close_spool(f);
	open_spool(f);
	assert_true(f->recovery.was_clean);
}

static void
assert_unclean(struct fixture *f, const char *when, uint64_t mid, const char *want)
{
	const char *got = spool_unclean_profile(f->sp, "intake.example", mid);

	assert_null(spool_unclean_profile(f->sp, "other.example", mid));
	if (got == NULL ? want != NULL : want == NULL || strcmp(got, want) != 0)
		fail_msg("%s: MID %" PRIu64 ": got profile %s, want %s", when, mid,
			 got == NULL ? "-" : got, want == NULL ? "-" : want);
	if (want != NULL)
		assert_true(mid <= spool_unclean_mid(f->sp));
}

/* The ways that end the last journal of a crash, and those that only put it away. */
static const struct {
	const char *name;
	enum outcome_kind kind;
	bool is_over;
} ends[] = {
	{ "delivered", OUTCOME_DELIVERED, true },
	{ "dropped", OUTCOME_DROPPED, true },
	{ "soft", OUTCOME_SOFT, false },
	{ "uncertain", OUTCOME_UNCERTAIN, false },
	{ "held", OUTCOME_HELD, false },
	{ "dead, may be retried", OUTCOME_DEAD, false },
	{ "quarantined, may be retried", OUTCOME_QUARANTINED, false },
};

static void
the_profile_of_a_crash_stays_until_its_journals_are_gone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct fixture f;

		fixture_init(&f);
		uint64_t mid = crash_with(&f, "of the crash");
		open_spool(&f);
		assert_false(f.recovery.was_clean);
		assert_unclean(&f, "after the crash", mid, "of the crash");
		/* An orderly life, with other bytes for what is new. */
		spool_set_destination_profile(f.sp, "intake.example", "new", on_done, &f);
		AWAIT(&f, f.done == 1);
		uint64_t later = accept_one(&f, "DEFAULT", 2, 100);
		restart_in_order(&f);
		restart_in_order(&f);
		assert_unclean(&f, ends[i].name, mid, "of the crash");
		assert_unclean(&f, ends[i].name, later, NULL);
		assert_string_equal(spool_destination_profile(f.sp, "intake.example"),
				    "new");
		record(&f, ends[i].kind, mid);
		settle(&f);
		restart_in_order(&f);
		assert_unclean(&f, ends[i].name, mid,
			       ends[i].is_over ? NULL : "of the crash");
		if (ends[i].is_over)
			assert_int_equal(spool_unclean_mid(f.sp), 0);
		close_spool(&f);
		assert_int_equal(ask(&f, "SELECT count(*) FROM unclean"),
				 !ends[i].is_over);
		fixture_done(&f);
	}
}

static void
each_crash_has_its_own_profile(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	uint64_t first = crash_with(&f, "one");
	uint64_t second = crash_with(&f, "two");
	uint64_t third = crash_with(&f, NULL); /* as the one before */
	restart_in_order(&f);
	uint64_t fourth = accept_one(&f, "DEFAULT", 4, 100);
	assert_unclean(&f, "the first", first, "one");
	assert_unclean(&f, "the second", second, "two");
	assert_unclean(&f, "the third", third, "two");
	assert_unclean(&f, "accepted since", fourth, NULL);
	change(&f, CHANGE_DELETE, first);
	restart_in_order(&f);
	assert_unclean(&f, "the second, alone", second, "two");
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM unclean"), 1);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_answered_is_lost_at_any_point),
		cmocka_unit_test(nothing_answered_is_lost_at_random_instants),
		cmocka_unit_test(
			the_profile_of_a_crash_stays_until_its_journals_are_gone),
		cmocka_unit_test(each_crash_has_its_own_profile),
	};
	srand((unsigned)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}

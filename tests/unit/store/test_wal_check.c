/*
 * test_wal_check.c - a write-ahead log whose bytes were lost behind our back: no copy of
 * what is left of it reaches the database, and what was refused stays refused.
 *
 * The daemon ends itself when bytes are lost, so it is a child here, which tells what it
 * was promised. The disk is that of log_disk.h.
 */
#include "spool_fixture.h"

#include "log_disk.h"

#include <sysexits.h>

struct told {
	uint64_t first, sent, refused;
};

/* The reader's connection goes at an error of its own, and the index of the log with the
 * last one. */
static void
close_reader(struct fixture *f, uint64_t mid)
{
	atomic_store(&reads_fail, true);
	fetch_one(f, mid);
	check(f->error.kind == ERR_IO);
	atomic_store(&reads_fail, false);
}

static void
child_begin(struct fixture *f, const char *directory)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->directory, sizeof(f->directory), "%s", directory);
	clock_manual_init(&f->clock, T0);
	if (loop_new(&f->clock.base, &f->loop, NULL) != 0)
		_exit(3);
	f->settings = (struct spool_settings){ .directory = f->directory, .reserve = 1 };
	log_disk_begin();
	open_spool(f);
}

static const struct {
	const char *name;
	unsigned outcomes; /* in the log when its sync fails */
	size_t size;       /* of the message whose sync fails */
	enum eviction evicts;
	bool has_reader; /* somebody else knows the log as it was */
	int status;      /* of the child's end; 0: by itself, once mail was refused */
} cases[] = {
	{ "bytes are lost", 3, 3000, EVICTS_AT_SYNC, true, EX_IOERR },
	{ "bytes are lost, and the log would be recovered", 3, 3000, EVICTS_AT_SYNC,
	  false, EX_IOERR },
	{ "bytes are lost later", 3, 3000, EVICTS_AT_CLOSE, true, EX_IOERR },
	{ "bytes are lost later, and the log was recovered", 3, 3000, EVICTS_AT_CLOSE,
	  false, EX_IOERR },
	{ "many bytes are lost", 30, 3000, EVICTS_AT_SYNC, true, EX_IOERR },
	{ "only what was refused is lost", 0, 3000, EVICTS_AT_SYNC, true, 0 },
	{ "the disk syncs no more", 0, 3000, EVICTS_NEVER, true, 0 },
	{ "the disk syncs no more, and the log was recovered", 0, 3000, EVICTS_NEVER,
	  false, 0 },
	{ "a large message is refused", 0, 400000, EVICTS_NEVER, false, 0 },
};

static void
run_child(const char *directory, size_t i, int pipe_fd)
{
	struct fixture f;
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct told t = { 0 };

	child_begin(&f, directory);
	t.first = accept_one(&f, "DEFAULT", 1, 3000);
	if (cases[i].has_reader)
		check(fetch_one(&f, t.first) != NULL);
	else
		close_reader(&f, t.first);
	for (unsigned k = 0; k <= cases[i].outcomes; k++)
		t.sent = accept_one(&f, "DEFAULT", 2, 3000);
	check(write(pipe_fd, &t, sizeof(t)) == sizeof(t));
	atomic_store(&evicts, cases[i].evicts);
	atomic_store(&syncs_to_fail, 1000);
	for (unsigned k = 0; k < cases[i].outcomes; k++)
		record(&f, OUTCOME_DELIVERED, f.fresh[2 + k]->mid);
	for (int64_t until = now_ms() + 5000;
	     now_ms() < until &&
	     spool_account(f.sp)->state[JOURNAL_DELIVERED] < cases[i].outcomes;)
		loop_run_once(f.loop, 20, NULL);
	unsigned done = f.done;
	int began = begin_accept(&f, 3, cases[i].size, &plan, 1);
	t.refused = plan.mid;
	check(write(pipe_fd, &t, sizeof(t)) == sizeof(t));
	if (cases[i].status == 0 && began == 0)
		AWAIT(&f, f.done > done);
	if (cases[i].status != 0)
		for (int64_t until = now_ms() + 5000; now_ms() < until;)
			loop_run_once(f.loop, 20, NULL);
	_exit(0);
}

/* The exit status of a daemon's life. */
static int
live(struct fixture *f, size_t i, struct told *t)
{
	int fds[2], status;

	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0)
		run_child(f->directory, i, fds[1]);
	close(fds[1]);
	while (read(fds[0], t, sizeof(*t)) == sizeof(*t))
		;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/*
 * Once more when all was in the database already, because the machine slept for a second
 * in front of the outcomes.
 */
static int
live_thrice(struct fixture *f, size_t i, struct told *t)
{
	int status = live(f, i, t);

	for (int again = 0; again < 2 && status != cases[i].status; again++) {
		fixture_done(f);
		fixture_init(f);
		status = live(f, i, t);
	}
	return status;
}

static void
a_log_that_lost_bytes_ends_the_daemon_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *name = cases[i].name;
		struct told t = { 0 };
		struct fixture f;

		fixture_init(&f);
		int status = live_thrice(&f, i, &t);
		if (status != cases[i].status)
			fail_msg("%s: got exit status %d, want %d", name, status,
				 cases[i].status);
		log_disk_begin();
		open_spool(&f);
		if (fetch_one(&f, t.first) == NULL)
			fail_msg("%s: an accepted message is lost", name);
		assert_body(&f, name, f.rows[0]->body, 1, 3000);
		if (t.refused != 0 && fetch_one(&f, t.refused) != NULL)
			fail_msg("%s: a refused message came back", name);
		/* Outcomes that were lost: as after a power cut, they wait. */
		if (cases[i].status != 0 && fetch_one(&f, t.sent) == NULL)
			fail_msg("%s: a lost outcome is there", name);
		assert_account(&f, name);
		close_spool(&f);
		assert_int_equal(ask(&f, "SELECT count(*) FROM pragma_integrity_check"
					 " WHERE integrity_check <> 'ok'"),
				 0);
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_that_lost_bytes_ends_the_daemon_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, install_disk, NULL);
}

/*
 * test_full.c - a disk that is full to the last byte: mail is put off, all that makes room
 * still works, also the stop and the next start.
 */
#include "small_disk.h"

#include <signal.h>

static void
commit_begun(struct fixture *f, struct spool_draft *d, uint64_t seed, size_t size)
{
	struct spool_plan plan = { .policy = "DEFAULT", .mid = spool_next_mid(f->sp) };
	struct spool_message *m = make_message(f);
	struct body_facts facts = make_facts(seed, size);
	unsigned done = f->done;

	fill_draft(f, d, seed, size, &f->error);
	facts.size = spool_draft_size(d);
	spool_commit(d, m, &facts, &plan, 1, on_done, f);
	spool_message_unref(m);
	AWAIT(f, f->done > done);
	if (!err_is_temporary(&f->error) && f->error.kind != ERR_NONE)
		fail_msg("a permanent error for want of space: %s", f->error.text);
}

static void
on_a_full_disk_outcomes_still_work(void **state)
{
	struct fixture f;
	enum { ROWS = 600 };
	unsigned failed = 0;

	(void)state;
	fixture_init(&f);
	mount_small(&f, "size=48m");
	f.settings.reserve = 1; /* so that only the disk itself says no */
	open_spool(&f);
	struct spool_plan plan = { .policy = "DEFAULT" };
	for (uint64_t i = 0; i < ROWS; i++)
		assert_int_equal(begin_accept(&f, i, 4000, &plan, 1), 0);
	AWAIT(&f, f.done == ROWS);
	/*
	 * Drafts that were begun while there was room; the first ones may still fit into
	 * the log.
	 */
	static const size_t sizes[] = { 7000, 60000, 400000 };
	enum { BEGUN = 300 };
	static struct spool_draft *begun[BEGUN];
	for (unsigned i = 0; i < BEGUN; i++)
		assert_int_equal(spool_draft_new(f.sp, 0, &begun[i], &f.error), 0);
	fill_disk(&f, 0);
	assert_int_equal(free_bytes(&f), 0);
	/* Acceptances fail, at once and temporarily, in all three places. */
	for (unsigned i = 0; i < BEGUN; i++) {
		commit_begun(&f, begun[i], i, sizes[i % 3]);
		if (i % 3 > 0 && (f.failed != failed + 1 || f.error.kind != ERR_SPACE))
			fail_msg("%zu bytes on a full disk: %s", sizes[i % 3],
				 err_kind_name(f.error.kind));
		failed = f.failed;
	}
	assert_true(failed > BEGUN / 3 * 2);
	await_draft(&f, false);
	assert_int_equal(f.error.kind, ERR_SPACE);
	/* Every outcome is recorded all the same. */
	for (unsigned i = 0; i < ROWS; i++) {
		record(&f, i % 2 == 0 ? OUTCOME_DELIVERED : OUTCOME_SOFT,
		       f.fresh[i]->mid);
		if (i % 20 == 0)
			loop_run_once(f.loop, 5, NULL);
	}
	AWAIT(&f, spool_account(f.sp)->state[JOURNAL_DELIVERED] >= ROWS / 2);
	free_disk(&f);
	await_draft(&f, true);
	AWAIT(&f, is_accepting(&f));
	for (unsigned i = 0; i < 3; i++)
		accept_one(&f, "DEFAULT", i, sizes[i]);
	assert_account(&f, "after the disk was full");
	forget_fresh(&f);
	close_spool(&f);
	open_spool(&f);
	assert_account(&f, "and after a restart");
	unmount_small(&f);
}

/* -- the ballast -- */

static bool
has_ballast(struct fixture *f)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/ballast", f->directory);
	return access(path, F_OK) == 0;
}

/* Rows wait, all is quiet: the log is short, the ballast is there. Then the disk is full. */
static void
begin_full(struct fixture *f, unsigned n)
{
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct spool_status s;

	fixture_init(f);
	mount_small(f, "size=48m");
	f->settings.reserve = 1;
	open_spool(f);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(begin_accept(f, i, 4000, &plan, 1), 0);
	AWAIT(f, f->done == n);
	AWAIT(f, (spool_status(f->sp, &s), s.wal_bytes == 0) && has_ballast(f));
	take_blocks_of_the_log(f);
	fill_disk(f, 0);
}

static void
set_profile(struct fixture *f)
{
	unsigned done = f->done;

	spool_set_destination_profile(f->sp, "intake.example", "journal;2", on_done, f);
	AWAIT(f, f->done > done);
}

static void
on_a_full_disk_the_operator_is_served(void **state)
{
	struct fixture f;
	enum { ROWS = 300 };

	(void)state;
	begin_full(&f, ROWS);
	for (unsigned i = 0; i < 20; i++)
		if (change(&f, CHANGE_DELETE, f.fresh[i]->mid) != 1)
			fail_msg("row %u is not deleted: %s", i, f.error.text);
	set_profile(&f);
	if (f.failed > 0)
		fail_msg("the profile is not set: %s", f.error.text);
	assert_false(has_ballast(&f));
	assert_account(&f, "on a full disk");
	free_disk(&f);
	AWAIT(&f, has_ballast(&f)); /* for the next time */
	unmount_small(&f);
}

static void
a_look_whether_the_disk_is_well_may_use_the_ballast(void **state)
{
	struct fixture f;
	struct spool_status s;
	struct spool_draft *d;

	(void)state;
	begin_full(&f, 10);
	free_disk(&f);
	await_draft(&f, true);
	assert_int_equal(spool_draft_new(f.sp, 0, &d, &f.error), 0);
	AWAIT(&f, (spool_status(f.sp, &s), s.wal_bytes == 0));
	take_blocks_of_the_log(&f);
	fill_disk(&f, 0);
	commit_begun(&f, d, 1, 7000);
	assert_int_equal(f.failed, 1);
	/* Room for what is ours is found; for mail there is as much as before. */
	AWAIT(&f, (spool_status(f.sp, &s), !has_ballast(&f)));
	AWAIT(&f, (spool_status(f.sp, &s),
		   s.trouble[0] == '\0' || strstr(s.trouble, "reserve") != NULL));
	free_disk(&f);
	unmount_small(&f);
}

/* -- much to be deleted -- */

static void
a_deletion_of_all_goes_through_on_a_full_disk(void **state)
{
	struct fixture f;
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct spool_status s;
	enum { ROWS = 1500 }; /* each with pages of its own; more than one step */

	(void)state;
	fixture_init(&f);
	mount_small(&f, "size=96m");
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++) {
		assert_int_equal(begin_accept(&f, i, 12000, &plan, 1), 0);
		if (i % 100 == 99)
			AWAIT(&f, f.done == i + 1);
	}
	AWAIT(&f, (spool_status(f.sp, &s), s.wal_bytes == 0) && has_ballast(&f));
	take_blocks_of_the_log(&f);
	fill_disk(&f, 0);
	uint64_t changed = change(&f, CHANGE_DELETE, 0);
	if (changed != ROWS || f.error.kind != ERR_NONE)
		fail_msg("got %" PRIu64 " deleted, \"%s\"", changed, f.error.text);
	assert_account(&f, "all deleted");
	free_disk(&f);
	unmount_small(&f);
}

static void
a_retention_ends_on_a_full_disk(void **state)
{
	struct fixture f;
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct spool_status s;
	enum { ROWS = 900 };

	(void)state;
	fixture_init(&f);
	mount_small(&f, "size=96m");
	f.settings.retention_ms = 100000;
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++) {
		assert_int_equal(begin_accept(&f, i, 8000, &plan, 1), 0);
		if (i % 100 == 99)
			AWAIT(&f, f.done == i + 1);
	}
	for (unsigned i = 0; i < ROWS; i++)
		record(&f, OUTCOME_DELIVERED, f.fresh[i]->mid);
	settle(&f);
	AWAIT(&f, (spool_status(f.sp, &s), s.wal_bytes == 0) && has_ballast(&f));
	take_blocks_of_the_log(&f);
	fill_disk(&f, 0);
	AWAIT(&f, (clock_manual_advance(&f.clock, 30000),
		   list_rows(&f, JOURNAL_DELIVERED, 0, 1000), f.n_rows == 0));
	free_disk(&f);
	unmount_small(&f);
}

/* -- the end of a life, and the beginning of the next -- */

static const struct {
	const char *name;
	bool is_full_before; /* the end, or only after it */
	bool is_killed;
} lives[] = {
	{ "full when it is opened", false, false },
	{ "full when it is closed", true, false },
	{ "full after an end that was none", false, true },
};

/* In a child, so that it can be killed; what it accepted is the parent's to find. */
static void
live(struct fixture *f, bool is_killed)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (loop_new(&f->clock.base, &f->loop, NULL) != 0)
			_exit(3);
		open_spool(f);
		for (uint64_t i = 0; i < 50; i++)
			accept_one(f, "DEFAULT", i, 4000);
		if (is_killed)
			kill(getpid(), SIGKILL);
		close_spool(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WIFSIGNALED(status), is_killed);
}

static void
a_spool_is_opened_and_closed_on_a_full_disk(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		const char *name = lives[i].name;
		struct spool_status s;
		struct fixture f;
		struct err e = { .kind = ERR_NONE };

		fixture_init(&f);
		mount_small(&f, "size=48m");
		f.settings.reserve = 16 * MIB; /* more than ballast and log */
		live(&f, lives[i].is_killed);
		if (lives[i].is_full_before) {
			open_spool(&f);
			AWAIT(&f, (spool_status(f.sp, &s), s.wal_bytes == 0) &&
					  has_ballast(&f));
			take_blocks_of_the_log(&f);
			fill_disk(&f, 0);
			close_spool(&f);
		} else {
			fill_disk(&f, 0);
		}
		if (try_open(&f, &e) != 0)
			fail_msg("%s: not opened: %s", name, e.text);
		if (f.recovery.was_clean == lives[i].is_killed)
			fail_msg("%s: the end before was %sclean", name,
				 lives[i].is_killed ? "" : "not ");
		assert_int_equal(f.recovery.waiting, 50);
		await_draft(&f, false);
		/* What was accepted is delivered, and makes room. */
		fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 40, 1u << 20);
		assert_int_equal(f.n_rows, 40);
		for (size_t k = 0; k < f.n_rows; k++)
			record(&f, OUTCOME_DELIVERED, f.rows[k]->mid);
		assert_int_equal(change(&f, CHANGE_DELETE, 0), 10);
		assert_account(&f, name);
		close_spool(&f);
		open_spool(&f);
		if (!f.recovery.was_clean)
			fail_msg("%s: the stop was not clean", name);
		free_disk(&f);
		await_draft(&f, true);
		accept_one(&f, "DEFAULT", 1, 4000);
		unmount_small(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_a_full_disk_outcomes_still_work),
		cmocka_unit_test(on_a_full_disk_the_operator_is_served),
		cmocka_unit_test(a_look_whether_the_disk_is_well_may_use_the_ballast),
		cmocka_unit_test(a_deletion_of_all_goes_through_on_a_full_disk),
		cmocka_unit_test(a_retention_ends_on_a_full_disk),
		cmocka_unit_test(a_spool_is_opened_and_closed_on_a_full_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

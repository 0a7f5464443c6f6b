/*
 * test_space.c - a disk that is full, and one that fails: mail is put off, bookkeeping
 * goes on, and acceptance comes back by itself.
 *
 * Needs root for a small tmpfs. A failing sync is made by a wrapper around SQLite's own
 * file layer.
 */
#include "spool_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#define MIB (1024u * 1024)

static void
mount_small(struct fixture *f, const char *options)
{
	if (mount("tmpfs", f->directory, "tmpfs", 0, options) != 0)
		fail_msg("this test needs to mount a tmpfs (root): %s", strerror(errno));
}

static void
unmount_small(struct fixture *f)
{
	close_spool(f);
	assert_int_equal(umount2(f->directory, MNT_DETACH), 0);
	fixture_done(f);
}

static uint64_t
free_bytes(struct fixture *f)
{
	struct statvfs v;

	assert_int_equal(statvfs(f->directory, &v), 0);
	return (uint64_t)v.f_bavail * v.f_frsize;
}

static void
filler_path(struct fixture *f, char path[320])
{
	snprintf(path, 320, "%s/filler", f->directory);
}

/* Somebody else fills the disk, but for so many bytes. */
static void
fill_disk(struct fixture *f, uint64_t leave)
{
	char path[320];
	static const char zeros[4096];

	filler_path(f, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (free_bytes(f) > leave && write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

static void
free_disk(struct fixture *f)
{
	char path[320];

	filler_path(f, path);
	assert_int_equal(unlink(path), 0);
}

static bool
is_accepting(struct fixture *f)
{
	struct spool_status s;

	spool_status(f->sp, &s);
	return s.is_accepting;
}

static void
await_draft(struct fixture *f, bool is_wanted)
{
	int64_t until = now_ms() + PATIENCE_MS;

	for (;;) {
		struct spool_draft *d;
		bool is_given = spool_draft_new(f->sp, 0, &d, &f->error) == 0;
		if (is_given)
			spool_draft_free(d);
		if (is_given == is_wanted)
			return;
		if (now_ms() > until)
			fail_msg("drafts are %s for ever",
				 is_given ? "given" : "refused");
		loop_run_once(f->loop, 20, NULL);
	}
}

static void
below_the_reserve_mail_waits_and_outcomes_do_not(void **state)
{
	struct fixture f;
	uint64_t mids[50];

	(void)state;
	fixture_init(&f);
	mount_small(&f, "size=32m");
	f.settings.reserve = 6 * MIB;
	open_spool(&f);
	for (uint64_t i = 0; i < 50; i++)
		mids[i] = accept_one(&f, "DEFAULT", i, i % 3 * 20000);
	fill_disk(&f, 5 * MIB);
	await_draft(&f, false);
	assert_int_equal(f.error.kind, ERR_SPACE);
	assert_true(err_is_temporary(&f.error));
	assert_false(is_accepting(&f));
	for (int i = 0; i < 20; i++)
		record(&f, OUTCOME_DELIVERED, mids[i]);
	for (int i = 20; i < 25; i++)
		assert_int_equal(change(&f, CHANGE_DELETE, mids[i]), 1);
	assert_account(&f, "below the reserve");
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_DELIVERED], 20);
	free_disk(&f);
	await_draft(&f, true);
	accept_one(&f, "DEFAULT", 1, 100);
	assert_account(&f, "above it again");
	unmount_small(&f);
}

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
	static const size_t sizes[] = { 9000, 60000, 400000 };
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

/* The log has no blocks of its own, as after a start; all of it is in the database. */
static void
take_blocks_of_the_log(struct fixture *f)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/spool.tdc.queue-wal", f->directory);
	assert_int_equal(truncate(path, 0), 0);
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
	commit_begun(&f, d, 1, 9000);
	assert_int_equal(f.failed, 1);
	/* Room for what is ours is found; for mail there is as much as before. */
	AWAIT(&f, (spool_status(f.sp, &s), !has_ballast(&f)));
	AWAIT(&f, (spool_status(f.sp, &s),
		   s.trouble[0] == '\0' || strstr(s.trouble, "reserve") != NULL));
	free_disk(&f);
	unmount_small(&f);
}

/* -- while nothing happens -- */

static void
room_is_noticed_though_nobody_asks(void **state)
{
	struct fixture f;
	struct spool_status s;
	int64_t until = now_ms() + 10000;

	(void)state;
	fixture_init(&f);
	mount_small(&f, "size=32m");
	f.settings.reserve = 6 * MIB;
	open_spool(&f);
	accept_one(&f, "DEFAULT", 1, 100);
	AWAIT(&f, (spool_status(f.sp, &s), s.wal_bytes == 0));
	usleep(300000); /* nothing is left to be done */
	fill_disk(&f, 5 * MIB);
	while (is_accepting(&f) && now_ms() < until)
		loop_run_once(f.loop, 20, NULL);
	assert_false(is_accepting(&f));
	free_disk(&f);
	AWAIT(&f, is_accepting(&f));
	unmount_small(&f);
}

static void
without_inodes_mail_waits(void **state)
{
	struct fixture f;
	char path[320];

	(void)state;
	fixture_init(&f);
	mount_small(&f, "size=32m,nr_inodes=200");
	open_spool(&f);
	accept_one(&f, "DEFAULT", 1, 400000);
	for (int i = 0; i < 150; i++) {
		snprintf(path, sizeof(path), "%s/other-%d", f.directory, i);
		int fd = open(path, O_WRONLY | O_CREAT, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
	await_draft(&f, false);
	assert_int_equal(f.error.kind, ERR_SPACE);
	for (int i = 0; i < 150; i++) {
		snprintf(path, sizeof(path), "%s/other-%d", f.directory, i);
		unlink(path);
	}
	await_draft(&f, true);
	accept_one(&f, "DEFAULT", 2, 400000);
	unmount_small(&f);
}

/* -- a log that cannot be emptied -- */

static void
beyond_the_limit_of_the_log_mail_waits(void **state)
{
	struct fixture f;
	struct spool_status s;
	sqlite3 *other;
	char path[320];
	unsigned n = 0;

	(void)state;
	fixture_init(&f);
	f.settings.wal_max = 1 * MIB;
	open_spool(&f);
	uint64_t mid = accept_one(&f, "DEFAULT", 1, 100);
	/* Somebody reads, and does not end. */
	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f.directory);
	assert_int_equal(sqlite3_open_v2(path, &other, SQLITE_OPEN_READONLY, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN; SELECT count(*) FROM journal", NULL,
				      NULL, NULL),
			 SQLITE_OK);
	for (; is_accepting(&f); n++) {
		struct spool_plan plan = { .policy = "DEFAULT" };
		unsigned done = f.done;
		if (begin_accept(&f, n, 15000, &plan, 1) == 0)
			AWAIT(&f, f.done > done);
		assert_true(n < 200);
	}
	spool_status(f.sp, &s);
	assert_non_null(strstr(s.trouble, "log"));
	if (s.wal_bytes > 2 * MIB)
		fail_msg("the log has %" PRIu64 " bytes, want at most about %u",
			 s.wal_bytes, MIB);
	/* Bookkeeping goes on. */
	record(&f, OUTCOME_DELIVERED, mid);
	settle(&f);
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_DELIVERED], 1);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	AWAIT(&f, is_accepting(&f));
	accept_one(&f, "DEFAULT", 1, 100);
	assert_account(&f, "the log is short again");
	fixture_done(&f);
}

/* -- a disk that fails: SQLite's file layer with a switch -- */

static _Atomic int syncs_to_fail, writes_to_fail, opens;
static sqlite3_vfs failing, *original;
static sqlite3_io_methods methods[2]; /* of the database, of its log */
static int (*original_sync)(sqlite3_file *, int);
static int (*original_write)(sqlite3_file *, const void *, int, sqlite3_int64);

static int
failing_sync(sqlite3_file *file, int flags)
{
	if (atomic_load(&syncs_to_fail) > 0) {
		atomic_fetch_sub(&syncs_to_fail, 1);
		return SQLITE_IOERR_FSYNC;
	}
	return original_sync(file, flags);
}

static int
failing_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset)
{
	if (atomic_load(&writes_to_fail) > 0) {
		atomic_fetch_sub(&writes_to_fail, 1);
		return SQLITE_IOERR_WRITE;
	}
	return original_write(file, p, n, offset);
}

static int
failing_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	(void)vfs;
	int rc = original->xOpen(original, name, file, flags, out);
	if (rc != SQLITE_OK || (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) == 0)
		return rc;
	if (flags & SQLITE_OPEN_MAIN_DB)
		atomic_fetch_add(&opens, 1);
	sqlite3_io_methods *m = &methods[(flags & SQLITE_OPEN_WAL) != 0];
	if (m->xSync == NULL) {
		*m = *file->pMethods;
		original_sync = m->xSync;
		original_write = m->xWrite;
		m->xSync = failing_sync;
		m->xWrite = failing_write;
	}
	file->pMethods = m;
	return rc;
}

static void
install_failing_disk(void)
{
	original = sqlite3_vfs_find(NULL);
	failing = *original;
	failing.zName = "failing";
	failing.xOpen = failing_open;
	assert_int_equal(sqlite3_vfs_register(&failing, 1), SQLITE_OK);
}

static const struct {
	const char *name;
	_Atomic int *to_fail;
	int times;
} failures[] = {
	{ "one sync fails", &syncs_to_fail, 1 },
	{ "three syncs fail", &syncs_to_fail, 3 },
	{ "one write fails", &writes_to_fail, 1 },
	{ "three writes fail", &writes_to_fail, 3 },
};

static void
a_failing_disk_is_opened_anew(void **state)
{
	(void)state;
	install_failing_disk();
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		const char *name = failures[i].name;
		struct spool_plan plan = { .policy = "DEFAULT" };
		struct fixture f;

		fixture_init(&f);
		open_spool(&f);
		uint64_t sound = accept_one(&f, "DEFAULT", 1, 100);
		int before = atomic_load(&opens);
		atomic_store(failures[i].to_fail, failures[i].times);
		assert_int_equal(begin_accept(&f, 2, 100, &plan, 1), 0);
		AWAIT(&f, f.done == 2);
		if (f.failed != 1 || f.error.kind != ERR_IO)
			fail_msg("%s: got %u failures, %s", name, f.failed,
				 err_kind_name(f.error.kind));
		record(&f, OUTCOME_DELIVERED, sound);
		if (atomic_load(&opens) == before)
			fail_msg("%s: the descriptor was used again", name);
		await_draft(&f, true);
		AWAIT(&f, is_accepting(&f));
		uint64_t second = accept_one(&f, "DEFAULT", 3, 100);
		assert_account(&f, name);
		assert_int_equal(spool_account(f.sp)->messages, 2);
		assert_int_equal(spool_account(f.sp)->state[JOURNAL_DELIVERED], 1);
		close_spool(&f);
		open_spool(&f);
		/* What was refused does not come back from the log. */
		if (f.recovery.waiting != 1 || fetch_one(&f, plan.mid) != NULL ||
		    fetch_one(&f, second) == NULL)
			fail_msg("%s: %" PRIu64 " rows wait", name, f.recovery.waiting);
		fixture_done(&f);
	}
	sqlite3_vfs_unregister(&failing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_the_reserve_mail_waits_and_outcomes_do_not),
		cmocka_unit_test(on_a_full_disk_outcomes_still_work),
		cmocka_unit_test(on_a_full_disk_the_operator_is_served),
		cmocka_unit_test(a_look_whether_the_disk_is_well_may_use_the_ballast),
		cmocka_unit_test(room_is_noticed_though_nobody_asks),
		cmocka_unit_test(without_inodes_mail_waits),
		cmocka_unit_test(beyond_the_limit_of_the_log_mail_waits),
		cmocka_unit_test(a_failing_disk_is_opened_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

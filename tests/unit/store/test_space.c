/*
 * test_space.c - a disk below its reserve, and one that fails: mail is put off, bookkeeping
 * goes on, and acceptance comes back by itself.
 *
 * A failing sync is made by a wrapper around SQLite's own file layer.
 */
#include "small_disk.h"

#include <stdatomic.h>

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
	f.settings.tick_ms = 20;
	open_spool(&f);
	accept_one(&f, "DEFAULT", 1, 100);
	AWAIT(&f, (spool_status(f.sp, &s), s.wal_bytes == 0));
	usleep(100000); /* nothing is left to be done */
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
		if (begin_accept(&f, n, 8000, &plan, 1) == 0)
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
		f.settings.tick_ms = 20;
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

static const struct {
	const char *name;
	_Atomic int *to_fail;
	int times;
	bool is_done;
} changes[] = {
	{ "a write fails once", &writes_to_fail, 1, true },
	{ "a sync fails once", &syncs_to_fail, 1, true },
	{ "writes fail", &writes_to_fail, 1000, false },
	{ "syncs fail", &syncs_to_fail, 1000, false },
};

/* The operator hears of a disk that fails, not of one that did once. */
static void
a_change_fails_when_a_second_attempt_does(void **state)
{
	(void)state;
	install_failing_disk();
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *name = changes[i].name;
		struct fixture f;

		fixture_init(&f);
		f.settings.tick_ms = 20;
		open_spool(&f);
		uint64_t mid = accept_one(&f, "DEFAULT", 1, 100);
		atomic_store(changes[i].to_fail, changes[i].times);
		uint64_t changed = change(&f, CHANGE_HOLD, mid);
		atomic_store(changes[i].to_fail, 0);
		if (changed != changes[i].is_done)
			fail_msg("%s: got %" PRIu64 " changed, \"%s\"", name, changed,
				 f.error.text);
		if (!changes[i].is_done && f.error.kind != ERR_IO)
			fail_msg("%s: got %s", name, err_kind_name(f.error.kind));
		AWAIT(&f, is_accepting(&f));
		assert_account(&f, name);
		assert_int_equal(spool_account(f.sp)->state[JOURNAL_HELD], changed);
		fixture_done(&f);
	}
	sqlite3_vfs_unregister(&failing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_the_reserve_mail_waits_and_outcomes_do_not),
		cmocka_unit_test(room_is_noticed_though_nobody_asks),
		cmocka_unit_test(without_inodes_mail_waits),
		cmocka_unit_test(beyond_the_limit_of_the_log_mail_waits),
		cmocka_unit_test(a_failing_disk_is_opened_anew),
		cmocka_unit_test(a_change_fails_when_a_second_attempt_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

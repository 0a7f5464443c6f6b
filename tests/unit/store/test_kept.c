/*
 * test_kept.c - what is kept because the log has no room for it, and what is behind it:
 * nothing overtakes it that must not.
 *
 * The log takes no byte behind an end that the test sets.
 */
#include "many_rows.h"

#include <stdatomic.h>
#include <sys/syscall.h>

enum { SIZE = 20000, ROWS = 10 };

static _Atomic bool is_held, is_waiting; /* the segment thread */
static _Atomic bool is_armed;            /* the log is full when a segment was synced */
static _Atomic sqlite3_int64 log_end = INT64_MAX;
static _Atomic unsigned refusals;
static sqlite3_vfs full, *original;
static sqlite3_io_methods log_methods;
static int (*original_write)(sqlite3_file *, const void *, int, sqlite3_int64);

int
fdatasync(int fd)
{
	char link[64], path[512];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	bool is_segment = strstr(path, ".segment") != NULL;
	if (is_segment && atomic_load(&is_armed))
		atomic_store(&log_end, 0);
	while (is_segment && atomic_load(&is_held)) {
		atomic_store(&is_waiting, true);
		usleep(1000);
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static int
log_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset)
{
	if (offset + n <= atomic_load(&log_end))
		return original_write(file, p, n, offset);
	atomic_fetch_add(&refusals, 1);
	return SQLITE_FULL;
}

static int
full_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	(void)vfs;
	int rc = original->xOpen(original, name, file, flags, out);
	if (rc != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0)
		return rc;
	if (original_write == NULL) {
		log_methods = *file->pMethods;
		original_write = log_methods.xWrite;
		log_methods.xWrite = log_write;
	}
	file->pMethods = &log_methods;
	return rc;
}

static int
install_full(void **state)
{
	(void)state;
	original = sqlite3_vfs_find(NULL);
	full = *original;
	full.zName = "full";
	full.xOpen = full_open;
	return sqlite3_vfs_register(&full, 1) == SQLITE_OK ? 0 : -1;
}

/* Each segment is full with what is appended to it at a time: one body, or all the others. */
static uint64_t
accept_all(struct fixture *f, struct spool_plan plans[ROWS])
{
	struct spool_plan first = { .policy = "DEFAULT" };

	atomic_store(&is_held, true);
	assert_int_equal(begin_accept(f, ROWS, SIZE, &first, 1), 0);
	AWAIT(f, atomic_load(&is_waiting));
	for (uint64_t i = 0; i < ROWS; i++) {
		plans[i] = (struct spool_plan){ .policy = "DEFAULT" };
		assert_int_equal(begin_accept(f, i, SIZE, &plans[i], 1), 0);
	}
	atomic_store(&is_held, false);
	AWAIT(f, f->done == ROWS + 1);
	assert_int_equal(f->failed, 0);
	forget_fresh(f);
	return fetch_one(f, plans[0].mid)->body->at.segment;
}

/* The segment that a body is copied to ends while the move of its row waits. */
static void
a_segment_whose_bodies_are_not_moved_yet_stays(void **state)
{
	enum { ATTEMPTS = 60 }; /* some together, some each for itself */
	struct spool_plan plans[ROWS];
	struct spool_status s;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.settings.segment_size = 1;
	f.settings.tick_ms = 20;
	open_spool(&f);
	uint64_t place = accept_all(&f, plans);
	atomic_store(&is_armed, true);
	for (unsigned i = 1; i < ROWS; i++)
		record(&f, OUTCOME_DELIVERED, plans[i].mid);
	AWAIT(&f, atomic_load(&refusals) > ATTEMPTS);
	atomic_store(&is_armed, false);
	atomic_store(&log_end, INT64_MAX);
	AWAIT(&f, fetch_one(&f, plans[0].mid)->body->at.segment != place);
	AWAIT(&f, (spool_status(f.sp, &s), s.is_accepting));
	accept_one(&f, "DEFAULT", 1, 100); /* with it goes what is to go */
	close_spool(&f);
	open_spool(&f);
	assert_body(&f, "moved", fetch_one(&f, plans[0].mid)->body, 0, SIZE);
	assert_account(&f, "after the move");
	fixture_done(&f);
}

/* Whoever waits for an outcome would take its row for what it was, and send it again. */
static void
an_outcome_that_waits_is_not_called_committed(void **state)
{
	enum { REPLY = 400000, ROOM = 200000 };
	struct spool_status s;
	struct fixture f;
	char *reply = malloc(REPLY + 1);

	(void)state;
	fixture_init(&f);
	f.settings.tick_ms = 20;
	open_spool(&f);
	uint64_t large = accept_one(&f, "DEFAULT", 1, 100);
	uint64_t small = accept_one(&f, "DEFAULT", 2, 100);
	AWAIT(&f, (spool_status(f.sp, &s), s.wal_bytes == 0));
	atomic_store(&log_end, ROOM);
	memset(reply, 'x', REPLY);
	reply[REPLY] = '\0';
	struct spool_outcome o = { .kind = OUTCOME_SOFT,
				   .mid = large,
				   .attempts = 1,
				   .next_at = T0 + 1000,
				   .at = T0,
				   .reply = reply };
	spool_record(f.sp, &o);
	uint64_t mark = spool_outcomes_recorded(f.sp);
	record(&f, OUTCOME_DELIVERED, small);
	AWAIT(&f, fetch_one(&f, small) == NULL);
	unsigned before = atomic_load(&refusals); /* some more attempts */
	AWAIT(&f, atomic_load(&refusals) > before + 20);
	assert_int_equal(fetch_one(&f, large)->attempts, 0);
	if (spool_outcomes_committed(f.sp) >= mark)
		fail_msg("an outcome that waits is called committed");
	atomic_store(&log_end, INT64_MAX);
	AWAIT(&f, spool_outcomes_committed(f.sp) == spool_outcomes_recorded(f.sp));
	assert_int_equal(fetch_one(&f, large)->attempts, 1);
	assert_account(&f, "all recorded");
	free(reply);
	fixture_done(&f);
}

/* A step that is too large for what is left of the disk is made smaller. */
static void
a_change_of_all_is_done_with_little_room(void **state)
{
	enum { MANY = 2500, ROOM = 60000 };
	struct spool_status s;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.settings.tick_ms = 20;
	open_spool(&f);
	make_many(&f, MANY);
	AWAIT(&f, (spool_status(f.sp, &s), s.wal_bytes == 0));
	atomic_store(&refusals, 0);
	atomic_store(&log_end, ROOM);
	uint64_t changed = change(&f, CHANGE_DELETE, 0);
	atomic_store(&log_end, INT64_MAX);
	if (changed != MANY + 1 || f.error.kind != ERR_NONE)
		fail_msg("got %" PRIu64 " deleted, \"%s\"", changed, f.error.text);
	assert_true(atomic_load(&refusals) > 0);
	assert_account(&f, "all deleted");
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_whose_bodies_are_not_moved_yet_stays),
		cmocka_unit_test(an_outcome_that_waits_is_not_called_committed),
		cmocka_unit_test(a_change_of_all_is_done_with_little_room),
	};
	return cmocka_run_group_tests(tests, install_full, NULL);
}

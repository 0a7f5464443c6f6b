/*
 * test_sector.c - a part of the database that the disk cannot read any more: the rows on it
 * are left out, and everything else goes on.
 */
#include "spool_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

enum { ROWS = 400 }; /* on several pages */

static _Atomic sqlite3_int64 bad_at; /* of a page; 0: the disk is well */
static _Atomic bool is_gone;         /* all of the disk                */
static _Atomic unsigned bad_reads;

static bool
is_bad(int fd, size_t n, sqlite3_int64 at)
{
	char link[64], path[512];
	sqlite3_int64 bad = atomic_load(&bad_at);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	path[length < 0 ? 0 : length] = '\0';
	if (length < 10 || strcmp(path + length - 10, ".tdc.queue") != 0)
		return false;
	if (!atomic_load(&is_gone) &&
	    (bad == 0 || at + (sqlite3_int64)n <= bad || at >= bad + DB_PAGE_SIZE))
		return false;
	atomic_fetch_add(&bad_reads, 1);
	return true;
}

static ssize_t
bad_pread(int fd, void *p, size_t n, off_t at)
{
	if (!is_bad(fd, n, at))
		return pread(fd, p, n, at);
	errno = EIO;
	return -1;
}

static ssize_t
bad_read(int fd, void *p, size_t n)
{
	if (!is_bad(fd, n, lseek(fd, 0, SEEK_CUR)))
		return read(fd, p, n);
	errno = EIO;
	return -1;
}

/* As the kernel says it, below SQLite's own file system. */
static int
install(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	(void)state;
	if (vfs->xSetSystemCall(vfs, "read", (sqlite3_syscall_ptr)bad_read) != SQLITE_OK)
		return -1;
	vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)bad_pread);
	vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)bad_pread);
	return 0;
}

static const struct sector {
	const char *name;
	const char *table;
	unsigned page;    /* of its leaves */
	bool is_readable; /* but it holds something else */
	size_t size;      /* of bodies */
} sectors[] = {
	{ "the first page of journals cannot be read", "journal", 0, false, 10 },
	{ "one in the middle cannot be read", "journal", 1, false, 10 },
	{ "a page of bodies in a segment cannot be read", "body", 1, false, 20000 },
	{ "the first page of journals was overwritten", "journal", 0, true, 10 },
	{ "one in the middle was overwritten", "journal", 1, true, 10 },
	{ "a page of bodies in a segment was overwritten", "body", 1, true, 20000 },
};
enum { SECTORS = sizeof(sectors) / sizeof(sectors[0]) };

/* A leaf of the table: where it is in the file, or how many rows are on it. */
static int64_t
ask_leaf(struct fixture *f, const struct sector *s, unsigned page, const char *what)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "SELECT %s FROM dbstat WHERE name = '%s' AND pagetype = 'leaf'"
		 " ORDER BY path LIMIT 1 OFFSET %u",
		 what, s->table, page);
	return ask(f, sql);
}

static uint64_t mids[ROWS];

static void
overwrite(struct fixture *f, off_t at)
{
	char path[320], page[DB_PAGE_SIZE];

	memset(page, 0xff, sizeof(page));
	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f->directory);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, page, sizeof(page), at), sizeof(page));
	close(fd);
}

/*
 * Closed, the page goes bad, and it is opened: nothing is cached. The rows from *first on,
 * as many as are returned, are on it.
 */
static unsigned
begin(struct fixture *f, const struct sector *s, int64_t retention_ms, unsigned *first)
{
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct err e;

	atomic_store(&bad_at, 0);
	fixture_init(f);
	f->settings.tick_ms = 20;
	f->settings.retention_ms = retention_ms;
	open_spool(f);
	for (uint64_t i = 0; i < ROWS; i++) {
		assert_int_equal(begin_accept(f, i, s->size, &plan, 1), 0);
		mids[i] = plan.mid;
	}
	AWAIT(f, f->done == ROWS);
	for (unsigned i = 0; i < ROWS && retention_ms > 0; i++)
		record(f, OUTCOME_DELIVERED, mids[i]);
	close_spool(f);
	*first = s->page == 0 ? 0 : (unsigned)ask_leaf(f, s, 0, "ncell");
	unsigned bad = (unsigned)ask_leaf(f, s, s->page, "ncell");
	sqlite3_int64 at = ask_leaf(f, s, s->page, "(pageno - 1) * pgsize");
	if (s->is_readable)
		overwrite(f, at);
	else
		atomic_store(&bad_at, at);
	if (try_open(f, &e) != 0)
		fail_msg("%s: not opened: %s", s->name, e.text);
	return bad;
}

static unsigned
fetch_all(struct fixture *f, const char *name)
{
	struct spool_cursor after = { 0, 0 };
	unsigned n = 0;

	do {
		fetch_due(f, "DEFAULT", after, 50, 1u << 20);
		if (f->error.kind != ERR_NONE)
			fail_msg("%s: after %u rows: %s", name, n, f->error.text);
		n += (unsigned)f->n_rows;
		after = f->due.next;
	} while (!f->due.is_end);
	return n;
}

static void
the_other_rows_come(void **state)
{
	(void)state;
	for (size_t i = 0; i < SECTORS; i++) {
		struct fixture f;
		unsigned first, n;

		unsigned bad = begin(&f, &sectors[i], 0, &first);
		n = fetch_all(&f, sectors[i].name);
		if (n != ROWS - bad)
			fail_msg("%s: got %u rows, want all but %u of %d",
				 sectors[i].name, n, bad, ROWS);
		if (!sectors[i].is_readable) {
			/* And when it can be read again, they come, too. */
			assert_in_range(f.due.earliest_at, T0 + 1,
					T0 + UNREADABLE_REST_MS);
			atomic_store(&bad_at, 0);
			f.sp->reader.unreadable_until = 0;
			assert_int_equal(fetch_all(&f, sectors[i].name), ROWS);
		}
		fixture_done(&f);
	}
}

static void
a_disk_that_is_gone_is_said_so(void **state)
{
	struct fixture f;
	unsigned first;

	(void)state;
	begin(&f, &sectors[1], 0, &first);
	/* The index is in memory then, the next page of rows is not. */
	fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, first, 1u << 20);
	assert_int_equal(f.n_rows, first);
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&is_gone, true);
		fetch_due(&f, "DEFAULT", f.due.next, 50, 1u << 20);
		atomic_store(&is_gone, false);
		assert_int_equal(f.n_rows, 0);
		assert_int_equal(f.error.kind, ERR_IO);
	}
	atomic_store(&bad_at, 0);
	fetch_due(&f, "DEFAULT", f.due.next, ROWS, 1u << 20);
	assert_int_equal(f.n_rows, ROWS - first);
	fixture_done(&f);
}

static bool
is_accepting(struct fixture *f)
{
	struct spool_status s;

	spool_status(f->sp, &s);
	return s.is_accepting;
}

static void
an_outcome_of_a_row_that_cannot_be_read_stops_no_other(void **state)
{
	enum { GOOD = 20 };

	(void)state;
	for (size_t i = 0; i < SECTORS; i++) {
		const char *name = sectors[i].name;
		struct fixture f;
		struct spool_status s;
		unsigned first, n = 0;

		unsigned bad = begin(&f, &sectors[i], 0, &first);
		record(&f, OUTCOME_DELIVERED, mids[first + 1]);
		for (unsigned k = 0; n < GOOD; k++) {
			if (k >= first && k < first + bad)
				continue;
			record(&f, OUTCOME_DELIVERED, mids[k]);
			n++;
		}
		/* Mail is taken meanwhile, and the others are recorded at once. */
		accept_one(&f, "DEFAULT", 1, 100);
		AWAIT(&f, spool_account(f.sp)->state[JOURNAL_DELIVERED] == GOOD);
		do {
			if (!is_accepting(&f))
				fail_msg("%s: no mail is taken", name);
			loop_run_once(f.loop, 5, NULL);
		} while (spool_outcomes_committed(f.sp) < spool_outcomes_recorded(f.sp));
		spool_status(f.sp, &s);
		if (s.refused_rows != 1)
			fail_msg("%s: got %" PRIu64 " rows left out", name,
				 s.refused_rows);
		fixture_done(&f);
	}
}

/* A disk may take seconds to say that it cannot: no commit waits for that. */
static void
a_page_that_cannot_be_read_is_not_tried_with_each_commit(void **state)
{
	enum { COMMITS = 50 };
	struct fixture f;
	unsigned first;

	(void)state;
	begin(&f, &sectors[0], 0, &first);
	atomic_store(&f.sp->limits.tick_ms, 1000);
	accept_one(&f, "DEFAULT", 1, 100);
	atomic_store(&bad_reads, 0);
	for (uint64_t i = 0; i < COMMITS; i++)
		accept_one(&f, "DEFAULT", i, 100);
	if (atomic_load(&bad_reads) > COMMITS / 5)
		fail_msg("%u attempts in %d commits", atomic_load(&bad_reads), COMMITS);
	fixture_done(&f);
}

/* By the index alone. */
static int64_t
count_delivered(struct fixture *f)
{
	return ask(f, "SELECT count(*) FROM journal INDEXED BY journal_ended"
		      " WHERE state = 'delivered' AND ended_at > 0");
}

/*
 * Each row that cannot be deleted is left, one after the other: of a page, and of its
 * neighbours when they become empty.
 */
static void
a_row_that_cannot_be_read_ends_no_purge(void **state)
{
	(void)state;
	for (size_t i = 0; i < SECTORS; i++) {
		struct fixture f;
		struct spool_status s;
		unsigned first;

		unsigned bad = begin(&f, &sectors[i], 1000, &first);
		if (sectors[i].is_readable)
			AWAIT(&f, (clock_manual_advance(&f.clock, 20000),
				   count_delivered(&f) < ROWS - bad));
		else /* one at a time: the disk may be away */
			AWAIT(&f, (clock_manual_advance(&f.clock, 20000),
				   spool_status(f.sp, &s), s.refused_rows > 2));
		assert_true(is_accepting(&f));
		fixture_done(&f);
	}
}

/* Nothing is given up because a disk was away for a while. */
static void
outcomes_wait_for_a_disk_that_comes_back(void **state)
{
	enum { N = 5 };
	struct fixture f;
	struct spool_status s;
	unsigned first;

	(void)state;
	begin(&f, &sectors[1], 0, &first);
	atomic_store(&is_gone, true);
	for (unsigned i = 0; i < N; i++)
		record(&f, OUTCOME_DELIVERED, mids[first + i]);
	for (int64_t until = now_ms() + 50 * f.settings.tick_ms; now_ms() < until;)
		loop_run_once(f.loop, 5, NULL);
	atomic_store(&bad_at, 0);
	atomic_store(&is_gone, false);
	AWAIT(&f, spool_outcomes_committed(f.sp) == spool_outcomes_recorded(f.sp));
	AWAIT(&f, is_accepting(&f));
	spool_status(f.sp, &s);
	assert_int_equal(s.refused_rows, 0);
	assert_account(&f, "the disk is back");
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_DELIVERED], N);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_other_rows_come),
		cmocka_unit_test(a_disk_that_is_gone_is_said_so),
		cmocka_unit_test(an_outcome_of_a_row_that_cannot_be_read_stops_no_other),
		cmocka_unit_test(
			a_page_that_cannot_be_read_is_not_tried_with_each_commit),
		cmocka_unit_test(a_row_that_cannot_be_read_ends_no_purge),
		cmocka_unit_test(outcomes_wait_for_a_disk_that_comes_back),
	};
	return cmocka_run_group_tests(tests, install, NULL);
}

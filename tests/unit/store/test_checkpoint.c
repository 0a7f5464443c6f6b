/*
 * test_checkpoint.c - the file of the write-ahead log: its blocks are kept and written over,
 * and given back when they are many.
 */
#include "spool_fixture.h"

enum { SIZE = 10000, FEW = 20, MANY = 300 };

static int64_t
log_file_bytes(struct fixture *f)
{
	struct stat st;
	char path[320];

	snprintf(path, sizeof(path), "%s/spool.tdc.queue-wal", f->directory);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
fill(struct fixture *f, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		accept_one(f, "DEFAULT", i, SIZE);
}

static void
await_quiet(struct fixture *f)
{
	struct spool_status s;

	AWAIT(f, (spool_status(f->sp, &s), s.wal_bytes == 0));
}

static void
a_quiet_second_leaves_the_blocks_to_the_next_mail(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	fill(&f, FEW);
	await_quiet(&f);
	int64_t size = log_file_bytes(&f);
	assert_true(size > FEW * SIZE);
	fill(&f, FEW / 2);
	assert_int_equal(log_file_bytes(&f), size);
	await_quiet(&f);
	assert_account(&f, "after quiet seconds");
	fixture_done(&f);
}

/* Cutting a file is a change for the file system's journal, and stands in the way of syncs. */
static void
under_load_the_file_is_not_cut(void **state)
{
	struct fixture f;
	int64_t size = 0;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (uint64_t i = 0; i < MANY; i++) {
		accept_one(&f, "DEFAULT", i, SIZE);
		int64_t now = log_file_bytes(&f);
		assert_true(now >= size);
		size = now;
	}
	/* It was begun anew meanwhile. */
	assert_in_range(size, CHECKPOINT_BYTES, 2 * CHECKPOINT_BYTES);
	fixture_done(&f);
}

/* Somebody else reads, so that the log cannot be begun anew, and grows. */
static void
a_file_that_has_grown_is_given_back(void **state)
{
	struct fixture f;
	sqlite3 *other = NULL;
	char path[320];

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	fill(&f, 1);
	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f.directory);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "BEGIN; SELECT * FROM journal", NULL, NULL, NULL),
		SQLITE_OK);
	fill(&f, MANY);
	int64_t size = log_file_bytes(&f);
	assert_true(size > 10 * 1024 * 1024);
	sqlite3_close(other);
	AWAIT(&f, log_file_bytes(&f) == 0);
	fill(&f, FEW);
	assert_account(&f, "with a log of a new size");
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_second_leaves_the_blocks_to_the_next_mail),
		cmocka_unit_test(under_load_the_file_is_not_cut),
		cmocka_unit_test(a_file_that_has_grown_is_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

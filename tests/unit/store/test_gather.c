/*
 * test_gather.c - the log's buffer: one write for a commit, and nothing that others may
 * read, or that is promised, stays in it.
 */
#include "store/db.h"
#include "store/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 400 };

/* The file system beneath: counts what the log is written by, and fails when told to. */
static sqlite3_vfs beneath, *original;
static sqlite3_io_methods log_methods;
static const sqlite3_io_methods *original_methods;
static int writes, syncs;
static bool is_full;

static int
log_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	writes++;
	return is_full ? SQLITE_FULL : original_methods->xWrite(file, p, n, at);
}

static int
log_sync(sqlite3_file *file, int flags)
{
	syncs++;
	return original_methods->xSync(file, flags);
}

static int
beneath_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	(void)vfs;
	int rc = original->xOpen(original, name, file, flags, out);
	if (rc != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0)
		return rc;
	original_methods = file->pMethods;
	log_methods = *original_methods;
	log_methods.xWrite = log_write;
	log_methods.xSync = log_sync;
	file->pMethods = &log_methods;
	return rc;
}

struct fixture {
	char directory[64], path[80];
	struct db db, other;
};

static void
must(struct db *db, const char *sql)
{
	struct err e = { 0 };

	if (db_exec(db, sql, &e) != 0)
		fail_msg("%s: %s", sql, e.text);
}

static int64_t
ask(struct db *db, const char *sql)
{
	struct err e = { 0 };
	int64_t n = -1;

	if (db_ask(db, sql, -1, &n, &e) != 0)
		fail_msg("%s: %s", sql, e.text);
	return n;
}

static void
begin(struct fixture *f, unsigned cache_kib)
{
	struct db_settings s = { .mode = DB_WRITE, .cache_kib = cache_kib };
	struct err e = { 0 };

	*f = (struct fixture){ .directory = "/tmp/gather-XXXXXX" };
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/q", f->directory);
	if (db_open(&f->db, f->path, &s, &e) != 0)
		fail_msg("%s", e.text);
	must(&f->db, "CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)");
	s.mode = DB_READ;
	if (db_open(&f->other, f->path, &s, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(ask(&f->other, "SELECT count(*) FROM t"), 0);
}

static void
end(struct fixture *f)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char path[96];

	is_full = false;
	db_close(&f->other);
	db_close(&f->db);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->directory), 0);
}

static const char insert[] =
	"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
	" INSERT INTO t (data) SELECT randomblob(5000) FROM n";

static void
a_commit_is_one_write_of_the_log(void **state)
{
	(void)state;
	struct fixture f;

	begin(&f, DB_PAGE_SIZE);
	for (int i = 0; i < 3; i++) {
		must(&f.db, "BEGIN; INSERT INTO t (data) VALUES (randomblob(4000));"
			    "INSERT INTO t (data) VALUES (randomblob(4000))");
		writes = syncs = 0;
		must(&f.db, "COMMIT");
		assert_int_equal(syncs, 1);
		/* What is left of a sector after the frames is filled by one more. */
		assert_in_range(writes, 1, 2);
	}
	end(&f);
}

static void
a_large_commit_is_written_in_few_pieces(void **state)
{
	(void)state;
	struct fixture f;

	begin(&f, 16384);
	writes = 0;
	must(&f.db, insert);
	int64_t pages = ask(&f.db, "PRAGMA page_count");
	assert_true(pages >= ROWS);
	assert_in_range(writes, 1, pages / 10);
	assert_int_equal(ask(&f.other, "SELECT count(*) FROM t"), ROWS);
	end(&f);
}

static int64_t
log_size(const struct fixture *f)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "%s-wal", f->path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Debian's SQLite would fill each freed page with zeros, and log it. */
static void
pages_that_are_freed_are_not_written(void **state)
{
	(void)state;
	struct fixture f;

	begin(&f, 16384);
	must(&f.db, insert);
	int64_t before = log_size(&f);
	assert_true(before > ROWS * DB_PAGE_SIZE);
	must(&f.db, "DELETE FROM t WHERE id < 400");
	assert_in_range(log_size(&f) - before, 1, ROWS * DB_PAGE_SIZE / 4);
	end(&f);
}

static void
others_see_a_commit_that_was_not_synced(void **state)
{
	(void)state;
	struct fixture f;

	begin(&f, DB_PAGE_SIZE);
	must(&f.db, "PRAGMA synchronous=NORMAL");
	for (int i = 1; i <= 20; i++) {
		syncs = 0;
		must(&f.db, "INSERT INTO t (data) VALUES (randomblob(100))");
		assert_int_equal(syncs, 0);
		assert_int_equal(ask(&f.other, "SELECT count(*) FROM t"), i);
	}
	end(&f);
}

static void
copy_file(const struct fixture *f, const char *suffix)
{
	char command[256];

	snprintf(command, sizeof(command), "cp %s%s %s-copy%s", f->path, suffix, f->path,
		 suffix);
	assert_int_equal(system(command), 0);
}

/* How many rows a kill in this moment would leave. */
static int64_t
rows_after_a_kill(const struct fixture *f)
{
	struct db_settings s = { .mode = DB_WRITE, .cache_kib = 8192 };
	struct err e = { 0 };
	struct db copy;
	char path[96];

	copy_file(f, "");
	copy_file(f, "-wal");
	snprintf(path, sizeof(path), "%s-copy", f->path);
	assert_int_equal(db_open(&copy, path, &s, &e), 0);
	int64_t rows = ask(&copy, "SELECT count(*) FROM t");
	db_close(&copy);
	unlink(path);
	return rows;
}

/* Pages leave the cache, are read again, and their frames' checksums are mended. */
static void
a_transaction_larger_than_the_cache_is_whole(void **state)
{
	(void)state;
	struct fixture f;

	begin(&f, 80);
	must(&f.db, "PRAGMA synchronous=NORMAL");
	for (int i = 0; i < 3; i++) {
		must(&f.db, "BEGIN");
		must(&f.db, insert);
		must(&f.db, "UPDATE t SET data = randomblob(4000) WHERE id % 7 = 0;"
			    "DELETE FROM t WHERE id % 3 = 0");
		must(&f.db, "COMMIT");
		int64_t left = rows_after_a_kill(&f);
		assert_int_equal(ask(&f.other, "SELECT count(*) FROM t"), left);
		assert_int_equal(ask(&f.db, "SELECT count(*) FROM t"), left);
		assert_int_equal(ask(&f.other, "SELECT integrity_check = 'ok' FROM"
					       " pragma_integrity_check"),
				 1);
		must(&f.db, "BEGIN");
		must(&f.db, insert);
		must(&f.db, "ROLLBACK");
		assert_int_equal(ask(&f.db, "PRAGMA wal_checkpoint(PASSIVE)"), 0);
	}
	/* What recovery makes of the log alone. */
	int64_t rows = ask(&f.db, "SELECT count(*) FROM t");
	must(&f.db, "UPDATE t SET data = randomblob(3000)");
	db_keep_log(&f.db);
	db_close(&f.other);
	db_close(&f.db);
	struct err e = { 0 };
	struct db_settings s = { .mode = DB_WRITE, .cache_kib = 80 };
	assert_int_equal(db_open(&f.db, f.path, &s, &e), 0);
	assert_int_equal(ask(&f.db, "SELECT count(*) FROM t WHERE length(data) = 3000"),
			 rows);
	end(&f);
}

static void
a_write_that_fails_is_reported_by_the_commit(void **state)
{
	(void)state;
	static const char *const levels[] = { "PRAGMA synchronous=FULL",
					      "PRAGMA synchronous=NORMAL" };
	struct fixture f;
	struct err e = { 0 };

	begin(&f, DB_PAGE_SIZE);
	for (int i = 0; i < 2; i++) {
		must(&f.db, levels[i]);
		is_full = true;
		assert_int_equal(
			db_exec(&f.db, "INSERT INTO t (data) VALUES (x'00')", &e), -1);
		assert_int_equal(e.kind, ERR_SPACE);
		assert_int_equal(ask(&f.other, "SELECT count(*) FROM t"), i);
		is_full = false;
		must(&f.db, "INSERT INTO t (data) VALUES (x'01')");
		assert_int_equal(ask(&f.other, "SELECT count(*) FROM t"), i + 1);
	}
	assert_int_equal(ask(&f.other, "SELECT count(*) FROM t WHERE data = x'00'"), 0);
	end(&f);
}

/* One of them has its last frame where the buffer of the failed one ended. */
static void
commits_after_a_failed_large_one_are_whole(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	char sql[256];

	for (int rows = 8; rows <= 18; rows++) {
		begin(&f, DB_PAGE_SIZE);
		must(&f.db, "PRAGMA synchronous=NORMAL");
		must(&f.db, "INSERT INTO t (data) VALUES (x'01')");
		is_full = true;
		assert_int_equal(db_exec(&f.db, insert, &e), -1);
		is_full = false;
		snprintf(sql, sizeof(sql),
			 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
			 " WHERE i < %d) INSERT INTO t (data) SELECT randomblob(5000)"
			 " FROM n",
			 rows);
		must(&f.db, sql);
		assert_int_equal(rows_after_a_kill(&f), rows + 1);
		assert_int_equal(ask(&f.other, "SELECT count(*) FROM t"), rows + 1);
		end(&f);
	}
}

static int
install_beneath(void **state)
{
	(void)state;
	original = sqlite3_vfs_find(NULL);
	beneath = *original;
	beneath.zName = "beneath";
	beneath.xOpen = beneath_open;
	return sqlite3_vfs_register(&beneath, 1) == SQLITE_OK ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_commit_is_one_write_of_the_log),
		cmocka_unit_test(a_large_commit_is_written_in_few_pieces),
		cmocka_unit_test(pages_that_are_freed_are_not_written),
		cmocka_unit_test(others_see_a_commit_that_was_not_synced),
		cmocka_unit_test(a_transaction_larger_than_the_cache_is_whole),
		cmocka_unit_test(a_write_that_fails_is_reported_by_the_commit),
		cmocka_unit_test(commits_after_a_failed_large_one_are_whole),
	};
	return cmocka_run_group_tests(tests, install_beneath, NULL);
}

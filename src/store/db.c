/*
 * db.c - opening, pragmas, statements and the mapping of errors; the only place that
 * knows codes.
 */
#include "store/db.h"

#include "store/gather.h"

#include "tdc/base/check.h"
#include "tdc/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
	int code; /* primary result code */
	enum err_kind kind;
} kinds[] = {
	{ SQLITE_FULL, ERR_SPACE },       { SQLITE_NOMEM, ERR_MEMORY },
	{ SQLITE_BUSY, ERR_BUSY },        { SQLITE_LOCKED, ERR_BUSY },
	{ SQLITE_CORRUPT, ERR_CORRUPT },  { SQLITE_NOTADB, ERR_CORRUPT },
	{ SQLITE_TOOBIG, ERR_SIZE },      { SQLITE_CONSTRAINT, ERR_CORRUPT },
	{ SQLITE_MISMATCH, ERR_CORRUPT }, { SQLITE_INTERRUPT, ERR_BUSY },
};

static enum err_kind
kind_of(int code, int os)
{
	if ((code & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT))
		return ERR_SPACE;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((code & 0xff) == kinds[i].code)
			return kinds[i].kind;
	return ERR_IO;
}

int
db_error(struct db *db, const char *what, struct err *e)
{
	if (db->sql == NULL)
		return err_set(e, ERR_IO, 0, "%s: the database is closed", what);
	int code = sqlite3_extended_errcode(db->sql);
	int primary = code & 0xff;
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
		db->has_failed_sync = true;
	if (code == SQLITE_IOERR_READ)
		db->has_failed_read = true;
	int os = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN
			 ? sqlite3_system_errno(db->sql)
			 : 0;
	return err_set(e, kind_of(code, os), os, "%s: %s (SQLite code %d)", what,
		       sqlite3_errmsg(db->sql), code);
}

int
db_exec(struct db *db, const char *sql, struct err *e)
{
	if (db->sql == NULL || sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(db, "database", e);
	return 0;
}

int
db_ask(struct db *db, const char *sql, int64_t fallback, int64_t *ret, struct err *e)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK)
		return db_error(db, "database", e);
	int rc = sqlite3_step(st);
	int64_t n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : fallback;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		db_error(db, "database", e);
		sqlite3_finalize(st);
		return -1;
	}
	sqlite3_finalize(st);
	*ret = n;
	return 0;
}

/*
 * What a new file must see before its first table. To others it is not said: auto_vacuum
 * would be a commit, and there may be a log to which nothing must be added.
 */
static int
set_form(struct db *db, struct err *e)
{
	char text[96];
	int64_t pages;

	if (db_ask(db, "PRAGMA page_count", 0, &pages, e) != 0)
		return -1;
	snprintf(text, sizeof(text),
		 "PRAGMA page_size=%d;PRAGMA auto_vacuum=INCREMENTAL;", DB_PAGE_SIZE);
	return pages > 0 ? 0 : db_exec(db, text, e);
}

static int
set_pragmas(struct db *db, const struct db_settings *s, struct err *e)
{
	char text[512];
	const char *first = s->mode == DB_WRITE ? "PRAGMA journal_mode=WAL;"
						  "PRAGMA secure_delete=OFF;"
						: "PRAGMA query_only=ON;";

	if (s->mode == DB_WRITE && set_form(db, e) != 0)
		return -1;
	snprintf(
		text, sizeof(text),
		"%sPRAGMA synchronous=%s;PRAGMA wal_autocheckpoint=0;PRAGMA mmap_size=0;"
		"PRAGMA temp_store=MEMORY;PRAGMA cache_size=-%u;PRAGMA foreign_keys=OFF;",
		first, s->is_unsafe ? "OFF" : "FULL", s->cache_kib);
	return db_exec(db, text, e);
}

int
db_open(struct db *db, const char *path, const struct db_settings *s, struct err *e)
{
	int flags = s->mode == DB_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
					: SQLITE_OPEN_READONLY;

	*db = (struct db){ 0 };
	/*
	 * Nobody asks how much memory SQLite has; counting it is a lock around each
	 * malloc(). Of use before SQLite's first call in the process only, and refused
	 * afterwards.
	 */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (gather_new(&db->gather, e) != 0)
		return -1;
	int rc = sqlite3_open_v2(path, &db->sql, flags | SQLITE_OPEN_NOMUTEX,
				 gather_name(db->gather));
	if (db->sql == NULL) {
		db_close(db);
		return err_set(e, ERR_MEMORY, 0, "no memory for a database connection");
	}
	sqlite3_extended_result_codes(db->sql, 1);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db->sql, (int)s->busy_ms);
	if (rc != SQLITE_OK) {
		db_error(db, path, e);
		db_close(db);
		return -1;
	}
	if (set_pragmas(db, s, e) != 0) {
		db_close(db);
		return err_wrap(e, "%s", path);
	}
	return 0;
}

void
db_close(struct db *db)
{
	if (db->has_failed_sync)
		db_keep_log(db);
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_finalize(db->ready[i]);
		db->ready[i] = NULL;
	}
	sqlite3_close_v2(db->sql);
	db->sql = NULL;
	gather_free(db->gather);
	db->gather = NULL;
}

void
db_keep_log(struct db *db)
{
	if (db->sql != NULL)
		sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* -- statements -- */

sqlite3_stmt *
db_use(struct db *db, enum statement which, struct err *e)
{
	sqlite3_stmt **st = &db->ready[which];

	if (db->sql == NULL ||
	    (*st == NULL &&
	     sqlite3_prepare_v3(db->sql, statement_sql(which), -1,
				SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK)) {
		db_error(db, "database", e);
		return NULL;
	}
	check(!sqlite3_stmt_busy(*st));
	return *st;
}

void
db_release(sqlite3_stmt **st)
{
	if (*st == NULL)
		return;
	sqlite3_reset(*st);
	sqlite3_clear_bindings(*st);
	*st = NULL;
}

int
db_step(struct db *db, sqlite3_stmt *st, struct err *e)
{
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : db_error(db, "database", e);
}

int
db_run(struct db *db, sqlite3_stmt *st, struct err *e)
{
	int r;
	do
		r = db_step(db, st, e);
	while (r == 1);
	return r;
}

void
db_bind_text(sqlite3_stmt *st, int place, const char *text)
{
	/*
	 * Static and UTF-8: nothing is allocated, so nothing can fail but a wrong index.
	 */
	check(sqlite3_bind_text(st, place, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

void
db_bind_int(sqlite3_stmt *st, int place, int64_t n)
{
	check(sqlite3_bind_int64(st, place, n) == SQLITE_OK);
}

void
db_bind_blob(sqlite3_stmt *st, int place, const void *p, size_t n)
{
	/* A NULL pointer would become NULL instead of an empty blob. */
	check(sqlite3_bind_blob64(st, place, n == 0 ? "" : p, n, SQLITE_STATIC) ==
	      SQLITE_OK);
}

const char *
db_text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

struct span
db_blob(sqlite3_stmt *st, int column)
{
	const void *p = sqlite3_column_blob(st, column);
	return span_make(p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(st, column));
}

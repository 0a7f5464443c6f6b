/*
 * db.h - one SQLite connection: pragmas, prepared statements from a table, errors mapped
 * in one place.
 *
 * A connection is used by one thread at a time. A statement is prepared at its first use,
 * kept, and given back by its scope:
 *
 *	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_X, e);
 */
#ifndef TDC_STORE_DB_H
#define TDC_STORE_DB_H

#include "store/statements.h"

#include "tdc/base/err.h"
#include "tdc/base/span.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { DB_PAGE_SIZE = 4096, DB_FRAME_HEADER = 24 };

enum db_mode {
	DB_WRITE, /* the one that commits and checkpoints */
	DB_READ,  /* read-only                            */
};

struct gather;

struct db {
	sqlite3 *sql;
	struct gather *gather;
	sqlite3_stmt *ready[STATEMENT_COUNT];
	bool has_failed_sync; /* since it was opened; closing leaves the log alone */
	bool has_failed_read; /* since whoever cares looked */
};

struct db_settings {
	enum db_mode mode;
	unsigned cache_kib;
	unsigned busy_ms;
	bool is_unsafe; /* negative control: nothing is ever synced */
};

int db_open(struct db *db, const char *path, const struct db_settings *s, struct err *e);
void db_close(struct db *db); /* finalizes all; a closed one is fine */

/* Any SQL without a result. Not for the normal flow. */
int db_exec(struct db *db, const char *sql, struct err *e);
/* The first column of the first row of any SQL; `fallback` when there is no row. */
int db_ask(struct db *db, const char *sql, int64_t fallback, int64_t *ret, struct err *e);

sqlite3_stmt *db_use(struct db *db, enum statement which, struct err *e);
void db_release(sqlite3_stmt **st); /* resets and unbinds; NULL is fine */
int db_step(struct db *db, sqlite3_stmt *st, struct err *e); /* 1 row, 0 done, -1 */
/* For a statement without rows: prepares, runs, releases are the caller's; 0 or -1. */
int db_run(struct db *db, sqlite3_stmt *st, struct err *e);

/* db_close() leaves the log alone, even when nobody else has it open. */
void db_keep_log(struct db *db);

/*
 * The one place where SQLite's codes become kinds. Fills *e from the latest error;
 * returns -1.
 */
int db_error(struct db *db, const char *what, struct err *e);

/* NULL becomes NULL. The text must outlive the use of the statement. */
void db_bind_text(sqlite3_stmt *st, int place, const char *text);
void db_bind_int(sqlite3_stmt *st, int place, int64_t n);
void db_bind_blob(sqlite3_stmt *st, int place, const void *p, size_t n);
const char *db_text(sqlite3_stmt *st, int column); /* NULL is NULL; until the next step */
struct span db_blob(sqlite3_stmt *st, int column);

#endif

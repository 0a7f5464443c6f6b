/*
 * rows.c - steps that several operations share, inside the open transaction.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"

int
row_state(struct writer *w, uint64_t mid, enum journal_state *state, int64_t *policy,
	  bool *found, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_JOURNAL_STATE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)mid);
	int r = db_step(&w->db, st, e);
	if (r < 0)
		return -1;
	*found = r == 1;
	if (r == 1) {
		if (journal_state_parse(span_of(db_text(st, 0)), state) != 0)
			return err_set(e, ERR_CORRUPT, 0, "the row has no known state");
		*policy = sqlite3_column_int64(st, 1);
	}
	return 0;
}

int
row_quarantine(struct writer *w, uint64_t mid, const char *reason, bool *is_done,
	       struct err *e)
{
	enum journal_state state = JOURNAL_WAITING;
	int64_t policy = 0;
	bool found = false;

	*is_done = false;
	if (row_state(w, mid, &state, &policy, &found, e) != 0)
		return -1;
	if (!found || (state != JOURNAL_WAITING && state != JOURNAL_UNCERTAIN))
		return 0;
	SCOPED(db_release)
	sqlite3_stmt *st = db_use(&w->db, STATEMENT_JOURNAL_QUARANTINE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)mid);
	db_bind_text(st, 2, reason);
	if (db_run(&w->db, st, e) != 0)
		return -1;
	pending_state(w, state, policy, -1);
	pending_state(w, JOURNAL_QUARANTINED, policy, 1);
	*is_done = true;
	return 0;
}

/* A statement without rows that has one number. */
static int
run_with(struct writer *w, enum statement which, int64_t key, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, which, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, key);
	return db_run(&w->db, st, e);
}

static int
free_place(struct writer *w, sqlite3_stmt *st, struct err *e)
{
	const char *place = db_text(st, 0);
	int64_t size = sqlite3_column_int64(st, 2);

	if (size < 0)
		size = 0; /* damaged */
	if (place != NULL && strcmp(place, "segment") == 0)
		return pending_segment(w, (uint64_t)sqlite3_column_int64(st, 1), -size, 0,
				       e);
	struct span name = db_blob(st, 3);
	if (place != NULL && strcmp(place, "file") == 0 && name.n == UID_BYTES) {
		struct uid file;
		memcpy(file.b, name.p, UID_BYTES);
		return pending_remove_file(w, &file, (uint64_t)size, e);
	}
	return 0;
}

static int
body_unref(struct writer *w, int64_t body, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *last = db_use(&w->db, STATEMENT_BODY_LAST, e);
	if (last == NULL)
		return -1;
	db_bind_int(last, 1, body);
	int r = db_step(&w->db, last, e);
	if (r < 0)
		return -1;
	if (r == 0)
		return run_with(w, STATEMENT_BODY_UNREF, body, e);
	if (free_place(w, last, e) != 0)
		return -1;
	sqlite3_reset(last); /* it must not read while its row goes */
	return run_with(w, STATEMENT_BODY_DELETE, body, e);
}

/* 1: a row; its message and body, 0 where the message is missing. 0: there is none. */
static int
refers_to(struct writer *w, uint64_t mid, int64_t *message, int64_t *body, struct err *e)
{
	SCOPED(db_release)
	sqlite3_stmt *st = db_use(&w->db, STATEMENT_JOURNAL_MESSAGE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)mid);
	int r = db_step(&w->db, st, e);
	if (r == 1) {
		*message = sqlite3_column_int64(st, 0);
		*body = sqlite3_column_int64(st, 1);
	}
	return r;
}

/* Whether another journal is of that message: 1, 0, or -1. */
static int
is_wanted(struct writer *w, int64_t message, struct err *e)
{
	SCOPED(db_release)
	sqlite3_stmt *st = db_use(&w->db, STATEMENT_JOURNAL_OF_MESSAGE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, message);
	return db_step(&w->db, st, e);
}

int
row_delete(struct writer *w, uint64_t mid, struct err *e)
{
	int64_t message, body;

	int r = refers_to(w, mid, &message, &body, e);
	if (r != 1)
		return r;
	if (run_with(w, STATEMENT_JOURNAL_DELETE, (int64_t)mid, e) != 0)
		return -1;
	r = is_wanted(w, message, e);
	if (r != 0 || body == 0)
		return r < 0 ? -1 : 0;
	if (run_with(w, STATEMENT_MESSAGE_DELETE, message, e) != 0)
		return -1;
	return body_unref(w, body, e);
}

int
row_meta_get(struct db *db, const char *key, int64_t fallback, int64_t *ret,
	     struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_META_GET, e);
	if (st == NULL)
		return -1;
	db_bind_text(st, 1, key);
	int r = db_step(db, st, e);
	*ret = r == 1 ? sqlite3_column_int64(st, 0) : fallback;
	return r < 0 ? -1 : 0;
}

int
row_meta_set(struct writer *w, const char *key, int64_t n, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_META_SET, e);
	if (st == NULL)
		return -1;
	db_bind_text(st, 1, key);
	db_bind_int(st, 2, n);
	return db_run(&w->db, st, e);
}

int
row_profile(struct writer *w, const char *text, int64_t *id, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *find = db_use(&w->db, STATEMENT_PROFILE_FIND, e);
	if (find == NULL)
		return -1;
	db_bind_text(find, 1, text);
	int r = db_step(&w->db, find, e);
	if (r == 1)
		*id = sqlite3_column_int64(find, 0);
	if (r != 0)
		return r == 1 ? 0 : -1;
	SCOPED(db_release) sqlite3_stmt *add = db_use(&w->db, STATEMENT_PROFILE_ADD, e);
	if (add == NULL)
		return -1;
	db_bind_text(add, 1, text);
	if (db_run(&w->db, add, e) != 0)
		return -1;
	*id = sqlite3_last_insert_rowid(w->db.sql);
	return 0;
}

/*
 * transact.c - one transaction of the store thread: all of its operations, or nothing.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"
#include "tdc/base/counter.h"
#include "tdc/base/fault.h"

static int
run_statement(struct writer *w, enum statement which, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, which, e);
	return st == NULL ? -1 : db_run(&w->db, st, e);
}

static void
roll_back(struct writer *w)
{
	/* SQLITE_FULL and SQLITE_IOERR may have done it already. */
	if (w->db.sql != NULL && sqlite3_get_autocommit(w->db.sql) == 0)
		run_statement(w, STATEMENT_ROLLBACK, NULL);
	pending_forget(w);
}

static int
commit(struct writer *w, unsigned flags, struct err *e)
{
	if (flags & OP_ACCEPTANCE)
		fault_crash("store.before-commit");
	if (flags & OP_OUTCOME)
		fault_crash("store.outcome-before-commit");
	if (run_statement(w, STATEMENT_COMMIT, e) != 0)
		return -1;
	if (flags & OP_ACCEPTANCE)
		fault_crash("store.after-commit");
	if (flags & OP_OUTCOME)
		fault_crash("store.outcome-after-commit");
	return 0;
}

static int
apply_all(struct writer *w, struct store_op **ops, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		ops[i]->has_more = false;
		if (ops[i]->kind->apply(w, ops[i], e) != 0) {
			w->blamed = ops[i];
			return -1;
		}
	}
	return 0;
}

static void
note_durability(struct writer *w, unsigned flags, size_t n)
{
	counter_add(COUNTER_COMMITS, 1);
	w->is_wal_copied = false;
	if (w->is_full) {
		counter_add(COUNTER_SYNCS, 1);
		w->unsynced = 0;
		sweep(w);
	} else if (flags & OP_OUTCOME) {
		if (fault_is("store.early-removal"))
			sweep(w);
		if (w->unsynced == 0)
			w->unsynced_since = mono_now_ms();
		w->unsynced += n;
	} else if (w->unsynced == 0) {
		w->unsynced_since = mono_now_ms();
		w->unsynced = 1;
	}
}

int
transact(struct writer *w, struct store_op **ops, size_t n, struct err *e)
{
	/* What goes on for long ends between two of its steps. */
	const struct err stopped = { .kind = ERR_SHUTDOWN,
				     .text = "the spool was closed" };
	unsigned flags = ops_flags(ops, n);
	int64_t since = mono_us();

	w->blamed = NULL;
	w->db.has_failed_read = false;
	if (writer_set_full(w, (flags & OP_SYNCED) != 0, e) != 0)
		return -1;
	pending_begin(w);
	if (run_statement(w, STATEMENT_BEGIN, e) != 0 || apply_all(w, ops, n, e) != 0 ||
	    pending_write(w, e) != 0 || commit(w, flags, e) != 0) {
		roll_back(w);
		return -1;
	}
	pending_take_over(w);
	note_durability(w, flags, n);
	int64_t took = mono_us() - since;
	if (took > w->longest_commit_us)
		w->longest_commit_us = took;
	for (size_t i = 0; i < n; i++) {
		if (ops[i]->kind->settled != NULL)
			ops[i]->kind->settled(w, ops[i]);
		if (ops[i]->has_more && atomic_load(&w->is_stopping))
			op_fail(w, ops[i], &stopped);
		else if (ops[i]->has_more)
			ops_keep(w, &w->again, ops[i]);
		else
			op_answer(w, ops[i]);
	}
	return 0;
}

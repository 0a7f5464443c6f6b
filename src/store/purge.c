/*
 * purge.c - delivered rows whose retention has ended, a few at a time.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <stdlib.h>

enum { PURGE_ROWS = 200, PURGE_EVERY_MS = 10000, PURGE_MIN_MS = 50 };

struct purge {
	struct store_op op;
	int64_t before;
	uint64_t failed_mid; /* the row that could not be deleted */
};

/* The index may be wrong: nothing that somebody waits for goes on its word alone. */
static int
delete_delivered(struct writer *w, uint64_t mid, struct err *e)
{
	enum journal_state state = JOURNAL_DELIVERED;
	int64_t policy;
	bool found = false;

	if (row_state(w, mid, &state, &policy, &found, e) != 0)
		return -1;
	if (found && state == JOURNAL_DELIVERED)
		return row_delete(w, mid, e);
	refused_add(&w->spool->refused, mid);
	return 0;
}

static int
purge_apply(struct writer *w, struct store_op *op, struct err *e)
{
	struct purge *p = (struct purge *)op;
	struct refused *refused = &w->spool->refused;
	uint64_t mids[PURGE_ROWS];
	size_t n = 0;
	int r = 1;

	p->failed_mid = 0;
	{
		SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_ENDED, e);
		if (st == NULL)
			return -1;
		db_bind_int(st, 1, p->before);
		db_bind_int(st, 2, PURGE_ROWS + (int64_t)refused_count(refused));
		while (n < PURGE_ROWS && (r = db_step(&w->db, st, e)) == 1) {
			mids[n] = (uint64_t)sqlite3_column_int64(st, 0);
			if (!refused_has(refused, mids[n]))
				n++;
		}
	}
	for (size_t i = 0; i < n && r >= 0; i++)
		if ((r = delete_delivered(w, mids[i], e)) != 0)
			p->failed_mid = mids[i];
	op->has_more = n == PURGE_ROWS;
	return r < 0 ? -1 : 0;
}

/* A row that cannot be deleted is left, or none behind it would ever go. */
static void
purge_failed(struct writer *w, struct store_op *op)
{
	struct purge *p = (struct purge *)op;

	/* Of rows that cannot be read one at a time is learned: the disk may be away. */
	if (p->failed_mid != 0 &&
	    (op->error.kind == ERR_IO || !err_is_temporary(&op->error)))
		refused_add(&w->spool->refused, p->failed_mid);
	if (err_is_temporary(&op->error))
		p->failed_mid = 0;
}

static void
purge_answer(struct store_op *op)
{
	struct purge *p = (struct purge *)op;

	if (p->failed_mid != 0 && !atomic_load(&op->spool->writer.is_stopping)) {
		op->error.kind = ERR_NONE;
		op_submit(op);
		return;
	}
	op->spool->is_purging = false;
	free(p);
}

static const struct op_kind purge_kind = { .name = "purge",
					   .apply = purge_apply,
					   .failed = purge_failed,
					   .answer = purge_answer };

static void
purge_due(void *arg)
{
	struct spool *sp = arg;
	struct purge *p = sp->is_purging ? NULL : calloc(1, sizeof(*p));

	purge_arm(sp);
	if (p == NULL)
		return;
	sp->is_purging = true;
	op_init(&p->op, &purge_kind, sp);
	p->before = loop_wall_ms(sp->loop) - atomic_load(&sp->limits.retention_ms);
	op_submit(&p->op);
}

/* Rows may be left of a time when there was a retention: the timer runs in any case. */
void
purge_arm(struct spool *sp)
{
	int64_t every = atomic_load(&sp->limits.retention_ms) / 4;

	if (!sp->has_timer &&
	    timer_init(&sp->purge_timer, sp->loop, purge_due, sp, NULL) == 0)
		sp->has_timer = true;
	if (every < PURGE_MIN_MS)
		every = PURGE_MIN_MS;
	if (every > PURGE_EVERY_MS || atomic_load(&sp->limits.retention_ms) == 0)
		every = PURGE_EVERY_MS;
	if (sp->has_timer)
		timer_set(&sp->purge_timer, every);
}

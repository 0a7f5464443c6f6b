/*
 * change.c - the operator's hand on rows, one or all, in bounded steps between which mail
 * goes on.
 */
#include "store/policies.h"
#include "store/state.h"

#include "tdc/base/check.h"
#include "tdc/base/cleanup.h"
#include "tdc/base/format.h"

#include <stdlib.h>

enum {
	CHANGE_ROWS = 1000,  /* changed per step */
	CHANGE_LOOKS = 5000, /* looked at per step */
	CHANGE_SHRINKS = 8,  /* a step that has no room on the disk, by this */
};

#define IN(s) (1u << (s))
#define WAITS (IN(JOURNAL_WAITING) | IN(JOURNAL_UNCERTAIN))
#define STAYS JOURNAL_STATE_COUNT /* in its state */

/* Which states a change applies to, and what it makes of them. */
static const struct {
	unsigned from;
	enum journal_state to;
	bool is_delete;
	enum statement statement;
} changes[] = {
	[CHANGE_HOLD] = { WAITS, JOURNAL_HELD, false, STATEMENT_JOURNAL_HOLD },
	[CHANGE_RELEASE] = { IN(JOURNAL_HELD), JOURNAL_WAITING, false,
			     STATEMENT_JOURNAL_RELEASE },
	[CHANGE_RETRY_DEAD] = { IN(JOURNAL_DEAD), JOURNAL_WAITING, false,
				STATEMENT_JOURNAL_AGAIN },
	[CHANGE_DELETE] = { WAITS | IN(JOURNAL_HELD) | IN(JOURNAL_DEAD) |
				    IN(JOURNAL_QUARANTINED),
			    STAYS, true, STATEMENT_JOURNAL_DELETE },
	[CHANGE_DUE_NOW] = { WAITS, STAYS, false, STATEMENT_JOURNAL_NOW },
	[CHANGE_RETRY_QUARANTINED] = { IN(JOURNAL_QUARANTINED), JOURNAL_WAITING, false,
				       STATEMENT_JOURNAL_AGAIN },
};

struct change {
	struct store_op op;
	enum spool_change what;
	unsigned from;     /* states: of what it applies to, those that are meant */
	uint64_t mid;      /* 0 = all                                        */
	uint64_t last_mid; /* rows accepted after the call are not meant      */
	int64_t now;
	uint64_t after, next_after; /* committed, and as of this step          */
	unsigned state,
		next_state; /* which state is walked; JOURNAL_STATE_COUNT = by MID */
	unsigned rows;      /* per step; fewer when they do not fit on the disk */
	uint64_t changed, changed_now;
	struct err refusal;     /* of this call alone: nothing else fails for it */
	uint64_t failed_mid;    /* the row that could not be changed             */
	bool is_tried_again;    /* the step: without that row, or with fewer     */
	struct refused skipped; /* rows that cannot be                           */
	spool_change_fn *done;
	void *arg;
};

static int
change_row(struct writer *w, struct change *c, uint64_t mid, enum journal_state from,
	   int64_t policy, struct err *e)
{
	if (changes[c->what].is_delete) {
		if (row_delete(w, mid, e) != 0)
			return -1;
		pending_term(w, TERM_DELETED, 1);
		pending_state(w, from, policy, -1);
		c->changed_now++;
		return 0;
	}
	SCOPED(db_release)
	sqlite3_stmt *st = db_use(&w->db, changes[c->what].statement, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)mid);
	if (changes[c->what].to == JOURNAL_WAITING) /* its time begins anew */
		db_bind_int(st, 2, c->now);
	if (db_run(&w->db, st, e) != 0)
		return -1;
	if (sqlite3_changes(w->db.sql) == 0)
		return 0; /* it was due already */
	if (mid <= w->oldest_mid)
		w->oldest_mid = mid - 1;
	c->changed_now++;
	if (changes[c->what].to == STAYS)
		return 0;
	pending_state(w, from, policy, -1);
	pending_state(w, changes[c->what].to, policy, 1);
	return 0;
}

/* It would wait for a policy that is not there, and nobody would ask for it. */
static bool
would_be_stray(struct writer *w, const struct change *c, int64_t policy)
{
	return changes[c->what].to == JOURNAL_WAITING && !policy_is_known(w, policy);
}

static int
change_one(struct writer *w, struct change *c, struct err *e)
{
	enum journal_state state = JOURNAL_WAITING;
	int64_t policy = 0;
	bool found = false;

	if (row_state(w, c->mid, &state, &policy, &found, e) != 0)
		return -1;
	if (!found)
		err_set(&c->refusal, ERR_NOT_FOUND, 0, "there is no such message");
	else if ((c->from & IN(state)) == 0)
		err_set(&c->refusal, ERR_REFUSED, 0, "the message is %s",
			journal_state_name(state));
	else if (would_be_stray(w, c, policy))
		err_set(&c->refusal, ERR_CORRUPT, 0,
			"the policy of the message is not there");
	else
		return change_row(w, c, c->mid, state, policy, e);
	return 0;
}

struct look { /* a row of a walk, copied before anything is changed */
	uint64_t mid;
	enum journal_state state;
	int64_t policy;
};

/*
 * The next rows that the change applies to, at most c->rows. Rows that wait are found
 * by walking the MIDs, those of the other states by their own index.
 */
static int
look_ahead(struct writer *w, struct change *c, struct look *rows, size_t *n,
	   struct err *e)
{
	bool by_mid = c->state == JOURNAL_STATE_COUNT;
	SCOPED(db_release)
	sqlite3_stmt *st =
		db_use(&w->db, by_mid ? STATEMENT_WALK : STATEMENT_WALK_STATE, e);
	const unsigned limit = by_mid ? CHANGE_LOOKS : c->rows;
	unsigned looks = 0;
	int r = 1;

	*n = 0;
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)c->after);
	db_bind_int(st, 2, limit);
	if (!by_mid)
		db_bind_text(st, 3, journal_state_name((enum journal_state)c->state));
	while (*n < c->rows && (r = db_step(&w->db, st, e)) == 1) {
		struct look row = { (uint64_t)sqlite3_column_int64(st, 0),
				    JOURNAL_WAITING, sqlite3_column_int64(st, 3) };
		looks++;
		if (row.mid > c->last_mid) {
			r = 0;
			looks = 0;
			break;
		}
		c->next_after = row.mid;
		if (journal_state_parse(span_of(db_text(st, 1)), &row.state) != 0 ||
		    (c->from & IN(row.state)) == 0)
			continue;
		if (by_mid && (IN(row.state) & WAITS) == 0)
			continue; /* its own walk comes */
		if (refused_has(&c->skipped, row.mid))
			continue;
		rows[(*n)++] = row;
	}
	if (r < 0)
		return -1;
	/*
	 * At the end of this walk? Then on to the next state that the change applies to.
	 */
	if (r == 1 || looks == limit)
		return 0;
	c->next_after = 0;
	c->next_state = by_mid ? 0 : c->state + 1;
	while (c->next_state < JOURNAL_STATE_COUNT &&
	       ((c->from & ~WAITS) & IN(c->next_state)) == 0)
		c->next_state++;
	c->op.has_more = c->next_state < JOURNAL_STATE_COUNT;
	return 0;
}

/* One of a walk: what its index says of it must be so, or it is left out. */
static int
change_found(struct writer *w, struct change *c, const struct look *row, struct err *e)
{
	enum journal_state state = row->state;
	int64_t policy = row->policy;
	bool found = true;

	if (c->state != JOURNAL_STATE_COUNT &&
	    row_state(w, row->mid, &state, &policy, &found, e) != 0)
		return -1;
	if (found && state == row->state && !would_be_stray(w, c, policy))
		return change_row(w, c, row->mid, state, policy, e);
	refused_add(&c->skipped, row->mid);
	return 0;
}

static int
change_all(struct writer *w, struct change *c, struct err *e)
{
	struct look *rows = malloc(CHANGE_ROWS * sizeof(*rows));
	size_t n = 0;

	if (rows == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a change");
	c->next_after = c->after;
	c->next_state = c->state;
	c->op.has_more = true;
	int r = look_ahead(w, c, rows, &n, e);
	for (size_t i = 0; i < n && r == 0; i++)
		if ((r = change_found(w, c, &rows[i], e)) != 0)
			c->failed_mid = rows[i].mid;
	free(rows);
	return r;
}

static int
change_apply(struct writer *w, struct store_op *op, struct err *e)
{
	struct change *c = (struct change *)op;

	c->changed_now = 0;
	c->failed_mid = 0;
	c->refusal.kind = ERR_NONE;
	return c->mid != 0 ? change_one(w, c, e) : change_all(w, c, e);
}

static void
change_settled(struct writer *w, struct store_op *op)
{
	struct change *c = (struct change *)op;

	(void)w;
	c->changed += c->changed_now;
	c->after = c->next_after;
	c->state = c->next_state;
	op->error = c->refusal;
}

/*
 * One row that cannot be changed does not end a change of all, nor does a step that is
 * too large for what is left of the disk.
 */
static void
change_failed(struct writer *w, struct store_op *op)
{
	struct change *c = (struct change *)op;
	bool is_large = c->mid == 0 && c->rows > 1;

	(void)w;
	c->is_tried_again = false;
	if (op->error.kind == ERR_SPACE && is_large) {
		c->rows = (c->rows + CHANGE_SHRINKS - 1) / CHANGE_SHRINKS;
		c->is_tried_again = true;
	} else if (!err_is_temporary(&op->error) && c->failed_mid != 0) {
		refused_add(&c->skipped, c->failed_mid);
		c->is_tried_again = true;
	}
}

static void
change_answer(struct store_op *op)
{
	struct change *c = (struct change *)op;
	size_t n = refused_count(&c->skipped);

	if (op->error.kind != ERR_NONE && c->is_tried_again &&
	    !atomic_load(&op->spool->writer.is_stopping)) {
		op->error.kind = ERR_NONE;
		op_submit(op);
		return;
	}
	if (op->error.kind == ERR_NONE && n > 0)
		err_set(&op->error, ERR_CORRUPT, 0, "%zu damaged row%s left out", n,
			format_plural(n));
	refused_done(&c->skipped);
	if (c->done != NULL)
		c->done(c->arg, c->changed,
			op->error.kind == ERR_NONE ? NULL : &op->error);
	free(c);
}

static const struct op_kind change_kind = {
	.name = "change",
	.flags = OP_SYNCED,
	.apply = change_apply,
	.settled = change_settled,
	.failed = change_failed,
	.answer = change_answer,
};

void
spool_change_in(struct spool *sp, enum spool_change what, unsigned states, uint64_t mid,
		spool_change_fn *done, void *arg)
{
	struct change *c = calloc(1, sizeof(*c));

	check((changes[what].from & states) != 0);
	if (c == NULL)
		abort(); /* see spool_record() */
	op_init(&c->op, &change_kind, sp);
	refused_init(&c->skipped);
	c->what = what;
	c->from = changes[what].from & states;
	c->mid = mid;
	c->last_mid = sp->next_mid;
	c->now = loop_wall_ms(sp->loop);
	c->done = done;
	c->arg = arg;
	c->rows = CHANGE_ROWS;
	c->state = JOURNAL_STATE_COUNT;
	if ((c->from & WAITS) == 0)
		for (c->state = 0; (c->from & IN(c->state)) == 0;)
			c->state++;
	op_submit(&c->op);
}

void
spool_change(struct spool *sp, enum spool_change what, uint64_t mid,
	     spool_change_fn *done, void *arg)
{
	spool_change_in(sp, what, changes[what].from, mid, done, arg);
}

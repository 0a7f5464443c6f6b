/*
 * outcome.c - what became of an attempt, in the next batch.
 *
 * An outcome is an op with its texts behind it in one piece of memory. It commits with
 * synchronous=NORMAL when it is alone: a kill leaves it, and within a second it is on
 * disk, too. Before that it waits for milliseconds for something to ride with.
 */
#include "store/state.h"

#include "tdc/base/check.h"
#include "tdc/base/cleanup.h"
#include "tdc/base/counter.h"
#include "tdc/base/fault.h"

#include <stdlib.h>

struct record {
	struct store_op op;
	struct spool_outcome o;
	uint64_t number; /* as it was recorded, from 1 */
	bool is_applied; /* the row was its own */
	char text[];     /* where o's strings are */
};

/* What an outcome makes of a row that stays. */
static const struct {
	enum journal_state state;
	bool has_next, is_end, is_kept;
} effects[] = {
	[OUTCOME_DELIVERED] = { JOURNAL_DELIVERED, false, true, true },
	[OUTCOME_SOFT] = { JOURNAL_WAITING, true, false, true },
	[OUTCOME_UNCERTAIN] = { JOURNAL_UNCERTAIN, true, false, true },
	[OUTCOME_DEAD] = { JOURNAL_DEAD, false, true, true },
	[OUTCOME_HELD] = { JOURNAL_HELD, false, false, true },
	[OUTCOME_QUARANTINED] = { JOURNAL_QUARANTINED, false, false, true },
	[OUTCOME_DROPPED] = { JOURNAL_DELIVERED, false, true, false },
};

/*
 * The state after it. A row that was held while a delivery was under way stays held, but
 * for what arrived: that is delivered.
 */
static enum journal_state
state_after(const struct spool_outcome *o, enum journal_state before)
{
	if (before == JOURNAL_HELD && o->kind != OUTCOME_DELIVERED)
		return JOURNAL_HELD;
	return effects[o->kind].state;
}

static int
update_row(struct writer *w, const struct spool_outcome *o, enum journal_state to,
	   struct err *e)
{
	int64_t profile = 0;

	if (o->profile != NULL && row_profile(w, o->profile, &profile, e) != 0)
		return -1;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_JOURNAL_UPDATE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)o->mid);
	db_bind_text(st, 2, journal_state_name(to));
	db_bind_int(st, 3, o->attempts);
	db_bind_int(st, 4,
		    effects[o->kind].has_next && to != JOURNAL_HELD ? o->next_at : 0);
	if (effects[o->kind].is_end)
		db_bind_int(st, 5, o->at);
	db_bind_text(st, 6, o->reply);
	db_bind_text(st, 7, o->tls);
	db_bind_text(st, 8, o->destination);
	if (o->profile != NULL)
		db_bind_int(st, 9, profile);
	db_bind_text(st, 10, o->reason);
	return db_run(&w->db, st, e);
}

static int
keep_body(struct writer *w, const struct spool_outcome *o, int64_t retention,
	  struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_BODY_KEEP, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)o->mid);
	db_bind_int(st, 2, o->at + retention);
	return db_run(&w->db, st, e);
}

static int
apply_to_row(struct writer *w, const struct spool_outcome *o, enum journal_state to,
	     struct err *e)
{
	int64_t retention = atomic_load(&w->spool->limits.retention_ms);

	if (!effects[o->kind].is_kept || (o->kind == OUTCOME_DELIVERED && retention == 0))
		return row_delete(w, o->mid, e);
	if (update_row(w, o, to, e) != 0)
		return -1;
	return o->kind == OUTCOME_DELIVERED ? keep_body(w, o, retention, e) : 0;
}

/* Which rows an outcome is for; all others are somebody else's by now. */
static bool
is_meant(const struct spool_outcome *o, enum journal_state state)
{
	if (state == JOURNAL_HELD) /* what arrived, or may have: its profile is kept */
		return o->kind == OUTCOME_DELIVERED || o->kind == OUTCOME_UNCERTAIN;
	return state == JOURNAL_WAITING || state == JOURNAL_UNCERTAIN;
}

static int
record_apply(struct writer *w, struct store_op *op, struct err *e)
{
	struct record *r = (struct record *)op;
	const struct spool_outcome *o = &r->o;
	enum journal_state state = JOURNAL_WAITING;
	int64_t policy = 0;
	bool found = false;

	r->is_applied = false;
	if (fault_is("store.lose-outcomes"))
		return 0;
	if (row_state(w, o->mid, &state, &policy, &found, e) != 0)
		return -1;
	if (!found || !is_meant(o, state))
		return 0;
	enum journal_state to = state_after(o, state);
	if (apply_to_row(w, o, to, e) != 0)
		return -1;
	r->is_applied = true;
	pending_state(w, state, policy, -1);
	if (o->kind == OUTCOME_DROPPED)
		pending_term(w, TERM_DROPPED + DROP_ROUTE, 1);
	else
		pending_state(w, to, policy, 1);
	return 0;
}

static void
record_settled(struct writer *w, struct store_op *op)
{
	const struct record *r = (const struct record *)op;

	w->outcomes++;
	if (r->o.kind == OUTCOME_QUARANTINED && r->is_applied)
		counter_add(COUNTER_QUARANTINED, 1);
}

static void
record_failed(struct writer *w, struct store_op *op)
{
	refused_add(&w->spool->refused, ((struct record *)op)->o.mid);
}

static const struct op_kind record_kind = {
	.name = "outcome",
	.flags = OP_KEPT | OP_OUTCOME | OP_ROW,
	.apply = record_apply,
	.settled = record_settled,
	.failed = record_failed,
};

/* Copies a text behind the others; NULL stays NULL. */
static const char *
put(char **at, const char *text)
{
	if (text == NULL)
		return NULL;
	size_t n = strlen(text) + 1;
	char *copy = memcpy(*at, text, n);
	*at += n;
	return copy;
}

static size_t
size_of(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

void
spool_record(struct spool *sp, const struct spool_outcome *o)
{
	size_t texts = size_of(o->reply) + size_of(o->tls) + size_of(o->profile) +
		       size_of(o->reason) + size_of(o->destination);
	struct record *r = calloc(1, sizeof(*r) + texts);

	/*
	 * Without memory for a few hundred bytes there is one safe way on: to end here.
	 * The row is as it was, and after the restart the journal is sent again under the
	 * same id.
	 */
	if (r == NULL)
		abort();
	char *at = r->text;
	op_init(&r->op, &record_kind, sp);
	r->o = *o;
	r->o.reply = put(&at, o->reply);
	r->o.tls = put(&at, o->tls);
	r->o.profile = put(&at, o->profile);
	r->o.reason = put(&at, o->reason);
	r->o.destination = put(&at, o->destination);
	r->number = ++sp->recorded;
	op_submit_patiently(&r->op);
}

/* Now and then one that waits is passed by one behind it, which does not count yet. */
uint64_t
outcomes_done(const struct writer *w)
{
	for (size_t i = 0; i < w->kept.n; i++)
		if (w->kept.at[i]->kind == &record_kind)
			return ((const struct record *)w->kept.at[i])->number - 1;
	return w->outcomes;
}

uint64_t
spool_outcomes_recorded(const struct spool *sp)
{
	return sp->recorded;
}

uint64_t
spool_outcomes_committed(const struct spool *sp)
{
	return sp->view.outcomes;
}

/* -- quarantine by whoever reads -- */

struct quarantine {
	struct store_op op;
	uint64_t mid;
	const char *reason; /* static */
	bool is_done;
};

static int
quarantine_apply(struct writer *w, struct store_op *op, struct err *e)
{
	struct quarantine *q = (struct quarantine *)op;

	return row_quarantine(w, q->mid, q->reason, &q->is_done, e);
}

static void
quarantine_settled(struct writer *w, struct store_op *op)
{
	(void)w;
	if (((struct quarantine *)op)->is_done)
		counter_add(COUNTER_QUARANTINED, 1);
}

static void
quarantine_failed(struct writer *w, struct store_op *op)
{
	refused_add(&w->spool->refused, ((struct quarantine *)op)->mid);
}

static const struct op_kind quarantine_kind = {
	.name = "quarantine",
	.flags = OP_KEPT | OP_ROW,
	.apply = quarantine_apply,
	.settled = quarantine_settled,
	.failed = quarantine_failed,
};

void
quarantine(struct spool *sp, uint64_t mid, const char *reason)
{
	struct quarantine *q = calloc(1, sizeof(*q));
	if (q == NULL)
		return; /* it is found again when it is read again */
	op_init(&q->op, &quarantine_kind, sp);
	q->mid = mid;
	q->reason = reason;
	op_submit_patiently(&q->op);
}

/* -- 5xx after MAIL -- */

static int
refused_apply(struct writer *w, struct store_op *op, struct err *e)
{
	(void)op;
	(void)e;
	pending_term(w, TERM_REFUSED, 1);
	return 0;
}

static const struct op_kind refused_kind = { .name = "refused",
					     .flags = OP_KEPT,
					     .apply = refused_apply };

void
spool_count_refused(struct spool *sp)
{
	struct store_op *op = calloc(1, sizeof(*op));
	if (op == NULL)
		abort(); /* as in spool_record(): the account would not be exact */
	op_init(op, &refused_kind, sp);
	op_submit_patiently(op);
}

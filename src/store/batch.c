/*
 * batch.c - group commit: everything that waits is one transaction, one sync, and many
 * answers.
 *
 * When a transaction fails for a reason of one operation, that one runs in a transaction
 * of its own, so that only the bad one fails. When the disk is the reason, acceptances
 * fail at once (their mail server keeps the mail), the operator's changes when the reserve
 * does not help either, and outcomes stay and are tried again.
 */
#include "store/state.h"

#include "tdc/base/counter.h"
#include "tdc/base/fault.h"

#include <stdlib.h>

/* A row that cannot be changed is corrupt; nothing else stops for it. */
static void
fail_for_good(struct writer *w, struct store_op *op, const struct err *e)
{
	/* It may have been a row that all share, of the account. */
	if ((op->kind->flags & OP_ROW) && w->blamed == op)
		counter_add(COUNTER_QUARANTINED, 1);
	op_fail(w, op, e);
}

void
batch_give_up(struct writer *w, struct store_op *op)
{
	w->has_given_up = true;
	op_fail(w, op,
		&(struct err){ .kind = ERR_SHUTDOWN, .text = "the spool was closed" });
}

void
batch_collect(struct writer *w, struct work_job *chain)
{
	struct ops kept = w->batch;

	/* What was kept comes first: it is older. */
	w->batch = w->kept;
	w->kept = kept;
	w->kept.n = 0;
	for (size_t i = 0; i < w->again.n; i++)
		ops_keep(w, &w->batch, w->again.at[i]);
	w->again.n = 0;
	while (chain != NULL) {
		struct store_op *op = (struct store_op *)chain;
		chain = chain->next;
		if (op->has_failed)
			op_answer(w, op);
		else
			ops_keep(w, &w->batch, op);
	}
}

/* -- when it fails -- */

/* What one operation needs cannot be read. Nothing that was written is in doubt. */
static bool
is_unreadable(const struct writer *w, const struct err *e)
{
	return e->kind == ERR_IO && w->blamed != NULL && w->db.has_failed_read &&
	       !w->db.has_failed_sync;
}

/* Not the operation's fault: the same one may succeed when the disk is well again. */
static bool
is_environment(const struct writer *w, const struct err *e)
{
	return err_kind_is_temporary(e->kind) && !is_unreadable(w, e);
}

static void
after_environment(struct writer *w, const struct err *e)
{
	if (e->kind == ERR_SPACE)
		space_check(w->spool);
	log_failed(w, e);
}

/* Those that are not kept fail: all of them, or acceptances alone. The rest stays. */
static void
fail_unkept(struct writer *w, bool are_all, const struct err *e)
{
	struct ops *b = &w->batch;
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		unsigned flags = b->at[i]->kind->flags;
		if ((flags & OP_KEPT) || (!are_all && !(flags & OP_ACCEPTANCE)))
			b->at[n++] = b->at[i];
		else
			op_fail(w, b->at[i], e);
	}
	b->n = n;
}

/* Nothing can be committed now. */
static void
batch_without_log(struct writer *w)
{
	struct err e;

	err_set(&e, ERR_IO, 0, "%s", w->trouble);
	fail_unkept(w, true, &e);
	for (size_t i = 0; i < w->batch.n; i++)
		ops_keep(w, &w->kept, w->batch.at[i]);
	w->batch.n = 0;
}

enum {
	SETBACKS_TOGETHER = 8,
	UNREADABLE_TICKS = 10, /* a disk may be away for so long */
};

static int
transact_alone(struct writer *w, struct store_op *op, struct err *e)
{
	if (transact(w, &op, 1, e) == 0)
		return 0;
	/* The same trouble is handled already, unless a sync failed this time. */
	if (w->db.has_failed_sync)
		after_environment(w, e);
	return -1;
}

/* *e stays what it was when there is no way to try. */
static int
transact_with_ballast(struct writer *w, struct store_op **ops, size_t n, struct err *e)
{
	ballast_use(w);
	return log_is_sound(w) ? transact(w, ops, n, e) : -1;
}

/*
 * It may be one row after all that the database chokes on: now and then each has its own
 * chance. Then what may not fail waits, and the others hear of it. The end of a segment
 * says that no row names a body in it but those that are there: it stays behind a move of
 * bodies that waits.
 */
static void
keep_or_fail(struct writer *w, size_t n, const struct err *e)
{
	bool is_alone = !is_environment(w, e) || ++w->setbacks % SETBACKS_TOGETHER == 0;
	unsigned waiting = 0; /* flags of what is kept */

	for (size_t i = 0; i < n; i++) {
		struct store_op *op = w->batch.at[i];
		bool is_behind = (op->kind->flags & waiting & OP_SEGMENT) != 0;
		struct err its = *e;
		if (is_alone && !is_behind && !w->is_log_broken &&
		    transact_alone(w, op, &its) == 0)
			continue;
		waiting |= op->kind->flags;
		if (op->kind->flags & OP_KEPT)
			ops_keep(w, &w->kept, op);
		else
			op_fail(w, op, &its);
	}
}

/*
 * Acceptances fail; the rest gets one more chance now, with the reserve if it must be.
 */
static void
batch_without_room(struct writer *w, struct err *e)
{
	struct ops *b = &w->batch;

	after_environment(w, e);
	fail_unkept(w, false, e);
	if (w->is_log_broken) {
		batch_without_log(w);
		return;
	}
	size_t n = b->n;
	b->n = 0;
	if (n == 0 || transact(w, b->at, n, e) == 0)
		return;
	if (e->kind == ERR_SPACE && transact_with_ballast(w, b->at, n, e) == 0)
		return;
	if (is_environment(w, e))
		after_environment(w, e);
	keep_or_fail(w, n, e);
}

/* -- one that fails alone -- */

/* With nothing in memory, what all others need is read from the disk, and written. */
static bool
can_read_others(struct writer *w)
{
	struct err e;

	db_keep_log(&w->db);
	db_close(&w->db);
	return writer_open(w, NULL) == 0 && batch_sync(w, &e) == 0;
}

/*
 * The disk may be away, or a part of it bad. What may not fail waits until it is known
 * which: when all but this can be read after a while, it is as good as damaged.
 */
static void
end_unreadable(struct writer *w, struct store_op *op, const struct err *e)
{
	int64_t now = mono_now_ms();

	if ((op->kind->flags & OP_KEPT) == 0 || (op->kind->flags & OP_SEGMENT) != 0) {
		op_fail(w, op, e);
		return;
	}
	if (op->unreadable_since == 0)
		op->unreadable_since = now;
	if (now - op->unreadable_since <
		    UNREADABLE_TICKS * (int64_t)w->spool->limits.tick_ms ||
	    !can_read_others(w)) {
		ops_keep(w, &w->kept, op);
		return;
	}
	w->blamed = op;
	fail_for_good(w, op,
		      &(struct err){ .kind = ERR_CORRUPT,
				     .text = "the row cannot be read from the disk" });
}

static void
end_alone(struct writer *w, struct store_op *op, const struct err *e)
{
	if (is_unreadable(w, e))
		end_unreadable(w, op, e);
	else
		fail_for_good(w, op, e);
}

/* How many to try next, of n that failed together: none that is not the bad one alone. */
static size_t
part(const struct writer *w, struct store_op **ops, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (ops[i] == w->blamed)
			return i;
	return 1;
}

/* Those before the bad one, it alone, and then the others: one sync for each part. */
static void
batch_in_parts(struct writer *w)
{
	struct ops *b = &w->batch;
	bool is_known = w->blamed != NULL; /* if not, each runs alone */
	size_t i = 0, n = part(w, b->at, b->n);
	struct err e;

	while (i < b->n) {
		if (transact(w, b->at + i, n, &e) == 0) {
			i += n;
			n = is_known ? b->n - i : 1;
		} else if (is_environment(w, &e)) {
			/* The rest of the batch, in its order. */
			memmove(b->at, b->at + i, (b->n - i) * sizeof(b->at[0]));
			b->n -= i;
			batch_without_room(w, &e);
			return;
		} else if (n == 1) {
			end_alone(w, b->at[i++], &e);
			n = is_known ? b->n - i : 1;
		} else {
			is_known = w->blamed != NULL;
			n = part(w, b->at + i, n);
		}
	}
	b->n = 0;
}

/* The view comes before the answers: who hears an answer finds the account up to date. */
void
batch_publish(struct writer *w)
{
	struct completion *chain = NULL, **end = &chain;

	if (w->is_view_stale)
		view_publish(w, &end);
	*end = w->answers;
	w->answers = NULL;
	w->answers_end = &w->answers;
	completions_post(&w->spool->completions, chain);
}

void
batch_run(struct writer *w)
{
	struct ops *b = &w->batch;
	bool has_acceptance = (ops_flags(b->at, b->n) & OP_ACCEPTANCE) != 0;
	struct err e;

	if (b->n > 0) {
		if (w->db.sql == NULL)
			writer_open(w, NULL);
		if (!log_is_sound(w)) {
			batch_without_log(w);
		} else if (transact(w, b->at, b->n, &e) == 0) {
			b->n = 0;
			if (w->is_troubled && w->is_full)
				writer_trouble(w, NULL);
		} else if (is_environment(w, &e)) {
			batch_without_room(w, &e);
		} else if (b->n == 1) {
			b->n = 0;
			end_alone(w, b->at[0], &e);
		} else {
			batch_in_parts(w);
		}
		upkeep_oldest(w);
		w->is_view_stale = true;
	}
	if (has_acceptance)
		fault_crash("store.before-answer");
	batch_publish(w);
}

/* -- a sync of its own -- */

static int
sync_apply(struct writer *w, struct store_op *op, struct err *e)
{
	(void)op;
	return row_meta_set(w, "synced", mono_now_ms(), e);
}

static const struct op_kind sync_kind = { .name = "sync",
					  .flags = OP_SYNCED,
					  .apply = sync_apply };

int
batch_sync(struct writer *w, struct err *e)
{
	struct store_op *op = calloc(1, sizeof(*op));

	if (op == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a batch");
	op_init(op, &sync_kind, w->spool);
	if (!log_is_sound(w) || (w->db.sql == NULL && writer_open(w, e) != 0)) {
		w->probed_at = mono_now_ms();
		free(op);
		return w->is_log_broken ? err_set(e, ERR_IO, 0, "%s", w->trouble) : -1;
	}
	if (transact(w, &op, 1, e) != 0 &&
	    (e->kind != ERR_SPACE || transact_with_ballast(w, &op, 1, e) != 0)) {
		free(op);
		after_environment(w, e);
		return -1;
	}
	if (w->is_troubled)
		writer_trouble(w, NULL);
	w->is_view_stale = true;
	return 0;
}

/*
 * batch.c - group commit: everything that waits is one transaction, one sync, and many
 * answers.
 *
 * When a transaction fails for a reason of one operation, each runs in a transaction of
 * its own, so that only the bad one fails. When the disk is the reason, acceptances fail
 * at once (their mail server keeps the mail), and outcomes and changes of ours stay and
 * are tried again.
 */
#include "store/state.h"

#include "tdc/base/counter.h"
#include "tdc/base/fault.h"

#include <stdlib.h>

/* A row that cannot be changed is corrupt; nothing else stops for it. */
static void
fail_for_good(struct writer *w, struct store_op *op, const struct err *e)
{
	if (op->kind->flags & OP_ROW)
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

/* Not the operation's fault: the same one may succeed when the disk is well again. */
static bool
is_environment(const struct err *e)
{
	return err_kind_is_temporary(e->kind);
}

static void
after_environment(struct writer *w, const struct err *e)
{
	if (e->kind == ERR_SPACE)
		space_check(w->spool);
	log_failed(w, e);
}

/* Acceptances fail; the rest stays in the batch. */
static void
fail_acceptances(struct writer *w, const struct err *e)
{
	struct ops *b = &w->batch;
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (b->at[i]->kind->flags & OP_KEPT)
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
	fail_acceptances(w, &e);
	for (size_t i = 0; i < w->batch.n; i++)
		ops_keep(w, &w->kept, w->batch.at[i]);
	w->batch.n = 0;
}

enum { SETBACKS_TOGETHER = 8 };

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

/*
 * Acceptances fail; the rest gets one more chance now, with the reserve if it must be, or
 * waits.
 */
static void
batch_without_room(struct writer *w, struct err *e)
{
	struct ops *b = &w->batch;

	after_environment(w, e);
	fail_acceptances(w, e);
	if (w->is_log_broken) {
		batch_without_log(w);
		return;
	}
	size_t n = b->n;
	b->n = 0;
	if (n == 0 || transact(w, b->at, n, e) == 0)
		return;
	if (e->kind == ERR_SPACE) {
		/*
		 * The log's file has its blocks already. Once what is in it was copied to
		 * the database - the ballast has room for that - it begins anew, and
		 * outcomes need no more of the disk.
		 */
		ballast_release(w);
		checkpoint_passive(w);
		if (log_is_sound(w) && transact(w, b->at, n, e) == 0)
			return;
	}
	after_environment(w, e);
	/*
	 * It may be one row after all that the database chokes on: now and then each has
	 * its own chance.
	 */
	bool is_alone = ++w->setbacks % SETBACKS_TOGETHER == 0;
	for (size_t i = 0; i < n; i++)
		if (!is_alone || w->is_log_broken || transact_alone(w, b->at[i], e) != 0)
			ops_keep(w, &w->kept, b->at[i]);
}

static void
batch_one_by_one(struct writer *w)
{
	struct ops *b = &w->batch;
	struct err e;

	for (size_t i = 0; i < b->n; i++) {
		if (transact(w, &b->at[i], 1, &e) == 0)
			continue;
		if (is_environment(&e)) {
			/* The rest of the batch, in its order. */
			memmove(b->at, b->at + i, (b->n - i) * sizeof(b->at[0]));
			b->n -= i;
			batch_without_room(w, &e);
			return;
		}
		fail_for_good(w, b->at[i], &e);
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
		} else if (is_environment(&e)) {
			batch_without_room(w, &e);
		} else if (b->n == 1) {
			fail_for_good(w, b->at[0], &e);
			b->n = 0;
		} else {
			batch_one_by_one(w);
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
	if (transact(w, &op, 1, e) != 0) {
		free(op);
		after_environment(w, e);
		return -1;
	}
	if (w->is_troubled)
		writer_trouble(w, NULL);
	w->is_view_stale = true;
	return 0;
}

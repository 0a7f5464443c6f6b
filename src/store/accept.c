/*
 * accept.c - the commit point.
 *
 * A message becomes ours in one instant: when the transaction that holds its rows is on
 * disk. Before it come the bytes. Those of a small body are a column of its row and need
 * nothing more; those of a middle one have been appended to a segment and synced by the
 * segment thread; those of a large one have been written and synced, with their
 * directory, by a body worker. Only then does the operation reach this file, so a
 * committed row never names bytes that a power cut could take away.
 *
 * The store thread makes one transaction of everything that waits - other acceptances,
 * outcomes, changes - and commits it with synchronous=FULL. One write of the log, one
 * sync, and every operation in it is answered. If the commit fails, nothing is kept: the
 * rows are rolled back, bytes that are already in a segment become dead weight there, a
 * file is removed, and the caller hears a temporary error.
 *
 * The answer travels to the loop, which hands the fresh journals to the consumer and then
 * calls `done`. Only from there may anybody say 250.
 */
#include "store/accept.h"

#include "store/pack.h"
#include "store/state.h"

#include "tdc/base/check.h"
#include "tdc/base/cleanup.h"
#include "tdc/base/counter.h"

static void
bind_place(sqlite3_stmt *st, const struct spool_commit *c)
{
	const struct body_place_data *at = &c->body->at;

	db_bind_text(st, 6, body_place_name(at->place));
	if (at->place == BODY_INLINE)
		db_bind_blob(st, 10, c->draft->p, c->draft->size);
	if (at->place == BODY_SEGMENT) {
		db_bind_int(st, 7, (int64_t)at->segment);
		db_bind_int(st, 8, (int64_t)at->offset);
	}
	if (at->place == BODY_FILE)
		db_bind_blob(st, 9, at->file.b, UID_BYTES);
}

static int
insert_body(struct writer *w, struct spool_commit *c, struct err *e)
{
	const struct body_facts *facts = &c->body->facts;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_BODY_INSERT, e);

	if (st == NULL)
		return -1;
	db_bind_blob(st, 1, facts->sha256, sizeof(facts->sha256));
	db_bind_int(st, 2, (int64_t)facts->size);
	db_bind_int(st, 3, facts->facts);
	db_bind_int(st, 4, (int64_t)facts->header_size);
	db_bind_int(st, 5, facts->longest_line);
	bind_place(st, c);
	/*
	 * The message's number, which is never given again: no row that was lost can find
	 * another's bytes.
	 */
	c->body->id = (int64_t)c->message->mid;
	db_bind_int(st, 11, c->body->id);
	db_bind_blob(st, 12, facts->checksum, sizeof(facts->checksum));
	if (db_run(&w->db, st, e) != 0)
		return -1;
	const struct body_place_data *at = &c->body->at;
	if (at->place == BODY_FILE)
		w->pending.file_bytes += (int64_t)facts->size;
	if (at->place != BODY_SEGMENT)
		return 0;
	return pending_segment(w, at->segment, (int64_t)facts->size,
			       at->offset + facts->size, e);
}

static unsigned
message_flags(const struct spool_message *m)
{
	return (m->is_smtputf8 ? 1u : 0) | (m->is_binarymime ? 2u : 0) |
	       (m->is_8bitmime ? 4u : 0) | (m->is_requiretls ? 8u : 0);
}

static int
insert_message(struct writer *w, struct spool_commit *c, struct err *e)
{
	const struct spool_message *m = c->message;
	const char *const texts[] = { m->listener,       m->client_address,
				      m->client_name,    m->helo,
				      m->protocol,       m->queue_id,
				      m->forward_source, m->subject,
				      m->message_id,     m->header_from };

	buf_clear(&w->scratch);
	if (pack_recipients(m, &w->scratch) != 0)
		return err_set(e, ERR_MEMORY, 0, "no memory for the recipients");
	const char *recipients = buf_text(&w->scratch);
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_MESSAGE_INSERT, e);
	if (recipients == NULL || st == NULL)
		return recipients == NULL ? err_set(e, ERR_MEMORY, 0, "no memory") : -1;
	db_bind_int(st, 1, (int64_t)m->mid);
	db_bind_int(st, 2, c->body->id);
	db_bind_text(st, 3, message_source_name(m->source));
	db_bind_int(st, 4, m->accepted_at);
	db_bind_text(st, 5, m->sender == NULL ? "" : m->sender);
	db_bind_text(st, 6, recipients);
	db_bind_text(st, 7, m->envid);
	db_bind_int(st, 8, (int64_t)m->icid);
	for (int i = 0; i < 10; i++)
		db_bind_text(st, 9 + i, texts[i]);
	db_bind_int(st, 19, message_flags(m));
	db_bind_text(st, 20, message_ret_name(m->ret));
	return db_run(&w->db, st, e);
}

static int
insert_journal(struct writer *w, const struct spool_commit *c,
	       const struct spool_journal *j, struct err *e)
{
	int64_t policy;

	if (pending_policy(w, j->policy, &policy, e) != 0)
		return -1;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_JOURNAL_INSERT, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)j->mid);
	db_bind_blob(st, 2, j->uid.b, UID_BYTES);
	db_bind_int(st, 3, (int64_t)c->message->mid);
	db_bind_text(st, 4, journal_kind_name(j->kind));
	db_bind_int(st, 5, policy);
	db_bind_int(st, 6, j->created_at);
	db_bind_text(st, 7, j->rids);
	if (db_run(&w->db, st, e) != 0)
		return -1;
	pending_state(w, JOURNAL_WAITING, policy, 1);
	return 0;
}

static int
accept_apply(struct writer *w, struct store_op *op, struct err *e)
{
	struct spool_commit *c = (struct spool_commit *)op;

	if (c->n_journals > 0 &&
	    (insert_body(w, c, e) != 0 || insert_message(w, c, e) != 0))
		return -1;
	for (size_t i = 0; i < c->n_journals; i++)
		if (insert_journal(w, c, c->journals[i], e) != 0)
			return -1;
	pending_term(w, TERM_MESSAGES, 1);
	pending_term(w, TERM_CREATED + c->message->source, (int64_t)c->n_plans);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		if (c->dropped[i] > 0)
			pending_term(w, TERM_DROPPED + i, c->dropped[i]);
	return 0;
}

static void
accept_settled(struct writer *w, struct store_op *op)
{
	(void)w;
	(void)op;
	counter_add(COUNTER_COMMITTED_MESSAGES, 1);
}

/* The fresh journals go to whoever delivers, with the body still in memory. */
static void
hand_over(struct spool *sp, struct spool_commit *c)
{
	for (size_t i = 0; i < c->n_journals; i++) {
		struct spool_journal *j = TAKE_PTR(c->journals[i]);
		if (sp->on_accepted != NULL) {
			j->message = spool_message_ref(c->message);
			j->body = spool_body_ref(c->body);
			sp->on_accepted(sp->on_accepted_arg, j);
		} else {
			spool_journal_free(j);
		}
	}
}

static void
accept_answer(struct store_op *op)
{
	struct spool_commit *c = (struct spool_commit *)op;
	struct spool *sp = op->spool;
	bool is_done = op->error.kind == ERR_NONE;

	if (is_done && c->n_journals > 0) {
		if (c->body->at.place != BODY_FILE && c->draft != NULL) {
			c->body->data = draft_take_data(c->draft);
			c->body->pins++; /* not to be dropped before it is handed over */
			if (c->body->data != NULL)
				hot_add(&sp->hot, c->body);
			hand_over(sp, c);
			c->body->pins--;
			hot_set_max(&sp->hot, sp->hot.max);
		} else {
			hand_over(sp, c);
		}
		if (c->draft != NULL)
			c->draft->is_file = false; /* its file is the body's now */
	}
	/* Whatever went wrong is our trouble: the mail is never refused for it. */
	if (!is_done && !err_is_temporary(&op->error) && op->error.kind != ERR_SIZE)
		op->error.kind = ERR_IO;
	if (c->done != NULL)
		c->done(c->arg, is_done ? NULL : &op->error);
	for (size_t i = 0; i < c->n_journals; i++)
		spool_journal_free(c->journals[i]);
	spool_body_unref(c->body);
	spool_message_unref(c->message);
	if (c->draft != NULL) {
		c->draft->commit = NULL;
		c->draft->is_committing = false;
		spool_draft_free(c->draft);
	}
	free(c);
}

const struct op_kind accept_kind = {
	.name = "accept",
	.flags = OP_SYNCED | OP_ACCEPTANCE,
	.apply = accept_apply,
	.settled = accept_settled,
	.answer = accept_answer,
};

/* -- the call -- */

static struct spool_journal *
journal_new(const struct spool_plan *plan, struct uid_source *uids, int64_t now,
	    struct err *e)
{
	struct spool_journal *j = calloc(1, sizeof(*j));

	if (j == NULL || spool_message_set(&j->policy, span_of(plan->policy)) != 0 ||
	    (plan->rids != NULL &&
	     spool_message_set(&j->rids, span_of(plan->rids)) != 0)) {
		err_set(e, ERR_MEMORY, 0, "no memory for a journal");
		spool_journal_free(j);
		return NULL;
	}
	if (uid_next(uids, now, &j->uid, e) != 0) {
		spool_journal_free(j);
		return NULL;
	}
	j->mid = plan->mid;
	j->kind = plan->kind;
	j->created_at = now;
	return j;
}

static int
make_journals(struct spool_commit *c, const struct spool_plan *plans, size_t n,
	      struct err *e)
{
	int64_t now = loop_wall_ms(c->op.spool->loop);

	for (size_t i = 0; i < n; i++) {
		if (plans[i].drop != DROP_NONE) {
			c->dropped[plans[i].drop]++;
			continue;
		}
		struct spool_journal *j =
			journal_new(&plans[i], &c->op.spool->uids, now, e);
		if (j == NULL)
			return -1;
		c->journals[c->n_journals++] = j;
	}
	if (c->n_journals == 0)
		return 0;
	c->body = body_new();
	return c->body != NULL ? 0 : err_set(e, ERR_MEMORY, 0, "no memory for a body");
}

/* By whose hands the bytes become durable. */
static void
submit(struct spool_commit *c)
{
	struct spool *sp = c->op.spool;
	struct spool_draft *d = c->draft;

	if (c->op.has_failed || c->n_journals == 0) {
		op_submit(&c->op);
	} else if (d->is_file) {
		c->body->at =
			(struct body_place_data){ .place = BODY_FILE, .file = d->file };
		draft_finish(d);
	} else if (d->size > sp->limits.inline_max) {
		c->body->at.place = BODY_SEGMENT;
		segments_submit(&sp->segments, &c->op);
	} else {
		op_submit(&c->op);
	}
}

struct spool_commit *
spool_commit(struct spool_draft *d, struct spool_message *m,
	     const struct body_facts *facts, const struct spool_plan *plans,
	     size_t n_plans, spool_done_fn *done, void *arg)
{
	struct spool_commit *c = d->commit;

	check(n_plans > 0 && n_plans <= SPOOL_PLANS_MAX && !d->is_committing);
	d->is_committing = true;
	draft_ends(d);
	c->message = spool_message_ref(m);
	c->n_plans = n_plans;
	c->done = done;
	c->arg = arg;
	c->op.error = d->error;
	if (d->error.kind == ERR_NONE) {
		check(facts->size == d->size);
		make_journals(c, plans, n_plans, &c->op.error);
	}
	c->op.has_failed = c->op.error.kind != ERR_NONE;
	if (c->body != NULL)
		c->body->facts = *facts;
	submit(c);
	return c;
}

void
spool_commit_forget(struct spool_commit *c)
{
	c->done = NULL;
}

/*
 * ops.c - what becomes of a request to the store thread: it is kept for a later batch, or
 * answered, once.
 */
#include "store/state.h"

#include <stdlib.h>

int
ops_add(struct ops *o, struct store_op *op)
{
	if (o->n == o->cap) {
		size_t cap = o->cap == 0 ? 64 : o->cap * 2;
		struct store_op **grown = realloc(o->at, cap * sizeof(struct store_op *));
		if (grown == NULL)
			return -1;
		o->at = grown;
		o->cap = cap;
	}
	o->at[o->n++] = op;
	return 0;
}

void
op_init(struct store_op *op, const struct op_kind *kind, struct spool *sp)
{
	op->kind = kind;
	op->spool = sp;
}

void
op_submit(struct store_op *op)
{
	work_queue_push(op->spool->writer.queue, &op->job);
}

void
op_submit_chain(struct spool *sp, struct work_job *first)
{
	work_queue_push_chain(sp->writer.queue, first);
}

void
op_submit_patiently(struct store_op *op)
{
	work_queue_push_patiently(op->spool->writer.queue, &op->job);
}

unsigned
ops_flags(struct store_op **ops, size_t n)
{
	unsigned flags = 0;
	for (size_t i = 0; i < n; i++)
		flags |= ops[i]->kind->flags;
	return flags;
}

/* -- answers -- */

static void
op_answered(struct completion *c)
{
	struct store_op *op =
		(struct store_op *)((char *)c - offsetof(struct store_op, completion));
	op->kind->answer(op);
}

void
op_answer(struct writer *w, struct store_op *op)
{
	if (op->kind->answer == NULL) {
		free(op);
		return;
	}
	op->completion = (struct completion){ .run = op_answered };
	*w->answers_end = &op->completion;
	w->answers_end = &op->completion.next;
}

void
op_fail(struct writer *w, struct store_op *op, const struct err *e)
{
	if (op->kind->flags & OP_OUTCOME)
		w->outcomes++;
	op->error = *e;
	op->has_more = false;
	op->unreadable_since = 0;
	if (op->kind->failed != NULL)
		op->kind->failed(w, op);
	op_answer(w, op);
}

void
ops_keep(struct writer *w, struct ops *list, struct store_op *op)
{
	if (ops_add(list, op) != 0)
		op_fail(w, op,
			&(struct err){ .kind = ERR_MEMORY,
				       .text = "no memory for a batch" });
}

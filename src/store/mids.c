/*
 * mids.c - MIDs are given from blocks that are reserved in the database: none is ever
 * given twice.
 */
#include "store/state.h"

#include <stdlib.h>

struct reserve {
	struct store_op op;
	uint64_t upto;
};

static int
reserve_apply(struct writer *w, struct store_op *op, struct err *e)
{
	return row_meta_set(w, "mid_reserved", (int64_t)((struct reserve *)op)->upto, e);
}

static void
reserve_answer(struct store_op *op)
{
	struct reserve *r = (struct reserve *)op;

	op->spool->is_reserving_mids = false;
	if (op->error.kind == ERR_NONE && r->upto > op->spool->mid_limit)
		op->spool->mid_limit = r->upto;
	free(r);
}

static const struct op_kind reserve_kind = {
	.name = "reserve mids",
	.flags = OP_SYNCED | OP_KEPT,
	.apply = reserve_apply,
	.answer = reserve_answer,
};

/*
 * The next block is asked for when one block is left, long before the last MID of it is
 * given. Should a flood be faster than the disk, the numbers go on: an acceptance of one
 * beyond the reservation could only follow the reservation in the same queue, so what is
 * committed is never given again.
 */
uint64_t
spool_next_mid(struct spool *sp)
{
	uint64_t mid = ++sp->next_mid;

	if (mid + MID_BLOCK > sp->mid_limit && !sp->is_reserving_mids) {
		struct reserve *r = calloc(1, sizeof(*r));
		if (r != NULL) {
			sp->is_reserving_mids = true;
			op_init(&r->op, &reserve_kind, sp);
			r->upto = mid + 2 * MID_BLOCK;
			op_submit(&r->op);
		}
	}
	return mid;
}

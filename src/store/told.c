/*
 * told.c - how many quarantined journals were reported: what is new is what was not, also
 * at the next start.
 */
#include "store/state.h"

#include <stdlib.h>

struct told {
	struct store_op op;
	uint64_t n;
};

static int
told_apply(struct writer *w, struct store_op *op, struct err *e)
{
	return row_meta_set(w, "quarantined", (int64_t)((struct told *)op)->n, e);
}

static const struct op_kind told_kind = { .name = "told", .apply = told_apply };

void
spool_quarantine_told(struct spool *sp, uint64_t n)
{
	struct told *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return; /* it is told once more */
	op_init(&t->op, &told_kind, sp);
	t->n = n;
	op_submit(&t->op);
}

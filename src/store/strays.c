/*
 * strays.c - journals that wait for a policy that is not there: nobody would ever ask for
 * them. They are quarantined, so that they are seen.
 */
#include "store/policies.h"
#include "store/state.h"

#include "tdc/base/cleanup.h"
#include "tdc/base/counter.h"

#include <stdlib.h>

enum { STRAY_ROWS = 500 }; /* per step */

struct strays {
	struct store_op op;
	int64_t *policies;
	size_t n, cap;
	size_t at, next; /* of policies: committed, and as of this step */
	unsigned done;   /* in this step                                */
	uint64_t failed_mid;
};

/* Of one policy, those that can be changed. */
static int
look(struct writer *w, int64_t policy, uint64_t *mids, size_t *n, struct err *e)
{
	struct refused *refused = &w->spool->refused;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_STRAYS, e);
	int r = 0;

	*n = 0;
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, policy);
	db_bind_int(st, 2, STRAY_ROWS + (int64_t)refused_count(refused));
	while (*n < STRAY_ROWS && (r = db_step(&w->db, st, e)) == 1) {
		uint64_t mid = (uint64_t)sqlite3_column_int64(st, 0);
		if (!refused_has(refused, mid))
			mids[(*n)++] = mid;
	}
	return r < 0 ? -1 : 0;
}

static int
set_aside(struct writer *w, struct strays *s, uint64_t mid, struct err *e)
{
	bool is_done = false;

	if (row_quarantine(w, mid, "corrupt", &is_done, e) != 0) {
		s->failed_mid = mid;
		return -1;
	}
	s->done += is_done;
	if (!is_done) /* it does not wait: so says the index alone */
		refused_add(&w->spool->refused, mid);
	return 0;
}

static int
strays_apply(struct writer *w, struct store_op *op, struct err *e)
{
	struct strays *s = (struct strays *)op;
	uint64_t mids[STRAY_ROWS];
	size_t n;

	s->failed_mid = 0;
	s->done = 0;
	s->next = s->at;
	while (s->done < STRAY_ROWS && s->next < s->n) {
		if (look(w, s->policies[s->next], mids, &n, e) != 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (set_aside(w, s, mids[i], e) != 0)
				return -1;
		if (n < STRAY_ROWS)
			s->next++;
	}
	op->has_more = s->next < s->n;
	return 0;
}

static void
strays_settled(struct writer *w, struct store_op *op)
{
	struct strays *s = (struct strays *)op;

	(void)w;
	s->at = s->next;
	counter_add(COUNTER_QUARANTINED, s->done);
}

/* A row that cannot be changed is left out; those behind it are not. */
static void
strays_failed(struct writer *w, struct store_op *op)
{
	struct strays *s = (struct strays *)op;

	if (err_is_temporary(&op->error))
		s->failed_mid = 0;
	else if (s->failed_mid != 0)
		refused_add(&w->spool->refused, s->failed_mid);
}

static void
strays_answer(struct store_op *op)
{
	struct strays *s = (struct strays *)op;

	if (s->failed_mid != 0 && !atomic_load(&op->spool->writer.is_stopping)) {
		op->error.kind = ERR_NONE;
		op_submit(op);
		return;
	}
	strays_free(s);
}

static const struct op_kind strays_kind = {
	.name = "strays",
	.flags = OP_KEPT,
	.apply = strays_apply,
	.settled = strays_settled,
	.failed = strays_failed,
	.answer = strays_answer,
};

int
strays_add(struct spool *sp, int64_t policy, struct err *e)
{
	struct strays *s = sp->strays;

	if (s == NULL && (s = calloc(1, sizeof(*s))) != NULL)
		op_init(&s->op, &strays_kind, sp);
	sp->strays = s;
	if (s != NULL && s->n == s->cap) {
		size_t cap = s->cap == 0 ? 16 : s->cap * 2;
		int64_t *grown = realloc(s->policies, cap * sizeof(*grown));
		if (grown == NULL)
			return err_set(e, ERR_MEMORY, 0, "no memory for policies");
		s->policies = grown;
		s->cap = cap;
	}
	if (s == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for policies");
	s->policies[s->n++] = policy;
	return 0;
}

void
strays_submit(struct spool *sp)
{
	struct strays *s = sp->strays;

	sp->strays = NULL;
	if (s != NULL)
		op_submit(&s->op);
}

void
strays_free(struct strays *s)
{
	if (s == NULL)
		return;
	free(s->policies);
	free(s);
}

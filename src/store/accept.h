/*
 * accept.h - the operation that makes a message ours.
 */
#ifndef TDC_STORE_ACCEPT_H
#define TDC_STORE_ACCEPT_H

#include "store/draft.h"
#include "store/op.h"

struct spool_commit {
	struct store_op op;
	struct spool_draft *draft; /* its bytes are borrowed until the answer */
	struct spool_message *message;
	struct spool_body *body;
	struct spool_journal *journals[SPOOL_PLANS_MAX];
	size_t n_journals, n_plans;
	unsigned dropped[DROP_REASON_COUNT];
	spool_done_fn *done; /* NULL: forgotten */
	void *arg;
};
extern const struct op_kind accept_kind;

#endif

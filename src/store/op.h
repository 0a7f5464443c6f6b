/*
 * op.h - one request to the store thread: applied in its batch, then answered on the
 * loop.
 *
 * The batch calls `apply` once or more (a transaction that is rolled back is tried again
 * in another shape): it starts from nothing each time. After the commit `settled` runs on
 * the store thread (`failed` when it is given up); then the op goes to the loop, which frees it - or, without `answer`,
 * is freed on the store thread.
 */
#ifndef TDC_STORE_OP_H
#define TDC_STORE_OP_H

#include "tdc/base/err.h"
#include "tdc/loop/work.h"

#include <stdbool.h>

struct spool;
struct writer;
struct store_op;

enum op_flags {
	OP_SYNCED = 1, /* its batch is forced to disk                                  */
	OP_KEPT = 2, /* tried again while the disk refuses; cannot fail for its caller */
	OP_ACCEPTANCE =
		4,      /* passes the crash points of acceptance                        */
	OP_OUTCOME = 8, /* passes the crash points of outcomes                          */
	OP_ROW = 16,    /* of one row, which is corrupt when it cannot be changed */
	OP_SEGMENT =
		32, /* moves bodies, or ends a segment: overtakes none of its kind   */
};

struct op_kind {
	const char *name;
	unsigned flags;
	int (*apply)(struct writer *w, struct store_op *op, struct err *e);
	void (*settled)(struct writer *w, struct store_op *op); /* may be NULL */
	/* Will not be tried again; op->error says why. May be NULL. */
	void (*failed)(struct writer *w, struct store_op *op);
	void (*answer)(struct store_op *op); /* loop thread, frees; NULL: no answer   */
};

/* What waits for the loop; see completion.h. */
struct completion {
	struct completion *next;
	void (*run)(struct completion *c);
};

struct store_op { /* first member of its request */
	struct work_job job;
	struct completion completion;
	const struct op_kind *kind;
	struct spool *spool;
	struct err error; /* kind ERR_NONE: done          */
	bool has_failed;  /* already, before the store thread */
	bool has_more;    /* set by apply: another step follows in a later batch */
	int64_t unreadable_since; /* ms; a page that it needs. 0: it is not */
};

void op_init(struct store_op *op, const struct op_kind *kind, struct spool *sp);
void op_submit(struct store_op *op); /* to the store thread; any thread */
/* A chain linked by job.next, for one batch. */
void op_submit_chain(struct spool *sp, struct work_job *first);
/* For what nobody waits for: it rides with what comes next, or goes within milliseconds. */
void op_submit_patiently(struct store_op *op);

#endif

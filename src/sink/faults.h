/*
 * faults.h - what shall go wrong, where, and how often.
 *
 * A fault is one line of text, the same on the command line and on the control socket:
 *
 *	reply STAGE=CODE[ text]     drop STAGE     delay STAGE=ms     duplicate-reply STAGE
 *	late-reply STAGE
 *
 * each with an optional "@every N" or "@first N" at its end.
 */
#ifndef TDC_SINK_FAULTS_H
#define TDC_SINK_FAULTS_H

#include "tdc/base/err.h"
#include "tdc/base/list.h"

#include <stdint.h>

#define SINK_STAGES(X)                                                                   \
	X(GREETING, "greeting")                                                          \
	X(EHLO, "ehlo")                                                                  \
	X(STARTTLS, "starttls")                                                          \
	X(MAIL, "mail")                                                                  \
	X(RCPT, "rcpt")                                                                  \
	X(DATA, "data")                                                                  \
	X(BDAT, "bdat")                                                                  \
	X(FINAL, "final")                                                                \
	X(QUIT, "quit")                                                                  \
	X(MID_DATA, "mid-data")                                                          \
	X(BEFORE_FINAL, "before-final-reply")                                            \
	X(AFTER_FINAL, "after-final-reply")

enum sink_stage {
#define X(id, name) STAGE_##id,
	SINK_STAGES(X)
#undef X
		STAGE_COUNT
};

enum fault_kind {
	FAULT_REPLY,
	FAULT_DROP,
	FAULT_DELAY,
	FAULT_DUPLICATE,
	FAULT_LATE,
	FAULT_KINDS
};

struct fault {
	struct list_node node;
	enum fault_kind kind;
	enum sink_stage stage;
	uint64_t every, first; /* 0 = not asked for */
	uint64_t passed;       /* how often the place was reached */
	int64_t delay_ms;
	int code;
	char text[200]; /* of a reply, with its code in front */
};

struct faults {
	struct list all;
};

void faults_init(struct faults *f);
void faults_clear(struct faults *f);
/* "reply", "drop", ...: -1 and ERR_SYNTAX for another word or malformed text. */
int faults_add(struct faults *all, const char *kind, const char *text, struct err *e);
/* Counts a passage of every fault at this place; the first whose turn it is, or NULL. */
const struct fault *faults_due(struct faults *all, enum fault_kind kind,
			       enum sink_stage stage);

#endif

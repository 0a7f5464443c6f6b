/*
 * pending.h - what the open transaction changes beside rows: account, policies, segments,
 * removals.
 *
 * Gathered while operations are applied, written once per batch and changed term just
 * before COMMIT, taken over after it, forgotten after a rollback. Store thread only.
 */
#ifndef TDC_STORE_PENDING_H
#define TDC_STORE_PENDING_H

#include "store/account.h"

#include "tdc/base/uid.h"
#include "tdc/loop/work.h"

struct writer;

struct policy_entry { /* names are interned: id for name, and how many rows wait */
	int64_t id;
	char *name;
	int64_t waiting;
	int64_t change;
	int64_t counted; /* at the start */
};

struct segment_change {
	uint64_t id;
	int64_t live;
	uint64_t end;   /* of the bytes that were added; 0 = none */
	bool is_closed; /* by this transaction                    */
};

/* A file to be removed, but only when the transaction that let go of it is on disk. */
struct removal {
	struct work_job job;
	struct removal *next;
	struct spool *spool;
	bool is_segment;
	uint64_t segment;
	struct uid file;
};

struct pending {
	int64_t terms[TERM_COUNT];
	bool has_terms;
	size_t policies_before; /* interned before this transaction */
	bool has_policies;
	struct segment_change *segments;
	size_t n_segments, cap_segments;
	struct removal *removals;
	int64_t file_bytes;
};

void pending_done(struct pending *p);
void pending_begin(struct writer *w);
int pending_write(struct writer *w, struct err *e);
void pending_take_over(struct writer *w); /* committed   */
void pending_forget(struct writer *w);    /* rolled back */

void pending_term(struct writer *w, unsigned term, int64_t n);
/* Also the policy's number of waiting rows. */
void pending_state(struct writer *w, enum journal_state s, int64_t policy, int64_t n);
int pending_segment(struct writer *w, uint64_t id, int64_t live, uint64_t end,
		    struct err *e);
int pending_segment_closed(struct writer *w, uint64_t id, struct err *e);
int pending_remove_file(struct writer *w, const struct uid *file, uint64_t size,
			struct err *e);
int pending_remove_segment(struct writer *w, uint64_t id, struct err *e);
/* The id of a policy; a new name gets its row. */
int pending_policy(struct writer *w, const char *name, int64_t *ret, struct err *e);

#endif

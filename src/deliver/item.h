/*
 * item.h - the scheduler's memory of a journal, and the set of all MIDs that it must not
 * send again.
 *
 * A journal is in memory while it waits in a window or is being sent. Its MID stays in
 * the set after its outcome was recorded, until that outcome is on disk: before, the due
 * queue still shows the row.
 */
#ifndef TDC_DELIVER_ITEM_H
#define TDC_DELIVER_ITEM_H

#include "tdc/base/list.h"
#include "tdc/store/message.h"

#include <stddef.h>
#include <stdint.h>

struct lane;

enum item_state {
	ITEM_WAITING,   /* in a window                                          */
	ITEM_IN_FLIGHT, /* on a connection                                      */
	ITEM_FINISHED,  /* its outcome is recorded, perhaps not yet on disk      */
	ITEM_MARK,      /* somebody changes its row; in a set of its own           */
};

struct item {
	struct list_node node; /* of one of its lane's lists; unlinked while in flight  */
	struct item *hash_next;
	struct lane *lane;
	struct spool_journal *journal; /* owned; NULL when finished, or a mark */
	size_t memory;                 /* that the journal takes */
	size_t *charge; /* where it is added up while there is a journal, or NULL */
	uint64_t mid;
	enum item_state state;
	bool is_old;       /* in which list of its lane it waits             */
	uint64_t dcid;     /* in flight: where                               */
	uint64_t sequence; /* finished: of its outcome; a mark: of the latest fetch before
			      its end */
	unsigned changes;  /* a mark: of its row, under way                     */
	unsigned losses;   /* connections that broke in its content            */
	uint64_t delivered_then; /* by its destination, at the first of these         */
};

struct item_set {
	struct item **slots;
	size_t n_slots, count;
};
void item_set_init(struct item_set *s);
void item_set_done(struct item_set *s); /* the items were freed before */
struct item *item_set_find(const struct item_set *s, uint64_t mid);
/* Takes the journal in every case. NULL: no memory. The MID must not be in the set. */
struct item *item_new(struct item_set *s, struct lane *lane, struct spool_journal *j);
/* Only the MID, to keep it from being sent. */
struct item *item_new_mark(struct item_set *s, struct lane *lane, uint64_t mid);
/* Its memory counts in *charge, which outlives it. */
void item_charge(struct item *i, size_t *charge);
void item_drop_journal(struct item *i);
void item_free(struct item_set *s, struct item *i); /* unlinked from lists before */

#endif

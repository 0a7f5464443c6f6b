/*
 * writer.h - the store thread: the one connection that commits and checkpoints.
 */
#ifndef TDC_STORE_WRITER_H
#define TDC_STORE_WRITER_H

#include "store/db.h"
#include "store/op.h"
#include "store/pending.h"
#include "store/wal_check.h"

#include "tdc/base/buf.h"
#include "tdc/loop/work.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
	WRITER_CACHE_KIB = 4096,
	/* see upkeep_scaled_ms() */
	SYNC_WITHIN_MS = 1000, /* an outcome is on disk after this, at the latest */
	RETRY_MS = 200,        /* kept operations, while the disk refuses */
	CHECKPOINT_BYTES = 4 * 1024 * 1024,
};

struct ops { /* in order */
	struct store_op **at;
	size_t n, cap;
};

struct writer {
	struct spool *spool;
	struct db db;
	struct db_settings settings;
	struct work_queue *queue;
	pthread_t thread;
	bool has_thread;
	_Atomic bool is_stopping;

	/* the batch */
	struct ops batch, kept, again;
	/* whose step failed in the latest transaction; NULL: none's. Only to be compared */
	const struct store_op *blamed;
	unsigned setbacks; /* times that what was kept had to be kept again */
	struct completion *answers, **answers_end;
	struct pending pending;
	struct buf scratch; /* packed recipients */

	/* as committed */
	int64_t terms[TERM_COUNT];
	struct policy_entry *policies;
	size_t n_policies, cap_policies;
	int64_t last_policy; /* the highest id of one that was ever given */
	uint64_t outcomes;   /* of spool_record(), done with */
	uint64_t oldest_mid; /* no row up to it waits */
	int64_t oldest_at;
	int64_t oldest_rest_until; /* ms */
	uint64_t database_bytes, segment_bytes, file_bytes;

	/* durability */
	bool is_full; /* PRAGMA synchronous, as it stands */
	uint64_t unsynced;
	int64_t unsynced_since;   /* ms */
	struct removal *removals; /* wait for the next sync */

	/* the write-ahead log */
	int wal_pages;       /* of the log; 0 when a quiet second has copied them all */
	int wal_file_pages;  /* that its file has room for */
	int wal_pages_tried; /* at the latest checkpoint that was not complete */
	bool is_log_full;    /* beyond the limit, and somebody is in the way */
	int64_t log_tried_at;
	bool is_wal_copied; /* all of it is in the database */
	bool is_log_broken; /* a sync failed: nothing is promised in it any more */
	int64_t renewed_at; /* ms, the latest attempt */
	bool has_log_state;
	struct wal_state log_state; /* as committed, before its sync failed */

	/* trouble and upkeep */
	bool has_given_up; /* an outcome was lost at the end: the stop is no clean one */
	bool is_troubled;
	char trouble[ERR_TEXT_MAX];
	int64_t probed_at, upkeep_at;
	int64_t no_compaction_until; /* ms */
	bool is_compacting, is_rotating, has_ballast, has_free_pages;
	bool is_view_stale;
	int64_t longest_commit_us, longest_checkpoint_us;
};

/* -- the thread (writer.c) -- */
int writer_init(struct writer *w, struct spool *sp,
		struct err *e); /* opens and migrates; no thread */
int writer_start(struct writer *w, struct err *e);
void writer_stop(struct writer *w); /* runs what is queued; joins. The queue stays open */
void writer_drain(struct writer *w); /* without the thread: what came after its end */
void writer_done(struct writer *w);  /* the last connection to be closed */
int writer_open(struct writer *w, struct err *e);
void writer_trouble(struct writer *w, const struct err *e); /* NULL: over */
int writer_set_full(struct writer *w, bool is_full, struct err *e);

/* -- requests (ops.c) -- */
int ops_add(struct ops *o, struct store_op *op);
unsigned ops_flags(struct store_op **ops, size_t n); /* of all together */
/*
 * To a later batch; without memory for the list the attempt is lost, and said so.
 */
void ops_keep(struct writer *w, struct ops *list, struct store_op *op);
void op_answer(struct writer *w, struct store_op *op);
void op_fail(struct writer *w, struct store_op *op, const struct err *e);

/* -- one transaction (transact.c) -- */
/*
 * All or nothing, and then they are answered. On failure nothing of it is left in the
 * database or in memory, and the operations are still the caller's.
 */
int transact(struct writer *w, struct store_op **ops, size_t n, struct err *e);

/* -- batches (batch.c) -- */
void batch_collect(struct writer *w, struct work_job *chain);
void batch_run(struct writer *w);
void batch_publish(struct writer *w); /* view and answers to the loop */
void batch_give_up(struct writer *w, struct store_op *op);
/* A small write that is forced to disk, and with it every outcome before it. */
int batch_sync(struct writer *w, struct err *e);

/* -- between batches (upkeep.c, checkpoint.c, ballast.c) -- */
void upkeep(struct writer *w, bool is_idle);
int64_t upkeep_wait_ms(const struct writer *w);
int64_t upkeep_scaled_ms(const struct writer *w, int64_t ms);
void upkeep_oldest(struct writer *w);
void checkpoint(struct writer *w, bool is_idle);
void checkpoint_passive(struct writer *w); /* what can be copied now */
int checkpoint_all(struct writer *w, struct err *e);
/*
 * After an error of the database: says so, and opens it anew when its files may not be as
 * we think they are.
 */
void log_failed(struct writer *w, const struct err *e);
/* True: what is committed now can be promised. */
bool log_is_sound(struct writer *w);
/* Repairs a broken log, and begins it anew. */
int log_renew(struct writer *w, struct err *e);
uint64_t wal_bytes(const struct writer *w);
void ballast_make(struct writer *w);
bool ballast_release(struct writer *w); /* true: there was one */
void
ballast_use(struct writer *w); /* what comes next has its room, and a log begun anew */

/* -- rows (rows.c): within the transaction -- */
int row_state(struct writer *w, uint64_t mid, enum journal_state *state, int64_t *policy,
	      bool *found, struct err *e);
/* A row that waits; others are left. */
int row_quarantine(struct writer *w, uint64_t mid, const char *reason, bool *is_done,
		   struct err *e);
/* The journal, and what nothing refers to any more: message, body, bytes. */
int row_delete(struct writer *w, uint64_t mid, struct err *e);
int row_meta_get(struct db *db, const char *key, int64_t fallback, int64_t *ret,
		 struct err *e);
int row_meta_set(struct writer *w, const char *key, int64_t n, struct err *e);
int row_profile(struct writer *w, const char *text, int64_t *id, struct err *e);

static inline int64_t
mono_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline int64_t
mono_now_ms(void)
{
	return mono_us() / 1000;
}

#endif

/*
 * reader.h - the read-only connection and its thread: due rows, lists, proofs, cold
 * inline bodies.
 *
 * Every request is one short transaction (or several), so that no snapshot keeps the
 * write-ahead log from being reused.
 */
#ifndef TDC_STORE_READER_H
#define TDC_STORE_READER_H

#include "store/db.h"
#include "store/op.h"

#include "tdc/store/spool.h"

#include <pthread.h>

enum { READER_CACHE_KIB = 2048, UNREADABLE_REST_MS = 10 * 60 * 1000 };

struct reader {
	struct spool *spool;
	struct db db;
	struct work_queue *queue;
	pthread_t thread;
	bool has_thread;
	int64_t unreadable_until; /* ms; then it asks for those rows again */
	pthread_mutex_t lock;     /* guards the connection against reader_interrupt() */
};

struct read_op { /* first member of its request */
	struct work_job job;
	struct completion completion;
	struct spool *spool;
	void (*read)(struct reader *r, struct read_op *op); /* reader's thread */
	struct err error;
};

int reader_start(struct reader *r, struct spool *sp, struct err *e);
void reader_stop(struct reader *r);
void reader_interrupt(struct reader *r); /* any thread: breaks off what runs now */
/* Then `read` on the reader's thread, then `answer` on the loop, which frees. */
void reader_submit(struct reader *r, struct read_op *op);

/* Opened anew it can read both ends of the journals: what it could not is the disk's in part. */
bool reader_is_well(struct reader *r);

/* One snapshot for several statements. */
int reader_begin(struct reader *r, struct err *e);
void reader_end(struct reader *r);

/* -- rows to values (load.c): 1 loaded, 0 no such row, -1 with ERR_CORRUPT or worse -- */
enum load_mode {
	LOAD_STRICT,  /* what does not fit is ERR_CORRUPT                          */
	LOAD_LENIENT, /* what is readable; placeholders for the rest, for lists    */
};
int load_journal(struct db *db, uint64_t mid, enum load_mode mode,
		 struct spool_journal **ret, struct err *e);
/* The bytes of an inline body. */
int load_body_data(struct db *db, struct spool_body *b, struct err *e);
/* Where a body is now; a compaction may have moved it. 0 = no such body. */
int load_body_place(struct db *db, int64_t id, struct spool_body *b, struct err *e);

/*
 * A row or body was found corrupt: to the store thread, which sets the state. Any thread.
 */
void quarantine(struct spool *sp, uint64_t mid, const char *reason);

#endif

/*
 * segment.h - append-only files for bodies of middle size, and the one thread that
 * appends.
 *
 * The thread takes every acceptance that waits, writes the bytes with as few calls as it
 * can, syncs once, and hands the operations on to the store thread: bodies are durable
 * before the rows that name them.
 */
#ifndef TDC_STORE_SEGMENT_H
#define TDC_STORE_SEGMENT_H

#include "store/op.h"

#include <pthread.h>
#include <stdint.h>

struct spool_commit;

struct segments {
	struct spool *spool;
	struct work_queue *queue; /* of store_op.job */
	pthread_t thread;
	bool has_thread;
	/* the thread's own */
	int fd; /* of the segment that is appended to, or -1 */
	uint64_t id, size;
	uint64_t next_id;
};

int segments_start(struct segments *s, struct spool *sp, uint64_t next_id, struct err *e);
void segments_stop(struct segments *s); /* runs what is queued; joins */
void segments_submit(struct segments *s, struct store_op *op);

/* Bodies that are copied out of a sparse segment. */
enum { COMPACTION_BODIES = 64, COMPACTION_BYTES = 1024 * 1024 };
struct compaction {
	struct store_op op;
	uint64_t from;
	size_t n;
	struct {
		int64_t body;
		uint64_t offset, size;      /* in `from`        */
		uint64_t segment, moved_to; /* filled on the way */
	} bodies[COMPACTION_BODIES];
	bool has_failed; /* nothing was copied */
	bool is_damaged; /* `from` cannot be read: it is left as it is */
};
extern const struct op_kind compaction_kind;

/*
 * The end of a segment: `id` gets no more bytes. id == 0 on its way in: whichever is
 * open.
 */
struct segment_end {
	struct store_op op;
	uint64_t id;
};
extern const struct op_kind segment_end_kind;

/* -- between segment.c and its helpers -- */
int segment_append(struct segments *s, struct spool_commit **c, size_t n, struct err *e);
int segment_sync(struct segments *s, struct err *e);
int segment_room(struct segments *s, struct err *e); /* opens one when none is */
void segment_rotate(struct segments *s);
int segment_write_at(struct segments *s, const void *p, size_t n, struct err *e);
void segment_compact(struct segments *s, struct compaction *c);

#endif

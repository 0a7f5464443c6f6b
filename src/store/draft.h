/*
 * draft.h - a message being written: in memory while it is small, to a file of its own as
 * it grows.
 *
 * Loop thread, but for the writing of chunks, which body workers do (body_file.c).
 */
#ifndef TDC_STORE_DRAFT_H
#define TDC_STORE_DRAFT_H

#include "store/body.h"
#include "store/op.h"

#include "tdc/store/spool.h"

enum {
	DRAFT_CHUNK = 128 * 1024,
	DRAFT_CHUNKS_MAX = 4,   /* handed to workers and not written yet */
	DRAFT_FIRST = 4096,     /* first allocation                      */
	DRAFT_SPILL_MIN = 4096, /* less is not worth a file              */
};

struct spool_draft;

struct draft_chunk {
	struct work_job job;
	struct completion completion;
	struct draft_chunk *next;
	struct spool_draft *draft;
	char *p;
	size_t n, cap;
	uint64_t offset;
	struct err error;
};

struct spool_draft {
	struct spool *spool;
	struct spool_commit
		*commit; /* made with the draft, so that a commit needs no memory */
	char *p;         /* the bytes that no worker has                          */
	size_t n, cap;
	uint64_t size, written; /* all bytes; those handed to workers */
	uint64_t size_hint;
	uint64_t size_max; /* as it was when the draft began */
	struct err error;  /* kind != ERR_NONE: spoiled */

	bool is_file;
	bool is_open; /* a worker has created it: several may write */
	struct uid file;
	int fd;          /* the workers'; the first chunk opens it */
	unsigned chunks; /* with workers        */
	struct draft_chunk *waiting, **waiting_end; /* for a worker */
	size_t n_waiting;

	void (*when_room)(void *arg);
	void *when_room_arg;
	bool is_committing, is_finishing, is_abandoned;
	bool is_ending;      /* counted in spool.n_ending */
	struct work_job job; /* the last sync, or the removal */
	struct completion completion;
};

/* All bytes of a file draft are written: sync, then on to the store thread. */
void
draft_finish(struct spool_draft *d); /* called once; waits for the chunks by itself */
void draft_free_now(struct spool_draft *d);
void draft_ends(struct spool_draft *d); /* its owner has let go of it */
char *
draft_take_data(struct spool_draft *d); /* exactly d->size bytes; the budget is told */

/* -- body_file.c: on a body worker -- */
void body_file_write(struct work_job *job);  /* of a draft_chunk */
void body_file_finish(struct work_job *job); /* of a spool_draft */
void body_file_remove(struct work_job *job); /* of a spool_draft: completes on the loop */

#endif

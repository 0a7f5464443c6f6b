/*
 * blocks.h - memory blocks of one size, a few of which wait for their next use.
 *
 * A stream borrows blocks while bytes are under way and gives them back when it is idle,
 * so that a thousand idle connections cost no buffers and a busy one costs no malloc().
 * One thread.
 */
#ifndef TDC_LOOP_BLOCKS_H
#define TDC_LOOP_BLOCKS_H

#include "tdc/base/buf.h"

#include <stddef.h>

struct block;

struct blocks {
	struct block *first;
	size_t size;       /* of each block */
	unsigned n, n_max; /* waiting, at most */
};

void blocks_init(struct blocks *b, size_t size, unsigned n_max);
void blocks_done(struct blocks *b);
void *blocks_get(struct blocks *b); /* NULL: no memory */
void blocks_put(struct blocks *b, void *p);

/*
 * A place for at least `least` more bytes (or for what the buffer's maximum leaves, if
 * less) at the end of `buffer`, which takes a block when it has no memory of its own. *n
 * = how many; NULL with *n = 0 when the buffer is full or memory failed.
 */
char *blocks_room(struct blocks *b, struct buf *buffer, size_t least, size_t *n);
/* Gives the memory of an empty buffer back; moves a short rest into memory of its own
 * size. */
void blocks_settle(struct blocks *b, struct buf *buffer);
/* Forgets all bytes and gives the memory back. */
void blocks_drop(struct blocks *b, struct buf *buffer);

#endif

/*
 * blocks.c - see blocks.h.
 */
#include "loop/blocks.h"

#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
};

void
blocks_init(struct blocks *b, size_t size, unsigned n_max)
{
	*b = (struct blocks){ .size = size, .n_max = n_max };
}

void
blocks_done(struct blocks *b)
{
	while (b->first != NULL) {
		struct block *first = b->first;
		b->first = first->next;
		free(first);
	}
	b->n = 0;
}

void *
blocks_get(struct blocks *b)
{
	struct block *first = b->first;
	if (first == NULL)
		return malloc(b->size);
	b->first = first->next;
	b->n--;
	return first;
}

void
blocks_put(struct blocks *b, void *p)
{
	struct block *block = p;
	if (b->n >= b->n_max) {
		free(block);
		return;
	}
	block->next = b->first;
	b->first = block;
	b->n++;
}

/* Frees memory that a buffer had. */
static void
blocks_take_back(struct blocks *b, char *p, size_t cap)
{
	if (p != NULL && cap == b->size)
		blocks_put(b, p);
	else
		free(p);
}

/* Moves the live bytes into a fresh block. */
static int
buffer_enter_block(struct blocks *b, struct buf *buffer)
{
	char *block = blocks_get(b);
	if (block == NULL)
		return -1;
	if (buffer->n > 0)
		memcpy(block, buffer->p + buffer->off, buffer->n);
	blocks_take_back(b, buffer->p, buffer->cap);
	buffer->p = block;
	buffer->off = 0;
	buffer->cap = b->size;
	return 0;
}

char *
blocks_room(struct blocks *b, struct buf *buffer, size_t least, size_t *n)
{
	size_t room = buf_room(buffer);

	*n = 0;
	if (least > room)
		least = room;
	if (least == 0)
		return NULL;
	if (buffer->cap - buffer->off - buffer->n < least &&
	    buffer->n + least <= b->size && buffer->cap < b->size &&
	    buffer_enter_block(b, buffer) != 0)
		return NULL;
	/* A short rest moves to the front, so that the next read can be a long one. */
	bool is_short = buffer->n <= buffer->cap / 4;
	if (buffer->off > 0 &&
	    (is_short || buffer->cap - buffer->off - buffer->n < least)) {
		memmove(buffer->p, buffer->p + buffer->off, buffer->n);
		buffer->off = 0;
	}
	char *place = buf_reserve(buffer, least);
	if (place == NULL) {
		buffer->failed = false;
		return NULL;
	}
	size_t behind = buffer->cap - buffer->off - buffer->n;
	*n = behind < room ? behind : room;
	return place;
}

void
blocks_drop(struct blocks *b, struct buf *buffer)
{
	blocks_take_back(b, buffer->p, buffer->cap);
	buf_init(buffer, buffer->max);
}

void
blocks_settle(struct blocks *b, struct buf *buffer)
{
	if (buffer->n == 0) {
		blocks_drop(b, buffer);
		return;
	}
	if (buffer->n > buffer->cap / 8)
		return;
	char *own = malloc(buffer->n);
	if (own == NULL)
		return;
	memcpy(own, buffer->p + buffer->off, buffer->n);
	blocks_take_back(b, buffer->p, buffer->cap);
	buffer->p = own;
	buffer->off = 0;
	buffer->cap = buffer->n;
}

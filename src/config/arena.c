/*
 * arena.c - chunks in a list, filled from the front; large requests get a chunk of their
 * own.
 */
#include "tdc/config/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_CHUNK = 16 * 1024, ARENA_ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(ARENA_ALIGN) char bytes[];
};

void
arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void
arena_done(struct arena *a)
{
	while (a->chunks != NULL) {
		struct arena_chunk *next = a->chunks->next;
		free(a->chunks);
		a->chunks = next;
	}
	a->failed = false;
}

static struct arena_chunk *
arena_grow(struct arena *a, size_t n)
{
	size_t size = n > ARENA_CHUNK / 4 ? n : ARENA_CHUNK;
	struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);
	if (chunk == NULL)
		return NULL;
	chunk->size = size;
	if (size == n && a->chunks != NULL) {
		/* The current chunk stays in front: it has room left. */
		chunk->next = a->chunks->next;
		a->chunks->next = chunk;
	} else {
		chunk->next = a->chunks;
		a->chunks = chunk;
	}
	return chunk;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	if (n > SIZE_MAX / 2) {
		a->failed = true;
		return NULL;
	}
	n = n == 0 ? ARENA_ALIGN : (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	struct arena_chunk *chunk = a->chunks;
	if (chunk == NULL || chunk->size - chunk->used < n)
		chunk = arena_grow(a, n);
	if (chunk == NULL) {
		a->failed = true;
		return NULL;
	}
	void *p = chunk->bytes + chunk->used;
	chunk->used += n;
	return p;
}

char *
arena_text(struct arena *a, const char *p, size_t n)
{
	char *copy = arena_alloc(a, n + 1);
	if (copy != NULL && n > 0)
		memcpy(copy, p, n);
	return copy;
}

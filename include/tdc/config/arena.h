/*
 * arena.h - memory that is taken piece by piece and given back at once.
 *
 * For trees that never change once built. Allocations are zeroed and aligned for any
 * object. The failure of one is sticky (`failed`), so that a builder may ask once at its
 * end. One owner, any one thread.
 */
#ifndef TDC_CONFIG_ARENA_H
#define TDC_CONFIG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
	bool failed;
};

void arena_init(struct arena *a);
void arena_done(struct arena *a); /* frees all; the struct may be initialised again */

void *arena_alloc(struct arena *a, size_t n); /* zeroed; NULL = no memory */
char *arena_text(struct arena *a, const char *p,
		 size_t n); /* a copy with a NUL behind it */

#endif

/*
 * text_index.h - texts to small numbers: sorted once, then found by bisection.
 *
 * A text that was added twice answers with the lowest of its numbers, or with all of them.
 * Memory is the arena's.
 */
#ifndef POLICY_TEXT_INDEX_H
#define POLICY_TEXT_INDEX_H

#include "tdc/base/span.h"
#include "tdc/config/arena.h"

#include <stddef.h>
#include <stdint.h>

#define TEXT_INDEX_NONE UINT32_MAX

struct text_entry {
	struct span text;
	uint32_t value;
};
struct text_index {
	struct text_entry *entries;
	size_t n, room;
};

/* `text` is borrowed as long as the index lives. -1: no memory (and sticky in the
 * arena). */
int text_index_add(struct text_index *x, struct arena *a, struct span text,
		   uint32_t value);
/* One of these, once, after the last add: keeps the lowest number of each text, or all. */
void text_index_sort(struct text_index *x);
void text_index_sort_all(struct text_index *x);
uint32_t text_index_find(const struct text_index *x, struct span text);
/* All entries of a text, the lowest number first; *n of them. */
const struct text_entry *text_index_range(const struct text_index *x, struct span text,
					  size_t *n);
/* "a.b.c" -> ".b.c" -> ".c" -> empty */
struct span text_index_next_suffix(struct span domain);

/* The domain itself, then ".b.c", ".c" for "a.b.c": the first that is known, which is
 * the longest. */
uint32_t text_index_find_domain(const struct text_index *x, struct span domain);

#endif

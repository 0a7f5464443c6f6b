/*
 * text_index.c - a sorted array of texts.
 */
#include "text_index.h"

#include <stdlib.h>
#include <string.h>

static int
compare_spans(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
	return c != 0 ? c : a.n < b.n ? -1 : a.n > b.n;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct text_entry *x = a, *y = b;
	int c = compare_spans(x->text, y->text);
	return c != 0 ? c : x->value < y->value ? -1 : x->value > y->value;
}

int
text_index_add(struct text_index *x, struct arena *a, struct span text, uint32_t value)
{
	if (x->n == x->room) {
		size_t room = x->room == 0 ? 16 : x->room * 2;
		struct text_entry *entries =
			arena_alloc(a, room * sizeof(struct text_entry));
		if (entries == NULL)
			return -1;
		if (x->n > 0)
			memcpy(entries, x->entries, x->n * sizeof(struct text_entry));
		x->entries = entries;
		x->room = room;
	}
	x->entries[x->n++] = (struct text_entry){ text, value };
	return 0;
}

void
text_index_sort(struct text_index *x)
{
	size_t kept = 0;
	if (x->n < 2)
		return;
	qsort(x->entries, x->n, sizeof(x->entries[0]), compare_entries);
	for (size_t i = 1; i < x->n; i++) {
		if (!span_equal(x->entries[i].text, x->entries[kept].text))
			x->entries[++kept] = x->entries[i];
	}
	x->n = kept + 1;
}

uint32_t
text_index_find(const struct text_index *x, struct span text)
{
	size_t low = 0, high = x->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = compare_spans(x->entries[middle].text, text);
		if (c == 0)
			return x->entries[middle].value;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return TEXT_INDEX_NONE;
}

/* "a.b.c" -> ".b.c" -> ".c" -> empty */
static struct span
next_suffix(struct span s)
{
	size_t skip = s.n > 0 && s.p[0] == '.' ? 1 : 0;
	const char *dot = s.n == skip ? NULL : memchr(s.p + skip, '.', s.n - skip);
	return dot == NULL ? span_make(NULL, 0)
			   : span_make(dot, s.n - (size_t)(dot - s.p));
}

uint32_t
text_index_find_domain(const struct text_index *x, struct span domain)
{
	for (struct span s = domain; s.n > 0; s = next_suffix(s)) {
		uint32_t value = text_index_find(x, s);
		if (value != TEXT_INDEX_NONE)
			return value;
	}
	return TEXT_INDEX_NONE;
}

uint32_t
text_index_lowest_domain(const struct text_index *x, struct span domain)
{
	uint32_t lowest = TEXT_INDEX_NONE;
	for (struct span s = domain; s.n > 0; s = next_suffix(s)) {
		uint32_t value = text_index_find(x, s);
		if (value < lowest)
			lowest = value;
	}
	return lowest;
}

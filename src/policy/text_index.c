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

/* Drops what `is_twin` of the one kept before it. */
static void
sort(struct text_index *x,
     bool (*is_twin)(const struct text_entry *a, const struct text_entry *b))
{
	size_t kept = 0;
	if (x->n < 2)
		return;
	qsort(x->entries, x->n, sizeof(x->entries[0]), compare_entries);
	for (size_t i = 1; i < x->n; i++) {
		if (!is_twin(&x->entries[i], &x->entries[kept]))
			x->entries[++kept] = x->entries[i];
	}
	x->n = kept + 1;
}

static bool
has_same_text(const struct text_entry *a, const struct text_entry *b)
{
	return span_equal(a->text, b->text);
}

static bool
is_same(const struct text_entry *a, const struct text_entry *b)
{
	return a->value == b->value && span_equal(a->text, b->text);
}

void
text_index_sort(struct text_index *x)
{
	sort(x, has_same_text);
}

void
text_index_sort_all(struct text_index *x)
{
	sort(x, is_same);
}

/* The first entry that is not in front of the text. */
static size_t
lower_bound(const struct text_index *x, struct span text)
{
	size_t low = 0, high = x->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_spans(x->entries[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t
text_index_find(const struct text_index *x, struct span text)
{
	size_t i = lower_bound(x, text);
	return i < x->n && span_equal(x->entries[i].text, text) ? x->entries[i].value
								: TEXT_INDEX_NONE;
}

const struct text_entry *
text_index_range(const struct text_index *x, struct span text, size_t *n)
{
	size_t first = lower_bound(x, text), end = first;
	while (end < x->n && span_equal(x->entries[end].text, text))
		end++;
	*n = end - first;
	return x->entries + first;
}

struct span
text_index_next_suffix(struct span domain)
{
	struct span rest = span_skip(domain, domain.n > 0 && domain.p[0] == '.' ? 1 : 0);
	const char *dot = rest.n == 0 ? NULL : memchr(rest.p, '.', rest.n);
	return dot == NULL ? span_make(NULL, 0)
			   : span_make(dot, rest.n - (size_t)(dot - rest.p));
}

uint32_t
text_index_find_domain(const struct text_index *x, struct span domain)
{
	for (struct span s = domain; s.n > 0; s = text_index_next_suffix(s)) {
		uint32_t value = text_index_find(x, s);
		if (value != TEXT_INDEX_NONE)
			return value;
	}
	return TEXT_INDEX_NONE;
}

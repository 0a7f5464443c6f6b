/*
 * suggest.c - "did you mean": the known key nearest to a mistyped one, by edits.
 *
 * One edit for each three letters: what needs more was not mistyped, it is another word.
 */
#include "schema.h"

#include <string.h>

enum { SUGGEST_KEY_MAX = 40 };

static unsigned
smallest(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;
	return ab < c ? ab : c;
}

/* The last two letters of each changed places. */
static bool
is_swap(const char *a, unsigned i, const char *b, unsigned j)
{
	return i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
}

/* Insertions, deletions, changes, and neighbours that changed places. */
static unsigned
edits(const char *a, size_t n, const char *b, size_t m)
{
	unsigned row[3][SUGGEST_KEY_MAX + 1];
	for (unsigned j = 0; j <= m; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned *here = row[i % 3], *above = row[(i + 2) % 3],
			 *before = row[(i + 1) % 3];
		here[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned change = above[j - 1] + (a[i - 1] != b[j - 1]);
			here[j] = smallest(above[j] + 1, here[j - 1] + 1, change);
			if (is_swap(a, i, b, j) && before[j - 2] + 1 < here[j])
				here[j] = before[j - 2] + 1;
		}
	}
	return row[n % 3][m];
}

static const struct schema_row *
nearest_child(const struct schema_row *parent, const char *key, size_t n)
{
	const struct schema_row *best = NULL;
	unsigned best_edits = (unsigned)(n / 3);

	for (const struct schema_row *row = schema_first_child(parent); row != NULL;
	     row = schema_next_sibling(row)) {
		size_t m = strlen(schema_key(row));
		if (m > SUGGEST_KEY_MAX)
			continue;
		unsigned e = edits(key, n, schema_key(row), m);
		if (e < best_edits || (e == best_edits && best == NULL)) {
			best = row;
			best_edits = e;
		}
	}
	return best;
}

bool
schema_suggest(const struct schema_row *parent, const char *key, struct buf *ret)
{
	size_t n = strlen(key);
	if (n == 0 || n > SUGGEST_KEY_MAX)
		return false;
	const struct schema_row *near = nearest_child(parent, key, n);
	if (near != NULL) {
		buf_append_text(ret, schema_key(near));
		return true;
	}
	for (size_t i = 1; i < schema_count; i++) {
		bool is_element = strchr("[{", schema_key(&schema[i])[0]) != NULL;
		if (!is_element && strcmp(schema_key(&schema[i]), key) == 0) {
			buf_append_text(ret, schema[i].path);
			return true;
		}
	}
	return false;
}

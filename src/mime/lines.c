/*
 * lines.c - the hot loops of the scan: one over all bytes, sixteen at a time, and one
 * memchr() a line. Only a chunk with bare CR or LF is walked more slowly.
 */
#include "mime/lines.h"

#include "tdc/base/bytes.h"

#include <string.h>

bool
mime_has_8bit(const char *p, size_t n)
{
	static const uint64_t high_bits = 0x8080808080808080u;
	uint64_t seen = 0, word;

	/* Blocks large enough to be vectorized, small enough to stop early. */
	while (n >= 256) {
		for (size_t i = 0; i < 256; i += 8) {
			memcpy(&word, p + i, 8);
			seen |= word;
		}
		if ((seen & high_bits) != 0)
			return true;
		p += 256;
		n -= 256;
	}
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		seen |= word;
	}
	for (; n > 0; p++, n--)
		seen |= (unsigned char)*p;
	return (seen & high_bits) != 0;
}

struct look {
	bytes_t all, nul, uneven; /* or-ed together */
};

/* BYTES_AT_ONCE, and the one behind them as the last one's partner. */
static inline void
look_at_block(struct look *l, const char *p)
{
	bytes_t b = bytes_load(p), next = bytes_load(p + 1);

	l->all |= b;
	l->nul |= bytes_equal(b, '\0');
	l->uneven |= bytes_equal(b, '\r') ^ bytes_equal(next, '\n');
}

/* The same for a few bytes. */
static struct mime_bytes
look_at_bytes(const char *p, size_t n)
{
	struct mime_bytes l = { 0 };

	for (size_t i = 0; i < n; i++) {
		bool is_cr = p[i] == '\r';
		l.has_8bit = l.has_8bit || (unsigned char)p[i] > 0x7f;
		l.has_nul = l.has_nul || p[i] == '\0';
		if (i + 1 < n && is_cr != (p[i + 1] == '\n'))
			l.is_uneven = true;
	}
	return l;
}

struct mime_bytes
mime_bytes_look(const char *p, size_t n)
{
	const char *last = p + n - 1;
	struct look l = { 0 };

	if (n <= BYTES_AT_ONCE)
		return look_at_bytes(p, n);
	for (; last - p >= BYTES_AT_ONCE; p += BYTES_AT_ONCE)
		look_at_block(&l, p);
	/* What is left, with some bytes for the second time; and the last one. */
	look_at_block(&l, last - BYTES_AT_ONCE);
	struct mime_bytes end = look_at_bytes(last, 1);
	return (struct mime_bytes){ .has_8bit = end.has_8bit || bytes_any(l.all < 0),
				    .has_nul = end.has_nul || bytes_any(l.nul),
				    .is_uneven = bytes_any(l.uneven) };
}

static inline void
note_length(struct mime_lines *l, uint64_t n)
{
	if (n > l->longest)
		l->longest = n;
}

/* Every LF has its CR in front of it, in this chunk. */
static void
feed_even(struct mime_lines *l, const char *p, const char *end)
{
	const char *lf;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		note_length(l, l->line_n + (uint64_t)(lf - p) - 1);
		l->line_n = 0;
		p = lf + 1;
	}
	l->line_n += (uint64_t)(end - p);
	l->is_behind_cr = end[-1] == '\r';
}

static void
feed_uneven(struct mime_lines *l, const char *p, const char *end)
{
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf == NULL ? end : lf;
		const char *cr = memchr(p, '\r', (size_t)(stop - p));
		size_t length = (size_t)(stop - p);

		if (cr != NULL && cr + 1 < stop)
			l->has_bare_cr = true;
		if (length > 0)
			l->is_behind_cr = stop[-1] == '\r';
		l->line_n += length;
		if (lf == NULL)
			return;
		if (l->is_behind_cr) {
			note_length(l, l->line_n - 1);
			l->line_n = 0;
		} else {
			l->has_bare_lf = true;
			l->line_n++;
		}
		l->is_behind_cr = false;
		p = lf + 1;
	}
}

void
mime_lines_feed(struct mime_lines *l, const char *p, size_t n, bool is_uneven)
{
	if (n == 0)
		return;
	if (l->is_behind_cr && *p != '\n')
		l->has_bare_cr = true;
	if (is_uneven || *p == '\n')
		feed_uneven(l, p, p + n);
	else
		feed_even(l, p, p + n);
}

void
mime_lines_finish(struct mime_lines *l)
{
	if (l->is_behind_cr)
		l->has_bare_cr = true;
	l->is_behind_cr = false;
	note_length(l, l->line_n);
}

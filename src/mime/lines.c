/*
 * lines.c - the hot loops of the scan: one memchr() for the LF and one for a CR before
 * it, a line; eight bytes at a time for the eighth bit.
 */
#include "mime/lines.h"

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

static inline void
note_length(struct mime_lines *l, uint64_t n)
{
	if (n > l->longest)
		l->longest = n;
}

void
mime_lines_feed(struct mime_lines *l, const char *p, size_t n)
{
	const char *end = p + n;

	if (n > 0 && l->is_behind_cr && *p != '\n')
		l->has_bare_cr = true;
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
mime_lines_finish(struct mime_lines *l)
{
	if (l->is_behind_cr)
		l->has_bare_cr = true;
	l->is_behind_cr = false;
	note_length(l, l->line_n);
}

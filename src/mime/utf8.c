/*
 * utf8.c - UTF-8, byte by byte; ASCII is passed over eight bytes at a time.
 */
#include "mime/utf8.h"

#include <stdint.h>

/* First bytes, and what must follow: count, and the range of the first follower. */
static const struct lead {
	unsigned char first, last, count, low, high;
} leads[] = {
	{ 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf },
	{ 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f },
	{ 0xee, 0xef, 2, 0x80, 0xbf }, { 0xf0, 0xf0, 3, 0x90, 0xbf },
	{ 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

static void
begin_sequence(struct mime_utf8 *u, unsigned char c)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		if (c < leads[i].first || c > leads[i].last)
			continue;
		u->left = leads[i].count;
		u->low = leads[i].low;
		u->high = leads[i].high;
		return;
	}
	u->is_bad = true;
}

static size_t
ascii_length(const char *p, size_t n)
{
	uint64_t word;
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		memcpy(&word, p + i, 8);
		if ((word & 0x8080808080808080u) != 0)
			break;
	}
	while (i < n && (unsigned char)p[i] < 0x80)
		i++;
	return i;
}

void
mime_utf8_feed(struct mime_utf8 *u, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (u->left == 0) {
			i += ascii_length(p + i, n - i);
			if (i == n)
				return;
			u->has_8bit = true;
		}
		unsigned char c = (unsigned char)p[i];
		if (u->is_bad)
			continue;
		if (u->left == 0) {
			begin_sequence(u, c);
		} else if (c < u->low || c > u->high) {
			u->is_bad = true;
			u->left = 0;
		} else {
			u->left--;
			u->low = 0x80;
			u->high = 0xbf;
		}
	}
}

bool
mime_utf8_finish(struct mime_utf8 *u)
{
	if (u->left > 0)
		u->is_bad = true;
	u->left = 0;
	return !u->is_bad;
}

bool
mime_utf8_is_valid(struct span bytes)
{
	struct mime_utf8 u = { 0 };

	mime_utf8_feed(&u, bytes.p, bytes.n);
	return mime_utf8_finish(&u);
}

size_t
mime_utf8_cut(struct span bytes, size_t max)
{
	if (bytes.n <= max)
		return bytes.n;
	size_t n = max;
	while (n > 0 && ((unsigned char)bytes.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/*
 * utf8.c - is it UTF-8? RFC 3629: no overlong forms, no surrogates, nothing over
 * U+10FFFF.
 */
#include "tdc/smtp/address.h"

/* What may follow a first byte: how many bytes, and the range of the first of them. */
struct sequence {
	unsigned char first, last;
	unsigned char count, low, high;
};

static const struct sequence sequences[] = {
	{ 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf },
	{ 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f },
	{ 0xee, 0xef, 2, 0x80, 0xbf }, { 0xf0, 0xf0, 3, 0x90, 0xbf },
	{ 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

/* Length of the sequence that starts with a byte over 127, 0 when it is not valid. */
static size_t
sequence_length(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		const struct sequence *q = &sequences[i];
		if (p[0] < q->first || p[0] > q->last)
			continue;
		if (n <= q->count || p[1] < q->low || p[1] > q->high)
			return 0;
		for (size_t k = 2; k <= q->count; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return (size_t)q->count + 1;
	}
	return 0;
}

bool
smtp_utf8_is_valid(struct span bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.p;

	for (size_t i = 0; i < bytes.n;) {
		size_t n = p[i] < 0x80 ? 1 : sequence_length(p + i, bytes.n - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

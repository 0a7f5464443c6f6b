/*
 * base64.c - RFC 2045 6.8, streamed in lines of 76 characters (57 bytes).
 */
#include "mime/base64.h"

#include "tdc/mime/text.h"

enum { LINE_BYTES = 57, LINE_CHARACTERS = 76 };

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
mime_base64_write(const unsigned char *p, size_t n, char *to)
{
	char *start = to;

	for (; n >= 3; p += 3, n -= 3, to += 4) {
		unsigned v = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
		to[0] = alphabet[v >> 18];
		to[1] = alphabet[v >> 12 & 63];
		to[2] = alphabet[v >> 6 & 63];
		to[3] = alphabet[v & 63];
	}
	if (n > 0) {
		unsigned v = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0);
		to[0] = alphabet[v >> 18];
		to[1] = alphabet[v >> 12 & 63];
		to[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
		to[3] = '=';
		to += 4;
	}
	return (size_t)(to - start);
}

void
mime_base64_init(struct mime_base64 *b)
{
	*b = (struct mime_base64){ .held_n = 0 };
}

/* Writes n bytes, which fit into the line; the last of all may be no multiple of 3. */
static char *
write_in_line(struct mime_base64 *b, const unsigned char *p, size_t n, char *to)
{
	size_t written = mime_base64_write(p, n, to);

	to += written;
	b->column += (unsigned)written;
	if (b->column == LINE_CHARACTERS) {
		*to++ = '\r';
		*to++ = '\n';
		b->column = 0;
	}
	return to;
}

int
mime_base64_encode(struct mime_base64 *b, struct span in, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t n = in.n;
	size_t triples = (b->held_n + n) / 3;
	size_t size = triples * 4 + (b->column + triples * 4) / LINE_CHARACTERS * 2;
	char *start = buf_reserve(out, size), *to = start;

	if (start == NULL)
		return -1;
	if (b->held_n > 0) {
		for (; b->held_n < 3 && n > 0; n--)
			b->held[b->held_n++] = *p++;
		if (b->held_n == 3) {
			to = write_in_line(b, b->held, 3, to);
			b->held_n = 0;
		}
	}
	while (n >= 3) {
		size_t room = (LINE_CHARACTERS - b->column) / 4 * 3;
		size_t take = n < room ? n - n % 3 : room;
		to = write_in_line(b, p, take, to);
		p += take;
		n -= take;
	}
	for (; n > 0; n--)
		b->held[b->held_n++] = *p++;
	buf_commit(out, (size_t)(to - start));
	return 0;
}

int
mime_base64_finish(struct mime_base64 *b, struct buf *out)
{
	char text[8];
	char *to = text;

	if (b->held_n > 0)
		to = write_in_line(b, b->held, b->held_n, to);
	if (b->column > 0) {
		*to++ = '\r';
		*to++ = '\n';
	}
	if (buf_append(out, text, (size_t)(to - text)) != 0)
		return -1;
	mime_base64_init(b);
	return 0;
}

uint64_t
mime_base64_encoded_size(uint64_t n)
{
	uint64_t lines = n / LINE_BYTES + (n % LINE_BYTES != 0);

	return (n / 3 + (n % 3 != 0)) * 4 + lines * 2;
}

/*
 * log_escape.c - no byte that a peer sent can end a line, hide text or turn its
 * direction.
 *
 * Control bytes (C0, DEL, C1), invalid UTF-8, line separators and bidirectional controls
 * come out as \xNN, one per byte. Everything else is left as it is.
 */
#include "log_internal.h"

#include <string.h>

static size_t
utf8_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xC2 || first > 0xF4)
		return 0;
	return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Length and value of the UTF-8 sequence at p, or 0 when it is not one (RFC 3629 table
 * 3-7). */
static size_t
utf8_decode(const unsigned char *p, size_t n, uint32_t *ret)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = utf8_length(p[0]);

	if (length == 0 || length > n)
		return 0;
	uint32_t c = length == 1 ? p[0] : (uint32_t)(p[0] & (0xFF >> (length + 1)));
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3F);
	}
	if (c < smallest[length] || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
		return 0;
	*ret = c;
	return length;
}

static bool
is_harmless(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7F && c < 0xA0))
		return false;
	/* Line and paragraph separator, embeddings, overrides, isolates and marks of
	 * direction. */
	if ((c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069))
		return false;
	return c != 0x200E && c != 0x200F && c != 0xFEFF;
}

static void
append_hex(struct buf *out, const char *before, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		buf_append_text(out, before);
		char pair[2] = { digits[p[i] >> 4], digits[p[i] & 15] };
		buf_append(out, pair, sizeof(pair));
	}
}

enum notation { FOR_TEXT, FOR_JSON };

static bool
is_plain(unsigned char c, enum notation notation)
{
	return c >= 0x20 && c < 0x7F && (notation == FOR_TEXT || (c != '"' && c != '\\'));
}

/* Not zero: one of the eight bytes is this one. */
static uint64_t
has_byte(uint64_t word, unsigned char c)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t x = word ^ (ones * c);

	return (x - ones) & ~x & (ones << 7);
}

static bool
is_plain_word(uint64_t word, enum notation notation)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t found = word | ((word - ones * 0x20) & ~word); /* over 127, under ' ' */

	found = (found & (ones << 7)) | has_byte(word, 0x7F);
	if (notation == FOR_JSON)
		found |= has_byte(word, '"') | has_byte(word, '\\');
	return found == 0;
}

/* How many bytes at p need nothing: ASCII that can be seen. Eight at a time. */
static size_t
plain_length(const unsigned char *p, size_t n, enum notation notation)
{
	size_t i = 0;
	uint64_t word;

	for (; n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		if (!is_plain_word(word, notation))
			break;
	}
	while (i < n && is_plain(p[i], notation))
		i++;
	return i;
}

static int
escape(struct buf *out, struct span s, size_t max, enum notation notation)
{
	const char *hex_prefix = notation == FOR_JSON ? "\\\\x" : "\\x";
	const unsigned char *p = (const unsigned char *)s.p;
	size_t most = s.n < max ? s.n : max;
	size_t plain = 0; /* where the run that needs nothing began */
	size_t i = 0;

	while (i < most) {
		i += plain_length(p + i, most - i, notation);
		if (i == most)
			break;
		uint32_t c = 0;
		size_t length = utf8_decode(p + i, s.n - i, &c);
		if (i + (length == 0 ? 1 : length) > max)
			break;
		if (length > 1 && is_harmless(c)) {
			i += length;
			continue;
		}
		buf_append(out, p + plain, i - plain);
		if (length > 0 && is_harmless(c)) {
			char pair[2] = { '\\', (char)p[i] };
			buf_append(out, pair, sizeof(pair));
		} else {
			append_hex(out, hex_prefix, p + i, length == 0 ? 1 : length);
		}
		i += length == 0 ? 1 : length;
		plain = i;
	}
	buf_append(out, p + plain, i - plain);
	if (i < s.n)
		buf_append_text(out, "...");
	return out->failed ? -1 : 0;
}

int
log_escape(struct buf *out, struct span s)
{
	return escape(out, s, SIZE_MAX, FOR_TEXT);
}

int
log_escape_cut(struct buf *out, struct span s, size_t max)
{
	return escape(out, s, max, FOR_TEXT);
}

int
log_escape_json(struct buf *out, struct span s, size_t max)
{
	return escape(out, s, max, FOR_JSON);
}

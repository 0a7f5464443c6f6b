/*
 * xtext.c - RFC 3461 4: printable ASCII, with "+HH" for everything else.
 *
 * Decoding takes lower case digits and a plain '=' too: real senders write both, and
 * neither is ambiguous.
 */
#include "tdc/smtp/address.h"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Takes one character off *text; -1 when it is malformed, or means a control byte. */
static int
take_byte(struct span *text)
{
	unsigned char c = (unsigned char)text->p[0];
	int value = c;

	if (c <= ' ' || c >= 0x7f)
		return -1;
	if (c == '+') {
		if (text->n < 3)
			return -1;
		int high = hex_value(text->p[1]), low = hex_value(text->p[2]);
		if (high < 0 || low < 0)
			return -1;
		value = high * 16 + low;
	}
	*text = span_skip(*text, c == '+' ? 3 : 1);
	return value < ' ' || value == 0x7f ? -1 : value;
}

/* How many bytes it means; -1 when it is malformed. */
static long
decoded_length(struct span text)
{
	long n = 0;

	for (; text.n > 0; n++)
		if (take_byte(&text) < 0)
			return -1;
	return n;
}

bool
smtp_xtext_is_valid(struct span text)
{
	return decoded_length(text) >= 0;
}

int
smtp_xtext_decode(struct span text, struct buf *ret)
{
	long length = decoded_length(text);

	if (length < 0)
		return -1;
	size_t n = (size_t)length;
	char *room = buf_reserve(ret, n);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		room[i] = (char)take_byte(&text);
	buf_commit(ret, n);
	return 0;
}

int
smtp_xtext_encode(struct span bytes, struct buf *ret)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		if (c > ' ' && c < 0x7f && c != '+' && c != '=')
			buf_append_byte(ret, (char)c);
		else
			buf_append(ret, (char[]){ '+', digits[c >> 4], digits[c & 15] },
				   3);
	}
	return ret->failed ? -1 : 0;
}

/*
 * uid.c - time-ordered random identifiers and hexadecimal.
 */
#include "tdc/base/uid.h"

#include <errno.h>
#include <sys/random.h>

void
hex_format(const void *p, size_t n, char *text)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[b[i] >> 4];
		text[2 * i + 1] = digits[b[i] & 15];
	}
	text[2 * n] = '\0';
}

int
uid_new(int64_t wall_ms, struct uid *ret, struct err *e)
{
	struct uid u;

	if (getrandom(u.b, sizeof(u.b), 0) != (ssize_t)sizeof(u.b))
		return err_set(e, ERR_IO, errno, "no random bytes from the kernel");
	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)((uint64_t)wall_ms >> (40 - 8 * i));
	*ret = u;
	return 0;
}

void
uid_format(const struct uid *u, char text[UID_TEXT_MAX])
{
	hex_format(u->b, sizeof(u->b), text);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
uid_parse(struct span text, struct uid *ret)
{
	struct uid u;

	if (text.n != 2 * UID_BYTES)
		return -1;
	for (size_t i = 0; i < UID_BYTES; i++) {
		int high = hex_value(text.p[2 * i]), low = hex_value(text.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return -1;
		u.b[i] = (uint8_t)(high << 4 | low);
	}
	*ret = u;
	return 0;
}

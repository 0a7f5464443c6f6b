/*
 * uid.c - time-ordered random identifiers and hexadecimal.
 */
#include "tdc/base/uid.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
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

enum { TIME_BYTES = UID_BYTES - UID_RANDOM_BYTES };

/* Up to 256 bytes come whole, whatever signals do (getrandom(2)). */
static_assert(sizeof(((struct uid_source *)0)->random) <= 256, "one call gives all");

static int
random_fill(void *p, size_t n, struct err *e)
{
	if (getrandom(p, n, 0) != (ssize_t)n)
		return err_set(e, ERR_IO, errno, "no random bytes from the kernel");
	return 0;
}

static void
set_time(struct uid *u, int64_t wall_ms)
{
	for (int i = 0; i < TIME_BYTES; i++)
		u->b[i] = (uint8_t)((uint64_t)wall_ms >> (40 - 8 * i));
}

int
uid_next(struct uid_source *s, int64_t wall_ms, struct uid *ret, struct err *e)
{
	if (s->left == 0) {
		if (random_fill(s->random, sizeof(s->random), e) != 0)
			return -1;
		s->left = UID_SOURCE_UIDS;
	}
	s->left--;
	memcpy(ret->b + TIME_BYTES, s->random + (size_t)s->left * UID_RANDOM_BYTES,
	       UID_RANDOM_BYTES);
	set_time(ret, wall_ms);
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

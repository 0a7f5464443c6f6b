/*
 * buf.c - bounded byte buffers: grow by doubling, slide the live bytes to the front before growing.
 */
#include "tdc/base/buf.h"

#include "tdc/base/check.h"
#include "tdc/base/format.h"

#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256 };

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void
buf_clear(struct buf *b)
{
	b->off = b->n = 0;
	b->failed = false;
}

void
buf_shrink(struct buf *b)
{
	if (b->n == 0 && b->p != NULL) {
		free(b->p);
		b->p = NULL;
		b->cap = b->off = 0;
	}
}

static int
buf_grow(struct buf *b, size_t wanted)
{
	size_t cap = b->cap == 0 ? BUF_FIRST : b->cap;
	while (cap < wanted)
		cap = cap > SIZE_MAX / 2 ? wanted : cap * 2;
	/* One byte over the maximum is kept for buf_text(). */
	if (b->max < SIZE_MAX && cap > b->max + 1)
		cap = b->max + 1;
	char *p = malloc(cap);
	if (p == NULL)
		return -1;
	if (b->n > 0)
		memcpy(p, b->p + b->off, b->n);
	free(b->p);
	b->p = p;
	b->off = 0;
	b->cap = cap;
	return 0;
}

/* Makes room behind the live bytes, `spare` being allowed over the maximum. */
static char *
buf_make_room(struct buf *b, size_t n)
{
	if (b->cap - b->off - b->n < n || b->p == NULL) {
		if (b->cap - b->n >= n && b->p != NULL && b->off >= b->n) {
			memcpy(b->p, b->p + b->off, b->n);
			b->off = 0;
		} else if (buf_grow(b, b->n + n) != 0) {
			return NULL;
		}
	}
	return b->p + b->off + b->n;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (b->failed || n > b->max - b->n) {
		b->failed = true;
		return NULL;
	}
	if (b->p != NULL && b->cap - b->off - b->n >= n)
		return b->p + b->off + b->n;
	char *room = buf_make_room(b, n);
	if (room == NULL)
		b->failed = true;
	return room;
}

void
buf_commit(struct buf *b, size_t n)
{
	check(b->off + b->n + n <= b->cap && n <= b->max - b->n);
	b->n += n;
}

int
buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return b->failed ? -1 : 0;
	char *room = buf_reserve(b, n);
	if (room == NULL)
		return -1;
	memcpy(room, p, n);
	b->n += n;
	return 0;
}

int
buf_append_span(struct buf *b, struct span s)
{
	return buf_append(b, s.p, s.n);
}

int
buf_append_text(struct buf *b, const char *text)
{
	return buf_append(b, text, strlen(text));
}

int
buf_append_byte(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	char small[512];
	va_list again;

	va_copy(again, ap);
	int n = format_text(small, sizeof(small), fmt, ap);
	if (n < 0)
		b->failed = true;
	else if ((size_t)n < sizeof(small))
		buf_append(b, small, (size_t)n);
	else if ((size_t)n > b->max - b->n)
		b->failed = true;
	else {
		/* format_text() writes a NUL, for which a byte over the maximum is kept. */
		char *room = b->failed ? NULL : buf_make_room(b, (size_t)n + 1);
		if (room == NULL)
			b->failed = true;
		else {
			format_text(room, (size_t)n + 1, fmt, again);
			b->n += (size_t)n;
		}
	}
	va_end(again);
	return b->failed ? -1 : 0;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

void
buf_consume(struct buf *b, size_t n)
{
	check(n <= b->n);
	b->off += n;
	b->n -= n;
	if (b->n == 0)
		b->off = 0;
}

const char *
buf_text(struct buf *b)
{
	char *end = buf_make_room(b, 1);
	if (end == NULL)
		return NULL;
	*end = '\0';
	return b->p + b->off;
}

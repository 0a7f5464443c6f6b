/*
 * buf.h - a byte buffer that is born with its maximum.
 *
 * Bytes are appended at the end and consumed at the front. The failure of an append is
 * sticky (`failed`), so that a caller may append many times and ask once; a failed append
 * adds nothing. One owner, any one thread.
 */
#ifndef TDC_BASE_BUF_H
#define TDC_BASE_BUF_H

#include "tdc/base/span.h"

#include <stdarg.h>
#include <stdint.h>

struct buf {
	char *p;     /* allocation, or NULL */
	size_t off;  /* first live byte */
	size_t n;    /* live bytes */
	size_t cap;  /* bytes allocated */
	size_t max;  /* live bytes never exceed this */
	bool failed; /* an append did not fit, or memory failed */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);   /* frees; the struct may be initialised again */
void buf_clear(struct buf *b);  /* forgets the bytes and the failure, keeps the memory */
void buf_shrink(struct buf *b); /* gives memory back when empty */

/* Room for n more bytes at the end; the place is valid until the next call, NULL on failure. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n); /* n bytes of the reserved room are now live */

int buf_append(struct buf *b, const void *p, size_t n); /* 0, or -1 and sticky */
int buf_append_span(struct buf *b, struct span s);
int buf_append_text(struct buf *b, const char *text);
int buf_append_byte(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

void buf_consume(struct buf *b, size_t n);

static inline struct span
buf_span(const struct buf *b)
{
	return span_make(b->n == 0 ? NULL : b->p + b->off, b->n);
}

static inline size_t
buf_room(const struct buf *b)
{
	return b->max - b->n;
}

/* The bytes with a NUL behind them (not counted), or NULL when memory failed. */
const char *buf_text(struct buf *b);

#endif

/*
 * span.h - a borrowed run of bytes, not terminated by NUL.
 *
 * A span never owns; whoever returns one says until when it is valid.
 */
#ifndef TDC_BASE_SPAN_H
#define TDC_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
	const char *p; /* may be NULL only when n is 0 */
	size_t n;
};

static inline struct span
span_make(const void *p, size_t n)
{
	return (struct span){ .p = p, .n = n };
}

static inline struct span
span_of(const char *text)
{
	return (struct span){ .p = text, .n = text == NULL ? 0 : strlen(text) };
}

static inline bool
span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case is ignored; other bytes must be equal. */
static inline bool
span_equal_nocase(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static inline bool
span_starts_nocase(struct span a, struct span prefix)
{
	return a.n >= prefix.n && span_equal_nocase(span_make(a.p, prefix.n), prefix);
}

static inline struct span
span_skip(struct span a, size_t n)
{
	return n >= a.n ? span_make(NULL, 0) : span_make(a.p + n, a.n - n);
}

static inline struct span
span_trim(struct span a)
{
	while (a.n > 0 && (a.p[0] == ' ' || a.p[0] == '\t')) {
		a.p++;
		a.n--;
	}
	while (a.n > 0 && (a.p[a.n - 1] == ' ' || a.p[a.n - 1] == '\t'))
		a.n--;
	return a;
}

#endif

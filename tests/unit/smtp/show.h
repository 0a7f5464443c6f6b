/*
 * show.h - rows of a table test: prints what was got and what was wanted, and counts.
 */
#ifndef TDC_TESTS_UNIT_SMTP_SHOW_H
#define TDC_TESTS_UNIT_SMTP_SHOW_H

#include "tdc/base/buf.h"
#include "tdc/base/span.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* A span of a string literal that may hold NUL: in a table, and in an expression. */
#define BYTES(literal)                                                                   \
	{                                                                                \
		"" literal, sizeof(literal) - 1                                          \
	}
#define NO_BYTES                                                                         \
	{                                                                                \
		NULL, 0                                                                  \
	}
#define LITERAL(literal) span_make("" literal, sizeof(literal) - 1)

static inline void
show_bytes(const char *label, struct span s)
{
	fprintf(stderr, "  %s (%zu): ", label, s.n);
	for (size_t i = 0; i < s.n && i < 600; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= ' ' && c < 0x7f && c != '\\')
			fputc(c, stderr);
		else
			fprintf(stderr, "\\x%02x", c);
	}
	fputc('\n', stderr);
}

/* 0 when equal; otherwise it says so and returns 1, to be added up. */
static inline int
differ_bytes(const char *row, const char *what, struct span got, struct span want)
{
	if (span_equal(got, want))
		return 0;
	fprintf(stderr, "%s: %s\n", row, what);
	show_bytes("got", got);
	show_bytes("want", want);
	return 1;
}

static inline int
differ_number(const char *row, const char *what, int64_t got, int64_t want)
{
	if (got == want)
		return 0;
	fprintf(stderr, "%s: %s\n  got: %" PRId64 "\n  want: %" PRId64 "\n", row, what,
		got, want);
	return 1;
}

/* Another seed every time; TDC_SEED brings one back. */
static inline uint64_t
random_seed(void)
{
	const char *text = getenv("TDC_SEED");
	struct timespec now;

	if (text != NULL)
		return strtoull(text, NULL, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* splitmix64 */
static inline uint64_t
random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline size_t
random_below(uint64_t *state, size_t n)
{
	return n == 0 ? 0 : (size_t)(random_next(state) % n);
}

#endif

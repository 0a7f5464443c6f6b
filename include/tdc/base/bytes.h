/*
 * bytes.h - sixteen bytes at a time, with the vectors that compilers have on every
 * machine.
 *
 * For loops over whole messages: one comparison looks at sixteen bytes, and gives a mask
 * with all bits of a byte set where it is true.
 */
#ifndef TDC_BASE_BYTES_H
#define TDC_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BYTES_AT_ONCE = 16 };

typedef signed char bytes_t __attribute__((vector_size(BYTES_AT_ONCE)));

static inline bytes_t
bytes_load(const char *p)
{
	bytes_t b;

	memcpy(&b, p, sizeof(b));
	return b;
}

/* Where the byte is `c`, which is ASCII. */
static inline bytes_t
bytes_equal(bytes_t b, signed char c)
{
	return (bytes_t)(b == c);
}

static inline bool
bytes_any(bytes_t b)
{
	uint64_t half[2];

	memcpy(half, &b, sizeof(half));
	return (half[0] | half[1]) != 0;
}

/* Only ASCII that can be seen, and blanks. False may also mean that it was not worth a
 * closer look, of fewer than sixteen bytes. */
static inline bool
bytes_are_visible(const char *p, size_t n)
{
	bytes_t found = { 0 };

	if (n < BYTES_AT_ONCE)
		return false;
	for (const char *last = p + n - BYTES_AT_ONCE;; p += BYTES_AT_ONCE) {
		bytes_t b = bytes_load(p < last ? p : last);
		found |= (b < ' ') | bytes_equal(b, 0x7f); /* signed: also over 127 */
		if (p >= last)
			return !bytes_any(found);
	}
}

#endif

/*
 * format.h - the text of printf(3), sooner.
 *
 * Nearly all that is formatted for a message is plain text, strings and whole numbers:
 * %s, %.*s, %c, %d, %u, with their lengths, and %%. Those are written here. A text that
 * asks for anything else (a width, a flag, hexadecimal, floating point) is left to the C
 * library as a whole, so that the result is the same in every case. Any thread.
 */
#ifndef TDC_BASE_FORMAT_H
#define TDC_BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* As vsnprintf(): at most `size` bytes with the NUL; returns the length without a cut. */
int format_text(char *to, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

enum { FORMAT_NUMBER_MAX = 21 };
/* The number in decimal, with a NUL; returns its length. */
size_t format_number(uint64_t n, char text[FORMAT_NUMBER_MAX]);
/* What a noun gets behind it, after this number: "" for one, else "s". */
const char *format_plural(uint64_t n);

#endif

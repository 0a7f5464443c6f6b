/*
 * print.h - what the printers share: YAML scalars, wrapped text.
 */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "schema.h"

#include "tdc/base/buf.h"

#include <stdbool.h>

/* A value as YAML, quoted where any reader of YAML could take it for something else. */
void print_scalar(struct buf *out, const struct schema_row *row, const char *text);
void print_spaces(struct buf *out, size_t n);
/* Text broken at spaces into lines of at most `width` bytes, each behind `indent` spaces
 * and `prefix`. */
void print_wrapped(struct buf *out, size_t indent, const char *prefix, size_t width,
		   const char *text);
/* Text between double quotes, with quotes and backslashes escaped: JSON and YAML alike.
 * */
void print_quoted(struct buf *out, const char *text);

#endif

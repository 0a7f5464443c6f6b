/*
 * print.h - for people: values that cannot harm a terminal, and tables with aligned
 * columns.
 */
#ifndef TDC_CTL_PRINT_H
#define TDC_CTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Control bytes and what is not UTF-8 come out as \xNN. NULL prints "-". */
void print_text(FILE *f, const char *text);

/* Members of an object: NULL, and 0, when absent or of another type. */
const char *text_of(const json_t *o, const char *key);
long long count_of(const json_t *o, const char *key);
/* The same in forms for people; "-" when absent or null. Valid until the
 * next call on the same slot. */
enum { PRINT_SLOT = 64 };
const char *format_time(const json_t *value,
			char slot[PRINT_SLOT]); /* 2026-11-24 07:30:12 */
const char *format_size(const json_t *value,
			char slot[PRINT_SLOT]); /* 12.3 KiB            */
const char *format_count(const json_t *value, char slot[PRINT_SLOT]);
const char *format_seconds(json_int_t seconds,
			   char slot[PRINT_SLOT]); /* 3 d 4 h            */

/* ---- tables */
enum { TABLE_COLUMNS = 12 };
struct column {
	const char *title;
	bool is_right;
	size_t most; /* longer values are cut with "..."; 0 = never */
};
struct table {
	const struct column *columns;
	size_t n_columns;
	size_t width[TABLE_COLUMNS];
	char **cells;
	size_t n_cells, room;
	bool is_headed;
};
void table_init(struct table *t, const struct column *columns, size_t n);
void table_add(struct table *t, const char *text); /* the next cell; NULL is "-" */
/* Prints what was added since, below the title the first time; widths only grow. */
void table_print(struct table *t);
void table_done(struct table *t);

#endif

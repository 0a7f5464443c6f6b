/*
 * print.c - values and tables.
 */
#include "print.h"

#include "tdc/base/buf.h"
#include "tdc/base/log.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20 };

/* Escaped copy, the caller's; NULL = no memory. */
static char *
harmless(const char *text)
{
	struct buf out;

	buf_init(&out, TEXT_MAX);
	log_escape(&out, span_of(text));
	const char *escaped = buf_text(&out);
	char *copy = escaped == NULL ? NULL : strdup(escaped);
	buf_done(&out);
	return copy;
}

void
print_text(FILE *f, const char *text)
{
	char *shown = text == NULL ? NULL : harmless(text);

	fputs(shown == NULL ? "-" : shown, f);
	free(shown);
}

const char *
text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

long long
count_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

const char *
format_time(const json_t *value, char slot[PRINT_SLOT])
{
	const char *text = json_string_value(value);

	if (text == NULL || strlen(text) < 19)
		return "-";
	memcpy(slot, text, 19);
	slot[10] = ' ';
	slot[19] = '\0';
	return slot;
}

const char *
format_count(const json_t *value, char slot[PRINT_SLOT])
{
	if (!json_is_integer(value))
		return "-";
	snprintf(slot, PRINT_SLOT, "%lld", (long long)json_integer_value(value));
	return slot;
}

const char *
format_size(const json_t *value, char slot[PRINT_SLOT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double n = (double)json_integer_value(value);
	size_t i = 0;

	if (!json_is_integer(value))
		return "-";
	while (n >= 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
		n /= 1024;
		i++;
	}
	snprintf(slot, PRINT_SLOT, i == 0 ? "%.0f %s" : "%.1f %s", n, units[i]);
	return slot;
}

const char *
format_seconds(json_int_t seconds, char slot[PRINT_SLOT])
{
	long long s = seconds < 0 ? 0 : (long long)seconds;

	if (s < 60)
		snprintf(slot, PRINT_SLOT, "%lld s", s);
	else if (s < 3600)
		snprintf(slot, PRINT_SLOT, "%lld min", s / 60);
	else if (s < 86400)
		snprintf(slot, PRINT_SLOT, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else
		snprintf(slot, PRINT_SLOT, "%lld d %lld h", s / 86400, s % 86400 / 3600);
	return slot;
}

/* ---------------------------------------------------------------- tables */

/* Characters, not bytes: continuation bytes take no place of their own. */
static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xC0) != 0x80;
	return n;
}

static void
cut(char *text, size_t most)
{
	size_t n = 0;

	if (most < 4 || width_of(text) <= most)
		return;
	char *p = text;
	for (; *p != '\0' && n < most - 3; p++)
		n += ((unsigned char)p[1] & 0xC0) != 0x80;
	memcpy(p, "...", 4);
}

void
table_init(struct table *t, const struct column *columns, size_t n)
{
	*t = (struct table){ .columns = columns, .n_columns = n };
	for (size_t i = 0; i < n; i++)
		t->width[i] = width_of(columns[i].title);
}

static int
table_grow(struct table *t)
{
	size_t room = t->room == 0 ? 256 : t->room * 2;
	char **cells = realloc(t->cells, room * sizeof(*cells));

	if (cells == NULL)
		return -1;
	t->cells = cells;
	t->room = room;
	return 0;
}

void
table_add(struct table *t, const char *text)
{
	size_t column = t->n_cells % t->n_columns;
	char *shown = harmless(text == NULL || text[0] == '\0' ? "-" : text);

	if (shown == NULL || (t->n_cells == t->room && table_grow(t) != 0)) {
		fprintf(stderr, "tdcctl: no memory\n");
		exit(EXIT_FAILURE);
	}
	cut(shown, t->columns[column].most);
	size_t width = width_of(shown);
	if (width > t->width[column])
		t->width[column] = width;
	t->cells[t->n_cells++] = shown;
}

static void
print_cell(const struct table *t, size_t column, const char *text)
{
	size_t pad = t->width[column] - width_of(text);
	bool is_right = t->columns[column].is_right, is_last = column + 1 == t->n_columns;

	if (is_right)
		printf("%*s", (int)pad, "");
	fputs(text, stdout);
	if (!is_right && !is_last)
		printf("%*s", (int)pad, "");
	fputs(is_last ? "\n" : "  ", stdout);
}

void
table_print(struct table *t)
{
	for (size_t i = 0; !t->is_headed && i < t->n_columns; i++)
		print_cell(t, i, t->columns[i].title);
	t->is_headed = true;
	for (size_t i = 0; i < t->n_cells; i++) {
		print_cell(t, i % t->n_columns, t->cells[i]);
		free(t->cells[i]);
	}
	t->n_cells = 0;
}

void
table_done(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
}

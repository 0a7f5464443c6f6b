/*
 * schema_walk.c - moving about in the schema table, and what a row says of itself in
 * words.
 */
#include "schema.h"

#include "value.h"

#include "tdc/base/check.h"

#include <string.h>

const struct schema_row *
schema_root(void)
{
	return &schema[0];
}

unsigned
schema_depth(const struct schema_row *row)
{
	unsigned depth = row->path[0] == '\0' ? 0 : 1;
	for (const char *p = row->path; *p != '\0'; p++)
		depth += *p == '.' || *p == '[' || *p == '{';
	return depth;
}

const struct schema_row *
schema_first_child(const struct schema_row *parent)
{
	const struct schema_row *row = parent + 1;
	if (row == schema + schema_count || schema_depth(row) != schema_depth(parent) + 1)
		return NULL;
	return row;
}

const struct schema_row *
schema_next_sibling(const struct schema_row *row)
{
	unsigned depth = schema_depth(row);
	for (const struct schema_row *next = row + 1; next < schema + schema_count;
	     next++) {
		unsigned d = schema_depth(next);
		if (d == depth)
			return next;
		if (d < depth)
			break;
	}
	return NULL;
}

const char *
schema_key(const struct schema_row *row)
{
	size_t n = strlen(row->path);
	if (n >= 2 && strchr("]}", row->path[n - 1]) != NULL)
		return row->path + n - 2;
	const char *dot = strrchr(row->path, '.');
	return dot == NULL ? row->path : dot + 1;
}

const struct schema_row *
schema_child(const struct schema_row *parent, const char *key)
{
	for (const struct schema_row *row = schema_first_child(parent); row != NULL;
	     row = schema_next_sibling(row)) {
		if (strcmp(schema_key(row), key) == 0)
			return row;
	}
	return NULL;
}

const struct schema_row *
schema_entry_name(const struct schema_row *element)
{
	if (element->type != TYPE_MAP)
		return NULL;
	const struct schema_row *row = schema_first_child(element);
	while (row != NULL && !row->is_required)
		row = schema_next_sibling(row);
	return row;
}

bool
schema_is_container(const struct schema_row *row)
{
	return row->type == TYPE_LIST || row->type == TYPE_NAMED || row->type == TYPE_MAP;
}

const char *
schema_type_name(enum schema_type type)
{
	static const char *const names[TYPE_COUNT] = {
		[TYPE_BOOL] = "bool", [TYPE_INT] = "int",
		[TYPE_SIZE] = "size", [TYPE_DURATION] = "duration",
		[TYPE_TEXT] = "text", [TYPE_WORD] = "word",
		[TYPE_LIST] = "list", [TYPE_NAMED] = "map by name",
		[TYPE_MAP] = "map",
	};
	return names[type];
}

const char *
schema_word(const char *words, size_t i, size_t *n)
{
	while (words != NULL && *words != '\0') {
		size_t length = strcspn(words, " ");
		if (i-- == 0) {
			*n = length;
			return words;
		}
		words += length + (words[length] == ' ');
	}
	return NULL;
}

bool
schema_has_word(const struct schema_row *row, const char *word)
{
	size_t n, length = strlen(word);
	const char *known;
	for (size_t i = 0; (known = schema_word(row->words, i, &n)) != NULL; i++) {
		if (n == length && memcmp(known, word, n) == 0)
			return true;
	}
	return false;
}

static void
describe_words(const struct schema_row *row, struct buf *out)
{
	size_t n;
	const char *word;
	for (size_t i = 0; (word = schema_word(row->words, i, &n)) != NULL; i++) {
		buf_append_text(out, i == 0 ? "" : ", ");
		buf_append(out, word, n);
	}
}

static void
describe_numbers(const struct schema_row *row, struct buf *out)
{
	static const struct {
		void (*format)(int64_t v, char text[VALUE_TEXT_MAX]);
		const char *before, *after;
	} kinds[TYPE_COUNT] = {
		[TYPE_INT] = { value_format_int, "a whole number", "" },
		[TYPE_SIZE] = { value_format_size, "a size",
				", in bytes or with K, M or G" },
		[TYPE_DURATION] = { value_format_duration, "a time",
				    ", with its unit: ms, s, m, h or d" },
	};
	char min[VALUE_TEXT_MAX], max[VALUE_TEXT_MAX];
	kinds[row->type].format(row->min, min);
	kinds[row->type].format(row->max, max);
	if (row->min == row->max) {
		buf_append_text(out, min);
		return;
	}
	buf_printf(out, "%s from %s to %s%s", kinds[row->type].before, min, max,
		   kinds[row->type].after);
}

void
schema_describe_allowed(const struct schema_row *row, struct buf *out)
{
	switch (row->type) {
	case TYPE_BOOL:
		buf_append_text(out, "true or false, without quotes");
		break;
	case TYPE_INT:
	case TYPE_SIZE:
	case TYPE_DURATION:
		describe_numbers(row, out);
		break;
	case TYPE_WORD:
		describe_words(row, out);
		break;
	case TYPE_TEXT:
		buf_append_text(out, row->form != NULL ? row->form->allowed : "a text");
		break;
	case TYPE_LIST:
		buf_append_text(out,
				row->min > 0 ? "a list of at least one entry" : "a list");
		break;
	case TYPE_NAMED:
		buf_append_text(out, "a mapping of names to entries");
		break;
	case TYPE_MAP:
		buf_append_text(out, "a mapping of keys to values");
		break;
	case TYPE_COUNT:
		break;
	}
}

int
schema_parse_number(const struct schema_row *row, const char *text, int64_t *ret)
{
	static int (*const parse[TYPE_COUNT])(const char *text, int64_t *ret) = {
		[TYPE_BOOL] = value_parse_bool,
		[TYPE_INT] = value_parse_int,
		[TYPE_SIZE] = value_parse_size,
		[TYPE_DURATION] = value_parse_duration,
	};
	check(parse[row->type] != NULL);
	if (parse[row->type](text, ret) != 0)
		return -1;
	return row->type == TYPE_BOOL || (*ret >= row->min && *ret <= row->max) ? 0 : -1;
}

/*
 * print_schema.c - the schema table as JSON Schema 2020-12, for editors and for other
 * programs.
 *
 * Readers of YAML take some of our words for booleans or numbers (off, no, 1.2): those
 * are allowed too.
 */
#include "print.h"
#include "value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_row(struct buf *out, const struct schema_row *row, size_t indent);

/* A new line; behind all but the first member a comma. */
static void
member(struct buf *out, size_t indent, bool *is_first, const char *name)
{
	buf_append_text(out, *is_first ? "\n" : ",\n");
	*is_first = false;
	print_spaces(out, indent);
	print_quoted(out, name);
	buf_append_text(out, ": ");
}

static void
print_words(struct buf *out, const struct schema_row *row)
{
	size_t n;
	const char *word;
	buf_append_byte(out, '[');
	for (size_t i = 0; (word = schema_word(row->words, i, &n)) != NULL; i++) {
		buf_printf(out, "%s\"%.*s\"", i == 0 ? "" : ", ", (int)n, word);
		if (word[0] >= '0' && word[0] <= '9')
			buf_printf(out, ", %.*s", (int)n, word);
	}
	if (schema_has_word(row, "no") || schema_has_word(row, "off"))
		buf_append_text(out, ", false");
	buf_append_byte(out, ']');
}

static void
print_number(struct buf *out, const struct schema_row *row, size_t indent, bool *is_first)
{
	static const char *const patterns[TYPE_COUNT] = {
		[TYPE_SIZE] = "^[0-9]+[KMG]?$",
		[TYPE_DURATION] = "^[0-9]+(ms|s|m|h|d)$",
	};
	static const char *const types[TYPE_COUNT] = {
		[TYPE_INT] = "\"integer\"",
		[TYPE_SIZE] = "[\"string\", \"integer\"]",
		[TYPE_DURATION] = "\"string\"",
	};
	member(out, indent, is_first, "type");
	buf_append_text(out, types[row->type]);
	if (patterns[row->type] != NULL) {
		member(out, indent, is_first, "pattern");
		print_quoted(out, patterns[row->type]);
	}
	if (row->type == TYPE_DURATION)
		return;
	member(out, indent, is_first, "minimum");
	buf_printf(out, "%" PRId64, row->min);
	member(out, indent, is_first, "maximum");
	buf_printf(out, "%" PRId64, row->max);
}

static void
print_text_type(struct buf *out, const struct schema_row *row, size_t indent,
		bool *is_first)
{
	member(out, indent, is_first, "type");
	buf_append_text(out, "\"string\"");
	if (row->form != NULL && row->form->pattern != NULL) {
		member(out, indent, is_first, "pattern");
		print_quoted(out, row->form->pattern);
	}
}

static void
print_required(struct buf *out, const struct schema_row *row, size_t indent,
	       bool *is_first)
{
	bool is_none = true;
	for (const struct schema_row *child = schema_first_child(row); child != NULL;
	     child = schema_next_sibling(child)) {
		if (!child->is_required)
			continue;
		if (is_none) {
			member(out, indent, is_first, "required");
			buf_append_byte(out, '[');
		}
		buf_append_text(out, is_none ? "" : ", ");
		print_quoted(out, schema_key(child));
		is_none = false;
	}
	if (!is_none)
		buf_append_byte(out, ']');
}

static void
print_map(struct buf *out, const struct schema_row *row, size_t indent, bool *is_first)
{
	bool is_first_key = true;
	member(out, indent, is_first, "type");
	/* A section whose keys are all commented out is null. */
	buf_append_text(out,
			row->path[0] == '\0' ? "\"object\"" : "[\"object\", \"null\"]");
	member(out, indent, is_first, "additionalProperties");
	buf_append_text(out, "false");
	print_required(out, row, indent, is_first);
	member(out, indent, is_first, "properties");
	buf_append_byte(out, '{');
	for (const struct schema_row *child = schema_first_child(row); child != NULL;
	     child = schema_next_sibling(child)) {
		member(out, indent + 2, &is_first_key, schema_key(child));
		print_row(out, child, indent + 4);
	}
	buf_append_byte(out, '\n');
	print_spaces(out, indent);
	buf_append_byte(out, '}');
}

static void
print_entries(struct buf *out, const struct schema_row *row, size_t indent,
	      bool *is_first)
{
	bool is_list = row->type == TYPE_LIST;
	member(out, indent, is_first, "type");
	buf_append_text(out, row->is_required ? (is_list ? "\"array\"" : "\"object\"")
			     : is_list        ? "[\"array\", \"null\"]"
					      : "[\"object\", \"null\"]");
	if (row->min > 0) {
		member(out, indent, is_first, is_list ? "minItems" : "minProperties");
		buf_printf(out, "%" PRId64, row->min);
	}
	if (row->max > 0) {
		member(out, indent, is_first, is_list ? "maxItems" : "maxProperties");
		buf_printf(out, "%" PRId64, row->max);
	}
	if (!is_list) {
		member(out, indent, is_first, "propertyNames");
		buf_append_text(out, "{ \"pattern\": \"^[A-Za-z0-9_-]{1,64}$\" }");
	}
	member(out, indent, is_first, is_list ? "items" : "additionalProperties");
	print_row(out, schema_first_child(row), indent + 2);
}

static void
print_default(struct buf *out, const struct schema_row *row, size_t indent,
	      bool *is_first)
{
	if (row->fallback == NULL || schema_is_container(row))
		return;
	member(out, indent, is_first, "default");
	bool is_bare = row->type == TYPE_BOOL || row->type == TYPE_INT;
	if (is_bare)
		buf_append_text(out, row->fallback);
	else
		print_quoted(out, row->fallback);
}

/* Everything in the braces of one row but its beginning. */
static void
print_row_body(struct buf *out, const struct schema_row *row, size_t indent,
	       bool *is_first)
{
	if (row->doc[0] != '\0') {
		member(out, indent, is_first, "description");
		print_quoted(out, row->doc);
	}
	if (row->type == TYPE_MAP)
		print_map(out, row, indent, is_first);
	else if (schema_is_container(row))
		print_entries(out, row, indent, is_first);
	else if (row->type == TYPE_TEXT)
		print_text_type(out, row, indent, is_first);
	else if (row->type == TYPE_BOOL || row->type == TYPE_WORD) {
		member(out, indent, is_first, row->type == TYPE_BOOL ? "type" : "enum");
		if (row->type == TYPE_BOOL)
			buf_append_text(out, "\"boolean\"");
		else
			print_words(out, row);
	} else {
		print_number(out, row, indent, is_first);
	}
	print_default(out, row, indent, is_first);
}

static void
print_row(struct buf *out, const struct schema_row *row, size_t indent)
{
	bool is_first = true;
	buf_append_byte(out, '{');
	print_row_body(out, row, indent, &is_first);
	buf_append_byte(out, '\n');
	print_spaces(out, indent - 2);
	buf_append_byte(out, '}');
}

int
config_print_json_schema(struct buf *out)
{
	bool is_first = true;
	buf_append_byte(out, '{');
	member(out, 2, &is_first, "$schema");
	print_quoted(out, "https://json-schema.org/draft/2020-12/schema");
	member(out, 2, &is_first, "title");
	print_quoted(out, "Configuration of tdcd");
	print_row_body(out, schema_root(), 2, &is_first);
	buf_append_text(out, "\n}\n");
	return out->failed ? -1 : 0;
}

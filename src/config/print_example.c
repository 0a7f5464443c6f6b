/*
 * print_example.c - a configuration with every key, its default and its documentation.
 *
 * Lists and mappings of entries hold one entry as an example. A key that has no default
 * stands in a comment.
 */
#include "print.h"

#include <string.h>

enum { EXAMPLE_WIDTH = 90 };

struct example {
	struct buf *out;
	bool is_dash_due; /* the next key begins an element of a list */
};

static void example_row(struct example *x, const struct schema_row *row,
			const char *value, size_t indent);

static void
example_indent(struct example *x, size_t indent)
{
	print_spaces(x->out, x->is_dash_due ? indent - 2 : indent);
	if (x->is_dash_due)
		buf_append_text(x->out, "- ");
	x->is_dash_due = false;
}

/* [a, b]; the list is written in one line. */
static void
example_texts(struct example *x, const struct schema_row *row)
{
	const struct schema_row *element = schema_first_child(row);
	const char *texts = row->fallback != NULL && row->fallback[0] != '\0'
				    ? row->fallback
				    : row->example;
	/* An example is one text, which may hold spaces. */
	bool is_one = texts == row->example;
	size_t n;
	const char *word;
	buf_append_byte(x->out, '[');
	for (size_t i = 0; (word = schema_word(texts, i, &n)) != NULL; i++) {
		char text[128];
		n = is_one ? strlen(texts) : n;
		if (n >= sizeof(text) || (is_one && i > 0))
			break;
		memcpy(text, word, n);
		text[n] = '\0';
		buf_append_text(x->out, i == 0 ? "" : ", ");
		print_scalar(x->out, element, text);
	}
	buf_append_text(x->out, "]\n");
}

static void
example_children(struct example *x, const struct schema_row *row,
		 const struct schema_row *named, const char *name, size_t indent)
{
	for (const struct schema_row *child = schema_first_child(row); child != NULL;
	     child = schema_next_sibling(child))
		example_row(x, child, child == named ? name : NULL, indent);
}

static void
example_entry(struct example *x, const struct schema_row *row, size_t indent)
{
	const struct schema_row *element = schema_first_child(row);
	if (row->type == TYPE_LIST) {
		x->is_dash_due = true;
		example_children(x, element, schema_entry_name(element), row->fallback,
				 indent + 4);
		return;
	}
	print_spaces(x->out, indent + 2);
	buf_printf(x->out, "%s:\n", row->fallback != NULL ? row->fallback : "example");
	example_children(x, element, NULL, NULL, indent + 4);
}

static void
example_scalar(struct example *x, const struct schema_row *row, const char *value)
{
	if (value == NULL)
		value = row->fallback != NULL ? row->fallback : row->example;
	if (value != NULL) {
		buf_append_byte(x->out, ' ');
		print_scalar(x->out, row, value);
	}
	buf_append_byte(x->out, '\n');
}

/* `value` is given for the key that names an entry; else NULL. */
static void
example_row(struct example *x, const struct schema_row *row, const char *value,
	    size_t indent)
{
	bool is_container = schema_is_container(row);
	bool is_texts =
		row->type == TYPE_LIST && schema_first_child(row)->type == TYPE_TEXT;
	bool is_active = is_container || row->is_required || row->fallback != NULL;
	if (row->doc[0] != '\0')
		print_wrapped(x->out, x->is_dash_due ? indent - 2 : indent, "# ",
			      EXAMPLE_WIDTH, row->doc);
	example_indent(x, indent);
	buf_printf(x->out, "%s%s:", is_active ? "" : "# ", schema_key(row));
	if (is_container)
		buf_append_byte(x->out, is_texts ? ' ' : '\n');
	if (is_texts)
		example_texts(x, row);
	else if (row->type == TYPE_MAP)
		example_children(x, row, NULL, NULL, indent + 2);
	else if (is_container)
		example_entry(x, row, indent);
	else
		example_scalar(x, row, value);
	if (schema_depth(row) == 1)
		buf_append_byte(x->out, '\n');
}

int
config_print_example(struct buf *out)
{
	struct example x = { .out = out };
	print_wrapped(out, 0, "# ", EXAMPLE_WIDTH,
		      "Every key of tdcd's configuration with its default. Keys in "
		      "comments have none. "
		      "Lists of entries, and mappings by names, hold one entry as an "
		      "example. The manual "
		      "page is tdc.yaml(5).");
	buf_append_byte(out, '\n');
	example_children(&x, schema_root(), NULL, NULL, 0);
	/* Without the empty line of the last section. */
	if (!out->failed && out->n > 0)
		out->n--;
	return out->failed ? -1 : 0;
}

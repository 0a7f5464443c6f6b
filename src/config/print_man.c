/*
 * print_man.c - the key reference of tdc.yaml(5): mdoc, one section per top-level key.
 */
#include "schema.h"

#include "tdc/base/buf.h"

#include <string.h>

enum { MAN_WIDTH = 78 };

/* One word, with what mdoc would take for a request or an escape escaped. Returns its
 * width. */
static size_t
man_word(struct buf *out, const char *word, size_t n, bool is_line_start)
{
	size_t before = out->n;
	if (is_line_start && (*word == '.' || *word == '\''))
		buf_append_text(out, "\\&");
	for (size_t i = 0; i < n; i++) {
		if (word[i] == '\\')
			buf_append_text(out, "\\e");
		else
			buf_append_byte(out, word[i]);
	}
	return out->n - before;
}

/* Running text: a new sentence begins a new line. */
static void
man_text(struct buf *out, const char *text)
{
	size_t column = 0;
	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		if (column > 0 && column + 1 + n > MAN_WIDTH) {
			buf_append_byte(out, '\n');
			column = 0;
		}
		if (column > 0)
			buf_append_byte(out, ' ');
		column += man_word(out, text, n, column == 0) + (column > 0);
		bool is_sentence_end = text[n] == ' ' && text[n - 1] == '.' &&
				       text[n + 1] >= 'A' && text[n + 1] <= 'Z';
		if (is_sentence_end) {
			buf_append_byte(out, '\n');
			column = 0;
		}
		text += n + (text[n] == ' ');
	}
	buf_append_byte(out, '\n');
}

static void
man_fallback(struct buf *out, const struct schema_row *row)
{
	bool is_list =
		row->type == TYPE_LIST && schema_first_child(row)->type == TYPE_TEXT;
	if (row->is_required)
		buf_append_text(out, "; required");
	else if (row->fallback != NULL && row->fallback[0] == '\0')
		buf_append_text(out, is_list ? "; default empty" : "; default \"\"");
	else if (row->fallback != NULL && (is_list || !schema_is_container(row)))
		buf_printf(out, "; default %s", row->fallback);
}

/* "one of off, optional, required; default off; a change needs a restart." */
static void
man_facts(struct buf *out, const struct schema_row *row)
{
	struct buf facts;
	buf_init(&facts, 2048);
	if (row->type == TYPE_WORD)
		buf_append_text(&facts, "one of ");
	const struct schema_row *element =
		row->type == TYPE_LIST ? schema_first_child(row) : NULL;
	schema_describe_allowed(row, &facts);
	if (element != NULL && element->type == TYPE_TEXT) {
		buf_append_text(&facts, ", each ");
		schema_describe_allowed(element, &facts);
	}
	man_fallback(&facts, row);
	if (row->is_fixed)
		buf_append_text(&facts, "; a change needs a restart");
	if (row->levels == LEVEL_MACHINE)
		buf_append_text(&facts, "; machine level only");
	buf_append_byte(&facts, '.');
	/* A sentence begins with a capital letter. */
	if (facts.n > 0 && facts.p[facts.off] >= 'a' && facts.p[facts.off] <= 'z')
		facts.p[facts.off] = (char)(facts.p[facts.off] - 'a' + 'A');
	const char *text = buf_text(&facts);
	if (text == NULL || facts.failed)
		out->failed = true;
	else
		man_text(out, text);
	buf_done(&facts);
}

static void
man_item(struct buf *out, const struct schema_row *row, const char *label)
{
	buf_printf(out, ".It Cm %s : Ar %s\n", label, schema_type_name(row->type));
	if (row->doc[0] != '\0')
		man_text(out, row->doc);
	man_facts(out, row);
}

/* All rows below a section, by their path within it; element rows say nothing of their
 * own. */
static void
man_section(struct buf *out, const struct schema_row *section)
{
	buf_printf(out, ".Ss %s\n", section->path);
	man_text(out, section->doc);
	if (section->type != TYPE_MAP)
		man_facts(out, section);
	else if (section->levels == LEVEL_MACHINE)
		buf_append_text(out, "Machine level only.\n");
	buf_append_text(out, ".Bl -tag -width Ds\n");
	size_t skip = strlen(section->path);
	const struct schema_row *row = section + 1;
	for (; row < schema + schema_count && schema_depth(row) > 1; row++) {
		if (strchr("[{", schema_key(row)[0]) != NULL)
			continue;
		const char *label = row->path + skip;
		label += strspn(label, "[]{}.");
		man_item(out, row, label);
	}
	buf_append_text(out, ".El\n");
}

int
config_print_man(struct buf *out)
{
	buf_append_text(out, ".Ss General keys\n.Bl -tag -width Ds\n");
	for (const struct schema_row *row = schema_first_child(schema_root());
	     row != NULL; row = schema_next_sibling(row)) {
		if (!schema_is_container(row))
			man_item(out, row, row->path);
	}
	buf_append_text(out, ".El\n");
	for (const struct schema_row *row = schema_first_child(schema_root());
	     row != NULL; row = schema_next_sibling(row)) {
		if (schema_is_container(row))
			man_section(out, row);
	}
	return out->failed ? -1 : 0;
}

/*
 * read.c - raw YAML against the schema: a typed node for every key that was written.
 *
 * A key with a problem still gets its node, marked broken, so that no later step says
 * that it is missing.
 */
#include "tree.h"

#include "tdc/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALLOWED_MAX = 512 };

static struct config_node *read_value(struct build *b, const struct raw *raw,
				      const struct schema_row *row, const char *key);

static struct place
raw_place(const struct build *b, const struct raw *raw)
{
	return (struct place){ .source = b->source,
			       .line = raw->line,
			       .column = raw->column };
}

static void
describe_found(const struct raw *raw, char found[FOUND_MAX])
{
	if (raw->kind == RAW_LIST)
		snprintf(found, FOUND_MAX, "found %s list",
			 raw->n_children == 0 ? "an empty" : "a");
	else if (raw->kind == RAW_MAP)
		snprintf(found, FOUND_MAX, "found a mapping");
	else if (raw_is_nothing(raw))
		snprintf(found, FOUND_MAX, "found nothing");
	else
		problem_quote(raw->text, raw->n, found);
}

/* "found X; allowed: what the row says" */
static void
report_value(struct build *b, const struct raw *raw, const struct schema_row *row)
{
	char found[FOUND_MAX];
	struct place at = raw_place(b, raw);
	struct buf allowed;
	buf_init(&allowed, ALLOWED_MAX);
	describe_found(raw, found);
	bool is_quoted_number = raw->kind == RAW_SCALAR && !raw->is_plain &&
				(row->type == TYPE_INT || row->type == TYPE_SIZE ||
				 row->type == TYPE_DURATION);
	schema_describe_allowed(row, &allowed);
	if (is_quoted_number)
		buf_append_text(&allowed, ", without quotes");
	problem_error(b->problems, &at, b->path.text, found, buf_text(&allowed));
	buf_done(&allowed);
}

static void
read_scalar(struct build *b, const struct raw *raw, struct config_node *n)
{
	const struct schema_row *row = n->row;
	bool is_text = row->type == TYPE_TEXT || row->type == TYPE_WORD;
	bool is_usable = raw->kind == RAW_SCALAR && !raw_is_nothing(raw) &&
			 (raw->is_plain || is_text);
	if (is_usable && (strlen(raw->text) != raw->n || !form_is_printable(raw->text))) {
		char found[FOUND_MAX];
		struct place at = raw_place(b, raw);
		describe_found(raw, found);
		problem_error(b->problems, &at, b->path.text, found,
			      "printable characters");
		n->is_broken = true;
		return;
	}
	if (!is_usable || node_set_text(n, raw->text) != 0) {
		report_value(b, raw, row);
		n->is_broken = true;
	}
}

static void
read_list(struct build *b, const struct raw *raw, struct config_node *n)
{
	const struct schema_row *element = schema_first_child(n->row);
	int64_t max = n->row->max == 0 ? RAW_NODES_MAX : n->row->max;
	size_t i = 0;

	for (const struct raw *item = raw->first; item != NULL; item = item->next, i++) {
		if ((int64_t)i == max) {
			char text[64];
			struct place at = raw_place(b, item);
			snprintf(text, sizeof(text), "at most %lld entries",
				 (long long)max);
			problem_error(b->problems, &at, b->path.text,
				      "found more entries", text);
			n->is_broken = true;
			return;
		}
		size_t before = path_push_index(&b->path, i);
		node_add(b->arena, n, read_value(b, item, element, NULL));
		path_pop(&b->path, before);
	}
	if (n->n_children < (size_t)n->row->min)
		report_value(b, raw, n->row);
}

static void
report_unknown(struct build *b, const struct raw *key, const struct schema_row *row)
{
	char found[FOUND_MAX + 64];
	struct buf near;
	struct place at = raw_place(b, key);
	buf_init(&near, 256);
	if (schema_suggest(row, key->text, &near))
		snprintf(found, sizeof(found), "unknown key; did you mean %s?",
			 buf_text(&near));
	else
		snprintf(found, sizeof(found), "unknown key");
	buf_done(&near);

	struct buf allowed;
	buf_init(&allowed, ALLOWED_MAX * 2);
	for (const struct schema_row *child = schema_first_child(row); child != NULL;
	     child = schema_next_sibling(child)) {
		buf_append_text(&allowed, allowed.n == 0 ? "" : ", ");
		buf_append_text(&allowed, schema_key(child));
	}
	problem_error(b->problems, &at, b->path.text, found, buf_text(&allowed));
	buf_done(&allowed);
}

static bool
is_key(struct build *b, const struct raw *key)
{
	if (key->kind == RAW_SCALAR && key->n > 0 && strlen(key->text) == key->n)
		return true;
	char found[FOUND_MAX];
	struct place at = raw_place(b, key);
	describe_found(key, found);
	problem_error(b->problems, &at, b->path.text, found, "a key");
	return false;
}

static void
report_duplicate(struct build *b, const struct place *at, unsigned line)
{
	char found[64];
	snprintf(found, sizeof(found), "duplicate key; first in line %u", line);
	problem_error(b->problems, at, b->path.text, found, "each key once");
}

/* One "key: value" of a mapping of the schema's keys. */
static void
read_entry(struct build *b, const struct raw *key, const struct raw *value,
	   struct config_node *n)
{
	const struct schema_row *row = schema_child(n->row, key->text);
	if (row == NULL) {
		report_unknown(b, key, n->row);
		return;
	}
	struct place at = raw_place(b, key);
	const struct config_node *twin = node_child(n, key->text);
	if (twin != NULL) {
		report_duplicate(b, &at, twin->line);
		return;
	}
	if (row->levels != 0 && (row->levels & (1u << b->layer)) == 0) {
		problem_error(b->problems, &at, b->path.text,
			      "found at a level where it may not stand",
			      "the machine level");
	}
	/* A section without anything in it, all commented out, is as good as none. */
	if (raw_is_nothing(value) && schema_is_container(row) && !row->is_required)
		return;
	node_add(b->arena, n, read_value(b, value, row, schema_key(row)));
}

static void
read_map(struct build *b, const struct raw *raw, struct config_node *n)
{
	for (const struct raw *key = raw->first; key != NULL; key = key->next->next) {
		if (!is_key(b, key))
			continue;
		size_t before = path_push_key(&b->path, key->text);
		read_entry(b, key, key->next, n);
		path_pop(&b->path, before);
	}
}

static int
compare_by_key(const void *a, const void *b)
{
	const struct config_node *const *x = a, *const *y = b;
	int c = strcmp((*x)->key, (*y)->key);
	if (c != 0)
		return c;
	if ((*x)->line != (*y)->line)
		return (*x)->line < (*y)->line ? -1 : 1;
	return (*x)->column < (*y)->column ? -1 : (*x)->column > (*y)->column;
}

static void
check_names_unique(struct build *b, struct config_node *n)
{
	if (n->n_children > 0)
		qsort(n->children, n->n_children, sizeof(n->children[0]), compare_by_key);
	for (size_t i = 1; i < n->n_children; i++) {
		const struct config_node *twin = n->children[i - 1],
					 *node = n->children[i];
		if (strcmp(twin->key, node->key) != 0)
			continue;
		struct place at = node_place(node, n);
		size_t before = path_push_key(&b->path, node->key);
		report_duplicate(b, &at, twin->line);
		path_pop(&b->path, before);
	}
}

static void
read_named(struct build *b, const struct raw *raw, struct config_node *n)
{
	const struct schema_row *element = schema_first_child(n->row);
	if (n->row->max != 0 && raw->n_children / 2 > (size_t)n->row->max) {
		char text[64];
		struct place at = raw_place(b, raw);
		snprintf(text, sizeof(text), "at most %lld entries",
			 (long long)n->row->max);
		problem_error(b->problems, &at, b->path.text, "found more entries", text);
		n->is_broken = true;
		return;
	}
	for (const struct raw *key = raw->first; key != NULL; key = key->next->next) {
		if (!is_key(b, key))
			continue;
		size_t before = path_push_key(&b->path, key->text);
		if (!form_is_key(key->text)) {
			struct place at = raw_place(b, key);
			problem_error(b->problems, &at, b->path.text,
				      "found this as a name",
				      "1 to 64 letters, digits, - and _");
		} else {
			/* The raw tree goes away, names are kept. */
			const char *name = arena_text(b->arena, key->text, key->n);
			node_add(b->arena, n, read_value(b, key->next, element, name));
		}
		path_pop(&b->path, before);
	}
	check_names_unique(b, n);
}

/* What is not a container is a scalar. */
static const struct container {
	enum raw_kind kind;
	void (*read)(struct build *b, const struct raw *raw, struct config_node *n);
} containers[TYPE_COUNT] = {
	[TYPE_LIST] = { RAW_LIST, read_list },
	[TYPE_NAMED] = { RAW_MAP, read_named },
	[TYPE_MAP] = { RAW_MAP, read_map },
};

static struct config_node *
read_value(struct build *b, const struct raw *raw, const struct schema_row *row,
	   const char *key)
{
	struct config_node *n = node_new(b->arena, row, key);
	if (n == NULL)
		return NULL;
	n->source = b->source;
	n->line = raw->line;
	n->column = raw->column;
	n->layer = b->layer;
	const struct container *c = &containers[row->type];
	bool is_empty_entry = raw_is_nothing(raw) && row->type == TYPE_MAP;
	if (c->read == NULL) {
		read_scalar(b, raw, n);
		if (n->text != NULL)
			n->text = arena_text(b->arena, n->text, strlen(n->text));
	} else if (raw->kind == c->kind) {
		c->read(b, raw, n);
	} else if (!is_empty_entry) {
		report_value(b, raw, row);
		n->is_broken = true;
	}
	return n;
}

struct config_node *
tree_read(struct build *b, const struct raw *raw)
{
	static const struct raw nothing = { .kind = RAW_MAP, .line = 1, .column = 1 };
	if (raw == NULL || raw_is_nothing(raw))
		raw = &nothing;
	return read_value(b, raw, schema_root(), "");
}

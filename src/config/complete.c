/*
 * complete.c - lower layers below upper ones, then defaults below all, children in the
 * schema's order.
 *
 * After it every key that has a default has a node, and every list or mapping of entries
 * that has a default entry has that one, from which the others take what they do not set.
 */
#include "tree.h"

#include "tdc/base/check.h"

#include <string.h>

void
tree_overlay(struct build *b, struct config_node *upper, const struct config_node *lower)
{
	for (size_t i = 0; i < lower->n_children; i++) {
		struct config_node *from = lower->children[i];
		struct config_node *to = node_child(upper, from->key);
		if (to == NULL)
			node_add(b->arena, upper, from);
		else if (to->row->type == TYPE_MAP || to->row->type == TYPE_NAMED)
			tree_overlay(b, to, from);
		/* Else the upper one stands: a value, or a list as a whole. */
	}
}

static void complete(struct build *b, struct config_node *n,
		     const struct config_node *model);

/* A list of texts from "a b c". */
static void
default_texts(struct build *b, struct config_node *list)
{
	const struct schema_row *element = schema_first_child(list->row);
	size_t length;
	const char *word;
	for (size_t i = 0; (word = schema_word(list->row->fallback, i, &length)) != NULL;
	     i++) {
		struct config_node *n = node_new(b->arena, element, NULL);
		const char *text = arena_text(b->arena, word, length);
		if (n == NULL || text == NULL)
			return;
		check(node_set_text(n, text) == 0);
		node_add(b->arena, list, n);
	}
}

static struct config_node *
default_node(struct build *b, const struct schema_row *row)
{
	if (!schema_is_container(row) && row->fallback == NULL)
		return NULL;
	struct config_node *n = node_new(b->arena, row, schema_key(row));
	if (n == NULL)
		return NULL;
	if (!schema_is_container(row))
		check(node_set_text(n, row->fallback) == 0);
	else if (row->type == TYPE_LIST && schema_first_child(row)->type == TYPE_TEXT)
		default_texts(b, n);
	return n;
}

/* A copy of a scalar or list of the model entry; its elements are shared. */
static struct config_node *
inherited_node(struct build *b, const struct config_node *model)
{
	struct config_node *n = node_new(b->arena, model->row, model->key);
	if (n != NULL)
		*n = *model;
	return n;
}

static void
report_missing(struct build *b, const struct config_node *n, const struct schema_row *row)
{
	struct place at = node_place(n, n);
	struct buf allowed;
	buf_init(&allowed, 512);
	schema_describe_allowed(row, &allowed);
	size_t before = path_push_key(&b->path, schema_key(row));
	problem_error(b->problems, &at, b->path.text, "required, but missing",
		      buf_text(&allowed));
	path_pop(&b->path, before);
	buf_done(&allowed);
}

/* The child for a row: what was written, else the model's, else the default. NULL: it
 * stays unset. */
static struct config_node *
child_for(struct build *b, const struct config_node *n, const struct schema_row *row,
	  const struct config_node *model)
{
	struct config_node *child = node_child(n, schema_key(row));
	if (child != NULL)
		return child;
	const struct config_node *from =
		model == NULL ? NULL : node_child(model, schema_key(row));
	if (from != NULL && !row->is_required)
		return inherited_node(b, from);
	if (row->is_required && !n->is_broken)
		report_missing(b, n, row);
	return row->is_required ? NULL : default_node(b, row);
}

/* A number that was not written gives way to a smaller one that was. */
static void
cap_fallbacks(struct config_node *n)
{
	for (size_t i = 0; i < n->n_children; i++) {
		struct config_node *child = n->children[i];
		const char *key = child->row->fallback_max;
		if (key == NULL || child->layer != CONFIG_DEFAULT)
			continue;
		const struct config_node *max = node_child(n, key);
		if (max == NULL || max->is_broken || child->number <= max->number)
			continue;
		child->number = max->number;
		child->text = max->text;
	}
}

static void
complete_map(struct build *b, struct config_node *n, const struct config_node *model)
{
	struct config_node whole = { 0 };
	for (const struct schema_row *row = schema_first_child(n->row); row != NULL;
	     row = schema_next_sibling(row)) {
		struct config_node *child = child_for(b, n, row, model);
		if (child == NULL)
			continue;
		node_add(b->arena, &whole, child);
		size_t before = path_push_key(&b->path, schema_key(row));
		complete(b, child, NULL);
		path_pop(&b->path, before);
	}
	n->children = whole.children;
	n->n_children = whole.n_children;
	n->room = whole.room;
	cap_fallbacks(n);
}

/* The entry that the others take from, made when it is missing. NULL: there is none of
 * the kind. */
static struct config_node *
model_entry(struct build *b, struct config_node *n)
{
	const struct schema_row *element = schema_first_child(n->row);
	if (n->row->fallback == NULL || element->type != TYPE_MAP)
		return NULL;
	const struct schema_row *name =
		n->row->type == TYPE_LIST ? schema_entry_name(element) : NULL;
	for (size_t i = 0; i < n->n_children; i++) {
		const struct config_node *child = n->children[i];
		const struct config_node *named =
			name == NULL ? NULL : node_child(child, schema_key(name));
		const char *text = name == NULL    ? child->key
				   : named == NULL ? NULL
						   : named->text;
		if (text != NULL && strcmp(text, n->row->fallback) == 0)
			return n->children[i];
	}
	struct config_node *entry =
		node_new(b->arena, element, name == NULL ? n->row->fallback : NULL);
	if (entry == NULL)
		return NULL;
	if (name != NULL) {
		struct config_node *named = node_new(b->arena, name, schema_key(name));
		if (named == NULL || node_add(b->arena, entry, named) != 0)
			return NULL;
		check(node_set_text(named, n->row->fallback) == 0);
	}
	node_add(b->arena, n, entry);
	return entry;
}

static void
complete_entries(struct build *b, struct config_node *n)
{
	const struct config_node *model = model_entry(b, n);
	for (size_t pass = 0; pass < 2; pass++) {
		/* The model first. */
		for (size_t i = 0; i < n->n_children; i++) {
			struct config_node *child = n->children[i];
			if ((child == model) != (pass == 0))
				continue;
			size_t before = child->key != NULL
						? path_push_key(&b->path, child->key)
						: path_push_index(&b->path, i);
			complete(b, child, pass == 0 ? NULL : model);
			path_pop(&b->path, before);
		}
	}
}

static void
complete(struct build *b, struct config_node *n, const struct config_node *model)
{
	if (n->row->type == TYPE_MAP)
		complete_map(b, n, model);
	else if (n->row->type == TYPE_LIST || n->row->type == TYPE_NAMED)
		complete_entries(b, n);
}

void
tree_complete(struct build *b, struct config_node *root)
{
	complete(b, root, NULL);
}

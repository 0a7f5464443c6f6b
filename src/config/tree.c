/*
 * tree.c - nodes and paths.
 */
#include "tree.h"

#include <stdio.h>
#include <string.h>

static size_t
path_push(struct path *p, const char *format_key, size_t index)
{
	size_t before = p->n;
	size_t room = sizeof(p->text) - p->n;
	int n;
	if (format_key != NULL)
		n = snprintf(p->text + p->n, room, "%s%s", p->n == 0 ? "" : ".",
			     format_key);
	else
		n = snprintf(p->text + p->n, room, "[%zu]", index);
	p->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	return before;
}

size_t
path_push_key(struct path *p, const char *key)
{
	return path_push(p, key, 0);
}

size_t
path_push_index(struct path *p, size_t i)
{
	return path_push(p, NULL, i);
}

void
path_pop(struct path *p, size_t n)
{
	p->n = n;
	p->text[n] = '\0';
}

struct config_node *
node_new(struct arena *a, const struct schema_row *row, const char *key)
{
	struct config_node *n = arena_alloc(a, sizeof(*n));
	if (n == NULL)
		return NULL;
	n->row = row;
	n->key = key;
	return n;
}

int
node_add(struct arena *a, struct config_node *parent, struct config_node *child)
{
	if (child == NULL)
		return -1;
	if (parent->n_children == parent->room) {
		size_t room = parent->room == 0 ? 8 : parent->room * 2;
		struct config_node **children =
			arena_alloc(a, room * sizeof(struct config_node *));
		if (children == NULL)
			return -1;
		if (parent->n_children > 0)
			memcpy(children, parent->children,
			       parent->n_children * sizeof(struct config_node *));
		parent->children = children;
		parent->room = room;
	}
	parent->children[parent->n_children++] = child;
	return 0;
}

struct config_node *
node_child(const struct config_node *n, const char *key)
{
	for (size_t i = 0; i < n->n_children; i++) {
		const char *k = n->children[i]->key;
		if (k != NULL && strcmp(k, key) == 0)
			return n->children[i];
	}
	return NULL;
}

int
node_set_text(struct config_node *n, const char *text)
{
	if (n->row->type == TYPE_TEXT) {
		bool is_ok = n->row->form == NULL ? text[0] != '\0'
						  : n->row->form->is_ok(text);
		if (!is_ok)
			return -1;
	} else if (n->row->type == TYPE_WORD) {
		if (!schema_has_word(n->row, text))
			return -1;
	} else if (schema_parse_number(n->row, text, &n->number) != 0) {
		return -1;
	}
	n->text = text;
	return 0;
}

struct place
node_place(const struct config_node *n, const struct config_node *parent)
{
	if (n == NULL || n->line == 0)
		n = parent;
	return (struct place){
		.source = n->source != NULL ? n->source : "default",
		.line = n->line == 0 ? 1 : n->line,
		.column = n->column == 0 ? 1 : n->column,
	};
}

/*
 * access.c - the public reading of a tree: values by path, checked against the schema.
 */
#include "tree.h"

#include "tdc/base/check.h"

#include <stdio.h>
#include <string.h>

enum { SEGMENT_MAX = 128 };

/* What a path names: the row always, the node when there is one, and the deepest node on
 * the way. */
struct found {
	const struct schema_row *row;
	const struct config_node *node;
	const struct config_node *nearest;
};

static struct found
find(const struct config_node *n, const char *path)
{
	struct found f = { .row = n->row, .node = n, .nearest = n };
	while (*path != '\0') {
		char key[SEGMENT_MAX];
		size_t length = strcspn(path, ".");
		check(length < sizeof(key));
		memcpy(key, path, length);
		key[length] = '\0';
		path += length + (path[length] == '.');
		f.row = f.row->type == TYPE_NAMED ? schema_first_child(f.row)
						  : schema_child(f.row, key);
		check(f.row != NULL); /* no such key in the schema */
		f.node = f.node == NULL ? NULL : node_child(f.node, key);
		if (f.node != NULL && f.node->line > 0)
			f.nearest = f.node;
	}
	return f;
}

static int64_t
find_number(const struct config_node *n, const char *path, enum schema_type type)
{
	struct found f = find(n, path);
	check(f.row->type == type);
	check(f.node != NULL); /* numbers have defaults or are required */
	return f.node->number;
}

static const char *
find_text(const struct config_node *n, const char *path, enum schema_type type)
{
	struct found f = find(n, path);
	check(f.row->type == type);
	return f.node == NULL ? NULL : f.node->text;
}

bool
config_bool(const struct config_node *n, const char *path)
{
	return find_number(n, path, TYPE_BOOL) != 0;
}

int64_t
config_int(const struct config_node *n, const char *path)
{
	return find_number(n, path, TYPE_INT);
}

uint64_t
config_size(const struct config_node *n, const char *path)
{
	return (uint64_t)find_number(n, path, TYPE_SIZE);
}

int64_t
config_duration_ms(const struct config_node *n, const char *path)
{
	return find_number(n, path, TYPE_DURATION);
}

const char *
config_text(const struct config_node *n, const char *path)
{
	return find_text(n, path, TYPE_TEXT);
}

const char *
config_word(const struct config_node *n, const char *path)
{
	return find_text(n, path, TYPE_WORD);
}

bool
config_is_set(const struct config_node *n, const char *path)
{
	struct found f = find(n, path);
	return f.node != NULL && f.node->layer != CONFIG_DEFAULT;
}

enum config_layer
config_layer_of(const struct config_node *n, const char *path)
{
	struct found f = find(n, path);
	return f.node == NULL ? CONFIG_DEFAULT : f.node->layer;
}

size_t
config_count(const struct config_node *n, const char *path)
{
	struct found f = find(n, path);
	check(f.row->type == TYPE_LIST || f.row->type == TYPE_NAMED);
	return f.node == NULL ? 0 : f.node->n_children;
}

const struct config_node *
config_at(const struct config_node *n, const char *path, size_t i)
{
	struct found f = find(n, path);
	check(f.row->type == TYPE_LIST || f.row->type == TYPE_NAMED);
	check(f.node != NULL && i < f.node->n_children);
	return f.node->children[i];
}

const char *
config_name(const struct config_node *n)
{
	return n->key;
}

void
config_where(const struct config_node *n, const char *path, char *text, size_t size)
{
	struct found f = find(n, path);
	struct place at = node_place(f.nearest, n);
	snprintf(text, size, "%s:%u:%u", at.source, at.line, at.column);
}

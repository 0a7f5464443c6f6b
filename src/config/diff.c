/*
 * diff.c - which keys differ that need a restart, and what is in use until then.
 *
 * Entries of lists and mappings are compared by their names.
 */
#include "tree.h"

#include <stdio.h>
#include <string.h>

struct diff {
	config_difference_fn *fn;
	void *arg;
	struct path path;
	const struct config_node *nearest; /* of the file, on the way: what was written */
};

static void diff_nodes(struct diff *d, const struct config_node *a,
		       const struct config_node *b);

static const char *
entry_name(const struct config_node *entry)
{
	const struct schema_row *row = schema_entry_name(entry->row);
	const struct config_node *name =
		row == NULL ? NULL : node_child(entry, schema_key(row));
	return name != NULL ? name->text : entry->key;
}

static const struct config_node *
entry_by_name(const struct config_node *list, const char *name)
{
	for (size_t i = 0; i < list->n_children; i++) {
		const char *other = entry_name(list->children[i]);
		if (other != NULL && strcmp(other, name) == 0)
			return list->children[i];
	}
	return NULL;
}

/* Some key of the row, or below it, needs a restart. */
static bool
has_fixed(const struct schema_row *row)
{
	unsigned depth = schema_depth(row);
	if (row->is_fixed)
		return true;
	for (row++; row < schema + schema_count && schema_depth(row) > depth; row++) {
		if (row->is_fixed)
			return true;
	}
	return false;
}

/* The line has the form of every other problem of a file. */
static void
pass_on(void *arg, bool is_error, const char *line)
{
	const struct diff *d = arg;

	(void)is_error;
	d->fn(d->arg, d->path.text, line);
}

/* `n`: what the file has of it; NULL = nothing. */
static void
tell(struct diff *d, const struct config_node *n, const char *found)
{
	struct problems problems = { .report = pass_on, .arg = d };
	struct place at = node_place(n, d->nearest);

	problem_warning(&problems, &at, d->path.text, found, NULL);
}

/* An entry is in the file with its index or key, as in all problems; one that is not
 * there has only its name. */
static size_t
push_entry(struct diff *d, const struct config_node *list, size_t i)
{
	const char *key = list->children[i]->key;

	return key != NULL ? path_push_key(&d->path, key) : path_push_index(&d->path, i);
}

static void
tell_missing(struct diff *d, const char *name)
{
	char found[FOUND_MAX + 64], quoted[FOUND_MAX];

	problem_quote(name, strlen(name), quoted);
	snprintf(found, sizeof(found),
		 "%s is not in the file; it stays in use until a restart",
		 quoted + strlen("found "));
	tell(d, NULL, found);
}

static void
diff_entries(struct diff *d, const struct config_node *a, const struct config_node *b)
{
	for (size_t i = 0; i < a->n_children; i++) {
		const char *name = entry_name(a->children[i]);
		if (name != NULL && entry_by_name(b, name) == NULL)
			tell_missing(d, name);
	}
	for (size_t i = 0; i < b->n_children; i++) {
		const char *name = entry_name(b->children[i]);
		if (name == NULL)
			continue;
		const struct config_node *other = entry_by_name(a, name);
		size_t before = push_entry(d, b, i);
		if (other == NULL)
			tell(d, b->children[i], "new; it is not in use until a restart");
		else
			diff_nodes(d, other, b->children[i]);
		path_pop(&d->path, before);
	}
}

/* "\"x\"", or "nothing" */
static const char *
quote(const struct config_node *n, char text[FOUND_MAX])
{
	if (n == NULL)
		return "nothing";
	problem_quote(n->text, strlen(n->text), text);
	return text + strlen("found ");
}

static void
tell_values(struct diff *d, const struct config_node *in_use,
	    const struct config_node *written)
{
	char found[2 * FOUND_MAX + 64], old[FOUND_MAX], new[FOUND_MAX];

	snprintf(found, sizeof(found), "found %s; %s is in use until a restart",
		 quote(written, new), quote(in_use, old));
	tell(d, written, found);
}

static bool
is_same_value(const struct config_node *a, const struct config_node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	bool is_text = a->row->type == TYPE_TEXT || a->row->type == TYPE_WORD;
	return is_text ? strcmp(a->text, b->text) == 0 : a->number == b->number;
}

static void
diff_map(struct diff *d, const struct config_node *a, const struct config_node *b)
{
	for (const struct schema_row *row = schema_first_child(a->row); row != NULL;
	     row = schema_next_sibling(row)) {
		if (!has_fixed(row))
			continue;
		const struct config_node *x = node_child(a, schema_key(row));
		const struct config_node *y = node_child(b, schema_key(row));
		size_t before = path_push_key(&d->path, schema_key(row));
		if (!schema_is_container(row)) {
			if (!is_same_value(x, y))
				tell_values(d, x, y);
		} else if (x != NULL && y != NULL) {
			diff_nodes(d, x, y);
		}
		path_pop(&d->path, before);
	}
}

static void
diff_nodes(struct diff *d, const struct config_node *a, const struct config_node *b)
{
	const struct config_node *before = d->nearest;

	if (b->line > 0)
		d->nearest = b;
	if (a->row->type == TYPE_MAP)
		diff_map(d, a, b);
	else
		diff_entries(d, a, b);
	d->nearest = before;
}

void
config_diff_not_reloadable(const struct config *running, const struct config *file,
			   config_difference_fn *fn, void *arg)
{
	struct diff d = { .fn = fn, .arg = arg, .nearest = file->root };
	diff_nodes(&d, running->root, file->root);
}

/*
 * tree.h - the typed tree of a configuration, as the parts of this area see it.
 *
 * It is built in three steps: read (raw YAML and schema -> nodes that were written),
 * overlay (lower layers fill what upper ones left open), complete (defaults; children in
 * the schema's order). After these, and the rules that span keys, it never changes.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "problem.h"
#include "raw.h"
#include "schema.h"

#include "tdc/config/arena.h"
#include "tdc/config/config.h"

struct config_node {
	const struct schema_row *row;
	const char *key;       /* in its mapping; NULL for an element of a list  */
	const char *text;      /* of a scalar; NULL of a broken one              */
	int64_t number;        /* of a bool, int, size, duration                */
	const char *source;    /* the file's name                                */
	unsigned line, column; /* 0 = not written: a default                     */
	enum config_layer layer;
	bool is_broken; /* a problem was reported: the value says nothing  */
	struct config_node **children;
	size_t n_children, room;
};

struct config {
	struct arena arena;
	struct config_node *root;
};

/* The path of the node being worked on: "listeners[0].tls". */
enum { PATH_TEXT_MAX = 256 };
struct path {
	char text[PATH_TEXT_MAX];
	size_t n;
};
size_t path_push_key(struct path *p,
		     const char *key); /* both return what path_pop() takes */
size_t path_push_index(struct path *p, size_t i);
void path_pop(struct path *p, size_t n);

/* What the three steps share. Memory failure is in arena->failed. */
struct build {
	struct arena *arena;
	struct problems *problems;
	const char *source;
	enum config_layer layer;
	struct path path;
};

struct config_node *node_new(struct arena *a, const struct schema_row *row,
			     const char *key);
int node_add(struct arena *a, struct config_node *parent, struct config_node *child);
struct config_node *node_child(const struct config_node *n,
			       const char *key); /* NULL = none */
/* Sets text and number of a scalar. -1: not of the row's type or range. */
int node_set_text(struct config_node *n, const char *text);
struct place node_place(const struct config_node *n, const struct config_node *parent);

/* Step 1. `raw` may be NULL: an empty file. Never NULL but for lack of memory. */
struct config_node *tree_read(struct build *b, const struct raw *raw);
/* Step 2: what `lower` sets and `upper` does not goes into `upper`. */
void tree_overlay(struct build *b, struct config_node *upper,
		  const struct config_node *lower);
/* Step 3. Reports required keys that are missing. */
void tree_complete(struct build *b, struct config_node *root);
/* The rules that span keys. */
void tree_check_rules(struct build *b, const struct config_node *root);

#endif

/*
 * raw.h - YAML text to a tree of nodes that know their line and column, before any
 * meaning.
 *
 * Only the plain part of YAML is taken: one document, no tags, aliases as copies, all of
 * it under the caps below, so that a small file can never become a large tree.
 */
#ifndef CONFIG_RAW_H
#define CONFIG_RAW_H

#include "tdc/config/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	RAW_FILE_MAX = 4 * 1024 * 1024,
	RAW_DEPTH_MAX = 32,
	RAW_NODES_MAX = 250000, /* aliases counted as what they stand for */
	RAW_ANCHORS_MAX = 256,
	RAW_SCALAR_MAX = 16384,
};

enum raw_kind { RAW_SCALAR, RAW_LIST, RAW_MAP };

struct raw {
	enum raw_kind kind;
	unsigned line, column; /* from 1                                    */
	const char *text;      /* of a scalar; may hold NUL                  */
	size_t n;
	bool is_plain;            /* written without quotes                    */
	struct raw *first, *next; /* children; in a map: key, value, key, ...  */
	size_t n_children;
};

struct raw_error {
	unsigned line, column;
	const char *found;   /* constant texts                             */
	const char *context; /* "while parsing a block mapping"; may be NULL */
	unsigned context_line;
	const char *allowed; /* may be NULL                                */
	bool is_memory;
};

/* *ret is NULL for a text without any node. The tree lives in the arena. 0, or -1 with
 * *error. */
int raw_parse(const char *text, size_t n, struct arena *a, struct raw **ret,
	      struct raw_error *error);

/* A scalar that stands for "nothing": empty, ~ or null, without quotes. */
bool raw_is_nothing(const struct raw *r);

#endif

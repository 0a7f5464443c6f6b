/*
 * schema.h - the one table of all configuration keys, and how to walk it.
 *
 * A row names a key by its path: "spool" is a mapping, "spool.name" a key in it,
 * "listeners" a list and "listeners[]" its elements, "bounce_profiles" a mapping by
 * names and "bounce_profiles{}" its elements. Rows stand in the order of the
 * documentation: a parent before its children, children together. Validation, defaults,
 * manual page, JSON schema and the example file all come from here.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "form.h"

#include "tdc/base/buf.h"
#include "tdc/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
	TYPE_BOOL,
	TYPE_INT,
	TYPE_SIZE,     /* bytes                                     */
	TYPE_DURATION, /* milliseconds                              */
	TYPE_TEXT,
	TYPE_WORD,  /* one of `words`                            */
	TYPE_LIST,  /* its next row is the element               */
	TYPE_NAMED, /* a mapping by the user's names; its next row is the element */
	TYPE_MAP,   /* a mapping of the keys that follow         */
	TYPE_COUNT
};

/* Levels at which a key may stand: bits by enum config_layer; 0 = where its section may.
 * */
enum {
	LEVEL_MACHINE = 1 << CONFIG_MACHINE,
	LEVEL_GROUP = 1 << CONFIG_GROUP,
	LEVEL_CLUSTER = 1 << CONFIG_CLUSTER,
};

struct schema_row {
	const char *path;
	enum schema_type type;
	/* As it would be written. Of a list of texts: its elements, separated by spaces.
	 * Of a list or
	 * mapping of entries: the name of the entry that always exists, and from which
	 * the others take what they do not set. NULL = none: the key is optional, or
	 * required. */
	const char *fallback;
	int64_t min, max;  /* of numbers; of lists the count, max 0 = no limit */
	const char *words; /* separated by spaces                    */
	const struct text_form *form; /* NULL = any printable text       */
	/* A sibling with a number: where that is smaller, the fallback is as small. */
	const char *fallback_max;
	bool is_required;
	bool is_fixed; /* needs a restart                        */
	unsigned levels;
	const char *example; /* for the example file, where no fallback is */
	const char *doc;     /* whole sentences, plain text            */
};

extern const struct schema_row schema[];
extern const size_t schema_count;

const struct schema_row *schema_root(void);
/* The children of a mapping, or the one element row of a list or mapping by name; NULL
 * after the last. */
const struct schema_row *schema_first_child(const struct schema_row *parent);
const struct schema_row *schema_next_sibling(const struct schema_row *row);
const struct schema_row *schema_child(const struct schema_row *parent, const char *key);
/* The last part of the path; "[]" and "{}" of element rows. */
const char *schema_key(const struct schema_row *row);
unsigned schema_depth(const struct schema_row *row);

/* The key by which entries of a list are told apart: the first required one. NULL: they
 * have none. */
const struct schema_row *schema_entry_name(const struct schema_row *element);

bool schema_is_container(const struct schema_row *row);
const char *schema_type_name(enum schema_type type);

/* True when `word` is among the row's words. */
bool schema_has_word(const struct schema_row *row, const char *word);
/* The i-th of texts that are separated by single spaces; its length in *n, NULL after
 * the last. */
const char *schema_word(const char *words, size_t i, size_t *n);

/* "a size from 4K to 1G, ...": for problems, the manual and the schema's descriptions. */
void schema_describe_allowed(const struct schema_row *row, struct buf *out);
/* Parses the text of a bool, int, size or duration. */
int schema_parse_number(const struct schema_row *row, const char *text, int64_t *ret);

/* The known key nearest to a mistyped one: its path relative to `parent` or, when it
 * belongs elsewhere, from the root. False: none is near. */
bool schema_suggest(const struct schema_row *parent, const char *key, struct buf *ret);

#endif

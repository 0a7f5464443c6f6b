/*
 * config.h - the configuration: YAML in, a validated tree out.
 *
 * One schema table (src/config/schema.c) names every key: type, unit, range, default,
 * reloadable or not, the levels at which it may stand, and its documentation. The table
 * validates, and prints the man page, the JSON schema and the effective configuration. A
 * tree never changes once loaded; a reload makes a new one. Files are read at load:
 * start-up and reload run that off the loop's hot path. Any one thread.
 */
#ifndef TDC_CONFIG_CONFIG_H
#define TDC_CONFIG_CONFIG_H

#include "tdc/base/buf.h"
#include "tdc/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_node; /* a mapping, sequence or value inside a config; lives as long */

/*
 * Each problem is one line "FILE:LINE:COLUMN: KEY: what was found; what is allowed". All
 * problems of a file are reported, not only the first. -1 when there was any error;
 * warnings do not count.
 */
typedef void config_report_fn(void *arg, bool is_error, const char *line);
int config_load(const char *path, config_report_fn *report, void *arg,
		struct config **ret, struct err *e);
int config_parse(const char *text, size_t n, const char *name, config_report_fn *report,
		 void *arg, struct config **ret, struct err *e);
void config_free(struct config *c); /* NULL is fine */

/* The layers a value can come from, lowest first. */
enum config_layer { CONFIG_DEFAULT, CONFIG_CLUSTER, CONFIG_GROUP, CONFIG_MACHINE };

/*
 * Several texts, lowest layer first: a higher one wins key by key, and entry by entry in
 * a mapping by names; a list wins as a whole. Keys that may not stand at a layer's level
 * are errors. config_parse() is this with one text of the machine's layer.
 */
struct config_source {
	const char *text;
	size_t n;
	const char *name; /* for places: the file's name, copied */
	enum config_layer layer;
};
int config_overlay(const struct config_source *sources, size_t n,
		   config_report_fn *report, void *arg, struct config **ret,
		   struct err *e);

const struct config_node *config_root(const struct config *c);

/*
 * Values by dotted path below a node ("spool.reserve"). A key that is not set answers
 * its default. A path that is not in the schema, or a wrong type, is an error of the
 * programmer (check()). Sizes in bytes, durations in ms.
 */
bool config_bool(const struct config_node *n, const char *path);
int64_t config_int(const struct config_node *n, const char *path);
uint64_t config_size(const struct config_node *n, const char *path);
int64_t config_duration_ms(const struct config_node *n, const char *path);
const char *config_text(const struct config_node *n,
			const char *path); /* NULL = not set, no default */
const char *config_word(const struct config_node *n,
			const char *path); /* one of an enumeration     */
bool config_is_set(const struct config_node *n, const char *path);

/* Lists and mappings by name: how many, and the i-th. Elements of a sequence of scalars
 * are read with
 * config_text(element, ""). */
size_t config_count(const struct config_node *n, const char *path);
const struct config_node *config_at(const struct config_node *n, const char *path,
				    size_t i);
const char *
config_name(const struct config_node *n); /* the key of an element of a mapping by name */

/* "FILE:LINE:COLUMN" of a value, for errors found later (policy, daemon). */
void config_where(const struct config_node *n, const char *path, char *text, size_t size);

enum config_layer config_layer_of(const struct config_node *n, const char *path);

/* Prints. */
int config_print_effective(const struct config *c,
			   struct buf *out); /* YAML, every value and its layer */
int config_print_man(struct buf *out);       /* the key reference of tdc.yaml(5), mdoc */
int config_print_json_schema(struct buf *out); /* JSON Schema 2020-12                  */
int config_print_example(
	struct buf *out); /* YAML with every key, its default, its documentation */

/*
 * Where a file differs from what runs in keys that are not reloadable: for the warnings
 * of a reload. `running` is the configuration of the start, since such keys keep their
 * values until a restart. `fn` runs once for each key, with its path and the line that
 * says what was found and what is in use.
 */
typedef void config_difference_fn(void *arg, const char *path, const char *line);
void config_diff_not_reloadable(const struct config *running, const struct config *file,
				config_difference_fn *fn, void *arg);

#endif

/*
 * load.c - from files or texts to a configuration: read each layer, overlay, complete,
 * check.
 */
#include "tree.h"

#include "tdc/base/buf.h"
#include "tdc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
fail_memory(struct err *e)
{
	return err_set(e, ERR_MEMORY, 0, "no memory for the configuration");
}

static void
report_raw(struct build *b, const struct raw_error *error)
{
	struct place at = { b->source, error->line, error->column };
	char found[FOUND_MAX + 64];

	if (error->context == NULL)
		snprintf(found, sizeof(found), "%s", error->found);
	else
		snprintf(found, sizeof(found), "%s %s that began in line %u",
			 error->found, error->context, error->context_line);
	problem_error(b->problems, &at, "yaml", found, error->allowed);
}

static struct config_node *
read_source(struct build *b, const struct config_source *s)
{
	struct arena scratch;
	struct raw *raw;
	struct raw_error error;
	struct config_node *root = NULL;

	arena_init(&scratch);
	b->source = arena_text(b->arena, s->name, strlen(s->name));
	b->layer = s->layer;
	if (b->source == NULL) {
		b->arena->failed = true;
	} else if (raw_parse(s->text, s->n, &scratch, &raw, &error) == 0) {
		root = tree_read(b, raw);
	} else if (error.is_memory) {
		b->arena->failed = true;
	} else {
		report_raw(b, &error);
	}
	arena_done(&scratch);
	return root;
}

/* Highest first, so that each lower one fills what is left open. NULL: a problem, or no
 * memory. */
static struct config_node *
read_sources(struct build *b, const struct config_source *sources, size_t n)
{
	struct config_node *root = NULL;
	bool is_whole = true;
	for (size_t i = n; i-- > 0;) {
		struct config_node *layer = read_source(b, &sources[i]);
		if (layer == NULL)
			is_whole = false;
		else if (root == NULL)
			root = layer;
		else
			tree_overlay(b, root, layer);
	}
	return is_whole && !b->arena->failed ? root : NULL;
}

static int
build_config(struct config *c, const struct config_source *sources, size_t n,
	     struct problems *problems, struct err *e)
{
	struct build b = { .arena = &c->arena, .problems = problems };
	c->root = read_sources(&b, sources, n);
	if (c->root != NULL) {
		tree_complete(&b, c->root);
		if (!c->arena.failed)
			tree_check_rules(&b, c->root);
	}
	if (c->arena.failed)
		return fail_memory(e);
	if (problems->errors == 1)
		return err_set(e, ERR_CONFIG, 0, "%s", problems->first);
	if (problems->errors > 1)
		return err_set(e, ERR_CONFIG, 0, "%u problems, the first: %s",
			       problems->errors, problems->first);
	return 0;
}

int
config_overlay(const struct config_source *sources, size_t n, config_report_fn *report,
	       void *arg, struct config **ret, struct err *e)
{
	struct problems problems = { .report = report, .arg = arg };
	struct config *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return fail_memory(e);
	arena_init(&c->arena);
	if (build_config(c, sources, n, &problems, e) != 0) {
		config_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

int
config_parse(const char *text, size_t n, const char *name, config_report_fn *report,
	     void *arg, struct config **ret, struct err *e)
{
	struct config_source source = { text, n, name, CONFIG_MACHINE };
	return config_overlay(&source, 1, report, arg, ret, e);
}

/* One byte more than allowed is read, so that raw_parse() sees that it is too much. */
static int
read_file(const char *path, struct buf *ret, struct err *e)
{
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "cannot open %s",
			       path);
	for (;;) {
		size_t room = buf_room(ret) < 65536 ? buf_room(ret) : 65536;
		if (room == 0)
			return 0;
		char *p = buf_reserve(ret, room);
		if (p == NULL)
			return fail_memory(e);
		ssize_t n = read(fd, p, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, err_kind_of_errno(errno), errno,
				       "cannot read %s", path);
		if (n == 0)
			return 0;
		buf_commit(ret, (size_t)n);
	}
}

int
config_load(const char *path, config_report_fn *report, void *arg, struct config **ret,
	    struct err *e)
{
	struct buf text;
	buf_init(&text, RAW_FILE_MAX + 1);
	int r = read_file(path, &text, e);
	if (r == 0) {
		struct span s = buf_span(&text);
		r = config_parse(s.p == NULL ? "" : s.p, s.n, path, report, arg, ret, e);
	}
	buf_done(&text);
	return r;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	arena_done(&c->arena);
	free(c);
}

const struct config_node *
config_root(const struct config *c)
{
	return c->root;
}

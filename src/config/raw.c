/*
 * raw.c - libyaml's events to a tree. The only file that knows libyaml.
 *
 * An anchor is known only once its node is complete, so that an alias within itself
 * cannot exist; an alias copies what it stands for, and the copies count against
 * RAW_NODES_MAX.
 */
#include "raw.h"

#include "tdc/base/check.h"

#include <string.h>
#include <yaml.h>

struct anchor {
	const char *name;
	const struct raw *node;
};

struct raw_parser {
	yaml_parser_t yaml;
	const char *text;
	size_t n;
	struct arena *arena;
	size_t n_nodes;
	struct anchor anchors[RAW_ANCHORS_MAX];
	size_t n_anchors;
	struct raw_error *error;
};

static int
raw_fail(struct raw_parser *p, yaml_mark_t at, const char *found, const char *allowed)
{
	*p->error = (struct raw_error){
		.line = (unsigned)at.line + 1,
		.column = (unsigned)at.column + 1,
		.found = found,
		.allowed = allowed,
	};
	return -1;
}

static int
raw_fail_memory(struct raw_parser *p)
{
	*p->error = (struct raw_error){ .is_memory = true };
	return -1;
}

/* libyaml knows no more of what is no UTF-8 than its offset. Columns count characters. */
static yaml_mark_t
raw_mark_of_offset(const struct raw_parser *p, size_t offset)
{
	yaml_mark_t at = { .index = offset };
	for (size_t i = 0; i < offset && i < p->n; i++) {
		if (p->text[i] == '\n') {
			at.line++;
			at.column = 0;
		} else if (((unsigned char)p->text[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

/* The next event, or -1 with the parser's own complaint, whose texts are constants of
 * libyaml. */
static int
raw_next(struct raw_parser *p, yaml_event_t *event)
{
	if (yaml_parser_parse(&p->yaml, event) == 1)
		return 0;
	if (p->yaml.error == YAML_MEMORY_ERROR)
		return raw_fail_memory(p);
	yaml_mark_t at = p->yaml.problem_mark;
	if (p->yaml.error == YAML_READER_ERROR)
		at = raw_mark_of_offset(p, p->yaml.problem_offset);
	const char *found =
		p->yaml.problem != NULL ? p->yaml.problem : "text that is not YAML";
	raw_fail(p, at, found, NULL);
	p->error->context = p->yaml.context;
	p->error->context_line = (unsigned)p->yaml.context_mark.line + 1;
	return -1;
}

static struct raw *
raw_new(struct raw_parser *p, enum raw_kind kind, unsigned line, unsigned column)
{
	struct raw *r = arena_alloc(p->arena, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->kind = kind;
	r->line = line;
	r->column = column;
	p->n_nodes++;
	return r;
}

static int
raw_check_room(struct raw_parser *p, yaml_mark_t at)
{
	if (p->n_nodes < RAW_NODES_MAX)
		return 0;
	return raw_fail(p, at, "more than 250000 values, aliases counted as their copies",
			"at most 250000");
}

static int
raw_copy(struct raw_parser *p, const struct raw *from, yaml_mark_t at, struct raw **ret)
{
	if (raw_check_room(p, at) != 0)
		return -1;
	struct raw *r = raw_new(p, from->kind, from->line, from->column);
	if (r == NULL)
		return raw_fail_memory(p);
	*r = *from;
	r->first = r->next = NULL;
	struct raw **end = &r->first;
	for (const struct raw *child = from->first; child != NULL; child = child->next) {
		if (raw_copy(p, child, at, end) != 0)
			return -1;
		end = &(*end)->next;
	}
	*ret = r;
	return 0;
}

static int
raw_read_alias(struct raw_parser *p, const yaml_event_t *event, struct raw **ret)
{
	const char *name = (const char *)event->data.alias.anchor;
	for (size_t i = p->n_anchors; i-- > 0;) {
		if (strcmp(p->anchors[i].name, name) == 0)
			return raw_copy(p, p->anchors[i].node, event->start_mark, ret);
	}
	return raw_fail(p, event->start_mark,
			"an alias of an anchor that is not known here",
			"an anchor that was written before, and is complete");
}

static int
raw_remember(struct raw_parser *p, const yaml_event_t *event, const yaml_char_t *name,
	     const struct raw *node)
{
	if (name == NULL)
		return 0;
	if (p->n_anchors == RAW_ANCHORS_MAX)
		return raw_fail(p, event->start_mark, "more than 256 anchors",
				"at most 256");
	const char *copy =
		arena_text(p->arena, (const char *)name, strlen((const char *)name));
	if (copy == NULL)
		return raw_fail_memory(p);
	p->anchors[p->n_anchors++] = (struct anchor){ .name = copy, .node = node };
	return 0;
}

static int
raw_read_scalar(struct raw_parser *p, const yaml_event_t *event, struct raw **ret)
{
	size_t n = event->data.scalar.length;
	if (n > RAW_SCALAR_MAX)
		return raw_fail(p, event->start_mark, "a value of more than 16384 bytes",
				"at most 16384 bytes");
	if (event->data.scalar.tag != NULL)
		return raw_fail(p, event->start_mark, "a YAML tag",
				"values without tags");
	struct raw *r = raw_new(p, RAW_SCALAR, (unsigned)event->start_mark.line + 1,
				(unsigned)event->start_mark.column + 1);
	if (r == NULL)
		return raw_fail_memory(p);
	r->text = arena_text(p->arena, (const char *)event->data.scalar.value, n);
	if (r->text == NULL)
		return raw_fail_memory(p);
	r->n = n;
	r->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	*ret = r;
	return raw_remember(p, event, event->data.scalar.anchor, r);
}

static int raw_read_node(struct raw_parser *p, const yaml_event_t *event, unsigned depth,
			 struct raw **ret);

/* Children up to the end event of the list or map. */
static int
raw_read_children(struct raw_parser *p, struct raw *parent, yaml_event_type_t end,
		  unsigned depth)
{
	struct raw **tail = &parent->first;
	for (;;) {
		yaml_event_t event;
		if (raw_next(p, &event) != 0)
			return -1;
		bool is_end = event.type == end;
		int r = is_end ? 0 : raw_read_node(p, &event, depth, tail);
		yaml_event_delete(&event);
		if (is_end || r != 0)
			return r;
		tail = &(*tail)->next;
		parent->n_children++;
	}
}

static int
raw_read_collection(struct raw_parser *p, const yaml_event_t *event, unsigned depth,
		    struct raw **ret)
{
	bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
	const yaml_char_t *tag =
		is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
	const yaml_char_t *anchor = is_list ? event->data.sequence_start.anchor
					    : event->data.mapping_start.anchor;
	if (tag != NULL)
		return raw_fail(p, event->start_mark, "a YAML tag",
				"values without tags");
	if (depth >= RAW_DEPTH_MAX)
		return raw_fail(p, event->start_mark, "nesting deeper than 32 levels",
				"at most 32 levels");
	struct raw *r = raw_new(p, is_list ? RAW_LIST : RAW_MAP,
				(unsigned)event->start_mark.line + 1,
				(unsigned)event->start_mark.column + 1);
	if (r == NULL)
		return raw_fail_memory(p);
	if (raw_read_children(p, r,
			      is_list ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT,
			      depth + 1) != 0)
		return -1;
	*ret = r;
	return raw_remember(p, event, anchor, r);
}

static int
raw_read_node(struct raw_parser *p, const yaml_event_t *event, unsigned depth,
	      struct raw **ret)
{
	if (raw_check_room(p, event->start_mark) != 0)
		return -1;
	if (event->type == YAML_ALIAS_EVENT)
		return raw_read_alias(p, event, ret);
	if (event->type == YAML_SCALAR_EVENT)
		return raw_read_scalar(p, event, ret);
	return raw_read_collection(p, event, depth, ret);
}

/* stream start, document start, the one node, document end, stream end */
static int
raw_read_stream(struct raw_parser *p, struct raw **ret)
{
	unsigned documents = 0;
	for (;;) {
		yaml_event_t event;
		if (raw_next(p, &event) != 0)
			return -1;
		yaml_event_type_t type = event.type;
		int r = 0;
		if (type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
			r = raw_fail(p, event.start_mark, "a second YAML document",
				     "one document");
		else if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT ||
			 type == YAML_SEQUENCE_START_EVENT ||
			 type == YAML_MAPPING_START_EVENT)
			r = raw_read_node(p, &event, 0, ret);
		yaml_event_delete(&event);
		if (r != 0 || type == YAML_STREAM_END_EVENT)
			return r;
	}
}

int
raw_parse(const char *text, size_t n, struct arena *a, struct raw **ret,
	  struct raw_error *error)
{
	*ret = NULL;
	if (n > RAW_FILE_MAX) {
		*error = (struct raw_error){ .line = 1,
					     .column = 1,
					     .found = "a file of more than 4 MiB",
					     .allowed = "at most 4 MiB" };
		return -1;
	}
	struct raw_parser *p = arena_alloc(a, sizeof(*p));
	if (p == NULL || yaml_parser_initialize(&p->yaml) != 1) {
		*error = (struct raw_error){ .is_memory = true };
		return -1;
	}
	p->text = text;
	p->n = n;
	p->arena = a;
	p->error = error;
	yaml_parser_set_encoding(&p->yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p->yaml, (const unsigned char *)text, n);
	int r = raw_read_stream(p, ret);
	yaml_parser_delete(&p->yaml);
	return r;
}

bool
raw_is_nothing(const struct raw *r)
{
	return r->kind == RAW_SCALAR && r->is_plain &&
	       (r->n == 0 || strcmp(r->text, "~") == 0 || strcmp(r->text, "null") == 0);
}

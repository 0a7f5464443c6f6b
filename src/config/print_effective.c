/*
 * print_effective.c - the configuration as it works: every value, and in a comment the
 * layer it is from.
 *
 * What is printed can be loaded again and says the same.
 */
#include "print.h"
#include "tree.h"

#include <string.h>

struct printer {
	struct buf *out;
	bool is_dash_due; /* the next line begins an element of a list */
};

static void print_node(struct printer *p, const struct config_node *n, size_t indent);

static void
print_indent(struct printer *p, size_t indent)
{
	print_spaces(p->out, p->is_dash_due ? indent - 2 : indent);
	if (p->is_dash_due)
		buf_append_text(p->out, "- ");
	p->is_dash_due = false;
}

static void
print_layer(struct printer *p, const struct config_node *n)
{
	static const char *const names[] = {
		[CONFIG_DEFAULT] = "default",
		[CONFIG_CLUSTER] = "cluster",
		[CONFIG_GROUP] = "group",
		[CONFIG_MACHINE] = "machine",
	};
	buf_printf(p->out, "  # %s\n", names[n->layer]);
}

static void
print_children(struct printer *p, const struct config_node *n, size_t indent)
{
	for (size_t i = 0; i < n->n_children; i++)
		print_node(p, n->children[i], indent);
}

static void
print_elements(struct printer *p, const struct config_node *n, size_t indent)
{
	for (size_t i = 0; i < n->n_children; i++) {
		const struct config_node *child = n->children[i];
		p->is_dash_due = true;
		if (child->row->type == TYPE_MAP) {
			print_children(p, child, indent + 2);
			continue;
		}
		print_indent(p, indent + 2);
		print_scalar(p->out, child->row, child->text);
		print_layer(p, child);
	}
}

static void
print_node(struct printer *p, const struct config_node *n, size_t indent)
{
	print_indent(p, indent);
	buf_append_text(p->out, n->key);
	buf_append_text(p->out, ": ");
	if (!schema_is_container(n->row)) {
		print_scalar(p->out, n->row, n->text);
		print_layer(p, n);
		return;
	}
	if (n->n_children == 0)
		buf_append_text(p->out, n->row->type == TYPE_LIST ? "[]" : "{}");
	print_layer(p, n);
	if (n->row->type == TYPE_LIST)
		print_elements(p, n, indent + 2);
	else
		print_children(p, n, indent + 2);
}

int
config_print_effective(const struct config *c, struct buf *out)
{
	struct printer p = { .out = out };
	print_children(&p, c->root, 0);
	return out->failed ? -1 : 0;
}

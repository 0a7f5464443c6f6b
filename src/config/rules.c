/*
 * rules.c - what no single key can say: rules that span keys, from tables.
 *
 * A broken value was reported already: rules look over it.
 */
#include "tree.h"

#include "tdc/base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct config_node *
child_at(const struct config_node *n, const char *path)
{
	char key[64];
	while (n != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");
		check(length < sizeof(key));
		memcpy(key, path, length);
		key[length] = '\0';
		path += length + (path[length] == '.');
		n = node_child(n, key);
	}
	return n;
}

/* The text of a word or text; NULL when unset or broken. */
static const char *
text_at(const struct config_node *n, const char *path)
{
	const struct config_node *child = child_at(n, path);
	return child == NULL ? NULL : child->text;
}

static bool
is_word(const struct config_node *n, const char *path, const char *word)
{
	const char *text = text_at(n, path);
	return text != NULL && strcmp(text, word) == 0;
}

/* Unset, and not only broken. */
static bool
is_missing(const struct config_node *n, const char *path)
{
	return child_at(n, path) == NULL;
}

/* Reports at a key below n: b->path is n's. */
static void
complain(struct build *b, const struct config_node *n, const char *key, const char *found,
	 const char *allowed)
{
	struct place at = node_place(child_at(n, key), n);
	size_t before = path_push_key(&b->path, key);
	problem_error(b->problems, &at, b->path.text, found, allowed);
	path_pop(&b->path, before);
}

/* The same as a warning, also below a section that was not written. */
static void
warn(struct build *b, const struct config_node *root, const struct config_node *n,
     const char *key, const char *found)
{
	struct place at = node_place(child_at(n, key), n->line > 0 ? n : root);
	size_t before = path_push_key(&b->path, key);
	problem_warning(b->problems, &at, b->path.text, found, NULL);
	path_pop(&b->path, before);
}

/* ---- entries that must differ */

static const struct unique_rule {
	const char *list, *key, *except;
} unique_rules[] = {
	{ "listeners", "name", NULL },
	{ "listeners", "address", ":0" }, /* port 0: any free one */
	{ "incoming_mail_policies.policies", "name", NULL },
	{ "smtp_routes", "domain", NULL },
	{ "destination_controls", "domain", NULL },
};

struct named_entry {
	const char *text;
	const struct config_node *value;
	size_t i;
};

static int
compare_entries(const void *a, const void *b)
{
	const struct named_entry *x = a, *y = b;
	int c = strcasecmp(x->text, y->text);
	return c != 0 ? c : x->i < y->i ? -1 : x->i > y->i;
}

static void
report_twins(struct build *b, const struct unique_rule *rule,
	     const struct config_node *list, const struct named_entry *entries, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (strcasecmp(entries[i - 1].text, entries[i].text) != 0)
			continue;
		char found[FOUND_MAX + 64], quoted[FOUND_MAX];
		problem_quote(entries[i].text, strlen(entries[i].text), quoted);
		snprintf(found, sizeof(found), "%s again; first in line %u", quoted,
			 entries[i - 1].value->line);
		size_t before = path_push_key(&b->path, rule->list);
		path_push_index(&b->path, entries[i].i);
		complain(b, list->children[entries[i].i], rule->key, found,
			 "each one once");
		path_pop(&b->path, before);
	}
}

static void
check_unique(struct build *b, const struct config_node *root,
	     const struct unique_rule *rule)
{
	const struct config_node *list = child_at(root, rule->list);
	size_t n = 0;
	if (list == NULL || list->n_children < 2)
		return;
	struct named_entry *entries =
		arena_alloc(b->arena, list->n_children * sizeof(struct named_entry));
	if (entries == NULL)
		return;
	for (size_t i = 0; i < list->n_children; i++) {
		const struct config_node *value = child_at(list->children[i], rule->key);
		if (value == NULL || value->text == NULL)
			continue;
		size_t length = strlen(value->text);
		size_t except = rule->except == NULL ? 0 : strlen(rule->except);
		if (except > 0 && length >= except &&
		    strcmp(value->text + length - except, rule->except) == 0)
			continue;
		entries[n++] = (struct named_entry){ value->text, value, i };
	}
	if (n > 1)
		qsort(entries, n, sizeof(entries[0]), compare_entries);
	report_twins(b, rule, list, entries, n);
}

/* ---- pairs of numbers in order */

static const struct order_rule {
	const char *section; /* its entries when it is a list or a mapping by names */
	const char *lower, *higher;
} order_rules[] = {
	{ "listeners", "max_header_size", "max_message_size" },
	{ "spool", "inline_max", "segment_max" },
	{ "spool", "segment_max", "segment_size" },
	{ "destination_controls", "probe_first", "probe_longest" },
	{ "bounce_profiles", "first_wait", "longest_wait" },
};

static void
check_order(struct build *b, const struct config_node *n, const struct order_rule *rule)
{
	const struct config_node *lower = child_at(n, rule->lower);
	const struct config_node *higher = child_at(n, rule->higher);
	if (lower == NULL || higher == NULL || lower->is_broken || higher->is_broken ||
	    lower->number <= higher->number)
		return;
	/* The one that was written is told. */
	bool is_lower = lower->layer != CONFIG_DEFAULT;
	char found[128], allowed[128];
	snprintf(found, sizeof(found), "found \"%.60s\"",
		 is_lower ? lower->text : higher->text);
	snprintf(allowed, sizeof(allowed), "at %s %s, which is %.60s%s",
		 is_lower ? "most" : "least", is_lower ? rule->higher : rule->lower,
		 is_lower ? higher->text : lower->text,
		 (is_lower ? higher : lower)->layer == CONFIG_DEFAULT ? " by default"
								      : "");
	complain(b, n, is_lower ? rule->lower : rule->higher, found, allowed);
}

/* ---- rules with a function; `section` as above, "" = the whole */

static void
check_listener_tls(struct build *b, const struct config_node *root,
		   const struct config_node *n)
{
	(void)root;
	if (text_at(n, "tls") == NULL || is_word(n, "tls", "off"))
		return;
	if (is_missing(n, "certificate_file"))
		complain(b, n, "certificate_file",
			 "required where tls is not off, but missing",
			 "an absolute path");
	if (is_missing(n, "key_file"))
		complain(b, n, "key_file", "required where tls is not off, but missing",
			 "an absolute path");
}

static void
check_client_certificate(struct build *b, const struct config_node *root,
			 const struct config_node *n)
{
	(void)root;
	if (is_missing(n, "certificate_file") != is_missing(n, "key_file"))
		complain(b, n,
			 is_missing(n, "key_file") ? "key_file" : "certificate_file",
			 "missing, while its counterpart is set",
			 "both certificate_file and key_file, or none");
}

static void
check_log_path(struct build *b, const struct config_node *root,
	       const struct config_node *n)
{
	(void)root;
	if (is_word(n, "target", "file") && is_missing(n, "path"))
		complain(b, n, "path", "required where target is file, but missing",
			 "an absolute path");
}

/* Nobody would ask for them. */
static void
check_incoming_domains(struct build *b, const struct config_node *root,
		       const struct config_node *n)
{
	const struct config_node *listeners = child_at(root, "listeners");
	const struct config_node *domains = child_at(n, "incoming_domains");

	if (domains == NULL || domains->n_children == 0 || listeners == NULL)
		return;
	for (size_t i = 0; i < listeners->n_children; i++)
		if (is_word(listeners->children[i], "direction", "auto"))
			return;
	warn(b, root, n, "incoming_domains",
	     "set, while no listener has the direction auto: it has no effect");
}

/* The group is that of the user: nothing is done with it alone. */
static void
check_group(struct build *b, const struct config_node *root, const struct config_node *n)
{
	if (!is_missing(n, "group") && is_missing(n, "user"))
		warn(b, root, n, "group",
		     "set without user, which it belongs to: it has no effect");
}

static void
check_connector(struct build *b, const struct config_node *root,
		const struct config_node *n)
{
	const struct config_node *enabled = child_at(n, "enabled");
	bool is_missing_intake = is_missing(n, "message_intake_address");

	if (enabled == NULL || enabled->is_broken)
		return;
	if (enabled->number == 0) {
		warn(b, root, n, "enabled",
		     is_missing_intake ? "mail is accepted and not journaled while "
					 "connector.enabled is false and no "
					 "connector.message_intake_address is set"
				       : "mail is accepted and not journaled while "
					 "connector.enabled is false");
		return;
	}
	if (is_missing_intake)
		complain(b, n, "message_intake_address",
			 "required where the connector is enabled, but missing",
			 "a mail address such as user@domain");
	if (is_word(root, "incoming_mail_policies.default.intake", "no")) {
		struct place at = node_place(
			child_at(root, "incoming_mail_policies.default.intake"), n);
		problem_warning(
			b->problems, &at, "incoming_mail_policies.default.intake",
			"found \"no\" while the connector is enabled: mail that no other "
			"policy takes is accepted and not journaled",
			NULL);
	}
}

/* For the default policy and for the others. */
static void
check_intake(struct build *b, const struct config_node *root, const struct config_node *n)
{
	const char *custom = text_at(n, "message_intake_address");
	const char *global = text_at(root, "connector.message_intake_address");
	if (is_word(n, "intake", "custom") && is_missing(n, "message_intake_address"))
		complain(b, n, "message_intake_address",
			 "required where intake is custom, but missing",
			 "a mail address such as user@domain");
	if (custom == NULL || global == NULL || !is_word(n, "intake", "custom"))
		return;
	const char *domain = strrchr(custom, '@'), *wanted = strrchr(global, '@');
	if (domain == NULL || wanted == NULL || strcasecmp(domain, wanted) == 0)
		return;
	char found[FOUND_MAX], allowed[FOUND_MAX + 64], quoted[FOUND_MAX];
	problem_quote(custom, strlen(custom), found);
	problem_quote(wanted, strlen(wanted), quoted);
	snprintf(allowed, sizeof(allowed),
		 "an address in the domain of the global intake, %s",
		 quoted + strlen("found "));
	complain(b, n, "message_intake_address", found, allowed);
}

/* A broken one was meant to be set. */
static bool
is_set_size(const struct config_node *n, const char *key)
{
	const struct config_node *size = child_at(n, key);

	return size == NULL || size->is_broken || size->number > 0;
}

/* Whoever means all mail has the default policy for that. */
static void
check_conditions(struct build *b, const struct config_node *n)
{
	static const char *const lists[] = { "sender",        "not_sender", "recipient",
					     "not_recipient", "client",     "not_client",
					     "header",        "not_header" };

	if (is_set_size(n, "larger_than") || is_set_size(n, "smaller_than"))
		return;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct config_node *list = child_at(n, lists[i]);
		if (list == NULL || list->is_broken || list->n_children > 0)
			return;
	}
	complain(b, n, "recipient",
		 "no pattern of a sender or recipient, and no condition",
		 "at least one of sender, recipient, client, header, larger_than, "
		 "smaller_than, or of their not_ forms");
}

static bool
has_entries(const struct config_node *n, const char *key)
{
	const struct config_node *list = child_at(n, key);

	return list != NULL && !list->is_broken && list->n_children > 0;
}

/* "From here, but not to there" is what one would read; "or anybody else" is what it is. */
static void
check_negation(struct build *b, const struct config_node *n, const char *other,
	       const char *side, const char *negation)
{
	char found[FOUND_MAX];

	if (!has_entries(n, other) || has_entries(n, side) || !has_entries(n, negation))
		return;
	snprintf(found, sizeof(found),
		 "set without %s, beside %s: it would take all others", side, other);
	complain(b, n, negation, found, "two policies, or a list on its own side");
}

static void
check_sizes(struct build *b, const struct config_node *n)
{
	const struct config_node *larger = child_at(n, "larger_than");
	const struct config_node *smaller = child_at(n, "smaller_than");
	char found[FOUND_MAX];

	if (larger == NULL || smaller == NULL || larger->is_broken ||
	    smaller->is_broken || smaller->number == 0 ||
	    larger->number + 1 < smaller->number)
		return;
	problem_quote(smaller->text, strlen(smaller->text), found);
	complain(b, n, "smaller_than", found,
		 "more than larger_than: no message is both");
}

static void
check_policy(struct build *b, const struct config_node *root, const struct config_node *n)
{
	check_intake(b, root, n);
	const char *name = text_at(n, "name");
	if (name != NULL && strcasecmp(name, "DEFAULT") == 0)
		complain(b, n, "name", "found the default policy's name",
			 "any other name");
	check_conditions(b, n);
	check_negation(b, n, "sender", "recipient", "not_recipient");
	check_negation(b, n, "recipient", "sender", "not_sender");
	check_sizes(b, n);
}

static void
check_bounce_profile(struct build *b, const struct config_node *root,
		     const struct config_node *n)
{
	const char *name = text_at(n, "bounce_profile");
	const struct config_node *profiles = child_at(root, "bounce_profiles");
	if (name == NULL || profiles == NULL || profiles->is_broken ||
	    node_child(profiles, name) != NULL)
		return;
	char found[FOUND_MAX];
	problem_quote(name, strlen(name), found);
	complain(b, n, "bounce_profile", found, "a name in bounce_profiles, or default");
}

/* Whoever wants no journals has a policy for that; and a feeder is told 250. */
static void
check_route(struct build *b, const struct config_node *root, const struct config_node *n)
{
	const struct config_node *hops = child_at(n, "next_hops");
	const char *domain = text_at(n, "domain");
	char found[FOUND_MAX + 64];

	if (domain == NULL || hops == NULL || hops->n_children != 1 ||
	    hops->children[0]->text == NULL ||
	    strcmp(hops->children[0]->text, "/dev/null") != 0)
		return;
	snprintf(found, sizeof(found),
		 "journals for %s are dropped: the next hop is /dev/null", domain);
	warn(b, root, n, "next_hops", found);
}

typedef void rule_fn(struct build *b, const struct config_node *root,
		     const struct config_node *n);

static const struct rule {
	const char *section;
	rule_fn *run;
} rules[] = {
	{ "", check_group },
	{ "", check_incoming_domains },
	{ "listeners", check_listener_tls },
	{ "connector", check_connector },
	{ "incoming_mail_policies.default", check_intake },
	{ "incoming_mail_policies.policies", check_policy },
	{ "smtp_routes", check_route },
	{ "destination_controls", check_bounce_profile },
	{ "tls", check_client_certificate },
	{ "log", check_log_path },
};

/* Runs a rule on a section, or on each of its entries, with the path set. */
static void
run_rule(struct build *b, const struct config_node *root, const struct rule *rule,
	 const struct order_rule *order)
{
	const char *path = rule != NULL ? rule->section : order->section;
	const struct config_node *section = child_at(root, path);
	if (section == NULL)
		return;
	bool is_map = section->row->type == TYPE_MAP;
	size_t n = is_map ? 1 : section->n_children;
	size_t before = b->path.n;
	if (path[0] != '\0')
		path_push_key(&b->path, path);
	for (size_t i = 0; i < n; i++) {
		const struct config_node *node = is_map ? section : section->children[i];
		size_t inner = b->path.n;
		if (!is_map && node->key != NULL)
			path_push_key(&b->path, node->key);
		else if (!is_map)
			path_push_index(&b->path, i);
		if (!node->is_broken && rule != NULL)
			rule->run(b, root, node);
		else if (!node->is_broken)
			check_order(b, node, order);
		path_pop(&b->path, inner);
	}
	path_pop(&b->path, before);
}

void
tree_check_rules(struct build *b, const struct config_node *root)
{
	for (size_t i = 0; i < sizeof(unique_rules) / sizeof(unique_rules[0]); i++)
		check_unique(b, root, &unique_rules[i]);
	for (size_t i = 0; i < sizeof(order_rules) / sizeof(order_rules[0]); i++)
		run_rule(b, root, NULL, &order_rules[i]);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		run_rule(b, root, &rules[i], NULL);
}

/*
 * compile.c - from the configuration to a policy set: strings copied, patterns indexed.
 *
 * The schema has checked the forms; what is left are addresses, next hops, and
 * references.
 */
#include "next_hop.h"
#include "set.h"

#include "tdc/base/check.h"
#include "tdc/mime/scan.h"
#include "tdc/smtp/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LABEL_MAX = 128 }; /* a key with its indices */

struct compiler {
	struct policy_set *set;
	struct arena *arena;
	const struct config_node *root;
	config_report_fn *report;
	void *report_arg;
	struct err first;
	unsigned problems;
};

static void
complain(struct compiler *c, const struct config_node *n, const char *key,
	 const char *label, const char *found, const char *allowed)
{
	char where[512];
	struct err e;
	config_where(n, key, where, sizeof(where));
	err_set(&e, ERR_CONFIG, 0, "%s: %s: found \"%.80s\"; allowed: %s", where, label,
		found, allowed);
	if (c->problems++ == 0)
		c->first = e;
	if (c->report != NULL)
		c->report(c->report_arg, true, e.text);
}

static const char *
copy(struct compiler *c, const char *text)
{
	return text == NULL ? NULL : arena_text(c->arena, text, strlen(text));
}

/* Empty for lack of memory. */
static struct span
copy_span(struct compiler *c, struct span s)
{
	const char *text = arena_text(c->arena, s.p, s.n);
	return span_make(text, text == NULL ? 0 : s.n);
}

/* A domain or pattern of one, normalized and copied. */
static struct span
copy_domain(struct compiler *c, const char *text)
{
	struct buf *key = &c->set->key;
	buf_clear(key);
	smtp_domain_normalize(span_of(text), key);
	return copy_span(c, buf_span(key));
}

/* An intake must be a whole address; copied, NULL when it is not. */
static const char *
compile_intake(struct compiler *c, const struct config_node *n, const char *key,
	       const char *label)
{
	const char *text = config_text(n, key);
	struct smtp_address address;
	if (text == NULL)
		return NULL;
	if (smtp_address_parse(span_of(text), &address) == SMTP_ADDRESS_OK &&
	    address.domain.n > 0)
		return copy(c, text);
	complain(c, n, key, label, text, "a mail address such as user@domain");
	return NULL;
}

static void
set_policy(struct compiler *c, struct policy *p, const char *name, const char *intake)
{
	const char *at = intake == NULL ? NULL : strrchr(intake, '@');
	p->name = copy(c, name);
	p->intake = intake;
	p->destination = at == NULL ? NULL : copy_domain(c, at + 1).p;
}

/* Returns how many there were. */
static size_t
add_patterns(struct compiler *c, const struct config_node *n, const char *key,
	     struct text_index *index, uint32_t policy)
{
	size_t count = config_count(n, key);
	for (size_t i = 0; i < count; i++) {
		const char *text = config_text(config_at(n, key, i), "");
		struct span s = copy_span(c, address_pattern_key(&c->set->key, text));
		if (s.n > 0)
			text_index_add(index, c->arena, s, policy);
	}
	return count;
}

/* False: the policy has none, on this side. */
static bool
add_side(struct compiler *c, const struct config_node *n, const char *yes_key,
	 const char *no_key, struct patterns *x, uint32_t policy)
{
	size_t yes = add_patterns(c, n, yes_key, &x->yes, policy);
	size_t no = add_patterns(c, n, no_key, &x->no, policy);
	if (yes == 0 && no > 0)
		x->open[x->n_open++] = policy;
	return yes + no > 0;
}

static void
compile_networks(struct compiler *c, const struct config_node *n, const char *key,
		 struct networks *ret)
{
	size_t count = config_count(n, key);
	struct err e;
	ret->at = arena_alloc(c->arena, count * sizeof(struct network));
	if (ret->at == NULL)
		return;
	for (; ret->n < count; ret->n++) {
		const struct config_node *element = config_at(n, key, ret->n);
		const char *text = config_text(element, "");
		if (network_parse(text, &ret->at[ret->n], &e) != 0)
			complain(c, element, "", key, text,
				 "an address, a network or unix");
	}
}

static void
compile_names(struct compiler *c, const struct config_node *n, const char *key,
	      struct names *ret)
{
	size_t count = config_count(n, key);
	ret->at = arena_alloc(c->arena, count * sizeof(char *));
	if (ret->at == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		ret->at[i] = copy(c, config_text(config_at(n, key, i), ""));
	ret->n = c->arena->failed ? 0 : count;
}

/* NULL: it has none. */
static struct conditions *
compile_conditions(struct compiler *c, const struct config_node *n)
{
	struct conditions found = { .larger_than = config_size(n, "larger_than"),
				    .smaller_than = config_size(n, "smaller_than") };
	compile_networks(c, n, "client", &found.client);
	compile_networks(c, n, "not_client", &found.not_client);
	compile_names(c, n, "header", &found.header);
	compile_names(c, n, "not_header", &found.not_header);
	if (found.larger_than == 0 && found.smaller_than == 0 && found.client.n == 0 &&
	    found.not_client.n == 0 && found.header.n == 0 && found.not_header.n == 0)
		return NULL;
	struct conditions *ret = arena_alloc(c->arena, sizeof(*ret));
	if (ret != NULL)
		*ret = found;
	return ret;
}

static void
compile_matching(struct compiler *c, const struct config_node *n, uint32_t index)
{
	struct policy_set *set = c->set;
	struct policy *p = &set->policies[index];
	bool has_sender = add_side(c, n, "sender", "not_sender", &set->senders, index);
	bool has_recipient =
		add_side(c, n, "recipient", "not_recipient", &set->recipients, index);
	p->conditions = compile_conditions(c, n);
	p->is_for_all = !has_sender && !has_recipient;
	if (p->is_for_all)
		set->for_all[set->n_for_all++] = index;
}

/* Room for what has an entry for each of n policies. False: no memory. */
static bool
make_room(struct compiler *c, size_t n)
{
	struct policy_set *set = c->set;
	set->policies = arena_alloc(c->arena, n * sizeof(struct policy));
	set->senders.open = arena_alloc(c->arena, n * sizeof(uint32_t));
	set->recipients.open = arena_alloc(c->arena, n * sizeof(uint32_t));
	set->for_all = arena_alloc(c->arena, n * sizeof(uint32_t));
	set->judged = arena_alloc(c->arena, n * sizeof(uint64_t));
	return !c->arena->failed;
}

/* Of the i-th policy. */
static const char *
intake_of_policy(struct compiler *c, const struct config_node *n, size_t i)
{
	const char *word = config_word(n, "intake");
	char label[LABEL_MAX];
	if (strcmp(word, "default") == 0)
		return c->set->default_intake;
	if (strcmp(word, "no") == 0)
		return NULL;
	snprintf(label, sizeof(label),
		 "incoming_mail_policies.policies[%zu].message_intake_address", i);
	return compile_intake(c, n, "message_intake_address", label);
}

static const char *
intake_of_default(struct compiler *c)
{
	const char *word = config_word(c->root, "incoming_mail_policies.default.intake");
	const char *global =
		compile_intake(c, c->root, "connector.message_intake_address",
			       "connector.message_intake_address");
	const char *custom = "incoming_mail_policies.default.message_intake_address";
	if (strcmp(word, "no") == 0)
		return NULL;
	return strcmp(word, "global") == 0 ? global
					   : compile_intake(c, c->root, custom, custom);
}

static void
compile_directions(struct compiler *c)
{
	struct policy_set *set = c->set;
	for (size_t i = 0; i < config_count(c->root, "incoming_domains"); i++) {
		const struct config_node *n = config_at(c->root, "incoming_domains", i);
		text_index_add(&set->incoming_domains, c->arena,
			       copy_domain(c, config_text(n, "")), 0);
	}
	/* A copy whose recipients nobody knows is for the copy address itself. */
	if (set->incoming_domains.n > 0)
		text_index_add(&set->incoming_domains, c->arena,
			       copy_domain(c, config_text(c->root, "queue_domain")), 0);
	for (size_t i = 0; i < config_count(c->root, "listeners"); i++) {
		const struct config_node *n = config_at(c->root, "listeners", i);
		const char *name = config_text(n, "name");
		if (strcmp(config_word(n, "direction"), "auto") == 0)
			text_index_add(&set->asking_listeners, c->arena,
				       copy_span(c, span_of(name)), 0);
	}
	text_index_sort(&set->incoming_domains);
	text_index_sort(&set->asking_listeners);
}

static void
compile_policies(struct compiler *c)
{
	const char *list = "incoming_mail_policies.policies";
	struct policy_set *set = c->set;
	size_t n = config_count(c->root, list);
	set->is_connector_enabled = config_bool(c->root, "connector.enabled");
	set->loop_facts = MIME_HAS_LOOP_MARK;
	if (strcmp(config_word(c->root, "connector.foreign_journals"), "drop") == 0)
		set->loop_facts |= MIME_IS_JOURNAL_REPORT;
	if (!make_room(c, n + 1))
		return;
	set->default_intake = intake_of_default(c);
	for (size_t i = 0; i <= n; i++) {
		uint32_t index = (uint32_t)set->n_policies;
		struct policy *p = &set->policies[index];
		if (i == n) {
			set_policy(c, p, "DEFAULT", set->default_intake);
		} else {
			const struct config_node *node = config_at(c->root, list, i);
			const char *intake = intake_of_policy(c, node, i);
			if (!config_bool(node, "enabled"))
				continue;
			set_policy(c, p, config_text(node, "name"), intake);
			compile_matching(c, node, index);
		}
		text_index_add(&set->by_name, c->arena, span_of(p->name), index);
		set->n_policies++;
	}
	text_index_sort(&set->by_name);
	patterns_sort(&set->senders);
	patterns_sort(&set->recipients);
}

/* ---- routes */

static int
compare_hops(const void *a, const void *b)
{
	const struct next_hop *x = a, *y = b;
	return x->priority < y->priority ? -1 : x->priority > y->priority;
}

/* Sorted by priority; equal ones stay in the order in which they were written. */
static void
sort_hops(struct next_hop *hops, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct next_hop hop = hops[i];
		size_t j = i;
		for (; j > 0 && compare_hops(&hops[j - 1], &hop) > 0; j--)
			hops[j] = hops[j - 1];
		hops[j] = hop;
	}
}

/* The i-th route. */
static void
compile_route(struct compiler *c, const struct config_node *n, size_t i,
	      struct smtp_route *route)
{
	size_t count = config_count(n, "next_hops");
	struct next_hop *hops = arena_alloc(c->arena, count * sizeof(struct next_hop));
	if (hops == NULL)
		return;
	for (size_t k = 0; k < count; k++) {
		const struct config_node *element = config_at(n, "next_hops", k);
		const char *text = config_text(element, "");
		const char *allowed = next_hop_parse(text, c->arena, &hops[k]);
		char label[LABEL_MAX];
		if (allowed == NULL && hops[k].kind != NEXT_HOP_HOST && count > 1)
			allowed = "USEDNS or /dev/null alone, or hosts";
		snprintf(label, sizeof(label), "smtp_routes[%zu].next_hops[%zu]", i, k);
		if (allowed != NULL)
			complain(c, element, "", label, text, allowed);
	}
	sort_hops(hops, count);
	route->hops = hops;
	route->n_hops = count;
	route->pattern = copy(c, config_text(n, "domain"));
}

static void
compile_routes(struct compiler *c)
{
	static const struct next_hop usedns = { .kind = NEXT_HOP_USEDNS,
						.host = "",
						.port = 25 };
	struct policy_set *set = c->set;
	size_t n = config_count(c->root, "smtp_routes");
	set->routes = arena_alloc(c->arena, (n + 1) * sizeof(struct smtp_route));
	if (set->routes == NULL)
		return;
	set->n_routes = n + 1;
	set->routes[n] =
		(struct smtp_route){ .pattern = "USEDNS", .hops = &usedns, .n_hops = 1 };
	set->route_for_all = &set->routes[n];
	for (size_t i = 0; i < n; i++) {
		const struct config_node *node = config_at(c->root, "smtp_routes", i);
		compile_route(c, node, i, &set->routes[i]);
		const char *domain = config_text(node, "domain");
		if (strcasecmp(domain, "ALL") == 0)
			set->route_for_all = &set->routes[i];
		else
			text_index_add(&set->route_by_domain, c->arena,
				       copy_domain(c, domain), (uint32_t)i);
	}
	text_index_sort(&set->route_by_domain);
}

/* ---- controls and bounce profiles */

static const struct config_node *
bounce_node(struct compiler *c, const char *name)
{
	size_t n = config_count(c->root, "bounce_profiles");
	for (size_t i = 0; i < n; i++) {
		const struct config_node *node = config_at(c->root, "bounce_profiles", i);
		if (strcmp(config_name(node), name) == 0)
			return node;
	}
	return NULL;
}

static void
compile_bounce(struct compiler *c, const char *name, struct bounce_profile *ret)
{
	const struct config_node *node = bounce_node(c, name);
	check(node != NULL); /* the configuration's rules see to it */
	*ret = (struct bounce_profile){
		.name = copy(c, name),
		.max_retries = (uint32_t)config_int(node, "max_retries"),
		.max_time_in_queue_ms = config_duration_ms(node, "max_time_in_queue"),
		.first_wait_ms = config_duration_ms(node, "first_wait"),
		.longest_wait_ms = config_duration_ms(node, "longest_wait"),
	};
}

static void
compile_timeouts(const struct config_node *n, struct destination_controls *d)
{
	d->connect_timeout_ms = config_duration_ms(n, "connect_timeout");
	d->greeting_timeout_ms = config_duration_ms(n, "greeting_timeout");
	d->ehlo_timeout_ms = config_duration_ms(n, "ehlo_timeout");
	d->starttls_timeout_ms = config_duration_ms(n, "starttls_timeout");
	d->mail_timeout_ms = config_duration_ms(n, "mail_timeout");
	d->rcpt_timeout_ms = config_duration_ms(n, "rcpt_timeout");
	d->data_timeout_ms = config_duration_ms(n, "data_timeout");
	d->block_timeout_ms = config_duration_ms(n, "block_timeout");
	d->final_timeout_ms = config_duration_ms(n, "final_timeout");
	d->idle_timeout_ms = config_duration_ms(n, "idle_timeout");
	d->probe_first_ms = config_duration_ms(n, "probe_first");
	d->probe_longest_ms = config_duration_ms(n, "probe_longest");
	d->suspended_probe_ms = config_duration_ms(n, "suspended_probe");
	d->uncertain_wait_ms = config_duration_ms(n, "uncertain_wait");
}

static void
compile_control(struct compiler *c, const struct config_node *n,
		struct destination_controls *d)
{
	const char *ca_file = config_text(n, "ca_file");
	d->pattern = copy(c, config_text(n, "domain"));
	d->concurrency = (unsigned)config_int(n, "concurrency");
	d->messages_per_connection = (unsigned)config_int(n, "messages_per_connection");
	d->tls_mode = strcmp(config_word(n, "tls_mode"), "verify") == 0
			      ? TLS_MODE_VERIFY
			      : TLS_MODE_REQUIRED;
	d->ca_file =
		copy(c, ca_file != NULL ? ca_file : config_text(c->root, "tls.ca_file"));
	d->tls_name = copy(c, config_text(n, "tls_name"));
	compile_bounce(c, config_text(n, "bounce_profile"), &d->bounce);
	compile_timeouts(n, d);
}

static void
compile_controls(struct compiler *c)
{
	struct policy_set *set = c->set;
	size_t n = config_count(c->root, "destination_controls");
	set->controls = arena_alloc(c->arena, n * sizeof(struct destination_controls));
	if (set->controls == NULL)
		return;
	set->n_controls = n;
	for (size_t i = 0; i < n; i++) {
		const struct config_node *node =
			config_at(c->root, "destination_controls", i);
		compile_control(c, node, &set->controls[i]);
		const char *domain = config_text(node, "domain");
		if (strcmp(domain, "default") == 0)
			set->controls_default = &set->controls[i];
		else
			text_index_add(&set->controls_by_domain, c->arena,
				       copy_domain(c, domain), (uint32_t)i);
	}
	text_index_sort(&set->controls_by_domain);
	check(set->controls_default != NULL); /* the schema always has that entry */
}

int
policy_set_new(const struct config *config, config_report_fn *report, void *arg,
	       struct policy_set **ret, struct err *e)
{
	struct policy_set *set = calloc(1, sizeof(*set));
	if (set == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the policies");
	set->refs = 1;
	arena_init(&set->arena);
	buf_init(&set->key, POLICY_KEY_MAX);
	/* All of it now: a decision must not fail for want of a key. */
	if (buf_reserve(&set->key, POLICY_KEY_MAX) == NULL)
		set->arena.failed = true;
	buf_init(&set->rids, POLICY_RIDS_MAX);
	struct compiler c = { .set = set,
			      .arena = &set->arena,
			      .root = config_root(config),
			      .report = report,
			      .report_arg = arg };
	compile_directions(&c);
	compile_policies(&c);
	compile_routes(&c);
	compile_controls(&c);
	if (!set->arena.failed && c.problems == 0) {
		*ret = set;
		return 0;
	}
	bool is_memory = set->arena.failed;
	policy_set_unref(set);
	if (is_memory)
		return err_set(e, ERR_MEMORY, 0, "no memory for the policies");
	if (c.problems > 1)
		return err_set(e, ERR_CONFIG, 0, "%s (and %u more)", c.first.text,
			       c.problems - 1);
	return err_set(e, ERR_CONFIG, 0, "%s", c.first.text);
}

/*
 * lookup.c - reading a policy set: intakes, routes, controls; references to the set.
 */
#include "set.h"

#include "tdc/base/check.h"
#include "tdc/smtp/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct policy_set *
policy_set_ref(struct policy_set *p)
{
	p->refs++;
	return p;
}

void
policy_set_unref(struct policy_set *p)
{
	if (p == NULL)
		return;
	check(p->refs > 0);
	if (--p->refs > 0)
		return;
	arena_done(&p->arena);
	buf_done(&p->key);
	buf_done(&p->rids);
	free(p->assigned);
	free(p);
}

static const struct policy *
policy_by_name(const struct policy_set *p, const char *name)
{
	uint32_t i = text_index_find(&p->by_name, span_of(name));
	return i == TEXT_INDEX_NONE ? NULL : &p->policies[i];
}

const char *
policy_intake(const struct policy_set *p, const char *policy)
{
	const struct policy *found = policy_by_name(p, policy);
	return found == NULL ? NULL : found->intake;
}

const char *
policy_destination(const struct policy_set *p, const char *policy)
{
	const struct policy *found = policy_by_name(p, policy);
	return found == NULL ? NULL : found->destination;
}

/* The i-th destination that a policy has, each once; NULL: there is none. */
static const char *
destination_at(const struct policy_set *p, size_t i)
{
	for (size_t k = 0; k < p->n_policies; k++) {
		const char *domain = p->policies[k].destination;
		bool is_new = domain != NULL;
		for (size_t before = 0; before < k && is_new; before++)
			is_new = p->policies[before].destination == NULL ||
				 strcmp(p->policies[before].destination, domain) != 0;
		if (is_new && i-- == 0)
			return domain;
	}
	return NULL;
}

static bool
dead_end_of_policies(const struct policy_set *p, struct policy_dead_end *ret)
{
	const struct policy *last = &p->policies[p->n_policies - 1];

	if (p->is_connector_enabled && last->intake != NULL)
		return false;
	ret->drop = DROP_POLICY;
	snprintf(ret->text, sizeof(ret->text), "mail is accepted and not journaled: %s",
		 p->is_connector_enabled ? "the default policy has intake no"
					 : "the connector is disabled");
	return true;
}

bool
policy_dead_end(const struct policy_set *p, size_t i, struct policy_dead_end *ret)
{
	const char *domain;

	if (dead_end_of_policies(p, ret) && i-- == 0)
		return true;
	for (size_t k = 0; (domain = destination_at(p, k)) != NULL; k++) {
		const struct smtp_route *r = policy_route(p, domain);
		if (r->n_hops == 0 || r->hops[0].kind != NEXT_HOP_DEV_NULL || i-- > 0)
			continue;
		ret->drop = DROP_ROUTE;
		snprintf(ret->text, sizeof(ret->text),
			 "journals are dropped: the route of %s is /dev/null", domain);
		return true;
	}
	return false;
}

/* The key is built on the stack: a look-up cannot fail. A longer domain matches nothing.
 * */
static uint32_t
find_domain(const struct text_index *index, const char *domain)
{
	char room[SMTP_ADDRESS_MAX + 1];
	struct buf key = { .p = room, .cap = sizeof(room), .max = SMTP_ADDRESS_MAX };
	if (smtp_domain_normalize(span_of(domain), &key) != 0)
		return TEXT_INDEX_NONE;
	return text_index_find_domain(index, buf_span(&key));
}

const struct smtp_route *
policy_route(const struct policy_set *p, const char *domain)
{
	uint32_t i = find_domain(&p->route_by_domain, domain);
	return i == TEXT_INDEX_NONE ? p->route_for_all : &p->routes[i];
}

const struct destination_controls *
policy_controls(const struct policy_set *p, const char *domain)
{
	uint32_t i = find_domain(&p->controls_by_domain, domain);
	return i == TEXT_INDEX_NONE ? p->controls_default : &p->controls[i];
}

int64_t
bounce_profile_wait(const struct bounce_profile *b, uint32_t attempts, double random)
{
	int64_t wait = b->first_wait_ms;
	for (uint32_t i = 1; i < attempts && wait < b->longest_wait_ms; i++)
		wait = wait > INT64_MAX / 2 ? b->longest_wait_ms : wait * 2;
	if (wait > b->longest_wait_ms)
		wait = b->longest_wait_ms;
	int64_t moved = (int64_t)((double)wait * (0.9 + 0.2 * random));
	return moved < 1 ? 1 : moved;
}

/*
 * lookup.c - reading a policy set: intakes, routes, controls; references to the set.
 */
#include "set.h"

#include "tdc/base/check.h"
#include "tdc/smtp/address.h"

#include <stdlib.h>

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

/*
 * attempt.c - the hops of a route, in the order of one attempt.
 *
 * Priority first (the policy sorted them); equals take turns from attempt to attempt.
 * Names and ports are copied: a reload may replace the route meanwhile.
 */
#include "connection.h"

#include <stdio.h>

static void
add_hop(struct attempt *a, const char *host, uint16_t port)
{
	if (a->n_hops == ATTEMPT_HOPS_MAX)
		return;
	struct attempt_hop *hop = &a->hops[a->n_hops++];
	snprintf(hop->host, sizeof(hop->host), "%s", host);
	hop->port = port;
}

/* How many of the hops from `first` on have its priority. */
static size_t
equals(const struct smtp_route *r, size_t first)
{
	size_t n = 1;

	while (first + n < r->n_hops &&
	       r->hops[first + n].priority == r->hops[first].priority)
		n++;
	return n;
}

static void
add_equals(struct attempt *a, const struct destination *x, const struct next_hop *hops,
	   size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct next_hop *hop = &hops[(x->rotation + i) % n];
		if (hop->kind == NEXT_HOP_HOST)
			add_hop(a, hop->host, hop->port);
		else if (hop->kind == NEXT_HOP_USEDNS)
			add_hop(a, x->domain,
				25); /* the domain's addresses; MX is not looked up yet */
	}
}

int
attempt_begin(struct attempt *a, struct destination *x, struct err *e)
{
	const struct smtp_route *r = policy_route(x->deliver->policies, x->domain);

	*a = (struct attempt){ .was_only_refused = true };
	for (size_t i = 0; i < r->n_hops; i += equals(r, i))
		add_equals(a, x, &r->hops[i], equals(r, i));
	if (r->n_hops == 0)
		add_hop(a, x->domain, 25);
	x->rotation++;
	if (a->n_hops == 0)
		return err_set(e, ERR_CONFIG, 0, "the SMTP route of %s has no host",
			       x->domain);
	return 0;
}

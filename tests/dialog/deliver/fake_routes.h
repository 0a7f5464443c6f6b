/*
 * fake_routes.h - a policy set and a resolver in memory, put in the place of the real
 * ones by the linker.
 */
#ifndef DIALOG_DELIVER_FAKE_ROUTES_H
#define DIALOG_DELIVER_FAKE_ROUTES_H

#include "fakes.h"

/* ------------------------------------------------------------------ policies */

enum { FAKE_HOPS_MAX = 4 };
struct policy_set {
	unsigned refs;
	const char *intakes[2]; /* of "DEFAULT" and of "OTHER" */
	struct next_hop hops[FAKE_HOPS_MAX];
	struct smtp_route route;
	struct destination_controls controls;
};

struct policy_set *
policy_set_ref(struct policy_set *p)
{
	p->refs++;
	return p;
}

void
policy_set_unref(struct policy_set *p)
{
	if (p != NULL)
		p->refs--;
}

const char *
policy_intake(const struct policy_set *p, const char *policy)
{
	return p->intakes[strcmp(policy, "OTHER") == 0];
}

const char *
policy_destination(const struct policy_set *p, const char *policy)
{
	const char *intake = policy_intake(p, policy);

	return intake == NULL ? NULL : strchr(intake, '@') + 1;
}

const struct smtp_route *
policy_route(const struct policy_set *p, const char *domain)
{
	(void)domain;
	return &p->route;
}

const struct destination_controls *
policy_controls(const struct policy_set *p, const char *domain)
{
	(void)domain;
	return &p->controls;
}

int64_t
bounce_profile_wait(const struct bounce_profile *b, uint32_t attempts, double random)
{
	int64_t wait = b->first_wait_ms << (attempts - 1);

	(void)random;
	return wait < b->longest_wait_ms ? wait : b->longest_wait_ms;
}

/* ------------------------------------------------------------------ dns */

struct dns {
	struct dns_addresses found;
	struct err error;    /* instead, when its kind is set */
	const char *missing; /* this host does not exist */
	bool is_silent;      /* no answer ever comes */
	bool refuses;        /* nothing can be asked */
	unsigned queries;
};
struct dns_query {
	struct dns *dns;
	struct late *late;
	dns_addresses_fn *done;
	void *arg;
	bool is_missing;
};

static inline void
late_dns(struct late *l)
{
	static const struct err missing = { ERR_NOT_FOUND, 0, "no such host" };
	struct dns_query *q = l->query;

	if (l->is_cancelled)
		return;
	if (q->is_missing)
		q->done(q->arg, NULL, &missing);
	else if (q->dns->error.kind != ERR_NONE)
		q->done(q->arg, NULL, &q->dns->error);
	else
		q->done(q->arg, &q->dns->found, NULL);
	free(q);
}

int
dns_find_addresses(struct dns *d, const char *host, uint16_t port, dns_addresses_fn *done,
		   void *arg, struct dns_query **ret, struct err *e)
{
	struct dns_query *q;

	(void)port;
	d->queries++;
	if (d->refuses)
		return err_set(e, ERR_LIMIT, 0, "no socket");
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		abort();
	q->dns = d;
	q->done = done;
	q->arg = arg;
	q->is_missing = d->missing != NULL && strcmp(host, d->missing) == 0;
	*ret = q;
	if (d->is_silent)
		return 0;
	q->late = late_new(fake_loop, late_dns);
	q->late->query = q;
	return 0;
}

void
dns_query_cancel(struct dns_query *q)
{
	if (q->late != NULL)
		q->late->is_cancelled = true;
	free(q);
}

#endif

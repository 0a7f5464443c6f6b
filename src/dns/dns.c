/*
 * dns.c - a resolver at work: libunbound's thread finds answers, the loop fetches them.
 *
 * The resolver may be exchanged at any time. Queries belong to this object, not to the
 * resolver that is asked at the moment.
 */
#include "inside.h"

#include <stdlib.h>

static void
unbound_answers(void *arg, bool readable, bool writable)
{
	struct dns *d = arg;

	(void)readable;
	(void)writable;
	/* What it cannot read now stays readable. */
	ub_process(d->resolver->unbound);
}

static int
watch_resolver(struct dns *d, const struct dns_resolver *r, struct watch **ret,
	       struct err *e)
{
	return watch_new(d->loop, ub_fd(r->unbound), true, false, unbound_answers, d, ret,
			 e);
}

int
dns_new(struct loop *l, const struct dns_settings *s, struct dns **ret, struct err *e)
{
	struct dns *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a DNS resolver");
	d->loop = l;
	list_init(&d->queries);
	if (dns_resolver_new(s, &d->resolver, e) != 0 ||
	    watch_resolver(d, d->resolver, &d->watch, e) != 0) {
		dns_free(d);
		return -1;
	}
	*ret = d;
	return 0;
}

int
dns_reload(struct dns *d, struct dns_resolver **r, struct err *e)
{
	struct dns_resolver *old = d->resolver;
	struct watch *watch;

	if (watch_resolver(d, *r, &watch, e) != 0)
		return -1;
	watch_free(d->watch);
	d->watch = watch;
	d->resolver = *r;
	*r = old;
	for (struct list_node *n = list_first(&d->queries); n != NULL;
	     n = list_next(&d->queries, n))
		dns_query_ask_anew(list_entry(n, struct dns_query, node), old);
	return 0;
}

void
dns_free(struct dns *d)
{
	struct list_node *n;

	if (d == NULL)
		return;
	while ((n = list_first(&d->queries)) != NULL)
		dns_query_cancel(list_entry(n, struct dns_query, node));
	if (d->watch != NULL)
		watch_free(d->watch);
	dns_resolver_free(d->resolver);
	free(d);
}

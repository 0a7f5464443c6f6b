/*
 * direction.c - incoming, or outgoing and internal.
 */
#include "direction.h"

#include <string.h>
#include <strings.h>

/* An address without a domain, and one that is too long to look at, is `otherwise`. */
static bool
is_ours(struct policy_set *set, const char *address, bool otherwise)
{
	struct span domain = address_keys_make(&set->key, address).domain;

	if (domain.n == 0)
		return otherwise;
	return text_index_find_domain(&set->incoming_domains, domain) != TEXT_INDEX_NONE;
}

void
direction_begin(struct direction *d, struct policy_set *set,
		const struct spool_message *m)
{
	const char *listener = m->listener == NULL ? "" : m->listener;
	const char *source = m->forward_source;

	*d = (struct direction){ .set = set };
	if (text_index_find(&set->asking_listeners, span_of(listener)) == TEXT_INDEX_NONE)
		return;
	if (source != NULL && strcasecmp(source, "LOCAL") == 0)
		d->outside = "it began inside, as XFORWARD SOURCE says";
	else if (source == NULL && m->sender != NULL && is_ours(set, m->sender, false))
		d->outside = "its sender is in incoming_domains";
	d->asks_domains = set->incoming_domains.n > 0;
}

const char *
direction_of(const struct direction *d, const struct message_recipient *r)
{
	if (d->outside != NULL)
		return d->outside;
	if (!d->asks_domains || r->source == RECIPIENT_FROM_HEADER ||
	    is_ours(d->set, r->address, true))
		return NULL;
	return "its recipient is not in incoming_domains";
}

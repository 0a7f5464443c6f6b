/*
 * cache.c - one list in order of use. It is walked only at handshakes, beside which a
 * walk over a few hundred entries is nothing; keys are compared by length and first word
 * first.
 */
#include "cache.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct entry {
	struct list_node node;
	SSL_SESSION *session;
	struct tls_facts facts;
	size_t key_n;
	char key[];
};

void
tls_cache_init(struct tls_cache *c, size_t max)
{
	list_init(&c->entries);
	c->max = max == 0 ? TLS_CACHE_DEFAULT : max;
}

static void
entry_drop(struct tls_cache *c, struct entry *e)
{
	list_remove(&c->entries, &e->node);
	SSL_SESSION_free(e->session);
	free(e);
}

void
tls_cache_done(struct tls_cache *c)
{
	struct list_node *n;

	while ((n = list_first(&c->entries)) != NULL)
		entry_drop(c, list_entry(n, struct entry, node));
}

static bool
entry_is_for(const struct entry *e, struct span key)
{
	return span_equal(span_make(e->key, e->key_n), key);
}

/* Makes room for one more of this key and one more in all. */
static void
make_room(struct tls_cache *c, struct span key)
{
	struct list_node *next = NULL;
	size_t same = 0;

	for (struct list_node *n = list_first(&c->entries); n != NULL; n = next) {
		struct entry *e = list_entry(n, struct entry, node);

		next = list_next(&c->entries, n);
		if (entry_is_for(e, key) && ++same >= TLS_CACHE_PER_KEY)
			entry_drop(c, e);
	}
	while (c->entries.count >= c->max)
		entry_drop(c, list_entry(c->entries.head.prev, struct entry, node));
}

int
tls_cache_put(struct tls_cache *c, struct span key, SSL_SESSION *session,
	      const struct tls_facts *facts)
{
	struct entry *e = calloc(1, sizeof(*e) + key.n);

	if (e == NULL)
		return -1;
	make_room(c, key);
	e->session = session;
	e->facts = *facts;
	e->key_n = key.n;
	if (key.n > 0)
		memcpy(e->key, key.p, key.n);
	list_prepend(&c->entries, &e->node);
	return 0;
}

/* Neither the session nor the certificate that it stands for may have run out meanwhile. */
static bool
entry_is_usable(const struct entry *e)
{
	const SSL_SESSION *s = e->session;
	X509 *peer = SSL_SESSION_get0_peer(e->session);
	long long now = (long long)time(NULL);
	long long made = SSL_SESSION_get_time(s);

	if (!SSL_SESSION_is_resumable(s) || now < made ||
	    now - made >= SSL_SESSION_get_timeout(s))
		return false;
	return !e->facts.is_verified ||
	       (peer != NULL && X509_cmp_current_time(X509_get0_notAfter(peer)) > 0);
}

SSL_SESSION *
tls_cache_take(struct tls_cache *c, struct span key, struct tls_facts *facts)
{
	struct list_node *next = NULL;

	for (struct list_node *n = list_first(&c->entries); n != NULL; n = next) {
		struct entry *e = list_entry(n, struct entry, node);

		next = list_next(&c->entries, n);
		if (!entry_is_for(e, key))
			continue;
		if (!entry_is_usable(e)) {
			entry_drop(c, e);
			continue;
		}
		SSL_SESSION *session = e->session;
		SSL_SESSION_up_ref(session);
		*facts = e->facts;
		if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
			entry_drop(c, e);
		} else {
			list_remove(&c->entries, &e->node);
			list_prepend(&c->entries, &e->node);
		}
		return session;
	}
	return NULL;
}

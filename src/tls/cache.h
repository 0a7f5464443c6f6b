/*
 * cache.h - sessions that a client remembers, at most `max`, the least recently used
 * lost first.
 *
 * A key names everything that a session was negotiated and verified for; a session is
 * never given out under another key. A TLS 1.3 ticket is given out once; several are
 * kept per key.
 */
#ifndef TDC_SRC_TLS_CACHE_H
#define TDC_SRC_TLS_CACHE_H

#include "tdc/base/list.h"
#include "tdc/base/span.h"
#include "tdc/tls/tls.h"

#include <openssl/ssl.h>

enum { TLS_CACHE_DEFAULT = 256, TLS_CACHE_PER_KEY = 32 };

struct tls_cache {
	struct list entries; /* the latest first */
	size_t max;
};

void tls_cache_init(struct tls_cache *c, size_t max);
void tls_cache_done(struct tls_cache *c);

/* Takes one reference of the session. `facts` are those of the handshake that verified it. -1:
 * no memory, the reference stays with the caller. */
int tls_cache_put(struct tls_cache *c, struct span key, SSL_SESSION *session,
		  const struct tls_facts *facts);
/* A session for the caller to free, with the facts of its first handshake; or NULL. */
SSL_SESSION *tls_cache_take(struct tls_cache *c, struct span key,
			    struct tls_facts *facts);

#endif

/*
 * context.h - what the files of this area know of a context.
 */
#ifndef TDC_SRC_TLS_CONTEXT_H
#define TDC_SRC_TLS_CONTEXT_H

#include "cache.h"
#include "tdc/tls/tls.h"

#include <openssl/ssl.h>

struct tls_context {
	unsigned references;
	SSL_CTX *ssl;
	BIO_METHOD *wire;       /* how sessions read and write their stream's buffers */
	struct tls_cache cache; /* clients only                                        */
	bool is_server;
};

#endif

/*
 * wire.h - OpenSSL's input and output as the wire buffers of a stream.
 *
 * The buffers are lent for the time of one transform call. `allowed` bounds what OpenSSL
 * may take, so that it never holds a part of a record that we still have to measure.
 */
#ifndef TDC_SRC_TLS_WIRE_H
#define TDC_SRC_TLS_WIRE_H

#include "tdc/base/buf.h"

#include <openssl/bio.h>

struct tls_wire {
	struct buf *in, *out; /* NULL = none lent */
	size_t allowed;       /* bytes that may be read from `in` */
};

BIO_METHOD *tls_wire_method(void); /* NULL without memory; freed by BIO_meth_free() */
/* The BIO borrows `w`, which must outlive it. NULL without memory. */
BIO *tls_wire_bio(const BIO_METHOD *method, struct tls_wire *w);

#endif

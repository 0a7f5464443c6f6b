/*
 * verify.h - what a peer's certificate says, and the first thing that is wrong with it.
 */
#ifndef TDC_SRC_TLS_VERIFY_H
#define TDC_SRC_TLS_VERIFY_H

#include "tdc/tls/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

/* All subject alternative names, else the common name; cut with "..." at n. */
void tls_certificate_names(X509 *x, char *text, size_t n);
/* The first name, and the issuer's common name (else organisation, else all of it). */
void tls_certificate_facts(X509 *x, struct tls_facts *f);
/* The failure that OpenSSL's verification stands at, as a sentence about names and dates. */
void tls_describe_failure(X509_STORE_CTX *x, const char *wanted_name, char *text,
			  size_t n);

#endif

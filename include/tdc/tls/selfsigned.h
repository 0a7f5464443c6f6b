/*
 * selfsigned.h - certificates of our own making, for the intake simulator and for tests.
 *
 * An issuer is a root certificate and its key; what it signs is written as PEM files.
 * Keys are EC P-256. Any thread.
 */
#ifndef TDC_TLS_SELFSIGNED_H
#define TDC_TLS_SELFSIGNED_H

#include "tdc/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct tls_issuer;

int tls_issuer_new(const char *common_name, struct tls_issuer **ret, struct err *e);
void tls_issuer_free(struct tls_issuer *i); /* NULL is fine */
/* The root certificate, and its key unless that path is NULL (readable by its owner only). */
int tls_issuer_write(const struct tls_issuer *i, const char *certificate_file,
		     const char *key_file, struct err *e);
/* What was written so before. */
int tls_issuer_load(const char *certificate_file, const char *key_file,
		    struct tls_issuer **ret, struct err *e);

struct tls_leaf_settings {
	const char *common_name;
	const char *const
		*names; /* alternative names; address literals become IP entries */
	size_t name_count;
	int64_t valid_from_s; /* relative to now: -3600 is an hour ago                     */
	int64_t valid_until_s; /* relative to now                                           */
};
/* Issuer NULL: the leaf signs itself. The key file is readable by its owner only. */
int tls_leaf_write(const struct tls_issuer *issuer, const struct tls_leaf_settings *s,
		   const char *certificate_file, const char *key_file, struct err *e);

#endif

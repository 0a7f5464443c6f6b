/*
 * obsolete.h - a server that offers one version only, even one that nobody should use.
 *
 * For the intake simulator and tests, which must show that such a peer is refused. It is
 * an object file of its own, which the daemon does not link.
 */
#ifndef TDC_TLS_OBSOLETE_H
#define TDC_TLS_OBSOLETE_H

#include "tdc/base/err.h"

struct tls_context;

/* `version` is "1.0", "1.1", "1.2" or "1.3". ERR_CONFIG for anything else. */
int tls_context_pin_version(struct tls_context *c, const char *version, struct err *e);

#endif

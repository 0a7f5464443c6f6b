/*
 * certificates.h - the simulator's own CA, and the certificate that it shows.
 */
#ifndef TDC_SINK_CERTIFICATES_H
#define TDC_SINK_CERTIFICATES_H

#include "options.h"
#include "tdc/tls/tls.h"

/*
 * Makes DIR/ca.pem unless it is there, then a server certificate of the kind that is
 * asked for, and a context that shows it. ERR_SYNTAX for an unknown kind.
 */
int certificates_make(const struct options *o, const char *kind, struct tls_context **ret,
		      struct err *e);

#endif

/*
 * failure.h - OpenSSL's error queue as one sentence.
 */
#ifndef TDC_SRC_TLS_FAILURE_H
#define TDC_SRC_TLS_FAILURE_H

#include "tdc/base/err.h"

/* Fills *e from the first entry of the queue, empties the queue, returns -1. `what` starts the text. */
int tls_failure(struct err *e, enum err_kind kind, const char *what);

#endif

/*
 * bind.h - a listening socket for the HTTP server.
 */
#ifndef TDC_HTTP_BIND_H
#define TDC_HTTP_BIND_H

#include "tdc/base/err.h"

/*
 * Non-blocking and listening, or -1. A unix socket gets `mode` before anyone can connect;
 * a file that nobody listens on is replaced, a living one is ERR_BUSY. *path is its name
 * (the caller's to free and to remove), NULL with TCP.
 */
int http_bind(const char *address, unsigned mode, char **path, struct err *e);

#endif

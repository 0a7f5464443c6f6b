/*
 * http/server.h - a small HTTP/1.1 server for the admin interface, on loop's streams.
 *
 * Unix sockets and TCP. Requests are whole when the handler sees them; the answer may
 * come later. Whatever a client does, it costs at most its place among
 * HTTP_CONNECTIONS_MAX, HTTP_HEAD_MAX and HTTP_BODY_MAX bytes, and the times below; what
 * the server itself refuses is answered with problem+json (RFC 9457) and the end of the
 * connection. Loop thread only.
 */
#ifndef TDC_HTTP_SERVER_H
#define TDC_HTTP_SERVER_H

#include "tdc/base/buf.h"
#include "tdc/base/err.h"
#include "tdc/base/span.h"

#include <stdbool.h>

struct loop;
struct http_server;
struct http_request;

enum {
	/* Beyond them new ones wait to be accepted. Whoever has been silent the longest, or
	 * took nothing of its answer, loses its place to them, if that was a second or more;
	 * while none is and all are at work for longer than HTTP_WAIT_MS, a new one is
	 * answered 503. */
	HTTP_CONNECTIONS_MAX = 32,
	HTTP_SILENT_MS = 1000,
	HTTP_WAIT_MS = 5000,
	HTTP_HEAD_MAX = 16 << 10, /* request line and fields: 431           */
	HTTP_BODY_MAX = 64 << 10, /* 413                                    */
	HTTP_REQUEST_MS = 10000,  /* from its first byte to its last: 408    */
	HTTP_IDLE_MS = 60000,     /* without a request                      */
	HTTP_ANSWER_MS = 60000,   /* until the client has taken its answer   */
};

enum http_method { HTTP_GET, HTTP_POST, HTTP_DELETE, HTTP_OTHER };

/* Called once per request; it answers now or later with http_answer(), exactly once. */
typedef void http_handler_fn(void *arg, struct http_request *r);

/* "unix:/path" or "host-literal:port". A unix socket's file gets `mode`; a stale file
 * is replaced, one that is served is ERR_BUSY. */
int http_server_new(struct loop *l, const char *address, unsigned mode,
		    http_handler_fn *fn, void *arg, struct http_server **ret,
		    struct err *e);
void http_server_free(struct http_server *s); /* open requests are broken off */

enum http_method http_request_method(const struct http_request *r);
const char *
http_request_path(const struct http_request *r); /* decoded, without the query */
/* Decoded value of a query parameter, or NULL; valid until the answer. */
const char *http_request_query(const struct http_request *r, const char *name);
struct span http_request_body(const struct http_request *r);

/* Of an answer 405: its field Allow, "GET, HEAD" (RFC 9110 15.5.6). Borrowed until then. */
void http_request_allow(struct http_request *r, const char *methods);
/* Copies. Ends the request. */
void http_answer(struct http_request *r, int status, const char *content_type,
		 struct span body);

#endif

/*
 * chunked.h - a body in chunks (RFC 9112 7.1), decoded as it comes. Pure.
 */
#ifndef TDC_HTTP_CHUNKED_H
#define TDC_HTTP_CHUNKED_H

#include "head.h"

struct http_chunked { /* zeroed: at the beginning */
	enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER } at;
	size_t left;    /* of the chunk            */
	size_t trailer; /* bytes of it so far      */
};

/* Appends to `body`, whose maximum is the limit; *taken is how much of `in` was used. */
enum http_parse http_chunked_feed(struct http_chunked *c, struct span in,
				  struct buf *body, size_t *taken, int *status);

#endif

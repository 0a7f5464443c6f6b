/*
 * head.h - the head of a request: its line and the fields that frame it (RFC 9112).
 *
 * Strict: lines end with CRLF, a length is given once and in one way. Pure.
 */
#ifndef TDC_HTTP_HEAD_H
#define TDC_HTTP_HEAD_H

#include "tdc/http/server.h"

#include <stdint.h>

struct http_head {
	enum http_method method;
	bool is_head;       /* HEAD: no body in the answer          */
	struct span target; /* in the input that was parsed         */
	bool wants_close, expects_continue, is_chunked;
	uint64_t length; /* of the body, 0 when chunked          */
};

enum http_parse { PARSE_MORE, PARSE_DONE, PARSE_BAD };
/*
 * DONE: *size bytes were the head. BAD: *status is the answer. MORE: the end of the head
 * is not in the input.
 */
enum http_parse http_head_parse(struct span input, struct http_head *ret, size_t *size,
				int *status);

#endif

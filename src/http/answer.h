/*
 * answer.h - the head of an answer, and the answers that the server itself gives.
 */
#ifndef TDC_HTTP_ANSWER_H
#define TDC_HTTP_ANSWER_H

#include "tdc/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct http_answer_head {
	int status;
	const char *content_type;
	const char *allow; /* of 405, or NULL */
	size_t length;
	bool closes;
	int64_t wall_ms;
};
void http_answer_head_write(const struct http_answer_head *a, struct buf *out);
/* problem+json with the reason of the status: the whole text of the body. */
void http_problem_write(int status, struct buf *out);

enum { HTTP_ANSWER_HEAD_MAX = 1024 };

#endif

/*
 * target.h - what a request asks for: the decoded path, and the parameters behind it.
 */
#ifndef TDC_HTTP_TARGET_H
#define TDC_HTTP_TARGET_H

#include "tdc/base/span.h"

enum { HTTP_PARAMETERS_MAX = 16 };

struct http_target {
	char *text; /* owned; all others point into it */
	const char *path;
	struct {
		const char *name, *value;
	} parameters[HTTP_PARAMETERS_MAX];
	size_t n_parameters;
};

/* 0, or the status that answers it: 400, 500 without memory. */
int http_target_parse(struct span target, struct http_target *ret);
void http_target_done(struct http_target *t); /* a zeroed one is fine */

#endif

/*
 * content.h - what comes between DATA and its final dot: dots are unstuffed, strictness
 * is counted.
 *
 * Only CRLF ends a line, and only CRLF.CRLF ends the data (RFC 5321 2.3.8, 4.1.1.4). The
 * bytes may come in any pieces. Written apart from the daemon's own codec, on purpose:
 * one checks the other.
 */
#ifndef TDC_SINK_CONTENT_H
#define TDC_SINK_CONTENT_H

#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum content_state { AT_LINE_START, IN_LINE, AFTER_CR, AFTER_DOT, AFTER_DOT_CR };

struct content {
	enum content_state state;
	size_t line_length;  /* of the present line, without its end */
	uint64_t long_lines; /* over 998 octets */
	uint64_t bare_cr, bare_lf, nul, odd_dots;
	bool has_8bit;
};

/* Takes message bytes in order. */
typedef void content_fn(void *arg, const char *p, size_t n);

/* Returns how many bytes were taken; *is_end when the final dot was among them, as the last. */
size_t content_feed(struct content *c, struct span in, content_fn *put, void *arg,
		    bool *is_end);

#endif

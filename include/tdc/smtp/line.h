/*
 * line.h - command and reply lines: only CRLF ends one (RFC 5321 2.3.8).
 */
#ifndef TDC_SMTP_LINE_H
#define TDC_SMTP_LINE_H

#include "tdc/base/span.h"

#include <stdint.h>

enum smtp_line_result {
	SMTP_LINE_OK,   /* *ret is the line without CRLF, *used includes it */
	SMTP_LINE_MORE, /* no CRLF yet; ask again with more bytes */
	SMTP_LINE_TOO_LONG, /* more than `max` bytes without CRLF: the caller discards up to and
			     * including the next CRLF, and answers 500 once */
};

/* `scanned` remembers how far earlier calls looked (start with 0; the callee resets it on OK). */
enum smtp_line_result smtp_line_take(struct span input, size_t max, size_t *scanned,
				     struct span *ret, size_t *used);

#endif

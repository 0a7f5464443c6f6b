/*
 * utf8.h - is it UTF-8 (RFC 3629), with sequences cut anywhere by the chunks?
 */
#ifndef TDC_SRC_MIME_UTF8_H
#define TDC_SRC_MIME_UTF8_H

#include "tdc/base/span.h"

struct mime_utf8 {
	unsigned char left;      /* bytes that the sequence still wants            */
	unsigned char low, high; /* range of the next one                          */
	bool has_8bit;
	bool is_bad;
};

void mime_utf8_feed(struct mime_utf8 *u, const char *p, size_t n);
/* An unfinished sequence at the end is bad. True when all was UTF-8. */
bool mime_utf8_finish(struct mime_utf8 *u);

bool mime_utf8_is_valid(struct span bytes);
/* The largest length up to `max` that does not cut a sequence of valid UTF-8. */
size_t mime_utf8_cut(struct span bytes, size_t max);

#endif

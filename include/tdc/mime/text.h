/*
 * text.h - header values and transfer encodings: RFC 2047, RFC 5322 2.2.3, RFC 2045 6.8.
 *
 * Pure. Everything written by these can stand in a header field: no CR, LF, NUL or other
 * control byte ever comes out, whatever went in.
 */
#ifndef TDC_MIME_TEXT_H
#define TDC_MIME_TEXT_H

#include "tdc/base/buf.h"
#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Decodes encoded words to UTF-8; what cannot be decoded stays as it is; control bytes become
 * spaces. For reports and logs. */
int mime_words_decode(struct span value, struct buf *ret);

/*
 * Writes "Name: value" CRLF, folded at 78 where spaces allow and never over 998. Control bytes become
 * '?'; bytes over 127 are written as RFC 2047 encoded words, unless `utf8_allowed`.
 */
int mime_field_write(struct buf *out, const char *name, struct span value,
		     bool utf8_allowed);

/* base64 in lines of 76 with CRLF, streamed. encoded_size gives the exact total beforehand. */
struct mime_base64 {
	unsigned char held[3];
	unsigned held_n, column;
};
void mime_base64_init(struct mime_base64 *b);
int mime_base64_encode(struct mime_base64 *b, struct span in, struct buf *out);
/* ends with CRLF unless nothing came */
int mime_base64_finish(struct mime_base64 *b, struct buf *out);
uint64_t mime_base64_encoded_size(uint64_t n);

#endif

/*
 * charset.h - the character sets that encoded words are read from: by our own tables, so
 * that nothing is loaded from disk because a message says so.
 */
#ifndef TDC_SRC_MIME_CHARSET_H
#define TDC_SRC_MIME_CHARSET_H

#include "tdc/base/buf.h"
#include "tdc/base/span.h"

enum mime_charset {
	MIME_CHARSET_UNKNOWN,
	MIME_CHARSET_UTF_8,
	MIME_CHARSET_US_ASCII,
	MIME_CHARSET_LATIN_1, /* ISO-8859-1 and windows-1252: one table serves both */
};

enum mime_charset mime_charset_find(struct span name);
/*
 * Appends UTF-8; control bytes become spaces. -1, and nothing appended, when the bytes
 * are not of the character set.
 */
int mime_charset_decode(enum mime_charset c, struct span bytes, struct buf *ret);
/* The same for bytes that are taken as they are. */
int mime_text_append(struct span bytes, struct buf *ret);

#endif

/*
 * base64.h - base64 without lines.
 */
#ifndef TDC_SRC_MIME_BASE64_H
#define TDC_SRC_MIME_BASE64_H

#include <stddef.h>

/* Writes 4 characters for every 3 bytes begun, padded; returns how many. */
size_t mime_base64_write(const unsigned char *p, size_t n, char *to);

#endif

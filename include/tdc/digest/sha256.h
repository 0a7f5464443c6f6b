/*
 * sha256.h - SHA-256 over libcrypto, incrementally.
 *
 * The context is reusable and costs no allocation per message. Any one thread.
 */
#ifndef TDC_DIGEST_SHA256_H
#define TDC_DIGEST_SHA256_H

#include "tdc/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_TEXT_MAX = 65 };

struct sha256; /* heap */
int sha256_new(struct sha256 **ret, struct err *e);
void sha256_free(struct sha256 *h);
void sha256_start(struct sha256 *h); /* forgets what came before */
void sha256_update(struct sha256 *h, const void *p, size_t n);
/* Takes over what `from` has been given so far. */
int sha256_copy(struct sha256 *to, const struct sha256 *from, struct err *e);
void sha256_finish(struct sha256 *h, uint8_t digest[SHA256_BYTES]);
void sha256_format(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT_MAX]);

#endif

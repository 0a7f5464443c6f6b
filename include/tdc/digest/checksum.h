/*
 * checksum.h - XXH3 of 128 bits over libxxhash, incrementally: whether bytes that come back
 * from the disk are those that went there.
 *
 * Against accidents, at a tenth of the price of SHA-256; whoever can write to the spool can
 * change the checksum with the bytes, as with any digest that lies beside them. The context
 * is reusable and costs no allocation per message. Any one thread.
 */
#ifndef TDC_DIGEST_CHECKSUM_H
#define TDC_DIGEST_CHECKSUM_H

#include "tdc/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { CHECKSUM_BYTES = 16 };

struct checksum; /* heap */
int checksum_new(struct checksum **ret, struct err *e);
void checksum_free(struct checksum *c);  /* NULL is fine */
void checksum_start(struct checksum *c); /* forgets what came before */
void checksum_update(struct checksum *c, const void *p, size_t n);
/* The canonical form: the same on every machine. */
void checksum_finish(struct checksum *c, uint8_t sum[CHECKSUM_BYTES]);

#endif

/*
 * addresses.h - the addresses in header fields: RFC 5322 3.4, read with tolerance.
 */
#ifndef TDC_SRC_MIME_ADDRESSES_H
#define TDC_SRC_MIME_ADDRESSES_H

#include "tdc/base/buf.h"
#include "tdc/base/span.h"

#include <stdint.h>

enum {
	MIME_ADDRESSES_MAX = 1000,
	MIME_ADDRESS_MAX = 512,    /* longer ones are passed over              */
	MIME_ADDRESS_SLOTS = 2048, /* a power of two over MIME_ADDRESSES_MAX */
};

/* Addresses in order, each once (ASCII case apart). */
struct mime_addresses {
	struct buf text; /* one behind the other, 64 KiB at most */
	size_t n;
	struct {
		uint16_t off, n, slot;
	} items[MIME_ADDRESSES_MAX];
	uint16_t slots[MIME_ADDRESS_SLOTS]; /* hash table of index + 1 */
};

void mime_addresses_init(struct mime_addresses *a);
void mime_addresses_done(struct mime_addresses *a);
void mime_addresses_clear(struct mime_addresses *a);
/* Adds what one field's value holds; no LF or CR is expected within it. */
void mime_addresses_read(struct mime_addresses *a, struct span value);
struct span mime_addresses_get(const struct mime_addresses *a, size_t i);

#endif

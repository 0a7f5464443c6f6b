/*
 * store.h - the files: messages with their facts, and what came before TLS.
 *
 * A message is written to a temporary file and gets its name, and the JSON beside it,
 * before the final reply. The number of a message is never used twice in one directory.
 */
#ifndef TDC_SINK_STORE_H
#define TDC_SINK_STORE_H

#include "tdc/base/err.h"
#include "tdc/base/span.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store {
	const char *directory;
	bool discard;
	uint64_t last_number, last_temporary, last_connection;
};

/* Makes what is missing of DIR, DIR/messages and DIR/pre-tls, and finds the last number. */
int store_open(struct store *s, const char *directory, bool discard, struct err *e);

/* One message being received. All zero (but fd -1) = none. */
struct draft {
	int fd;
	uint64_t temporary;
	uint64_t bytes;
	char *buffer; /* of DRAFT_BUFFER bytes */
	size_t buffered;
	int os; /* errno of the first failure, or 0 */
};

void draft_init(struct draft *d);
void draft_begin(struct draft *d, struct store *s);
void draft_put(struct draft *d, const char *p, size_t n);
/* Names the message and writes `facts` (with "bytes" added) beside it. Takes a reference of facts. */
int draft_keep(struct draft *d, struct store *s, json_t *facts, struct err *e);
void draft_drop(struct draft *d,
		struct store *s); /* nothing is left; harmless without a draft */
void draft_done(struct draft *d, struct store *s);

/* DIR/pre-tls/NNNN.raw */
void store_write_raw(const struct store *s, uint64_t connection, struct span bytes);

#endif

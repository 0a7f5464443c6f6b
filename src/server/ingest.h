/*
 * ingest.h - the one pass over a message's bytes: digest, scan, spool.
 *
 * Bytes are looked at once, while they are in the cache, and copied once, into the draft.
 * Heap, reusable, owned by a transaction. Loop thread only.
 */
#ifndef SERVER_INGEST_H
#define SERVER_INGEST_H

#include "tdc/base/err.h"
#include "tdc/store/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mime_scan;
struct session_host_ops;
struct checksum;
struct sha256;
struct spool_draft;

struct ingest {
	struct sha256 *digest;
	struct checksum *checksum;
	struct mime_scan *scan;
	const struct session_host_ops *ops;
	void *host;
	struct spool_draft *draft; /* NULL: given up, what still comes is discarded */
	uint64_t size, size_max;
	bool is_too_large;
	struct err trouble; /* why the draft was given up; ERR_NONE = it was not */
};

int ingest_init(struct ingest *g, uint64_t header_max, struct err *e);
void ingest_done(struct ingest *g);
/* A new message. -1: no draft could be made. */
int ingest_start(struct ingest *g, const struct session_host_ops *ops, void *host,
		 uint64_t size_hint, uint64_t size_max, struct err *e);
void ingest_feed(struct ingest *g, const char *p, size_t n);
/* Frees the draft: its memory is given back at once, and the message ends with an
 * error. */
void ingest_give_up(struct ingest *g, const struct err *why);
bool ingest_is_full(struct ingest *g);
/* All bytes were fed: the facts, and the scan's results until the next start. */
void ingest_finish(struct ingest *g, struct body_facts *facts);
void ingest_abandon(struct ingest *g);

#endif

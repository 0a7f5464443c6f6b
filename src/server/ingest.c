/*
 * ingest.c - digest, scan and spool of a message as it comes.
 */
#include "ingest.h"

#include "session.h"

#include "tdc/digest/checksum.h"
#include "tdc/digest/sha256.h"
#include "tdc/mime/scan.h"

#include <string.h>

int
ingest_init(struct ingest *g, uint64_t header_max, struct err *e)
{
	*g = (struct ingest){ 0 };
	if (sha256_new(&g->digest, e) != 0 || checksum_new(&g->checksum, e) != 0) {
		ingest_done(g);
		return -1;
	}
	if (mime_scan_new(header_max, &g->scan) != 0) {
		ingest_done(g);
		return err_set(e, ERR_MEMORY, 0, "no memory to scan a message");
	}
	return 0;
}

void
ingest_done(struct ingest *g)
{
	ingest_abandon(g);
	sha256_free(g->digest);
	checksum_free(g->checksum);
	mime_scan_free(g->scan);
	*g = (struct ingest){ 0 };
}

int
ingest_start(struct ingest *g, const struct session_host_ops *ops, void *host,
	     uint64_t size_hint, uint64_t size_max, struct err *e)
{
	g->ops = ops;
	g->host = host;
	g->size = 0;
	g->size_max = size_max;
	g->is_too_large = false;
	g->trouble.kind = ERR_NONE;
	if (ops->draft_new(host, size_hint, &g->draft, e) != 0)
		return -1;
	sha256_start(g->digest);
	checksum_start(g->checksum);
	mime_scan_start(g->scan);
	return 0;
}

void
ingest_feed(struct ingest *g, const char *p, size_t n)
{
	struct err e;

	g->size += n;
	if (g->size > g->size_max && !g->is_too_large) {
		g->is_too_large = true;
		ingest_abandon(g);
	}
	if (g->draft == NULL || n == 0)
		return;
	sha256_update(g->digest, p, n);
	checksum_update(g->checksum, p, n);
	mime_scan_feed(g->scan, p, n);
	if (g->ops->draft_append(g->host, g->draft, p, n, &e) == 0)
		return;
	/* What the listener's limit allows and the spool does not, a reload has forbidden
	 * meanwhile: the next attempt meets a limit that was told. */
	ingest_give_up(g, &e);
}

void
ingest_give_up(struct ingest *g, const struct err *why)
{
	g->trouble = *why;
	ingest_abandon(g);
}

bool
ingest_is_full(struct ingest *g)
{
	return g->draft != NULL && g->ops->draft_is_full(g->host, g->draft);
}

void
ingest_finish(struct ingest *g, struct body_facts *facts)
{
	mime_scan_finish(g->scan);
	*facts = (struct body_facts){
		.size = g->size,
		.facts = mime_scan_facts(g->scan),
		.header_size = mime_scan_header_size(g->scan),
		.longest_line = mime_scan_longest_line(g->scan),
	};
	sha256_finish(g->digest, facts->sha256);
	checksum_finish(g->checksum, facts->checksum);
}

void
ingest_abandon(struct ingest *g)
{
	if (g->draft != NULL)
		g->ops->draft_free(g->host, g->draft);
	g->draft = NULL;
}

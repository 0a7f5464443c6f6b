/*
 * quarantine.c - a quarantined journal goes back into the queue once it was found sound.
 *
 * Its rows are read strictly; its body is read from the disk, run by run, and length,
 * SHA-256 and what the row says of the bytes are compared. What is not as it was stays in
 * quarantine, and the answer says why.
 */
#include "internal.h"

#include "tdc/digest/checksum.h"
#include "tdc/digest/sha256.h"
#include "tdc/mime/scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a delivery relies on: by a row that tells less it would be carried wrongly. */
enum {
	FACTS_COMPARED = MIME_HAS_8BIT | MIME_HAS_NUL | MIME_HAS_BARE_CR |
			 MIME_HAS_BARE_LF | MIME_HAS_LONG_LINE | MIME_HAS_NO_FINAL_CRLF |
			 MIME_IS_EMPTY,
};

struct recheck {
	struct spool_journal *journal;
	struct spool_body_reader *reader;
	struct sha256 *sha256;
	struct checksum *checksum;
	struct mime_scan *scan;
	uint64_t size;
};

static void read_on(void *arg);

void
recheck_free(struct call *c)
{
	struct recheck *r = c->recheck;

	if (r == NULL)
		return;
	c->recheck = NULL;
	spool_body_reader_free(r->reader);
	spool_journal_free(r->journal);
	sha256_free(r->sha256);
	checksum_free(r->checksum);
	mime_scan_free(r->scan);
	free(r);
}

/* Temporary trouble, or damage: the row stays as it is in both cases. */
static void
stays(struct call *c, const struct err *e)
{
	recheck_free(c);
	if (e->kind == ERR_CORRUPT)
		call_problem(c, 409, NULL, "journal %" PRIu64 " is not retried: %s",
			     c->mid, e->text);
	else
		call_problem_err(c, e);
}

static int
compare(struct recheck *r, struct err *e)
{
	const struct body_facts *facts = spool_body_facts(r->journal->body);
	uint8_t digest[SHA256_BYTES], sum[CHECKSUM_BYTES];

	if (r->size != facts->size)
		return err_set(e, ERR_CORRUPT, 0,
			       "the body has %" PRIu64 " bytes, its row says %" PRIu64,
			       r->size, facts->size);
	sha256_finish(r->sha256, digest);
	if (memcmp(digest, facts->sha256, sizeof(digest)) != 0)
		return err_set(e, ERR_CORRUPT, 0, "the body does not match its SHA-256");
	checksum_finish(r->checksum, sum);
	if (memcmp(sum, facts->checksum, sizeof(sum)) != 0)
		return err_set(e, ERR_CORRUPT, 0, "the body does not match its checksum");
	mime_scan_finish(r->scan);
	if (((mime_scan_facts(r->scan) ^ facts->facts) & FACTS_COMPARED) != 0)
		return err_set(e, ERR_CORRUPT, 0,
			       "what the body's row says of its bytes is not so");
	return 0;
}

static void
read_on(void *arg)
{
	struct call *c = arg;
	struct recheck *r = c->recheck;
	enum spool_read got;
	struct err e = { 0 };
	struct span run;

	while ((got = spool_body_read(r->reader, &run, read_on, c, &e)) ==
	       SPOOL_READ_DATA) {
		sha256_update(r->sha256, run.p, run.n);
		checksum_update(r->checksum, run.p, run.n);
		mime_scan_feed(r->scan, run.p, run.n);
		r->size += run.n;
	}
	if (got == SPOOL_READ_LATER)
		return;
	if (got == SPOOL_READ_FAILED || compare(r, &e) != 0) {
		stays(c, &e);
		return;
	}
	recheck_free(c);
	action_change(c);
}

static int
recheck_new(struct call *c, struct spool_journal *j, struct err *e)
{
	struct recheck *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		spool_journal_free(j);
		return err_set(e, ERR_MEMORY, 0, "no memory to look at a body");
	}
	c->recheck = r;
	r->journal = j;
	if (mime_scan_new(1, &r->scan) != 0) /* its header was read long ago */
		return err_set(e, ERR_MEMORY, 0, "no memory to look at a body");
	if (sha256_new(&r->sha256, e) != 0 || checksum_new(&r->checksum, e) != 0)
		return -1;
	sha256_start(r->sha256);
	return spool_body_reader_new(c->admin->spool, j->body, &r->reader, e);
}

/* Each has a look of its own: the one that is meant, unless there are more or none. */
static void
retry_of_message(struct call *c, struct list *journals)
{
	struct spool_journal *j;

	if (message_count(c, journals) != 1) {
		message_refuse(c, journals);
		return;
	}
	while ((j = journal_take(journals)) != NULL) {
		if (action_means(c, j->state))
			c->mid = j->mid;
		spool_journal_free(j);
	}
	run_quarantine_retry(c);
}

static void
on_rows(void *arg, struct spool_due *due, const struct err *e)
{
	struct call *c = arg;
	struct err trouble;

	if (call_is_over(c, NULL))
		return;
	if (e != NULL) {
		stays(c, e);
		return;
	}
	struct spool_journal *j = journal_take(&due->journals);
	if (j == NULL) {
		message_find(c, retry_of_message);
		return;
	}
	if (j->state != JOURNAL_QUARANTINED) {
		action_refuse(c, j->state);
		spool_journal_free(j);
	} else if (recheck_new(c, j, &trouble) != 0) {
		stays(c, &trouble);
	} else {
		read_on(c);
	}
}

void
run_quarantine_retry(struct call *c)
{
	c->states = c->path->action->states;
	spool_fetch_sound(c->admin->spool, c->mid, on_rows, c);
}

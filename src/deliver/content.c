/*
 * content.c - head, body and tail of a journal, onto the stream.
 *
 * Constant memory: the stream takes until it is full, and its drain goes on. The body's
 * checksum is taken on the way; the last run of it is sent only when it is right, so that
 * a message which differs from what was accepted can never be complete at the peer. The
 * final dot is queued in the same turn as the end of the body and leaves with it; but
 * not when anything before it could not be queued.
 */
#include "connection.h"

#include "tdc/base/fault.h"
#include "tdc/loop/stream.h"

enum {
	BASE64_RUN =
		48 * 1024, /* of the body, at a time: a multiple of 57 is not needed */
	SCRATCH_MAX = 80 * 1024,
};

static void
to_stream(void *arg, const char *p, size_t n)
{
	struct connection *c = arg;

	if (stream_write(c->stream, p, n) != 0)
		c->dialogue.is_lossy = true;
}

/*
 * The bytes as they are (BDAT), or made transparent (DATA). -1: they cannot go through
 * DATA.
 */
static int
send_span(struct connection *c, struct span s)
{
	struct transaction *t = &c->transaction;

	if (s.n == 0)
		return 0;
	if (!t->uses_bdat)
		return smtp_data_encode(&t->encoder, s, to_stream, c);
	to_stream(c, s.p, s.n);
	return 0;
}

static int
send_base64(struct connection *c, struct span run, bool is_last)
{
	struct transaction *t = &c->transaction;

	do {
		struct span part =
			span_make(run.p, run.n < BASE64_RUN ? run.n : BASE64_RUN);
		run = span_skip(run, part.n);
		buf_clear(&t->scratch);
		mime_base64_encode(&t->base64, part, &t->scratch);
		if (is_last && run.n == 0)
			mime_base64_finish(&t->base64, &t->scratch);
		if (t->scratch.failed)
			c->dialogue.is_lossy = true;
		if (c->dialogue.is_lossy || send_span(c, buf_span(&t->scratch)) != 0)
			return -1;
	} while (run.n > 0);
	return 0;
}

static int
send_body_run(struct connection *c, struct span run)
{
	struct transaction *t = &c->transaction;

	if (t->content.body_is_base64)
		return send_base64(c, run, t->body_left == 0);
	return send_span(c, run);
}

/* BDAT, or the reply that DATA made owed. False: nothing may be said, the dialogue breaks. */
static bool
announce(struct connection *c)
{
	struct transaction *t = &c->transaction;
	struct dialogue_line line;

	if (!t->uses_bdat) {
		dialogue_expect(&c->dialogue, COMMAND_CONTENT);
		return true;
	}
	line_begin(&line, "BDAT ");
	line_add_number(&line, t->content.size);
	line_add(&line, " LAST\r\n");
	dialogue_send_line(&c->dialogue, COMMAND_BDAT, &line);
	/* Octets without their BDAT would be read as commands. */
	return !c->dialogue.is_blocked;
}

static int
send_tail(struct connection *c)
{
	struct transaction *t = &c->transaction;

	if (send_span(c, buf_span(&t->content.tail)) != 0 || c->dialogue.is_lossy)
		return -1;
	fault_crash("deliver.before-final-dot");
	if (!t->uses_bdat && smtp_data_encode_end(&t->encoder, to_stream, c) != 0)
		return -1;
	t->is_all_queued = !c->dialogue.is_lossy;
	return 0;
}

static bool
checksum_is_right(struct transaction *t)
{
	uint8_t sum[CHECKSUM_BYTES];

	checksum_finish(t->checksum, sum);
	return memcmp(sum, spool_body_facts(t->item->journal->body)->checksum,
		      sizeof(sum)) == 0;
}

static enum content_result
corrupt(struct err *e, const char *what)
{
	err_set(e, ERR_CORRUPT, 0, "the stored body %s", what);
	return CONTENT_CORRUPT;
}

static void
body_is_ready(void *arg)
{
	struct connection *c = arg;

	c->transaction.is_reading = false;
	transaction_go_on(c);
	connection_arm(c);
}

/* One run of the body. CONTENT_QUEUED: it went out, go on. */
static enum content_result
pump_run(struct connection *c, struct err *e)
{
	struct transaction *t = &c->transaction;
	struct span run;

	switch (spool_body_read(t->reader, &run, body_is_ready, c, e)) {
	case SPOOL_READ_LATER:
		t->is_reading = true;
		return CONTENT_LATER;
	case SPOOL_READ_FAILED:
		return e->kind == ERR_CORRUPT ? CONTENT_CORRUPT : CONTENT_FAILED;
	case SPOOL_READ_END:
		return corrupt(e, "is shorter than it was");
	case SPOOL_READ_DATA:
		break;
	}
	if (run.n > t->body_left)
		return corrupt(e, "is longer than it was");
	checksum_update(t->checksum, run.p, run.n);
	t->body_left -= run.n;
	if (t->body_left == 0 && !checksum_is_right(t))
		return corrupt(e, "does not match its checksum");
	if (send_body_run(c, run) != 0)
		return corrupt(e, "holds line ends that it was said not to have");
	return CONTENT_QUEUED;
}

static enum content_result
pump(struct connection *c, struct err *e)
{
	struct transaction *t = &c->transaction;
	enum content_result r = CONTENT_QUEUED;

	if (!t->is_head_sent) {
		if (t->body_left == 0 && !checksum_is_right(t))
			return corrupt(e, "does not match its checksum");
		if (!announce(c))
			return CONTENT_LATER;
		t->is_head_sent = true;
		if (send_span(c, buf_span(&t->content.head)) != 0 ||
		    (t->body_left == 0 && send_body_run(c, span_make("", 0)) != 0))
			return corrupt(e, "cannot be sent");
	}
	while (t->body_left > 0 && r == CONTENT_QUEUED && !c->dialogue.is_lossy) {
		if (stream_output_is_full(c->stream))
			return CONTENT_LATER;
		r = pump_run(c, e);
	}
	if (r != CONTENT_QUEUED)
		return r;
	if (send_tail(c) != 0)
		return corrupt(e, "cannot be sent");
	return CONTENT_QUEUED;
}

enum content_result
content_pump(struct connection *c, struct err *e)
{
	if (c->transaction.is_reading || c->transaction.is_all_queued)
		return CONTENT_LATER;
	enum content_result r = c->dialogue.is_lossy ? CONTENT_FAILED : pump(c, e);
	if (!c->dialogue.is_lossy)
		return r;
	err_set(e, ERR_MEMORY, 0, "no memory for what is sent");
	return CONTENT_FAILED;
}

int
content_begin(struct transaction *t, const struct spool_journal *j, struct spool *sp,
	      struct err *e)
{
	if (t->checksum == NULL && checksum_new(&t->checksum, e) != 0)
		return -1;
	if (spool_body_reader_new(sp, j->body, &t->reader, e) != 0) {
		t->reader = NULL;
		return -1;
	}
	checksum_start(t->checksum);
	mime_base64_init(&t->base64);
	smtp_data_encoder_init(&t->encoder);
	if (t->content.body_is_base64 && t->scratch.max == 0)
		buf_init(&t->scratch, SCRATCH_MAX);
	t->body_left = spool_body_facts(j->body)->size;
	return 0;
}

void
content_end(struct transaction *t)
{
	spool_body_reader_free(t->reader);
	t->reader = NULL;
	if (t->has_content) {
		buf_done(&t->content.head);
		buf_done(&t->content.tail);
	}
	t->has_content = false;
}

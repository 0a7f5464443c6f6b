/*
 * transaction.c - one journal on a connection: MAIL, RCPT, DATA or BDAT, the content, its
 * reply.
 *
 *	PIPELINING              MAIL RCPT DATA            | content .
 *	  enhanced codes, CHUNKING
 *	    up to 64 KiB        MAIL RCPT BDAT n LAST content
 *	    larger              MAIL RCPT                 | BDAT n LAST content
 *	CHUNKING, no codes, and
 *	    binary content      MAIL RCPT                 | BDAT n LAST content | QUIT
 *	neither                 MAIL | RCPT | DATA        | content .
 *
 * BDAT saves a round trip, and has a price: a reply that the peer sends twice moves all
 * that follow, and RCPT's could be taken for the content's: a refused journal would count
 * as delivered. So it is used only where enhanced status codes tell them apart (2.1.x
 * speaks of an address, RFC 3463 3.2), and they are asked for. Everywhere else it is DATA,
 * whose 354 no other command can have; but for binary content, which nothing else can
 * carry.
 *
 * There the reply to BDAT is proven by the one to QUIT. Replies come in the order of the
 * commands, and 221 is QUIT's alone. If it comes next, as many replies came as there were
 * commands, and the one before it was BDAT's; however many surplus ones came, and however
 * late, one of them or BDAT's own stands where 221 should be, and the journal is
 * uncertain. A surplus reply that is there already when BDAT should be sent breaks the
 * dialogue before a byte of the content is said. A NOOP in front of BDAT would be weaker:
 * its 250 is as good as RCPT's, and is passed by one surplus reply. The price is a
 * connection for each such journal; peers that offer CHUNKING and BINARYMIME but no
 * codes are rare. Sending base64 instead would cost more where it matters: after an
 * uncertain outcome the bytes must stay the same.
 *
 * A hop that offers CHUNKING and then refuses BDAT as a command (500 to 504) has said
 * nothing about the content. It gets DATA from then on: establish.c.
 *
 * That, or codes that tell nothing, is learned from a journal that was sent, and a start
 * knows of neither. So the first that goes by BDAT to a destination is alone: until its
 * reply came the others take DATA, and what by its content cannot is proven by QUIT. A
 * start costs one second copy, or one refused command and its back-off, at most.
 */
#include "connection.h"
#include "report.h"

#include "tdc/base/fault.h"
#include "tdc/loop/stream.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	ONE_FLIGHT_MAX = 64 * 1024,
	PROFILE_MAX = 8192,
};
_Static_assert(DIALOGUE_LINE_MAX >= SMTP_ADDRESS_MAX + 100,
	       "an address and its parameters go into a line");

void
transaction_init(struct transaction *t)
{
	*t = (struct transaction){ 0 };
	buf_init(&t->profile, PROFILE_MAX);
}

void
transaction_done(struct transaction *t)
{
	content_end(t);
	checksum_free(t->checksum);
	buf_done(&t->scratch);
	buf_done(&t->profile);
}

struct item *
transaction_finish(struct connection *c)
{
	struct transaction *t = &c->transaction;
	struct item *i = t->item;

	content_end(t);
	if (t->is_trial && c->destination->bdat == BDAT_ON_TRIAL)
		c->destination->bdat = BDAT_UNTRIED; /* it came to nothing */
	t->item = NULL;
	t->uses_bdat = t->has_codes = t->is_pipelined = t->is_one_flight = false;
	t->is_content_open = t->is_head_sent = t->is_reading = t->is_all_queued = false;
	t->must_keep_profile = t->is_proof_awaited = t->is_trial = false;
	c->destination->in_flight--;
	deliver_wake(c->deliver);
	return i;
}

bool
transaction_is_uncertain(const struct connection *c)
{
	/*
	 * The end of the content is the last that is queued: if anything is left, it did
	 * not go.
	 */
	return c->transaction.is_proof_awaited ||
	       (c->transaction.is_all_queued && stream_output_queued(c->stream) == 0);
}

/* ---------------------------------------- the content's form */

/* A recorded profile may ask for what this hop does not offer. */
static bool
is_carried_by(const struct deliver_content *content, unsigned extensions)
{
	unsigned needs = 0;

	if (content->must_use_bdat)
		needs |= SMTP_EXT_CHUNKING;
	if (content->body == SMTP_BODY_BINARYMIME)
		needs |= SMTP_EXT_BINARYMIME;
	if (content->body == SMTP_BODY_8BITMIME)
		needs |= SMTP_EXT_8BITMIME;
	if (content->needs_smtputf8)
		needs |= SMTP_EXT_SMTPUTF8;
	return (extensions & needs) == needs && !content->is_held;
}

static int
render(struct connection *c, const char *profile, const char *intake, struct err *e)
{
	struct transaction *t = &c->transaction;

	content_end(t);
	if (c->deliver->ops->render(c->deliver->ops_arg, profile, t->item->journal,
				    intake, &t->content, e) != 0)
		return -1;
	t->has_content = true;
	buf_clear(&t->profile);
	buf_append_text(&t->profile, profile);
	return t->profile.failed || buf_text(&t->profile) == NULL
		       ? err_set(e, ERR_MEMORY, 0, "no memory for a render profile")
		       : 0;
}

/*
 * The profile of an earlier life, when the intake may already have these bytes. NULL:
 * none.
 */
static const char *
earlier_profile(const struct connection *c)
{
	const struct item *i = c->transaction.item;

	if (i->journal->profile != NULL)
		return i->journal->profile;
	return spool_unclean_profile(c->deliver->spool, c->destination->domain, i->mid);
}

static int
choose_content(struct connection *c, const char *intake, struct err *e)
{
	struct transaction *t = &c->transaction;
	const char *earlier = earlier_profile(c);

	if (earlier == NULL)
		return render(c, c->profile, intake, e);
	bool is_present = strcmp(earlier, c->profile) == 0;
	int result = render(c, earlier, intake, e);
	if (result == 0 &&
	    (is_present || is_carried_by(&t->content, c->capabilities.extensions))) {
		t->must_keep_profile = true;
		return 0;
	}
	/* Only a profile that cannot be read any more gives way; memory comes again. */
	if (result != 0 && (is_present || e->kind != ERR_SYNTAX))
		return -1;
	report_fallback(c, t->item,
			result == 0 ? "the hop does not carry its earlier form"
				    : e->text);
	return render(c, c->profile, intake, e);
}

/* ------------------------------------------------------------------ breaking off */

static void
break_off(struct connection *c, enum content_result r, const struct err *e)
{
	struct item *i = c->transaction.item;
	struct outcome o;

	if (e->kind == ERR_MEMORY) {
		lane_put_back(transaction_finish(c));
		deliver_pause(c->deliver, e);
		connection_close(c);
		return;
	}
	/*
	 * The peer has a part of it at most: the last run and the final dot were not
	 * sent.
	 */
	outcome_init(&o, r == CONTENT_CORRUPT ? OUTCOME_QUARANTINED : OUTCOME_SOFT,
		     r == CONTENT_CORRUPT ? "body" : NULL);
	outcome_set_text(&o, r == CONTENT_CORRUPT ? "" : "4.3.0", e->text);
	o.was_attempted = true;
	if (r == CONTENT_CORRUPT)
		outcome_record(c, i, &o);
	else
		outcome_soft(c, i, &o);
	transaction_finish(c);
	connection_close(c);
}

void
transaction_check_memory(struct connection *c)
{
	struct err e;

	if (c->transaction.item == NULL || !c->dialogue.is_lossy)
		return;
	err_set(&e, ERR_MEMORY, 0, "no memory for what is sent");
	if (transaction_is_uncertain(c))
		connection_broke(c, FAILURE_BACK_OFF, &e);
	else
		break_off(c, CONTENT_FAILED, &e);
}

/* ------------------------------------------------------------------ beginning */

static bool
is_one_line(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static void
send_mail(struct connection *c)
{
	static const char *const bodies[] = {
		[SMTP_BODY_7BIT] = "",
		[SMTP_BODY_8BITMIME] = " BODY=8BITMIME",
		[SMTP_BODY_BINARYMIME] = " BODY=BINARYMIME",
	};
	const struct deliver_content *content = &c->transaction.content;
	unsigned offered = c->capabilities.extensions;
	struct dialogue_line line;

	line_begin(&line, "MAIL FROM:<");
	line_add(&line, content->mail_from);
	line_add(&line, ">");
	if ((offered & SMTP_EXT_SIZE) != 0) {
		line_add(&line, " SIZE=");
		line_add_number(&line, content->size);
	}
	line_add(&line, bodies[content->body]);
	line_add(&line, content->needs_smtputf8 ? " SMTPUTF8\r\n" : "\r\n");
	dialogue_send_line(&c->dialogue, COMMAND_MAIL, &line);
}

void
transaction_send_rcpt(struct connection *c)
{
	bool has_dsn = (c->capabilities.extensions & SMTP_EXT_DSN) != 0;
	struct dialogue_line line;

	line_begin(&line, "RCPT TO:<");
	line_add(&line, c->transaction.intake);
	line_add(&line, has_dsn ? "> NOTIFY=NEVER\r\n" : ">\r\n");
	dialogue_send_line(&c->dialogue, COMMAND_RCPT, &line);
}

void
transaction_send_data(struct connection *c)
{
	static const char data[] = "DATA\r\n";

	dialogue_send(&c->dialogue, COMMAND_DATA, data, sizeof(data) - 1);
}

static void
choose_command(struct connection *c)
{
	const unsigned telling = SMTP_EXT_CHUNKING | SMTP_EXT_ENHANCEDSTATUSCODES;
	unsigned offered = c->capabilities.extensions;
	struct transaction *t = &c->transaction;
	enum bdat *bdat = &c->destination->bdat;

	t->is_trial = *bdat == BDAT_UNTRIED && (offered & telling) == telling;
	if (t->is_trial)
		*bdat = BDAT_ON_TRIAL;
	t->has_codes =
		(offered & telling) == telling && (t->is_trial || *bdat == BDAT_TRUSTED);
	t->uses_bdat = (offered & SMTP_EXT_CHUNKING) != 0 &&
		       (t->has_codes || t->content.must_use_bdat);
}

static void
send_envelope(struct connection *c)
{
	struct transaction *t = &c->transaction;
	unsigned offered = c->capabilities.extensions;

	choose_command(c);
	t->is_pipelined = (offered & SMTP_EXT_PIPELINING) != 0;
	t->is_one_flight = t->uses_bdat && t->is_pipelined && t->has_codes &&
			   t->content.size <= ONE_FLIGHT_MAX;
	report_started(c, t->item);
	send_mail(c);
	if (t->is_pipelined) {
		transaction_send_rcpt(c);
		if (!t->uses_bdat)
			transaction_send_data(c);
	}
	if (t->is_one_flight) {
		t->is_content_open = true;
		transaction_go_on(c);
	}
	transaction_check_memory(c);
}

/* Decided without a word to the peer. */
static void
decide(struct connection *c, enum outcome_kind kind, const char *reason,
       const char *enhanced, const char *text)
{
	struct outcome o;

	outcome_init(&o, kind, reason);
	outcome_set_text(&o, enhanced, text);
	outcome_record(c, c->transaction.item, &o);
	transaction_finish(c);
	connection_ready(c);
}

/* Trouble of our own: memory waits a second, anything else moves this one journal. */
static void
local_trouble(struct connection *c, const struct err *e)
{
	struct item *i = c->transaction.item;
	struct outcome o;

	if (e->kind == ERR_CORRUPT) {
		decide(c, OUTCOME_QUARANTINED, "body", "", e->text);
		return;
	}
	if (e->kind == ERR_MEMORY) {
		lane_put_back(transaction_finish(c));
		deliver_pause(c->deliver, e);
	} else {
		outcome_init(&o, OUTCOME_SOFT, NULL);
		outcome_set_text(&o, "4.3.0", e->text);
		outcome_soft(c, i, &o);
		transaction_finish(c);
	}
	connection_ready(c);
}

static int
check_addresses(const struct connection *c, const char *intake, struct err *e)
{
	bool has_utf8 = (c->capabilities.extensions & SMTP_EXT_SMTPUTF8) != 0;

	if (!is_one_line(intake) || !is_one_line(c->transaction.content.mail_from))
		return err_set(e, ERR_CONFIG, 0, "the envelope holds control characters");
	if (c->transaction.content.needs_smtputf8 && !has_utf8)
		return err_set(e, ERR_CONFIG, 0,
			       "the envelope needs SMTPUTF8, which is not offered");
	return 0;
}

void
transaction_send(struct connection *c, struct item *i)
{
	struct deliver *d = c->deliver;
	struct transaction *t = &c->transaction;
	const char *intake = policy_intake(d->policies, i->lane->policy);
	uint64_t largest = c->capabilities.size_max;
	char text[128];
	struct err e;

	connection_enter(c, CONNECTION_BUSY);
	c->failures_then = c->destination->failures;
	c->destination->in_flight++;
	t->item = i;
	i->dcid = c->dcid;
	if (intake == NULL) { /* the policy says no by now */
		i->lane->destination = NULL;
		lane_put_back(transaction_finish(c));
		connection_ready(c);
		return;
	}
	snprintf(t->intake, sizeof(t->intake), "%s", intake);
	if (choose_content(c, intake, &e) != 0) {
		local_trouble(c, &e);
		return;
	}
	if (t->content.is_held) {
		decide(c, OUTCOME_HELD, t->content.mark, "", t->content.mark);
		return;
	}
	if (largest > 0 && t->content.size > largest) {
		snprintf(text, sizeof(text),
			 "%" PRIu64 " bytes, the intake takes %" PRIu64, t->content.size,
			 largest);
		decide(c, OUTCOME_DEAD, "too large for the intake", "5.3.4", text);
		return;
	}
	if (check_addresses(c, intake, &e) != 0 ||
	    content_begin(t, i->journal, d->spool, &e) != 0) {
		local_trouble(c, &e);
		return;
	}
	send_envelope(c);
	connection_arm(c);
}

/* ------------------------------------------------------------------ going on */

void
transaction_go_on(struct connection *c)
{
	struct transaction *t = &c->transaction;
	struct err e;

	if (c->state != CONNECTION_BUSY || t->item == NULL || !t->is_content_open ||
	    t->is_all_queued)
		return;
	enum content_result r = content_pump(c, &e);
	if (r == CONTENT_CORRUPT || r == CONTENT_FAILED) {
		break_off(c, r, &e);
		return;
	}
	if (r == CONTENT_QUEUED) {
		stream_flush(c->stream);
		fault_crash("deliver.after-final-dot");
	}
}

/*
 * replies.c - what the replies of a transaction lead to.
 */
#include "connection.h"
#include "report.h"

#include "tdc/base/fault.h"
#include "tdc/loop/stream.h"

#include <stdio.h>

static void
not_a_reply(struct connection *c, enum command command, const struct smtp_reply *reply)
{
	struct err e;

	err_set(&e, ERR_PROTOCOL, 0, "not a reply to %s: %d %.200s",
		command_name(command), reply->code, reply->text);
	connection_broke(c, FAILURE_BACK_OFF, &e);
}

static void
envelope_refused(struct connection *c, enum command command,
		 const struct smtp_reply *reply, enum verdict v)
{
	char text[ERR_TEXT_MAX / 2];
	struct outcome o;
	struct err e;

	if (v == VERDICT_TOO_LARGE) {
		outcome_init(&o, OUTCOME_DEAD, "too large for the intake");
		outcome_set_reply(&o, reply);
		o.was_attempted = true;
		outcome_record(c, c->transaction.item, &o);
		transaction_finish(c);
		connection_quit(c);
		return;
	}
	outcome_reply_text(reply, text, sizeof(text));
	err_set(&e, v == VERDICT_SUSPEND ? ERR_REFUSED : ERR_BUSY, 0,
		"%s was refused: %s", command_name(command), text);
	connection_refused(c,
			   v == VERDICT_SUSPEND ? FAILURE_SUSPEND
			   : reply->code == 421 ? FAILURE_CLOSED
						: FAILURE_BACK_OFF,
			   &e);
}

/* RFC 3463 3.2. */
static bool
speaks_of_address(const struct smtp_reply *reply)
{
	return strncmp(reply->enhanced, "2.1.", 4) == 0;
}

static void
mail_accepted(struct connection *c)
{
	if (!c->transaction.is_pipelined)
		transaction_send_rcpt(c);
}

static void
rcpt_accepted(struct connection *c, const struct smtp_reply *reply)
{
	struct transaction *t = &c->transaction;

	/* What a route of the past takes says nothing of the present one. */
	if (c->generation == c->deliver->generation)
		destination_works(c->destination);
	/* A code that BDAT's reply may have as well tells nothing. */
	if (t->uses_bdat && t->has_codes && !speaks_of_address(reply)) {
		t->has_codes = false;
		destination_learn_bdat(c->destination, BDAT_VAGUE);
	}
	if (!t->uses_bdat && !t->is_pipelined)
		transaction_send_data(c);
	if (t->uses_bdat && !t->is_content_open) {
		t->is_content_open = true;
		transaction_go_on(c);
	}
}

static void
data_accepted(struct connection *c)
{
	struct err e;

	/* What is here before the content was sent cannot be the reply to it. */
	if (!dialogue_is_clean(&c->dialogue)) {
		err_set(&e, ERR_PROTOCOL, 0,
			"a reply to end of data before the data was sent");
		connection_broke(c, FAILURE_BACK_OFF, &e);
		return;
	}
	c->transaction.is_content_open = true;
	transaction_go_on(c);
}

/* All that is here is one whole 421. */
static bool
is_goodbye_behind(const struct connection *c)
{
	struct span input = stream_input(c->stream);
	struct smtp_reply_parser parser;
	size_t used;

	smtp_reply_parser_init(&parser);
	return smtp_reply_parse(&parser, input, &used) == SMTP_REPLY_DONE &&
	       used == input.n && parser.reply.code == 421;
}

/*
 * A 2xx to BDAT that may be another command's: sent twice, and moved. Only its code can
 * tell; DATA's replies need none, as 354 came between. A goodbye right behind it is no
 * sign of that where codes tell: 421 may be said at any time.
 */
static bool
may_be_moved(const struct connection *c, enum command command,
	     const struct smtp_reply *reply)
{
	if (command != COMMAND_BDAT)
		return false;
	bool is_clean = dialogue_is_clean(&c->dialogue);
	if (!c->transaction.has_codes)
		return !is_clean;
	return strncmp(reply->enhanced, "2.", 2) != 0 || speaks_of_address(reply) ||
	       (!is_clean && !is_goodbye_behind(c));
}

/* A 2xx to BDAT that no code tells from RCPT's: transaction.c. */
static void
ask_for_proof(struct connection *c, const struct smtp_reply *reply)
{
	c->transaction.unproven = *reply;
	c->transaction.is_proof_awaited = true;
	connection_say_quit(c);
}

static void
content_accepted(struct connection *c, const struct smtp_reply *reply)
{
	const char *mark = c->transaction.content.mark; /* how it was carried */
	struct outcome o;

	fault_crash("deliver.after-final-reply");
	outcome_init(&o, OUTCOME_DELIVERED, mark[0] == '\0' ? NULL : mark);
	outcome_set_reply(&o, reply);
	o.was_attempted = true;
	c->messages++;
	if (c->generation == c->deliver->generation)
		destination_answers(c->destination);
	outcome_record(c, c->transaction.item, &o);
	transaction_finish(c);
}

static void
quit_replied(struct connection *c, const struct smtp_reply *reply)
{
	if (reply->code != 221) {
		not_a_reply(c, COMMAND_QUIT, reply);
		return;
	}
	content_accepted(c, &c->transaction.unproven);
	connection_close(c);
}

static void
content_refused(struct connection *c, const struct smtp_reply *reply, enum verdict v)
{
	bool is_whole =
		c->transaction.is_all_queued && stream_output_queued(c->stream) == 0;
	struct item *i = c->transaction.item;
	struct outcome o;

	outcome_init(&o, v == VERDICT_DEAD ? OUTCOME_DEAD : OUTCOME_SOFT,
		     v == VERDICT_DEAD ? "content" : NULL);
	outcome_set_reply(&o, reply);
	o.was_attempted = true;
	if (v == VERDICT_DEAD)
		outcome_record(c, i, &o);
	else
		outcome_soft(c, i, &o);
	transaction_finish(c);
	c->messages++;
	if (c->generation == c->deliver->generation)
		destination_answers(c->destination);
	/* What is left of the content would be read as commands. */
	if (!is_whole || reply->code == 421)
		connection_close(c);
	else
		connection_ready(c);
}

/* CHUNKING was offered, but the command is not known, or not now. */
static void
bdat_refused(struct connection *c, const struct smtp_reply *reply)
{
	char text[ERR_TEXT_MAX / 2];
	struct err e;

	outcome_reply_text(reply, text, sizeof(text));
	err_set(&e, ERR_REFUSED, 0, "BDAT was refused: %s", text);
	destination_learn_bdat(c->destination, BDAT_REFUSED);
	connection_refused(c, FAILURE_BACK_OFF, &e);
}

static void
content_replied(struct connection *c, enum command command,
		const struct smtp_reply *reply, enum verdict v)
{
	bool is_whole =
		c->transaction.is_all_queued && stream_output_queued(c->stream) == 0;
	struct err e;

	if (reply->code == 421 && !is_whole) {
		err_set(&e, ERR_BUSY, 0, "the content was broken off: 421 %.200s",
			reply->text);
		connection_broke(c, FAILURE_CLOSED, &e);
	} else if (v == VERDICT_NO_BDAT) {
		bdat_refused(c, reply);
	} else if (v != VERDICT_GOOD) {
		content_refused(c, reply, v);
	} else if (!is_whole || may_be_moved(c, command, reply)) {
		/* Its honest replies may look like this; from now on it gets DATA. */
		destination_learn_bdat(c->destination, BDAT_VAGUE);
		not_a_reply(c, command, reply);
	} else if (command == COMMAND_BDAT && !c->transaction.has_codes) {
		ask_for_proof(c, reply);
	} else {
		if (command == COMMAND_BDAT)
			destination_learn_bdat(c->destination, BDAT_TRUSTED);
		content_accepted(c, reply);
		connection_ready(c);
	}
}

void
transaction_reply(struct connection *c, enum command command,
		  const struct smtp_reply *reply)
{
	bool has_size = (c->capabilities.extensions & SMTP_EXT_SIZE) != 0;
	enum verdict v = verdict_of(command, reply);

	/* Where no SIZE= was said, there is no answer to it. */
	if (v == VERDICT_TOO_LARGE && !has_size)
		v = VERDICT_SUSPEND;
	if (v == VERDICT_BREAK || c->transaction.item == NULL) {
		not_a_reply(c, command, reply);
	} else if (command == COMMAND_BDAT || command == COMMAND_CONTENT) {
		content_replied(c, command, reply, v);
	} else if (v != VERDICT_GOOD) {
		envelope_refused(c, command, reply, v);
	} else if (command == COMMAND_MAIL) {
		mail_accepted(c);
	} else if (command == COMMAND_DATA) {
		data_accepted(c);
	} else if (command == COMMAND_QUIT) {
		quit_replied(c, reply);
	} else {
		rcpt_accepted(c, reply);
	}
	transaction_check_memory(c);
}

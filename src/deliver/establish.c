/*
 * establish.c - from an open connection to one that is ready: greeting, EHLO, STARTTLS,
 * EHLO; and what the stream tells of it ever after.
 *
 * In the clear nothing is said but EHLO and STARTTLS. What a peer sends behind its reply
 * to STARTTLS was not protected by anything, and is taken as an attack (CVE-2011-0411 and
 * its kin).
 */
#include "connection.h"
#include "report.h"

#include "tdc/base/counter.h"
#include "tdc/loop/stream.h"

#include <stdio.h>
#include <stdlib.h>

enum { INPUT_MAX = 16 * 1024, PROFILE_TEXT_MAX = 8192 };

/* ------------------------------------------------------------------ events */

static void
on_reply(void *arg, enum command command, const struct smtp_reply *reply)
{
	struct connection *c = arg;

	if (c->state < CONNECTION_PROFILE)
		establish_reply(c, command, reply);
	else if (command == COMMAND_QUIT && c->transaction.item == NULL)
		connection_close(c);
	else
		transaction_reply(c, command, reply);
}

static void
on_broken(void *arg, const struct err *e, const struct smtp_reply *goodbye)
{
	connection_broke(arg, goodbye == NULL ? FAILURE_BACK_OFF : FAILURE_CLOSED, e);
}

static const struct dialogue_events dialogue_events = { on_reply, on_broken };

static void
on_input(void *arg)
{
	struct connection *c = arg;

	/* A reply has its time as a whole, however slowly its bytes drip. */
	if (dialogue_input(&c->dialogue))
		connection_arm(c);
}

static void
on_drain(void *arg)
{
	struct connection *c = arg;

	if (c->state == CONNECTION_BUSY)
		transaction_go_on(c);
	connection_arm(c);
}

static void
on_eof(void *arg)
{
	struct connection *c = arg;
	enum command next = dialogue_next(&c->dialogue);
	struct err e;

	err_set(&e, c->state == CONNECTION_HANDSHAKE ? ERR_TLS : ERR_NETWORK, 0,
		"the connection was closed%s%s",
		c->state == CONNECTION_HANDSHAKE ? " in the TLS handshake"
		: next == COMMAND_COUNT          ? ""
						 : " instead of a reply to ",
		c->state == CONNECTION_HANDSHAKE || next == COMMAND_COUNT
			? ""
			: command_name(next));
	connection_broke(c, FAILURE_CLOSED, &e);
}

static void
on_timeout(void *arg)
{
	struct connection *c = arg;
	enum command next = dialogue_next(&c->dialogue);
	struct err e;

	if (c->state == CONNECTION_IDLE) {
		connection_quit(c);
		return;
	}
	if (c->state == CONNECTION_HANDSHAKE)
		err_set(&e, ERR_TLS, 0, "the TLS handshake took too long");
	else
		err_set(&e, ERR_TIMEOUT, 0, "no reply in time%s%s",
			next == COMMAND_COUNT ? "" : " to ",
			next == COMMAND_COUNT ? "" : command_name(next));
	connection_broke(c, FAILURE_BACK_OFF, &e);
}

static void
on_error(void *arg, const struct err *why)
{
	struct connection *c = arg;
	struct err e = *why;

	if (c->state == CONNECTION_HANDSHAKE)
		e.kind = ERR_TLS;
	connection_broke(c, FAILURE_CLOSED, &e);
}

static const struct stream_events stream_events = {
	.on_input = on_input,
	.on_drain = on_drain,
	.on_eof = on_eof,
	.on_timeout = on_timeout,
	.on_error = on_error,
};

/* ------------------------------------------------------------------ dialogue */

void
establish_begin(struct connection *c, int fd)
{
	static const struct stream_settings settings = { .input_max = INPUT_MAX };
	struct err e;

	if (stream_new(c->deliver->loop, fd, &settings, &stream_events, c, &c->stream,
		       &e) != 0) {
		c->stream = NULL;
		attempt_failed(c, FAILURE_BACK_OFF, &e);
		return;
	}
	connection_enter(c, CONNECTION_GREETING);
	dialogue_begin(&c->dialogue, c->stream, &dialogue_events, c);
	dialogue_expect(&c->dialogue, COMMAND_GREETING);
	connection_arm(c);
}

static void
on_ehlo_line(void *arg, int line, struct span text)
{
	struct connection *c = arg;

	if (line > 0)
		smtp_capabilities_add(&c->capabilities, text);
}

static void
send_ehlo(struct connection *c)
{
	char line[DELIVER_NAME_MAX + 16];
	int n = snprintf(line, sizeof(line), "EHLO %s\r\n", c->deliver->hostname);

	c->capabilities = (struct smtp_capabilities){ 0 };
	c->dialogue.on_line = on_ehlo_line;
	dialogue_send(&c->dialogue, COMMAND_EHLO, line, (size_t)n);
	connection_arm(c);
}

static void
ask_for_tls(struct connection *c)
{
	static const char starttls[] = "STARTTLS\r\n";
	struct err e;

	if ((c->capabilities.extensions & SMTP_EXT_STARTTLS) == 0) {
		err_set(&e, ERR_TLS, 0, "STARTTLS is not offered");
		attempt_failed(c, FAILURE_BACK_OFF, &e);
		return;
	}
	connection_enter(c, CONNECTION_STARTTLS);
	dialogue_send(&c->dialogue, COMMAND_STARTTLS, starttls, sizeof(starttls) - 1);
}

static void
on_tls(void *arg, const struct tls_facts *facts, const struct err *e)
{
	struct connection *c = arg;

	if (e != NULL) {
		counter_add(COUNTER_TLS_FAILED, 1);
		attempt_failed(c, FAILURE_BACK_OFF, e);
		return;
	}
	counter_add(facts->is_resumed ? COUNTER_TLS_RESUMED : COUNTER_TLS_FULL, 1);
	c->tls_facts = *facts;
	connection_set_tls_text(c);
	connection_enter(c, CONNECTION_EHLO_TLS);
	send_ehlo(c);
}

static void
start_tls(struct connection *c)
{
	const struct destination_controls *k = destination_controls(c->destination);
	struct tls_context *context;
	char key[DELIVER_NAME_MAX + 8];
	struct err e;

	if (!stream_wire_is_clean(c->stream)) {
		report_injection(c, stream_discard_input(c->stream));
		err_set(&e, ERR_TLS, 0,
			"plaintext behind the reply to STARTTLS: injection");
		attempt_failed(c, FAILURE_BACK_OFF, &e);
		return;
	}
	snprintf(key, sizeof(key), "%s:%u", c->host, (unsigned)c->port);
	connection_enter(c, CONNECTION_HANDSHAKE);
	if (deliver_tls_context(c->deliver, k->ca_file, &context, &e) != 0 ||
	    tls_client_start(context, c->stream,
			     k->tls_name == NULL ? c->host : k->tls_name, k->tls_mode,
			     key, on_tls, c, &e) != 0)
		attempt_failed(c, FAILURE_BACK_OFF, &e);
}

static void
finish(struct connection *c)
{
	struct deliver *d = c->deliver;
	struct buf text;
	struct err e;

	buf_init(&text, PROFILE_TEXT_MAX);
	c->dialogue.on_line = NULL;
	if (c->destination->bdat == BDAT_REFUSED)
		c->capabilities.extensions &=
			~(unsigned)(SMTP_EXT_CHUNKING | SMTP_EXT_BINARYMIME);
	if (d->ops->profile(d->ops_arg, c->destination->domain,
			    c->capabilities.extensions, &text) == 0)
		c->profile = strdup(buf_text(&text) == NULL ? "" : buf_text(&text));
	buf_done(&text);
	if (c->profile == NULL) {
		err_set(&e, ERR_MEMORY, 0, "no memory for a render profile");
		attempt_failed(c, FAILURE_BACK_OFF, &e);
		return;
	}
	report_connected(c);
	connection_ready(c);
}

static void
refused(struct connection *c, enum command command, const struct smtp_reply *reply,
	enum verdict v)
{
	bool is_tls = command == COMMAND_STARTTLS;
	enum err_kind kind = is_tls                 ? ERR_TLS
			     : v == VERDICT_SUSPEND ? ERR_REFUSED
						    : ERR_BUSY;
	char text[ERR_TEXT_MAX / 2];
	struct err e;

	outcome_reply_text(reply, text, sizeof(text));
	if (v == VERDICT_BREAK)
		err_set(&e, ERR_PROTOCOL, 0, "not a reply to %s: %s",
			command_name(command), text);
	else
		err_set(&e, kind, 0, "%s was refused: %s", command_name(command), text);
	attempt_failed(c, v == VERDICT_SUSPEND ? FAILURE_SUSPEND : FAILURE_BACK_OFF, &e);
}

void
establish_reply(struct connection *c, enum command command,
		const struct smtp_reply *reply)
{
	enum verdict v = verdict_of(command, reply);

	if (v != VERDICT_GOOD) {
		refused(c, command, reply, v);
		return;
	}
	switch (c->state) {
	case CONNECTION_GREETING:
		connection_enter(c, CONNECTION_EHLO);
		send_ehlo(c);
		break;
	case CONNECTION_EHLO:
		ask_for_tls(c);
		break;
	case CONNECTION_STARTTLS:
		start_tls(c);
		break;
	case CONNECTION_EHLO_TLS:
		finish(c);
		break;
	default:
		break;
	}
}

/*
 * greeting.c - HELO, EHLO, LHLO: who the client says it is, and what is offered to it.
 *
 * A greeting in the middle of a transaction ends it (RFC 5321 4.1.4).
 */
#include "session_inside.h"

#include "xforward.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool
session_offers_tls(const struct session *s)
{
	return s->config->settings.tls != NULL && !s->is_tls;
}

/* In the order in which they are written. SIZE and STARTTLS are put in by hand. */
/* clang-format off */
static const char *const offers[] = {
	"PIPELINING",
	"8BITMIME",
	"SMTPUTF8",
	"ENHANCEDSTATUSCODES",
	"DSN",
	"CHUNKING",
	"BINARYMIME",
	"XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
	"HELP",
};
/* clang-format on */

static int
greeted(struct session *s, const struct smtp_command *c)
{
	char *helo = strndup(c->argument.n == 0 ? "" : c->argument.p, c->argument.n);

	if (helo == NULL) {
		session_reply(s, REPLY_TROUBLE);
		return -1;
	}
	free(s->helo);
	s->helo = helo;
	transaction_end(s, smtp_verb_name(c->verb));
	xforward_forget(s);
	return 0;
}

static enum verb_outcome
greeted_extended(struct session *s, const struct smtp_command *c)
{
	struct buf lines;

	if (greeted(s, c) != 0)
		return VERB_REFUSED;
	s->is_esmtp = true;
	buf_init(&lines, 2048);
	buf_printf(&lines, "%s\nSIZE %" PRIu64, s->config->hostname,
		   s->config->settings.message_size_max);
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		buf_append_byte(&lines, '\n');
		buf_append_text(&lines, offers[i]);
	}
	if (session_offers_tls(s))
		buf_append_text(&lines, "\nSTARTTLS");
	const char *text = buf_text(&lines);
	session_reply_lines(s, REPLY_HELLO, text == NULL ? s->config->hostname : text);
	buf_done(&lines);
	return VERB_ACCEPTED;
}

enum verb_outcome
on_ehlo(struct session *s, const struct smtp_command *c)
{
	return greeted_extended(s, c);
}

enum verb_outcome
on_lhlo(struct session *s, const struct smtp_command *c)
{
	return greeted_extended(s, c);
}

enum verb_outcome
on_helo(struct session *s, const struct smtp_command *c)
{
	if (greeted(s, c) != 0)
		return VERB_REFUSED;
	s->is_esmtp = false;
	session_reply_with(s, REPLY_HELLO, span_of(s->config->hostname));
	return VERB_ACCEPTED;
}

/* EHLO or HELO on LMTP: RFC 2033 4.1 wants no positive answer. */
enum verb_outcome
on_use_lhlo(struct session *s, const struct smtp_command *c)
{
	(void)c;
	session_reply(s, REPLY_USE_LHLO);
	return VERB_REFUSED;
}

const char *
session_protocol(const struct session *s)
{
	static const char *const names[2][2] = { { "ESMTP", "ESMTPS" },
						 { "LMTP", "LMTPS" } };

	if (s->config->settings.protocol == SERVER_SMTP && !s->is_esmtp)
		return "SMTP";
	return names[s->config->settings.protocol == SERVER_LMTP][s->is_tls];
}

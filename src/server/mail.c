/*
 * mail.c - MAIL: the transaction begins here, and so does everything that can be refused
 * before the data is sent.
 */
#include "session_inside.h"

#include "mail_log.h"

#include "tdc/base/counter.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	OFFERED = SMTP_PARAMETER_SIZE | SMTP_PARAMETER_BODY | SMTP_PARAMETER_SMTPUTF8 |
		  SMTP_PARAMETER_RET | SMTP_PARAMETER_ENVID,
};

/* Why not, before anything is made; REPLY_SENDER_OK = nothing speaks against it. */
static enum reply
mail_obstacle(const struct session *s, const struct smtp_command *c)
{
	unsigned offered = s->is_esmtp ? OFFERED : 0;

	if ((c->parameters & ~offered) != 0)
		return REPLY_UNKNOWN_PARAMETER;
	if (c->size > s->config->settings.message_size_max)
		return REPLY_TOO_LARGE;
	return REPLY_SENDER_OK;
}

static void
mail_refuse(struct session *s, enum reply r)
{
	char maximum[32] = "";

	if (r == REPLY_TOO_LARGE)
		snprintf(maximum, sizeof(maximum), "%" PRIu64,
			 s->config->settings.message_size_max);
	session_reply_with(s, r, span_of(maximum));
}

enum verb_outcome
on_mail(struct session *s, const struct smtp_command *c)
{
	enum reply r = mail_obstacle(s, c);
	struct err e;

	if (r != REPLY_SENDER_OK) {
		mail_refuse(s, r);
		return VERB_REFUSED;
	}
	if (s->messages >= s->config->settings.messages_per_connection_max) {
		session_close(s, REPLY_TOO_MANY_MESSAGES, "too many messages");
		return VERB_REFUSED;
	}
	if (transaction_begin(s, c, &e) != 0) {
		mail_log_trouble(s, &e);
		mail_refuse(s, REPLY_NO_SPACE);
		return VERB_REFUSED;
	}
	s->messages++;
	counter_add(COUNTER_IN_TRANSACTION, 1);
	mail_log_start(s);
	session_reply(s, REPLY_SENDER_OK);
	return VERB_ACCEPTED;
}

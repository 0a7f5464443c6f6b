/*
 * starttls.c - STARTTLS: RFC 3207. The handshake itself is the connection's.
 *
 * What was pipelined behind the command came in the clear and would be obeyed as if it
 * had come encrypted: it is an attack or a broken client, and the session ends.
 */
#include "session_inside.h"

#include "mail_log.h"

enum verb_outcome
on_starttls(struct session *s, const struct smtp_command *c)
{
	(void)c;
	if (s->is_tls || s->config->settings.tls == NULL) {
		session_reply(s, s->is_tls ? REPLY_TLS_ACTIVE : REPLY_NOT_HERE);
		return VERB_REFUSED;
	}
	if (s->behind > 0) {
		mail_log_injection(s);
		session_close(s, REPLY_TLS_INJECTION, "STARTTLS injection");
		return VERB_REFUSED;
	}
	session_reply(s, REPLY_GO_TLS);
	return VERB_ACCEPTED;
}

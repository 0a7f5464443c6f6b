/*
 * simple.c - verbs that are one reply: RSET, NOOP, QUIT, VRFY, HELP, and those that are
 * not here.
 */
#include "session_inside.h"

#include "xforward.h"

enum verb_outcome
on_rset(struct session *s, const struct smtp_command *c)
{
	(void)c;
	transaction_end(s, "RSET");
	xforward_forget(s);
	session_reply(s, REPLY_RESET);
	return VERB_ACCEPTED;
}

enum verb_outcome
on_noop(struct session *s, const struct smtp_command *c)
{
	(void)c;
	session_reply(s, REPLY_NOOP);
	return VERB_ACCEPTED;
}

enum verb_outcome
on_quit(struct session *s, const struct smtp_command *c)
{
	(void)c;
	transaction_end(s, "QUIT");
	session_reply(s, REPLY_BYE);
	return VERB_ACCEPTED;
}

enum verb_outcome
on_vrfy(struct session *s, const struct smtp_command *c)
{
	(void)c;
	session_reply(s, REPLY_VRFY);
	return VERB_ACCEPTED;
}

/* The names come from the table of verbs. */
enum verb_outcome
on_help(struct session *s, const struct smtp_command *c)
{
	enum server_protocol p = s->config->settings.protocol;
	enum smtp_verb last = SMTP_UNKNOWN;
	struct buf names;

	(void)c;
	buf_init(&names, 512);
	for (size_t i = 0; verb_at(p, i) != NULL; i++) {
		const struct verb *v = verb_at(p, i);
		bool is_here = (v->flags & VF_NOT_HERE) == 0 && v->verb != last &&
			       (v->verb != SMTP_STARTTLS || session_offers_tls(s));
		if (is_here)
			buf_printf(&names, "%s%s", names.n == 0 ? "" : " ",
				   smtp_verb_name(v->verb));
		last = v->verb;
	}
	session_reply_with(s, REPLY_HELP, buf_span(&names));
	buf_done(&names);
	return VERB_ACCEPTED;
}

enum verb_outcome
on_not_here(struct session *s, const struct smtp_command *c)
{
	(void)c;
	session_reply(s, REPLY_NOT_HERE);
	return VERB_REFUSED;
}

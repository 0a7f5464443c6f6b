/*
 * verbs.c - the table of verbs: SMTP and LMTP are one machine that greets differently.
 *
 * A verb that is legal nowhere but in the listed states gets 503 elsewhere. To add a
 * verb: a row here, a function in a file of its group, its row in the test of all (state,
 * verb) pairs.
 */
#include "verbs.h"

#define TRANSACTION (IN(ST_MAIL) | IN(ST_RCPT) | IN(ST_BDAT))
#define ANY         (IN(ST_START) | IN(ST_IDLE) | TRANSACTION)
#define GREETED     (IN(ST_IDLE) | TRANSACTION)

/* clang-format off */
static const struct verb smtp_greetings[] = {
	{ SMTP_EHLO,     GREETED | IN(ST_START),    VF_IN_CLEAR, ST_IDLE,   on_ehlo },
	{ SMTP_HELO,     GREETED | IN(ST_START),    VF_IN_CLEAR, ST_IDLE,   on_helo },
	{ SMTP_LHLO,     ANY,                       VF_NOT_HERE, ST_SAME,   on_not_here },
	{ .verb = SMTP_VERB_COUNT },
};

static const struct verb lmtp_greetings[] = {
	{ SMTP_LHLO,     GREETED | IN(ST_START),    VF_IN_CLEAR, ST_IDLE,   on_lhlo },
	{ SMTP_EHLO,     ANY,                       VF_NOT_HERE, ST_SAME,   on_use_lhlo },
	{ SMTP_HELO,     ANY,                       VF_NOT_HERE, ST_SAME,   on_use_lhlo },
	{ .verb = SMTP_VERB_COUNT },
};

static const struct verb verbs[] = {
	/* verb          legal in                   flags        next       run */
	{ SMTP_MAIL,     IN(ST_IDLE),               0,           ST_MAIL,   on_mail },
	{ SMTP_RCPT,     IN(ST_MAIL) | IN(ST_RCPT), 0,           ST_RCPT,   on_rcpt },
	{ SMTP_DATA,     IN(ST_RCPT),               0,           ST_DATA,   on_data },
	{ SMTP_BDAT,     IN(ST_RCPT) | IN(ST_BDAT), VF_OCTETS,   ST_CHUNK,  on_bdat },
	{ SMTP_RSET,     GREETED,                   VF_IN_CLEAR, ST_IDLE,   on_rset },
	{ SMTP_RSET,     IN(ST_START),              VF_IN_CLEAR, ST_START,  on_rset },
	{ SMTP_NOOP,     ANY,                       VF_IN_CLEAR, ST_SAME,   on_noop },
	{ SMTP_QUIT,     ANY,                       VF_IN_CLEAR, ST_CLOSED, on_quit },
	{ SMTP_STARTTLS, IN(ST_IDLE),               VF_IN_CLEAR, ST_TLS,    on_starttls },
	{ SMTP_XFORWARD, IN(ST_IDLE),               0,           ST_SAME,   on_xforward },
	{ SMTP_VRFY,     ANY,                       0,           ST_SAME,   on_vrfy },
	{ SMTP_HELP,     ANY,                       0,           ST_SAME,   on_help },
	{ SMTP_EXPN,     ANY,                       VF_NOT_HERE, ST_SAME,   on_not_here },
	{ SMTP_AUTH,     ANY,                       VF_NOT_HERE, ST_SAME,   on_not_here },
	{ SMTP_XCLIENT,  ANY,                       VF_NOT_HERE, ST_SAME,   on_not_here },
	{ SMTP_TURN,     ANY,                       VF_NOT_HERE, ST_SAME,   on_not_here },
	{ SMTP_ETRN,     ANY,                       VF_NOT_HERE, ST_SAME,   on_not_here },
	{ .verb = SMTP_VERB_COUNT },
};
/* clang-format on */

const struct verb *
verb_at(enum server_protocol p, size_t i)
{
	const struct verb *v = p == SERVER_LMTP ? lmtp_greetings : smtp_greetings;

	for (; v->verb != SMTP_VERB_COUNT; v++)
		if (i-- == 0)
			return v;
	v = &verbs[i];
	return v->verb == SMTP_VERB_COUNT ? NULL : v;
}

const struct verb *
verb_find(enum server_protocol p, enum smtp_verb verb, enum session_state state)
{
	const struct verb *first = NULL, *v;

	for (size_t i = 0; (v = verb_at(p, i)) != NULL; i++) {
		if (v->verb != verb)
			continue;
		if (verb_is_legal(v, state))
			return v;
		if (first == NULL)
			first = v;
	}
	return first;
}

bool
verb_is_legal(const struct verb *v, enum session_state state)
{
	return (v->legal & IN(state)) != 0;
}

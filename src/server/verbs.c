/*
 * verbs.c - the two tables of verbs: SMTP and LMTP are one machine.
 *
 * A verb that is legal nowhere but in the listed states gets 503 elsewhere. To add a verb: a row
 * here, a function in a file of its group, its row in the test of all (state, verb) pairs.
 */
#include "verbs.h"

#define TRANSACTION (IN(ST_MAIL) | IN(ST_RCPT) | IN(ST_BDAT))
#define ANY         (IN(ST_START) | IN(ST_IDLE) | TRANSACTION)
#define GREETED     (IN(ST_IDLE) | TRANSACTION)

/* clang-format off */
#define COMMON_ROWS                                                                              \
	/* verb           legal in                    flags          next       run          */ \
	{ SMTP_MAIL,      IN(ST_IDLE),                0,             ST_MAIL,   on_mail },      \
	{ SMTP_RCPT,      IN(ST_MAIL) | IN(ST_RCPT),  0,             ST_RCPT,   on_rcpt },      \
	{ SMTP_DATA,      IN(ST_RCPT),                0,             ST_DATA,   on_data },      \
	{ SMTP_BDAT,      IN(ST_RCPT) | IN(ST_BDAT),  VF_OCTETS,     ST_CHUNK,  on_bdat },      \
	{ SMTP_RSET,      GREETED,                    VF_BEFORE_TLS, ST_IDLE,   on_rset },      \
	{ SMTP_RSET,      IN(ST_START),               VF_BEFORE_TLS, ST_START,  on_rset },      \
	{ SMTP_NOOP,      ANY,                        VF_BEFORE_TLS, ST_SAME,   on_noop },      \
	{ SMTP_QUIT,      ANY,                        VF_BEFORE_TLS, ST_CLOSED, on_quit },      \
	{ SMTP_STARTTLS,  IN(ST_IDLE),                VF_BEFORE_TLS, ST_TLS,    on_starttls },  \
	{ SMTP_XFORWARD,  IN(ST_IDLE),                0,             ST_SAME,   on_xforward },  \
	{ SMTP_VRFY,      ANY,                        0,             ST_SAME,   on_vrfy },      \
	{ SMTP_HELP,      ANY,                        0,             ST_SAME,   on_help },      \
	{ SMTP_EXPN,      ANY,                        VF_NOT_HERE,   ST_SAME,   on_not_here },  \
	{ SMTP_AUTH,      ANY,                        VF_NOT_HERE,   ST_SAME,   on_not_here },  \
	{ SMTP_XCLIENT,   ANY,                        VF_NOT_HERE,   ST_SAME,   on_not_here },  \
	{ SMTP_TURN,      ANY,                        VF_NOT_HERE,   ST_SAME,   on_not_here },  \
	{ SMTP_ETRN,      ANY,                        VF_NOT_HERE,   ST_SAME,   on_not_here }

static const struct verb smtp_verbs[] = {
	{ SMTP_EHLO,      GREETED | IN(ST_START),     VF_BEFORE_TLS, ST_IDLE,   on_ehlo },
	{ SMTP_HELO,      GREETED | IN(ST_START),     VF_BEFORE_TLS, ST_IDLE,   on_helo },
	{ SMTP_LHLO,      ANY,                        VF_NOT_HERE,   ST_SAME,   on_not_here },
	COMMON_ROWS,
	{ .verb = SMTP_VERB_COUNT },
};

static const struct verb lmtp_verbs[] = {
	{ SMTP_LHLO,      GREETED | IN(ST_START),     VF_BEFORE_TLS, ST_IDLE,   on_lhlo },
	{ SMTP_EHLO,      ANY,                        VF_NOT_HERE,   ST_SAME,   on_other_greeting },
	{ SMTP_HELO,      ANY,                        VF_NOT_HERE,   ST_SAME,   on_other_greeting },
	COMMON_ROWS,
	{ .verb = SMTP_VERB_COUNT },
};
/* clang-format on */

static const struct verb *const tables[] = {
	[SERVER_SMTP] = smtp_verbs,
	[SERVER_LMTP] = lmtp_verbs,
};

const struct verb *
verb_find(enum server_protocol p, enum smtp_verb verb, enum session_state state)
{
	const struct verb *first = NULL;

	for (const struct verb *v = tables[p]; v->verb != SMTP_VERB_COUNT; v++) {
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

const struct verb *
verb_at(enum server_protocol p, size_t i)
{
	const struct verb *v = &tables[p][i];

	return v->verb == SMTP_VERB_COUNT ? NULL : v;
}

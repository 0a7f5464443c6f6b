/*
 * verbs.h - which verbs exist, in which states they are legal, and what they lead to.
 */
#ifndef SERVER_VERBS_H
#define SERVER_VERBS_H

#include "states.h"

#include "tdc/server/server.h"
#include "tdc/smtp/command.h"

struct session;

/* A verb that was accepted leads to the row's next state; a refused one changes
 * nothing. The function has replied in both cases. */
enum verb_outcome { VERB_ACCEPTED, VERB_REFUSED };
typedef enum verb_outcome verb_fn(struct session *s, const struct smtp_command *c);

enum verb_flag {
	VF_IN_CLEAR = 1 << 0, /* also where TLS is required and not there yet     */
	VF_OCTETS = 1 << 1,   /* octets follow the line, also when it is refused  */
	VF_NOT_HERE = 1 << 2, /* known, and refused in every state                */
};

enum { ST_SAME = ST_COUNT }; /* as a row's next state: none */

struct verb {
	enum smtp_verb verb;
	unsigned legal; /* IN(state) | ... */
	unsigned flags;
	int next;
	verb_fn *run;
};

/* The row of `verb` that is legal in `state`; otherwise its first row; NULL when there
 * is none. */
const struct verb *verb_find(enum server_protocol p, enum smtp_verb verb,
			     enum session_state state);
bool verb_is_legal(const struct verb *v, enum session_state state);
/* Rows in the order of the table, NULL behind the last. For HELP. */
const struct verb *verb_at(enum server_protocol p, size_t i);

verb_fn on_helo, on_ehlo, on_lhlo, on_use_lhlo;                   /* greeting.c */
verb_fn on_starttls;                                              /* starttls.c */
verb_fn on_mail;                                                  /* mail.c     */
verb_fn on_rcpt;                                                  /* rcpt.c     */
verb_fn on_data;                                                  /* data.c     */
verb_fn on_bdat;                                                  /* bdat.c     */
verb_fn on_xforward;                                              /* xforward.c */
verb_fn on_rset, on_noop, on_quit, on_vrfy, on_help, on_not_here; /* simple.c */

#endif

/*
 * session_inside.h - the session as its verbs see it.
 */
#ifndef SERVER_SESSION_INSIDE_H
#define SERVER_SESSION_INSIDE_H

#include "replies.h"
#include "session.h"
#include "states.h"
#include "transaction.h"
#include "verbs.h"

struct xforward;

struct session {
	/* for its whole life */
	struct listener_config *config; /* owned reference */
	const struct session_host_ops *ops;
	void *host;
	const struct clock *clock;
	const uint8_t *secret; /* borrowed */
	uint64_t icid;
	char *client_address;
	struct buf output;
	unsigned errors, messages;
	bool is_stopping, is_lost;
	const char *end; /* why it ends, for the log; NULL: it does not, or by QUIT */

	/* since the greeting, or since TLS */
	enum session_state state; /* written by session_enter() only */
	char *helo;
	bool is_esmtp, is_tls;
	struct xforward *forward;        /* NULL: none given */
	struct transaction *transaction; /* NULL: none */

	/* of the present input */
	enum smtp_verb verb; /* of the command being served */
	size_t behind;       /* bytes that came behind its line */
	size_t scanned;      /* of an incomplete line */
	bool is_line_begun;  /* some of the next command line is here */
	bool is_discarding;  /* the rest of a line that is too long */
	bool is_waiting_for_room;
	bool is_deadline_due;
	struct {
		uint64_t left; /* octets of the chunk still to come */
		bool is_last;
		enum session_state then; /* behind a refused chunk */
		enum reply reply;
	} chunk;
};

/* The one setter of the state: an edge that is not in the table is an error of the
 * programmer. */
void session_enter(struct session *s, enum session_state to);
/* The transaction is over, one way or another: back to IDLE. `why` as for
 * transaction_end(). */
void session_reset(struct session *s, const char *why);
/* Replies and closes. `why` (static) is for the log. */
void session_close(struct session *s, enum reply r, const char *why);
/* "ESMTPS" and so on: RFC 3848, RFC 6531. */
const char *session_protocol(const struct session *s);
/* Refuses a command; octets that belong to it are read away first. */
void session_refuse(struct session *s, const struct smtp_command *c, enum reply r);

/* What is looked at behind each command and message: too many errors, stopping. */
void session_after_command(struct session *s);

/* Readers, one for each kind of state: use some input, return how much. */
size_t session_read_data(struct session *s, struct span input);  /* data.c */
size_t session_read_chunk(struct session *s, struct span input); /* bdat.c */
size_t session_read_skip(struct session *s, struct span input);  /* bdat.c */
/* Feeds what was decoded; stops the reading when the draft is full. */
void session_after_feed(struct session *s);

/* The greeting line of EHLO and LHLO, with everything that is offered. */
bool session_offers_tls(const struct session *s);

/* acceptance.c: all of the message is here. */
void acceptance_begin(struct session *s);
/* Why the message cannot be kept, if so: REPLY_QUEUED = it can. */
enum reply acceptance_obstacle(const struct session *s);
void acceptance_refuse(struct session *s, enum reply r);

#endif

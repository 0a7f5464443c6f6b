/*
 * replies.h - every reply of the server, as one table; and the one way to send one.
 */
#ifndef SERVER_REPLIES_H
#define SERVER_REPLIES_H

#include "tdc/base/err.h"
#include "tdc/base/span.h"
#include "tdc/smtp/command.h"

struct session;

enum reply {
	/* 2xx and 3xx */
	REPLY_GREETING,
	REPLY_HELLO,
	REPLY_GO_TLS,
	REPLY_SENDER_OK,
	REPLY_RECIPIENT_OK,
	REPLY_GO_DATA,
	REPLY_CHUNK_OK,
	REPLY_QUEUED,
	REPLY_RESET,
	REPLY_NOOP,
	REPLY_XFORWARD_OK,
	REPLY_BYE,
	REPLY_VRFY,
	REPLY_HELP,
	/* 4xx */
	REPLY_TIMEOUT,
	REPLY_STOPPING,
	REPLY_BUSY,
	REPLY_BUSY_CLIENT,
	REPLY_TOO_MANY_ERRORS,
	REPLY_TOO_MANY_MESSAGES,
	REPLY_TOO_MANY_RECIPIENTS,
	REPLY_NO_SPACE,
	REPLY_TROUBLE,
	/* 5xx */
	REPLY_UNKNOWN,
	REPLY_CONTROL,
	REPLY_LINE_TOO_LONG,
	REPLY_USE_LHLO,
	REPLY_NOT_HERE,
	REPLY_ORDER,
	REPLY_GREET_FIRST,
	REPLY_TLS_ACTIVE,
	REPLY_NEEDS_BDAT,
	REPLY_SYNTAX,
	REPLY_BAD_SENDER,
	REPLY_BAD_RECIPIENT,
	REPLY_BAD_PARAMETER,
	REPLY_UNKNOWN_PARAMETER,
	REPLY_NOT_UTF8,
	REPLY_TOO_LARGE,
	REPLY_BARE_LINE_END,
	REPLY_TLS_FIRST,
	REPLY_TLS_INJECTION,
	REPLY_NOT_TRUSTED,
	REPLY_COUNT
};

int reply_code(enum reply r);
/* Queues one reply in the session's output. A 5xx or 4xx from MAIL on is logged here. */
void session_reply(struct session *s, enum reply r);
/* The same with `detail` behind the table's text; bytes that could break a line become
 * '?'. */
void session_reply_with(struct session *s, enum reply r, struct span detail);
/* A message was refused: a line of the account. */
void session_count_refused(struct session *s);
/* The verb is named where the text asks for it. */
void session_reply_refusal(struct session *s, enum reply r, enum smtp_verb verb);
/* Several lines, '\n' between them; `lines` is ours, never a peer's. */
void session_reply_lines(struct session *s, enum reply r, const char *lines);
/* The answer to a message: LMTP gives it once for each accepted recipient. */
void session_reply_message(struct session *s, enum reply r, struct span detail);
/* Our own trouble: 452 4.3.1 or 451 4.3.0, never a 5xx. */
enum reply reply_for_trouble(const struct err *e);
/* For a client that gets no session: the whole reply line as text. */
size_t reply_format(enum reply r, const char *hostname, char *text, size_t size);

#endif

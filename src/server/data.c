/*
 * data.c - DATA: dot-stuffed message data up to CRLF.CRLF, and to nothing else.
 */
#include "session_inside.h"

enum { PIECE = 64 * 1024 }; /* between two looks at whether the draft is full */

enum verb_outcome
on_data(struct session *s, const struct smtp_command *c)
{
	(void)c;
	if (s->transaction->body == SMTP_BODY_BINARYMIME) {
		session_reply(s, REPLY_NEEDS_BDAT);
		return VERB_REFUSED;
	}
	session_reply(s, REPLY_GO_DATA);
	return VERB_ACCEPTED;
}

static void
feed(void *arg, const char *p, size_t n)
{
	ingest_feed(arg, p, n);
}

size_t
session_read_data(struct session *s, struct span input)
{
	struct transaction *t = s->transaction;
	bool ended = false;

	if (input.n == 0)
		return 0;
	struct span piece = span_make(input.p, input.n < PIECE ? input.n : PIECE);
	size_t used = smtp_data_decode(&t->decoder, piece, feed, &t->ingest, &ended);
	if (ended)
		acceptance_begin(s);
	else
		session_after_feed(s);
	return used;
}

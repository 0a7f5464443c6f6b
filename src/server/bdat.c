/*
 * bdat.c - BDAT: counted octets (RFC 3030). They are the message byte for byte, bare line
 * ends and NUL included.
 *
 * The octets follow the command whether it is accepted or not, so those of a refused one
 * are read away and the reply is given behind them. A chunk that cannot be kept ends the
 * transaction: the chunks behind it are out of order, and refused one by one.
 */
#include "session_inside.h"

#include <inttypes.h>
#include <stdio.h>

enum { PIECE = 64 * 1024 };

enum verb_outcome
on_bdat(struct session *s, const struct smtp_command *c)
{
	struct ingest *g = &s->transaction->ingest;

	s->chunk.left = c->chunk_size;
	s->chunk.is_last = c->chunk_is_last;
	/* Nothing of a chunk that cannot fit is stored. */
	if (c->chunk_size > g->size_max - g->size) {
		g->is_too_large = true;
		ingest_abandon(g);
	}
	return VERB_ACCEPTED;
}

static void
chunk_end(struct session *s)
{
	enum reply obstacle = acceptance_obstacle(s);
	char octets[32];

	if (s->chunk.is_last) {
		acceptance_begin(s);
	} else if (obstacle != REPLY_QUEUED) {
		acceptance_refuse(s, obstacle);
	} else {
		snprintf(octets, sizeof(octets), "%" PRIu64, s->transaction->ingest.size);
		session_reply_with(s, REPLY_CHUNK_OK, span_of(octets));
		session_enter(s, ST_BDAT);
	}
}

size_t
session_read_chunk(struct session *s, struct span input)
{
	size_t n = input.n < PIECE ? input.n : PIECE;

	if (n > s->chunk.left)
		n = (size_t)s->chunk.left;
	if (n > 0) {
		ingest_feed(&s->transaction->ingest, input.p, n);
		s->chunk.left -= n;
		if (s->chunk.left > 0 || !s->chunk.is_last)
			session_after_feed(s);
	}
	if (s->chunk.left == 0 && !s->is_waiting_for_room)
		chunk_end(s);
	return n;
}

size_t
session_read_skip(struct session *s, struct span input)
{
	size_t n = input.n < s->chunk.left ? input.n : (size_t)s->chunk.left;

	s->chunk.left -= n;
	if (n > 0)
		s->is_deadline_due = true;
	if (s->chunk.left == 0) {
		session_reply_refusal(s, s->chunk.reply, SMTP_BDAT);
		session_enter(s, s->chunk.then);
		session_after_command(s);
	}
	return n;
}

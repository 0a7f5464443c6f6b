/*
 * stream_input.c - from the descriptor to the consumer.
 *
 * One read per readable event: others get their turn. The descriptor is level-triggered;
 * it is taken off the watch only when it proves readable while nothing may be read, so
 * that a consumer that pauses and resumes within a turn costs no system call.
 *
 * Buffers take a block while they hold bytes and give it back when they are empty.
 */
#include "loop/stream_inside.h"

#include <errno.h>
#include <sys/socket.h>

static bool
input_is_wanted(const struct stream *s)
{
	if (s->is_closed || s->is_eof || s->failure != NULL)
		return false;
	if (s->is_parting)
		return true;
	if (buf_room(&s->plain_in) == 0 || buf_room(&s->wire_out) < STREAM_WIRE_OUT_LEAST)
		return false;
	if (s->ops == NULL)
		return !s->is_paused;
	/* A handshake goes on behind the back of a consumer that pauses. */
	return buf_room(&s->wire_in) > 0 && (!s->is_paused || s->ops->is_busy(s->state));
}

static void
stream_is_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	if (!input_is_wanted(s)) {
		stream_input_disarm(s);
		return;
	}
	stream_input_read(s);
	stream_input_offer(s);
	if (!s->is_closed &&
	    (s->is_parting || s->wire_out.n > 0 || (s->ops != NULL && s->out.queued > 0)))
		stream_wake(s);
}

void
stream_input_init(struct stream *s)
{
	event_assign(&s->readable, s->loop->base, s->fd, EV_READ | EV_PERSIST,
		     stream_is_readable, s);
	buf_init(&s->wire_in, STREAM_WIRE_IN_MAX);
}

void
stream_input_done(struct stream *s)
{
	stream_input_drop(s);
	buf_done(&s->plain_in);
	buf_done(&s->wire_in);
}

void
stream_input_arm(struct stream *s)
{
	if (s->is_reading || !input_is_wanted(s))
		return;
	s->is_reading = event_add(&s->readable, NULL) == 0;
	if (!s->is_reading)
		stream_fail_errno(s, ENOMEM, "the connection cannot be watched");
}

void
stream_input_disarm(struct stream *s)
{
	if (s->is_reading)
		event_del(&s->readable);
	s->is_reading = false;
}

/* A transform may leave a record on the wire when plain_in has no room for all of it. */
static bool
input_is_crowded(const struct stream *s)
{
	size_t room = buf_room(&s->plain_in);
	return s->plain_in.n > 0 &&
	       (room == 0 || (s->wire_in.n > 0 && room < STREAM_RECORD));
}

/* One call of decode(). True when it is worth another one. */
static bool
input_decode_once(struct stream *s)
{
	size_t wire = s->wire_in.n, plain = s->plain_in.n;
	struct err e = { 0 };
	bool is_eof = false;
	size_t room;

	/* A block to decode into; without memory for one, the transform grows its own. */
	(void)blocks_room(&s->loop->large, &s->plain_in, STREAM_RECORD, &room);
	if (s->ops->decode(s->state, &s->wire_in, &s->plain_in, &s->wire_out, &is_eof,
			   &e) != 0) {
		stream_fail(s, &e);
		return false;
	}
	s->bytes_in += s->plain_in.n - plain;
	s->has_news = s->has_news || s->plain_in.n > plain;
	s->is_eof = s->is_eof || is_eof;
	if (s->is_parting)
		blocks_drop(&s->loop->large, &s->plain_in);
	s->has_more = input_is_crowded(s);
	bool has_moved = s->wire_in.n < wire || s->plain_in.n > plain;
	if (!has_moved && buf_room(&s->wire_in) == 0 && s->plain_in.n == 0 &&
	    !s->is_parting) {
		err_set(&e, ERR_PROTOCOL, 0, "what the peer sent is no record");
		stream_fail(s, &e);
	}
	return has_moved && s->wire_in.n > 0 && !s->is_eof && buf_room(&s->plain_in) > 0;
}

/* Decodes as long as bytes move: a transform may take one record at a time. */
void
stream_input_decode(struct stream *s)
{
	s->has_more = buf_room(&s->plain_in) == 0;
	if (!s->has_more) {
		while (input_decode_once(s))
			;
	}
	if (s->plain_in.n == 0)
		blocks_drop(&s->loop->large, &s->plain_in);
	blocks_settle(&s->loop->large, &s->wire_in);
}

static void
input_end(struct stream *s)
{
	s->is_eof = true;
	stream_input_disarm(s);
	if (s->ops != NULL && s->ops->is_busy(s->state) && !s->is_parting) {
		struct err e;
		err_set(&e, ERR_NETWORK, 0,
			"the peer closed the connection in the handshake");
		stream_fail(s, &e);
	}
}

void
stream_input_read(struct stream *s)
{
	struct buf *to = s->ops != NULL ? &s->wire_in : &s->plain_in;
	size_t room;

	if (s->is_parting && buf_room(to) == 0)
		blocks_drop(&s->loop->large, to); /* the transform wants none of it */
	char *place = blocks_room(&s->loop->large, to, STREAM_READ_LEAST, &room);

	if (place == NULL) {
		if (buf_room(to) > 0)
			stream_fail_errno(s, ENOMEM, "no memory for input");
		return;
	}
	ssize_t n = recv(s->fd, place, room, MSG_DONTWAIT);
	int os = errno;
	if (n > 0)
		buf_commit(to, (size_t)n);
	else if (n == 0)
		input_end(s);
	else if (os != EAGAIN && os != EINTR)
		stream_fail_errno(s, os, "the connection broke");
	if (n > 0 && s->ops != NULL && !s->is_shut) {
		stream_input_decode(s);
	} else if (n > 0) {
		s->has_news = true;
		s->bytes_in += (uint64_t)n;
	}
	if (s->is_parting)
		stream_input_drop(s);
	else if (to->n == 0)
		blocks_drop(&s->loop->large, to);
	if (s->is_eof)
		stream_input_disarm(s);
}

void
stream_input_offer(struct stream *s)
{
	if (s->has_news && !s->is_paused && !s->is_parting) {
		s->has_news = false;
		if (s->plain_in.n > 0 && s->events->on_input != NULL)
			s->events->on_input(s->arg);
		if (s->is_closed)
			return;
		blocks_settle(&s->loop->large, &s->plain_in);
	}
	if (s->is_eof && !s->is_eof_told && !s->is_paused && !s->has_news &&
	    !s->has_more && s->failure == NULL) {
		s->is_eof_told = true;
		if (s->events->on_eof != NULL)
			s->events->on_eof(s->arg);
	}
}

void
stream_input_drop(struct stream *s)
{
	blocks_drop(&s->loop->large, &s->plain_in);
	s->has_news = false;
	/* While our last words are under way the transform still needs the peer's
	 * bytes. */
	if (s->ops == NULL || s->is_shut || s->is_closed)
		blocks_drop(&s->loop->large, &s->wire_in);
}

struct span
stream_input(const struct stream *s)
{
	return buf_span(&s->plain_in);
}

void
stream_consume(struct stream *s, size_t n)
{
	if (n == 0 || s->is_closed)
		return;
	buf_consume(&s->plain_in, n);
	if (s->plain_in.n == 0)
		blocks_drop(&s->loop->large, &s->plain_in);
	if (s->has_more)
		stream_wake(s);
	stream_input_arm(s);
}

void
stream_pause(struct stream *s)
{
	s->is_paused = true;
}

void
stream_resume(struct stream *s)
{
	if (s->is_closed || s->is_parting)
		return;
	s->is_paused = false;
	s->has_news = s->has_news || s->plain_in.n > 0;
	s->has_more = s->has_more || s->wire_in.n > 0;
	if (s->has_news || s->has_more || (s->is_eof && !s->is_eof_told))
		stream_wake(s);
	stream_input_arm(s);
}

bool
stream_wire_is_clean(const struct stream *s)
{
	return s->plain_in.n == 0 && s->wire_in.n == 0;
}

size_t
stream_discard_input(struct stream *s)
{
	size_t n = s->plain_in.n + s->wire_in.n;

	blocks_drop(&s->loop->large, &s->plain_in);
	blocks_drop(&s->loop->large, &s->wire_in);
	s->has_news = false;
	if (s->has_more)
		stream_wake(s);
	stream_input_arm(s);
	return n;
}

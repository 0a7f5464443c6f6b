/*
 * stream_output.c - from the producer to the descriptor.
 *
 * The queue is a chain of pieces: blocks that small writes are copied into, and borrowed
 * bytes. Without a transform the pieces go out as they are, many with one call. With one,
 * runs of whole records are encoded into wire_out, which is sent before it is filled
 * again, so that it never holds more than a few records.
 */
#include "loop/stream_inside.h"

#include "tdc/base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

static const size_t block_bytes = LOOP_BLOCK_SMALL - sizeof(struct piece);

static void
stream_is_writable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	stream_output_flush(s);
	stream_settle(s);
}

void
stream_output_init(struct stream *s)
{
	event_assign(&s->writable, s->loop->base, s->fd, EV_WRITE | EV_PERSIST,
		     stream_is_writable, s);
	buf_init(&s->wire_out, STREAM_WIRE_OUT_MAX);
	s->out.end = &s->out.first;
}

static void
output_arm(struct stream *s)
{
	if (s->is_waiting)
		return;
	s->is_waiting = event_add(&s->writable, NULL) == 0;
	if (!s->is_waiting)
		stream_fail_errno(s, ENOMEM, "the connection cannot be watched");
}

void
stream_output_disarm(struct stream *s)
{
	if (s->is_waiting)
		event_del(&s->writable);
	s->is_waiting = false;
}

size_t
stream_output_left(const struct stream *s)
{
	return s->out.queued + s->wire_out.n;
}

/* -- the queue -- */

static void
output_append(struct stream *s, struct piece *piece)
{
	piece->next = NULL;
	*s->out.end = piece;
	s->out.end = &piece->next;
	s->out.last = piece;
}

static void
piece_free(struct stream *s, struct piece *piece)
{
	void (*release)(void *) = piece->release;
	void *arg = piece->arg;

	if (piece->is_block)
		blocks_put(&s->loop->small, piece);
	else
		free(piece);
	if (release != NULL)
		release(arg);
}

/* Takes n sent bytes off the front. The queue is whole again before anybody is told. */
static void
output_drop(struct stream *s, size_t n)
{
	struct output *out = &s->out;
	struct piece *done = NULL, **end = &done;

	out->queued -= n;
	s->bytes_out += n;
	while (out->first != NULL && out->first->n <= n) {
		struct piece *piece = out->first;
		n -= piece->n;
		out->first = piece->next;
		piece->next = NULL;
		*end = piece;
		end = &piece->next;
	}
	if (out->first == NULL) {
		out->end = &out->first;
		out->last = NULL;
	} else {
		out->first->p += n;
		out->first->n -= n;
	}
	while (done != NULL) {
		struct piece *piece = done;
		done = piece->next;
		piece_free(s, piece);
	}
}

void
stream_output_done(struct stream *s)
{
	while (s->out.first != NULL) {
		struct piece *piece = s->out.first;
		s->out.first = piece->next;
		piece_free(s, piece);
	}
	s->out = (struct output){ .end = &s->out.first };
	blocks_drop(&s->loop->large, &s->wire_out);
}

/* Bytes that still fit behind a block's live ones. */
static size_t
piece_room(const struct piece *piece)
{
	if (piece == NULL || !piece->is_block)
		return 0;
	const char *data = (const char *)(piece + 1);
	return block_bytes - (size_t)(piece->p - data) - piece->n;
}

static struct piece *
piece_new_block(struct stream *s)
{
	struct piece *piece = blocks_get(&s->loop->small);
	if (piece != NULL) {
		*piece = (struct piece){ .p = (const char *)(piece + 1),
					 .is_block = true };
		output_append(s, piece);
	}
	return piece;
}

static void
output_grew(struct stream *s, size_t n)
{
	s->out.queued += n;
	if (stream_output_left(s) >= s->output_high)
		s->was_full = true;
	if (!s->is_waiting)
		stream_wake(s);
}

int
stream_write(struct stream *s, const void *p, size_t n)
{
	const char *from = p;

	if (s->is_closed || s->is_parting)
		return -1;
	if (s->failure != NULL)
		return 0; /* on_error is on its way */
	while (n > 0) {
		size_t room = piece_room(s->out.last);
		if (room == 0) {
			if (piece_new_block(s) == NULL)
				return -1;
			continue;
		}
		struct piece *last = s->out.last;
		size_t part = n < room ? n : room;
		memcpy((char *)(uintptr_t)last->p + last->n, from, part);
		last->n += part;
		output_grew(s, part);
		from += part;
		n -= part;
	}
	return 0;
}

int
stream_write_ref(struct stream *s, struct span bytes, void (*release)(void *), void *arg)
{
	struct piece *piece = NULL;

	if (!s->is_closed && !s->is_parting)
		piece = malloc(sizeof(*piece));
	if (piece == NULL) {
		if (release != NULL)
			release(arg);
		return -1;
	}
	*piece = (struct piece){
		.p = bytes.p, .n = bytes.n, .release = release, .arg = arg
	};
	output_append(s, piece);
	output_grew(s, bytes.n);
	return 0;
}

bool
stream_output_is_full(const struct stream *s)
{
	return stream_output_left(s) >= s->output_high;
}

size_t
stream_output_queued(const struct stream *s)
{
	return stream_output_left(s);
}

/* -- encoding -- */

/* Copies pieces together until a record is full. The bytes are in *scratch, a large
 * block. */
static struct span
output_gather_record(struct stream *s, char *scratch)
{
	size_t n = 0;

	for (const struct piece *p = s->out.first; p != NULL && n < STREAM_RECORD;
	     p = p->next) {
		size_t part = p->n < STREAM_RECORD - n ? p->n : STREAM_RECORD - n;
		if (part > 0)
			memcpy(scratch + n, p->p, part);
		n += part;
	}
	return span_make(scratch, n);
}

/* The next run for encode(): whole records out of a long piece, or one gathered
 * record. */
static struct span
output_next_run(struct stream *s, char **scratch, size_t most)
{
	const struct piece *first = s->out.first;
	size_t n = first->n < most ? first->n : most;

	if (n == s->out.queued)
		return span_make(first->p, n);
	if (n >= STREAM_RECORD)
		return span_make(first->p, n - n % STREAM_RECORD);
	if (*scratch == NULL)
		*scratch = blocks_get(&s->loop->large);
	if (*scratch == NULL)
		return span_make(first->p, n);
	return output_gather_record(s, *scratch);
}

/* Fills an empty wire_out from the queue. */
static void
output_encode(struct stream *s)
{
	char *scratch = NULL;
	size_t done = 0, taken = 1, room;
	struct err e = { 0 };

	if (s->out.queued == 0 || s->wire_out.n > 0 || s->ops->is_busy(s->state))
		return;
	(void)blocks_room(&s->loop->large, &s->wire_out, LOOP_BLOCK_LARGE, &room);
	while (s->out.queued > 0 && done < STREAM_ENCODE_MOST && taken > 0) {
		struct span run = output_next_run(s, &scratch, STREAM_ENCODE_MOST - done);
		taken = 0;
		if (s->ops->encode(s->state, run, &s->wire_out, &taken, &e) != 0) {
			stream_fail(s, &e);
			break;
		}
		check(taken <= run.n);
		done += taken;
		output_drop(s, taken);
		if (s->is_closed)
			break; /* by a release */
	}
	if (scratch != NULL)
		blocks_put(&s->loop->large, scratch);
}

/* -- sending -- */

static ssize_t
output_send_pieces(struct stream *s, size_t *asked)
{
	struct iovec parts[STREAM_PIECES_AT_ONCE];
	size_t n = 0;

	*asked = 0;
	for (struct piece *p = s->out.first; p != NULL && n < STREAM_PIECES_AT_ONCE;
	     p = p->next) {
		if (p->n == 0)
			continue;
		parts[n++] = (struct iovec){ (char *)(uintptr_t)p->p, p->n };
		*asked += p->n;
	}
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = n };
	return sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One call to the kernel. False when it takes no more for now, or the stream is no
 * more. */
static bool
output_send(struct stream *s)
{
	bool is_wire = s->wire_out.n > 0;
	struct span wire = buf_span(&s->wire_out);
	size_t asked = wire.n;
	ssize_t sent = is_wire ? send(s->fd, wire.p, wire.n, MSG_NOSIGNAL | MSG_DONTWAIT)
			       : output_send_pieces(s, &asked);

	if (sent < 0) {
		if (errno == EAGAIN)
			output_arm(s);
		else if (errno != EINTR)
			stream_fail_errno(s, errno, "the connection broke");
		return errno == EINTR;
	}
	if (is_wire)
		buf_consume(&s->wire_out, (size_t)sent);
	else
		output_drop(s, (size_t)sent);
	if (s->is_closed)
		return false;
	if ((size_t)sent < asked)
		output_arm(s);
	return (size_t)sent == asked;
}

void
stream_output_flush(struct stream *s)
{
	size_t before = stream_output_left(s);

	for (;;) {
		if (s->ops != NULL && s->failure == NULL)
			output_encode(s);
		if (s->is_closed || s->failure != NULL)
			return;
		if (s->wire_out.n == 0 && (s->ops != NULL || s->out.queued == 0))
			break;
		if (!output_send(s))
			break;
	}
	if (!s->is_closed && s->out.queued == 0 && s->out.first != NULL)
		output_drop(s, 0); /* pieces without bytes */
	if (s->is_closed || s->failure != NULL)
		return;
	size_t left = stream_output_left(s);
	if (s->wire_out.n == 0) {
		blocks_drop(&s->loop->large, &s->wire_out);
		if (left == 0 || s->ops != NULL)
			stream_output_disarm(s);
	}
	if ((left == 0 && before > 0) || (s->was_full && left <= s->output_low)) {
		s->is_drained = true;
		s->was_full = false;
	}
	stream_input_arm(s);
}

void
stream_flush(struct stream *s)
{
	if (s->is_closed || s->failure != NULL)
		return;
	stream_output_flush(s);
	if (!s->is_closed && (s->is_drained || s->is_parting))
		stream_wake(s);
}

void
stream_output_leave_plain(struct stream *s)
{
	if (s->failure == NULL && s->out.queued > 0)
		stream_output_flush(s);
	if (s->out.queued == 0)
		return;
	s->wire_out.max = s->out.queued + STREAM_WIRE_OUT_MAX;
	for (const struct piece *p = s->out.first; p != NULL; p = p->next)
		buf_append(&s->wire_out, p->p, p->n);
	if (s->wire_out.failed)
		stream_fail_errno(s, ENOMEM, "no memory for output");
	output_drop(s, s->out.queued);
}

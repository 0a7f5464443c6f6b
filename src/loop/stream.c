/*
 * stream.c - life of a stream, its deadline, its transform, and the moment when events
 * are told.
 *
 * Events are told from three places, all called by the loop: a readable or writable
 * descriptor, the timer, and the task at the turn's end. Whatever a call of the user
 * finds out (an error of a write, a drained queue) only marks the stream and wakes the
 * task.
 *
 * After every event the stream may have been closed: the struct lives until the turn
 * ends, and `is_closed` says so.
 */
#include "loop/stream_inside.h"

#include "tdc/base/check.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

/* Stands for a failure that there was no memory to keep. */
static const struct err no_memory = { ERR_MEMORY, 0, "no memory" };
/* Nobody listens to a stream that is parting. */
static const struct stream_events nobody = { 0 };

void
stream_wake(struct stream *s)
{
	if (!s->is_closed)
		loop_at_turn_end(s->loop, &s->task);
}

void
stream_fail(struct stream *s, const struct err *why)
{
	if (s->failure != NULL || s->is_closed)
		return;
	s->failure = malloc(sizeof(*s->failure));
	if (s->failure == NULL)
		s->failure = (struct err *)(uintptr_t)&no_memory; /* never written to */
	else
		*s->failure = *why;
	stream_input_disarm(s);
	stream_output_disarm(s);
	stream_wake(s);
}

void
stream_fail_errno(struct stream *s, int os, const char *what)
{
	enum err_kind kind = err_kind_of_errno(os);
	struct err e;

	err_set(&e, kind == ERR_IO ? ERR_NETWORK : kind, os, "%s", what);
	stream_fail(s, &e);
}

/* The transform's last word, once. Nothing can be said before its handshake is over. */
static void
stream_say_goodbye(struct stream *s)
{
	if (s->ops == NULL || s->said_goodbye || s->ops->is_busy(s->state))
		return;
	s->said_goodbye = true;
	s->ops->shutdown(s->state, &s->wire_out);
	stream_output_flush(s);
}

/* A parting stream: output out, goodbye said, our side shut, the peer's end awaited. */
static void
stream_part(struct stream *s)
{
	if (s->failure != NULL || (s->is_shut && s->is_eof)) {
		stream_close(s);
		return;
	}
	if (stream_output_left(s) == 0 && !s->is_shut)
		stream_say_goodbye(s);
	if (s->is_closed)
		return;
	if (stream_output_left(s) == 0 && !s->is_shut) {
		s->is_shut = true;
		if (shutdown(s->fd, SHUT_WR) != 0 || s->is_eof)
			stream_close(s);
	}
}

void
stream_settle(struct stream *s)
{
	if (s->is_closed)
		return;
	if (s->is_parting) {
		stream_part(s);
		return;
	}
	if (s->is_drained && s->failure == NULL) {
		s->is_drained = false;
		if (s->events->on_drain != NULL)
			s->events->on_drain(s->arg);
	}
}

/* What arrived before the link broke may say why: it is read and offered first. */
static void
stream_tell_failure(struct stream *s)
{
	if (!s->is_eof && !s->is_paused && !s->is_parting)
		stream_input_read(s);
	stream_input_offer(s);
	if (s->is_closed || s->is_failure_told)
		return;
	s->is_failure_told = true;
	if (s->events->on_error != NULL)
		s->events->on_error(s->arg, s->failure);
}

static void
stream_look(struct loop_task *task)
{
	struct stream *s = list_entry(&task->node, struct stream, task.node);

	if (s->failure == NULL && s->has_more)
		stream_input_decode(s);
	if (s->failure == NULL)
		stream_input_offer(s);
	if (!s->is_closed && s->failure == NULL)
		stream_output_flush(s);
	if (!s->is_closed && s->failure != NULL && !s->is_failure_told && !s->is_parting)
		stream_tell_failure(s);
	stream_settle(s);
}

static void
stream_timer_fired(void *arg)
{
	struct stream *s = arg;
	int64_t now = loop_mono_ms(s->loop);

	if (s->deadline_at == 0)
		return;
	if (now < s->deadline_at) {
		timer_set(&s->timer, s->deadline_at - now);
		return;
	}
	s->deadline_at = 0;
	if (s->is_parting)
		stream_close(s);
	else if (s->failure == NULL && s->events->on_timeout != NULL)
		s->events->on_timeout(s->arg);
}

void
stream_set_deadline(struct stream *s, int64_t ms)
{
	if (s->is_closed || s->is_parting)
		return;
	s->deadline_at = ms <= 0 ? 0 : loop_mono_ms(s->loop) + ms;
	/* A timer that fires too early is set again then: cheaper than moving it each
	 * time. */
	if (ms > 0 && (!timer_is_set(&s->timer) || s->timer.due_ms > s->deadline_at))
		timer_set(&s->timer, ms);
}

static void
stream_orphan_end(struct loop_orphan *o)
{
	stream_close(list_entry(&o->node, struct stream, orphan.node));
}

int
stream_new(struct loop *l, int fd, const struct stream_settings *settings,
	   const struct stream_events *events, void *arg, struct stream **ret,
	   struct err *e)
{
	static const struct stream_settings defaults = { 0 };
	const struct stream_settings *want = settings == NULL ? &defaults : settings;
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL || timer_init(&s->timer, l, stream_timer_fired, s, e) != 0) {
		free(s);
		close(fd);
		return err_set(e, ERR_MEMORY, 0, "no memory for a connection");
	}
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* fails on others */
	s->loop = l;
	s->fd = fd;
	s->events = events;
	s->arg = arg;
	s->task.run = stream_look;
	s->orphan.end = stream_orphan_end;
	buf_init(&s->plain_in, want->input_max == 0 ? STREAM_INPUT_MAX : want->input_max);
	s->output_high = want->output_high == 0 ? STREAM_OUTPUT_HIGH : want->output_high;
	s->output_low = want->output_low == 0 ? s->output_high / 4 : want->output_low;
	stream_input_init(s);
	stream_output_init(s);
	stream_input_arm(s);
	if (s->failure != NULL) {
		err_set(e, s->failure->kind, 0, "%s", s->failure->text);
		stream_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}

void
stream_set_events(struct stream *s, const struct stream_events *events, void *arg)
{
	s->events = events;
	s->arg = arg;
}

static void
stream_free(void *p)
{
	struct stream *s = p;

	if (s->failure != &no_memory)
		free(s->failure);
	free(s);
}

void
stream_close(struct stream *s)
{
	if (s == NULL || s->is_closed)
		return;
	s->events = &nobody;
	if (s->failure == NULL && stream_output_left(s) > 0)
		stream_output_flush(s);
	if (s->is_closed)
		return; /* a release closed it meanwhile */
	if (s->failure == NULL && stream_output_left(s) == 0)
		stream_say_goodbye(s);
	s->is_closed = true;
	stream_input_disarm(s);
	stream_output_disarm(s);
	timer_done(&s->timer);
	loop_task_cancel(s->loop, &s->task);
	if (list_node_is_linked(&s->orphan.node))
		list_remove(&s->loop->orphans, &s->orphan.node);
	close(s->fd);
	s->fd = -1;
	stream_input_done(s);
	stream_output_done(s);
	if (s->ops != NULL)
		s->ops->free(s->state);
	s->ops = NULL;
	s->state = NULL;
	loop_defer_free(s->loop, s, stream_free);
}

void
stream_close_after_output(struct stream *s, int64_t grace_ms)
{
	if (s == NULL || s->is_closed || s->is_parting)
		return;
	s->events = &nobody;
	if (s->failure != NULL) {
		stream_close(s);
		return;
	}
	stream_set_deadline(s, grace_ms < 1 ? 1 : grace_ms);
	s->is_parting = true;
	s->is_paused = false;
	list_append(&s->loop->orphans, &s->orphan.node);
	stream_input_drop(s);
	stream_input_arm(s);
	stream_wake(s);
}

void
stream_set_transform(struct stream *s, const struct stream_transform_ops *ops,
		     void *state)
{
	check(s->ops == NULL && !s->is_closed);
	stream_output_leave_plain(s);
	buf_done(&s->wire_in);
	size_t max = s->plain_in.max;
	s->wire_in = s->plain_in;
	s->wire_in.max =
		s->wire_in.n > STREAM_WIRE_IN_MAX ? s->wire_in.n : STREAM_WIRE_IN_MAX;
	buf_init(&s->plain_in, max);
	s->has_news = false;
	s->ops = ops;
	s->state = state;
	if (s->failure == NULL)
		stream_input_decode(s);
	stream_input_arm(s);
	stream_wake(s);
}

void *
stream_transform_state(const struct stream *s)
{
	return s->state;
}

void
stream_transform_continue(struct stream *s)
{
	if (s->ops == NULL)
		return;
	s->has_more = true;
	stream_wake(s);
}

struct loop *
stream_loop(const struct stream *s)
{
	return s->loop;
}

int
stream_fd(const struct stream *s)
{
	return s->fd;
}

uint64_t
stream_bytes_in(const struct stream *s)
{
	return s->bytes_in;
}

uint64_t
stream_bytes_out(const struct stream *s)
{
	return s->bytes_out;
}

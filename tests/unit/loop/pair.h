/*
 * pair.h - what the stream tests share: a loop on a manual clock, a stream on one end of
 * a socketpair, a bare descriptor on the other, and a log of the events in order.
 */
#ifndef TDC_TESTS_UNIT_LOOP_PAIR_H
#define TDC_TESTS_UNIT_LOOP_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/buf.h"
#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	struct clock_manual clock;
	struct loop *loop;
	struct stream *s;
	int peer;
	struct buf got;      /* what on_input consumed          */
	struct buf events;   /* "input eof ..." as they came    */
	size_t consume_most; /* per on_input; SIZE_MAX = all  */
	void (*on)(struct pair *p,
		   const char *event); /* what the test does in an event */
	enum err_kind error;
	char error_text[ERR_TEXT_MAX];
};

static inline void
pair_event(struct pair *p, const char *name)
{
	buf_append_text(&p->events, p->events.n > 0 ? " " : "");
	buf_append_text(&p->events, name);
	if (p->on != NULL)
		p->on(p, name);
}

static inline void
pair_take(struct pair *p)
{
	struct span in = stream_input(p->s);
	size_t n = in.n < p->consume_most ? in.n : p->consume_most;
	buf_append(&p->got, in.p, n);
	stream_consume(p->s, n);
}

static inline void
pair_on_input(void *arg)
{
	struct pair *p = arg;
	pair_take(p);
	pair_event(p, "input");
}

static inline void
pair_on_drain(void *arg)
{
	pair_event(arg, "drain");
}

static inline void
pair_on_eof(void *arg)
{
	pair_event(arg, "eof");
}

static inline void
pair_on_timeout(void *arg)
{
	pair_event(arg, "timeout");
}

static inline void
pair_on_error(void *arg, const struct err *e)
{
	struct pair *p = arg;
	p->error = e->kind;
	snprintf(p->error_text, sizeof(p->error_text), "%s", e->text);
	pair_event(p, "error");
}

static const struct stream_events pair_events = { pair_on_input, pair_on_drain,
						  pair_on_eof, pair_on_timeout,
						  pair_on_error };

static inline void
pair_open(struct pair *p, const struct stream_settings *settings)
{
	struct err e;
	int fds[2];

	memset(p, 0, sizeof(*p));
	clock_manual_init(&p->clock, 1000000);
	assert_int_equal(loop_new(&p->clock.base, &p->loop, &e), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	p->peer = fds[1];
	fcntl(p->peer, F_SETFL, O_NONBLOCK);
	p->consume_most = SIZE_MAX;
	buf_init(&p->got, 1u << 30);
	buf_init(&p->events, 1u << 20);
	assert_int_equal(
		stream_new(p->loop, fds[0], settings, &pair_events, p, &p->s, &e), 0);
}

static inline void
pair_close(struct pair *p)
{
	stream_close(p->s);
	loop_free(p->loop);
	if (p->peer >= 0)
		close(p->peer);
	buf_done(&p->got);
	buf_done(&p->events);
}

/* Turns until nothing is ready any more would be a guess: a test says how many it
 * needs. */
static inline void
pair_turns(struct pair *p, int n)
{
	struct err e;
	while (n-- > 0)
		assert_int_equal(loop_run_once(p->loop, 0, &e), 0);
}

static inline void
pair_send(struct pair *p, const char *text)
{
	assert_int_equal(write(p->peer, text, strlen(text)), (ssize_t)strlen(text));
}

/* What the peer can read now, as text. */
static inline const char *
pair_receive(struct pair *p, char *text, size_t size)
{
	ssize_t n = read(p->peer, text, size - 1);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static inline const char *
pair_story(struct pair *p)
{
	return buf_text(&p->events);
}

#endif

/*
 * session.c - one connection: its dialogue, step by step.
 */
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void
watch(struct run *r, struct session *s, bool write)
{
	struct epoll_event ev = { .events = EPOLLIN | (write ? (uint32_t)EPOLLOUT : 0),
				  .data.ptr = s };

	s->wants_write = write;
	if (epoll_ctl(r->epoll, EPOLL_CTL_MOD, s->fd, &ev) != 0)
		die("epoll_ctl");
}

void
session_open(struct run *r, struct session *s)
{
	int one = 1;

	*s = (struct session){
		.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
	};
	if (s->fd < 0)
		die("socket");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(s->fd, (struct sockaddr *)&r->o.to, sizeof(r->o.to)) != 0 &&
	    errno != EINPROGRESS)
		die("connect");
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };
	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &ev) != 0)
		die("epoll_ctl");
	r->open++;
	r->opened++;
}

static void
unpark(struct run *r, struct session *s)
{
	for (unsigned i = 0; i < r->parked_n; i++)
		if (r->parked[i] == s)
			r->parked[i] = r->parked[--r->parked_n];
}

void
session_close(struct run *r, struct session *s, bool is_broken)
{
	unpark(r, s);
	close(s->fd);
	s->fd = -1;
	r->open--;
	if (is_broken)
		r->broken++;
	if (!is_over(r))
		session_open(r, s);
}

static bool
say(struct session *s, const char *text)
{
	size_t n = strlen(text);

	return write(s->fd, text, n) == (ssize_t)n;
}

/* The commands of an envelope, one behind the other; `first` to `last` of them. */
static bool
say_envelope(struct run *r, struct session *s, unsigned first, unsigned last)
{
	char text[ENVELOPE_MAX];
	size_t n = 0;

	if (first == 0)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "MAIL FROM:<%s>\r\n",
				      r->o.from);
	if (first <= 1 && last >= 1 && r->o.destinations > 1)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "RCPT TO:<bob@d%llu.example>\r\n",
			(unsigned long long)(s->number % r->o.destinations));
	else if (first <= 1 && last >= 1)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "RCPT TO:<bob@inside.example>\r\n");
	if (last == 2 && r->o.uses_bdat)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "BDAT %zu LAST\r\n",
				      s->head_n + r->body_n);
	else if (last == 2)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "DATA\r\n");
	s->commands = last + 1;
	return write(s->fd, text, n) == (ssize_t)n;
}

static bool session_next(struct run *r, struct session *s);

/* The content is out. */
static bool
session_end_content(struct run *r, struct session *s)
{
	s->ended_at = now_ns();
	if (s->wants_write)
		watch(r, s, false);
	if (r->o.pipelining != PIPELINING_ALL || !s->may_pipeline || r->o.uses_bdat ||
	    is_over(r) || !may_begin(r) || s->sent >= r->o.per_connection)
		return true;
	s->is_final_due = true;
	return session_next(r, s);
}

/* Goes on writing the content; false when the connection broke. */
bool
session_write_content(struct run *r, struct session *s)
{
	size_t all = s->head_n + r->body_n;

	while (s->content_off < all) {
		size_t off = s->content_off < s->head_n ? s->content_off : s->head_n;
		size_t body_off = s->content_off - off;
		struct iovec parts[] = { { s->head + off, s->head_n - off },
					 { r->body + body_off, r->body_n - body_off } };
		ssize_t n = writev(s->fd, parts, 2);
		if (n < 0 && errno == EAGAIN) {
			if (!s->wants_write)
				watch(r, s, true);
			return true;
		}
		if (n < 0)
			return false;
		s->content_off += (size_t)n;
	}
	return session_end_content(r, s);
}

static bool
session_next(struct run *r, struct session *s)
{
	if (!s->is_final_due && (is_over(r) || s->sent >= r->o.per_connection)) {
		s->step = STEP_QUIT;
		return say(s, "QUIT\r\n");
	}
	if (!may_begin(r)) {
		s->step = STEP_PARKED;
		r->parked[r->parked_n++] = s;
		return true;
	}
	sync_raw(r);
	s->number = r->started++;
	s->sent++;
	s->step = STEP_ENVELOPE;
	s->replies_due = 3;
	if (!s->is_final_due)
		make_head(r, s);
	if (r->o.uses_bdat)
		return say_envelope(r, s, 0, 2) && session_write_content(r, s);
	bool waits = r->o.pipelining == PIPELINING_NONE || !s->may_pipeline;
	return say_envelope(r, s, 0, waits ? 0 : 2);
}

void
unpark_those_who_may(struct run *r)
{
	unsigned n = r->parked_n;

	while (n-- > 0 && (is_over(r) || may_begin(r))) {
		struct session *s = r->parked[--r->parked_n];
		if (!session_next(r, s))
			session_close(r, s, s->step != STEP_QUIT);
	}
}

static bool
note_refusal(struct run *r, const char *line, size_t n)
{
	r->refused++;
	if (r->first_refusal[0] == '\0')
		for (size_t i = 0; i < n && i < sizeof(r->first_refusal) - 1; i++)
			r->first_refusal[i] =
				line[i] < ' ' || line[i] == '"' || line[i] == '\\'
					? ' '
					: line[i];
	return false;
}

static bool
on_accepted(struct run *r, struct session *s)
{
	r->accepted++;
	latencies_add(&r->reply, now_ns() - s->ended_at);
	return true;
}

static bool
on_envelope_reply(struct run *r, struct session *s, int code, const char *line, size_t n)
{
	if (s->is_final_due) {
		s->is_final_due = false;
		make_head(r, s);
		return code == 250 ? on_accepted(r, s) : note_refusal(r, line, n);
	}
	if (code != 250 && code != 354)
		return note_refusal(r, line, n);
	if (--s->replies_due == 0 && r->o.uses_bdat)
		return on_accepted(r, s) && session_next(r, s);
	if (code == 354) {
		s->step = STEP_FINAL;
		return session_write_content(r, s);
	}
	return s->commands == 3 || say_envelope(r, s, s->commands, s->commands);
}

/* One complete reply line. False: the session ended or broke. */
static bool
session_reply(struct run *r, struct session *s, const char *line, size_t n)
{
	int code = atoi(line);

	if (s->step == STEP_HELLO && n >= 14 && memcmp(line + 4, "PIPELINING", 10) == 0)
		s->may_pipeline = true;
	if (n > 3 && line[3] == '-')
		return true;
	switch (s->step) {
	case STEP_GREETING:
		s->step = STEP_HELLO;
		return code == 220 && say(s, r->o.is_lmtp ? "LHLO load.example\r\n"
							  : "EHLO load.example\r\n");
	case STEP_HELLO:
		return code == 250 && session_next(r, s);
	case STEP_ENVELOPE:
		return on_envelope_reply(r, s, code, line, n);
	case STEP_FINAL:
		if (code != 250)
			return note_refusal(r, line, n);
		return on_accepted(r, s) && session_next(r, s);
	case STEP_PARKED:
	case STEP_QUIT:
		return false;
	}
	return false;
}

void
session_read(struct run *r, struct session *s)
{
	ssize_t n = read(s->fd, s->input + s->input_n, sizeof(s->input) - s->input_n);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		session_close(r, s, s->step != STEP_QUIT);
		return;
	}
	s->input_n += (size_t)n;
	size_t off = 0;
	for (char *end; (end = memchr(s->input + off, '\n', s->input_n - off)) != NULL;) {
		bool goes_on = session_reply(r, s, s->input + off,
					     (size_t)(end - s->input) - off);
		off = (size_t)(end - s->input) + 1;
		if (!goes_on) {
			session_close(r, s, s->step != STEP_QUIT);
			return;
		}
	}
	memmove(s->input, s->input + off, s->input_n - off);
	s->input_n -= off;
}

/*
 * session.c - the life of a connection: greeting, lines, TLS, end.
 */
#include "sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	IDLE_MS = 300 * 1000,
	REPLY_MAX = 16 * 1024,
	RECIPIENTS_BYTES_MAX = 1024 * 1024,
	RAW_MAX = 1024 * 1024,
};

static void
session_free(void *p)
{
	struct session *s = p;

	buf_done(&s->reply);
	buf_done(&s->late);
	buf_done(&s->from);
	buf_done(&s->recipients);
	buf_done(&s->raw);
	free(s);
}

static void
write_raw(struct session *s)
{
	store_write_raw(&s->sink->store, s->number, buf_span(&s->raw));
	buf_done(&s->raw);
}

void
session_cut(struct session *s)
{
	struct sink *k = s->sink;

	if (s->is_over)
		return;
	s->is_over = true;
	draft_done(&s->draft, &k->store);
	if (s->stream != NULL) {
		shutdown(stream_fd(s->stream), SHUT_RDWR);
		stream_close(s->stream);
	}
	s->stream = NULL;
	if (s->is_mail || s->mode != MODE_COMMAND || (s->is_waiting && s->has_tls))
		k->counts.n[SINK_ABORTED]++;
	if (!s->has_tls && !s->is_shaking_hands)
		write_raw(s);
	timer_done(&s->delay);
	list_remove(&k->sessions, &s->node);
	k->counts.n[SINK_OPEN]--;
	loop_defer_free(k->loop, s, session_free);
}

void
session_violation(struct session *s, const char *what)
{
	struct sink_counts *c = &s->sink->counts;

	c->n[SINK_VIOLATIONS]++;
	snprintf(c->last_violation, sizeof(c->last_violation),
		 "connection %" PRIu64 ": %s", s->number, what);
}

void
session_end_transaction(struct session *s)
{
	s->is_mail = s->is_utf8 = s->is_chunked = s->is_mid_passed = false;
	s->body = BODY_7BIT;
	s->recipient_count = 0;
	buf_clear(&s->from);
	buf_clear(&s->recipients);
}

void
session_take(struct session *s, struct span bytes)
{
	if (!s->has_tls && bytes.n <= buf_room(&s->raw))
		buf_append_span(&s->raw, bytes);
	stream_consume(s->stream, bytes.n);
}

/* -- lines -- */

/* NULL if the line (with its LF) is well-formed. */
static const char *
line_fault(struct span line)
{
	if (line.n < 2 || line.p[line.n - 2] != '\r')
		return "a bare LF ended a command";
	if (memchr(line.p, '\r', line.n - 2) != NULL)
		return "a bare CR in a command";
	if (memchr(line.p, '\0', line.n) != NULL)
		return "a NUL in a command";
	return NULL;
}

static size_t
take_line(struct session *s, struct span in)
{
	char line[SESSION_LINE_MAX];
	const char *end = memchr(in.p, '\n', in.n);
	size_t n = end == NULL ? in.n : (size_t)(end - in.p) + 1;

	if (n > sizeof(line)) {
		session_violation(s, "a command line without end");
		session_take(s, span_make(in.p, n));
		reply_plain(s, 500, "5.5.6", "line too long", AFTER_CLOSE);
		return n;
	}
	if (end == NULL)
		return 0;
	bool has_more = in.n > n;
	const char *fault = line_fault(span_make(in.p, n));
	memcpy(line, in.p, n);
	session_take(s, span_make(in.p, n));
	s->sink->counts.n[SINK_COMMANDS]++;
	if (fault != NULL) {
		session_violation(s, fault);
		reply_plain(s, 500, "5.5.2", fault, AFTER_NOTHING);
		return n;
	}
	verbs_run(s, span_make(line, n - 2), has_more);
	return n;
}

void
session_run(struct session *s)
{
	static size_t (*const take[])(struct session *, struct span) = {
		[MODE_COMMAND] = take_line,
		[MODE_DATA] = message_take_data,
		[MODE_CHUNK] = message_take_chunk,
	};

	while (!s->is_over && !s->is_waiting) {
		struct span in = stream_input(s->stream);

		if (in.n == 0 || take[s->mode](s, in) == 0)
			return;
	}
}

/* -- events -- */

static void
on_input(void *arg)
{
	struct session *s = arg;

	if (!s->has_spoken)
		session_violation(s, "spoke before the greeting");
	stream_set_deadline(s->stream, IDLE_MS);
	session_run(s);
}

static void
on_eof(void *arg)
{
	session_cut(arg);
}

static void
on_timeout(void *arg)
{
	struct session *s = arg;

	if (s->is_shaking_hands || s->is_waiting)
		session_cut(s);
	else
		reply_plain(s, 421, "4.4.2", "nothing heard for too long", AFTER_CLOSE);
}

static void
on_error(void *arg, const struct err *e)
{
	struct session *s = arg;

	(void)e;
	if (s->is_shaking_hands)
		s->sink->counts.n[SINK_HANDSHAKES_FAILED]++;
	session_cut(s);
}

static const struct stream_events events = {
	.on_input = on_input,
	.on_eof = on_eof,
	.on_timeout = on_timeout,
	.on_error = on_error,
};

/* -- TLS -- */

static void
on_tls(void *arg, const struct tls_facts *facts, const struct err *e)
{
	struct session *s = arg;
	struct sink_counts *c = &s->sink->counts;

	s->is_shaking_hands = false;
	s->has_tls = true; /* from here on nothing is plaintext, whatever became of it */
	if (e != NULL) {
		c->n[SINK_HANDSHAKES_FAILED]++;
		s->is_waiting = false; /* no transaction was aborted */
		stream_close(s->stream);
		s->stream = NULL;
		session_cut(s);
		return;
	}
	c->n[facts->is_resumed ? SINK_HANDSHAKES_RESUMED : SINK_HANDSHAKES_FULL]++;
	s->facts = *facts;
	s->is_waiting = false;
	s->is_greeted = false;
	s->helo[0] = '\0';
	session_end_transaction(s);
	session_run(s);
}

void
session_start_tls(struct session *s)
{
	struct err e = { 0 };

	stream_flush(s->stream);
	struct span early = stream_input(s->stream);
	if (early.n > 0) {
		session_violation(s, "bytes in the clear behind STARTTLS");
		session_take(s, early);
		session_cut(s);
		return;
	}
	write_raw(s);
	s->is_waiting = s->is_shaking_hands = true;
	stream_set_deadline(s->stream, IDLE_MS);
	if (tls_server_start(s->sink->tls, s->stream, on_tls, s, &e) != 0) {
		fprintf(stderr, "tdcsink: %s\n", e.text);
		session_cut(s);
	}
}

/* -- the beginning -- */

static void
greet(struct session *s)
{
	struct sink *k = s->sink;
	char text[300];

	if (k->options.max_connections > 0 &&
	    k->counts.n[SINK_OPEN] > k->options.max_connections) {
		k->counts.n[SINK_TURNED_AWAY]++;
		reply_plain(s, 421, "4.3.2", "too many connections", AFTER_CLOSE);
		return;
	}
	snprintf(text, sizeof(text), "%s ESMTP tdcsink", k->options.names[0]);
	reply_now(s, STAGE_GREETING, 220, "", text);
}

int
session_new(struct sink *k, int fd, struct err *e)
{
	const struct stream_settings settings = { .input_max = 256 * 1024 };
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		return err_set(e, ERR_MEMORY, 0, "no memory for a session");
	}
	s->sink = k;
	buf_init(&s->reply, REPLY_MAX);
	buf_init(&s->late, REPLY_MAX);
	buf_init(&s->from, REPLY_MAX);
	buf_init(&s->recipients, RECIPIENTS_BYTES_MAX);
	buf_init(&s->raw, RAW_MAX);
	draft_init(&s->draft);
	if (timer_init(&s->delay, k->loop, reply_delay_is_over, s, e) != 0) {
		close(fd);
		session_free(s);
		return -1;
	}
	if (stream_new(k->loop, fd, &settings, &events, s, &s->stream, e) != 0) {
		timer_done(&s->delay);
		session_free(s);
		return -1;
	}
	s->number = ++k->store.last_connection;
	list_append(&k->sessions, &s->node);
	k->counts.n[SINK_CONNECTIONS]++;
	if (++k->counts.n[SINK_OPEN] > k->counts.n[SINK_MOST_OPEN])
		k->counts.n[SINK_MOST_OPEN] = k->counts.n[SINK_OPEN];
	stream_set_deadline(s->stream, IDLE_MS);
	greet(s);
	return 0;
}

/*
 * connection.c - what lies between a stream and a session.
 *
 * Everything runs through connection_go_on(): give the session what input there is, send
 * what it said, do what it wants. While it waits for something else than input, the
 * stream is paused and the kernel pushes back.
 */
#include "connection.h"

#include "mail_log.h"
#include "server_inside.h"
#include "session.h"

#include "tdc/base/fault.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	INPUT_MAX = 64 * 1024,
	OUTPUT_KEPT = 512, /* of a reply buffer: the next ones need no other */
	CLOSE_GRACE_MS = 5000,
};

struct connection {
	struct list_node node; /* of the listener                         */
	struct server_listener *listener;
	struct stream *stream; /* NULL: lost                              */
	struct session *session;
	struct spool_commit *commit; /* NULL: none is pending             */
	struct loop_task task;       /* go on outside of a callback of tls */
	char *client;
	bool is_paused, has_eof, is_in_handshake;
};

/* ------------------------------------------------------------------ the end */

static void
connection_free(void *p)
{
	struct connection *c = p;

	free(c->client);
	free(c);
}

static void
connection_end(struct connection *c)
{
	struct server_listener *l = c->listener;

	if (c->session == NULL)
		return;
	loop_task_cancel(l->server->loop, &c->task);
	if (c->commit != NULL)
		spool_commit_forget(c->commit);
	c->commit = NULL;
	mail_log_close(c->session);
	session_free(c->session);
	c->session = NULL;
	/* A handshake must not end when nobody is there to be told. */
	if (c->is_in_handshake)
		stream_close(c->stream);
	else
		stream_close_after_output(c->stream, CLOSE_GRACE_MS);
	c->stream = NULL;
	list_remove(&l->connections, &c->node);
	loop_defer_free(l->server->loop, c, connection_free);
	server_connection_gone(l->server);
}

/* ------------------------------------------------------------------ going on */

static void connection_go_on(struct connection *c);

static void
connection_send(struct connection *c)
{
	struct buf *out = session_output(c->session);
	struct span bytes = buf_span(out);
	bool is_missing = out->failed;

	if (bytes.n == 0 && !is_missing)
		return;
	if (c->stream != NULL && !is_missing)
		is_missing = stream_write(c->stream, bytes.p, bytes.n) != 0;
	if (is_missing && c->stream != NULL) {
		struct err e;
		err_set(&e, ERR_MEMORY, 0, "no memory for a reply");
		session_lost(c->session, &e);
		/* No reply may stand for another: without this one there are none. */
		stream_close(c->stream);
		c->stream = NULL;
	}
	buf_clear(out);
	if (out->cap > OUTPUT_KEPT)
		buf_shrink(out);
}

static void
connection_pause(struct connection *c)
{
	if (!c->is_paused)
		stream_pause(c->stream);
	c->is_paused = true;
}

static void
connection_resume(struct connection *c)
{
	if (c->is_paused)
		stream_resume(c->stream);
	c->is_paused = false;
}

/* Called from within the handshake's last step: the stream is left alone until that is
 * over. */
static void
on_handshake(void *arg, const struct tls_facts *facts, const struct err *e)
{
	struct connection *c = arg;

	c->is_in_handshake = false;
	session_tls_done(c->session, facts, e);
	loop_at_turn_end(c->listener->server->loop, &c->task);
}

/* Not before the 220 is out: it is the last thing that is said in the clear. */
static void
connection_start_tls(struct connection *c)
{
	struct err e;

	if (c->is_in_handshake)
		return;
	stream_flush(c->stream);
	if (stream_output_queued(c->stream) > 0) {
		connection_pause(c);
		return; /* on_drain comes back here */
	}
	c->is_in_handshake = true;
	connection_resume(c);
	if (!stream_wire_is_clean(c->stream)) {
		c->is_in_handshake = false;
		session_tls_injected(c->session);
		loop_at_turn_end(c->listener->server->loop, &c->task);
		return;
	}
	int r = tls_server_start(session_tls_context(c->session), c->stream, on_handshake,
				 c, &e);
	if (r != 0 && c->is_in_handshake)
		on_handshake(c, NULL, &e);
}

/* Gives the session all it can use of the input, and sends what it says to that. */
static void
connection_feed(struct connection *c)
{
	bool has_moved = true;

	while (has_moved && c->stream != NULL &&
	       session_wants(c->session) == SESSION_WANTS_INPUT &&
	       !stream_output_is_full(c->stream)) {
		size_t used = session_input(c->session, stream_input(c->stream));
		if (c->stream != NULL)
			stream_consume(c->stream, used);
		has_moved = used > 0 || session_output(c->session)->n > 0;
		connection_send(c);
	}
}

static void
connection_set_deadline(struct connection *c)
{
	int64_t ms;

	if (c->stream != NULL && session_take_deadline(c->session, &ms))
		stream_set_deadline(c->stream, ms);
}

/* Input was all used, and no more will come. */
static bool
is_at_end(const struct connection *c)
{
	return c->has_eof && !stream_output_is_full(c->stream) &&
	       session_wants(c->session) == SESSION_WANTS_INPUT;
}

static void
connection_go_on(struct connection *c)
{
	connection_feed(c);
	if (c->stream != NULL && is_at_end(c))
		session_lost(c->session, NULL);
	connection_send(c);
	if (c->stream == NULL) {
		session_lost(c->session, NULL);
		if (session_wants(c->session) != SESSION_WANTS_COMMIT)
			connection_end(c);
		return;
	}
	switch (session_wants(c->session)) {
	case SESSION_WANTS_INPUT:
		if (stream_output_is_full(c->stream))
			connection_pause(c);
		else
			connection_resume(c);
		break;
	case SESSION_WANTS_ROOM:
	case SESSION_WANTS_COMMIT:
		connection_pause(c);
		break;
	case SESSION_WANTS_TLS:
		connection_start_tls(c);
		break;
	case SESSION_WANTS_CLOSE:
		connection_end(c);
		return;
	}
	connection_set_deadline(c);
}

static void
on_task(struct loop_task *task)
{
	connection_go_on(list_entry(&task->node, struct connection, task.node));
}

/* ----------------------------------------------- the stream's events */

static void
on_input(void *arg)
{
	connection_go_on(arg);
}

static void
on_drain(void *arg)
{
	connection_go_on(arg);
}

static void
on_eof(void *arg)
{
	struct connection *c = arg;

	c->has_eof = true;
	connection_go_on(c);
}

static void
on_timeout(void *arg)
{
	struct connection *c = arg;

	session_timeout(c->session);
	connection_go_on(c);
}

static void
on_error(void *arg, const struct err *e)
{
	struct connection *c = arg;

	session_lost(c->session, e);
	stream_close(c->stream);
	c->stream = NULL;
	connection_go_on(c);
}

static const struct stream_events events = {
	.on_input = on_input,
	.on_drain = on_drain,
	.on_eof = on_eof,
	.on_timeout = on_timeout,
	.on_error = on_error,
};

/* ----------------------------------------------- custody, for the session */

static uint64_t
host_next_mid(void *host)
{
	struct connection *c = host;

	return spool_next_mid(c->listener->server->spool);
}

static int
host_draft_new(void *host, uint64_t size_hint, struct spool_draft **ret, struct err *e)
{
	struct connection *c = host;

	return spool_draft_new(c->listener->server->spool, size_hint, ret, e);
}

static int
host_draft_append(void *host, struct spool_draft *d, const char *p, size_t n,
		  struct err *e)
{
	(void)host;
	return spool_draft_append(d, p, n, e);
}

static void
on_room(void *arg)
{
	struct connection *c = arg;

	session_room(c->session);
	connection_go_on(c);
}

static bool
host_draft_is_full(void *host, struct spool_draft *d)
{
	if (!spool_draft_is_full(d))
		return false;
	spool_draft_when_room(d, on_room, host);
	return true;
}

static void
host_draft_free(void *host, struct spool_draft *d)
{
	(void)host;
	spool_draft_free(d);
}

static size_t
host_decide(void *host, const struct spool_message *m, const struct body_facts *facts,
	    struct mime_names field_names, struct spool_plan plans[SPOOL_PLANS_MAX])
{
	struct connection *c = host;

	return policy_decide(c->listener->server->policy, m, facts, field_names, plans);
}

/* For the crash point behind the reply, the reply must be on the wire. */
static void
crash_after_reply(struct connection *c)
{
#ifdef TDC_FAULTS
	if (c->stream != NULL)
		stream_flush(c->stream);
	fault_crash("server.after-250");
#else
	(void)c;
#endif
}

static void
on_committed(void *arg, const struct err *e)
{
	struct connection *c = arg;

	c->commit = NULL;
	session_committed(c->session, e);
	connection_send(c);
	crash_after_reply(c);
	connection_go_on(c);
}

static void
host_commit(void *host, struct spool_draft *d, struct spool_message *m,
	    const struct body_facts *facts, const struct spool_plan *plans, size_t n)
{
	struct connection *c = host;

	/* Replies of the same batch need not wait for the disk. */
	connection_send(c);
	if (c->stream != NULL)
		stream_flush(c->stream);
	c->commit = spool_commit(d, m, facts, plans, n, on_committed, c);
}

static void
host_refused(void *host)
{
	struct connection *c = host;

	spool_count_refused(c->listener->server->spool);
}

static const struct session_host_ops host_ops = {
	.next_mid = host_next_mid,
	.draft_new = host_draft_new,
	.draft_append = host_draft_append,
	.draft_is_full = host_draft_is_full,
	.draft_free = host_draft_free,
	.decide = host_decide,
	.commit = host_commit,
	.refused = host_refused,
};

/* ------------------------------------------------------------------ the beginning */

/* The address that the client came to, which a wildcard listener does not know. */
static void
interface_format(const struct connection *c, char text[SOCKET_TEXT_MAX])
{
	struct socket_address own = { .length = sizeof(own.storage) };

	if (getsockname(stream_fd(c->stream), (struct sockaddr *)&own.storage,
			&own.length) != 0)
		own = c->listener->address;
	socket_address_format_host(&own, text);
}

static int
session_start(struct connection *c, struct err *e)
{
	struct server *s = c->listener->server;
	struct session_settings settings = {
		.config = c->listener->config,
		.icid = ++s->last_icid,
		.client_address = c->client,
		.clock = loop_clock(s->loop),
		.secret = spool_secret(s->spool),
	};

	return session_new(&settings, &host_ops, c, &c->session, e);
}

int
connection_new(struct server_listener *l, int fd, const char *client, struct err *e)
{
	size_t line_max = l->config->settings.command_line_max;
	struct stream_settings settings = {
		.input_max = line_max * 2 > INPUT_MAX ? line_max * 2 : INPUT_MAX,
	};
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->client = strdup(client)) == NULL) {
		free(c);
		close(fd);
		return err_set(e, ERR_MEMORY, 0, "no memory for a connection");
	}
	c->listener = l;
	c->task.run = on_task;
	if (stream_new(l->server->loop, fd, &settings, &events, c, &c->stream, e) != 0) {
		connection_free(c);
		return -1;
	}
	if (session_start(c, e) != 0) {
		stream_close(c->stream);
		connection_free(c);
		return -1;
	}
	list_append(&l->connections, &c->node);
	l->server->connections++;
	char interface[SOCKET_TEXT_MAX];
	interface_format(c, interface);
	mail_log_new(c->session, interface);
	connection_go_on(c);
	return 0;
}

struct connection *
connection_of_node(struct list_node *n)
{
	return list_entry(n, struct connection, node);
}

const char *
connection_client(const struct connection *c)
{
	return c->client;
}

bool
connection_is_in_transaction(const struct connection *c)
{
	return session_is_in_transaction(c->session);
}

/* ------------------------------------------------------------------ stopping */

void
connection_stop(struct connection *c)
{
	session_stop(c->session);
	connection_go_on(c);
}

void
connection_stop_now(struct connection *c)
{
	session_stop_now(c->session);
	connection_go_on(c);
}

void
connection_abort(struct connection *c)
{
	stream_close(c->stream);
	c->stream = NULL;
	session_abort(c->session);
	connection_end(c);
}

/*
 * server.c - the listening socket, who gets a place, and requests as the handler sees
 * them.
 */
#include "connection.h"

#include "answer.h"

#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_MS = 100 };

/* ---------------------------------------------------------------- admission */

static struct http_connection *
longest_silent(struct http_server *s)
{
	struct http_connection *found = NULL;

	for (struct list_node *n = list_first(&s->connections); n != NULL;
	     n = list_next(&s->connections, n)) {
		struct http_connection *c = list_entry(n, struct http_connection, node);
		if (http_connection_is_silent(c) &&
		    (found == NULL || c->since < found->since))
			found = c;
	}
	return found;
}

static void
turn_away(const struct http_server *s, int fd)
{
	struct buf out, problem;

	buf_init(&problem, HTTP_ANSWER_HEAD_MAX);
	http_problem_write(503, &problem);
	const struct http_answer_head answer = {
		.status = 503,
		.content_type = "application/problem+json",
		.length = problem.n,
		.closes = true,
		.wall_ms = loop_wall_ms(s->loop),
	};
	buf_init(&out, 2 * HTTP_ANSWER_HEAD_MAX);
	http_answer_head_write(&answer, &out);
	buf_append_span(&out, buf_span(&problem));
	/* What does not fit into an empty socket buffer is not worth waiting for. */
	if (!out.failed)
		(void)!send(fd, buf_span(&out).p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_done(&out);
	buf_done(&problem);
	close(fd);
}

static bool
make_place(struct http_server *s)
{
	if (s->connections.count < HTTP_CONNECTIONS_MAX)
		return true;
	struct http_connection *silent = longest_silent(s);
	if (silent != NULL)
		http_connection_free(silent);
	return silent != NULL;
}

static void
admit(struct http_server *s, int fd)
{
	struct err e;

	s->full_since = 0;
	/* Without memory the client sees its connection close. */
	(void)http_connection_new(s, fd, &e);
}

/*
 * One waits here, the others to be accepted. It is not turned away at once: a client that
 * finds its connection closed as soon as it is made takes nobody to be there.
 */
static void
look_for_place(void *arg)
{
	struct http_server *s = arg;
	int fd = s->waiting;

	if (make_place(s)) {
		admit(s, fd);
	} else if (loop_mono_ms(s->loop) - s->full_since >= HTTP_WAIT_MS) {
		turn_away(s, fd);
	} else {
		timer_set(&s->look, LOOK_MS);
		return;
	}
	s->waiting = -1;
	listener_resume(s->listener);
}

static void
on_accept(void *arg, int fd, const struct socket_address *peer)
{
	struct http_server *s = arg;

	(void)peer;
	if (make_place(s)) {
		admit(s, fd);
		return;
	}
	s->waiting = fd;
	if (s->full_since == 0)
		s->full_since = loop_mono_ms(s->loop);
	listener_pause(s->listener);
	timer_set(&s->look, LOOK_MS);
}

int
http_server_new(struct loop *l, const char *address, unsigned mode, http_handler_fn *fn,
		void *arg, struct http_server **ret, struct err *e)
{
	struct listener_settings settings = { .mode = mode, .inherited_fd = -1 };

	if (socket_address_parse(address, &settings.address, e) != 0)
		return -1;
	struct http_server *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a server");
	s->loop = l;
	s->fn = fn;
	s->arg = arg;
	s->waiting = -1;
	list_init(&s->connections);
	if (timer_init(&s->look, l, look_for_place, s, e) != 0) {
		free(s);
		return -1;
	}
	if (listener_new(l, &settings, on_accept, s, &s->listener, e) != 0) {
		timer_done(&s->look);
		free(s);
		return -1;
	}
	*ret = s;
	return 0;
}

void
http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	listener_free(s->listener);
	timer_done(&s->look);
	if (s->waiting >= 0)
		close(s->waiting);
	while (!list_is_empty(&s->connections))
		http_connection_free(list_entry(list_first(&s->connections),
						struct http_connection, node));
	free(s);
}

/* ---------------------------------------------------------------- requests */

enum http_method
http_request_method(const struct http_request *r)
{
	return r->method;
}

const char *
http_request_path(const struct http_request *r)
{
	return r->target.path;
}

const char *
http_request_query(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->target.n_parameters; i++)
		if (strcmp(r->target.parameters[i].name, name) == 0)
			return r->target.parameters[i].value;
	return NULL;
}

struct span
http_request_body(const struct http_request *r)
{
	return buf_span(&r->body);
}

void
http_request_allow(struct http_request *r, const char *methods)
{
	r->allow = methods;
}

void
http_answer(struct http_request *r, int status, const char *content_type,
	    struct span body)
{
	struct http_answer_head answer = { .status = status,
					   .content_type = content_type,
					   .allow = r->allow };
	struct http_connection *c = r->connection;

	if (c != NULL) {
		c->request = NULL;
		http_connection_answer(c, &answer, body);
	}
	http_target_done(&r->target);
	buf_done(&r->body);
	free(r);
}

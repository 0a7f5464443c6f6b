/*
 * server.c - the HTTP server side, on evhttp: one listening socket, whole requests, late
 * answers.
 *
 * evhttp keeps a request whose connection broke until it is answered; our own record of
 * it is in the server's list until then, so that a server that ends can cut the tie.
 */
#include "tdc/http/server.h"

#include "bind.h"

#include "tdc/base/check.h"
#include "tdc/base/cleanup.h"
#include "tdc/base/list.h"
#include "tdc/loop/loop.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include <string.h>
#include <sys/queue.h>

enum {
	BODY_MAX = 1 << 20,
	HEADERS_MAX = 16 << 10,
	IDLE_SECONDS = 60,
};

struct http_server {
	struct evhttp *evhttp;
	http_handler_fn *fn;
	void *arg;
	char *path;       /* of the unix socket, removed at the end; NULL with TCP */
	struct list open; /* of http_request.node                                  */
};

struct http_request {
	struct list_node node;
	struct http_server *server; /* NULL once the server ended */
	struct evhttp_request *request;
	char *path;
	struct evkeyvalq query;
};

static void
request_free(struct http_request *r)
{
	evhttp_clear_headers(&r->query);
	free(r->path);
	free(r);
}

static void
take_query(struct http_request *r, const struct evhttp_uri *uri)
{
	const char *query = uri == NULL ? NULL : evhttp_uri_get_query(uri);

	TAILQ_INIT(&r->query);
	if (query != NULL)
		evhttp_parse_query_str(query, &r->query);
}

static void
on_request(struct evhttp_request *request, void *arg)
{
	struct http_server *s = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
	size_t n = 0;
	struct http_request *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		evhttp_send_error(request, 503, NULL);
		return;
	}
	r->path = evhttp_uridecode(path == NULL ? "" : path, 0, &n);
	take_query(r, uri);
	if (r->path == NULL || strlen(r->path) != n) {
		evhttp_send_error(request, HTTP_BADREQUEST, NULL);
		request_free(r);
		return;
	}
	r->server = s;
	r->request = request;
	list_append(&s->open, &r->node);
	s->fn(s->arg, r);
}

int
http_server_new(struct loop *l, const char *address, unsigned mode, http_handler_fn *fn,
		void *arg, struct http_server **ret, struct err *e)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a server");
	list_init(&s->open);
	s->fn = fn;
	s->arg = arg;
	SCOPED(close_fd) int fd = http_bind(address, mode, &s->path, e);
	if (fd < 0) {
		free(s);
		return -1;
	}
	s->evhttp = evhttp_new(loop_event_base(l));
	if (s->evhttp == NULL || evhttp_accept_socket(s->evhttp, fd) != 0) {
		err_set(e, ERR_MEMORY, 0, "%s: the server cannot be started", address);
		http_server_free(s);
		return -1;
	}
	(void)TAKE_FD(&fd);
	evhttp_set_max_body_size(s->evhttp, BODY_MAX);
	evhttp_set_max_headers_size(s->evhttp, HEADERS_MAX);
	evhttp_set_timeout(s->evhttp, IDLE_SECONDS);
	evhttp_set_allowed_methods(s->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_POST |
						      EVHTTP_REQ_DELETE | EVHTTP_REQ_PUT |
						      EVHTTP_REQ_PATCH);
	evhttp_set_gencb(s->evhttp, on_request, s);
	*ret = s;
	return 0;
}

void
http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	while (!list_is_empty(&s->open)) {
		struct http_request *r =
			(struct http_request *)(void *)list_first(&s->open);
		list_remove(&s->open, &r->node);
		/* evhttp_free() frees the requests that still have a connection. */
		if (evhttp_request_get_connection(r->request) == NULL)
			evhttp_request_free(r->request);
		r->request = NULL;
		r->server = NULL;
	}
	if (s->evhttp != NULL)
		evhttp_free(s->evhttp);
	if (s->path != NULL)
		unlink(s->path);
	free(s->path);
	free(s);
}

enum http_method
http_request_method(const struct http_request *r)
{
	switch (evhttp_request_get_command(r->request)) {
	case EVHTTP_REQ_GET:
		return HTTP_GET;
	case EVHTTP_REQ_POST:
		return HTTP_POST;
	case EVHTTP_REQ_DELETE:
		return HTTP_DELETE;
	default:
		return HTTP_OTHER;
	}
}

const char *
http_request_path(const struct http_request *r)
{
	return r->path;
}

const char *
http_request_query(const struct http_request *r, const char *name)
{
	return evhttp_find_header(&r->query, name);
}

struct span
http_request_body(const struct http_request *r)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(r->request);

	return span_make(evbuffer_pullup(in, -1), evbuffer_get_length(in));
}

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 422, "Unprocessable Content" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].reason;
	return "Status";
}

void
http_answer(struct http_request *r, int status, const char *content_type,
	    struct span body)
{
	if (r->server != NULL) {
		struct evbuffer *out = evbuffer_new();
		list_remove(&r->server->open, &r->node);
		if (out == NULL || evbuffer_add(out, body.p, body.n) != 0) {
			evhttp_send_error(r->request, 503, NULL);
		} else {
			evhttp_add_header(evhttp_request_get_output_headers(r->request),
					  "Content-Type", content_type);
			evhttp_add_header(evhttp_request_get_output_headers(r->request),
					  "Cache-Control", "no-store");
			evhttp_send_reply(r->request, status, reason_of(status), out);
		}
		if (out != NULL)
			evbuffer_free(out);
	}
	request_free(r);
}

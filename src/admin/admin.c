/*
 * admin.c - the control socket: a request becomes a call, a call finds its path, an
 * answer ends it.
 */
#include "internal.h"

#include "tdc/base/check.h"
#include "tdc/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
call_end(struct call *c)
{
	if (c->admin != NULL)
		list_remove(&c->admin->calls, &c->node);
	free(c->sweep);
	free(c->proof);
	recheck_free(c);
	free(c);
}

static void
answer_as(struct call *c, int status, const char *type, json_t *body)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);

	/* After the admin's end this only frees the request. */
	if (text == NULL)
		http_answer(c->request, 503, "text/plain", span_of("no memory\n"));
	else
		http_answer(c->request, status, type, span_of(text));
	free(text);
	json_decref(body);
	call_end(c);
}

void
call_answer(struct call *c, int status, json_t *body)
{
	answer_as(c, status, "application/json", body);
}

static const char *
title_of(int status)
{
	switch (status) {
	case 400:
		return "Bad request";
	case 404:
		return "Not found";
	case 405:
		return "Method not allowed";
	case 409:
		return "Not possible now";
	case 422:
		return "Configuration refused";
	default:
		return "Failed";
	}
}

void
call_problem(struct call *c, int status, json_t *extra, const char *fmt, ...)
{
	char detail[2 * ERR_TEXT_MAX];
	json_t *body = extra == NULL ? json_object() : extra;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	json_put(body, "type", json_string("about:blank"));
	json_put(body, "title", json_string(title_of(status)));
	json_put(body, "status", json_integer(status));
	json_put(body, "detail", json_peer_text(detail));
	answer_as(c, status, "application/problem+json", body);
}

void
call_problem_err(struct call *c, const struct err *e)
{
	int status = e->kind == ERR_NOT_FOUND ? 404 : err_is_temporary(e) ? 503 : 500;
	json_t *extra = json_object();

	json_put(extra, "kind", json_string(err_kind_name(e->kind)));
	call_problem(c, status, extra, "%s", e->text);
}

bool
call_is_over(struct call *c, const struct err *e)
{
	bool has_ended = c->admin == NULL;

	if (has_ended)
		call_answer(c, 503, NULL);
	else if (e != NULL)
		call_problem_err(c, e);
	return has_ended || e != NULL;
}

static void
on_reloaded(void *arg, const struct admin_reload *r)
{
	struct call *c = arg;

	if (call_is_over(c, NULL))
		return;
	const struct admin *a = c->admin;
	json_t *body = json_object();
	json_put(body, "warnings", json_lines(r->warnings));
	if (r->refused != NULL) {
		json_put(body, "errors", json_lines(r->errors));
		call_problem(c, r->refused->kind == ERR_SHUTDOWN ? 503 : 422, body, "%s",
			     r->refused->text);
		return;
	}
	json_put(body, "configuration_generation",
		 json_count(a->ops->configuration_generation(a->ops_arg)));
	call_answer(c, 200, body);
}

void
run_reload(struct call *c)
{
	const struct admin *a = c->admin;
	struct err e = { 0 };

	if (a->ops->reload(a->ops_arg, on_reloaded, c, &e) != 0)
		call_problem_err(c, &e);
}

static void
on_request(void *arg, struct http_request *r)
{
	struct admin *a = arg;
	struct call *c = calloc(1, sizeof(*c));
	const char *path = http_request_path(r);
	char methods[METHODS_MAX];

	if (c == NULL) {
		http_answer(r, 503, "text/plain", span_of("no memory\n"));
		return;
	}
	c->admin = a;
	c->request = r;
	list_append(&a->calls, &c->node);
	switch (path_find(http_request_method(r), path, &c->path, &c->mid)) {
	case PATH_FOUND:
		c->path->run(c);
		break;
	case PATH_OTHER_METHOD:
		path_methods(path, methods);
		http_request_allow(r, methods);
		call_problem(c, 405, NULL, "%s does not take this method", path);
		break;
	case PATH_UNKNOWN:
		call_problem(c, 404, NULL, "there is no %s", path);
		break;
	}
}

int
admin_new(struct loop *l, const struct admin_settings *s, struct spool *sp,
	  struct server *sv, struct deliver *d, const struct admin_daemon_ops *ops,
	  void *ops_arg, struct admin **ret, struct err *e)
{
	char address[SOCKET_PATH_MAX + 8];
	struct admin *a = calloc(1, sizeof(*a));

	if (a == NULL || (a->version = strdup(s->version)) == NULL) {
		free(a);
		return err_set(e, ERR_MEMORY, 0, "no memory for the control socket");
	}
	list_init(&a->calls);
	a->loop = l;
	a->spool = sp;
	a->server = sv;
	a->deliver = d;
	a->ops = ops;
	a->ops_arg = ops_arg;
	a->at_start = *spool_account(sp);
	int n = snprintf(address, sizeof(address), "unix:%s", s->socket);
	if (n < 0 || (size_t)n >= sizeof(address))
		err_set(e, ERR_CONFIG, 0, "admin.socket is too long for a socket: %s",
			s->socket);
	else if (http_server_new(l, address, s->mode, on_request, a, &a->http, e) == 0) {
		*ret = a;
		return 0;
	}
	free(a->version);
	free(a);
	return err_wrap(e, "control socket");
}

void
admin_free(struct admin *a)
{
	if (a == NULL)
		return;
	http_server_free(a->http);
	while (!list_is_empty(&a->calls)) {
		struct call *c = (struct call *)(void *)list_first(&a->calls);
		list_remove(&a->calls, &c->node);
		c->admin = NULL;
		/* Readers of bodies must be gone before the spool. */
		if (c->recheck != NULL)
			call_answer(c, 503, NULL);
	}
	free(a->version);
	free(a);
}

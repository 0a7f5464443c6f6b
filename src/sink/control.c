/*
 * control.c - one line, one command, one line of JSON.
 */
#include "control.h"

#include "certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct control {
	struct sink *sink;
	struct listener *listener;
	struct list clients;
};

struct client {
	struct list_node node;
	struct control *control;
	struct stream *stream;
};

/* -- commands: each returns 0, or -1 and why -- */

static int
run_clear(struct sink *k, const char *argument, struct err *e)
{
	(void)argument;
	(void)e;
	faults_clear(&k->faults);
	return 0;
}

static int
run_certificate(struct sink *k, const char *argument, struct err *e)
{
	struct tls_context *c = NULL;

	if (certificates_make(&k->options, argument, &c, e) != 0)
		return -1;
	tls_context_unref(k->tls);
	k->tls = c;
	return 0;
}

static int
run_starttls(struct sink *k, const char *argument, struct err *e)
{
	bool is_off = strcmp(argument, "off") == 0,
	     is_refused = strcmp(argument, "refuse") == 0;

	if (!is_off && !is_refused && strcmp(argument, "on") != 0)
		return err_set(e, ERR_SYNTAX, 0, "starttls on, off or refuse");
	k->options.no_starttls = is_off;
	k->options.starttls_refuse = is_refused;
	return 0;
}

static int
run_cut(struct sink *k, const char *argument, struct err *e)
{
	struct list_node *n;

	(void)argument;
	(void)e;
	while ((n = list_first(&k->sessions)) != NULL)
		session_cut(list_entry(n, struct session, node));
	return 0;
}

static int
run_counts(struct sink *k, const char *argument, struct err *e)
{
	(void)k;
	(void)argument;
	(void)e;
	return 0; /* every answer holds them */
}

static const struct command {
	const char *name;
	int (*run)(struct sink *k, const char *argument, struct err *e);
} commands[] = {
	{ "clear", run_clear },       { "certificate", run_certificate },
	{ "starttls", run_starttls }, { "cut", run_cut },
	{ "counts", run_counts },
};

static int
run_line(struct sink *k, char *line, struct err *e)
{
	char *argument = line + strcspn(line, " ");

	if (*argument != '\0')
		*argument++ = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(line, commands[i].name) == 0)
			return commands[i].run(k, argument, e);
	return faults_add(&k->faults, line, argument, e);
}

/* {"ok":true} and the counts, or {"ok":false,"error":"..."} */
static void
answer(struct client *c, int result, const struct err *e)
{
	json_t *o = json_object();

	json_object_set_new(o, "ok", json_boolean(result == 0));
	if (result != 0)
		json_object_set_new(o, "error", json_string(e->text));
	else
		json_object_update_new(o, sink_counts_json(&c->control->sink->counts));
	char *text = json_dumps(o, JSON_COMPACT);
	if (text != NULL) {
		stream_write(c->stream, text, strlen(text));
		stream_write(c->stream, "\n", 1);
	}
	free(text);
	json_decref(o);
}

/* -- clients -- */

static void
client_close(void *arg)
{
	struct client *c = arg;

	list_remove(&c->control->clients, &c->node);
	stream_close_after_output(c->stream, 1000);
	loop_defer_free(c->control->sink->loop, c, free);
}

static void
on_input(void *arg)
{
	struct client *c = arg;
	struct err e = { 0 };

	for (;;) {
		char line[1024];
		struct span in = stream_input(c->stream);
		const char *end = in.n == 0 ? NULL : memchr(in.p, '\n', in.n);
		size_t n = end == NULL ? in.n : (size_t)(end - in.p);

		if (n >= sizeof(line)) {
			client_close(c);
			return;
		}
		if (end == NULL)
			return;
		memcpy(line, in.p, n);
		line[n] = '\0';
		stream_consume(c->stream, n + 1);
		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		int r = run_line(c->control->sink, line, &e);
		answer(c, r, &e);
	}
}

static void
on_error(void *arg, const struct err *e)
{
	(void)e;
	client_close(arg);
}

static const struct stream_events events = {
	.on_input = on_input,
	.on_eof = client_close,
	.on_error = on_error,
};

static void
on_accept(void *arg, int fd, const struct socket_address *peer)
{
	struct control *control = arg;
	struct client *c = calloc(1, sizeof(*c));
	struct err e = { 0 };

	(void)peer;
	if (c == NULL) {
		close(fd);
		return;
	}
	c->control = control;
	if (stream_new(control->sink->loop, fd, &(struct stream_settings){ 0 }, &events,
		       c, &c->stream, &e) != 0) {
		free(c);
		return;
	}
	list_append(&control->clients, &c->node);
}

void
control_free(struct control *c)
{
	struct list_node *n;

	if (c == NULL)
		return;
	while ((n = list_first(&c->clients)) != NULL)
		client_close(list_entry(n, struct client, node));
	listener_free(c->listener);
	loop_defer_free(c->sink->loop, c, free);
}

int
control_new(struct sink *k, const char *path, struct control **ret, struct err *e)
{
	char text[SOCKET_TEXT_MAX];
	struct listener_settings s = { .mode = 0600, .inherited_fd = -1 };
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the control socket");
	c->sink = k;
	list_init(&c->clients);
	snprintf(text, sizeof(text), "unix:%s", path);
	if (socket_address_parse(text, &s.address, e) != 0 ||
	    listener_new(k->loop, &s, on_accept, c, &c->listener, e) != 0) {
		free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

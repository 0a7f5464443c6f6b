/*
 * world.h - the whole server on one loop: sockets, a real spool, a real policy; and clients.
 *
 * The clients are streams of the same loop. Nothing sleeps: every wait is for an event, and has an
 * end.
 */
#ifndef DIALOG_SERVER_WORLD_H
#define DIALOG_SERVER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tdc/base/log.h"
#include "tdc/config/config.h"
#include "tdc/digest/hmac.h"
#include "tdc/loop/loop.h"
#include "tdc/server/server.h"

enum { TURNS_MAX = 5000, TURN_MS = 20 };

static const char configuration[] = "version: 1\n"
				    "listeners:\n"
				    "  - name: feed\n"
				    "    protocol: smtp\n"
				    "    address: \"127.0.0.1:10025\"\n"
				    "spool:\n"
				    "  directory: /var/spool/tdc\n"
				    "connector:\n"
				    "  enabled: true\n"
				    "  message_intake_address: journal@intake.example\n"
				    "incoming_mail_policies:\n"
				    "  default:\n"
				    "    intake: global\n";

struct world {
	char directory[64];
	struct loop *loop;
	struct spool *spool;
	struct config *config;
	struct policy_set *policy;
	struct server_listener_settings listeners[2];
	struct server_settings settings;
	struct server *server;
	unsigned stopped;
};

struct client {
	struct stream *stream;
	struct buf got;
	bool has_eof, has_error;
	unsigned handshakes, handshakes_failed;
};

/* ------------------------------------------------------------------ clients */

static inline void
on_input(void *arg)
{
	struct client *c = arg;
	struct span in = stream_input(c->stream);

	buf_append_span(&c->got, in);
	stream_consume(c->stream, in.n);
}

static inline void
on_eof(void *arg)
{
	((struct client *)arg)->has_eof = true;
}

static inline void
on_error(void *arg, const struct err *e)
{
	(void)e;
	((struct client *)arg)->has_error = true;
}

static const struct stream_events client_events = { .on_input = on_input,
						    .on_eof = on_eof,
						    .on_error = on_error };

static inline void
client_open(struct world *w, struct client *c, size_t listener)
{
	struct socket_address a = server_listener_address(w->server, listener);
	struct err e;
	int fd = socket(a.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a.storage, a.length), 0);
	memset(c, 0, sizeof(*c));
	buf_init(&c->got, 1 << 20);
	assert_int_equal(stream_new(w->loop, fd, NULL, &client_events, c, &c->stream, &e),
			 0);
}

static inline void
client_close(struct client *c)
{
	stream_close(c->stream);
	c->stream = NULL;
	buf_done(&c->got);
}

static inline void
client_say(struct client *c, const char *text)
{
	assert_int_equal(stream_write(c->stream, text, strlen(text)), 0);
}

static inline void
turn(struct world *w)
{
	struct err e;

	assert_int_equal(loop_run_once(w->loop, TURN_MS, &e), 0);
}

static inline bool
has_got(struct client *c, const char *text)
{
	return c->got.n > 0 && strstr(buf_text(&c->got), text) != NULL;
}

/* Turns the loop until the client was told `text`. */
static inline void
client_wait(struct world *w, struct client *c, const char *text)
{
	for (int i = 0;
	     i < TURNS_MAX && !has_got(c, text) && !c->has_eof && !c->has_error; i++)
		turn(w);
	if (!has_got(c, text))
		print_error("waited for \"%s\", got \"%s\"\n", text,
			    c->got.n == 0 ? "" : buf_text(&c->got));
	assert_true(has_got(c, text));
}

static inline void
client_wait_end(struct world *w, struct client *c)
{
	for (int i = 0; i < TURNS_MAX && !c->has_eof && !c->has_error; i++)
		turn(w);
	assert_true(c->has_eof || c->has_error);
}

/* Turns the loop until so many messages were committed. */
static inline void
wait_messages(struct world *w, uint64_t n)
{
	for (int i = 0; i < TURNS_MAX && spool_account(w->spool)->messages < n; i++)
		turn(w);
	assert_int_equal(spool_account(w->spool)->messages, n);
}

static inline void
wait_connections(struct world *w, unsigned n)
{
	struct server_status s;

	for (int i = 0; i < TURNS_MAX; i++) {
		server_status(w->server, &s);
		if (s.connections == n)
			break;
		turn(w);
	}
	server_status(w->server, &s);
	assert_int_equal(s.connections, n);
}

/* ------------------------------------------------------------------ the world */

static inline void
report(void *arg, bool is_error, const char *line)
{
	(void)arg;
	print_error("%s %s\n", is_error ? "error" : "warning", line);
}

static inline void
world_policy(struct world *w)
{
	struct err e;

	if (config_parse(configuration, strlen(configuration), "test", report, NULL,
			 &w->config, &e) != 0 ||
	    policy_set_new(w->config, NULL, NULL, &w->policy, &e) != 0)
		fail_msg("%s", e.text);
}

/* Changes may be made to w->listeners[0] and w->settings before world_start(). */
static inline void
world_open(struct world *w)
{
	struct err e;

	memset(w, 0, sizeof(*w));
	snprintf(w->directory, sizeof(w->directory), "/tmp/tdc-server-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	assert_int_equal(loop_new(clock_system(), &w->loop, &e), 0);
	struct spool_settings s = { .directory = w->directory,
				    .in_flight_max = 256 * 1024,
				    .reserve = 1024 * 1024 };
	struct spool_recovery recovery;
	if (spool_open(w->loop, &s, &w->spool, &recovery, &e) != 0)
		fail_msg("%s", e.text);
	world_policy(w);
	w->listeners[0].name = "feed";
	assert_int_equal(
		socket_address_parse("127.0.0.1:0", &w->listeners[0].address, &e), 0);
	w->settings = (struct server_settings){ .hostname = "mx.example",
						.queue_domain = "the.tdc.queue",
						.listeners = w->listeners,
						.n_listeners = 1 };
}

static inline void
world_start(struct world *w)
{
	struct err e;

	if (server_new(w->loop, &w->settings, w->spool, w->policy, &w->server, &e) != 0)
		fail_msg("%s", e.text);
	server_start(w->server);
}

static inline void
world_close(struct world *w)
{
	char command[128];

	server_free(w->server);
	policy_set_unref(w->policy);
	config_free(w->config);
	spool_close(w->spool);
	loop_free(w->loop);
	snprintf(command, sizeof(command), "rm -rf %s", w->directory);
	assert_int_equal(system(command), 0);
}

#define ENVELOPE "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y.example>\r\n"
#define MESSAGE  "DATA\r\nSubject: a\r\n\r\nb\r\n.\r\n"
#define QUEUED   "250 2.0.0 Ok: queued as "

static inline void
on_stopped(void *arg)
{
	((struct world *)arg)->stopped++;
}

static inline void
wait_stopped(struct world *w)
{
	for (int i = 0; i < TURNS_MAX && w->stopped == 0; i++)
		turn(w);
	turn(w);
	assert_int_equal(w->stopped, 1);
}

static inline int
quiet(void **state)
{
	struct log_settings s = { .target = LOG_TO_FILE, .path = "/dev/null" };
	struct err e;

	(void)state;
	return log_open(&s, &e);
}

static inline int
loud(void **state)
{
	(void)state;
	log_close();
	return 0;
}

#endif

/*
 * pair.h - two streams over a socket pair on one loop, and certificates to put on them.
 */
#ifndef TDC_TESTS_TLS_PAIR_H
#define TDC_TESTS_TLS_PAIR_H

#include "tdc/base/clock.h"
#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"
#include "tdc/tls/obsolete.h"
#include "tdc/tls/selfsigned.h"
#include "tdc/tls/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { HOUR = 3600, DAY = 24 * HOUR, PAIR_TURNS = 2000 };

struct side {
	struct stream *stream;
	unsigned done_count;
	bool done_before_input;
	struct tls_facts facts;
	struct err failure; /* kind ERR_NONE after success */
	bool is_eof, is_broken;
	struct err breakage;
	uint64_t got, wrong; /* bytes, and those that differ from the pattern */
	uint64_t sent, to_send;
};

struct pair {
	struct loop *loop;
	struct side client, server;
};

static inline unsigned char
pattern(uint64_t at)
{
	return (unsigned char)((at * 131 + (at >> 8) * 7 + (at >> 16)) & 0xff);
}

static inline void
side_on_input(void *arg)
{
	struct side *d = arg;
	struct span in = stream_input(d->stream);

	for (size_t i = 0; i < in.n; i++)
		if ((unsigned char)in.p[i] != pattern(d->got + i))
			d->wrong++;
	d->got += in.n;
	stream_consume(d->stream, in.n);
}

static inline void
side_send(struct side *d)
{
	unsigned char piece[5000];

	while (d->sent < d->to_send && !stream_output_is_full(d->stream)) {
		size_t n = d->to_send - d->sent < sizeof(piece)
				   ? (size_t)(d->to_send - d->sent)
				   : sizeof(piece);
		for (size_t i = 0; i < n; i++)
			piece[i] = pattern(d->sent + i);
		assert_int_equal(stream_write(d->stream, piece, n), 0);
		d->sent += n;
	}
}

static inline void
side_on_drain(void *arg)
{
	side_send(arg);
}

static inline void
side_on_eof(void *arg)
{
	struct side *d = arg;
	d->is_eof = true;
}

static inline void
side_on_timeout(void *arg)
{
	(void)arg;
}

static inline void
side_on_error(void *arg, const struct err *e)
{
	struct side *d = arg;
	d->is_broken = true;
	d->breakage = *e;
}

static inline void
side_on_done(void *arg, const struct tls_facts *facts, const struct err *e)
{
	struct side *d = arg;

	d->done_count++;
	d->done_before_input = d->got == 0;
	d->facts = *facts;
	d->failure = e == NULL ? (struct err){ 0 } : *e;
}

static const struct stream_events side_events = {
	.on_input = side_on_input,
	.on_drain = side_on_drain,
	.on_eof = side_on_eof,
	.on_timeout = side_on_timeout,
	.on_error = side_on_error,
};

static inline void
must(int result, const struct err *e)
{
	if (result != 0)
		fail_msg("%s", e->text);
}

/* input_max is the client's; 0 = the usual one. */
static inline void
pair_open_small(struct pair *p, struct loop *l, size_t input_max)
{
	const struct stream_settings usual = { 0 }, small = { .input_max = input_max };
	int fd[2];
	struct err e = { 0 };

	*p = (struct pair){ .loop = l };
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
		0);
	must(stream_new(l, fd[0], &small, &side_events, &p->client, &p->client.stream,
			&e),
	     &e);
	must(stream_new(l, fd[1], &usual, &side_events, &p->server, &p->server.stream,
			&e),
	     &e);
}

static inline void
pair_open(struct pair *p, struct loop *l)
{
	pair_open_small(p, l, 0);
}

static inline void
pair_turn(struct pair *p)
{
	struct err e = { 0 };
	must(loop_run_once(p->loop, 20, &e), &e);
}

static inline void
pair_close(struct pair *p)
{
	stream_close(p->client.stream);
	stream_close(p->server.stream);
	p->client.stream = p->server.stream = NULL;
	for (int i = 0; i < 3; i++) {
		struct err e = { 0 };
		must(loop_run_once(p->loop, 0, &e), &e);
	}
}

static inline void
pair_start(struct pair *p, struct tls_context *client, struct tls_context *server,
	   const char *name, enum tls_mode mode, const char *key)
{
	struct err e = { 0 };

	must(tls_server_start(server, p->server.stream, side_on_done, &p->server, &e),
	     &e);
	must(tls_client_start(client, p->client.stream, name, mode, key, side_on_done,
			      &p->client, &e),
	     &e);
	assert_int_equal(p->client.done_count, 0);
}

/* Both sides know how the handshake ended, or one of them broke. */
static inline void
pair_finish(struct pair *p)
{
	for (int i = 0;
	     i < PAIR_TURNS && (p->client.done_count == 0 || p->server.done_count == 0) &&
	     !p->client.is_broken && !p->server.is_broken;
	     i++)
		pair_turn(p);
}

static inline bool
pair_is_done(const struct pair *p, uint64_t client_wants, uint64_t server_wants)
{
	return (p->client.got >= client_wants && p->server.got >= server_wants) ||
	       p->client.is_broken || p->server.is_broken;
}

/* Sends so many bytes to the client and to the server, at once, and waits until they are there. */
static inline void
pair_send(struct pair *p, uint64_t to_client, uint64_t to_server)
{
	uint64_t client_wants = p->client.got + to_client,
		 server_wants = p->server.got + to_server;

	p->client.to_send += to_server;
	p->server.to_send += to_client;
	side_send(&p->client);
	side_send(&p->server);
	for (int i = 0; i < PAIR_TURNS && !pair_is_done(p, client_wants, server_wants);
	     i++)
		pair_turn(p);
	assert_int_equal(p->client.got, client_wants);
	assert_int_equal(p->server.got, server_wants);
	assert_int_equal(p->client.wrong + p->server.wrong, 0);
}

static inline void
pair_exchange(struct pair *p, uint64_t n)
{
	pair_send(p, n, n);
}

/* -- certificates in a directory of their own -- */

struct shelf {
	char directory[64];
	char path[128];
	struct loop *loop;
	struct tls_issuer *issuer, *stranger;
};

static inline const char *
shelf_path(struct shelf *s, const char *name, const char *ending)
{
	snprintf(s->path, sizeof(s->path), "%s/%s.%s", s->directory, name, ending);
	return s->path;
}

static inline void
shelf_leaf(struct shelf *s, const char *file, const struct tls_issuer *issuer,
	   const char *const *names, size_t n, int64_t from_s, int64_t until_s)
{
	struct err e = { 0 };
	char certificate[128], key[128];

	snprintf(certificate, sizeof(certificate), "%s/%s.pem", s->directory, file);
	snprintf(key, sizeof(key), "%s/%s.key", s->directory, file);
	must(tls_leaf_write(issuer,
			    &(struct tls_leaf_settings){ .common_name = n > 0 ? names[0]
									      : "nobody",
							 .names = names,
							 .name_count = n,
							 .valid_from_s = from_s,
							 .valid_until_s = until_s },
			    certificate, key, &e),
	     &e);
}

static inline int
shelf_open(void **state)
{
	static const char *const good[] = { "intake.example", "*.wild.example",
					    "mx*.part.example", "127.0.0.1",
					    "2001:db8::25" };
	struct shelf *s = calloc(1, sizeof(*s));
	struct err e = { 0 };

	assert_non_null(s);
	strcpy(s->directory, "/tmp/tdc-tls-XXXXXX");
	assert_non_null(mkdtemp(s->directory));
	must(loop_new(clock_system(), &s->loop, &e), &e);
	must(tls_issuer_new("Test Root", &s->issuer, &e), &e);
	must(tls_issuer_new("Strange Root", &s->stranger, &e), &e);
	must(tls_issuer_write(s->issuer, shelf_path(s, "ca", "pem"), NULL, &e), &e);
	shelf_leaf(s, "good", s->issuer, good, 5, -HOUR, DAY);
	shelf_leaf(s, "expired", s->issuer, good, 5, -10 * DAY, -HOUR);
	shelf_leaf(s, "early", s->issuer, good, 5, DAY, 2 * DAY);
	shelf_leaf(s, "strange", s->stranger, good, 5, -HOUR, DAY);
	shelf_leaf(s, "own", NULL, good, 5, -HOUR, DAY);
	shelf_leaf(s, "nameless", s->issuer, good, 0, -HOUR, DAY);
	*state = s;
	return 0;
}

static inline int
shelf_close(void **state)
{
	static const char *const files[] = { "good", "expired",  "early", "strange",
					     "own",  "nameless", "ca" };
	struct shelf *s = *state;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		unlink(shelf_path(s, files[i], "pem"));
		unlink(shelf_path(s, files[i], "key"));
	}
	assert_int_equal(rmdir(s->directory), 0);
	tls_issuer_free(s->issuer);
	tls_issuer_free(s->stranger);
	loop_free(s->loop);
	free(s);
	return 0;
}

static inline struct tls_context *
shelf_server(struct shelf *s, const char *file)
{
	struct tls_context *c = NULL;
	struct err e = { 0 };
	char certificate[128], key[128];

	snprintf(certificate, sizeof(certificate), "%s/%s.pem", s->directory, file);
	snprintf(key, sizeof(key), "%s/%s.key", s->directory, file);
	must(tls_server_context_new(
		     &(struct tls_server_settings){ .certificate_file = certificate,
						    .key_file = key },
		     &c, &e),
	     &e);
	return c;
}

static inline struct tls_context *
shelf_client(struct shelf *s)
{
	struct tls_context *c = NULL;
	struct err e = { 0 };

	must(tls_client_context_new(
		     &(struct tls_client_settings){ .ca_file =
							    shelf_path(s, "ca", "pem") },
		     &c, &e),
	     &e);
	return c;
}

#endif

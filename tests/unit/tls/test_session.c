/*
 * test_session.c - data over TLS, its ends, its interruptions, and peers that are not
 * TLS.
 */
#include "pair.h"

#include <errno.h>
#include <poll.h>

enum { MANY = 10 * 1000 * 1000 };

struct contexts {
	struct tls_context *server, *client;
};

static struct contexts
contexts_open(struct shelf *s, const char *version)
{
	struct contexts c = { shelf_server(s, "good"), shelf_client(s) };
	struct err e = { 0 };

	must(tls_context_pin_version(c.server, version, &e), &e);
	return c;
}

static void
contexts_close(struct contexts *c)
{
	tls_context_unref(c->server);
	tls_context_unref(c->client);
}

static void
pair_connect(struct pair *p, struct shelf *s, struct contexts *c)
{
	pair_open(p, s->loop);
	pair_start(p, c->client, c->server, "intake.example", TLS_MODE_VERIFY, NULL);
	pair_finish(p);
	assert_int_equal(p->client.failure.kind, ERR_NONE);
	assert_int_equal(p->server.failure.kind, ERR_NONE);
	assert_int_equal(p->client.done_count, 1);
	assert_int_equal(p->server.done_count, 1);
}

static void
bytes_arrive_intact_both_ways(void **state)
{
	static const char *const versions[] = { "1.2", "1.3" };

	for (size_t i = 0; i < 2; i++) {
		struct contexts c = contexts_open(*state, versions[i]);
		struct pair p;

		pair_connect(&p, *state, &c);
		pair_exchange(&p, 1);
		pair_send(&p, MANY, 0);
		pair_send(&p, 0, MANY);
		pair_exchange(&p, 16384);
		pair_exchange(&p, 16385);
		pair_close(&p);
		contexts_close(&c);
	}
}

static void
records_are_read_in_pieces_when_the_input_is_small(void **state)
{
	static const size_t sizes[] = { 1, 100, 16383, 16384, 20000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct contexts c = contexts_open(*state, "1.3");
		struct shelf *s = *state;
		struct pair p;

		pair_open_small(&p, s->loop, sizes[i]);
		pair_start(&p, c.client, c.server, "intake.example", TLS_MODE_VERIFY,
			   NULL);
		pair_finish(&p);
		pair_send(&p, i == 0 ? 500 : 200000, 0);
		pair_close(&p);
		contexts_close(&c);
	}
}

/* Takes nothing until it is told to. */
static void
leave_input(void *arg)
{
	(void)arg;
}

static void
a_consumer_that_takes_nothing_stops_the_sender_and_gets_all_later(void **state)
{
	static const struct stream_events lazy = { .on_input = leave_input };
	struct contexts c = contexts_open(*state, "1.3");
	struct pair p;

	pair_connect(&p, *state, &c);
	stream_set_events(p.client.stream, &lazy, &p.client);
	p.server.to_send = 3000000;
	side_send(&p.server);
	for (int i = 0; i < 50; i++)
		pair_turn(&p);
	assert_true(stream_input(p.client.stream).n <= 64 * 1024);
	assert_true(p.server.sent < p.server.to_send);
	stream_set_events(p.client.stream, &side_events, &p.client);
	stream_resume(p.client.stream);
	for (int i = 0; i < PAIR_TURNS && p.client.got < p.server.to_send; i++)
		pair_turn(&p);
	assert_int_equal(p.client.got, 3000000);
	assert_int_equal(p.client.wrong, 0);
	pair_close(&p);
	contexts_close(&c);
}

static void
both_sides_may_send_much_at_once(void **state)
{
	struct contexts c = contexts_open(*state, "1.3");
	struct pair p;

	pair_connect(&p, *state, &c);
	pair_exchange(&p, MANY);
	pair_close(&p);
	contexts_close(&c);
}

static void
what_comes_with_the_last_handshake_message_is_offered_after_done(void **state)
{
	struct contexts c = contexts_open(*state, "1.3");
	struct shelf *s = *state;
	struct pair p;

	pair_open(&p, s->loop);
	pair_start(&p, c.client, c.server, "intake.example", TLS_MODE_VERIFY, NULL);
	/* Written before the handshake is over: leaves with its last message. */
	p.client.to_send = 3000;
	side_send(&p.client);
	for (int i = 0; i < PAIR_TURNS && p.server.got < 3000; i++)
		pair_turn(&p);
	assert_int_equal(p.server.got, 3000);
	assert_int_equal(p.server.wrong, 0);
	assert_int_equal(p.server.done_count, 1);
	assert_true(p.server.done_before_input);
	pair_close(&p);
	contexts_close(&c);
}

static void
a_goodbye_is_an_end_of_file(void **state)
{
	struct contexts c = contexts_open(*state, "1.3");
	struct pair p;

	pair_connect(&p, *state, &c);
	pair_exchange(&p, 10);
	stream_close_after_output(p.server.stream, 1000);
	p.server.stream = NULL;
	for (int i = 0; i < 100 && !p.client.is_eof && !p.client.is_broken; i++)
		pair_turn(&p);
	assert_true(p.client.is_eof);
	assert_false(p.client.is_broken);
	assert_true(tls_ended_cleanly(p.client.stream));
	pair_close(&p);
	contexts_close(&c);
}

static void
a_cut_without_goodbye_is_told_apart(void **state)
{
	struct contexts c = contexts_open(*state, "1.3");
	struct pair p;

	pair_connect(&p, *state, &c);
	pair_exchange(&p, 10);
	assert_int_equal(shutdown(stream_fd(p.server.stream), SHUT_WR), 0);
	for (int i = 0; i < 100 && !p.client.is_eof && !p.client.is_broken; i++)
		pair_turn(&p);
	assert_true(p.client.is_eof || p.client.is_broken);
	assert_false(tls_ended_cleanly(p.client.stream));
	pair_close(&p);
	contexts_close(&c);
}

/* -- peers that are not one of our streams: the other end of the pair is a bare descriptor -- */

struct rude_case {
	const char *title;
	const char *bytes;
	size_t n;
	const char *part; /* of the error */
};
#define BYTES(text) text, sizeof(text) - 1

static const struct rude_case rude_servers[] = {
	{ "a second plaintext reply is not TLS", BYTES("220 ready when you are\r\n"),
	  "not TLS" },
	{ "an empty page of HTML is not TLS", BYTES("<html></html>\r\n\r\n"), "not TLS" },
	{ "zero bytes are not TLS", BYTES("\0\0\0\0\0\0\0\0\0\0"), "not TLS" },
	{ "a fatal alert is told by its name", BYTES("\x15\x03\x03\x00\x02\x02\x28"),
	  "handshake failure" },
	{ "an alert about versions is told as such",
	  BYTES("\x15\x03\x03\x00\x02\x02\x46"), "protocol version" },
};
static const struct rude_case rude_clients[] = {
	{ "a command in the clear is not TLS", BYTES("EHLO client.example\r\n"),
	  "not TLS" },
	{ "a web browser is told apart", BYTES("GET / HTTP/1.1\r\n\r\n"), "not TLS" },
};

static void
run_rude(struct shelf *s, const struct rude_case *r, bool peer_is_server)
{
	struct contexts c = contexts_open(s, "1.3");
	struct side d = { 0 };
	struct err e = { 0 };
	int fd[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
		0);
	must(stream_new(s->loop, fd[0], &(struct stream_settings){ 0 }, &side_events, &d,
			&d.stream, &e),
	     &e);
	if (peer_is_server)
		must(tls_client_start(c.client, d.stream, "intake.example",
				      TLS_MODE_VERIFY, NULL, side_on_done, &d, &e),
		     &e);
	else
		must(tls_server_start(c.server, d.stream, side_on_done, &d, &e), &e);
	assert_int_equal(write(fd[1], r->bytes, r->n), r->n);
	for (int i = 0; i < 100 && d.done_count == 0; i++)
		must(loop_run_once(s->loop, 20, &e), &e);
	if (d.done_count != 1 || d.failure.kind != ERR_TLS)
		fail_msg("%s: done %u times, kind %s", r->title, d.done_count,
			 err_kind_name(d.failure.kind));
	if (strstr(d.failure.text, r->part) == NULL)
		fail_msg("%s: got \"%s\", want it to hold \"%s\"", r->title,
			 d.failure.text, r->part);
	assert_false(d.is_broken);
	stream_close(d.stream);
	must(loop_run_once(s->loop, 0, &e), &e);
	assert_int_equal(d.done_count, 1);
	close(fd[1]);
	contexts_close(&c);
}

static void
peers_that_do_not_speak_tls_fail_with_a_reason(void **state)
{
	for (size_t i = 0; i < sizeof(rude_servers) / sizeof(rude_servers[0]); i++)
		run_rude(*state, &rude_servers[i], true);
	for (size_t i = 0; i < sizeof(rude_clients) / sizeof(rude_clients[0]); i++)
		run_rude(*state, &rude_clients[i], false);
}

static void
old_versions_are_refused(void **state)
{
	static const char *const versions[] = { "1.0", "1.1" };

	for (size_t i = 0; i < 2; i++) {
		struct contexts c = contexts_open(*state, versions[i]);
		struct shelf *s = *state;
		struct pair p;

		pair_open(&p, s->loop);
		pair_start(&p, c.client, c.server, "intake.example", TLS_MODE_REQUIRED,
			   NULL);
		pair_finish(&p);
		assert_int_equal(p.client.failure.kind, ERR_TLS);
		assert_non_null(strstr(p.client.failure.text, "version"));
		assert_int_equal(p.server.failure.kind, ERR_TLS);
		pair_close(&p);
		contexts_close(&c);
	}
}

static void
a_client_that_wants_1_3_refuses_1_2(void **state)
{
	struct shelf *s = *state;
	struct contexts c = contexts_open(*state, "1.2");
	struct err e = { 0 };
	struct pair p;

	tls_context_unref(c.client);
	must(tls_client_context_new(
		     &(struct tls_client_settings){ .ca_file = shelf_path(s, "ca", "pem"),
						    .min_version = "1.3" },
		     &c.client, &e),
	     &e);
	pair_open(&p, s->loop);
	pair_start(&p, c.client, c.server, "intake.example", TLS_MODE_VERIFY, NULL);
	pair_finish(&p);
	assert_int_equal(p.client.failure.kind, ERR_TLS);
	assert_non_null(strstr(p.client.failure.text, "version"));
	pair_close(&p);
	contexts_close(&c);
}

static void
closing_in_the_middle_of_a_handshake_calls_nobody(void **state)
{
	struct shelf *s = *state;
	struct contexts c = contexts_open(*state, "1.3");

	for (int turns = 0; turns < 6; turns++) {
		struct pair p;

		pair_open(&p, s->loop);
		pair_start(&p, c.client, c.server, "intake.example", TLS_MODE_VERIFY,
			   NULL);
		for (int i = 0; i < turns; i++) {
			struct err e = { 0 };
			must(loop_run_once(s->loop, 0, &e), &e);
		}
		unsigned client = p.client.done_count, server = p.server.done_count;
		pair_close(&p);
		assert_int_equal(p.client.done_count, client);
		assert_int_equal(p.server.done_count, server);
	}
	contexts_close(&c);
}

/* Closes its stream from inside `done`: what a client does with a refused peer. */
static void
close_in_done(void *arg, const struct tls_facts *facts, const struct err *e)
{
	side_on_done(arg, facts, e);
	struct side *d = arg;
	stream_close(d->stream);
	d->stream = NULL;
}

static void
a_stream_may_be_closed_in_done(void **state)
{
	static const char *const names[] = { "intake.example", "mail.example" };
	struct shelf *s = *state;
	struct contexts c = contexts_open(*state, "1.3");

	for (size_t i = 0; i < 2; i++) {
		struct err e = { 0 };
		struct pair p;

		pair_open(&p, s->loop);
		must(tls_server_start(c.server, p.server.stream, close_in_done, &p.server,
				      &e),
		     &e);
		must(tls_client_start(c.client, p.client.stream, names[i],
				      TLS_MODE_VERIFY, "k", close_in_done, &p.client, &e),
		     &e);
		for (int t = 0; t < 100 && p.client.done_count == 0; t++)
			pair_turn(&p);
		assert_int_equal(p.client.done_count, 1);
		assert_int_equal(p.client.failure.kind, i == 0 ? ERR_NONE : ERR_TLS);
		pair_close(&p);
	}
	contexts_close(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive_intact_both_ways),
		cmocka_unit_test(records_are_read_in_pieces_when_the_input_is_small),
		cmocka_unit_test(
			a_consumer_that_takes_nothing_stops_the_sender_and_gets_all_later),
		cmocka_unit_test(both_sides_may_send_much_at_once),
		cmocka_unit_test(
			what_comes_with_the_last_handshake_message_is_offered_after_done),
		cmocka_unit_test(a_goodbye_is_an_end_of_file),
		cmocka_unit_test(a_cut_without_goodbye_is_told_apart),
		cmocka_unit_test(peers_that_do_not_speak_tls_fail_with_a_reason),
		cmocka_unit_test(old_versions_are_refused),
		cmocka_unit_test(a_client_that_wants_1_3_refuses_1_2),
		cmocka_unit_test(closing_in_the_middle_of_a_handshake_calls_nobody),
		cmocka_unit_test(a_stream_may_be_closed_in_done),
	};
	return cmocka_run_group_tests(tests, shelf_open, shelf_close);
}

/*
 * test_connection.c - sessions over real sockets into a real spool: limits, losses, stop and reload.
 */
#include "world.h"

/* ------------------------------------------------------------------ tests */

static void
test_a_message_from_the_socket_into_the_spool(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_open(&w);
	world_start(&w);
	client_open(&w, &c, 0);
	client_wait(&w, &c, "220 mx.example ESMTP tdcd\r\n");
	client_say(&c, ENVELOPE MESSAGE "QUIT\r\n");
	client_wait(&w, &c, QUEUED);
	client_wait(&w, &c, "221 2.0.0 Bye\r\n");
	client_wait_end(&w, &c);
	wait_messages(&w, 1);
	wait_connections(&w, 0);
	assert_int_equal(spool_account(w.spool)->created[MESSAGE_FROM_SMTP], 1);
	assert_int_equal(spool_account_gap(spool_account(w.spool)), 0);
	client_close(&c);
	world_close(&w);
}

/* A message with the loop mark that `secret` makes. */
static void
say_marked(struct client *c, const uint8_t *secret)
{
	static const char id[] = "000102030405060708090a0b0c0d0e0f";
	char tag[HMAC_TAG_TEXT_MAX], text[256];
	struct err e;

	assert_int_equal(hmac_tag(secret, span_of(id), tag, &e), 0);
	snprintf(text, sizeof(text),
		 "MAIL FROM:<s@x>\r\nRCPT TO:<r@y.example>\r\nDATA\r\n"
		 "X-TDC-Journal: %s\r\n %s\r\n\r\nb\r\n.\r\n",
		 id, tag);
	client_say(c, text);
}

static void
test_a_mark_of_this_spool_drops_and_one_of_another_does_not(void **state)
{
	static const uint8_t other[SPOOL_SECRET_BYTES] = { 1 };
	const struct spool_account *a;
	struct world w;
	struct client c;

	(void)state;
	world_open(&w);
	world_start(&w);
	client_open(&w, &c, 0);
	client_say(&c, "EHLO c\r\n");
	say_marked(&c, spool_secret(w.spool));
	wait_messages(&w, 1);
	a = spool_account(w.spool);
	assert_int_equal(a->dropped[DROP_LOOP], 1);
	assert_int_equal(a->state[JOURNAL_WAITING], 0);
	say_marked(&c, other);
	wait_messages(&w, 2);
	a = spool_account(w.spool);
	assert_int_equal(a->dropped[DROP_LOOP], 1);
	assert_int_equal(a->state[JOURNAL_WAITING], 1);
	assert_int_equal(spool_account_gap(a), 0);
	client_close(&c);
	world_close(&w);
}

static void
test_lmtp_over_a_unix_socket(void **state)
{
	struct world w;
	struct client c;
	struct err e;
	char address[128];

	(void)state;
	world_open(&w);
	snprintf(address, sizeof(address), "unix:%s/lmtp", w.directory);
	assert_int_equal(socket_address_parse(address, &w.listeners[0].address, &e), 0);
	w.listeners[0].protocol = SERVER_LMTP;
	world_start(&w);
	client_open(&w, &c, 0);
	client_say(
		&c,
		"LHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nRCPT TO:<b@y>\r\n" MESSAGE
		"QUIT\r\n");
	client_wait_end(&w, &c);
	const char *first = strstr(buf_text(&c.got), QUEUED);
	assert_non_null(first);
	assert_non_null(strstr(first + 1, QUEUED));
	wait_messages(&w, 1);
	assert_int_equal(spool_account(w.spool)->created[MESSAGE_FROM_LMTP], 1);
	client_close(&c);
	world_close(&w);
}

static void
test_who_is_not_trusted_is_turned_away_at_the_greeting(void **state)
{
	struct world w;
	struct client c;
	struct network only;
	struct err e;

	(void)state;
	world_open(&w);
	assert_int_equal(network_parse("10.0.0.0/8", &only, &e), 0);
	w.listeners[0].trusted = &only;
	w.listeners[0].n_trusted = 1;
	world_start(&w);
	client_open(&w, &c, 0);
	client_wait(&w, &c, "554 5.7.1 ");
	client_wait_end(&w, &c);
	wait_connections(&w, 0);
	client_close(&c);
	world_close(&w);
}

static const struct {
	const char *sentence;
	unsigned in_all, of_listener, of_client;
	const char *want;
} limit_rows[] = {
	{ "in all", 2, 9, 9, "421 4.3.2 " },
	{ "of the listener", 9, 2, 9, "421 4.3.2 " },
	{ "of one client", 9, 9, 2, "421 4.7.0 " },
};

static void
test_connection_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(limit_rows) / sizeof(limit_rows[0]); i++) {
		struct world w;
		struct client c[3], again;
		world_open(&w);
		w.settings.connections_max = limit_rows[i].in_all;
		w.listeners[0].connections_max = limit_rows[i].of_listener;
		w.listeners[0].connections_per_client_max = limit_rows[i].of_client;
		world_start(&w);
		for (int k = 0; k < 3; k++) {
			client_open(&w, &c[k], 0);
			client_wait(&w, &c[k], k < 2 ? "220 " : limit_rows[i].want);
		}
		client_wait_end(&w, &c[2]);
		/* One goes, and another may come. */
		client_say(&c[0], "QUIT\r\n");
		client_wait_end(&w, &c[0]);
		wait_connections(&w, 1);
		client_open(&w, &again, 0);
		client_wait(&w, &again, "220 ");
		for (int k = 0; k < 3; k++)
			client_close(&c[k]);
		client_close(&again);
		world_close(&w);
	}
}

/* The memory for drafts is a fraction of the message: reading pauses, and all of it arrives. */
static void
test_a_large_message_through_little_memory(void **state)
{
	enum { LINES = 60000 };
	static const char line[] =
		"a line of a large message, sixty-four octets with its end....\r\n";
	struct world w;
	struct client c;

	(void)state;
	world_open(&w);
	world_start(&w);
	client_open(&w, &c, 0);
	client_say(&c, ENVELOPE "DATA\r\n");
	client_wait(&w, &c, "354 ");
	for (int i = 0; i < LINES; i++) {
		client_say(&c, line);
		while (stream_output_is_full(c.stream))
			turn(&w);
	}
	client_say(&c, ".\r\nQUIT\r\n");
	client_wait(&w, &c, QUEUED);
	client_wait_end(&w, &c);
	wait_messages(&w, 1);
	client_close(&c);
	world_close(&w);
}

/* Once the dot is there the message is ours, whether or not anybody waits for the answer. */
static void
test_a_client_that_is_gone_behind_the_dot(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_open(&w);
	world_start(&w);
	client_open(&w, &c, 0);
	client_say(&c, ENVELOPE "DATA\r\n");
	client_wait(&w, &c, "354 ");
	client_say(&c, "a: b\r\n\r\nc\r\n.\r\n");
	client_close(&c);
	wait_messages(&w, 1);
	wait_connections(&w, 0);
	world_close(&w);
}

/* All in one batch, and the client's side closed behind it: every reply comes. */
static void
test_a_half_closed_client_gets_all_replies(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_open(&w);
	world_start(&w);
	client_open(&w, &c, 0);
	client_say(&c, ENVELOPE MESSAGE "MAIL FROM:<t@x>\r\nRCPT TO:<r@y>\r\n" MESSAGE
					"NOOP\r\n");
	stream_flush(c.stream);
	assert_int_equal(shutdown(stream_fd(c.stream), SHUT_WR), 0);
	client_wait_end(&w, &c);
	const char *first = strstr(buf_text(&c.got), QUEUED);
	assert_non_null(first);
	assert_non_null(strstr(first + 1, QUEUED));
	assert_non_null(strstr(first, "250 2.0.0 Ok\r\n"));
	wait_messages(&w, 2);
	wait_connections(&w, 0);
	client_close(&c);
	world_close(&w);
}

static void
test_an_idle_client_is_told_so(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_open(&w);
	w.listeners[0].idle_timeout_ms = 1;
	world_start(&w);
	client_open(&w, &c, 0);
	client_wait(&w, &c, "421 4.4.2 ");
	client_wait_end(&w, &c);
	wait_connections(&w, 0);
	client_close(&c);
	world_close(&w);
}

/* A client that sends without reading is not read any more, and in the end it is let go. */
static void
test_a_client_that_never_reads(void **state)
{
	struct world w;
	struct client c;
	struct buf flood;

	(void)state;
	world_open(&w);
	w.listeners[0].command_timeout_ms = 100;
	w.listeners[0].idle_timeout_ms = 100;
	w.listeners[0].errors_max = 1000000;
	world_start(&w);
	client_open(&w, &c, 0);
	stream_pause(c.stream);
	buf_init(&flood, 8 << 20);
	for (int i = 0; i < 1000000; i++)
		buf_append_text(&flood, "HELP\r\n");
	assert_int_equal(stream_write(c.stream, buf_span(&flood).p, flood.n), 0);
	struct server_status s = { 1, 0 };
	for (int i = 0; i < TURNS_MAX && (i < 5 || s.connections > 0); i++) {
		turn(&w);
		server_status(w.server, &s);
	}
	assert_int_equal(s.connections, 0);
	assert_true(stream_output_queued(c.stream) > 0);
	buf_done(&flood);
	client_close(&c);
	world_close(&w);
}

/* ------------------------------------------------------------------ stop and reload */

static void
test_stopping_lets_transactions_end(void **state)
{
	struct world w;
	struct client idle, busy, late;
	struct err e;

	(void)state;
	world_open(&w);
	world_start(&w);
	client_open(&w, &idle, 0);
	client_open(&w, &busy, 0);
	client_wait(&w, &idle, "220 ");
	client_say(&busy, ENVELOPE "DATA\r\n");
	client_wait(&w, &busy, "354 ");
	struct server_status s;
	server_status(w.server, &s);
	assert_int_equal(s.connections, 2);
	assert_int_equal(s.transactions, 1);
	struct socket_address a = server_listener_address(w.server, 0);
	server_stop(w.server, on_stopped, &w);
	assert_int_equal(w.stopped, 0);
	client_wait(&w, &idle, "421 4.3.2 ");
	client_wait_end(&w, &idle);
	assert_int_equal(w.stopped, 0);
	/* Nobody comes in any more. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a.storage, a.length), -1);
	close(fd);
	client_say(&busy, "a: b\r\n\r\nc\r\n.\r\nMAIL FROM:<t@x>\r\n");
	client_wait(&w, &busy, QUEUED);
	client_wait(&w, &busy, "421 4.3.2 ");
	wait_stopped(&w);
	assert_int_equal(spool_account(w.spool)->messages, 1);
	client_close(&idle);
	client_close(&busy);
	(void)late;
	(void)e;
	world_close(&w);
}

static void
test_the_grace_time_ends(void **state)
{
	struct world w;
	struct client busy;

	(void)state;
	world_open(&w);
	w.settings.stop_grace_ms = 1;
	world_start(&w);
	client_open(&w, &busy, 0);
	client_say(&busy, ENVELOPE "DATA\r\nhalf");
	client_wait(&w, &busy, "354 ");
	server_stop(w.server, on_stopped, &w);
	client_wait(&w, &busy, "421 4.3.2 ");
	wait_stopped(&w);
	assert_int_equal(spool_account(w.spool)->messages, 0);
	client_close(&busy);
	world_close(&w);
}

static void
test_stopping_without_anybody(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	world_start(&w);
	server_stop(w.server, on_stopped, &w);
	assert_int_equal(w.stopped, 0); /* never from inside */
	wait_stopped(&w);
	world_close(&w);
}

static void
test_freeing_with_a_commit_under_way(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_open(&w);
	world_start(&w);
	client_open(&w, &c, 0);
	client_say(&c, ENVELOPE "DATA\r\n");
	client_wait(&w, &c, "354 ");
	client_say(&c, "x\r\n.\r\n");
	turn(&w);
	client_close(&c);
	world_close(&w);
}

static void
test_a_reload_changes_new_sessions_only(void **state)
{
	struct world w;
	struct client old, new;
	struct err e = { 0 };

	(void)state;
	world_open(&w);
	world_start(&w);
	client_open(&w, &old, 0);
	client_wait(&w, &old, "220 mx.example");
	w.settings.hostname = "other.example";
	w.listeners[0].message_size_max = 5000;
	assert_int_equal(server_reload(w.server, &w.settings, w.policy, &e), 0);
	client_open(&w, &new, 0);
	client_wait(&w, &new, "220 other.example");
	client_say(&new, "EHLO c\r\n");
	client_wait(&w, &new, "SIZE 5000\r\n");
	client_say(&old, "EHLO c\r\n");
	client_wait(&w, &old, "SIZE 268435456\r\n");
	client_say(&old, "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\n" MESSAGE);
	client_wait(&w, &old, QUEUED);

	/* A listener that appears is reported, and the rest is taken. */
	w.listeners[1] = w.listeners[0];
	w.listeners[1].name = "another";
	w.listeners[0].message_size_max = 6000;
	w.settings.n_listeners = 2;
	assert_int_equal(server_reload(w.server, &w.settings, w.policy, &e), -1);
	assert_non_null(strstr(e.text, "another"));
	client_close(&new);
	client_open(&w, &new, 0);
	client_say(&new, "EHLO c\r\n");
	client_wait(&w, &new, "SIZE 6000\r\n");

	/* So is one that has another address. */
	w.settings.n_listeners = 1;
	assert_int_equal(socket_address_parse("127.0.0.1:9", &w.listeners[0].address, &e),
			 0);
	assert_int_equal(server_reload(w.server, &w.settings, w.policy, &e), -1);
	assert_non_null(strstr(e.text, "feed"));
	client_close(&new);
	client_open(&w, &new, 0);
	client_wait(&w, &new, "220 ");
	client_close(&old);
	client_close(&new);
	world_close(&w);
}

static void
test_an_address_that_is_taken_is_named(void **state)
{
	struct world w;
	struct server *second = NULL;
	struct err e;
	char text[SOCKET_TEXT_MAX];

	(void)state;
	world_open(&w);
	world_start(&w);
	struct socket_address a = server_listener_address(w.server, 0);
	w.listeners[0].address = a;
	socket_address_format(&a, text);
	assert_int_equal(server_new(w.loop, &w.settings, w.spool, w.policy, &second, &e),
			 -1);
	assert_null(second);
	assert_non_null(strstr(e.text, text));
	assert_non_null(strstr(e.text, "feed"));
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_message_from_the_socket_into_the_spool),
		cmocka_unit_test(
			test_a_mark_of_this_spool_drops_and_one_of_another_does_not),
		cmocka_unit_test(test_lmtp_over_a_unix_socket),
		cmocka_unit_test(test_who_is_not_trusted_is_turned_away_at_the_greeting),
		cmocka_unit_test(test_connection_limits),
		cmocka_unit_test(test_a_large_message_through_little_memory),
		cmocka_unit_test(test_a_client_that_is_gone_behind_the_dot),
		cmocka_unit_test(test_a_half_closed_client_gets_all_replies),
		cmocka_unit_test(test_an_idle_client_is_told_so),
		cmocka_unit_test(test_a_client_that_never_reads),
		cmocka_unit_test(test_stopping_lets_transactions_end),
		cmocka_unit_test(test_the_grace_time_ends),
		cmocka_unit_test(test_stopping_without_anybody),
		cmocka_unit_test(test_freeing_with_a_commit_under_way),
		cmocka_unit_test(test_a_reload_changes_new_sessions_only),
		cmocka_unit_test(test_an_address_that_is_taken_is_named),
	};

	return cmocka_run_group_tests(tests, quiet, loud);
}

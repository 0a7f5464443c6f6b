/*
 * test_stream_end.c - how streams end: broken links, closing inside events, lingering.
 */
#include "pair.h"

#include "loop/stream_inside.h"

#include <netinet/in.h>

enum { MEBI = 1 << 20 };

static void
a_reset_is_a_network_error_after_the_data(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	stream_write(p.s, "unread", 6);
	pair_turns(&p, 1);
	pair_send(&p, "421 bye\r\n");
	close(p.peer); /* with unread bytes: the peer's kernel resets */
	p.peer = -1;
	pair_turns(&p, 4);
	assert_string_equal(pair_story(&p), "drain input error");
	assert_string_equal(buf_text(&p.got), "421 bye\r\n");
	assert_int_equal(p.error, ERR_NETWORK);
	pair_close(&p);
}

static void
what_the_peer_said_is_offered_before_the_failure_of_a_write(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	pair_send(&p, "554 go away\r\n");
	close(p.peer);
	p.peer = -1;
	stream_write(p.s, "EHLO x\r\n", 8);
	stream_flush(p.s); /* EPIPE, before anything was read */
	assert_string_equal(pair_story(&p), "");
	pair_turns(&p, 4);
	assert_string_equal(pair_story(&p), "input error");
	assert_string_equal(buf_text(&p.got), "554 go away\r\n");
	assert_int_equal(p.error, ERR_NETWORK);
	assert_int_equal(stream_write(p.s, "x", 1), 0);
	pair_turns(&p, 2);
	assert_string_equal(pair_story(&p), "input error");
	pair_close(&p);
}

static void
count_release(void *arg)
{
	++*(int *)arg;
}

static void
a_broken_stream_gives_borrowed_bytes_back_at_its_close(void **state)
{
	struct pair p;
	int released = 0;

	(void)state;
	pair_open(&p, NULL);
	close(p.peer);
	p.peer = -1;
	stream_write_ref(p.s, span_of("lost"), count_release, &released);
	pair_turns(&p, 2);
	stream_write_ref(p.s, span_of("late"), count_release, &released);
	assert_int_equal(p.error, ERR_NETWORK);
	stream_close(p.s);
	assert_int_equal(released, 2);
	pair_close(&p);
}

/* -- closing inside an event -- */

static const char *close_on_event;

static void
close_on(struct pair *p, const char *event)
{
	if (strcmp(event, close_on_event) == 0)
		stream_close(p->s);
}

static void
provoke(struct pair *p, const char *event)
{
	if (strcmp(event, "timeout") == 0) {
		stream_set_deadline(p->s, 10);
		clock_manual_advance(&p->clock, 10);
		return;
	}
	if (strcmp(event, "error") == 0) {
		stream_write(p->s, "unread", 6);
		stream_flush(p->s);
	} else {
		stream_write(p->s, "x", 1);
		pair_send(p, "y");
	}
	if (strcmp(event, "eof") == 0)
		shutdown(p->peer, SHUT_WR);
	if (strcmp(event, "error") == 0) {
		close(p->peer);
		p->peer = -1;
	}
}

static void
a_stream_may_be_closed_inside_any_event(void **state)
{
	static const struct {
		const char *event, *story;
	} rows[] = {
		{ "input", "input" },         { "drain", "input drain" },
		{ "eof", "input drain eof" }, { "timeout", "timeout" },
		{ "error", "error" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p;
		pair_open(&p, NULL);
		p.on = close_on;
		close_on_event = rows[i].event;
		provoke(&p, rows[i].event);
		pair_turns(&p, 4);
		assert_string_equal(pair_story(&p), rows[i].story);
		p.s = NULL; /* freed since */
		pair_close(&p);
	}
}

static void
a_close_tries_once_to_send_what_is_queued(void **state)
{
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	stream_write(p.s, "421 stopping\r\n", 14);
	stream_close(p.s);
	stream_close(p.s);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "421 stopping\r\n");
	assert_int_equal(read(p.peer, text, 1), 0);
	pair_turns(&p, 2);
	assert_string_equal(pair_story(&p), "");
	p.s = NULL;
	pair_close(&p);
}

/* -- lingering -- */

static void
a_close_after_output_sends_everything_first(void **state)
{
	static char block[3 * MEBI], sink[65536];
	struct pair p;
	size_t got = 0;

	(void)state;
	pair_open(&p, NULL);
	stream_write(p.s, block, sizeof(block));
	pair_turns(&p, 1);
	stream_close_after_output(p.s, 60000);
	for (int i = 0; i < 1000; i++) {
		ssize_t n = read(p.peer, sink, sizeof(sink));
		if (n == 0)
			break;
		got += n > 0 ? (size_t)n : 0;
		pair_turns(&p, 1);
	}
	assert_int_equal(got, sizeof(block));
	assert_string_equal(pair_story(&p), "");
	assert_int_equal(p.loop->orphans.count, 1); /* it waits for the peer's end */
	close(p.peer);
	p.peer = -1;
	pair_turns(&p, 3);
	assert_int_equal(p.loop->orphans.count, 0);
	p.s = NULL;
	pair_close(&p);
}

static void
a_close_after_output_ends_when_its_grace_ends(void **state)
{
	static char block[3 * MEBI];
	struct pair p;
	int released = 0;

	(void)state;
	pair_open(&p, NULL);
	stream_write_ref(p.s, span_make(block, sizeof(block)), count_release, &released);
	stream_close_after_output(p.s, 5000);
	assert_int_equal(stream_write(p.s, "x", 1), -1);
	clock_manual_advance(&p.clock, 4999);
	pair_turns(&p, 2);
	assert_int_equal(p.loop->orphans.count, 1);
	assert_int_equal(released, 0);
	clock_manual_advance(&p.clock, 1);
	pair_turns(&p, 1);
	assert_int_equal(p.loop->orphans.count, 0);
	assert_int_equal(released, 1);
	p.s = NULL;
	pair_close(&p);
}

static void
a_loop_that_is_freed_ends_what_lingers(void **state)
{
	static char block[3 * MEBI];
	struct pair p;
	int released = 0;

	(void)state;
	pair_open(&p, NULL);
	stream_write_ref(p.s, span_make(block, sizeof(block)), count_release, &released);
	stream_close_after_output(p.s, 5000);
	p.s = NULL;
	pair_close(&p);
	assert_int_equal(released, 1);
}

static void
a_peer_that_ended_first_is_not_waited_for(void **state)
{
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	pair_send(&p, "QUIT\r\n");
	shutdown(p.peer, SHUT_WR);
	pair_turns(&p, 2);
	stream_write(p.s, "221 bye\r\n", 9);
	stream_close_after_output(p.s, 60000);
	pair_turns(&p, 1);
	assert_int_equal(p.loop->orphans.count, 0);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "221 bye\r\n");
	p.s = NULL;
	pair_close(&p);
}

/* A TCP pair: only there an early close destroys what is under way. */
static void
tcp_pair(int fds[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &n), 0);
	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&a, n), 0);
	fds[0] = accept(listening, NULL, NULL);
	assert_true(fds[0] >= 0);
	close(listening);
}

static void
a_last_reply_survives_bytes_that_nobody_read(void **state)
{
	struct pair p;
	struct err e;
	char text[100];
	int fds[2];

	(void)state;
	pair_open(&p, NULL);
	stream_close(p.s);
	close(p.peer);
	tcp_pair(fds);
	p.peer = fds[1];
	assert_int_equal(stream_new(p.loop, fds[0], NULL, &pair_events, &p, &p.s, &e), 0);
	stream_pause(p.s);
	pair_send(&p, "MAIL FROM:<a@b>\r\nmany pipelined bytes\r\n");
	stream_write(p.s, "421 4.7.0 too many errors\r\n", 27);
	stream_close_after_output(p.s, 60000);
	pair_turns(&p, 3);
	pair_send(&p, "and still some\r\n");
	pair_turns(&p, 3);
	assert_int_equal(p.loop->orphans.count, 1); /* it reads on until the peer ends */
	assert_string_equal(pair_receive(&p, text, sizeof(text)),
			    "421 4.7.0 too many errors\r\n");
	assert_int_equal(read(p.peer, text, 1), 0); /* an end, no reset */
	close(p.peer);
	p.peer = -1;
	for (int i = 0; i < 100 && p.loop->orphans.count > 0; i++)
		loop_run_once(p.loop, 20, &e);
	assert_int_equal(p.loop->orphans.count, 0);
	p.s = NULL;
	pair_close(&p);
}

static void
other_on_input(void *arg)
{
	++*(int *)arg;
}

static void
events_go_to_a_new_receiver(void **state)
{
	static const struct stream_events other = { .on_input = other_on_input };
	struct pair p;
	int calls = 0;

	(void)state;
	pair_open(&p, NULL);
	stream_set_events(p.s, &other, &calls);
	pair_send(&p, "x");
	shutdown(p.peer, SHUT_WR); /* it does not listen to the end of file */
	pair_turns(&p, 3);
	assert_int_equal(calls, 1);
	assert_string_equal(pair_story(&p), "");
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_is_a_network_error_after_the_data),
		cmocka_unit_test(
			what_the_peer_said_is_offered_before_the_failure_of_a_write),
		cmocka_unit_test(a_broken_stream_gives_borrowed_bytes_back_at_its_close),
		cmocka_unit_test(a_stream_may_be_closed_inside_any_event),
		cmocka_unit_test(a_close_tries_once_to_send_what_is_queued),
		cmocka_unit_test(a_close_after_output_sends_everything_first),
		cmocka_unit_test(a_close_after_output_ends_when_its_grace_ends),
		cmocka_unit_test(a_loop_that_is_freed_ends_what_lingers),
		cmocka_unit_test(a_peer_that_ended_first_is_not_waited_for),
		cmocka_unit_test(a_last_reply_survives_bytes_that_nobody_read),
		cmocka_unit_test(events_go_to_a_new_receiver),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

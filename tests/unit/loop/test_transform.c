/*
 * test_transform.c - streams with a transform: handshake, records, limits, goodbye.
 */
#include "pair.h"

#include "loop/stream_inside.h"
#include "toy.h"

enum { MEBI = 1 << 20 };

/* A stream whose handshake is over. */
static void
open_encoded(struct pair *p, const struct stream_settings *settings, struct toy *toy)
{
	char text[100];

	*toy = (struct toy){ 0 };
	pair_open(p, settings);
	stream_set_transform(p->s, &toy_ops, toy);
	pair_send(p, "hello\n");
	pair_turns(p, 2);
	assert_string_equal(pair_receive(p, text, sizeof(text)), "hello\n");
	assert_true(toy->heard_hello);
	buf_clear(&p->events);
}

static void
send_frame(struct pair *p, const char *bytes, size_t n)
{
	static char frame[TOY_FRAME_MAX + 2];
	size_t length = toy_frame(frame, bytes, n);
	assert_int_equal(write(p->peer, frame, length), (ssize_t)length);
}

/* Reads all frames that are there and appends their bytes. False at the goodbye or the
 * end. */
static bool
receive_frames(struct pair *p, struct buf *wire, struct buf *plain)
{
	static char sink[100000];
	ssize_t got = read(p->peer, sink, sizeof(sink));

	if (got > 0)
		buf_append(wire, sink, (size_t)got);
	for (;;) {
		struct span in = buf_span(wire);
		if (in.n < 2)
			return got != 0;
		size_t n = (size_t)(unsigned char)in.p[0] << 8 | (unsigned char)in.p[1];
		if (n == 0)
			return false;
		if (in.n < n + 2)
			return got != 0;
		for (size_t i = 0; i < n; i++)
			buf_append_byte(plain, (char)(in.p[2 + i] ^ TOY_KEY));
		buf_consume(wire, n + 2);
	}
}

static void
the_first_output_is_asked_for_at_once(void **state)
{
	struct toy toy = { 0 };
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	assert_null(stream_transform_state(p.s));
	stream_set_transform(p.s, &toy_ops, &toy);
	assert_ptr_equal(stream_transform_state(p.s), &toy);
	pair_turns(&p, 1);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "hello\n");
	pair_close(&p);
	assert_true(toy.is_freed);
}

static void
what_was_queued_before_the_transform_goes_out_as_it_is(void **state)
{
	struct toy toy = { 0 };
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	stream_write(p.s, "220 ready\r\n", 11);
	stream_set_transform(p.s, &toy_ops, &toy);
	pair_turns(&p, 1);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "220 ready\r\nhello\n");
	pair_close(&p);
}

static void
what_the_kernel_did_not_take_before_the_transform_stays_plain(void **state)
{
	static char block[2 * MEBI];
	struct toy toy = { 0 };
	struct pair p;
	size_t got = 0;

	(void)state;
	memset(block, 'p', sizeof(block));
	pair_open(&p, NULL);
	stream_write_ref(p.s, span_make(block, sizeof(block)), NULL, NULL);
	stream_set_transform(p.s, &toy_ops, &toy);
	while (got < sizeof(block)) {
		static char sink[65536];
		size_t most = sizeof(block) - got;
		ssize_t n = read(p.peer, sink, most < sizeof(sink) ? most : sizeof(sink));
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(sink[i], 'p');
		got += n > 0 ? (size_t)n : 0;
		pair_turns(&p, 1);
	}
	char text[100];
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "hello\n");
	pair_close(&p);
}

static void
output_waits_for_the_handshake(void **state)
{
	struct buf wire, plain;
	struct toy toy = { 0 };
	struct pair p;
	char text[100];

	(void)state;
	buf_init(&wire, MEBI);
	buf_init(&plain, MEBI);
	pair_open(&p, NULL);
	stream_set_transform(p.s, &toy_ops, &toy);
	stream_write(p.s, "EHLO a\r\n", 8);
	pair_turns(&p, 3);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "hello\n");
	assert_int_equal(stream_output_queued(p.s), 8);
	pair_send(&p, "hel");
	pair_turns(&p, 1);
	assert_int_equal(stream_output_queued(p.s), 8);
	pair_send(&p, "lo\n");
	pair_turns(&p, 1);
	assert_true(receive_frames(&p, &wire, &plain));
	assert_string_equal(buf_text(&plain), "EHLO a\r\n");
	assert_string_equal(pair_story(&p), "drain");
	buf_done(&wire);
	buf_done(&plain);
	pair_close(&p);
}

static void
a_handshake_goes_on_while_the_consumer_pauses(void **state)
{
	struct toy toy = { 0 };
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	stream_pause(p.s);
	stream_set_transform(p.s, &toy_ops, &toy);
	pair_send(&p, "hello\n");
	send_frame(&p, "early", 5);
	pair_turns(&p, 2);
	assert_true(toy.heard_hello);
	assert_int_equal(p.got.n, 0);
	stream_resume(p.s);
	pair_turns(&p, 2);
	assert_string_equal(buf_text(&p.got), "early");
	pair_close(&p);
}

static void
bytes_that_were_there_before_go_through_the_transform(void **state)
{
	struct toy toy = { 0 };
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	p.consume_most = 0;
	pair_send(&p, "hello\n");
	pair_turns(&p, 1);
	assert_false(stream_wire_is_clean(p.s));
	p.consume_most = SIZE_MAX;
	stream_set_transform(p.s, &toy_ops, &toy);
	assert_true(toy.heard_hello);
	assert_true(stream_wire_is_clean(p.s));
	pair_close(&p);
}

static void
a_peer_that_leaves_in_the_handshake_is_a_network_error(void **state)
{
	struct toy toy = { 0 };
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	stream_set_transform(p.s, &toy_ops, &toy);
	pair_turns(&p, 1);
	shutdown(p.peer, SHUT_WR);
	pair_turns(&p, 3);
	assert_string_equal(pair_story(&p), "drain error");
	assert_int_equal(p.error, ERR_NETWORK);
	pair_close(&p);
}

static void
errors_of_the_transform_break_the_stream(void **state)
{
	struct toy toy;
	struct pair p;

	(void)state;
	open_encoded(&p, NULL, &toy);
	send_frame(&p, "last words", 10);
	pair_turns(&p, 1);
	toy.fail_decode = true;
	send_frame(&p, "x", 1);
	pair_turns(&p, 2);
	assert_string_equal(pair_story(&p), "input error");
	assert_string_equal(p.error_text, "a bad record");
	assert_int_equal(p.error, ERR_TLS);
	pair_close(&p);

	open_encoded(&p, NULL, &toy);
	toy.fail_encode = true;
	stream_write(p.s, "x", 1);
	pair_turns(&p, 2);
	assert_string_equal(pair_story(&p), "error");
	assert_string_equal(p.error_text, "cannot encode");
	pair_close(&p);
}

static void
frames_arrive_however_the_wire_is_cut(void **state)
{
	static const size_t cuts[] = { 1, 2, 3, 7, 100, 5000 };
	static char wire[60000], plain[50000];
	struct toy toy;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (char)(i * 31 >> 3);
	size_t n = 0, done = 0;
	for (size_t size = 1; done < sizeof(plain); size = size * 3 % 16001) {
		size_t part = size < sizeof(plain) - done ? size : sizeof(plain) - done;
		n += toy_frame(wire + n, plain + done, part);
		done += part;
	}
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
		const struct stream_settings s = { .input_max = c % 2 == 0 ? 0 : 20000 };
		open_encoded(&p, &s, &toy);
		for (size_t at = 0; at < n; at += cuts[c]) {
			size_t part = cuts[c] < n - at ? cuts[c] : n - at;
			assert_int_equal(write(p.peer, wire + at, part), (ssize_t)part);
			if (cuts[c] > 50 || at % 64 == 0)
				pair_turns(&p, 1);
		}
		pair_turns(&p, 6);
		assert_int_equal(p.got.n, sizeof(plain));
		assert_memory_equal(buf_span(&p.got).p, plain, sizeof(plain));
		assert_int_equal(stream_bytes_in(p.s), sizeof(plain));
		pair_close(&p);
	}
}

static void
a_record_without_room_waits_until_the_consumer_took_something(void **state)
{
	const struct stream_settings s = { .input_max = 3000 };
	static char bytes[2000];
	struct toy toy;
	struct pair p;

	(void)state;
	open_encoded(&p, &s, &toy);
	p.consume_most = 500;
	send_frame(&p, bytes, 2000);
	send_frame(&p, bytes, 2000);
	pair_turns(&p, 3);
	assert_int_equal(stream_input(p.s).n, 1500);
	assert_string_equal(pair_story(&p), "input");
	stream_consume(p.s, 600);
	p.consume_most = SIZE_MAX;
	pair_turns(&p, 1); /* no new byte on the wire */
	assert_int_equal(p.got.n, 500 + 900 + 2000);
	pair_close(&p);
}

static void
a_transform_may_ask_to_go_on(void **state)
{
	struct toy toy;
	struct pair p;

	(void)state;
	open_encoded(&p, NULL, &toy);
	toy.is_waiting = true;
	send_frame(&p, "behind", 6);
	pair_turns(&p, 3);
	assert_int_equal(p.got.n, 0);
	toy.is_waiting = false;
	stream_pause(p.s);
	stream_transform_continue(p.s);
	pair_turns(&p, 2);
	assert_int_equal(p.got.n, 0); /* a pause is a pause */
	assert_int_equal(stream_input(p.s).n, 6);
	stream_resume(p.s);
	pair_turns(&p, 1);
	assert_string_equal(buf_text(&p.got), "behind");
	pair_close(&p);
}

static void
small_writes_become_full_records(void **state)
{
	static char body[100 * 1024];
	struct buf wire, plain;
	struct toy toy;
	struct pair p;

	(void)state;
	buf_init(&wire, MEBI);
	buf_init(&plain, MEBI);
	memset(body, 'b', sizeof(body));
	open_encoded(&p, NULL, &toy);
	for (int i = 0; i < 1000; i++)
		stream_write(p.s, "twenty bytes of text", 20);
	stream_write_ref(p.s, span_make(body, sizeof(body)), NULL, NULL);
	stream_write(p.s, "\r\n.\r\n", 5);
	size_t all = 20000 + sizeof(body) + 5;
	for (int i = 0; i < 50 && plain.n < all; i++) {
		pair_turns(&p, 1);
		receive_frames(&p, &wire, &plain);
	}
	assert_int_equal(plain.n, all);
	assert_memory_equal(buf_span(&plain).p + plain.n - 6, "b\r\n.\r\n", 6);
	assert_int_equal(toy.longest_out, 16384);
	assert_int_equal(toy.frames_out, (all + 16383) / 16384); /* as few as can be */
	assert_int_equal(stream_bytes_out(p.s), all);
	buf_done(&wire);
	buf_done(&plain);
	pair_close(&p);
}

static struct {
	size_t left, most_wire;
} flood;

static void
flood_on(struct pair *p, const char *event)
{
	static char block[10000];

	(void)event;
	while (flood.left > 0 && !stream_output_is_full(p->s)) {
		size_t n = flood.left < sizeof(block) ? flood.left : sizeof(block);
		stream_write(p->s, block, n);
		flood.left -= n;
	}
}

static void
ten_encoded_megabytes_to_a_slow_reader_stay_bounded(void **state)
{
	static char sink[30000];
	struct toy toy;
	struct pair p;
	size_t got = 0;

	(void)state;
	open_encoded(&p, NULL, &toy);
	flood.left = 10u * MEBI;
	flood.most_wire = 0;
	p.on = flood_on;
	flood_on(&p, "start");
	while (stream_output_queued(p.s) > 0) {
		pair_turns(&p, 1);
		if (p.s->wire_out.cap > flood.most_wire)
			flood.most_wire = p.s->wire_out.cap;
		assert_in_range(stream_output_queued(p.s), 0,
				STREAM_OUTPUT_HIGH + 10000 + STREAM_WIRE_OUT_MAX);
		ssize_t n = read(p.peer, sink, sizeof(sink));
		got += n > 0 ? (size_t)n : 0;
	}
	for (ssize_t n; (n = read(p.peer, sink, sizeof(sink))) > 0;)
		got += (size_t)n;
	assert_int_equal(got, 10u * MEBI + 2 * toy.frames_out);
	assert_in_range(flood.most_wire, 1, LOOP_BLOCK_LARGE);
	pair_turns(&p, 2);
	assert_null(p.s->wire_out.p);
	pair_close(&p);
}

static void
output_that_is_stuck_does_not_keep_input_from_being_read(void **state)
{
	static char block[MEBI];
	struct toy toy;
	struct pair p;

	(void)state;
	open_encoded(&p, NULL, &toy);
	/* The kernel is full, so that a whole encoded batch has to wait. */
	while (send(stream_fd(p.s), block, 1000, MSG_DONTWAIT) > 0)
		;
	stream_write_ref(p.s, span_make(block, sizeof(block)), NULL, NULL);
	pair_turns(&p, 2);
	assert_true(p.s->wire_out.n > STREAM_ENCODE_MOST);
	send_frame(&p, "the peer writes, too", 20);
	pair_turns(&p, 2);
	assert_string_equal(buf_text(&p.got), "the peer writes, too");
	pair_close(&p);
}

static void
the_goodbye_of_the_peer_is_an_end_of_file_after_the_data(void **state)
{
	struct toy toy;
	struct pair p;

	(void)state;
	open_encoded(&p, NULL, &toy);
	send_frame(&p, "QUIT", 4);
	send_frame(&p, "", 0);
	pair_turns(&p, 4);
	assert_string_equal(pair_story(&p), "input eof");
	assert_string_equal(buf_text(&p.got), "QUIT");
	pair_close(&p);
}

static void
pause_and_resume(struct pair *p, const char *event)
{
	if (strcmp(event, "input") != 0)
		return;
	stream_pause(p->s);
	p->consume_most = SIZE_MAX;
	stream_resume(p->s);
}

static void
the_end_waits_for_what_a_resume_offers_again(void **state)
{
	struct toy toy;
	struct pair p;

	(void)state;
	open_encoded(&p, NULL, &toy);
	p.on = pause_and_resume;
	p.consume_most = 2;
	send_frame(&p, "QUIT", 4);
	send_frame(&p, "", 0);
	pair_turns(&p, 4);
	assert_string_equal(pair_story(&p), "input input eof");
	assert_string_equal(buf_text(&p.got), "QUIT");
	pair_close(&p);
}

static void
a_close_says_goodbye(void **state)
{
	struct toy toy;
	struct pair p;
	char text[100];

	(void)state;
	open_encoded(&p, NULL, &toy);
	stream_write(p.s, "A", 1);
	stream_close(p.s);
	assert_int_equal(read(p.peer, text, sizeof(text)), 5);
	assert_memory_equal(text, "\0\1\x1b\0\0", 5);
	assert_true(toy.is_freed);
	pair_close(&p);

	open_encoded(&p, NULL, &toy);
	stream_write(p.s, "A", 1);
	stream_close_after_output(p.s, 1000);
	pair_turns(&p, 2);
	assert_int_equal(read(p.peer, text, sizeof(text)), 5);
	assert_memory_equal(text, "\0\1\x1b\0\0", 5);
	assert_int_equal(read(p.peer, text, sizeof(text)), 0);
	send_frame(&p, "ignored", 7);
	shutdown(p.peer, SHUT_WR);
	pair_turns(&p, 4);
	assert_true(toy.is_freed);
	p.s = NULL;
	pair_close(&p);
}

static void
a_parting_stream_forgets_what_its_transform_does_not_take(void **state)
{
	static char block[300000];
	struct toy toy;
	struct pair p;
	ssize_t sent = 1;

	(void)state;
	open_encoded(&p, NULL, &toy);
	toy.is_waiting = true;
	memset(block, 'x', sizeof(block));
	stream_write_ref(p.s, span_make(block, sizeof(block)), NULL, NULL);
	stream_close_after_output(p.s, 1000); /* the peer reads nothing, but sends */
	for (int i = 0; i < 20 && sent > 0; i++) {
		sent = write(p.peer, block, sizeof(block));
		pair_turns(&p, 8);
	}
	assert_true(sent > 0); /* all of it was read */
	assert_int_equal(p.loop->orphans.count, 1);
	clock_manual_advance(&p.clock, 1000);
	pair_turns(&p, 1);
	assert_int_equal(p.loop->orphans.count, 0);
	p.s = NULL;
	pair_close(&p);
}

static void
a_stream_that_never_finished_its_handshake_closes_without_goodbye(void **state)
{
	struct toy toy = { 0 };
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	stream_set_transform(p.s, &toy_ops, &toy);
	stream_write(p.s, "secret", 6);
	pair_turns(&p, 1);
	stream_close(p.s);
	assert_int_equal(read(p.peer, text, sizeof(text)), 6);
	assert_memory_equal(text, "hello\n", 6);
	assert_int_equal(read(p.peer, text, sizeof(text)), 0);
	pair_close(&p);

	pair_open(&p, NULL);
	toy = (struct toy){ 0 };
	stream_set_transform(p.s, &toy_ops, &toy);
	stream_close(p.s); /* nothing is queued, but it is too early all the same */
	assert_int_equal(read(p.peer, text, sizeof(text)), 6);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			output_that_is_stuck_does_not_keep_input_from_being_read),
		cmocka_unit_test(the_first_output_is_asked_for_at_once),
		cmocka_unit_test(what_was_queued_before_the_transform_goes_out_as_it_is),
		cmocka_unit_test(
			what_the_kernel_did_not_take_before_the_transform_stays_plain),
		cmocka_unit_test(output_waits_for_the_handshake),
		cmocka_unit_test(a_handshake_goes_on_while_the_consumer_pauses),
		cmocka_unit_test(bytes_that_were_there_before_go_through_the_transform),
		cmocka_unit_test(a_peer_that_leaves_in_the_handshake_is_a_network_error),
		cmocka_unit_test(errors_of_the_transform_break_the_stream),
		cmocka_unit_test(frames_arrive_however_the_wire_is_cut),
		cmocka_unit_test(
			a_record_without_room_waits_until_the_consumer_took_something),
		cmocka_unit_test(a_transform_may_ask_to_go_on),
		cmocka_unit_test(small_writes_become_full_records),
		cmocka_unit_test(ten_encoded_megabytes_to_a_slow_reader_stay_bounded),
		cmocka_unit_test(
			the_goodbye_of_the_peer_is_an_end_of_file_after_the_data),
		cmocka_unit_test(the_end_waits_for_what_a_resume_offers_again),
		cmocka_unit_test(a_close_says_goodbye),
		cmocka_unit_test(
			a_parting_stream_forgets_what_its_transform_does_not_take),
		cmocka_unit_test(
			a_stream_that_never_finished_its_handshake_closes_without_goodbye),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

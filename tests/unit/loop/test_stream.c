/*
 * test_stream.c - streams without a transform: order of events, limits, release, time.
 */
#include "pair.h"

#include "loop/stream_inside.h"

enum { MEBI = 1 << 20 };

static void
bytes_written_in_one_turn_arrive_as_one(void **state)
{
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	assert_int_equal(stream_write(p.s, "250-one\r\n", 9), 0);
	assert_int_equal(stream_write(p.s, "250 two\r\n", 9), 0);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "");
	pair_turns(&p, 1);
	assert_string_equal(pair_receive(&p, text, sizeof(text)),
			    "250-one\r\n250 two\r\n");
	assert_string_equal(pair_story(&p), "drain");
	assert_int_equal(stream_bytes_out(p.s), 18);
	pair_send(&p, "EHLO x\r\n");
	pair_turns(&p, 1);
	assert_string_equal(buf_text(&p.got), "EHLO x\r\n");
	assert_int_equal(stream_bytes_in(p.s), 8);
	pair_close(&p);
}

static void
a_flush_sends_before_the_turn_ends(void **state)
{
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	stream_write(p.s, "now", 3);
	stream_flush(p.s);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "now");
	assert_string_equal(pair_story(&p), ""); /* never from inside a call */
	pair_turns(&p, 1);
	assert_string_equal(pair_story(&p), "drain");
	pair_close(&p);
}

static void
input_is_offered_again_only_when_more_arrives(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	p.consume_most = 2;
	pair_send(&p, "abcde");
	pair_turns(&p, 5);
	assert_string_equal(pair_story(&p), "input");
	assert_string_equal(buf_text(&p.got), "ab");
	pair_send(&p, "f");
	pair_turns(&p, 5);
	assert_string_equal(pair_story(&p), "input input");
	assert_string_equal(buf_text(&p.got), "abcd");
	assert_memory_equal(stream_input(p.s).p, "ef", 2);
	pair_close(&p);
}

static void
a_full_input_buffer_stops_reading_until_something_is_taken(void **state)
{
	const struct stream_settings small = { .input_max = 4096 };
	static char block[20000];
	struct pair p;

	(void)state;
	pair_open(&p, &small);
	p.consume_most = 0;
	assert_int_equal(write(p.peer, block, sizeof(block)), (ssize_t)sizeof(block));
	pair_turns(&p, 1);
	assert_int_equal(stream_input(p.s).n, 4096);
	int watched = event_base_get_num_events(p.loop->base, EVENT_BASE_COUNT_ADDED);
	pair_turns(&p, 1);
	/* The descriptor is off the watch: waiting is no busy loop. */
	assert_int_equal(event_base_get_num_events(p.loop->base, EVENT_BASE_COUNT_ADDED),
			 watched - 1);
	pair_turns(&p, 3);
	assert_string_equal(pair_story(&p), "input");
	stream_consume(p.s, 96);
	pair_turns(&p, 1);
	assert_int_equal(stream_input(p.s).n, 4096);
	assert_string_equal(pair_story(&p), "input input");
	p.consume_most = SIZE_MAX;
	stream_consume(p.s, 4096);
	pair_turns(&p, 10);
	assert_int_equal(p.got.n, 20000 - 96 - 4096);
	pair_close(&p);
}

static void
a_pause_keeps_input_and_a_resume_offers_it_from_the_loop(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	p.consume_most = 1;
	pair_send(&p, "xyz");
	pair_turns(&p, 1);
	stream_pause(p.s);
	pair_send(&p, "more");
	pair_turns(&p, 3);
	assert_string_equal(pair_story(&p), "input");
	assert_int_equal(stream_input(p.s).n, 2);
	p.consume_most = SIZE_MAX;
	stream_resume(p.s);
	assert_string_equal(pair_story(&p), "input");
	pair_turns(&p, 2);
	assert_string_equal(pair_story(&p),
			    "input input"); /* the rest and what came since */
	assert_string_equal(buf_text(&p.got), "xyzmore");
	p.consume_most = 1;
	pair_send(&p, "ab");
	pair_turns(&p, 1);
	stream_pause(p.s);
	stream_resume(p.s);
	pair_turns(&p, 1); /* nothing new, but something is left */
	assert_string_equal(pair_story(&p), "input input input input");
	assert_string_equal(buf_text(&p.got), "xyzmoreab");
	pair_close(&p);
}

static void
a_resume_without_input_tells_nothing(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	stream_pause(p.s);
	stream_resume(p.s);
	pair_turns(&p, 2);
	assert_string_equal(pair_story(&p), "");
	pair_close(&p);
}

static void
the_end_of_file_comes_after_the_data(void **state)
{
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	pair_send(&p, "QUIT\r\n");
	shutdown(p.peer, SHUT_WR);
	pair_turns(&p, 4);
	assert_string_equal(pair_story(&p), "input eof");
	stream_write(p.s, "221 bye", 7); /* the other direction still works */
	pair_turns(&p, 1);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "221 bye");
	pair_turns(&p, 3);
	assert_string_equal(pair_story(&p), "input eof drain");
	pair_close(&p);
}

static void
pause_on_input(struct pair *p, const char *event)
{
	if (strcmp(event, "input") == 0)
		stream_pause(p->s);
}

static void
a_paused_consumer_hears_of_the_end_after_it_resumes(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	p.on = pause_on_input;
	pair_send(&p, "data");
	shutdown(p.peer, SHUT_WR);
	pair_turns(&p, 4);
	assert_string_equal(pair_story(&p), "input");
	stream_resume(p.s);
	pair_turns(&p, 4);
	assert_string_equal(pair_story(&p), "input eof");
	pair_close(&p);
}

static void
input_can_be_looked_for_and_forgotten(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	assert_true(stream_wire_is_clean(p.s));
	p.consume_most = 10;
	pair_send(&p, "STARTTLS\r\nNOOP\r\n");
	pair_turns(&p, 1);
	assert_false(stream_wire_is_clean(p.s));
	assert_int_equal(stream_discard_input(p.s), 6);
	assert_true(stream_wire_is_clean(p.s));
	assert_int_equal(stream_discard_input(p.s), 0);
	pair_close(&p);
}

static void
idle_streams_hold_no_buffers(void **state)
{
	struct pair p;
	char text[100];

	(void)state;
	pair_open(&p, NULL);
	pair_send(&p, "EHLO x\r\n");
	stream_write(p.s, "250 x\r\n", 7);
	pair_turns(&p, 2);
	pair_receive(&p, text, sizeof(text));
	assert_null(p.s->plain_in.p);
	assert_null(p.s->wire_in.p);
	assert_null(p.s->wire_out.p);
	assert_null(p.s->out.first);
	p.consume_most = 4;
	pair_send(&p, "half a line");
	pair_turns(&p, 1);
	assert_int_equal(p.s->plain_in.cap, 7);
	pair_close(&p);
}

/* -- output limits -- */

static void
the_producer_hears_of_the_low_watermark(void **state)
{
	const struct stream_settings s = { .output_high = 600 * 1024,
					   .output_low = 100 * 1024 };
	static char block[100 * 1024], sink[64 * 1024];
	struct pair p;

	(void)state;
	pair_open(&p, &s);
	for (int i = 0; i < 6; i++) {
		assert_false(stream_output_is_full(p.s));
		stream_write(p.s, block, sizeof(block));
	}
	assert_true(stream_output_is_full(p.s));
	pair_turns(&p, 2);
	assert_string_equal(pair_story(&p), "");
	size_t at_drain = 0;
	for (int i = 0; i < 1000 && p.events.n == 0; i++) {
		assert_true(read(p.peer, sink, sizeof(sink)) != 0);
		pair_turns(&p, 1);
		at_drain = stream_output_queued(p.s);
	}
	assert_string_equal(pair_story(&p), "drain");
	assert_in_range(at_drain, 1, 100 * 1024);
	while (stream_output_queued(p.s) > 0) {
		assert_true(read(p.peer, sink, sizeof(sink)) != 0);
		pair_turns(&p, 1);
	}
	assert_string_equal(pair_story(&p), "drain drain"); /* and at 0 */
	pair_close(&p);
}

struct flood {
	size_t left, most_queued;
};

static struct flood flood;

static void
flood_on(struct pair *p, const char *event)
{
	static char block[8192];

	(void)event;
	while (flood.left > 0 && !stream_output_is_full(p->s)) {
		size_t n = flood.left < sizeof(block) ? flood.left : sizeof(block);
		stream_write(p->s, block, n);
		flood.left -= n;
	}
	if (stream_output_queued(p->s) > flood.most_queued)
		flood.most_queued = stream_output_queued(p->s);
}

static void
fifty_megabytes_to_a_slow_reader_stay_within_the_watermark(void **state)
{
	static char sink[30000];
	struct pair p;
	size_t got = 0;

	(void)state;
	flood = (struct flood){ .left = 50u * MEBI };
	pair_open(&p, NULL);
	p.on = flood_on;
	flood_on(&p, "start");
	while (got < 50u * MEBI) {
		ssize_t n = read(p.peer, sink, sizeof(sink));
		got += n > 0 ? (size_t)n : 0;
		pair_turns(&p, 1);
	}
	assert_int_equal(got, 50u * MEBI);
	assert_int_equal(flood.left, 0);
	assert_in_range(flood.most_queued, 1, STREAM_OUTPUT_HIGH + 8192);
	assert_int_equal(stream_output_queued(p.s), 0);
	pair_close(&p);
}

/* -- borrowed output -- */

static void
count_release(void *arg)
{
	++*(int *)arg;
}

static void
borrowed_and_copied_bytes_keep_their_order(void **state)
{
	struct pair p;
	char text[100];
	int released = 0;

	(void)state;
	pair_open(&p, NULL);
	stream_write(p.s, "a", 1);
	stream_write_ref(p.s, span_of("BB"), count_release, &released);
	stream_write(p.s, "c", 1);
	stream_write_ref(p.s, span_of("DD"), NULL, NULL);
	stream_write_ref(p.s, span_of(""), count_release, &released);
	stream_write(p.s, "e", 1);
	assert_int_equal(stream_output_queued(p.s), 7);
	assert_int_equal(released, 0);
	pair_turns(&p, 1);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "aBBcDDe");
	assert_int_equal(released, 2);
	stream_write_ref(p.s, span_of(""), count_release, &released);
	pair_turns(&p, 1);
	assert_int_equal(released, 3);
	pair_close(&p);
	assert_int_equal(released, 3);
}

static void
borrowed_bytes_are_released_once_when_the_stream_closes(void **state)
{
	static char block[4 * MEBI];
	struct pair p;
	int big = 0, small = 0;

	(void)state;
	pair_open(&p, NULL);
	stream_write_ref(p.s, span_make(block, sizeof(block)), count_release, &big);
	stream_write_ref(p.s, span_of("x"), count_release, &small);
	pair_turns(&p, 2);
	assert_int_equal(big, 0);
	stream_close(p.s);
	assert_int_equal(big, 1);
	assert_int_equal(small, 1);
	/* Until the turn ends it can still be asked. A closed stream takes nothing,
	 * but still gives back. */
	assert_int_equal(stream_write_ref(p.s, span_of("y"), count_release, &small), -1);
	assert_int_equal(small, 2);
	p.s = NULL;
	pair_close(&p);
	assert_int_equal(big, 1);
}

static void
close_in_release(void *arg)
{
	struct pair *p = arg;
	stream_close(p->s);
}

static void
a_release_may_close_the_stream(void **state)
{
	struct pair p;
	char text[100];
	int released = 0;

	(void)state;
	pair_open(&p, NULL);
	stream_write_ref(p.s, span_of("one"), close_in_release, &p);
	stream_write_ref(p.s, span_of("two"), count_release, &released);
	pair_turns(&p, 1);
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "onetwo");
	assert_int_equal(released, 1);
	assert_string_equal(pair_story(&p), "");
	p.s = NULL; /* freed since */
	pair_close(&p);
}

/* -- time -- */

static void
a_deadline_that_is_moved_all_the_time_costs_one_timer(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	stream_set_deadline(p.s, 1000);
	int64_t first = p.s->timer.due_ms;
	for (int i = 0; i < 50; i++) {
		clock_manual_advance(&p.clock, 10);
		stream_set_deadline(p.s, 1000);
		assert_int_equal(p.s->timer.due_ms, first);
	}
	clock_manual_advance(&p.clock,
			     999); /* the timer fires, the deadline has not passed */
	pair_turns(&p, 1);
	assert_string_equal(pair_story(&p), "");
	clock_manual_advance(&p.clock, 1);
	pair_turns(&p, 3);
	assert_string_equal(pair_story(&p), "timeout");
	pair_close(&p);
}

static void
a_deadline_can_be_cleared_brought_forward_and_set_again(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	stream_set_deadline(p.s, 100);
	stream_set_deadline(p.s, 0);
	clock_manual_advance(&p.clock, 500);
	pair_turns(&p, 2);
	assert_string_equal(pair_story(&p), "");
	stream_set_deadline(p.s, 60000);
	stream_set_deadline(p.s, 50);
	clock_manual_advance(&p.clock, 50);
	pair_turns(&p, 1);
	assert_string_equal(pair_story(&p), "timeout");
	stream_set_deadline(p.s, 50);
	clock_manual_advance(&p.clock, 50);
	pair_turns(&p, 1);
	assert_string_equal(pair_story(&p), "timeout timeout");
	pair_close(&p);
}

static void
a_deadline_passes_in_real_time(void **state)
{
	struct pair p;
	struct err e;
	struct loop *fake;

	(void)state;
	pair_open(&p, NULL);
	stream_close(p.s);
	fake = p.loop;
	assert_int_equal(loop_new(clock_system(), &p.loop, &e), 0);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(stream_new(p.loop, fds[0], NULL, &pair_events, &p, &p.s, &e), 0);
	stream_set_deadline(p.s, 20);
	int64_t start = clock_system()->mono_ms(clock_system());
	for (int i = 0; i < 100 && p.events.n == 0; i++)
		loop_run_once(p.loop, 50, &e);
	assert_string_equal(pair_story(&p), "timeout");
	assert_in_range(clock_system()->mono_ms(clock_system()) - start, 20, 5000);
	close(fds[1]);
	loop_free(fake);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_written_in_one_turn_arrive_as_one),
		cmocka_unit_test(a_flush_sends_before_the_turn_ends),
		cmocka_unit_test(input_is_offered_again_only_when_more_arrives),
		cmocka_unit_test(
			a_full_input_buffer_stops_reading_until_something_is_taken),
		cmocka_unit_test(
			a_pause_keeps_input_and_a_resume_offers_it_from_the_loop),
		cmocka_unit_test(a_resume_without_input_tells_nothing),
		cmocka_unit_test(the_end_of_file_comes_after_the_data),
		cmocka_unit_test(a_paused_consumer_hears_of_the_end_after_it_resumes),
		cmocka_unit_test(input_can_be_looked_for_and_forgotten),
		cmocka_unit_test(idle_streams_hold_no_buffers),
		cmocka_unit_test(the_producer_hears_of_the_low_watermark),
		cmocka_unit_test(
			fifty_megabytes_to_a_slow_reader_stay_within_the_watermark),
		cmocka_unit_test(borrowed_and_copied_bytes_keep_their_order),
		cmocka_unit_test(borrowed_bytes_are_released_once_when_the_stream_closes),
		cmocka_unit_test(a_release_may_close_the_stream),
		cmocka_unit_test(a_deadline_that_is_moved_all_the_time_costs_one_timer),
		cmocka_unit_test(a_deadline_can_be_cleared_brought_forward_and_set_again),
		cmocka_unit_test(a_deadline_passes_in_real_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_stream.c - streams without a transform: order of events, limits, release, time, the end.
 */
#include "pair.h"

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
	assert_string_equal(pair_receive(&p, text, sizeof(text)), "250-one\r\n250 two\r\n");
	assert_string_equal(pair_story(&p), "drain");
	assert_int_equal(stream_bytes_out(p.s), 18);
	pair_send(&p, "EHLO x\r\n");
	pair_turns(&p, 1);
	assert_string_equal(buf_text(&p.got), "EHLO x\r\n");
	assert_int_equal(stream_bytes_in(p.s), 8);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_written_in_one_turn_arrive_as_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

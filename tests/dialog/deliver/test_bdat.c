/*
 * test_bdat.c - the first journal that goes by BDAT is alone: what its reply may show
 * costs one of them, however many are on their way.
 */
#include "world.h"

/* Of the outcomes. */
static unsigned
count(struct world *w, const char *word)
{
	unsigned n = 0;

	for (const char *text = world_log(w); (text = strstr(text, word)) != NULL; text++)
		n++;
	return n;
}

/* Five on their way; none is answered yet. */
static void
send_five(struct world *w)
{
	w->peer.keeps_messages = false;
	w->peer.scripts[0].ehlo_tls = "250-peer\r\n250-PIPELINING\r\n250-CHUNKING\r\n"
				      "250 ENHANCEDSTATUSCODES\r\n";
	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 40);
	assert_int_equal(world_destination(w).in_flight, 5);
}

static void
answer(struct world *w, const char *reply)
{
	w->peer.scripts[0].content[0] = reply;
	world_say_to_all(w, reply);
}

static void
a_reply_that_cannot_be_told_costs_one_copy(void **state)
{
	struct world *w = *state;

	send_five(w);
	answer(w, "250 fine\r\n");
	world_pass(w, 17000);
	assert_int_equal(w->spool.outcomes, 40);
	assert_int_equal(count(w, " uncertain "), 1);
	assert_int_equal(count(w, " delivered "), 39);
	assert_int_equal(world_count(w, "|BDAT "), 1);
}

static void
a_refused_command_is_refused_once(void **state)
{
	struct world *w = *state;

	send_five(w);
	w->peer.scripts[0].bdat = "502 5.5.1 not implemented\r\n";
	world_say(w, 0, w->peer.scripts[0].bdat);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	answer(w, "250 2.0.0 taken\r\n");
	world_pass(w, 17000);
	assert_int_equal(w->spool.outcomes, 40);
	assert_int_equal(count(w, " delivered "), 40);
	assert_int_equal(world_count(w, "|BDAT "), 1);
}

static void
once_it_was_answered_all_go_by_it(void **state)
{
	struct world *w = *state;

	send_five(w);
	answer(w, "250 2.0.0 taken\r\n");
	assert_int_equal(w->spool.outcomes, 40);
	assert_int_equal(world_count(w, "|DATA|"), 4);
	assert_int_equal(world_count(w, "|BDAT "), 36);
}

/* It is not waited for when it comes to nothing. */
static void
the_next_one_is_the_first_when_that_breaks_off(void **state)
{
	struct world *w = *state;

	send_five(w);
	peer_session_close(world_session(w, 0));
	answer(w, "250 2.0.0 taken\r\n");
	world_pass(w, 17000);
	assert_int_equal(w->spool.outcomes, 40);
	assert_in_range(world_count(w, "|BDAT "), 30, 36);
}

static void
what_only_bdat_carries_is_proven_meanwhile(void **state)
{
	struct world *w = *state;

	w->content.must_use_bdat = true;
	send_five(w);
	assert_int_equal(world_count(w, "|BDAT "), 5);
	answer(w, "250 fine\r\n");
	world_pass(w, 17000);
	assert_int_equal(w->spool.outcomes, 40);
	assert_int_equal(count(w, " uncertain "), 1);
	assert_int_equal(world_count(w, "|QUIT|"), 39);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_reply_that_cannot_be_told_costs_one_copy),
		WORLD_TEST(a_refused_command_is_refused_once),
		WORLD_TEST(once_it_was_answered_all_go_by_it),
		WORLD_TEST(the_next_one_is_the_first_when_that_breaks_off),
		WORLD_TEST(what_only_bdat_carries_is_proven_meanwhile),
	};

	return WORLD_RUN_TESTS(tests);
}

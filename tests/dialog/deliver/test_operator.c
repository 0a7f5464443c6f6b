/*
 * test_operator.c - stopping, and the operator's hand.
 */
#include "world.h"

#include "deliver/inside.h"

static void
a_stop_with_nothing_to_do_is_told_once_from_the_loop(void **state)
{
	struct world *w = *state;

	world_start(w);
	world_settle(w);
	world_stop(w, 10000);
	assert_int_equal(w->stopped, 0);
	world_pass(w, 1);
	assert_int_equal(w->stopped, 1);
	world_pass(w, 20000);
	assert_int_equal(w->stopped, 1);
}

static void
an_idle_connection_says_quit_at_a_stop(void **state)
{
	struct world *w = *state;

	world_run(w, 1);
	world_stop(w, 10000);
	world_settle(w);
	world_pass(w, 1);
	assert_int_equal(w->stopped, 1);
	assert_non_null(strstr(world_commands(w), "|QUIT|"));
}

static void
a_journal_whose_reply_is_awaited_gets_the_grace(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 1);
	world_stop(w, 10000);
	world_pass(w, 9000);
	assert_int_equal(w->stopped, 0);
	world_say(w, 0, "250 2.0.0 late\r\n");
	world_pass(w, 1);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 late\n");
	assert_int_equal(w->stopped, 1);
}

static void
after_the_grace_it_is_uncertain(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 1);
	world_stop(w, 10000);
	world_pass(w, 10001);
	world_pass(w, 1);
	assert_string_equal(
		world_log(w),
		"1 uncertain attempts=1 the daemon stopped before the reply came\n");
	assert_string_equal(w->spool.rows[0].profile, "profile-4");
	assert_int_equal(w->stopped, 1);
}

static void
what_was_not_sent_yet_is_broken_off_at_once(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].data = NULL;
	world_run(w, 1);
	world_stop(w, 10000);
	world_settle(w);
	world_pass(w, 1);
	assert_int_equal(w->stopped, 1);
	assert_string_equal(world_log(w), "");
	assert_int_equal(w->peer.open, 0);
}

static void
nothing_new_is_begun_while_stopping(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 1);
	world_stop(w, 10000);
	world_offer(w, 9);
	world_pass(w, 5000);
	assert_int_equal(w->peer.connections, 1);
}

static void
an_answer_that_comes_after_the_stop_finds_nobody(void **state)
{
	struct world *w = *state;

	w->spool.is_reader_slow = true;
	world_run(w, 1);
	world_stop(w, 1000);
	world_pass(w, 999);
	assert_int_equal(w->stopped, 0);
	world_pass(w, 2);
	assert_int_equal(w->stopped, 1);
	fake_answer(&w->spool);
	world_pass(w, 1000);
	assert_int_equal(w->deliver->waiting, 0);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(w->peer.connections, 0);
}

static void
deliver_now_probes_at_once(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].mail = "550 5.7.1 denied\r\n";
	peer_script_then(&w->peer);
	world_run(w, 2);
	assert_int_equal(world_destination(w).state, DESTINATION_SUSPENDED);
	deliver_now(w->deliver, 2);
	world_pass(w, 600);
	assert_int_equal(w->spool.outcomes, 2);
}

static void
nor_does_it_wait_for_a_probe_that_hangs(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	peer_script_then(&w->peer)->mail = NULL;
	w->peer.scripts[1].ehlo_tls = "250-peer\r\n250 8BITMIME\r\n";
	peer_script_then(&w->peer);
	world_run(w, 2);
	world_pass(w, 17000);
	assert_int_equal(world_destination(w).in_flight, 1);
	deliver_now(w->deliver, 0);
	world_settle(w);
	assert_string_equal(world_log(w), "2 delivered attempts=1 250 2.0.0 taken\n");
}

/* Of a journal that is not in flight: nobody refuses it. */
static void
withdraw(struct world *w, uint64_t mid)
{
	uint64_t dcid = 0;

	assert_false(deliver_withdraw(w->deliver, mid, &dcid));
}

static void
a_withdrawn_journal_comes_back_when_it_is_released(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	peer_script_then(&w->peer);
	world_run(w, 2);
	withdraw(w, 1);
	w->spool.rows[0].state = JOURNAL_HELD;
	deliver_give_back(w->deliver, 1);
	world_pass(w, 20000);
	assert_string_equal(world_log(w), "2 delivered attempts=1 250 2.0.0 taken\n");
	w->spool.rows[0].state = JOURNAL_WAITING;
	deliver_look_again(w->deliver);
	world_pass(w, 1000);
	assert_int_equal(w->spool.outcomes, 2);
}

static void
a_change_that_did_not_happen_does_not_lose_the_journal(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	peer_script_then(&w->peer);
	world_run(w, 1);
	withdraw(w, 1);
	/* The row stays as it was: it is looked for once that is known. */
	world_pass_often(w, 4, 10000);
	assert_int_equal(w->spool.outcomes, 0);
	deliver_give_back(w->deliver, 1);
	world_pass_often(w, 4, 10000);
	assert_int_equal(w->spool.outcomes, 1);
}

static void
a_row_that_is_read_while_it_is_changed_is_not_sent(void **state)
{
	struct world *w = *state;

	world_rows(w, 2);
	world_start(w);
	/* Nothing was read yet: it is withdrawn by its MID alone. */
	withdraw(w, 1);
	world_pass_often(w, 20, 1000);
	assert_string_equal(world_log(w), "2 delivered attempts=1 250 2.0.0 taken\n");
	deliver_look_again(w->deliver);
	world_pass_often(w, 20, 1000);
	assert_int_equal(w->spool.outcomes, 1);
	w->spool.rows[0].state = JOURNAL_HELD;
	deliver_give_back(w->deliver, 1);
	world_pass_often(w, 5, 1000);
	assert_int_equal(w->spool.outcomes, 1);
}

static void
what_was_read_before_the_change_does_not_count_after_it(void **state)
{
	struct world *w = *state;

	w->spool.is_reader_slow = true;
	world_run(w, 2);
	/* It was read as waiting; then it is held; then the answer comes. */
	assert_int_equal(w->spool.n_read, 1);
	withdraw(w, 1);
	w->spool.rows[0].state = JOURNAL_HELD;
	deliver_give_back(w->deliver, 1);
	world_settle(w);
	fake_answer(&w->spool);
	world_pass_often(w, 5, 1000);
	assert_string_equal(world_log(w), "2 delivered attempts=1 250 2.0.0 taken\n");
	/* The mark is gone with it. */
	w->spool.rows[0].state = JOURNAL_WAITING;
	deliver_look_again(w->deliver);
	world_pass(w, 1000);
	assert_int_equal(w->spool.outcomes, 2);
}

static void
a_fresh_journal_that_is_withdrawn_already_is_not_taken(void **state)
{
	struct world *w = *state;

	world_rows(w, 1);
	world_start(w);
	withdraw(w, 1);
	w->spool.accepted(w->spool.accepted_arg,
			  fake_journal(&w->spool, &w->spool.rows[0]));
	world_pass(w, 1000);
	assert_int_equal(w->spool.outcomes, 0);
	deliver_give_back(w->deliver, 1);
	world_pass(w, 1000);
	assert_int_equal(w->spool.outcomes, 1);
}

static void
two_changes_of_a_row_end_with_the_second(void **state)
{
	struct world *w = *state;

	world_rows(w, 1);
	world_start(w);
	withdraw(w, 1);
	withdraw(w, 1);
	deliver_give_back(w->deliver, 1);
	world_pass_often(w, 3, 1000);
	assert_int_equal(w->spool.outcomes, 0);
	deliver_give_back(w->deliver, 1);
	/* Withdrawn anew before the mark was forgotten. */
	withdraw(w, 1);
	world_pass_often(w, 3, 1000);
	assert_int_equal(w->spool.outcomes, 0);
	deliver_give_back(w->deliver, 1);
	world_pass_often(w, 3, 1000);
	assert_int_equal(w->spool.outcomes, 1);
}

static void
a_withdrawn_journal_does_not_expire(void **state)
{
	struct world *w = *state;

	world_rows(w, 1);
	w->spool.rows[0].created_at -= 300000000;
	w->policies.intakes[0] = NULL; /* where time alone ends a journal */
	w->spool.account.oldest_waiting_at = w->spool.rows[0].created_at;
	world_start(w);
	withdraw(w, 1);
	world_pass_often(w, 5, 60000);
	assert_string_equal(world_log(w), "");
	deliver_give_back(w->deliver, 1);
	world_pass_often(w, 3, 60000);
	assert_int_equal(w->spool.rows[0].state, JOURNAL_DEAD);
}

static void
a_journal_in_flight_cannot_be_withdrawn(void **state)
{
	struct world *w = *state;
	uint64_t dcid = 0;

	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 1);
	assert_true(deliver_withdraw(w->deliver, 1, &dcid));
	assert_int_equal(dcid, 1);
	assert_int_equal(world_destination(w).in_flight, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_stop_with_nothing_to_do_is_told_once_from_the_loop),
		WORLD_TEST(an_idle_connection_says_quit_at_a_stop),
		WORLD_TEST(a_journal_whose_reply_is_awaited_gets_the_grace),
		WORLD_TEST(after_the_grace_it_is_uncertain),
		WORLD_TEST(what_was_not_sent_yet_is_broken_off_at_once),
		WORLD_TEST(nothing_new_is_begun_while_stopping),
		WORLD_TEST(an_answer_that_comes_after_the_stop_finds_nobody),
		WORLD_TEST(deliver_now_probes_at_once),
		WORLD_TEST(nor_does_it_wait_for_a_probe_that_hangs),
		WORLD_TEST(a_withdrawn_journal_comes_back_when_it_is_released),
		WORLD_TEST(a_change_that_did_not_happen_does_not_lose_the_journal),
		WORLD_TEST(a_row_that_is_read_while_it_is_changed_is_not_sent),
		WORLD_TEST(what_was_read_before_the_change_does_not_count_after_it),
		WORLD_TEST(a_fresh_journal_that_is_withdrawn_already_is_not_taken),
		WORLD_TEST(two_changes_of_a_row_end_with_the_second),
		WORLD_TEST(a_withdrawn_journal_does_not_expire),
		WORLD_TEST(a_journal_in_flight_cannot_be_withdrawn),
	};

	return WORLD_RUN_TESTS(tests);
}

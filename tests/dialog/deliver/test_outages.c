/*
 * test_outages.c - what an outage does to the time that journals have, and how its end is
 * found.
 */
#include "world.h"

enum { LIMIT_MS = 600000 };

/* The intake is away for longer than journals may wait. */
static void
outlast_the_time_in_queue(struct world *w, size_t n)
{
	w->policies.controls.bounce.max_time_in_queue_ms = LIMIT_MS;
	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	world_run(w, n);
	w->spool.account.oldest_waiting_at = NOW;
	world_pass_often(w, 20, 60000);
	assert_int_equal(w->spool.outcomes, 0);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
}

static void
whose_time_ran_out_in_an_outage_is_tried_when_it_is_over(void **state)
{
	struct world *w = *state;

	outlast_the_time_in_queue(w, 3);
	w->peer.scripts[0] = peer_script_good();
	world_pass(w, 330000);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n"
					  "2 delivered attempts=1 250 2.0.0 taken\n"
					  "3 delivered attempts=1 250 2.0.0 taken\n");
}

static void
what_is_put_off_then_has_no_time_left(void **state)
{
	struct world *w = *state;

	outlast_the_time_in_queue(w, 1);
	w->peer.scripts[0] = peer_script_good();
	w->peer.scripts[0].content[0] = "452 4.3.1 full\r\n";
	world_pass(w, 330000);
	assert_string_equal(world_log(w),
			    "1 dead attempts=1 reason=expired 452 4.3.1 full\n");
}

static void
what_was_put_off_before_the_outage_is_tried_after_it(void **state)
{
	struct world *w = *state;

	w->policies.controls.bounce.max_time_in_queue_ms = LIMIT_MS;
	w->peer.scripts[0].content[0] = "452 4.3.1 full\r\n";
	world_run(w, 1);
	world_offer(w, 2);
	world_pass(w, 31000); /* the connection has ended */
	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	w->spool.account.oldest_waiting_at = NOW;
	world_pass_often(w, 20, 60000);
	buf_clear(&w->spool.log);
	w->peer.scripts[0] = peer_script_good();
	world_pass(w, 330000);
	assert_string_equal(world_log(w), "1 delivered attempts=2 250 2.0.0 taken\n");
}

static void
whose_time_ran_out_after_a_lost_reply_is_tried_too(void **state)
{
	struct world *w = *state;

	w->policies.controls.bounce.max_time_in_queue_ms = LIMIT_MS;
	world_rows(w, 1);
	w->spool.rows[0].state = JOURNAL_UNCERTAIN;
	w->spool.rows[0].attempts = 5;
	w->spool.rows[0].created_at = NOW - 2 * LIMIT_MS;
	w->spool.rows[0].next_at = NOW - LIMIT_MS; /* when it was time, it was down */
	world_start(w);
	world_settle(w);
	assert_string_equal(world_log(w), "1 delivered attempts=6 250 2.0.0 taken\n");
}

static void
the_limit_is_told_once_in_an_outage(void **state)
{
	struct world *w = *state;

	outlast_the_time_in_queue(w, 1);
	assert_true(world_destination(w).is_overdue);
	w->peer.scripts[0] = peer_script_good();
	world_pass(w, 330000);
	assert_false(world_destination(w).is_overdue);
}

/* An outage; then its only journal is deleted. */
static void
go_down_with_nothing_queued(struct world *w)
{
	uint64_t dcid;

	world_run(w, 1);
	assert_int_not_equal(world_destination(w).state, DESTINATION_UP);
	assert_int_equal(deliver_withdraw(w->deliver, 1, &dcid), WITHDRAWAL_DONE);
	w->spool.rows[0].state = JOURNAL_DELIVERED;
	deliver_give_back(w->deliver, 1);
	world_settle(w);
}

static void
the_end_of_an_outage_is_found_with_nothing_queued(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	go_down_with_nothing_queued(w);
	world_pass(w, 17000);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	assert_int_equal(w->peer.connections, 2);
	assert_true(world_destination(w).next_probe_at > w->clock.wall);
	w->peer.scripts[0] = peer_script_good();
	world_pass(w, 34000);
	struct destination_status s = world_destination(w);
	assert_int_equal(w->peer.connections, 3);
	assert_int_equal(s.state, DESTINATION_UP);
	assert_int_equal(s.next_probe_at, 0);
	assert_int_equal(s.down_since, 0);
	assert_int_equal(world_count(w, "MAIL "), 0);
}

static void
an_operator_finds_it_at_once(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "550 5.7.1 denied\r\n";
	go_down_with_nothing_queued(w);
	assert_int_equal(world_destination(w).state, DESTINATION_SUSPENDED);
	w->peer.scripts[0] = peer_script_good();
	deliver_now(w->deliver, 0);
	world_pass(w, 600);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
}

static void
so_does_a_reload(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].rcpt = "550 5.7.1 denied\r\n";
	go_down_with_nothing_queued(w);
	assert_int_equal(world_destination(w).state, DESTINATION_SUSPENDED);
	w->peer.scripts[0] = peer_script_good();
	world_reload(w);
	world_pass(w, 600);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
}

static void
what_no_policy_uses_any_more_is_not_probed(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	go_down_with_nothing_queued(w);
	w->policies.intakes[0] = NULL;
	world_reload(w);
	world_pass(w, 17000);
	assert_int_equal(w->peer.connections, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
}

static void
a_probe_under_way_has_no_time_of_the_past(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	peer_script_then(&w->peer)->greeting = NULL;
	world_run(w, 1);
	world_pass(w, 17000);
	world_pass(w, 60000);
	struct destination_status s = world_destination(w);
	assert_int_equal(w->peer.connections, 2);
	assert_int_equal(s.state, DESTINATION_BACKED_OFF);
	assert_int_equal(s.next_probe_at, 0);
	assert_true(s.is_being_probed);
}

static void
an_error_has_its_time(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	peer_script_then(&w->peer);
	world_run(w, 1);
	assert_int_equal(world_destination(w).last_error_at, NOW);
	world_pass(w, 17000);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	assert_int_equal(world_destination(w).last_error_at, NOW);
}

static void
who_asks_is_told_where_a_journal_is_being_sent(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 1);
	assert_int_equal(deliver_dcid(w->deliver, 1), 1);
	assert_int_equal(deliver_dcid(w->deliver, 2), 0);
	world_say(w, 0, "250 2.0.0 taken\r\n");
	assert_int_equal(deliver_dcid(w->deliver, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(whose_time_ran_out_in_an_outage_is_tried_when_it_is_over),
		WORLD_TEST(what_is_put_off_then_has_no_time_left),
		WORLD_TEST(what_was_put_off_before_the_outage_is_tried_after_it),
		WORLD_TEST(whose_time_ran_out_after_a_lost_reply_is_tried_too),
		WORLD_TEST(the_limit_is_told_once_in_an_outage),
		WORLD_TEST(the_end_of_an_outage_is_found_with_nothing_queued),
		WORLD_TEST(an_operator_finds_it_at_once),
		WORLD_TEST(so_does_a_reload),
		WORLD_TEST(what_no_policy_uses_any_more_is_not_probed),
		WORLD_TEST(a_probe_under_way_has_no_time_of_the_past),
		WORLD_TEST(an_error_has_its_time),
		WORLD_TEST(who_asks_is_told_where_a_journal_is_being_sent),
	};

	return WORLD_RUN_TESTS(tests);
}

/*
 * test_operator.c - stopping, reloading, and the operator's hand.
 */
#include "world.h"

static void
on_stopped(void *arg)
{
	((struct world *)arg)->stopped++;
}

static void
a_stop_with_nothing_to_do_is_told_once_from_the_loop(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_start(&w);
	world_settle(&w);
	deliver_stop(w.deliver, 10000, on_stopped, &w);
	assert_int_equal(w.stopped, 0);
	world_pass(&w, 1);
	assert_int_equal(w.stopped, 1);
	world_pass(&w, 20000);
	assert_int_equal(w.stopped, 1);
	world_done(&w);
}

static void
an_idle_connection_says_quit_at_a_stop(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	world_start(&w);
	world_settle(&w);
	deliver_stop(w.deliver, 10000, on_stopped, &w);
	world_settle(&w);
	world_pass(&w, 1);
	assert_int_equal(w.stopped, 1);
	assert_non_null(strstr(buf_text(&w.peer.commands), "|QUIT|"));
	world_done(&w);
}

static void
a_journal_whose_reply_is_awaited_gets_the_grace(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	w.peer.scripts[0].content[0] = NULL;
	world_start(&w);
	world_settle(&w);
	deliver_stop(w.deliver, 10000, on_stopped, &w);
	world_pass(&w, 9000);
	assert_int_equal(w.stopped, 0);
	struct peer_session *s =
		list_entry(list_first(&w.peer.sessions), struct peer_session, node);
	peer_say(s, "250 2.0.0 late\r\n");
	world_settle(&w);
	world_pass(&w, 1);
	assert_string_equal(world_log(&w), "1 delivered attempts=1 250 2.0.0 late\n");
	assert_int_equal(w.stopped, 1);
	world_done(&w);
}

static void
after_the_grace_it_is_uncertain(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	w.peer.scripts[0].content[0] = NULL;
	world_start(&w);
	world_settle(&w);
	deliver_stop(w.deliver, 10000, on_stopped, &w);
	world_pass(&w, 10001);
	world_pass(&w, 1);
	assert_string_equal(
		world_log(&w),
		"1 uncertain attempts=1 the daemon stopped before the reply came\n");
	assert_string_equal(w.spool.rows[0].profile, "profile-4");
	assert_int_equal(w.stopped, 1);
	world_done(&w);
}

static void
what_was_not_sent_yet_is_broken_off_at_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	w.peer.scripts[0].data = NULL;
	world_start(&w);
	world_settle(&w);
	deliver_stop(w.deliver, 10000, on_stopped, &w);
	world_settle(&w);
	world_pass(&w, 1);
	assert_int_equal(w.stopped, 1);
	assert_string_equal(world_log(&w), "");
	assert_int_equal(w.peer.open, 0);
	world_done(&w);
}

static void
nothing_new_is_begun_while_stopping(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	w.peer.scripts[0].content[0] = NULL;
	world_start(&w);
	world_settle(&w);
	deliver_stop(w.deliver, 10000, on_stopped, &w);
	struct fake_row fresh = { .mid = 9,
				  .policy = "DEFAULT",
				  .created_at = w.clock.wall };
	w.spool.accepted(w.spool.accepted_arg, fake_journal(&w.spool, &fresh));
	world_pass(&w, 5000);
	assert_int_equal(w.peer.connections, 1);
	world_done(&w);
}

static void
a_reload_that_changes_the_route_ends_the_back_off(void **state)
{
	struct world w;
	struct err e;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	w.dns.missing = "intake.example";
	world_start(&w);
	world_settle(&w);
	assert_int_equal(world_destination(&w).state, DESTINATION_SUSPENDED);
	/* The same configuration changes nothing. */
	assert_int_equal(deliver_reload(w.deliver, &w.policies, &w.tls, &e), 0);
	world_pass(&w, 1000);
	assert_int_equal(w.dns.queries, 1);
	w.policies.hops[0].host = "127.0.0.1";
	w.policies.controls.tls_name = "intake.example";
	assert_int_equal(deliver_reload(w.deliver, &w.policies, &w.tls, &e), 0);
	world_pass(&w, 1000);
	assert_string_equal(world_log(&w), "1 delivered attempts=1 250 2.0.0 taken\n");
	assert_int_equal(world_destination(&w).state, DESTINATION_UP);
	world_done(&w);
}

static void
a_reload_with_a_ca_file_that_cannot_be_read_changes_nothing(void **state)
{
	struct tls_client_settings broken = { .ca_file = "/nonexistent" };
	struct world w;
	struct err e = { 0 };

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	world_start(&w);
	assert_int_equal(deliver_reload(w.deliver, &w.policies, &broken, &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent"));
	world_settle(&w);
	assert_int_equal(w.spool.outcomes, 1);
	world_done(&w);
}

static void
a_reload_ends_idle_connections_of_the_old_configuration(void **state)
{
	struct world w;
	struct err e;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	world_start(&w);
	world_settle(&w);
	assert_int_equal(w.peer.open, 1);
	assert_int_equal(deliver_reload(w.deliver, &w.policies, &w.tls, &e), 0);
	world_settle(&w);
	assert_int_equal(w.peer.open, 0);
	assert_non_null(strstr(buf_text(&w.peer.commands), "|QUIT|"));
	world_done(&w);
}

static void
deliver_now_probes_at_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 2);
	w.peer.scripts[0].mail = "550 5.7.1 denied\r\n";
	w.peer.scripts[1] = peer_script_good();
	w.peer.n_scripts = 2;
	world_start(&w);
	world_settle(&w);
	assert_int_equal(world_destination(&w).state, DESTINATION_SUSPENDED);
	deliver_now(w.deliver, 2);
	world_pass(&w, 600);
	assert_int_equal(w.spool.outcomes, 2);
	world_done(&w);
}

static void
a_withdrawn_journal_comes_back_when_it_is_released(void **state)
{
	struct world w;
	uint64_t dcid = 0;

	(void)state;
	world_init(&w);
	world_rows(&w, 2);
	w.peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	w.peer.scripts[1] = peer_script_good();
	w.peer.n_scripts = 2;
	world_start(&w);
	world_settle(&w);
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	w.spool.rows[0].state = JOURNAL_HELD;
	deliver_give_back(w.deliver, 1);
	world_pass(&w, 20000);
	assert_string_equal(world_log(&w), "2 delivered attempts=1 250 2.0.0 taken\n");
	w.spool.rows[0].state = JOURNAL_WAITING;
	deliver_look_again(w.deliver);
	world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 2);
	world_done(&w);
}

static void
a_change_that_did_not_happen_does_not_lose_the_journal(void **state)
{
	struct world w;
	uint64_t dcid = 0;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	w.peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	w.peer.scripts[1] = peer_script_good();
	w.peer.n_scripts = 2;
	world_start(&w);
	world_settle(&w);
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	/* The row stays as it was: it is looked for once that is known. */
	for (int i = 0; i < 4; i++)
		world_pass(&w, 10000);
	assert_int_equal(w.spool.outcomes, 0);
	deliver_give_back(w.deliver, 1);
	for (int i = 0; i < 4; i++)
		world_pass(&w, 10000);
	assert_int_equal(w.spool.outcomes, 1);
	world_done(&w);
}

static void
a_row_that_is_read_while_it_is_changed_is_not_sent(void **state)
{
	struct world w;
	uint64_t dcid = 0;

	(void)state;
	world_init(&w);
	world_rows(&w, 2);
	world_start(&w);
	/* Nothing was read yet: it is withdrawn by its MID alone. */
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	for (int i = 0; i < 20; i++)
		world_pass(&w, 1000);
	assert_string_equal(world_log(&w), "2 delivered attempts=1 250 2.0.0 taken\n");
	deliver_look_again(w.deliver);
	for (int i = 0; i < 20; i++)
		world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 1);
	w.spool.rows[0].state = JOURNAL_HELD;
	deliver_give_back(w.deliver, 1);
	for (int i = 0; i < 5; i++)
		world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 1);
	world_done(&w);
}

static void
what_was_read_before_the_change_does_not_count_after_it(void **state)
{
	struct world w;
	uint64_t dcid = 0;

	(void)state;
	world_init(&w);
	world_rows(&w, 2);
	w.spool.is_reader_slow = true;
	world_start(&w);
	world_settle(&w);
	/* It was read as waiting; then it is held; then the answer comes. */
	assert_int_equal(w.spool.n_read, 1);
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	w.spool.rows[0].state = JOURNAL_HELD;
	deliver_give_back(w.deliver, 1);
	world_settle(&w);
	fake_answer(&w.spool);
	for (int i = 0; i < 5; i++)
		world_pass(&w, 1000);
	assert_string_equal(world_log(&w), "2 delivered attempts=1 250 2.0.0 taken\n");
	/* The mark is gone with it. */
	w.spool.rows[0].state = JOURNAL_WAITING;
	deliver_look_again(w.deliver);
	world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 2);
	world_done(&w);
}

static void
a_fresh_journal_that_is_withdrawn_already_is_not_taken(void **state)
{
	struct world w;
	uint64_t dcid = 0;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	world_start(&w);
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	w.spool.accepted(w.spool.accepted_arg, fake_journal(&w.spool, &w.spool.rows[0]));
	world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 0);
	deliver_give_back(w.deliver, 1);
	world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 1);
	world_done(&w);
}

static void
two_changes_of_a_row_end_with_the_second(void **state)
{
	struct world w;
	uint64_t dcid = 0;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	world_start(&w);
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	deliver_give_back(w.deliver, 1);
	for (int i = 0; i < 3; i++)
		world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 0);
	deliver_give_back(w.deliver, 1);
	/* Withdrawn anew before the mark was forgotten. */
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	for (int i = 0; i < 3; i++)
		world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 0);
	deliver_give_back(w.deliver, 1);
	for (int i = 0; i < 3; i++)
		world_pass(&w, 1000);
	assert_int_equal(w.spool.outcomes, 1);
	world_done(&w);
}

static void
a_withdrawn_journal_does_not_expire(void **state)
{
	struct world w;
	uint64_t dcid = 0;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	w.spool.rows[0].created_at -= 300000000;
	w.spool.account.oldest_waiting_at = w.spool.rows[0].created_at;
	world_start(&w);
	assert_false(deliver_withdraw(w.deliver, 1, &dcid));
	for (int i = 0; i < 5; i++)
		world_pass(&w, 60000);
	assert_string_equal(world_log(&w), "");
	deliver_give_back(w.deliver, 1);
	for (int i = 0; i < 3; i++)
		world_pass(&w, 60000);
	assert_int_equal(w.spool.rows[0].state, JOURNAL_DEAD);
	world_done(&w);
}

static void
a_journal_in_flight_cannot_be_withdrawn(void **state)
{
	struct world w;
	uint64_t dcid = 0;

	(void)state;
	world_init(&w);
	world_rows(&w, 1);
	w.peer.scripts[0].content[0] = NULL;
	world_start(&w);
	world_settle(&w);
	assert_true(deliver_withdraw(w.deliver, 1, &dcid));
	assert_int_equal(dcid, 1);
	assert_int_equal(world_destination(&w).in_flight, 1);
	world_done(&w);
}

int
main(void)
{
	const struct log_settings quiet = { .target = LOG_TO_FILE, .path = "/dev/null" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stop_with_nothing_to_do_is_told_once_from_the_loop),
		cmocka_unit_test(an_idle_connection_says_quit_at_a_stop),
		cmocka_unit_test(a_journal_whose_reply_is_awaited_gets_the_grace),
		cmocka_unit_test(after_the_grace_it_is_uncertain),
		cmocka_unit_test(what_was_not_sent_yet_is_broken_off_at_once),
		cmocka_unit_test(nothing_new_is_begun_while_stopping),
		cmocka_unit_test(a_reload_that_changes_the_route_ends_the_back_off),
		cmocka_unit_test(
			a_reload_with_a_ca_file_that_cannot_be_read_changes_nothing),
		cmocka_unit_test(a_reload_ends_idle_connections_of_the_old_configuration),
		cmocka_unit_test(deliver_now_probes_at_once),
		cmocka_unit_test(a_withdrawn_journal_comes_back_when_it_is_released),
		cmocka_unit_test(a_change_that_did_not_happen_does_not_lose_the_journal),
		cmocka_unit_test(a_row_that_is_read_while_it_is_changed_is_not_sent),
		cmocka_unit_test(what_was_read_before_the_change_does_not_count_after_it),
		cmocka_unit_test(a_fresh_journal_that_is_withdrawn_already_is_not_taken),
		cmocka_unit_test(two_changes_of_a_row_end_with_the_second),
		cmocka_unit_test(a_withdrawn_journal_does_not_expire),
		cmocka_unit_test(a_journal_in_flight_cannot_be_withdrawn),
	};
	struct err e;

	if (log_open(&quiet, &e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, world_setup_certificates,
				      world_remove_certificates);
}

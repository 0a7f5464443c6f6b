/*
 * test_scheduling.c - what is sent when: windows, fairness, back-off, recovery, the end
 * of waiting.
 */
#include "world.h"

#define MINUTE 60000

/* The order in which outcomes came, as "1,2,3," of their MIDs. */
static void
order(struct world *w, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (const char *p = world_log(w); *p != '\0' && n < size;
	     p = strchr(p, '\n') + 1)
		n += (size_t)snprintf(text + n, size - n, "%lu,", strtoul(p, NULL, 10));
}

static void
an_outage_costs_a_handful_of_attempts_a_minute_whatever_waits(void **state)
{
	enum { ROWS = 100000 };
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	world_run(w, ROWS);
	assert_int_equal(w->peer.connections,
			 1); /* not one per journal, nor per allowed connection */
	for (int minute = 0; minute < 60; minute++) {
		unsigned before = w->peer.connections;
		for (int second = 0; second < 60; second += 15)
			world_pass(w, 15000);
		assert_in_range(w->peer.connections - before, 0, 4);
	}
	assert_in_range(w->peer.connections, 10,
			20);                   /* 15, 30, 60, 120, 240, then 300 s each */
	assert_string_equal(world_log(w), ""); /* no row was touched */
	assert_in_range(w->spool.fetches, 1, 3); /* nor read again and again */
	/* The intake is back: one probe later everything flows. */
	w->peer.scripts[0] = peer_script_good();
	clock_manual_advance(&w->clock, 330000);
	for (int i = 0; i < 5000 && w->spool.outcomes < 700; i++)
		world_turn(w, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	assert_in_range(w->spool.outcomes, 700, ROWS);
}

static void
the_waits_double_and_recovery_is_one_change(void **state)
{
	static const struct {
		int64_t pass_ms;
		unsigned connections;
	} steps[] = { { 13000, 1 }, { 4000, 2 },  { 26000, 2 },
		      { 8000, 3 },  { 50000, 3 }, { 17000, 4 } };
	struct world *w = *state;

	w->peer.scripts[0].rcpt = "450 4.2.1 busy\r\n";
	world_run(w, 3);
	assert_int_equal(w->peer.connections, 1);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		world_pass(w, steps[i].pass_ms);
		if (w->peer.connections != steps[i].connections)
			fail_msg("step %zu: got %u connections, want %u", i,
				 w->peer.connections, steps[i].connections);
	}
	assert_int_equal(world_destination(w).down_since, NOW);
	w->peer.scripts[0] = peer_script_good();
	world_pass(w, 135000);
	assert_int_equal(w->spool.outcomes, 3);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	assert_int_equal(world_destination(w).down_since, 0);
}

static void
a_suspended_destination_is_probed_at_its_interval(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].mail = "550 5.7.1 denied\r\n";
	world_run(w, 3);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(w->peer.connections, i);
		world_pass(w, 530000);
		assert_int_equal(w->peer.connections, i);
		world_pass(w, 135000);
	}
	assert_string_equal(world_log(w), "");
}

static void
connections_grow_with_success_and_not_beyond_the_concurrency(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 3;
	w->peer.keeps_messages = false;
	world_run(w, 400);
	assert_int_equal(w->spool.outcomes, 400);
	assert_int_equal(w->peer.most_open, 3);
}

static void
connections_grow_while_the_first_reply_is_awaited(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 40);
	assert_int_equal(w->peer.open, 5);
	assert_int_equal(world_destination(w).in_flight, 5);
}

static void
fresh_and_old_journals_take_turns(void **state)
{
	struct world *w = *state;
	char got[256];

	world_rows(w, 6);
	w->policies.controls.concurrency = 1;
	world_start(w);
	/* Both kinds are there before the first connection is ready. */
	world_offer_all(w, 101, 106);
	world_settle(w);
	order(w, got, sizeof(got));
	assert_string_equal(got, "101,1,102,2,103,3,104,4,105,5,106,6,");
}

static void
two_policies_of_one_destination_take_turns(void **state)
{
	struct world *w = *state;
	char got[256];

	world_rows(w, 6);
	for (int i = 3; i < 6; i++)
		w->spool.rows[i].policy = "OTHER";
	w->spool.names[1] = "OTHER";
	w->spool.n_names = 2;
	w->policies.controls.concurrency = 1;
	world_start(w);
	world_settle(w);
	order(w, got, sizeof(got));
	assert_string_equal(got, "1,4,2,5,3,6,");
	assert_non_null(strstr(world_commands(w), "RCPT TO:<other@intake.example>"));
}

static void
what_does_not_fit_into_the_window_is_read_later(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->settings.window = 500;
	world_run(w, 1200);
	/*
	 * All of them were offered as fresh as well, as an acceptance in full swing does.
	 */
	assert_int_equal(w->spool.outcomes, 1200);
	for (size_t i = 0; i < 1200; i++)
		w->spool.rows[i] = (struct fake_row){ .mid = i + 1,
						      .policy = "DEFAULT",
						      .created_at = w->clock.wall };
	/* Another 1200, of new MIDs, and only half a window of them can be kept. */
	for (size_t i = 0; i < 1200; i++) {
		w->spool.rows[i].mid = 5001 + i;
		world_offer(w, 5001 + i);
	}
	world_settle(w);
	world_pass_often(w, 5, 1000);
	assert_int_equal(w->spool.outcomes, 2400);
}

/* Each was offered when it was accepted, and the latest when the intake was back. */
static void
mail_behind_an_outage_does_not_wait_for_all_of_it(void **state)
{
	enum { ROWS = 401, WINDOW = 40 };
	struct world *w = *state;
	char got[8192];
	size_t before = 0;

	w->peer.keeps_messages = false;
	w->settings.window = WINDOW;
	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].content[0] = NULL; /* the first one hangs */
	world_run(w, ROWS);
	world_offer_all(w, 1, ROWS);
	world_settle(w);
	w->peer.scripts[0] = peer_script_good();
	peer_say(world_session(w, 0), "250 2.0.0 taken\r\n");
	world_pass_often(w, 20, 1000);
	assert_int_equal(w->spool.outcomes, ROWS);
	assert_int_equal(w->peer.n_messages_in_all, ROWS);
	order(w, got, sizeof(got));
	const char *latest = strstr(got, ",401,");
	assert_non_null(latest);
	for (const char *p = got; p < latest; p++)
		before += *p == ',';
	assert_in_range(before, 1, 2 * WINDOW);
}

static void
a_row_whose_outcome_is_not_committed_is_not_sent_again(void **state)
{
	struct world *w = *state;

	w->spool.is_slow = true;
	world_run(w, 20);
	assert_int_equal(w->peer.n_messages_in_all, 20);
	/* The due queue still shows all of them, and is read again. */
	for (int i = 0; i < 10; i++) {
		deliver_look_again(w->deliver);
		world_pass(w, MINUTE);
	}
	assert_in_range(w->spool.fetches, 5, 100);
	assert_int_equal(w->peer.n_messages_in_all, 20);
	fake_commit(&w->spool);
	deliver_look_again(w->deliver);
	world_pass(w, MINUTE);
	assert_int_equal(w->peer.n_messages_in_all, 20);
	/* From now on a row that waits is one that waits anew. */
	w->spool.rows[3].state = JOURNAL_WAITING;
	deliver_look_again(w->deliver);
	world_pass(w, MINUTE);
	assert_int_equal(w->peer.n_messages_in_all, 21);
}

static void
a_retry_at_once_waits_until_the_outcome_is_committed(void **state)
{
	struct world *w = *state;

	w->spool.is_slow = true;
	world_run(w, 1);
	deliver_look_again(w->deliver);
	world_pass_often(w, 5, 1000);
	assert_int_equal(w->spool.outcomes, 1);
	fake_commit(&w->spool);
	w->spool.rows[0].state =
		JOURNAL_WAITING; /* by another hand, and nobody says so */
	world_pass_often(w, 5, 1000);
	assert_int_equal(w->spool.outcomes, 2);
}

static void
nor_does_it_wait_for_the_outcomes_of_others(void **state)
{
	struct world *w = *state;

	w->spool.is_slow = true;
	world_run(w, 1);
	deliver_look_again(w->deliver);
	world_pass(w, 1000); /* read, and skipped */
	assert_int_equal(w->spool.outcomes, 1);
	/* From now on there is always an outcome that is not committed yet. */
	world_offer(w, 101);
	world_settle(w);
	fake_commit_first(&w->spool);
	w->spool.rows[0].state = JOURNAL_WAITING;
	for (uint64_t mid = 102; mid <= 104; mid++) {
		world_offer(w, mid);
		world_pass(w, 1000);
	}
	assert_int_equal(w->spool.n_late_outcomes, 5);
	assert_non_null(strstr(world_log(w), "\n1 delivered "));
}

static void
a_soft_bounce_waits_by_its_profile_and_comes_again(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].content[0] = "451 4.3.0 later\r\n";
	world_run(w, 1);
	assert_int_equal(w->spool.outcomes, 1);
	assert_int_equal(w->spool.rows[0].next_at, NOW + MINUTE);
	world_pass(w, 59000);
	assert_int_equal(w->spool.outcomes, 1);
	world_pass(w, 1500);
	assert_int_equal(w->spool.outcomes, 2);
	assert_int_equal(w->spool.rows[0].attempts, 2);
	assert_in_range(w->spool.rows[0].next_at - w->clock.wall, 2 * MINUTE, 2 * MINUTE);
	w->peer.scripts[0] = peer_script_good();
	world_pass_often(w, 3, MINUTE);
	assert_int_equal(w->spool.rows[0].state, JOURNAL_DELIVERED);
	assert_int_equal(w->spool.rows[0].attempts, 3);
}

static void
an_uncertain_journal_comes_again_with_the_same_bytes(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].drop = DROP_AFTER_CONTENT;
	world_run(w, 1);
	assert_int_equal(w->spool.rows[0].state, JOURNAL_UNCERTAIN);
	assert_int_equal(w->spool.rows[0].next_at, NOW + 900000);
	assert_string_equal(w->spool.rows[0].profile, "profile-4");
	/*
	 * The hop offers less by now; the profile of the row wins as long as it can be
	 * carried.
	 */
	w->peer.scripts[0] = peer_script_good();
	w->peer.scripts[0].ehlo_tls = "250-peer\r\n250 PIPELINING\r\n";
	world_pass(w, 890000);
	assert_int_equal(w->peer.n_messages_in_all, 1);
	world_pass(w, 11000);
	assert_int_equal(w->peer.n_messages_in_all, 2);
	assert_true(span_equal(buf_span(&w->peer.messages[0]),
			       buf_span(&w->peer.messages[1])));
	assert_int_equal(w->spool.rows[0].state, JOURNAL_DELIVERED);
}

static void
the_time_in_queue_ends_also_where_nothing_is_sent_any_more(void **state)
{
	enum { ROWS = 900 };
	struct world *w = *state;

	world_rows(w, ROWS);
	w->policies.intakes[0] = NULL;
	/* The last one is the oldest: it waits far behind the window. */
	w->spool.rows[ROWS - 1].created_at = NOW - 259200000 + 5 * MINUTE;
	w->spool.account.oldest_waiting_at = w->spool.rows[ROWS - 1].created_at;
	world_start(w);
	world_pass_often(w, 4, MINUTE);
	assert_string_equal(world_log(w), "");
	world_pass_often(w, 3, MINUTE);
	assert_string_equal(world_log(w),
			    "900 dead attempts=0 reason=expired 000 5.4.7 Delivery "
			    "expired (message too old)\n");
}

static void
a_journal_that_breaks_connections_does_not_block_the_others(void **state)
{
	struct world *w = *state;
	char *p = malloc(16 << 20);

	assert_non_null(p);
	memset(p, 'x', 16 << 20);
	world_rows(w, 3);
	/* Only the first is so large that the peer gives up on it. */
	w->spool.rows[0].body = fake_body(p, 16 << 20);
	free(p);
	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].drop = DROP_IN_CONTENT;
	w->peer.scripts[0].drop_over = 1 << 20;
	world_start(w);
	world_settle(w);
	assert_string_equal(world_log(w), "");
	world_pass(w, 20000); /* it is tried once more, then stands back */
	assert_string_equal(world_log(w), "");
	world_pass(w, 40000);
	static const char others_first[] = "2 delivered attempts=1 250 2.0.0 taken\n"
					   "3 delivered attempts=1 250 2.0.0 taken\n"
					   "1 soft attempts=1 ";
	if (strncmp(world_log(w), others_first, sizeof(others_first) - 1) != 0)
		fail_msg("got %s", world_log(w));
	/* The others went through: this time it is the journal that waits. */
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
}

static void
a_policy_without_an_intake_waits_for_a_better_configuration(void **state)
{
	struct world *w = *state;

	world_rows(w, 2);
	w->policies.intakes[0] = NULL;
	world_start(w);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(w->peer.connections, 0);
	w->policies.intakes[0] = "tenant@intake.example";
	world_reload(w);
	world_settle(w);
	assert_int_equal(w->spool.outcomes, 2);
}

static void
the_next_hop_of_a_route_is_tried_when_the_first_fails(void **state)
{
	struct world *w = *state;

	w->policies.hops[0].host = "missing.example";
	w->policies.hops[1] =
		(struct next_hop){ NEXT_HOP_HOST, "intake.example", 25, true, 10 };
	w->policies.route.n_hops = 2;
	w->dns.missing = "missing.example";
	world_run(w, 1);
	assert_int_equal(w->spool.outcomes, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
}

static void
the_next_address_is_tried_when_the_first_fails(void **state)
{
	struct world *w = *state;
	struct err e;

	w->dns.found.address[1] = w->dns.found.address[0];
	w->dns.found.count = 2;
	/* Nothing listens on this port. */
	assert_int_equal(
		socket_address_parse("127.0.0.1:1", &w->dns.found.address[0], &e), 0);
	world_run(w, 1);
	assert_int_equal(w->spool.outcomes, 1);
}

static void
equal_hops_take_turns(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 1;
	w->policies.controls.messages_per_connection = 1;
	w->policies.hops[1] =
		(struct next_hop){ NEXT_HOP_HOST, "missing.example", 25, true, 0 };
	w->policies.route.n_hops = 2;
	w->dns.missing = "missing.example";
	world_run(w, 4);
	assert_int_equal(w->spool.outcomes, 4);
	/* Every second attempt looked for the missing one first. */
	assert_int_equal(w->dns.queries, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_outage_costs_a_handful_of_attempts_a_minute_whatever_waits),
		WORLD_TEST(the_waits_double_and_recovery_is_one_change),
		WORLD_TEST(a_suspended_destination_is_probed_at_its_interval),
		WORLD_TEST(connections_grow_with_success_and_not_beyond_the_concurrency),
		WORLD_TEST(connections_grow_while_the_first_reply_is_awaited),
		WORLD_TEST(fresh_and_old_journals_take_turns),
		WORLD_TEST(two_policies_of_one_destination_take_turns),
		WORLD_TEST(what_does_not_fit_into_the_window_is_read_later),
		WORLD_TEST(mail_behind_an_outage_does_not_wait_for_all_of_it),
		WORLD_TEST(a_row_whose_outcome_is_not_committed_is_not_sent_again),
		WORLD_TEST(a_retry_at_once_waits_until_the_outcome_is_committed),
		WORLD_TEST(nor_does_it_wait_for_the_outcomes_of_others),
		WORLD_TEST(a_soft_bounce_waits_by_its_profile_and_comes_again),
		WORLD_TEST(an_uncertain_journal_comes_again_with_the_same_bytes),
		WORLD_TEST(the_time_in_queue_ends_also_where_nothing_is_sent_any_more),
		WORLD_TEST(a_journal_that_breaks_connections_does_not_block_the_others),
		WORLD_TEST(a_policy_without_an_intake_waits_for_a_better_configuration),
		WORLD_TEST(the_next_hop_of_a_route_is_tried_when_the_first_fails),
		WORLD_TEST(the_next_address_is_tried_when_the_first_fails),
		WORLD_TEST(equal_hops_take_turns),
	};

	return WORLD_RUN_TESTS(tests);
}

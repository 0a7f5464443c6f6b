/*
 * test_profiles.c - the render profile: recorded before it is used, and used again after
 * a crash.
 */
#include "world.h"

static const char without_8bit[] = "250-peer\r\n250 PIPELINING\r\n"; /* makes profile-0 */

static bool
has_profile(struct world *w, size_t message, const char *profile)
{
	char line[64];

	snprintf(line, sizeof(line), "\r\nProfile: %s\r\n", profile);
	return message < w->peer.n_messages &&
	       strstr(buf_text(&w->peer.messages[message]), line) != NULL;
}

static void
a_new_profile_is_recorded_before_its_first_use(void **state)
{
	struct world *w = *state;

	w->spool.refuses_profiles = true;
	world_run(w, 1);
	/* It could not be recorded, so nothing was sent. */
	assert_int_equal(w->spool.profiles_set, 1);
	assert_null(strstr(world_commands(w), "MAIL"));
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	assert_non_null(
		strstr(world_destination(w).last_error, "profile could not be recorded"));
	w->spool.refuses_profiles = false;
	world_pass(w, 20000);
	assert_string_equal(w->spool.destination_profile, "profile-4");
	assert_true(has_profile(w, 0, "profile-4"));
}

static void
a_known_profile_is_not_recorded_again(void **state)
{
	struct world *w = *state;

	w->spool.destination_profile = strdup("profile-4");
	world_run(w, 1);
	assert_int_equal(w->spool.profiles_set, 0);
	assert_int_equal(w->spool.outcomes, 1);
}

static void
what_may_have_been_in_flight_is_sent_with_the_profile_of_then(void **state)
{
	struct world *w = *state;

	w->spool.destination_profile = strdup("profile-of-then");
	fake_crash(&w->spool, 2);
	w->policies.controls.concurrency = 1;
	world_run(w, 3);
	assert_int_equal(w->spool.outcomes, 3);
	assert_true(has_profile(w, 0, "profile-of-then"));
	assert_true(has_profile(w, 1, "profile-of-then"));
	assert_true(has_profile(w, 2, "profile-4"));
}

static void
a_profile_that_is_not_known_any_more_gives_way(void **state)
{
	struct world *w = *state;

	world_rows(w, 1);
	w->spool.rows[0].state = JOURNAL_UNCERTAIN;
	w->spool.rows[0].profile = strdup("profile-unknown");
	w->content.unknown = "profile-unknown";
	world_start(w);
	world_settle(w);
	assert_true(has_profile(w, 0, "profile-4"));
}

static void
a_profile_that_finds_no_memory_now_does_not(void **state)
{
	struct world *w = *state;

	world_rows(w, 1);
	w->spool.rows[0].state = JOURNAL_UNCERTAIN;
	w->spool.rows[0].profile = strdup("profile-of-then");
	w->content.failures = 1;
	world_start(w);
	world_settle(w);
	assert_int_equal(w->spool.outcomes, 0);
	world_pass(w, 1500);
	assert_int_equal(w->spool.outcomes, 1);
	assert_true(has_profile(w, 0, "profile-of-then"));
}

static void
a_profile_that_the_hop_cannot_carry_gives_way(void **state)
{
	struct world *w = *state;

	world_rows(w, 1);
	w->spool.rows[0].state = JOURNAL_UNCERTAIN;
	w->spool.rows[0].profile = strdup("profile-earlier");
	w->peer.scripts[0].ehlo_tls = without_8bit;
	w->content.body = SMTP_BODY_8BITMIME; /* of any profile, here */
	world_start(w);
	world_settle(w);
	assert_true(has_profile(w, 0, "profile-0"));
}

/* Also when it is the one that we would use anyway: the hop may change until then. */
static void
a_retry_after_a_crash_keeps_the_profile_over_a_restart(void **state)
{
	struct world *w = *state;

	w->spool.destination_profile = strdup("profile-4");
	fake_crash(&w->spool, 1);
	w->peer.scripts[0].content[0] = "451 4.3.0 later\r\n";
	peer_script_then(&w->peer)->ehlo_tls = without_8bit;
	world_run(w, 1);
	assert_int_equal(w->spool.outcomes, 1);
	deliver_free(w->deliver);
	fake_forget_crashes(&w->spool); /* it ended in order */
	world_start(w);
	world_pass(w, 61000);
	assert_int_equal(w->spool.rows[0].state, JOURNAL_DELIVERED);
	assert_true(has_profile(w, 0, "profile-4"));
	assert_true(has_profile(w, 1, "profile-4"));
}

static void
two_profiles_are_never_in_flight_together(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 2;
	peer_script_then(&w->peer)->ehlo_tls = without_8bit;
	/* The first connection's journal is not answered: it is in flight all the while. */
	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 24);
	assert_int_equal(w->peer.connections, 2);
	assert_int_equal(w->peer.n_messages_in_all, 1);
	assert_string_equal(w->spool.destination_profile, "profile-4");
	assert_int_equal(w->spool.profiles_set, 1);
	/* Its reply comes, and the other hop has its turn. */
	w->peer.scripts[0] = peer_script_good();
	world_say(w, 0, "250 2.0.0 taken\r\n");
	assert_int_equal(w->spool.outcomes, 24);
	assert_in_range(w->spool.profiles_set, 2, 40);
	assert_true(has_profile(w, 0, "profile-4"));
	assert_true(has_profile(w, 1, "profile-0"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_new_profile_is_recorded_before_its_first_use),
		WORLD_TEST(a_known_profile_is_not_recorded_again),
		WORLD_TEST(what_may_have_been_in_flight_is_sent_with_the_profile_of_then),
		WORLD_TEST(a_profile_that_is_not_known_any_more_gives_way),
		WORLD_TEST(a_profile_that_finds_no_memory_now_does_not),
		WORLD_TEST(a_profile_that_the_hop_cannot_carry_gives_way),
		WORLD_TEST(a_retry_after_a_crash_keeps_the_profile_over_a_restart),
		WORLD_TEST(two_profiles_are_never_in_flight_together),
	};

	return WORLD_RUN_TESTS(tests);
}

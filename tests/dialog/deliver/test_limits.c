/*
 * test_limits.c - what a slow peer, many policies and a disk that refuses cannot do.
 */
#include "world.h"

#define SECOND 1000

/* Says the bytes one by one, each after ten seconds. Returns how many it could say. */
static size_t
drip(struct world *w, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char byte[] = { bytes[i], '\0' };
		if (w->peer.open == 0)
			return i;
		peer_say(world_session(w, 0), byte);
		world_pass(w, 10 * SECOND);
	}
	return n;
}

static void
a_reply_that_drips_is_no_reply_in_time(void **state)
{
	char line[100] = "250-";
	struct world *w = *state;

	memset(line + 4, 'x', sizeof(line) - 4);
	w->peer.scripts[0].ehlo_tls = "250 peer\r\n";
	w->peer.scripts[0].mail = NULL;
	world_run(w, 1);
	assert_in_range(drip(w, line, sizeof(line)), 29, 31); /* five minutes */
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	assert_non_null(
		strstr(world_destination(w).last_error, "no reply in time to MAIL"));
}

static void
whole_replies_have_their_time_each(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].ehlo_tls = "250 peer\r\n";
	w->peer.scripts[0].mail = w->peer.scripts[0].rcpt = NULL;
	world_run(w, 1);
	for (int i = 0; i < 2; i++) {
		world_pass(w, 290 * SECOND);
		assert_int_equal(w->peer.open, 1);
		world_say(w, 0, "250 2.1.0 ok\r\n");
	}
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n");
}

static void
no_policy_is_one_too_many(void **state)
{
	static char names[FAKE_NAMES_MAX][16];
	struct world *w = *state;

	world_rows(w, FAKE_NAMES_MAX);
	w->spool.n_names = FAKE_NAMES_MAX;
	for (size_t i = 0; i < FAKE_NAMES_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "policy-%zu", i);
		w->spool.names[i] = w->spool.rows[i].policy = names[i];
	}
	w->peer.keeps_messages = false;
	world_start(w);
	world_settle(w);
	assert_int_equal(w->spool.outcomes, FAKE_NAMES_MAX);
}

/* A crash would send all again whose outcome waits in memory alone. */
static void
deliveries_wait_for_outcomes_that_cannot_be_recorded(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->spool.is_slow = true;
	world_run(w, 6000);
	world_pass_often(w, 10, SECOND);
	assert_in_range(w->spool.outcomes, 1900, 2100);
	assert_in_range(w->peer.n_messages_in_all, 1900, 2100);
	w->spool.is_slow = false;
	fake_commit(&w->spool);
	world_pass_often(w, 20, SECOND);
	assert_int_equal(w->spool.outcomes, 6000);
	assert_int_equal(w->peer.n_messages_in_all, 6000);
}

static void
nor_is_a_backlog_dropped_meanwhile(void **state)
{
	struct world *w = *state;

	world_rows(w, 6000);
	w->policies.hops[0].kind = NEXT_HOP_DEV_NULL;
	w->spool.is_slow = true;
	world_start(w);
	world_pass_often(w, 10, SECOND);
	assert_in_range(w->spool.outcomes, 1900, 2100);
}

static void
a_troubled_spool_is_sent_for_no_more_than_what_is_on_its_way(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->spool.is_slow = w->spool.is_troubled = true;
	world_run(w, 300);
	world_pass_often(w, 10, SECOND);
	assert_in_range(w->peer.n_messages_in_all, 1, 5); /* the concurrency */
	w->spool.is_slow = w->spool.is_troubled = false;
	fake_commit(&w->spool);
	world_pass_often(w, 3, SECOND);
	assert_int_equal(w->peer.n_messages_in_all, 300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_reply_that_drips_is_no_reply_in_time),
		WORLD_TEST(whole_replies_have_their_time_each),
		WORLD_TEST(no_policy_is_one_too_many),
		WORLD_TEST(deliveries_wait_for_outcomes_that_cannot_be_recorded),
		WORLD_TEST(nor_is_a_backlog_dropped_meanwhile),
		WORLD_TEST(a_troubled_spool_is_sent_for_no_more_than_what_is_on_its_way),
	};

	return WORLD_RUN_TESTS(tests);
}

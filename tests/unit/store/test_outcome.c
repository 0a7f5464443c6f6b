/*
 * test_outcome.c - what each outcome makes of a row, and when it is on disk.
 */
#include "spool_fixture.h"

static const struct {
	const char *name;
	enum outcome_kind kind;
	bool is_there;
	enum journal_state state;
	bool has_next, has_profile, is_ended;
} outcomes[] = {
	{ "delivered goes at once", OUTCOME_DELIVERED, false, JOURNAL_DELIVERED, false,
	  false, false },
	{ "a soft bounce waits", OUTCOME_SOFT, true, JOURNAL_WAITING, true, false,
	  false },
	{ "uncertain keeps its profile", OUTCOME_UNCERTAIN, true, JOURNAL_UNCERTAIN, true,
	  true, false },
	{ "a dead letter stays", OUTCOME_DEAD, true, JOURNAL_DEAD, false, false, true },
	{ "held stays", OUTCOME_HELD, true, JOURNAL_HELD, false, false, false },
	{ "quarantined stays", OUTCOME_QUARANTINED, true, JOURNAL_QUARANTINED, false,
	  false, false },
	{ "dropped goes", OUTCOME_DROPPED, false, JOURNAL_DELIVERED, false, false,
	  false },
};

static void
outcomes_move_rows(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		const char *name = outcomes[i].name;
		uint64_t mid = accept_one(&f, "DEFAULT", i, 50);
		record(&f, outcomes[i].kind, mid);
		assert_account(&f, name);
		struct spool_journal *j = fetch_one(&f, mid);
		if ((j != NULL) != outcomes[i].is_there)
			fail_msg("%s: the row is %s", name, j != NULL ? "there" : "gone");
		if (j == NULL)
			continue;
		if (j->state != outcomes[i].state)
			fail_msg("%s: got %s", name, journal_state_name(j->state));
		if (j->attempts != 1 || strcmp(j->last_reply, "250 2.0.0 fine") != 0 ||
		    strcmp(j->tls, "TLSv1.3") != 0 ||
		    strcmp(j->destination, "intake.example") != 0)
			fail_msg("%s: the evidence of the attempt is not there", name);
		if ((j->next_at == T0 + 60000) != outcomes[i].has_next ||
		    (j->profile != NULL) != outcomes[i].has_profile ||
		    (j->ended_at == T0) != outcomes[i].is_ended)
			fail_msg("%s: next_at %" PRId64 ", profile %s, ended_at %" PRId64,
				 name, j->next_at, j->profile == NULL ? "-" : j->profile,
				 j->ended_at);
	}
	fixture_done(&f);
}

static void
an_outcome_leaves_a_row_alone_that_is_no_longer_its_own(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t mid = accept_one(&f, "DEFAULT", 1, 50);
	assert_int_equal(change(&f, CHANGE_HOLD, mid), 1);
	record(&f, OUTCOME_SOFT, mid); /* what wins over held is in test_change.c */
	record(&f, OUTCOME_DEAD, mid);
	record(&f, OUTCOME_DELIVERED, 123456789); /* no such row */
	assert_int_equal(spool_outcomes_recorded(f.sp), 3);
	assert_account(&f, "outcomes of a held row");
	assert_int_equal(spool_outcomes_committed(f.sp), 3);
	assert_int_equal(fetch_one(&f, mid)->state, JOURNAL_HELD);
	fixture_done(&f);
}

static void
an_uncertain_row_keeps_its_bytes_through_a_soft_bounce(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t mid = accept_one(&f, "DEFAULT", 1, 50);
	record(&f, OUTCOME_UNCERTAIN, mid);
	record(&f, OUTCOME_SOFT, mid);
	settle(&f);
	struct spool_journal *j = fetch_one(&f, mid);
	assert_int_equal(j->state, JOURNAL_WAITING);
	assert_string_equal(j->profile, "journal;1");
	fixture_done(&f);
}

static void
an_outcome_is_synced_within_a_second(void **state)
{
	struct fixture f;
	struct spool_status s;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	record(&f, OUTCOME_SOFT, accept_one(&f, "DEFAULT", 1, 50));
	AWAIT(&f, (spool_status(f.sp, &s), s.unsynced_outcomes == 1));
	int64_t since = now_ms();
	AWAIT(&f, (spool_status(f.sp, &s), s.unsynced_outcomes == 0));
	assert_true(now_ms() - since < 1500);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_move_rows),
		cmocka_unit_test(an_outcome_leaves_a_row_alone_that_is_no_longer_its_own),
		cmocka_unit_test(an_uncertain_row_keeps_its_bytes_through_a_soft_bounce),
		cmocka_unit_test(an_outcome_is_synced_within_a_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

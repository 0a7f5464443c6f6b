/*
 * test_outcome.c - what each outcome makes of a row, and when it is on disk.
 */
#include "spool_fixture.h"

#include "tdc/base/counter.h"

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

/* Quarantined is counted by what it makes of a row: once, and of none that is not its own. */
static const struct {
	const char *name;
	enum outcome_kind before; /* of the same row */
	bool is_held, is_nobodys;
	unsigned times;
	uint64_t want;
} quarantines[] = {
	{ "a row that waits", OUTCOME_SOFT, false, false, 1, 1 },
	{ "a row that is uncertain", OUTCOME_UNCERTAIN, false, false, 1, 1 },
	{ "the same row twice", OUTCOME_SOFT, false, false, 2, 1 },
	{ "a row that is held meanwhile", OUTCOME_SOFT, true, false, 1, 0 },
	{ "a row that is dead by now", OUTCOME_DEAD, false, false, 1, 0 },
	{ "a row that is gone", OUTCOME_DELIVERED, false, false, 1, 0 },
	{ "a row that never was", OUTCOME_SOFT, false, true, 1, 0 },
};

static void
what_is_quarantined_is_counted_once(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < sizeof(quarantines) / sizeof(quarantines[0]); i++) {
		const char *name = quarantines[i].name;
		uint64_t mid = accept_one(&f, "DEFAULT", i, 50);
		record(&f, quarantines[i].before, mid);
		settle(&f);
		if (quarantines[i].is_held)
			assert_int_equal(change(&f, CHANGE_HOLD, mid), 1);
		uint64_t counted = counter_get(COUNTER_QUARANTINED);
		uint64_t rows = count_state(&f, JOURNAL_QUARANTINED);
		for (unsigned k = 0; k < quarantines[i].times; k++)
			record(&f, OUTCOME_QUARANTINED,
			       quarantines[i].is_nobodys ? 123456789 : mid);
		rows = count_state(&f, JOURNAL_QUARANTINED) - rows;
		counted = counter_get(COUNTER_QUARANTINED) - counted;
		if (rows != quarantines[i].want || counted != quarantines[i].want)
			fail_msg("%s: got %" PRIu64 " rows and %" PRIu64
				 " counted, want %" PRIu64,
				 name, rows, counted, quarantines[i].want);
	}
	assert_account(&f, "quarantined");
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

/* When: see the times that the store thread sleeps, in test_refused.c. */
static void
an_outcome_is_synced_though_nothing_follows(void **state)
{
	struct fixture f;
	struct spool_status s;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	record(&f, OUTCOME_SOFT, accept_one(&f, "DEFAULT", 1, 50));
	AWAIT(&f, (spool_status(f.sp, &s), s.unsynced_outcomes == 1));
	AWAIT(&f, (spool_status(f.sp, &s), s.unsynced_outcomes == 0));
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_move_rows),
		cmocka_unit_test(an_outcome_leaves_a_row_alone_that_is_no_longer_its_own),
		cmocka_unit_test(what_is_quarantined_is_counted_once),
		cmocka_unit_test(an_uncertain_row_keeps_its_bytes_through_a_soft_bounce),
		cmocka_unit_test(an_outcome_is_synced_though_nothing_follows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

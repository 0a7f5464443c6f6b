/*
 * test_change.c - the operator's changes of rows, one or all.
 */
#include "many_rows.h"

/* Brings one fresh row into a state. */
static uint64_t
row_in_state(struct fixture *f, enum journal_state s)
{
	static const enum outcome_kind ways[JOURNAL_STATE_COUNT] = {
		[JOURNAL_WAITING] = OUTCOME_SOFT,
		[JOURNAL_UNCERTAIN] = OUTCOME_UNCERTAIN,
		[JOURNAL_HELD] = OUTCOME_HELD,
		[JOURNAL_DELIVERED] = OUTCOME_DELIVERED,
		[JOURNAL_DEAD] = OUTCOME_DEAD,
		[JOURNAL_QUARANTINED] = OUTCOME_QUARANTINED,
	};
	uint64_t mid = accept_one(f, "DEFAULT", 1, 100);
	record(f, ways[s], mid);
	settle(f);
	assert_int_equal(fetch_one(f, mid)->state, s);
	return mid;
}

static uint64_t
change_in(struct fixture *f, enum spool_change what, unsigned states, uint64_t mid)
{
	f->is_answered = false;
	spool_change_in(f->sp, what, states, mid, on_changed, f);
	AWAIT(f, f->is_answered);
	return f->changed;
}

enum { GONE = JOURNAL_STATE_COUNT, NO = JOURNAL_STATE_COUNT + 1 };

/* What becomes of a row in each state; NO: refused, and the row stays as it is. */
static const struct {
	const char *name;
	enum spool_change what;
	/* waiting, uncertain, held, delivered, dead, quarantined */
	unsigned after[JOURNAL_STATE_COUNT];
} changes[] = {
	{ "hold", CHANGE_HOLD, { JOURNAL_HELD, JOURNAL_HELD, NO, NO, NO, NO } },
	{ "release", CHANGE_RELEASE, { NO, NO, JOURNAL_WAITING, NO, NO, NO } },
	{ "retry dead", CHANGE_RETRY_DEAD, { NO, NO, NO, NO, JOURNAL_WAITING, NO } },
	{ "delete", CHANGE_DELETE, { GONE, GONE, GONE, NO, GONE, GONE } },
	{ "due now",
	  CHANGE_DUE_NOW,
	  { JOURNAL_WAITING, JOURNAL_UNCERTAIN, NO, NO, NO, NO } },
	{ "retry quarantined",
	  CHANGE_RETRY_QUARANTINED,
	  { NO, NO, NO, NO, NO, JOURNAL_WAITING } },
};

static void
check_change(struct fixture *f, size_t i, enum journal_state from)
{
	char row[96];
	unsigned want = changes[i].after[from];
	uint64_t mid = row_in_state(f, from);

	clock_manual_advance(&f->clock, 5);
	snprintf(row, sizeof(row), "%s of a row that is %s", changes[i].name,
		 journal_state_name(from));
	uint64_t changed = change(f, changes[i].what, mid);
	if (changed != (want == NO ? 0u : 1u) ||
	    (f->error.kind == ERR_NONE) != (want != NO))
		fail_msg("%s: changed %" PRIu64 ", error %s", row, changed,
			 err_kind_name(f->error.kind));
	struct spool_journal *j = fetch_one(f, mid);
	if ((j == NULL) != (want == GONE))
		fail_msg("%s: the row is %s", row, j == NULL ? "gone" : "there");
	if (j != NULL && j->state != (want == NO ? from : want))
		fail_msg("%s: now %s", row, journal_state_name(j->state));
	if (want < GONE && j->next_at != 0)
		fail_msg("%s: next_at is %" PRId64 ", want 0", row, j->next_at);
	if (want == JOURNAL_WAITING && from != JOURNAL_WAITING &&
	    (j->attempts != 0 || j->created_at != f->clock.wall || j->reason != NULL))
		fail_msg("%s: its time did not start anew", row);
	assert_account(f, row);
}

static void
every_change_of_every_state(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.settings.retention_ms = 3600000; /* so that a delivered row is there */
	open_spool(&f);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		for (int s = 0; s < JOURNAL_STATE_COUNT; s++) {
			clock_manual_advance(&f.clock, 10);
			check_change(&f, i, (enum journal_state)s);
		}
	fixture_done(&f);
}

/* What may have arrived once is only ever sent again as the same bytes. */
static void
no_change_takes_the_profile_of_an_uncertain_row(void **state)
{
	static const enum spool_change walk[] = { CHANGE_DUE_NOW, CHANGE_HOLD,
						  CHANGE_RELEASE };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t mid = row_in_state(&f, JOURNAL_UNCERTAIN);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(change(&f, walk[i], mid), 1);
		const struct spool_journal *j = fetch_one(&f, mid);
		if (j->profile == NULL || strcmp(j->profile, "journal;1") != 0)
			fail_msg("change %zu: profile %s", i,
				 j->profile == NULL ? "lost" : j->profile);
	}
	record(&f, OUTCOME_DEAD, mid);
	settle(&f);
	assert_int_equal(change(&f, CHANGE_RETRY_DEAD, mid), 1);
	assert_string_equal(fetch_one(&f, mid)->profile, "journal;1");
	fixture_done(&f);
}

/* What the configuration holds would be held at once again: a release says otherwise. */
static void
a_released_row_is_marked_until_it_is_held_anew(void **state)
{
	static const struct {
		enum spool_change what;
		bool want;
	} walk[] = { { CHANGE_RELEASE, true },
		     { CHANGE_HOLD, false },
		     { CHANGE_RELEASE, true },
		     { CHANGE_DUE_NOW, true } };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t mid = row_in_state(&f, JOURNAL_HELD);
	assert_false(fetch_one(&f, mid)->is_released);
	for (size_t i = 0; i < sizeof(walk) / sizeof(walk[0]); i++) {
		change(&f, walk[i].what, mid);
		if (fetch_one(&f, mid)->is_released != walk[i].want)
			fail_msg("change %zu: want %d", i, walk[i].want);
	}
	/* As the scheduler gets it, also after a soft bounce and a restart. */
	record(&f, OUTCOME_SOFT, mid);
	settle(&f);
	close_spool(&f);
	open_spool(&f);
	clock_manual_advance(&f.clock, 3600000);
	fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 10, 1u << 20);
	assert_int_equal(f.n_rows, 1);
	assert_true(f.rows[0]->is_released);
	record(&f, OUTCOME_DEAD, mid);
	settle(&f);
	assert_int_equal(change(&f, CHANGE_RETRY_DEAD, mid), 1);
	assert_true(fetch_one(&f, mid)->is_released);
	fixture_done(&f);
}

static void
a_change_of_nobody_is_not_found(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_int_equal(change(&f, CHANGE_DELETE, 4711), 0);
	assert_int_equal(f.error.kind, ERR_NOT_FOUND);
	assert_int_equal(change(&f, CHANGE_RELEASE, 0), 0); /* all of none */
	assert_int_equal(f.error.kind, ERR_NONE);
	fixture_done(&f);
}

static void
a_change_of_all_is_done_in_steps(void **state)
{
	struct fixture f;
	enum { MANY = 5600 };

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	make_many(&f, MANY);
	assert_account(&f, "as made");
	/* Mail goes on meanwhile: an acceptance is not made to wait for all of it. */
	f.is_answered = false;
	spool_change(f.sp, CHANGE_HOLD, 0, on_changed, &f);
	accept_one(&f, "other", 2, 100);
	bool was_first = !f.is_answered;
	AWAIT(&f, f.is_answered);
	assert_true(was_first);
	assert_int_equal(f.changed, MANY - MANY / 3 + 1);
	assert_account(&f, "all held");
	/* What was accepted after the call is not meant by it. */
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_WAITING], 1);
	assert_int_equal(change(&f, CHANGE_RELEASE, 0), MANY + 1);
	assert_account(&f, "all released");
	assert_int_equal(change(&f, CHANGE_DELETE, 0), MANY + 2);
	assert_account(&f, "all deleted");
	assert_int_equal(spool_account(f.sp)->deleted, MANY + 2);
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM journal"), 0);
	assert_int_equal(ask(&f, "SELECT count(*) FROM body"), 0);
	fixture_done(&f);
}

struct lock { /* what keeps the store thread from its first step */
	sqlite3 *other;
	struct spool *sp;
};

static void *
let_go(void *arg)
{
	struct lock *l = arg;

	while (!atomic_load(&l->sp->writer.is_stopping))
		usleep(1000);
	sqlite3_exec(l->other, "ROLLBACK", NULL, NULL, NULL);
	return NULL;
}

static void
a_change_of_all_does_not_hold_up_the_stop(void **state)
{
	enum { MANY = 5600 };
	struct fixture f;
	struct lock l;
	pthread_t thread;
	char path[320];

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	make_many(&f, MANY);
	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f.directory);
	assert_int_equal(sqlite3_open(path, &l.other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(l.other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
			 SQLITE_OK);
	l.sp = f.sp;
	assert_int_equal(pthread_create(&thread, NULL, let_go, &l), 0);
	f.is_answered = false;
	spool_change(f.sp, CHANGE_HOLD, 0, on_changed, &f);
	close_spool(&f);
	pthread_join(thread, NULL);
	sqlite3_close(l.other);
	assert_true(f.is_answered);
	assert_int_equal(f.error.kind, ERR_SHUTDOWN);
	assert_in_range(f.changed, 1, MANY / 2);
	open_spool(&f);
	/* It is known how far it came. */
	assert_true(f.recovery.was_clean);
	assert_int_equal(f.recovery.held, MANY / 3 + f.changed);
	assert_account(&f, "in the midst of it");
	fixture_done(&f);
}

static void
delete_all_takes_every_state_but_delivered(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.settings.retention_ms = 3600000;
	open_spool(&f);
	for (int round = 0; round < 3; round++)
		for (int s = 0; s < JOURNAL_STATE_COUNT; s++)
			row_in_state(&f, (enum journal_state)s);
	assert_int_equal(change(&f, CHANGE_DELETE, 0), 3 * (JOURNAL_STATE_COUNT - 1));
	assert_account(&f, "deleted");
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM journal"), 3);
	fixture_done(&f);
}

/* A row that left the state that was meant is somebody else's by now. */
static void
a_change_in_some_states_leaves_the_others_alone(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.settings.retention_ms = 3600000;
	open_spool(&f);
	for (int s = 0; s < JOURNAL_STATE_COUNT; s++) {
		uint64_t mid = row_in_state(&f, (enum journal_state)s);
		unsigned others = ~(1u << s);
		if (s != JOURNAL_DELIVERED &&
		    change_in(&f, CHANGE_DELETE, others, mid) != 0)
			fail_msg("%s: deleted as something else",
				 journal_state_name((enum journal_state)s));
		if (s != JOURNAL_DELIVERED)
			assert_int_equal(f.error.kind, ERR_REFUSED);
		assert_non_null(fetch_one(&f, mid));
	}
	unsigned meant = 1u << JOURNAL_UNCERTAIN | 1u << JOURNAL_QUARANTINED;
	assert_int_equal(change_in(&f, CHANGE_DELETE, meant, 0), 2);
	assert_account(&f, "two of six");
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_WAITING], 1);
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_DEAD], 1);
	assert_int_equal(change_in(&f, CHANGE_DELETE, 1u << JOURNAL_DEAD, 0), 1);
	assert_account(&f, "one more");
	fixture_done(&f);
}

/* -- an outcome that comes after the operator's hand -- */

static const struct {
	const char *name;
	enum outcome_kind kind;
	int64_t retention;
	unsigned want;
	bool has_profile;
} late[] = {
	{ "delivered while it was being held", OUTCOME_DELIVERED, 0, GONE, false },
	{ "delivered, and rows are retained", OUTCOME_DELIVERED, 1000000000,
	  JOURNAL_DELIVERED, false },
	{ "it may have arrived: held, with its profile", OUTCOME_UNCERTAIN, 0,
	  JOURNAL_HELD, true },
	{ "a soft bounce changes nothing", OUTCOME_SOFT, 0, JOURNAL_HELD, false },
	{ "neither does a hard one", OUTCOME_DEAD, 0, JOURNAL_HELD, false },
	{ "nor one that is dropped", OUTCOME_DROPPED, 0, JOURNAL_HELD, false },
};

static void
what_was_delivered_while_it_was_held_is_delivered(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		struct fixture f;

		fixture_init(&f);
		f.settings.retention_ms = late[i].retention;
		open_spool(&f);
		uint64_t mid = accept_one(&f, "DEFAULT", 1, 100);
		assert_int_equal(change(&f, CHANGE_HOLD, mid), 1);
		record(&f, late[i].kind, mid);
		assert_account(&f, late[i].name);
		struct spool_journal *j = fetch_one(&f, mid);
		unsigned got = j == NULL ? GONE : j->state;
		if (got != late[i].want)
			fail_msg("%s: got state %u, want %u", late[i].name, got,
				 late[i].want);
		if (j != NULL && (j->profile != NULL) != late[i].has_profile)
			fail_msg("%s: profile %s", late[i].name,
				 j->profile == NULL ? "lost" : j->profile);
		bool is_delivered = late[i].kind == OUTCOME_DELIVERED;
		const struct spool_account *a = spool_account(f.sp);
		assert_int_equal(a->state[JOURNAL_DELIVERED], is_delivered);
		assert_int_equal(a->state[JOURNAL_HELD], !is_delivered);
		assert_int_equal(a->deleted, 0);
		/* And never again. */
		assert_int_equal(change(&f, CHANGE_RELEASE, 0), !is_delivered);
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_of_every_state),
		cmocka_unit_test(no_change_takes_the_profile_of_an_uncertain_row),
		cmocka_unit_test(a_released_row_is_marked_until_it_is_held_anew),
		cmocka_unit_test(a_change_of_nobody_is_not_found),
		cmocka_unit_test(a_change_of_all_is_done_in_steps),
		cmocka_unit_test(a_change_of_all_does_not_hold_up_the_stop),
		cmocka_unit_test(delete_all_takes_every_state_but_delivered),
		cmocka_unit_test(a_change_in_some_states_leaves_the_others_alone),
		cmocka_unit_test(what_was_delivered_while_it_was_held_is_delivered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_refused.c - rows that the database will not change: each is an end for itself, and
 * for nothing else.
 *
 * Triggers make the database say no.
 */
#include "many_rows.h"

#include "tdc/base/counter.h"

static uint64_t
refused_rows(struct fixture *f)
{
	struct spool_status s;

	spool_status(f->sp, &s);
	return s.refused_rows;
}

/* Two rows; the database refuses to let go of, or to change, the second. */
static uint64_t
begin(struct fixture *f)
{
	char sql[512];

	fixture_init(f);
	open_spool(f);
	accept_one(f, "DEFAULT", 1, 200);
	uint64_t mid = accept_one(f, "DEFAULT", 2, 200);
	close_spool(f);
	snprintf(sql, sizeof(sql),
		 "CREATE TRIGGER no_end BEFORE DELETE ON journal WHEN OLD.mid = %" PRIu64
		 " BEGIN SELECT RAISE(ABORT, 'no'); END;"
		 "CREATE TRIGGER no_change BEFORE UPDATE ON journal WHEN OLD.mid = "
		 "%" PRIu64 " BEGIN SELECT RAISE(ABORT, 'no'); END",
		 mid, mid);
	tamper(f, sql);
	return mid;
}

static void
await_outcomes(struct fixture *f)
{
	AWAIT(f, spool_outcomes_committed(f->sp) == spool_outcomes_recorded(f->sp));
}

static const struct {
	const char *name;
	unsigned n; /* outcomes in the batch, the refused one last */
	enum outcome_kind kind;
} outcomes[] = {
	{ "a delivery among others", 2, OUTCOME_DELIVERED },
	{ "a delivery alone", 1, OUTCOME_DELIVERED },
	{ "a soft bounce alone", 1, OUTCOME_SOFT },
};

static void
a_row_whose_outcome_is_refused_is_not_sent_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		const char *name = outcomes[i].name;
		struct fixture f;
		uint64_t counted = counter_get(COUNTER_QUARANTINED);

		uint64_t mid = begin(&f);
		open_spool(&f);
		fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 10, 1u << 20);
		assert_int_equal(f.n_rows, 2);
		if (outcomes[i].n == 2)
			record(&f, outcomes[i].kind, f.rows[0]->mid);
		record(&f, outcomes[i].kind, mid);
		await_outcomes(&f);
		fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 10, 1u << 20);
		for (size_t k = 0; k < f.n_rows; k++)
			if (f.rows[k]->mid == mid)
				fail_msg("%s: it would be sent again", name);
		assert_int_equal(f.n_rows, 2 - outcomes[i].n);
		if (refused_rows(&f) != 1)
			fail_msg("%s: got %" PRIu64 " refused rows, want 1", name,
				 refused_rows(&f));
		assert_int_equal(counter_get(COUNTER_QUARANTINED), counted + 1);
		/* It is shown as what it is in the database. */
		assert_non_null(fetch_one(&f, mid));
		assert_account(&f, name);
		close_spool(&f);
		open_spool(&f);
		assert_int_equal(refused_rows(&f), 0);
		assert_non_null(fetch_one(&f, mid));
		fixture_done(&f);
	}
}

static void
a_damaged_row_that_cannot_be_quarantined_is_left_out(void **state)
{
	struct fixture f;
	char sql[256];
	uint64_t counted = counter_get(COUNTER_QUARANTINED);

	(void)state;
	uint64_t mid = begin(&f);
	snprintf(sql, sizeof(sql),
		 "UPDATE message SET recipients = 'x' WHERE mid = (SELECT message FROM "
		 "journal WHERE mid = %" PRIu64 ")",
		 mid);
	tamper(&f, sql);
	open_spool(&f);
	for (int i = 0; i < 3; i++) {
		fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 10, 1u << 20);
		assert_int_equal(f.n_rows, 1);
		AWAIT(&f, refused_rows(&f) == 1);
	}
	assert_int_equal(counter_get(COUNTER_QUARANTINED), counted + 1);
	assert_account(&f, "not quarantined");
	fixture_done(&f);
}

/* -- the operator -- */

static const struct {
	const char *name;
	enum spool_change what;
	const char *before; /* the state of the rows */
} changes[] = {
	{ "delete what waits", CHANGE_DELETE, "waiting" },
	{ "hold what waits", CHANGE_HOLD, "waiting" },
	{ "make due what waits", CHANGE_DUE_NOW, "waiting" },
	{ "release what is held", CHANGE_RELEASE, "held" },
	{ "delete what is dead", CHANGE_DELETE, "dead" },
	{ "retry what is dead", CHANGE_RETRY_DEAD, "dead" },
};

static void
a_change_of_all_leaves_out_what_cannot_be_changed(void **state)
{
	enum { ROWS = 2500, BAD = 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char sql[512];
		struct fixture f;

		fixture_init(&f);
		open_spool(&f);
		make_many(&f, ROWS - 1);
		close_spool(&f);
		snprintf(sql, sizeof(sql),
			 "UPDATE account SET n = 0 WHERE term GLOB 'state.*';"
			 "INSERT INTO account VALUES ('state.%s', %d) ON CONFLICT DO"
			 " UPDATE SET n = excluded.n;"
			 "UPDATE journal SET state = '%s', next_at = %d",
			 changes[i].before, ROWS, changes[i].before,
			 strcmp(changes[i].before, "waiting") == 0);
		tamper(&f, sql);
		tamper(&f,
		       "CREATE TABLE bad AS SELECT mid FROM journal WHERE mid % 700 = 98"
		       " LIMIT 3;"
		       "CREATE TRIGGER no_end BEFORE DELETE ON journal WHEN OLD.mid IN"
		       " (SELECT mid FROM bad) BEGIN SELECT RAISE(ABORT, 'no'); END;"
		       "CREATE TRIGGER no_change BEFORE UPDATE ON journal WHEN OLD.mid IN"
		       " (SELECT mid FROM bad) BEGIN SELECT RAISE(ABORT, 'no'); END");
		open_spool(&f);
		uint64_t changed = change(&f, changes[i].what, 0);
		if (changed != ROWS - BAD || f.error.kind != ERR_CORRUPT ||
		    strstr(f.error.text, "3 damaged rows left out") == NULL)
			fail_msg("%s: got %" PRIu64 " changed, \"%s\"", changes[i].name,
				 changed, f.error.text);
		assert_account(&f, changes[i].name);
		fixture_done(&f);
	}
}

/* Somebody holds the database: what is asked for meanwhile becomes one transaction. */
static sqlite3 *
hold_database(struct fixture *f)
{
	char path[320];
	sqlite3 *other;

	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f->directory);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	sqlite3_busy_timeout(other, 10000);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
			 SQLITE_OK);
	return other;
}

static const struct {
	const char *name;
	bool is_change;   /* or an outcome */
	bool is_there;    /* the row: it is refused; or it is of nobody */
	uint64_t commits; /* at most */
} rides[] = {
	{ "changes of a row that is in another state", true, true, 3 },
	{ "changes of a row that is not there", true, false, 3 },
	{ "an outcome that the database refuses", false, true, 5 },
};

/* What rides in the same transaction is done at once, and in few more. */
static void
what_fails_disturbs_no_other(void **state)
{
	enum { ROWS = 40 };

	(void)state;
	for (size_t i = 0; i < sizeof(rides) / sizeof(rides[0]); i++) {
		struct spool_plan plan = { .policy = "DEFAULT" };
		struct fixture f;

		uint64_t mid = begin(&f);
		open_spool(&f);
		uint64_t held = accept_one(&f, "DEFAULT", 3, 10);
		assert_int_equal(change(&f, CHANGE_HOLD, held), 1);
		settle(&f);
		uint64_t commits = counter_get(COUNTER_COMMITS);
		f.done = 0;
		sqlite3 *other = hold_database(&f);
		for (uint64_t k = 0; k < ROWS; k++) {
			assert_int_equal(begin_accept(&f, k, 10, &plan, 1), 0);
			f.is_answered = false;
			if (rides[i].is_change)
				spool_change(f.sp, CHANGE_HOLD,
					     rides[i].is_there ? held : 1u << 30,
					     on_changed, &f);
			else if (k == ROWS / 2)
				record(&f, OUTCOME_DELIVERED, mid);
		}
		assert_int_equal(sqlite3_close(other), SQLITE_OK);
		AWAIT(&f, f.done == ROWS);
		await_outcomes(&f);
		commits = counter_get(COUNTER_COMMITS) - commits;
		if (f.failed > 0 || commits > rides[i].commits)
			fail_msg("%s: got %u failures, %" PRIu64
				 " commits, want %" PRIu64,
				 rides[i].name, f.failed, commits, rides[i].commits);
		assert_int_equal(refused_rows(&f), rides[i].is_change ? 0 : 1);
		fixture_done(&f);
	}
}

/* -- what the spool does for itself -- */

static uint64_t bytes_seen;

static int
add_bytes(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_F && strstr(path, ".segment") != NULL)
		bytes_seen += (uint64_t)st->st_size;
	return 0;
}

static uint64_t
segment_bytes(struct fixture *f)
{
	bytes_seen = 0;
	nftw(f->directory, add_bytes, 16, FTW_PHYS);
	return bytes_seen;
}

static void
begin_refusing(struct fixture *f, uint64_t segment_size, const char *sql)
{
	fixture_init(f);
	f->settings.tick_ms = 20;
	f->settings.segment_size = segment_size;
	open_spool(f);
	close_spool(f);
	tamper(f, sql);
	open_spool(f);
}

/* As spool_close() does; what the store thread knew can be looked at then. */
static const struct writer *
stop_writer(struct fixture *f)
{
	writer_stop(&f->sp->writer);
	segments_stop(&f->sp->segments);
	writer_drain(&f->sp->writer);
	return &f->sp->writer;
}

static void
a_compaction_that_is_refused_is_over(void **state)
{
	struct fixture f;
	uint64_t mids[25];

	(void)state;
	begin_refusing(&f, 400000,
		       "CREATE TRIGGER no_move BEFORE UPDATE OF segment ON body"
		       " BEGIN SELECT RAISE(ABORT, 'no'); END");
	for (uint64_t i = 0; i < 25; i++)
		mids[i] = accept_one(&f, "DEFAULT", i, 20000);
	uint64_t before = segment_bytes(&f);
	for (unsigned i = 0; i < 18; i++)
		record(&f, OUTCOME_DELIVERED, mids[i]);
	/* The copy of the two that are left is made, and nothing moves. */
	before += 2 * 20000;
	AWAIT(&f, segment_bytes(&f) >= before);
	settle(&f);
	/* It is not made in each tick until the disk is full. */
	for (int64_t until = now_ms() + 10 * f.settings.tick_ms; now_ms() < until;)
		loop_run_once(f.loop, 20, NULL);
	assert_int_equal(segment_bytes(&f), before);
	assert_false(stop_writer(&f)->is_compacting);
	assert_body(&f, "not moved", f.fresh[19]->body, 19, 20000);
	fixture_done(&f);
}

static void
an_end_of_a_segment_that_is_refused_is_over(void **state)
{
	struct fixture f;
	uint64_t mids[20];

	(void)state;
	begin_refusing(&f, 0,
		       "CREATE TRIGGER no_end BEFORE UPDATE OF state ON segment"
		       " BEGIN SELECT RAISE(ABORT, 'no'); END");
	for (uint64_t i = 0; i < 20; i++)
		mids[i] = accept_one(&f, "DEFAULT", i, 100000);
	for (unsigned i = 0; i < 20; i++)
		record(&f, OUTCOME_DELIVERED, mids[i]);
	/* In the quiet between it is empty and closed, and the next body begins another. */
	AWAIT(&f, (record(&f, OUTCOME_DELIVERED, accept_one(&f, "DEFAULT", 1, 20000)),
		   settle(&f), usleep(200000), count_files(&f) == 2));
	assert_false(stop_writer(&f)->is_rotating);
	fixture_done(&f);
}

/* -- how long the store thread sleeps -- */

static const struct {
	const char *name;
	bool is_troubled;
	uint64_t unsynced, kept;
	int64_t unsynced_for;
	int64_t least, most;
} waits[] = {
	{ "nothing to do: until the disk is looked at", false, 0, 0, 0, 10000, 10000 },
	{ "outcomes to be synced in a while", false, 1, 0, 400, 0, 600 },
	{ "outcomes to be synced now", false, 1, 0, 5000, 0, 0 },
	{ "outcomes that the disk refuses to sync", true, 1, 0, 5000, 500, 1000 },
	{ "outcomes that the disk refuses to take", true, 1, 3, 5000, 100, 1000 },
	{ "a disk that fails, and nothing to be synced", true, 0, 0, 0, 500, 1000 },
};

static void
the_store_thread_does_not_spin(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct spool sp = { .lock_fd = -1, .limits.tick_ms = 1000 };
		struct writer w = { .spool = &sp,
				    .is_troubled = waits[i].is_troubled,
				    .unsynced = waits[i].unsynced,
				    .unsynced_since =
					    mono_now_ms() - waits[i].unsynced_for,
				    .kept.n = waits[i].kept };
		int64_t got = upkeep_wait_ms(&w);
		if (got < waits[i].least || got > waits[i].most)
			fail_msg("%s: got %" PRId64 " ms, want %" PRId64 " to %" PRId64,
				 waits[i].name, got, waits[i].least, waits[i].most);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_store_thread_does_not_spin),
		cmocka_unit_test(a_row_whose_outcome_is_refused_is_not_sent_again),
		cmocka_unit_test(a_damaged_row_that_cannot_be_quarantined_is_left_out),
		cmocka_unit_test(a_change_of_all_leaves_out_what_cannot_be_changed),
		cmocka_unit_test(what_fails_disturbs_no_other),
		cmocka_unit_test(a_compaction_that_is_refused_is_over),
		cmocka_unit_test(an_end_of_a_segment_that_is_refused_is_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

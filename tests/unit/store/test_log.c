/*
 * test_log.c - a write-ahead log whose sync failed: nothing is promised behind the hole.
 * The disk is that of log_disk.h; a power cut leaves of the log what is durable.
 */
#include "spool_fixture.h"

#include "log_disk.h"

#include <fcntl.h>

static void
begin(struct fixture *f)
{
	log_disk_begin();
	fixture_init(f);
	f->settings.tick_ms = 0; /* what is in the log stays there for a second */
	open_spool(f);
}

static bool
is_accepting(struct fixture *f)
{
	struct spool_status s;

	spool_status(f->sp, &s);
	return s.is_accepting;
}

/* Any draft that is given can be committed. */
static uint64_t
accept_when_possible(struct fixture *f, uint64_t seed)
{
	AWAIT(f, is_accepting(f));
	return accept_one(f, "DEFAULT", seed, 3000);
}

static void
save(struct fixture *f, const char *from, const char *to, bool is_log)
{
	char a[512], b[512], p[PAGE];
	ssize_t n;

	snprintf(a, sizeof(a), "%s/%s", f->directory, from);
	snprintf(b, sizeof(b), "%s/%s", f->directory, to);
	int out = open(b, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(out >= 0);
	if (is_log) {
		pthread_mutex_lock(&lock);
		assert_int_equal(write(out, durable, (size_t)durable_size), durable_size);
		pthread_mutex_unlock(&lock);
	} else {
		/* Never closed: that would end the locks that SQLite has on it. */
		static int in[64];
		static size_t n_in;
		check(n_in < 64);
		in[n_in] = open(a, O_RDONLY);
		assert_true(in[n_in] >= 0);
		while ((n = read(in[n_in], p, sizeof(p))) > 0)
			assert_int_equal(write(out, p, (size_t)n), n);
		n_in++;
	}
	close(out);
}

/* What a power cut leaves, as a spool of the name "cut"; the one that is open goes on. */
static void
cut_power(struct fixture *f)
{
	save(f, "spool.tdc.queue", "cut.tdc.queue", false);
	save(f, "spool.tdc.queue-wal", "cut.tdc.queue-wal", true);
	close_spool(f);
	f->settings.name = "cut";
	open_spool(f);
}

/* What was to fail did: there is nothing more to be waited for. */
static void
make_ticks_short(struct fixture *f)
{
	atomic_store(&f->sp->limits.tick_ms, 20);
	spool_quarantine_told(f->sp, 0); /* which wakes the store thread */
}

static const struct {
	const char *name;
	int syncs;
	bool has_reader; /* somebody else reads meanwhile */
} failures[] = {
	{ "one sync fails", 1, false },
	{ "four syncs fail", 4, false },
	{ "a sync fails while somebody reads", 1, true },
};

static void
nothing_is_promised_behind_a_hole_in_the_log(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		const char *name = failures[i].name;
		struct spool_plan plan = { .policy = "DEFAULT" };
		struct fixture f;
		sqlite3 *other = NULL;
		char path[320];

		begin(&f);
		uint64_t first = accept_one(&f, "DEFAULT", 1, 3000);
		uint64_t sent = accept_one(&f, "DEFAULT", 2, 3000);
		snprintf(path, sizeof(path), "%s/spool.tdc.queue", f.directory);
		if (failures[i].has_reader) {
			assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
			assert_int_equal(sqlite3_exec(other,
						      "BEGIN; SELECT * FROM journal",
						      NULL, NULL, NULL),
					 SQLITE_OK);
		}
		/* In the log, and not synced yet: this is where the hole will be. */
		record(&f, OUTCOME_DELIVERED, sent);
		AWAIT(&f, spool_account(f.sp)->state[JOURNAL_DELIVERED] == 1);
		atomic_store(&syncs_to_fail, failures[i].syncs);
		assert_int_equal(begin_accept(&f, 3, 3000, &plan, 1), 0);
		AWAIT(&f, f.done == 3);
		if (f.failed != 1 || !err_is_temporary(&f.error))
			fail_msg("%s: accepted without a sync", name);
		make_ticks_short(&f);
		if (other != NULL) {
			/* As long as the log cannot be begun anew, mail waits. */
			unsigned before = atomic_load(&syncs);
			AWAIT(&f, atomic_load(&syncs) > before + 3);
			if (is_accepting(&f))
				fail_msg("%s: mail is accepted behind the hole", name);
			sqlite3_close(other);
		}
		uint64_t next = accept_when_possible(&f, 4);
		cut_power(&f);
		if (fetch_one(&f, first) == NULL || fetch_one(&f, next) == NULL)
			fail_msg("%s: an accepted message is lost", name);
		if (fetch_one(&f, plan.mid) != NULL)
			fail_msg("%s: a refused message came back", name);
		assert_account(&f, name);
		fixture_done(&f);
	}
}

/* Mail that is on its way in does not wait for a quiet second. */
static void
a_draft_that_was_begun_before_is_safe_or_refused(void **state)
{
	struct spool_plan plans[2] = { { .policy = "DEFAULT" }, { .policy = "DEFAULT" } };
	struct body_facts facts = make_facts(4, 3);
	struct spool_draft *d;
	struct fixture f;

	(void)state;
	begin(&f);
	uint64_t sent = accept_one(&f, "DEFAULT", 1, 3000);
	assert_int_equal(spool_draft_new(f.sp, 3, &d, &f.error), 0);
	assert_int_equal(spool_draft_append(d, "abc", 3, &f.error), 0);
	record(&f, OUTCOME_DELIVERED, sent);
	AWAIT(&f, spool_account(f.sp)->state[JOURNAL_DELIVERED] == 1);
	atomic_store(&syncs_to_fail, 1);
	assert_int_equal(begin_accept(&f, 2, 3000, &plans[0], 1), 0);
	AWAIT(&f, f.done == 2);
	assert_int_equal(f.failed, 1);
	struct spool_message *m = make_message(&f);
	plans[1].mid = spool_next_mid(f.sp);
	spool_commit(d, m, &facts, &plans[1], 1, on_done, &f);
	spool_message_unref(m);
	AWAIT(&f, f.done == 3);
	bool is_accepted = f.failed == 1;
	cut_power(&f);
	if (is_accepted && fetch_one(&f, plans[1].mid) == NULL)
		fail_msg("accepted, and lost");
	assert_account(&f, "behind the hole");
	fixture_done(&f);
}

/*
 * The log that was begun anew is not on disk before its first sync: until then a power cut
 * brings back the old one, over a database that has all of it already.
 */
static void
the_old_log_is_whole_when_the_database_has_its_bytes(void **state)
{
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct fixture f;

	(void)state;
	begin(&f);
	uint64_t first = accept_one(&f, "DEFAULT", 1, 3000);
	uint64_t sent = accept_one(&f, "DEFAULT", 2, 400000);
	record(&f, OUTCOME_DELIVERED, sent);
	AWAIT(&f, spool_account(f.sp)->state[JOURNAL_DELIVERED] == 1);
	atomic_store(&syncs_to_fail, 1);
	assert_int_equal(begin_accept(&f, 3, 3000, &plan, 1), 0);
	AWAIT(&f, f.done == 3);
	assert_int_equal(f.failed, 1);
	/* Its file goes because the outcome is on disk. */
	AWAIT(&f, count_files(&f) == 0);
	cut_power(&f);
	assert_non_null(fetch_one(&f, first));
	assert_null(fetch_one(&f, sent));
	assert_account(&f, "the old log");
	fixture_done(&f);
}

static void
what_a_log_with_a_hole_kept_back_is_recorded_at_the_end(void **state)
{
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct fixture f;

	(void)state;
	begin(&f);
	uint64_t sent = accept_one(&f, "DEFAULT", 1, 3000);
	atomic_store(&syncs_to_fail, 2);
	assert_int_equal(begin_accept(&f, 2, 3000, &plan, 1), 0);
	AWAIT(&f, f.done == 2);
	record(&f, OUTCOME_DELIVERED, sent);
	close_spool(&f);
	open_spool(&f);
	assert_true(f.recovery.was_clean);
	assert_null(fetch_one(&f, sent));
	assert_account(&f, "after the end");
	fixture_done(&f);
}

static void
a_log_that_stays_broken_is_not_called_clean(void **state)
{
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct fixture f;

	(void)state;
	begin(&f);
	uint64_t first = accept_one(&f, "DEFAULT", 1, 3000);
	atomic_store(&syncs_to_fail, 1000);
	assert_int_equal(begin_accept(&f, 2, 3000, &plan, 1), 0);
	AWAIT(&f, f.done == 2);
	assert_int_equal(f.failed, 1);
	close_spool(&f);
	atomic_store(&syncs_to_fail, 0);
	open_spool(&f);
	assert_false(f.recovery.was_clean);
	assert_non_null(fetch_one(&f, first));
	assert_account(&f, "after the end");
	fixture_done(&f);
}

/* A database that others made anew, or an older one of ours. */
static void
a_log_has_the_pages_of_its_database(void **state)
{
	static const unsigned sizes[] = { 512, 4096, 8192, 65536 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct spool_plan plan = { .policy = "DEFAULT" };
		char sql[128];
		struct fixture f;

		begin(&f);
		close_spool(&f);
		snprintf(sql, sizeof(sql),
			 "PRAGMA journal_mode=DELETE; PRAGMA page_size=%u; VACUUM",
			 sizes[i]);
		tamper(&f, sql);
		log_disk_begin();
		open_spool(&f);
		uint64_t first = accept_one(&f, "DEFAULT", 1, 3000);
		uint64_t sent = accept_one(&f, "DEFAULT", 2, 3000);
		record(&f, OUTCOME_DELIVERED, sent);
		AWAIT(&f, spool_account(f.sp)->state[JOURNAL_DELIVERED] == 1);
		atomic_store(&syncs_to_fail, 1);
		assert_int_equal(begin_accept(&f, 3, 3000, &plan, 1), 0);
		AWAIT(&f, f.done == 3);
		assert_int_equal(f.failed, 1);
		make_ticks_short(&f);
		uint64_t next = accept_when_possible(&f, 4);
		cut_power(&f);
		if (fetch_one(&f, first) == NULL || fetch_one(&f, next) == NULL ||
		    fetch_one(&f, plan.mid) != NULL)
			fail_msg("pages of %u bytes: not what was promised", sizes[i]);
		assert_account(&f, "other pages");
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_promised_behind_a_hole_in_the_log),
		cmocka_unit_test(a_draft_that_was_begun_before_is_safe_or_refused),
		cmocka_unit_test(the_old_log_is_whole_when_the_database_has_its_bytes),
		cmocka_unit_test(what_a_log_with_a_hole_kept_back_is_recorded_at_the_end),
		cmocka_unit_test(a_log_that_stays_broken_is_not_called_clean),
		cmocka_unit_test(a_log_has_the_pages_of_its_database),
	};
	return cmocka_run_group_tests(tests, install_disk, NULL);
}

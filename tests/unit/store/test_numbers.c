/*
 * test_numbers.c - numbers in the database that are wrong, and rows that will not go:
 * nothing else suffers from them, and no work is done over and over.
 */
#include "spool_fixture.h"

enum { SIZE = 20000 };

/* Of the segments' files, with what is dead in them. */
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

static const struct {
	const char *name, *sql;
} wrong[] = {
	{ "a negative size",
	  "UPDATE body SET size = -1 WHERE id = (SELECT max(id) FROM body)" },
	{ "a size beyond all memory",
	  "UPDATE body SET size = 1 << 62 WHERE id = (SELECT max(id) FROM body)" },
	{ "a negative place",
	  "UPDATE body SET offset = -5 WHERE id = (SELECT max(id) FROM body)" },
	{ "live bytes that no body has", "UPDATE body SET segment = segment + 100" },
};

/* Compaction looks at them; what it cannot move stays where it is. */
static void
a_segment_with_wrong_numbers_is_left_alone(void **state)
{
	enum { ROWS = 10 };
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct fixture f;
		uint64_t mids[ROWS];
		char sql[512];

		fixture_init(&f);
		open_spool(&f);
		for (uint64_t k = 0; k < ROWS; k++)
			mids[k] = accept_one(&f, "DEFAULT", k, SIZE);
		forget_fresh(&f);
		for (unsigned k = 0; k < ROWS; k++)
			if (k < 3 || k > 4)
				record(&f, OUTCOME_DELIVERED, mids[k]);
		close_spool(&f);
		/* Two are left. It is closed as the spool is opened, and sparse. */
		snprintf(sql, sizeof(sql), "PRAGMA ignore_check_constraints=1; %s",
			 wrong[i].sql);
		tamper(&f, sql);
		uint64_t before = segment_bytes(&f);
		open_spool(&f);
		/* While mail flows: each second, or never again. */
		AWAIT(&f,
		      (usleep(20000), accept_one(&f, "other", 1, 10), forget_fresh(&f),
		       ask(&f, "SELECT count(*) FROM segment WHERE state = 'kept'") ==
			       1));
		if (segment_bytes(&f) > before + 2 * SIZE)
			fail_msg("%s: %" PRIu64 " bytes became %" PRIu64, wrong[i].name,
				 before, segment_bytes(&f));
		fixture_done(&f);
	}
}

static void
a_segment_is_never_cut_in_front_of_the_end_of_a_body(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t mid = accept_one(&f, "DEFAULT", 1, SIZE);
	close_spool(&f);
	tamper(&f, "UPDATE segment SET size = 10, state = 'open'");
	open_spool(&f);
	assert_non_null(fetch_one(&f, mid));
	assert_body(&f, "a body", f.rows[0]->body, 1, SIZE);
	fixture_done(&f);
}

/* The number of live bytes is not all that is known of a segment: its bodies are there. */
static const struct {
	const char *name, *sql;
} uncounted[] = {
	{ "a segment that has nothing live", "UPDATE segment SET live_bytes = 0" },
	{ "less than nothing", "UPDATE segment SET live_bytes = -5" },
	{ "less than there is", "UPDATE segment SET live_bytes = 1" },
	{ "a row that is gone", "DELETE FROM segment" },
	{ "a row that is gone, and an end that was none",
	  "DELETE FROM segment; UPDATE meta SET value = 0 WHERE key = 'clean'" },
};

static void
a_segment_that_has_bodies_stays(void **state)
{
	enum { ROWS = 5 };

	(void)state;
	for (size_t i = 0; i < sizeof(uncounted) / sizeof(uncounted[0]); i++) {
		const char *name = uncounted[i].name;
		uint64_t mids[ROWS];
		struct fixture f;
		size_t n;

		fixture_init(&f);
		open_spool(&f);
		for (uint64_t k = 0; k < ROWS; k++)
			mids[k] = accept_one(&f, "DEFAULT", k, SIZE);
		close_spool(&f);
		tamper(&f, uncounted[i].sql);
		for (unsigned life = 0; life < 2; life++) {
			open_spool(&f);
			record(&f, OUTCOME_DELIVERED, mids[life]);
			settle(&f);
			accept_one(&f, "DEFAULT", 9, 100);
			close_spool(&f);
		}
		open_spool(&f);
		for (unsigned k = 2; k < ROWS; k++) {
			char *p = read_body(&f, fetch_one(&f, mids[k])->body, &n);
			if (p == NULL)
				fail_msg("%s: body %u is lost: %s", name, k,
					 f.error.text);
			free(p);
		}
		for (unsigned k = 2; k < ROWS; k++)
			record(&f, OUTCOME_DELIVERED, mids[k]);
		assert_account(&f, name);
		fixture_done(&f);
	}
}

static const struct {
	const char *name, *sql;
} reservations[] = {
	{ "no reservation", "DELETE FROM meta WHERE key = 'mid_reserved'" },
	{ "a reservation that was lost and made anew",
	  "UPDATE meta SET value = 1 WHERE key = 'mid_reserved'" },
	{ "a negative reservation",
	  "UPDATE meta SET value = -9 WHERE key = 'mid_reserved'" },
	{ "a reservation that is no number",
	  "UPDATE meta SET value = x'00' WHERE key = 'mid_reserved'" },
};

static void
without_its_reservation_the_numbering_goes_on_behind_all_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reservations) / sizeof(reservations[0]); i++) {
		struct fixture f;

		fixture_init(&f);
		open_spool(&f);
		uint64_t last = accept_one(&f, "DEFAULT", 1, 100);
		last = accept_one(&f, "DEFAULT", 2, 100);
		close_spool(&f);
		tamper(&f, reservations[i].sql);
		open_spool(&f);
		uint64_t next = accept_one(&f, "DEFAULT", 3, 100);
		if (next <= last || next > last + 1000000)
			fail_msg("%s: got MID %" PRIu64 " after %" PRIu64,
				 reservations[i].name, next, last);
		assert_account(&f, reservations[i].name);
		fixture_done(&f);
	}
}

static void
a_delivered_row_that_will_not_go_keeps_no_other(void **state)
{
	struct fixture f;
	enum { ROWS = 5 };

	(void)state;
	fixture_init(&f);
	f.settings.retention_ms = 200;
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++)
		record(&f, OUTCOME_DELIVERED, accept_one(&f, "DEFAULT", i, 100));
	close_spool(&f);
	tamper(&f, "CREATE TRIGGER no_end BEFORE DELETE ON journal WHEN OLD.mid <="
		   " (SELECT min(mid) + 2 FROM journal)"
		   " BEGIN SELECT RAISE(ABORT, 'no'); END");
	open_spool(&f);
	clock_manual_advance(&f.clock, 60000);
	for (int64_t until = now_ms() + 5000; now_ms() < until && f.n_rows != 2;) {
		clock_manual_advance(&f.clock, 1000);
		list_rows(&f, JOURNAL_DELIVERED, 0, 100);
	}
	assert_int_equal(f.n_rows, 2);
	assert_account(&f, "purged");
	fixture_done(&f);
}

/* A database that was made anew by other hands, with many pages free. */
static void
pages_that_cannot_be_given_back_are_left(void **state)
{
	struct fixture f;
	struct spool_status s;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	close_spool(&f);
	tamper(&f, "PRAGMA journal_mode=DELETE; PRAGMA auto_vacuum=NONE; VACUUM;"
		   "CREATE TABLE filler (b BLOB);"
		   "INSERT INTO filler VALUES (zeroblob(16000000)); DROP TABLE filler;");
	open_spool(&f);
	accept_one(&f, "DEFAULT", 1, 100);
	/* In a quiet second the log is emptied; not while pages are being given back. */
	int64_t until = now_ms() + 10000;
	do
		loop_run_once(f.loop, 20, NULL);
	while ((spool_status(f.sp, &s), s.wal_bytes > 0) && now_ms() < until);
	assert_int_equal(s.wal_bytes, 0);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_with_wrong_numbers_is_left_alone),
		cmocka_unit_test(a_segment_is_never_cut_in_front_of_the_end_of_a_body),
		cmocka_unit_test(a_segment_that_has_bodies_stays),
		cmocka_unit_test(
			without_its_reservation_the_numbering_goes_on_behind_all_rows),
		cmocka_unit_test(a_delivered_row_that_will_not_go_keeps_no_other),
		cmocka_unit_test(pages_that_cannot_be_given_back_are_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

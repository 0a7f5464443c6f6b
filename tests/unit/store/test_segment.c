/*
 * test_segment.c - segments: rotation, live bytes, compaction, and files that go when
 * nobody needs them.
 */
#include "spool_fixture.h"

enum { SIZE = 20000 };

static unsigned
segment_files(struct fixture *f)
{
	return count_files(f);
}

static void
segments_are_closed_at_their_size_and_go_when_empty(void **state)
{
	struct fixture f;
	enum { ROWS = 60 };

	(void)state;
	fixture_init(&f);
	f.settings.segment_size = 10 * SIZE;
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++)
		accept_one(&f, "DEFAULT", i, SIZE);
	assert_int_equal(segment_files(&f), ROWS / 10);
	/* All of the first segment, and all but one of the second. */
	for (unsigned i = 0; i < 19; i++)
		record(&f, OUTCOME_DELIVERED, f.fresh[i]->mid);
	settle(&f);
	AWAIT(&f, segment_files(&f) == ROWS / 10 - 1);
	assert_account(&f, "first segment gone");
	for (unsigned i = 19; i < ROWS; i++)
		assert_body(&f, "a segment's body", f.fresh[i]->body, i, SIZE);
	for (unsigned i = 19; i < ROWS; i++)
		record(&f, OUTCOME_DELIVERED, f.fresh[i]->mid);
	/* A small one that a compaction opened may be left until the next start. */
	AWAIT(&f, segment_files(&f) <= 1);
	close_spool(&f);
	open_spool(&f);
	close_spool(&f);
	assert_int_equal(segment_files(&f), 0);
	assert_int_equal(ask(&f, "SELECT count(*) FROM segment"), 0);
	fixture_done(&f);
}

/* Cold, so that the bytes come from the disk. */
static struct spool_journal *
take_cold(struct fixture *f, uint64_t mid)
{
	struct spool_journal *j = fetch_one(f, mid);
	assert_non_null(j);
	f->n_rows = 0;
	return j;
}

static void
a_sparse_segment_is_compacted_and_old_places_still_lead_to_the_bytes(void **state)
{
	struct fixture f;
	enum { ROWS = 40 };
	uint64_t mids[ROWS];
	struct spool_body_reader *r;
	struct spool_status s;

	(void)state;
	fixture_init(&f);
	f.settings.segment_size = ROWS / 2 * SIZE;
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++)
		mids[i] = accept_one(&f, "DEFAULT", i, SIZE);
	forget_fresh(&f);
	struct spool_journal *old = take_cold(&f, mids[3]);
	uint64_t place = old->body->at.segment;
	/* One that reads while its segment goes. */
	struct spool_journal *reading = take_cold(&f, mids[4]);
	assert_int_equal(spool_body_reader_new(f.sp, reading->body, &r, &f.error), 0);
	for (unsigned i = 0; i < ROWS; i++)
		if (i % 10 > 4 || i % 10 < 3)
			record(&f, OUTCOME_DELIVERED, mids[i]);
	settle(&f);
	/* 2 in 10 are left: both full segments are sparse, and become one. */
	AWAIT(&f, (usleep(20000), accept_one(&f, "other", 1, 10), forget_fresh(&f),
		   fetch_one(&f, mids[3])->body->at.segment != place &&
			   segment_files(&f) == 1));
	assert_account(&f, "compacted");
	assert_body(&f, "by the place it had before", old->body, 3, SIZE);
	spool_body_reader_free(r);
	assert_body(&f, "begun before it moved", reading->body, 4, SIZE);
	for (unsigned i = 0; i < ROWS; i++)
		if (i % 10 == 3 || i % 10 == 4)
			assert_body(&f, "after it moved", fetch_one(&f, mids[i])->body, i,
				    SIZE);
	AWAIT(&f, (usleep(20000), accept_one(&f, "other", 1, 10), forget_fresh(&f),
		   spool_status(f.sp, &s), s.segment_bytes <= ROWS / 2 * SIZE));
	spool_journal_free(old);
	spool_journal_free(reading);
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM segment AS s WHERE live_bytes <>"
				 " (SELECT total(size) FROM body WHERE segment = s.id)"),
			 0);
	fixture_done(&f);
}

static void
an_empty_open_segment_gives_its_bytes_back(void **state)
{
	struct fixture f;
	enum { ROWS = 20 };

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++)
		accept_one(&f, "DEFAULT", i, 100000);
	assert_int_equal(segment_files(&f), 1);
	for (uint64_t i = 0; i < ROWS; i++)
		record(&f, OUTCOME_DELIVERED, f.fresh[i]->mid);
	AWAIT(&f, segment_files(&f) == 0);
	accept_one(&f, "DEFAULT", 1, 100000);
	assert_body(&f, "in the next segment", f.fresh[ROWS]->body, 1, 100000);
	assert_account(&f, "next segment");
	fixture_done(&f);
}

static void
files_go_only_after_the_sync(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.settings.tick_ms = 0; /* there is a second until the sync */
	open_spool(&f);
	record(&f, OUTCOME_DELIVERED, accept_one(&f, "DEFAULT", 1, 400000));
	AWAIT(&f, spool_account(f.sp)->state[JOURNAL_DELIVERED] == 1);
	writer_stop(&f.sp->writer);
	/* Committed, not yet on disk: a power cut could bring the row back. */
	if (f.sp->writer.unsynced > 0)
		assert_int_equal(count_files(&f), 1);
	close_spool(&f);
	assert_int_equal(count_files(&f), 0);
	fixture_done(&f);
}

static void
the_database_gives_its_pages_back(void **state)
{
	struct fixture f;
	enum { ROWS = 2400 }; /* more pages than are left for new mail */
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct spool_status s;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++) {
		assert_int_equal(begin_accept(&f, i, 8000, &plan, 1), 0);
		/* Too many at a time would go to files. */
		if (i % 100 == 99)
			AWAIT(&f, f.done == i + 1);
	}
	AWAIT(&f, (spool_status(f.sp, &s), s.database_bytes > ROWS * 8000u));
	for (unsigned i = 0; i < ROWS; i++)
		record(&f, OUTCOME_DELIVERED, f.fresh[i]->mid);
	AWAIT(&f, (spool_status(f.sp, &s),
		   s.database_bytes < ROWS * 8000u / 2 && s.wal_bytes == 0));
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_closed_at_their_size_and_go_when_empty),
		cmocka_unit_test(
			a_sparse_segment_is_compacted_and_old_places_still_lead_to_the_bytes),
		cmocka_unit_test(an_empty_open_segment_gives_its_bytes_back),
		cmocka_unit_test(files_go_only_after_the_sync),
		cmocka_unit_test(the_database_gives_its_pages_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

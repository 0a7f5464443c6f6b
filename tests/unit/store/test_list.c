/*
 * test_list.c - lists of rows, the oldest one, and delivered ones until their retention ends.
 */
#include "many_rows.h"

static void
lists_are_pages_in_mid_order(void **state)
{
	struct fixture f;
	uint64_t after = 0, last = 0;
	unsigned seen = 0;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	make_many(&f, 6000);
	const struct {
		enum journal_state state;
		unsigned want;
	} lists[] = { { JOURNAL_HELD, 2000 },
		      { JOURNAL_WAITING, 4001 },
		      { JOURNAL_STATE_COUNT, 6001 },
		      { JOURNAL_DEAD, 0 } };
	for (size_t i = 0; i < 4; i++) {
		after = last = 0;
		seen = 0;
		do {
			list_rows(&f, lists[i].state, after, 999);
			for (size_t k = 0; k < f.n_rows; k++) {
				assert_true(f.rows[k]->mid > last);
				last = f.rows[k]->mid;
				assert_true(lists[i].state == JOURNAL_STATE_COUNT ||
					    f.rows[k]->state == lists[i].state);
				assert_null(f.rows[k]->body->data);
			}
			seen += (unsigned)f.n_rows;
			after = f.due.next.mid;
		} while (!f.due.is_end);
		if (seen != lists[i].want)
			fail_msg("list %zu: got %u rows, want %u", i, seen,
				 lists[i].want);
	}
	list_rows(&f, JOURNAL_STATE_COUNT, 0, 0);
	assert_int_equal(f.n_rows, 0);
	list_rows(&f, JOURNAL_STATE_COUNT, 0, 5000); /* cut to the maximum */
	assert_int_equal(f.n_rows, 1000);
	fixture_done(&f);
}

static void
the_oldest_row_is_known(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t a = accept_one(&f, "DEFAULT", 1, 10);
	clock_manual_advance(&f.clock, 1000);
	uint64_t b = accept_one(&f, "DEFAULT", 1, 10);
	clock_manual_advance(&f.clock, 1000);
	accept_one(&f, "DEFAULT", 1, 10);
	assert_int_equal(spool_account(f.sp)->oldest_waiting_at, T0);
	record(&f, OUTCOME_DELIVERED, b);
	settle(&f);
	assert_int_equal(spool_account(f.sp)->oldest_waiting_at, T0);
	change(&f, CHANGE_HOLD, a);
	assert_int_equal(spool_account(f.sp)->oldest_waiting_at, T0 + 2000);
	change(&f, CHANGE_RELEASE, a); /* the finger goes back; its time is a new one */
	assert_int_equal(spool_account(f.sp)->oldest_waiting_at, T0 + 2000);
	close_spool(&f);
	open_spool(&f);
	assert_int_equal(spool_account(f.sp)->oldest_waiting_at, T0 + 2000);
	fixture_done(&f);
}

/* Whose time began anew stands in front of others that wait longer. */
static void
a_row_that_was_released_hides_no_older_one(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t a = accept_one(&f, "DEFAULT", 1, 10);
	clock_manual_advance(&f.clock, 1000);
	uint64_t b = accept_one(&f, "DEFAULT", 1, 10);
	assert_int_equal(change(&f, CHANGE_HOLD, a), 1);
	clock_manual_advance(&f.clock, 500000);
	assert_int_equal(change(&f, CHANGE_RELEASE, a), 1);
	assert_int_equal(spool_account(f.sp)->oldest_waiting_at, T0 + 1000);
	clock_manual_advance(&f.clock, 1000);
	accept_one(&f, "DEFAULT", 1, 10);
	record(&f, OUTCOME_DELIVERED, b);
	settle(&f);
	assert_int_equal(spool_account(f.sp)->oldest_waiting_at, T0 + 501000);
	fixture_done(&f);
}

static int
interrupt(void *arg)
{
	(void)arg;
	return 1;
}

static void
a_look_that_fails_is_no_end_of_the_rows(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	accept_one(&f, "DEFAULT", 1, 10);
	struct writer *w = &f.sp->writer;
	writer_stop(w); /* its connection is ours until the end */
	assert_int_equal(w->oldest_at, T0);
	sqlite3_progress_handler(w->db.sql, 1, interrupt, NULL);
	upkeep_oldest(w);
	sqlite3_progress_handler(w->db.sql, 0, NULL, NULL);
	assert_int_equal(w->oldest_at, T0);
	fixture_done(&f);
}

/* -- retention -- */

static void
delivered_rows_go_when_their_retention_ends(void **state)
{
	struct fixture f;
	enum { ROWS = 450 }; /* more than two steps of a purge */
	uint64_t last = 0;

	(void)state;
	fixture_init(&f);
	f.settings.retention_ms = 100000;
	open_spool(&f);
	struct spool_plan plan = { .policy = "DEFAULT" };
	for (unsigned i = 0; i < ROWS; i++)
		assert_int_equal(begin_accept(&f, i, 30 + i % 3 * 20000, &plan, 1), 0);
	AWAIT(&f, f.done == ROWS);
	for (unsigned i = 0; i < ROWS; i++)
		record(&f, OUTCOME_DELIVERED, f.fresh[i]->mid);
	forget_fresh(&f);
	clock_manual_advance(&f.clock, 60000);
	last = accept_one(&f, "DEFAULT", 1, 40);
	record(&f, OUTCOME_DELIVERED, last);
	assert_account(&f, "retained");
	assert_non_null(fetch_one(&f, last));
	list_rows(&f, JOURNAL_DELIVERED, 0, 1000);
	assert_int_equal(f.n_rows, ROWS + 1);
	clock_manual_advance(&f.clock, 50000); /* past the end of all but the last */
	do {
		clock_manual_advance(&f.clock, 1);
		loop_run_once(f.loop, 20, NULL);
		list_rows(&f, JOURNAL_DELIVERED, 0, 1000);
	} while (f.n_rows > 1);
	assert_int_equal(f.rows[0]->mid, last);
	assert_account(&f, "purged");
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_DELIVERED], ROWS + 1);
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM body"), 1);
	/* Without a retention the last goes, too. */
	f.settings.retention_ms = 0;
	open_spool(&f);
	clock_manual_advance(&f.clock, 20000);
	AWAIT(&f, (list_rows(&f, JOURNAL_DELIVERED, 0, 10), f.n_rows == 0));
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM body"), 0);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_pages_in_mid_order),
		cmocka_unit_test(the_oldest_row_is_known),
		cmocka_unit_test(a_row_that_was_released_hides_no_older_one),
		cmocka_unit_test(a_look_that_fails_is_no_end_of_the_rows),
		cmocka_unit_test(delivered_rows_go_when_their_retention_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

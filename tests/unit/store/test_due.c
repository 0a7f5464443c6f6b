/*
 * test_due.c - pages of the due queue, and which policies have something in it.
 */
#include "spool_fixture.h"

static void
the_due_queue_is_in_order_and_pages_meet(void **state)
{
	struct fixture f;
	uint64_t mids[20];
	struct spool_cursor after = { 0, 0 };
	size_t seen = 0;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < 20; i++) {
		mids[i] = accept_one(&f, i % 2 == 0 ? "even" : "odd", i, 100 + i);
		if (i % 4 ==
		    0) { /* a time of its own: 0 4 8 12 16, the later ones earlier */
			struct spool_outcome o = { .kind = OUTCOME_SOFT,
						   .mid = mids[i],
						   .attempts = 1,
						   .next_at = T0 + 1000 - (int64_t)i };
			spool_record(f.sp, &o);
		}
	}
	settle(&f);
	/* Nothing with a time of its own is due yet. */
	fetch_due(&f, "even", after, 100, 1u << 20);
	assert_int_equal(f.n_rows, 5);
	assert_int_equal(f.due.earliest_at, T0 + 1000 - 16);
	clock_manual_advance(&f.clock, 2000);
	const size_t want[] = { 2, 6, 10, 14, 18, 16, 12, 8, 4, 0 };
	do {
		fetch_due(&f, "even", after, 3, 1u << 20);
		for (size_t i = 0; i < f.n_rows; i++, seen++)
			if (seen >= 10 || f.rows[i]->mid != mids[want[seen]])
				fail_msg("row %zu is MID %" PRIu64
					 ", want that of message %zu",
					 seen, f.rows[i]->mid,
					 seen < 10 ? want[seen] : 99);
		after = f.due.next;
	} while (!f.due.is_end);
	assert_int_equal(seen, 10);
	assert_int_equal(f.due.earliest_at, 0);
	/* Beyond the end there is nothing, and an unknown policy has nothing. */
	fetch_due(&f, "even", after, 3, 1u << 20);
	assert_int_equal(f.n_rows, 0);
	assert_true(f.due.is_end);
	fetch_due(&f, "nobody", (struct spool_cursor){ 0, 0 }, 3, 100);
	assert_int_equal(f.n_rows, 0);
	assert_true(f.due.is_end);
	fixture_done(&f);
}

static void
a_page_is_bounded_by_bytes(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < 10; i++)
		accept_one(&f, "DEFAULT", i, 1000);
	fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 100, 2500);
	assert_in_range(f.n_rows, 1, 3);
	assert_false(f.due.is_end);
	/*
	 * One row comes in any case: a page without progress would be asked for for ever.
	 */
	fetch_due(&f, "DEFAULT", f.due.next, 100, 1);
	assert_int_equal(f.n_rows, 1);
	fixture_done(&f);
}

/* Rows that are in memory are not loaded again. */
static void
what_is_held_is_passed_over(void **state)
{
	enum { N = 10 };
	struct fixture f;
	uint64_t mids[N];

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < N; i++)
		mids[i] = accept_one(&f, "DEFAULT", i, 1000);
	const uint64_t in_memory[] = { mids[8], mids[0], mids[5], mids[9], 999999 };
	struct spool_held *held = malloc(sizeof(*held) + sizeof(in_memory));
	assert_non_null(held);
	held->n = sizeof(in_memory) / sizeof(in_memory[0]);
	memcpy(held->mids, in_memory, sizeof(in_memory));
	f.is_answered = false;
	spool_fetch_due(f.sp, "DEFAULT", (struct spool_cursor){ 0, 0 }, f.clock.wall, 100,
			1 << 20, held, on_due, &f);
	AWAIT(&f, f.is_answered);
	const size_t want[] = { 1, 2, 3, 4, 6, 7 };
	assert_int_equal(f.n_rows, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < f.n_rows; i++)
		assert_int_equal(f.rows[i]->mid, mids[want[i]]);
	assert_true(f.due.is_end);
	/* They are not among the rows that were asked for. */
	held = malloc(sizeof(*held) + 8 * sizeof(mids[0]));
	assert_non_null(held);
	held->n = 8;
	memcpy(held->mids, mids, 8 * sizeof(mids[0]));
	forget_rows(&f);
	f.is_answered = false;
	spool_fetch_due(f.sp, "DEFAULT", (struct spool_cursor){ 0, 0 }, f.clock.wall, 1,
			1 << 20, held, on_due, &f);
	AWAIT(&f, f.is_answered);
	assert_int_equal(f.n_rows, 1);
	assert_int_equal(f.rows[0]->mid, mids[8]);
	assert_false(f.due.is_end);
	fixture_done(&f);
}

/* The journals of large envelopes are many bytes, too. */
static void
a_page_is_bounded_by_the_memory_of_its_rows(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < 10; i++)
		accept_one(&f, "DEFAULT", i, 10);
	fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 100, 2);
	assert_int_equal(f.n_rows, 1);
	size_t memory = spool_journal_memory(f.rows[0]);
	assert_in_range(memory, sizeof(struct spool_journal), 4096);
	fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 100, 3 * memory);
	assert_in_range(f.n_rows, 2, 4);
	assert_false(f.due.is_end);
	fixture_done(&f);
}

/* Who looks at rows alone walks them in few steps, and reads no body. */
static void
a_page_without_bodies_is_bounded_by_rows_alone(void **state)
{
	enum { ROWS = 25, PAGE = 10 };
	struct spool_cursor after = { 0, 0 };
	struct spool_status s;
	struct fixture f;
	unsigned fetches = 0, seen = 0;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < ROWS; i++)
		accept_one(&f, "DEFAULT", i, 10000);
	close_spool(&f);
	open_spool(&f); /* nothing is hot */
	do {
		fetch_due(&f, "DEFAULT", after, PAGE, 0);
		for (size_t i = 0; i < f.n_rows; i++)
			assert_null(f.rows[i]->body->data);
		seen += (unsigned)f.n_rows;
		after = f.due.next;
		fetches++;
	} while (!f.due.is_end);
	assert_int_equal(seen, ROWS);
	assert_int_equal(fetches, 3);
	spool_status(f.sp, &s);
	assert_int_equal(s.hot_bytes, 0);
	fixture_done(&f);
}

static void
waiting_policies_are_known(void **state)
{
	struct fixture f;
	const char *names[4];

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t a = accept_one(&f, "a", 1, 10);
	accept_one(&f, "b", 1, 10);
	assert_int_equal(spool_waiting_policies(f.sp, names, 4), 2);
	assert_int_equal(spool_waiting_policies(f.sp, names, 1), 1);
	record(&f, OUTCOME_DELIVERED, a);
	settle(&f);
	assert_int_equal(spool_waiting_policies(f.sp, names, 4), 1);
	assert_string_equal(names[0], "b");
	close_spool(&f);
	open_spool(&f);
	assert_int_equal(spool_waiting_policies(f.sp, names, 4), 1);
	assert_string_equal(names[0], "b");
	fixture_done(&f);
}

static size_t
list_of_message(struct fixture *f, uint64_t message, enum journal_state state,
		uint64_t after, size_t limit)
{
	const struct spool_list_filter filter = {
		.state = state, .after_mid = after, .limit = limit, .message_mid = message
	};

	forget_rows(f);
	f->is_answered = false;
	spool_list(f->sp, &filter, on_due, f);
	AWAIT(f, f->is_answered);
	return f->n_rows;
}

static void
journals_are_found_by_their_message(void **state)
{
	struct fixture f;
	struct spool_plan plans[3] = { { .policy = "A" },
				       { .policy = "B" },
				       { .policy = "C" } };
	struct spool_status status;

	(void)state;
	fixture_init(&f);
	f.settings.retention_ms = 5000;
	open_spool(&f);
	accept_one(&f, "A", 1, 10);
	assert_int_equal(begin_accept(&f, 2, 10, plans, 3), 0);
	AWAIT(&f, f.done == 2);
	uint64_t message = plans[0].mid - 1;
	accept_one(&f, "A", 3, 10);
	assert_int_equal(list_of_message(&f, message, JOURNAL_STATE_COUNT, 0, 10), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(f.rows[i]->mid, plans[i].mid);
		assert_int_equal(f.rows[i]->message->mid, message);
	}
	assert_true(f.due.is_end);
	assert_int_equal(list_of_message(&f, message, JOURNAL_STATE_COUNT, 0, 2), 2);
	assert_false(f.due.is_end);
	assert_int_equal(
		list_of_message(&f, message, JOURNAL_STATE_COUNT, plans[1].mid, 2), 1);
	assert_int_equal(f.rows[0]->mid, plans[2].mid);
	change(&f, CHANGE_HOLD, plans[1].mid);
	assert_int_equal(list_of_message(&f, message, JOURNAL_HELD, 0, 10), 1);
	assert_int_equal(f.rows[0]->mid, plans[1].mid);
	assert_int_equal(list_of_message(&f, message, JOURNAL_WAITING, 0, 10), 2);
	assert_int_equal(list_of_message(&f, plans[0].mid, JOURNAL_STATE_COUNT, 0, 10),
			 0);
	spool_status(f.sp, &status);
	assert_int_equal(status.last_mid, plans[2].mid + 2);
	assert_int_equal(status.retention_ms, 5000);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_due_queue_is_in_order_and_pages_meet),
		cmocka_unit_test(a_page_is_bounded_by_bytes),
		cmocka_unit_test(what_is_held_is_passed_over),
		cmocka_unit_test(a_page_is_bounded_by_the_memory_of_its_rows),
		cmocka_unit_test(a_page_without_bodies_is_bounded_by_rows_alone),
		cmocka_unit_test(waiting_policies_are_known),
		cmocka_unit_test(journals_are_found_by_their_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

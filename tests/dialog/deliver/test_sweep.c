/*
 * test_sweep.c - the walk that ends what waited too long, in few steps.
 */
#include "world.h"

enum { ROWS = 4000, DAYS_3 = 259200000 };

/* The oldest of all is over age and stays (its time has not come): no sweep finds an end. */
static void
a_sweep_of_many_rows_is_few_fetches(void **state)
{
	struct world *w = *state;

	world_rows(w, ROWS);
	w->policies.intakes[0] = NULL;
	w->spool.rows[ROWS - 1].created_at = NOW - DAYS_3;
	w->spool.rows[ROWS - 1].next_at = NOW + DAYS_3;
	w->spool.account.oldest_waiting_at = NOW - DAYS_3;
	world_start(w);
	world_pass(w, 1000);
	unsigned before = w->spool.fetches;
	world_pass(w, 60000);
	print_message("%u fetches for a sweep of %d rows\n", w->spool.fetches - before,
		      ROWS);
	assert_in_range(w->spool.fetches - before, ROWS / 500, ROWS / 500 + 4);
	assert_string_equal(world_log(w), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_sweep_of_many_rows_is_few_fetches),
	};
	return WORLD_RUN_TESTS(tests);
}

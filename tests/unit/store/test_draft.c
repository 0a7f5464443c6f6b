/*
 * test_draft.c - a draft keeps the maximum size that it began with, whatever a reload
 * brings.
 */
#include "spool_fixture.h"

static const struct {
	const char *name;
	uint64_t at_first, later; /* limits */
	size_t before, after;     /* bytes on either side of the reload */
	bool is_taken;
} reloads[] = {
	{ "a smaller limit leaves a running draft its own", 1000, 500, 200, 800, true },
	{ "and one that is beyond the new limit already", 1000, 100, 200, 800, true },
	{ "its own limit stays a limit", 1000, 500, 200, 801, false },
	{ "the same, beyond the new limit already", 1000, 100, 200, 801, false },
	{ "a larger limit does not reach it", 1000, 2000, 200, 801, false },
};

static void
a_reload_does_not_change_the_limit_of_a_running_draft(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reloads) / sizeof(reloads[0]); i++) {
		struct fixture f;
		struct spool_draft *d, *next;
		char *p = make_bytes(i, 1000);

		fixture_init(&f);
		f.settings.body_size_max = reloads[i].at_first;
		open_spool(&f);
		assert_int_equal(spool_draft_new(f.sp, 0, &d, &f.error), 0);
		assert_int_equal(spool_draft_append(d, p, reloads[i].before, &f.error),
				 0);
		f.settings.body_size_max = reloads[i].later;
		spool_reload(f.sp, &f.settings);
		f.error = (struct err){ 0 };
		bool is_taken = spool_draft_append(d, p, reloads[i].after, &f.error) == 0;
		if (is_taken != reloads[i].is_taken)
			fail_msg("%s: got %d, want %d", reloads[i].name, is_taken,
				 reloads[i].is_taken);
		if (!is_taken)
			assert_int_equal(f.error.kind, ERR_SIZE);
		/* The next one has the new limit. */
		assert_int_equal(
			spool_draft_new(f.sp, reloads[i].later + 1, &next, &f.error), -1);
		assert_int_equal(spool_draft_new(f.sp, reloads[i].later, &next, &f.error),
				 0);
		spool_draft_free(next);
		spool_draft_free(d);
		free(p);
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reload_does_not_change_the_limit_of_a_running_draft),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

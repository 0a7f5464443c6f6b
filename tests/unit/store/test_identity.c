/*
 * test_identity.c - MIDs, recorded profiles, and that a spool is ours alone.
 */
#include "spool_fixture.h"

static void
mids_are_never_given_twice(void **state)
{
	struct fixture f;
	uint64_t last = 0;

	(void)state;
	fixture_init(&f);
	for (int round = 0; round < 3; round++) {
		open_spool(&f);
		for (int i = 0; i < 25000; i++) {
			uint64_t mid = spool_next_mid(f.sp);
			if (mid <= last)
				fail_msg("MID %" PRIu64 " after %" PRIu64, mid, last);
			last = mid;
			if (i % 1000 == 0)
				loop_run_once(f.loop, 1, NULL);
		}
		close_spool(&f);
	}
	/* After an orderly stop no number is wasted. */
	open_spool(&f);
	assert_int_equal(spool_next_mid(f.sp), last + 1);
	assert_int_equal(spool_unclean_mid(f.sp), 0);
	fixture_done(&f);
}

static void
destination_profiles_survive(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_null(spool_destination_profile(f.sp, "a.example"));
	spool_set_destination_profile(f.sp, "a.example", "p1", on_done, &f);
	spool_set_destination_profile(f.sp, "b.example", "p1", on_done, &f);
	AWAIT(&f, f.done == 2);
	spool_set_destination_profile(f.sp, "a.example", "p2", on_done, &f);
	AWAIT(&f, f.done == 3);
	assert_int_equal(f.failed, 0);
	assert_string_equal(spool_destination_profile(f.sp, "a.example"), "p2");
	close_spool(&f);
	open_spool(&f);
	assert_string_equal(spool_destination_profile(f.sp, "a.example"), "p2");
	assert_string_equal(spool_destination_profile(f.sp, "b.example"), "p1");
	fixture_done(&f);
}

static void
a_second_instance_is_refused(void **state)
{
	struct fixture f;
	struct spool *other = NULL;
	struct err e;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_int_equal(spool_open(f.loop, &f.settings, &other, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_BUSY);
	close_spool(&f);
	open_spool(&f);
	fixture_done(&f);
}

static const struct {
	const char *name, *sql;
	enum err_kind kind;
} unusable[] = {
	{ "a newer schema", "PRAGMA user_version=999", ERR_CONFIG },
	{ "a database of another program", "PRAGMA application_id=77", ERR_CORRUPT },
};

static void
a_database_that_is_not_ours_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
		struct fixture f;
		struct err e;
		fixture_init(&f);
		open_spool(&f);
		close_spool(&f);
		tamper(&f, unusable[i].sql);
		assert_int_equal(try_open(&f, &e), -1);
		if (e.kind != unusable[i].kind)
			fail_msg("%s: got %s (%s)", unusable[i].name,
				 err_kind_name(e.kind), e.text);
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mids_are_never_given_twice),
		cmocka_unit_test(destination_profiles_survive),
		cmocka_unit_test(a_second_instance_is_refused),
		cmocka_unit_test(a_database_that_is_not_ours_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

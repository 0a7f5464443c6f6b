/*
 * test_secret.c - each spool has a secret of its own, for all its life.
 */
#include "spool_fixture.h"

#define COUNT "SELECT count(*) FROM meta WHERE key = 'secret' AND length(value) = 32"

static void
copy_secret(struct fixture *f, uint8_t to[SPOOL_SECRET_BYTES])
{
	memcpy(to, spool_secret(f->sp), SPOOL_SECRET_BYTES);
}

static void
a_secret_outlives_a_restart(void **state)
{
	uint8_t before[SPOOL_SECRET_BYTES];
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	copy_secret(&f, before);
	close_spool(&f);
	assert_int_equal(ask(&f, COUNT " AND typeof(value) = 'blob'"), 1);
	open_spool(&f);
	assert_memory_equal(spool_secret(f.sp), before, sizeof(before));
	fixture_done(&f);
}

static void
two_spools_have_two_secrets(void **state)
{
	static const uint8_t nothing[SPOOL_SECRET_BYTES];
	struct fixture a, b;

	(void)state;
	fixture_init(&a);
	fixture_init(&b);
	open_spool(&a);
	open_spool(&b);
	assert_memory_not_equal(spool_secret(a.sp), spool_secret(b.sp),
				SPOOL_SECRET_BYTES);
	assert_memory_not_equal(spool_secret(a.sp), nothing, sizeof(nothing));
	fixture_done(&a);
	fixture_done(&b);
}

static const struct {
	const char *name, *sql;
} damages[] = {
	{ "a spool without one", "DELETE FROM meta WHERE key = 'secret'" },
	{ "one that is too short",
	  "UPDATE meta SET value = substr(value, 2) WHERE key = 'secret'" },
	{ "one that is no blob",
	  "UPDATE meta SET value = hex(substr(value, 1, 16)) WHERE key = 'secret'" },
	{ "one that is a number", "UPDATE meta SET value = 7 WHERE key = 'secret'" },
	{ "one that is NULL", "UPDATE meta SET value = NULL WHERE key = 'secret'" },
};

static void
what_is_no_secret_is_made_anew_at_the_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		uint8_t before[SPOOL_SECRET_BYTES], after[SPOOL_SECRET_BYTES];
		struct fixture f;
		fixture_init(&f);
		open_spool(&f);
		copy_secret(&f, before);
		close_spool(&f);
		tamper(&f, damages[i].sql);
		open_spool(&f);
		copy_secret(&f, after);
		close_spool(&f);
		if (memcmp(before, after, sizeof(before)) == 0 || ask(&f, COUNT) != 1)
			fail_msg("%s: no new secret was kept", damages[i].name);
		open_spool(&f);
		assert_memory_equal(spool_secret(f.sp), after, sizeof(after));
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_outlives_a_restart),
		cmocka_unit_test(two_spools_have_two_secrets),
		cmocka_unit_test(what_is_no_secret_is_made_anew_at_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

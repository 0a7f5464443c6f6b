/*
 * test_policies.c - damaged rows of policies, profiles and of what refers to them: the spool
 * opens, no mail is hidden, and what nobody would ask for is quarantined.
 */
#include "spool_fixture.h"

#include "tdc/base/counter.h"

/* By other hands: a column that must not be NULL is. */
#define LOOSE(table, column, change)                                                     \
	"PRAGMA writable_schema=ON;"                                                     \
	"UPDATE sqlite_schema SET sql = replace(sql, '" column " TEXT NOT NULL UNIQUE'," \
	" '" column " TEXT UNIQUE') WHERE name = '" table "';"                           \
	"PRAGMA writable_schema=RESET;" change ";"                                       \
	"PRAGMA writable_schema=ON;"                                                     \
	"UPDATE sqlite_schema SET sql = replace(sql, '" column " TEXT UNIQUE',"          \
	" '" column " TEXT NOT NULL UNIQUE') WHERE name = '" table "'"

/* The index has the old name. */
#define STALE_NAME                                                                       \
	"PRAGMA writable_schema=ON;"                                                     \
	"UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE', '') WHERE name = "        \
	"'policy'; CREATE TABLE aside AS SELECT * FROM sqlite_schema WHERE tbl_name = "  \
	"'policy' AND type = 'index';"                                                   \
	"DELETE FROM sqlite_schema WHERE tbl_name = 'policy' AND type = 'index';"        \
	"PRAGMA writable_schema=RESET; UPDATE policy SET name = 'RENAMED' WHERE name = " \
	"'DEFAULT'; PRAGMA writable_schema=ON;"                                          \
	"INSERT INTO sqlite_schema SELECT * FROM aside; DROP TABLE aside;"               \
	"UPDATE sqlite_schema SET sql = replace(sql, 'name TEXT NOT NULL ', "            \
	"'name TEXT NOT NULL UNIQUE') WHERE name = 'policy'"

/* Three rows wait for DEFAULT and one for "other"; then the spool is damaged. */
static const struct {
	const char *name, *sql;
	const char *policy;      /* that has mail then */
	unsigned due, corrupt;   /* rows of it; in quarantine */
	uint64_t damaged, stray; /* as the start says */
} cases[] = {
	{ "nothing is damaged", "SELECT 1", "DEFAULT", 3, 0, 0, 0 },
	{ "a policy without a name",
	  LOOSE("policy", "name", "UPDATE policy SET name = NULL WHERE name = 'DEFAULT'"),
	  NULL, 0, 3, 1, 3 },
	{ "a profile without a text",
	  LOOSE("profile", "text",
		"INSERT INTO profile (id, text) VALUES (99, NULL);"
		"INSERT INTO destination VALUES ('x', 99)"),
	  "DEFAULT", 3, 0, 1, 0 },
	{ "a destination whose profile is gone",
	  "INSERT INTO destination VALUES ('x', 98)", "DEFAULT", 3, 0, 1, 0 },
	{ "a profile of an unclean end without a text",
	  LOOSE("profile", "text",
		"INSERT INTO profile (id, text) VALUES (99, NULL);"
		"INSERT INTO unclean VALUES ('x', 1000000, 99)"),
	  "DEFAULT", 3, 0, 0, 0 },
	{ "a policy that says that nothing waits", "UPDATE policy SET waiting = 0",
	  "DEFAULT", 3, 0, 0, 0 },
	{ "a policy with less than nothing",
	  "UPDATE policy SET waiting = -9223372036854775807 - 1", "DEFAULT", 3, 0, 0, 0 },
	{ "a policy that is gone", "DELETE FROM policy WHERE name = 'DEFAULT'", NULL, 0,
	  3, 0, 3 },
	{ "a policy under another name than its index has", STALE_NAME, "RENAMED", 3, 0,
	  0, 0 },
	{ "a journal of a policy that is not there",
	  "UPDATE journal SET policy = 999 WHERE mid = (SELECT min(mid) FROM journal)",
	  "DEFAULT", 2, 1, 0, 1 },
	{ "a journal of a policy beyond all numbers",
	  "UPDATE journal SET policy = 9223372036854775807 WHERE mid ="
	  " (SELECT min(mid) FROM journal)",
	  "DEFAULT", 2, 1, 0, 1 },
	{ "a journal of a negative policy",
	  "UPDATE journal SET policy = -3 WHERE mid = (SELECT min(mid) FROM journal)",
	  "DEFAULT", 2, 1, 0, 1 },
};

static bool
is_waiting(struct fixture *f, const char *policy)
{
	const char *names[8];
	size_t n = spool_waiting_policies(f->sp, names, 8);

	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], policy) == 0)
			return true;
	return false;
}

/* Fetched by whoever delivers: only policies that are said to have mail are asked for. */
static unsigned
count_due(struct fixture *f, const char *policy)
{
	if (!is_waiting(f, policy))
		return 0;
	fetch_due(f, policy, (struct spool_cursor){ 0, 0 }, 100, 1u << 20);
	return (unsigned)f->n_rows;
}

static void
check_case(struct fixture *f, size_t i, uint64_t counted)
{
	const char *name = cases[i].name;

	assert_account(f, name);
	if (f->recovery.damaged_names != cases[i].damaged ||
	    f->recovery.strays != cases[i].stray)
		fail_msg("%s: got %" PRIu64 " names, %" PRIu64 " strays, want %" PRIu64
			 ", %" PRIu64,
			 name, f->recovery.damaged_names, f->recovery.strays,
			 cases[i].damaged, cases[i].stray);
	uint64_t got = spool_account(f->sp)->state[JOURNAL_QUARANTINED];
	if (got != cases[i].corrupt ||
	    counter_get(COUNTER_QUARANTINED) - counted != cases[i].corrupt)
		fail_msg("%s: got %" PRIu64 " in quarantine, want %u", name, got,
			 cases[i].corrupt);
	unsigned due = cases[i].policy == NULL ? 0 : count_due(f, cases[i].policy);
	if (due != cases[i].due)
		fail_msg("%s: got %u due, want %u", name, due, cases[i].due);
	if (count_due(f, "other") != 1)
		fail_msg("%s: the other policy has no mail", name);
	/* New mail is taken, and finds none of the old. */
	uint64_t mid = accept_one(f, "DEFAULT", 9, 200);
	due = count_due(f, "DEFAULT");
	bool is_same = cases[i].policy != NULL && strcmp(cases[i].policy, "DEFAULT") == 0;
	if (due != (is_same ? cases[i].due : 0) + 1 || f->rows[due - 1]->mid != mid)
		fail_msg("%s: got %u due with a new one", name, due);
}

static void
a_damaged_policy_hides_no_mail(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		uint64_t counted = counter_get(COUNTER_QUARANTINED);

		fixture_init(&f);
		open_spool(&f);
		for (uint64_t k = 0; k < 3; k++)
			accept_one(&f, "DEFAULT", k, 200);
		accept_one(&f, "other", 4, 200);
		close_spool(&f);
		tamper(&f, cases[i].sql);
		open_spool(&f);
		check_case(&f, i, counted);
		/* What was put right stays so. */
		close_spool(&f);
		open_spool(&f);
		assert_account(&f, cases[i].name);
		int64_t wrong = ask(
			&f, "SELECT count(*) FROM policy AS p WHERE waiting <> (SELECT"
			    " count(*) FROM journal WHERE policy = p.id AND state IN"
			    " ('waiting', 'uncertain')) AND typeof(name) = 'text'");
		if (f.recovery.strays != 0 || wrong != 0)
			fail_msg("%s: got %" PRIu64 " strays, %" PRId64
				 " wrong numbers at the second start",
				 cases[i].name, f.recovery.strays, wrong);
		fixture_done(&f);
	}
}

/* -- ids -- */

static const struct {
	const char *name, *sql;
} losses[] = {
	{ "the policies are gone", "DELETE FROM policy" },
	{ "the number of the last one is gone, too",
	  "DELETE FROM policy; DELETE FROM meta WHERE key = 'policy_last'" },
	{ "the number of the last one is none",
	  "DELETE FROM policy; UPDATE meta SET value = x'00' WHERE key = 'policy_last'" },
	{ "the number of the last one is beyond all",
	  "DELETE FROM policy; UPDATE meta SET value = 9223372036854775807"
	  " WHERE key = 'policy_last'" },
};

static void
an_id_of_a_policy_is_never_given_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct fixture f;

		fixture_init(&f);
		open_spool(&f);
		uint64_t mid = accept_one(&f, "lost", 1, 200);
		assert_int_equal(change(&f, CHANGE_HOLD, mid), 1);
		close_spool(&f);
		tamper(&f, losses[i].sql);
		open_spool(&f);
		accept_one(&f, "new", 2, 200);
		if (ask(&f, "SELECT count(*) FROM journal AS j JOIN policy AS p ON p.id ="
			    " j.policy") != 1)
			fail_msg("%s: the new policy has the old journal",
				 losses[i].name);
		/* Nor does it wait for nobody when it is released. */
		assert_int_equal(change(&f, CHANGE_RELEASE, mid), 0);
		assert_int_equal(f.error.kind, ERR_CORRUPT);
		assert_int_equal(change(&f, CHANGE_RELEASE, 0), 0);
		assert_int_equal(f.error.kind, ERR_CORRUPT);
		assert_int_equal(change(&f, CHANGE_DELETE, mid), 1);
		assert_account(&f, losses[i].name);
		fixture_done(&f);
	}
}

/* -- many -- */

static void
many_strays_are_set_aside_but_for_one_that_cannot_be(void **state)
{
	enum { ROWS = 1800 };
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++)
		assert_int_equal(begin_accept(&f, i, 10, &plan, 1), 0);
	AWAIT(&f, f.done == ROWS);
	close_spool(&f);
	tamper(&f, "UPDATE journal SET policy = 500 + mid % 7;"
		   "UPDATE journal SET policy = 600 WHERE mid % 3 = 0;"
		   "CREATE TRIGGER no BEFORE UPDATE ON journal WHEN OLD.mid ="
		   " (SELECT min(mid) + 40 FROM journal)"
		   " BEGIN SELECT RAISE(ABORT, 'no'); END");
	open_spool(&f);
	assert_int_equal(f.recovery.strays, ROWS);
	AWAIT(&f, spool_account(f.sp)->state[JOURNAL_QUARANTINED] == ROWS - 1);
	assert_account(&f, "all but one");
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_WAITING], 1);
	close_spool(&f);
	open_spool(&f);
	assert_int_equal(f.recovery.strays, 1);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_policy_hides_no_mail),
		cmocka_unit_test(an_id_of_a_policy_is_never_given_again),
		cmocka_unit_test(many_strays_are_set_aside_but_for_one_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_account.c - the account closes after any sequence of operations, also across
 * restarts.
 *
 * The seed rotates; STORE_SEED repeats a run.
 */
#include "spool_fixture.h"

#include <time.h>

enum { ROUNDS = 400, ROWS_MAX = 3000 };

struct model_row {
	uint64_t mid;
	enum journal_state state;
	bool is_gone;
};

struct model {
	struct model_row rows[ROWS_MAX];
	size_t n;
	uint64_t messages, refused, created, dropped, deleted, delivered;
	uint64_t random;
};

static uint64_t
next_random(struct model *m, uint64_t below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random % below;
}

static void
accept_some(struct fixture *f, struct model *m)
{
	static const char *const policies[] = { "DEFAULT", "vip", "sales" };
	static const size_t sizes[] = { 0, 100, 5000, 40000, 300000 };
	struct spool_plan plans[3] = { { .policy = NULL } };
	size_t n = 1 + (size_t)next_random(m, 3);
	unsigned done = f->done;

	for (size_t i = 0; i < n; i++) {
		plans[i].policy = policies[next_random(m, 3)];
		if (next_random(m, 4) == 0)
			plans[i].drop = (enum drop_reason)(
				1 + next_random(m, DROP_REASON_COUNT - 1));
	}
	if (m->n + n > ROWS_MAX)
		return;
	assert_int_equal(begin_accept(f, m->random, sizes[next_random(m, 5)], plans, n),
			 0);
	if (next_random(m, 2) == 0)
		AWAIT(f, f->done > done);
	m->messages++;
	m->created += n;
	for (size_t i = 0; i < n; i++) {
		m->dropped += plans[i].drop != DROP_NONE;
		if (plans[i].drop == DROP_NONE)
			m->rows[m->n++] = (struct model_row){ plans[i].mid,
							      JOURNAL_WAITING, false };
	}
}

static void
record_some(struct fixture *f, struct model *m)
{
	static const enum journal_state after[] = {
		[OUTCOME_DELIVERED] = JOURNAL_DELIVERED,
		[OUTCOME_SOFT] = JOURNAL_WAITING,
		[OUTCOME_UNCERTAIN] = JOURNAL_UNCERTAIN,
		[OUTCOME_DEAD] = JOURNAL_DEAD,
		[OUTCOME_HELD] = JOURNAL_HELD,
		[OUTCOME_QUARANTINED] = JOURNAL_QUARANTINED,
	};
	if (m->n == 0)
		return;
	/*
	 * A file body is on its way to the store thread by another road: its row must be
	 * there first.
	 */
	AWAIT(f, f->done == m->messages);
	struct model_row *r = &m->rows[next_random(m, m->n)];
	enum outcome_kind kind = (enum outcome_kind)next_random(m, OUTCOME_DROPPED + 1);
	record(f, kind, r->mid);
	if (r->is_gone || (r->state != JOURNAL_WAITING && r->state != JOURNAL_UNCERTAIN &&
			   (r->state != JOURNAL_HELD || kind != OUTCOME_DELIVERED)))
		return;
	if (kind == OUTCOME_DROPPED) {
		r->is_gone = true;
		m->dropped++;
		return;
	}
	r->state = after[kind];
	m->delivered += kind == OUTCOME_DELIVERED;
}

static bool
applies(enum spool_change what, enum journal_state s)
{
	bool waits = s == JOURNAL_WAITING || s == JOURNAL_UNCERTAIN;
	switch (what) {
	case CHANGE_HOLD:
		return waits;
	case CHANGE_RELEASE:
		return s == JOURNAL_HELD;
	case CHANGE_RETRY_DEAD:
		return s == JOURNAL_DEAD;
	case CHANGE_RETRY_QUARANTINED:
		return s == JOURNAL_QUARANTINED;
	case CHANGE_DELETE:
		return s != JOURNAL_DELIVERED;
	case CHANGE_DUE_NOW:
		return s == JOURNAL_WAITING;
	}
	return false;
}

static void
change_model(struct model *m, struct model_row *r, enum spool_change what)
{
	if (r->is_gone || !applies(what, r->state))
		return;
	if (what == CHANGE_HOLD)
		r->state = JOURNAL_HELD;
	if (what == CHANGE_RELEASE || what == CHANGE_RETRY_DEAD ||
	    what == CHANGE_RETRY_QUARANTINED)
		r->state = JOURNAL_WAITING;
	if (what == CHANGE_DELETE) {
		r->is_gone = true;
		m->deleted++;
	}
}

static void
change_some(struct fixture *f, struct model *m)
{
	enum spool_change what =
		(enum spool_change)next_random(m, CHANGE_RETRY_QUARANTINED + 1);
	bool is_all = next_random(m, 12) == 0;

	if (m->n == 0)
		return;
	AWAIT(f, f->done == m->messages);
	struct model_row *r = &m->rows[next_random(m, m->n)];
	change(f, what, is_all ? 0 : r->mid);
	if (!is_all)
		change_model(m, r, what);
	for (size_t i = 0; i < m->n && is_all; i++)
		change_model(m, &m->rows[i], what);
}

static void
compare(struct fixture *f, struct model *m, const char *row)
{
	uint64_t states[JOURNAL_STATE_COUNT] = { 0 }, dropped = 0, created = 0;

	AWAIT(f, f->done == m->messages);
	assert_account(f, row);
	const struct spool_account *a = spool_account(f->sp);
	for (size_t i = 0; i < m->n; i++)
		if (!m->rows[i].is_gone)
			states[m->rows[i].state]++;
	states[JOURNAL_DELIVERED] = m->delivered;
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		dropped += a->dropped[i];
	for (int i = 0; i < MESSAGE_SOURCE_COUNT; i++)
		created += a->created[i];
	if (a->messages != m->messages || created != m->created ||
	    dropped != m->dropped || a->deleted != m->deleted || a->refused != m->refused)
		fail_msg("%s: messages %" PRIu64 "/%" PRIu64 " created %" PRIu64
			 "/%" PRIu64 " dropped %" PRIu64 "/%" PRIu64 " deleted %" PRIu64
			 "/%" PRIu64 " (got/want)",
			 row, a->messages, m->messages, created, m->created, dropped,
			 m->dropped, a->deleted, m->deleted);
	for (int i = 0; i < JOURNAL_STATE_COUNT; i++)
		if (a->state[i] != states[i])
			fail_msg("%s: %s: got %" PRIu64 ", want %" PRIu64, row,
				 journal_state_name((enum journal_state)i), a->state[i],
				 states[i]);
}

static void
run(int64_t retention_ms, uint64_t seed)
{
	struct fixture f;
	struct model *m = calloc(1, sizeof(*m));
	char row[64];

	m->random = seed;
	fixture_init(&f);
	f.settings.retention_ms = retention_ms;
	f.settings.segment_size = 256 * 1024;
	open_spool(&f);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(row, sizeof(row), "seed %" PRIu64 ", step %d", seed, i);
		uint64_t dice = next_random(m, 20);
		if (dice < 8)
			accept_some(&f, m);
		else if (dice < 14)
			record_some(&f, m);
		else if (dice < 17)
			change_some(&f, m);
		else if (dice < 18) {
			spool_count_refused(f.sp);
			m->refused++;
		} else if (dice < 19)
			compare(&f, m, row);
		else if (next_random(m, 3) == 0) {
			AWAIT(&f, f.done == m->messages);
			close_spool(&f);
			open_spool(&f);
		}
		forget_fresh(&f);
	}
	compare(&f, m, "at the end");
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM body AS b WHERE refs <>"
				 " (SELECT count(*) FROM message WHERE body = b.id)"),
			 0);
	assert_int_equal(ask(&f, "SELECT count(*) FROM segment AS s WHERE live_bytes <>"
				 " (SELECT total(size) FROM body WHERE segment = s.id)"),
			 0);
	assert_int_equal(ask(&f, "SELECT count(*) FROM message WHERE mid NOT IN"
				 " (SELECT message FROM journal)"),
			 0);
	assert_int_equal(
		ask(&f,
		    "SELECT count(*) FROM policy AS p WHERE waiting <> (SELECT count(*)"
		    " FROM journal WHERE policy = p.id AND state IN ('waiting', "
		    "'uncertain'))"),
		0);
	fixture_done(&f);
	free(m);
}

static void
the_account_closes_without_retention(void **state)
{
	run(0, *(uint64_t *)*state);
}

static void
the_account_closes_with_retention(void **state)
{
	run(3600000, *(uint64_t *)*state ^ 0x5555);
}

int
main(void)
{
	const char *given = getenv("STORE_SEED");
	static uint64_t seed;

	seed = given != NULL ? strtoull(given, NULL, 10)
			     : (uint64_t)time(NULL) * 2654435761u + 1;
	print_message("STORE_SEED=%" PRIu64 "\n", seed);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(the_account_closes_without_retention, &seed),
		cmocka_unit_test_prestate(the_account_closes_with_retention, &seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

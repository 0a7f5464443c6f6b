/*
 * test_memory.c - SQLite without memory while a row is read: it is said so, and neither is
 * the row called damaged nor anything of it left out.
 */
#include "spool_fixture.h"

enum { RECIPIENTS = 600 }; /* a list of more than a page */

static sqlite3_mem_methods beneath;
static _Thread_local int until_failure; /* 0: none */
static _Thread_local bool is_lasting, has_failed;

static bool
fails(void)
{
	if (until_failure == 0 || (until_failure > 1 && until_failure--))
		return false;
	has_failed = true;
	if (!is_lasting)
		until_failure = 0;
	return true;
}

static void *
failing_malloc(int n)
{
	return fails() ? NULL : beneath.xMalloc(n);
}

static void *
failing_realloc(void *p, int n)
{
	return fails() ? NULL : beneath.xRealloc(p, n);
}

static int
install_memory(void **state)
{
	sqlite3_mem_methods m;

	(void)state;
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &beneath) != SQLITE_OK)
		return -1;
	m = beneath;
	m.xMalloc = failing_malloc;
	m.xRealloc = failing_realloc;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &m) == SQLITE_OK ? 0 : -1;
}

static uint64_t
accept_with_many_recipients(struct fixture *f)
{
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct body_facts facts = make_facts(1, 7000);
	struct spool_draft *d;
	char address[64];

	assert_int_equal(spool_draft_new(f->sp, 0, &d, &f->error), 0);
	assert_int_equal(fill_draft(f, d, 1, 7000, &f->error), 0);
	struct spool_message *m = make_message(f);
	for (unsigned i = 1; i < RECIPIENTS; i++) {
		snprintf(address, sizeof(address), "recipient-%u@y.example", i);
		spool_message_add_recipient(m, span_of(address), span_make(NULL, 0), 0,
					    RECIPIENT_FROM_ENVELOPE);
	}
	spool_message_set(&m->client_address, span_of("192.0.2.1"));
	spool_message_set(&m->subject, span_of("a subject behind the list"));
	spool_message_set(&m->header_from, span_of("from@x.example"));
	plan.mid = spool_next_mid(f->sp);
	spool_commit(d, m, &facts, &plan, 1, on_done, f);
	spool_message_unref(m);
	AWAIT(f, f->done == 1);
	assert_int_equal(f->failed, 0);
	return plan.mid;
}

static bool
is_whole(const struct spool_journal *j)
{
	const struct spool_message *m = j->message;

	return m->n_recipients == RECIPIENTS && m->client_address != NULL &&
	       m->subject != NULL && m->header_from != NULL && m->sender[0] != '\0' &&
	       j->policy[0] != '\0' && j->state == JOURNAL_WAITING;
}

static void
check_load(struct db *db, uint64_t mid, enum load_mode mode, int nth)
{
	struct spool_journal *j = NULL;
	struct err e = { .kind = ERR_NONE };

	has_failed = false;
	until_failure = nth;
	int r = load_journal(db, mid, mode, &j, &e);
	bool has_body = r == 1 && load_body_data(db, j->body, &e) == 0;
	until_failure = 0;
	if (r == 1 && !is_whole(j))
		fail_msg("allocation %d: a part of the row is missing; %zu recipients",
			 nth, j->message->n_recipients);
	if (!has_body && e.kind != ERR_MEMORY)
		fail_msg("allocation %d: got %s: %s", nth, err_kind_name(e.kind), e.text);
	spool_journal_free(j);
}

static void
a_row_that_there_is_no_memory_for_is_not_damaged(void **state)
{
	static const struct db_settings settings = { .mode = DB_READ, .cache_kib = 8 };
	static const enum load_mode modes[] = { LOAD_STRICT, LOAD_LENIENT };
	char path[320];
	struct fixture f;
	struct err e;
	unsigned failures = 0;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t mid = accept_with_many_recipients(&f);
	close_spool(&f);
	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f.directory);
	struct db db;
	if (db_open(&db, path, &settings, &e) != 0)
		fail_msg("%s", e.text);
	for (unsigned i = 0; i < 4; i++) {
		is_lasting = i % 2 == 1;
		check_load(&db, mid, modes[i / 2], 0); /* which prepares all there is */
		for (int nth = 1; nth == 1 || has_failed; nth++) {
			check_load(&db, mid, modes[i / 2], nth);
			failures += has_failed;
		}
	}
	db_close(&db);
	print_message("%u allocations failed\n", failures);
	assert_true(failures > 40);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_that_there_is_no_memory_for_is_not_damaged),
	};
	return cmocka_run_group_tests(tests, install_memory, NULL);
}

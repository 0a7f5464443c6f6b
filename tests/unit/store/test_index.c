/*
 * test_index.c - an index that is not of its table (a page that was never written, a bit
 * that flipped): nothing is sent, deleted or hidden on its word alone.
 *
 * A page of the index is put aside, the rows change, and the page comes back. Or the rows
 * change while the schema does not know of the index.
 */
#include "spool_fixture.h"

#include <fcntl.h>

enum { PAGE = DB_PAGE_SIZE };

/* The index is one page where this is used. */
static void
move_page(struct fixture *f, const char *index, char page[PAGE], bool is_write)
{
	char path[320], sql[128];

	snprintf(sql, sizeof(sql), "SELECT rootpage FROM sqlite_schema WHERE name = '%s'",
		 index);
	off_t at = (off_t)(ask(f, sql) - 1) * PAGE;
	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f->directory);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	ssize_t n = is_write ? pwrite(fd, page, PAGE, at) : pread(fd, page, PAGE, at);
	assert_int_equal(n, PAGE);
	close(fd);
}

static unsigned
count_due(struct fixture *f)
{
	const char *names[8];

	if (spool_waiting_policies(f->sp, names, 8) == 0)
		return 0;
	fetch_due(f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 1000, 1u << 20);
	return (unsigned)f->n_rows;
}

/* -- the due queue -- */

static const struct {
	const char *name;
	const char *before, *after; /* of the second of three rows, @ */
	unsigned due, left_out;     /* left_out: the account does not help */
} queues[] = {
	{ "nothing has changed", "SELECT 1", "SELECT 1", 3, 0 },
	{ "it has a row that was delivered", "SELECT 1",
	  "UPDATE journal SET state = 'delivered', ended_at = 1 WHERE mid = @;"
	  "UPDATE account SET n = 2 WHERE term = 'state.waiting';"
	  "INSERT INTO account VALUES ('state.delivered', 1)",
	  2, 0 },
	{ "it has a row that is held", "SELECT 1",
	  "UPDATE journal SET state = 'held' WHERE mid = @;"
	  "UPDATE account SET n = 2 WHERE term = 'state.waiting';"
	  "INSERT INTO account VALUES ('state.held', 1)",
	  2, 0 },
	{ "it has a row that is dead, and the account says nothing of it", "SELECT 1",
	  "UPDATE journal SET state = 'dead' WHERE mid = @", 2, 1 },
	{ "it has a row that is gone", "SELECT 1",
	  "DELETE FROM journal WHERE mid = @;"
	  "UPDATE account SET n = 2 WHERE term = 'state.waiting';"
	  "UPDATE account SET n = 2 WHERE term = 'created.smtp'",
	  2, 0 },
	{ "it lacks a row that waits", "UPDATE journal SET state = 'held' WHERE mid = @",
	  "UPDATE journal SET state = 'waiting' WHERE mid = @", 3, 0 },
};

static void
tamper_row(struct fixture *f, const char *sql, uint64_t mid)
{
	char text[512];
	size_t n = 0;

	for (; *sql != '\0'; sql++)
		n += (size_t)(*sql == '@'
				      ? snprintf(text + n, sizeof(text) - n, "%" PRIu64,
						 mid)
				      : snprintf(text + n, sizeof(text) - n, "%c", *sql));
	tamper(f, text);
}

static void
what_does_not_wait_is_not_sent_and_what_waits_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		const char *name = queues[i].name;
		uint64_t mids[3];
		char page[PAGE];
		struct spool_status s;
		struct fixture f;

		fixture_init(&f);
		f.settings.retention_ms = 1000000000;
		open_spool(&f);
		for (uint64_t k = 0; k < 3; k++)
			mids[k] = accept_one(&f, "DEFAULT", k, 100);
		close_spool(&f);
		tamper_row(&f, queues[i].before, mids[1]);
		move_page(&f, "journal_due", page, false);
		tamper_row(&f, queues[i].after, mids[1]);
		move_page(&f, "journal_due", page, true);
		open_spool(&f);
		for (int look = 0; look < 2; look++)
			if (count_due(&f) != queues[i].due)
				fail_msg("%s: got %zu due, want %u", name, f.n_rows,
					 queues[i].due);
		settle(&f);
		spool_status(f.sp, &s);
		if (s.refused_rows != queues[i].left_out)
			fail_msg("%s: got %" PRIu64 " rows left out, want %u", name,
				 s.refused_rows, queues[i].left_out);
		if (queues[i].left_out == 0)
			assert_account(&f, name);
		close_spool(&f);
		if (queues[i].left_out == 0 &&
		    ask(&f, "SELECT count(*) FROM pragma_integrity_check WHERE"
			    " integrity_check <> 'ok'") != 0)
			fail_msg("%s: the index was not made anew", name);
		fixture_done(&f);
	}
}

/* -- deletions -- */

static const struct {
	const char *name, *index;
	const char *as; /* what a row that waits once was, and the index says still */
	unsigned states;
} deletions[] = {
	{ "the end of the retention", "journal_ended",
	  "UPDATE journal SET state = 'delivered', ended_at = 1 WHERE mid = @", 0 },
	{ "the deletion of all that is dead", "journal_state",
	  "UPDATE journal SET state = 'dead' WHERE mid = @", 1u << JOURNAL_DEAD },
};

static void
what_waits_is_not_deleted_as_something_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(deletions) / sizeof(deletions[0]); i++) {
		const char *name = deletions[i].name;
		uint64_t mids[2];
		char page[PAGE];
		struct fixture f;

		fixture_init(&f);
		open_spool(&f);
		for (uint64_t k = 0; k < 2; k++)
			mids[k] = accept_one(&f, "DEFAULT", k, 100);
		record(&f, OUTCOME_DEAD, mids[1]);
		close_spool(&f);
		tamper_row(&f, deletions[i].as, mids[0]);
		move_page(&f, deletions[i].index, page, false);
		tamper_row(&f,
			   "UPDATE journal SET state = 'waiting', ended_at = NULL"
			   " WHERE mid = @",
			   mids[0]);
		move_page(&f, deletions[i].index, page, true);
		open_spool(&f);
		if (deletions[i].states != 0) {
			f.is_answered = false;
			spool_change_in(f.sp, CHANGE_DELETE, deletions[i].states, 0,
					on_changed, &f);
			AWAIT(&f, f.is_answered);
			assert_int_equal(f.changed, 1);
		}
		for (unsigned k = 0; k < 3; k++) {
			clock_manual_advance(&f.clock, 60000);
			loop_run_once(f.loop, 20, NULL);
			settle(&f);
		}
		struct spool_journal *j = fetch_one(&f, mids[0]);
		if (j == NULL || j->state != JOURNAL_WAITING)
			fail_msg("%s: the row that waits is %s", name,
				 j == NULL ? "gone" : journal_state_name(j->state));
		assert_account(&f, name);
		fixture_done(&f);
	}
}

/* -- rows that nobody asks for -- */

/* The index of the due queue does not hear of a change. */
#define BEHIND_THE_INDEX(change)                                                         \
	"PRAGMA writable_schema=ON;"                                                     \
	"CREATE TABLE aside AS SELECT * FROM sqlite_schema WHERE name = 'journal_due';"  \
	"DELETE FROM sqlite_schema WHERE name = 'journal_due';"                          \
	"PRAGMA writable_schema=RESET;" change ";"                                       \
	"PRAGMA writable_schema=ON;"                                                     \
	"INSERT INTO sqlite_schema SELECT * FROM aside; DROP TABLE aside"

/* So many that a step is full of them. */
static void
strays_that_do_not_wait_are_no_endless_work(void **state)
{
	enum { ROWS = 600 };
	struct spool_plan plan = { .policy = "DEFAULT" };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (uint64_t i = 0; i < ROWS; i++)
		assert_int_equal(begin_accept(&f, i, 10, &plan, 1), 0);
	AWAIT(&f, f.done == ROWS);
	close_spool(&f);
	tamper(&f, "UPDATE journal SET policy = 999");
	/* The account is wrong, too: it does not show that the index is. */
	tamper(&f, BEHIND_THE_INDEX("UPDATE journal SET state = 'held'"));
	open_spool(&f);
	accept_one(&f, "DEFAULT", 1, 100);
	assert_int_equal(count_state(&f, JOURNAL_HELD), ROWS);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_wait_is_not_sent_and_what_waits_is),
		cmocka_unit_test(what_waits_is_not_deleted_as_something_else),
		cmocka_unit_test(strays_that_do_not_wait_are_no_endless_work),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

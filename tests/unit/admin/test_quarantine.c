/*
 * test_quarantine.c - what is damaged stays in quarantine, what is sound gets out.
 */
#include "fixture.h"

#include "tdc/mime/scan.h"

static void
retry_quarantined(struct fixture *f, uint64_t mid)
{
	char path[64];

	snprintf(path, sizeof(path), "/quarantine/%llu/retry", (unsigned long long)mid);
	ask(f, "POST", path);
}

static const struct row {
	const char *name;
	size_t size; /* 0: inline; 60000: a segment; 300000: a file of its own */
	unsigned wrong_facts;
	bool has_wrong_digest, has_wrong_checksum, is_lost;
	const char *reason; /* NULL: it is sound */
} rows[] = {
	{ "a body in its row", 0, 0, false, false, false, NULL },
	{ "a body in a segment", 60000, 0, false, false, false, NULL },
	{ "a body in a file", 300000, 0, false, false, false, NULL },
	{ "facts that only say more of the header", 0, MIME_IS_JOURNAL_REPORT, false,
	  false, false, NULL },
	{ "another SHA-256, in its row", 0, 0, true, false, false,
	  "the body does not match its SHA-256" },
	{ "another SHA-256, in a file", 300000, 0, true, false, false,
	  "the body does not match its SHA-256" },
	{ "another checksum, in a segment", 60000, 0, false, true, false,
	  "the body does not match its checksum" },
	{ "a row that says of the bytes what they are not", 0, MIME_HAS_BARE_LF, false,
	  false, false, "what the body's row says of its bytes is not so" },
	{ "a file that is gone", 300000, 0, false, false, true,
	  "the body's file is gone" },
};

/* Moves the one body's file away or back. */
static void
move_file(struct fixture *f, const char *from, const char *to)
{
	char command[400];

	snprintf(command, sizeof(command),
		 "for f in %s/bodies/*/*%s; do mv \"$f\" \"${f%%%s}%s\"; done",
		 f->spool_directory, from, from, to);
	assert_int_equal(system(command), 0);
}

/* It waits again, and is nobody's business here any more. */
static void
expect_free(struct fixture *f, uint64_t mid)
{
	assert_string_equal(state_of(f, mid), "waiting");
	assert_true(json_is_null(json_object_get(f->body, "reason")));
	assert_int_equal(number(f, "attempts"), 0);
	retry_quarantined(f, mid);
	expect_problem(f, 409, "is waiting; retry is for quarantined journals");
	post(f, mid, "delete?state=quarantined");
	expect_problem(f, 409, "is waiting; delete is for quarantined journals");
	assert_string_equal(state_of(f, mid), "waiting");
}

static void
check_row(struct fixture *f, const struct row *row)
{
	f->body_size = row->size;
	f->wrong_facts = row->wrong_facts;
	f->has_wrong_digest = row->has_wrong_digest;
	f->has_wrong_checksum = row->has_wrong_checksum;
	uint64_t mid = add_journal(f, "a@x");
	end_as(f, mid, OUTCOME_QUARANTINED, JOURNAL_QUARANTINED);
	if (row->is_lost)
		move_file(f, ".body", ".lost");
	retry_quarantined(f, mid);
	int want = row->reason == NULL ? 200 : 409;
	if (f->status != want ||
	    (row->reason != NULL && strstr(text(f, "detail"), row->reason) == NULL))
		fail_msg("%s: want %d, got %d %s", row->name, want, f->status,
			 text(f, "detail"));
	if (row->reason != NULL)
		assert_string_equal(state_of(f, mid), "quarantined");
	if (row->is_lost) {
		move_file(f, ".lost", ".body");
		retry_quarantined(f, mid);
		assert_int_equal(f->status, 200);
	}
	bool is_free = row->reason == NULL || row->is_lost;
	if (is_free)
		expect_free(f, mid);
	assert_int_equal(spool_account_gap(spool_account(f->spool)), 0);
	post(f, mid, is_free ? "delete" : "delete?state=quarantined");
	assert_int_equal(f->status, 200);
}

static void
what_is_sound_gets_out(void **s)
{
	struct fixture *f = *s;
	size_t n = sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < n; i++)
		check_row(f, &rows[i]);
	retry_quarantined(f, 424242);
	expect_problem(f, 404, "there is no MID 424242");
	assert_int_equal(spool_account(f->spool)->deleted, n);
	assert_int_equal(spool_account(f->spool)->state[JOURNAL_QUARANTINED], 0);
}

static void
what_is_quarantined_is_listed(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	add_journal(f, "b@x");
	end_as(f, mid, OUTCOME_QUARANTINED, JOURNAL_QUARANTINED);
	ask(f, "GET", "/quarantine");
	const json_t *list = json_object_get(f->body, "journals");
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(list, 0), "mid")), mid);
	state_of(f, mid);
	assert_non_null(strstr(text(f, "why"), "until an operator retries or deletes"));
	retry_quarantined(f, mid);
	ask(f, "GET", "/account?verify=1");
	assert_true(json_is_true(
		json_object_get(json_object_get(f->body, "verified"), "agrees")));
	ask(f, "POST", "/quarantine/1/delete");
	assert_int_equal(f->status, 404);
}

/* The admin ends while a large body is being looked at: its reader goes with it. */
static void
the_admin_ends_while_a_body_is_read(void **s)
{
	struct fixture *f = *s;
	char request[128];
	struct err e;
	bool is_reading = false;

	f->body_size = 20u << 20;
	uint64_t mid = add_journal(f, "a@x");
	end_as(f, mid, OUTCOME_QUARANTINED, JOURNAL_QUARANTINED);
	int fd = dial(f);
	snprintf(request, sizeof(request),
		 "POST /quarantine/%llu/retry HTTP/1.1\r\nHost: x\r\n\r\n",
		 (unsigned long long)mid);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	for (int i = 0; i < 500 && !is_reading; i++) {
		must(loop_run_once(f->loop, 5, &e), &e);
		struct call *c = (struct call *)(void *)list_first(&f->admin->calls);
		is_reading = c != NULL && c->recheck != NULL;
	}
	assert_true(is_reading);
	admin_free(f->admin);
	f->admin = NULL;
	must(loop_run_once(f->loop, 5, &e), &e);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_FIXTURE(what_is_sound_gets_out),
		AT_FIXTURE(what_is_quarantined_is_listed),
		AT_FIXTURE(the_admin_ends_while_a_body_is_read),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

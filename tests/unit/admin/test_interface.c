/*
 * test_interface.c - requests over the control socket, and their answers.
 */
#include "fixture.h"

#include "tdc/mime/scan.h"

/* ---------------------------------------------------------------- tests */

static void
test_status(void **s)
{
	struct fixture *f = *s;

	add_journal(f, "a@x");
	ask(f, "GET", "/status");
	assert_int_equal(f->status, 200);
	assert_string_equal(f->type, "application/json");
	assert_string_equal(text(f, "version"), "9.9");
	assert_true(number(f, "uptime_seconds") >= 5);
	const json_t *account = json_object_get(f->body, "account");
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(account, "states"), "waiting")),
			 1);
	assert_int_equal(json_integer_value(json_object_get(account, "gap")), 0);
	assert_int_equal(json_array_size(json_object_get(f->body, "listeners")), 1);
	assert_true(json_is_true(
		json_object_get(json_object_get(f->body, "spool"), "is_accepting")));
	assert_true(json_object_size(json_object_get(f->body, "counters")) > 20);
	ask(f, "GET", "/health");
	assert_int_equal(f->status, 200);
	assert_string_equal(text(f, "status"), "ok");
}

static void
test_show(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "alice@outside.example");

	assert_string_equal(state_of(f, mid), "waiting");
	assert_string_equal(text(f, "sender"), "alice@outside.example");
	assert_string_equal(text(f, "subject"),
			    "caf\xC3\xA9 \x1b[31m"); /* the terminal's part is tdcctl's */
	assert_string_equal(text(f, "helo"), "bad \\xff utf8");
	assert_string_equal(text(f, "intake"), "tenant@intake.example");
	assert_string_equal(text(f, "policy"), "DEFAULT");
	assert_true(strlen(text(f, "uid")) == 32);
	assert_non_null(strstr(text(f, "why"), "it is due"));
	const json_t *recipients = json_object_get(f->body, "recipients");
	assert_int_equal(json_array_size(recipients), 2);
	const char *source = json_string_value(
		json_object_get(json_array_get(recipients, 1), "source"));
	assert_string_equal(source, "copy");
	const json_t *facts = json_object_get(json_object_get(f->body, "body"), "facts");
	assert_int_equal(json_array_size(facts), 0);
	f->wrong_facts = MIME_HAS_8BIT | MIME_HEADER_TOO_LARGE | 1u << 30;
	state_of(f, add_journal(f, "a@x"));
	facts = json_object_get(json_object_get(f->body, "body"), "facts");
	assert_int_equal(json_array_size(facts), 2);
	assert_string_equal(json_string_value(json_array_get(facts, 0)), "8-bit");
	assert_string_equal(json_string_value(json_array_get(facts, 1)),
			    "header-too-large");
	ask(f, "GET", "/queue/424242");
	expect_problem(f, 404, "there is no MID 424242; the latest one is 4");
}

static void
test_list(void **s)
{
	struct fixture *f = *s;
	uint64_t first = add_journal(f, "a@x"), second = add_journal(f, ""),
		 third = add_journal(f, "c@x");
	char path[64];

	ask(f, "GET", "/queue?limit=2");
	const json_t *rows = json_object_get(f->body, "journals");
	assert_int_equal(json_array_size(rows), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(rows, 0), "mid")),
		first);
	assert_int_equal(number(f, "next"), second);
	snprintf(path, sizeof(path), "/queue?limit=2&after=%llu",
		 (unsigned long long)second);
	ask(f, "GET", path);
	rows = json_object_get(f->body, "journals");
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(rows, 0), "mid")),
		third);
	assert_true(json_is_null(json_object_get(f->body, "next")));
	ask(f, "GET", "/queue?state=held");
	assert_int_equal(json_array_size(json_object_get(f->body, "journals")), 0);
}

static void
test_actions_on_one(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	post(f, mid, "release");
	expect_problem(f, 409, "is waiting; release is for held journals");
	assert_string_equal(text(f, "state"), "waiting");
	post(f, mid, "hold");
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "changed"), 1);
	assert_string_equal(state_of(f, mid), "held");
	post(f, mid, "hold");
	expect_problem(f, 409, "is held; hold is for waiting or uncertain journals");
	post(f, mid, "delivernow");
	expect_problem(f, 409, "is held; delivernow is for waiting or uncertain");
	post(f, mid, "release");
	assert_string_equal(state_of(f, mid), "waiting");
	post(f, mid, "delivernow"); /* it has no time of its own; that is no failure */
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "changed"), 0);
	end_as(f, mid, OUTCOME_UNCERTAIN, JOURNAL_UNCERTAIN);
	post(f, mid, "delivernow");
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "changed"), 1);
	post(f, mid, "delivernow");
	assert_int_equal(number(f, "changed"), 0);
	assert_string_equal(state_of(f, mid), "uncertain");
	post(f, mid, "hold");
	post(f, mid, "release");
	post(f, mid, "retry");
	expect_problem(f, 409, "retry is for dead journals");
	post(f, mid, "delete?state=dead");
	expect_problem(f, 409, "is waiting; delete is for dead journals");
	post(f, mid, "delete?state=delivered");
	expect_problem(f, 400, "delete is for waiting, uncertain, held, dead or");
	assert_string_equal(state_of(f, mid), "waiting");
	post(f, mid, "delete?state=waiting");
	assert_int_equal(number(f, "changed"), 1);
	assert_string_equal(state_of(f, mid), "gone");
	post(f, mid, "delete");
	expect_problem(f, 404, "nothing is kept of MID");
	assert_int_equal(spool_account(f->spool)->deleted, 1);
	assert_int_equal(spool_account_gap(spool_account(f->spool)), 0);
}

static void
test_dead(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	end_as(f, mid, OUTCOME_DEAD, JOURNAL_DEAD);
	ask(f, "GET", "/dead");
	const json_t *row = json_array_get(json_object_get(f->body, "journals"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "mid")), mid);
	assert_string_equal(json_string_value(json_object_get(row, "last_reply")),
			    "554 5.7.1 no");
	assert_string_equal(state_of(f, mid), "dead");
	assert_string_equal(
		text(f, "why"),
		"hard bounced: the intake refused the content with a 5xx; kept "
		"as a dead letter until an operator retries or deletes it");
	post(f, mid, "hold");
	expect_problem(f, 409, "is dead");
	post(f, mid, "retry");
	assert_int_equal(number(f, "changed"), 1);
	assert_string_equal(state_of(f, mid), "waiting");
	assert_int_equal(number(f, "attempts"), 0);
}

enum { MANY = 1100 }; /* more than two pages of a sweep */

static void
test_actions_on_all(void **s)
{
	struct fixture *f = *s;

	for (int i = 0; i < MANY; i++)
		start_journal(f, "a@x");
	turn_until(f, &f->committed, f->started);
	ask(f, "POST", "/queue/hold");
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "changed"), MANY);
	assert_int_equal(spool_account(f->spool)->state[JOURNAL_HELD], MANY);
	ask(f, "POST", "/queue/delete?state=waiting");
	assert_int_equal(number(f, "changed"), 0);
	ask(f, "POST", "/queue/release?state=dead");
	expect_problem(f, 400, "release is for held journals");
	ask(f, "POST", "/queue/release");
	assert_int_equal(number(f, "changed"), MANY);
	ask(f, "POST", "/queue/delivernow");
	assert_int_equal(f->status, 200);
	ask(f, "POST", "/queue/delete");
	assert_int_equal(number(f, "changed"), MANY);
	assert_int_equal(number(f, "in_flight"), 0);
	assert_int_equal(spool_account(f->spool)->deleted, MANY);
	assert_int_equal(spool_account_gap(spool_account(f->spool)), 0);
}

static void
test_account(void **s)
{
	struct fixture *f = *s;

	add_journal(f, "a@x");
	ask(f, "GET", "/account");
	assert_int_equal(number(f, "created"), 1);
	assert_true(json_object_get(f->body, "verified") == NULL);
	ask(f, "GET", "/account?verify=1");
	const json_t *verified = json_object_get(f->body, "verified");
	assert_true(json_is_true(json_object_get(verified, "agrees")));
	assert_int_equal(json_integer_value(json_object_get(verified, "gap")), 0);
}

static void
expect_lines(const struct fixture *f, const char *key, const char *first,
	     const char *second)
{
	const json_t *lines = json_object_get(f->body, key);

	assert_int_equal(json_array_size(lines), 2);
	assert_string_equal(json_string_value(json_array_get(lines, 0)), first);
	assert_string_equal(json_string_value(json_array_get(lines, 1)), second);
}

static void
test_reload(void **s)
{
	struct fixture *f = *s;

	ask(f, "POST", "/reload");
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "configuration_generation"), 2);
	assert_int_equal(json_array_size(json_object_get(f->body, "warnings")), 0);
	f->reload_warnings = "t:1:1: a\nt:2:2: b\n";
	ask(f, "POST", "/reload");
	assert_int_equal(f->status, 200);
	expect_lines(f, "warnings", "t:1:1: a", "t:2:2: b");
	f->reload_fails = true;
	ask(f, "POST", "/reload");
	expect_problem(f, 422, "listners: unknown key");
	expect_lines(f, "warnings", "t:1:1: a", "t:2:2: b");
	expect_lines(f, "errors", "tdc.yaml:3:1: listners: unknown key",
		     "tdc.yaml:4:1: b\\xff: unknown key");
	f->reload_is_refused = true;
	ask(f, "POST", "/reload");
	expect_problem(f, 503, "the daemon is stopping");
	assert_int_equal(f->reloads, 2);
}

static void
test_the_admin_ends_before_a_reload_does(void **s)
{
	static const char request[] =
		"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
	struct fixture *f = *s;
	struct err e = { 0 };
	int fd = dial(f);

	f->reload_waits = true;
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	for (int i = 0; i < 2000 && f->reload_done == NULL; i++)
		must(loop_run_once(f->loop, 5, &e), &e);
	assert_non_null(f->reload_done);
	admin_free(f->admin);
	f->admin = NULL;
	end_reload(&f->reload_task);
	close(fd);
}

static const struct bad {
	const char *name, *method, *path;
	int status;
	const char *part;
} bads[] = {
	{ "no such path", "GET", "/nothing", 404, "there is no /nothing" },
	{ "the wrong method", "POST", "/status", 405,
	  "/status does not take this method" },
	{ "DELETE on a journal", "DELETE", "/queue/1", 405, "method" },
	{ "an unknown state", "GET", "/queue?state=late", 400,
	  "state late: allowed are" },
	{ "a limit of 0", "GET", "/queue?limit=0", 400,
	  "limit=0: a number from 1 to 1000" },
	{ "a limit over the most", "GET", "/queue?limit=1001", 400, "limit=1001" },
	{ "a negative limit", "GET", "/queue?limit=-1", 400, "limit=-1" },
	{ "a cursor that is none", "GET", "/queue?after=x", 400, "after=x: not a MID" },
	{ "an unknown state to delete", "POST", "/queue/delete?state=late", 400,
	  "state late" },
	{ "delivered journals are not deleted", "POST", "/queue/delete?state=delivered",
	  400, "delete is for" },
	{ "bytes that are no text", "GET", "/q%ff%0a", 404, "there is no /q\\xff" },
};

static void
test_bad_requests(void **s)
{
	struct fixture *f = *s;

	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		ask(f, bads[i].method, bads[i].path);
		if (f->status != bads[i].status ||
		    strstr(text(f, "detail"), bads[i].part) == NULL)
			fail_msg("%s: want %d %s, got %d %s", bads[i].name,
				 bads[i].status, bads[i].part, f->status,
				 text(f, "detail"));
	}
}

static void
test_wrong_methods(void **s)
{
	static const struct {
		const char *method, *path, *want;
	} rows[] = {
		{ "POST", "/status", "GET, HEAD" }, { "DELETE", "/queue/1", "GET, HEAD" },
		{ "GET", "/queue/1/hold", "POST" }, { "GET", "/queue/hold", "POST" },
		{ "PUT", "/reload", "POST" },
	};
	struct fixture *f = *s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(f, rows[i].method, rows[i].path);
		if (f->status != 405 || strcmp(f->allow, rows[i].want) != 0)
			fail_msg("%s %s: got %d, Allow \"%s\", want 405, \"%s\"",
				 rows[i].method, rows[i].path, f->status, f->allow,
				 rows[i].want);
	}
	ask(f, "GET", "/status");
	assert_string_equal(f->allow, "");
}

/* The admin goes while the spool still works for a request: nothing breaks, nothing
 * leaks. */
static void
test_end_under_way(void **s)
{
	struct fixture *f = *s;
	struct err e;
	static const char *const requests[] = {
		"GET /queue HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /account?verify=1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /queue/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST /queue/2/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"GET /queue/2 HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	int fds[sizeof(requests) / sizeof(requests[0])];

	add_journal(f, "a@x");
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		fds[i] = dial(f);
		assert_int_equal(write(fds[i], requests[i], strlen(requests[i])),
				 strlen(requests[i]));
	}
	for (int i = 0; i < 100 && f->admin->calls.count == 0; i++)
		must(loop_run_once(f->loop, 5, &e), &e);
	assert_true(f->admin->calls.count > 0);
	admin_free(f->admin);
	f->admin = NULL;
	for (int i = 0; i < 50; i++)
		must(loop_run_once(f->loop, 5, &e), &e);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		close(fds[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_FIXTURE(test_status),
		AT_FIXTURE(test_show),
		AT_FIXTURE(test_list),
		AT_FIXTURE(test_actions_on_one),
		AT_FIXTURE(test_dead),
		AT_FIXTURE(test_actions_on_all),
		AT_FIXTURE(test_account),
		AT_FIXTURE(test_reload),
		AT_FIXTURE(test_the_admin_ends_before_a_reload_does),
		AT_FIXTURE(test_bad_requests),
		AT_FIXTURE(test_wrong_methods),
		AT_FIXTURE(test_end_under_way),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

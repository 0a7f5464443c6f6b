/*
 * test_messages.c - the MID of a message, which a mail server was told: it stands for the
 * journals of that message, and is never one of theirs.
 */
#include "fixture.h"

static const json_t *
journal(const struct fixture *f, size_t i)
{
	return json_array_get(json_object_get(f->body, "journals"), i);
}

static long long
mid_of(const json_t *o)
{
	return (long long)json_integer_value(json_object_get(o, "mid"));
}

static const char *
member(const json_t *o, const char *key)
{
	const char *value = json_string_value(json_object_get(o, key));

	return value == NULL ? "(none)" : value;
}

static void
look_at(struct fixture *f, uint64_t mid)
{
	state_of(f, mid);
}

static void
test_show_of_a_message_has_its_journals(void **s)
{
	struct fixture *f = *s;

	f->n_journals = 2;
	uint64_t first = add_journal(f, "alice@outside.example"), message = first - 1;
	end_as(f, first, OUTCOME_DEAD, JOURNAL_DEAD);
	look_at(f, message);
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "message_mid"), message);
	assert_null(json_object_get(f->body, "mid"));
	assert_string_equal(text(f, "sender"), "alice@outside.example");
	assert_int_equal(json_array_size(json_object_get(f->body, "recipients")), 2);
	assert_non_null(json_object_get(f->body, "body"));
	assert_true(strlen(text(f, "accepted_at")) > 20);
	assert_int_equal(json_array_size(json_object_get(f->body, "journals")), 2);
	assert_int_equal(mid_of(journal(f, 0)), first);
	assert_string_equal(member(journal(f, 0), "state"), "dead");
	assert_string_equal(member(journal(f, 0), "last_reply"), "554 5.7.1 no");
	assert_non_null(strstr(member(journal(f, 0), "why"), "hard bounced"));
	assert_string_equal(
		member(json_object_get(journal(f, 0), "destination"), "domain"),
		"intake.example");
	assert_null(json_object_get(journal(f, 0), "sender"));
	assert_int_equal(mid_of(journal(f, 1)), first + 1);
	assert_string_equal(member(journal(f, 1), "state"), "waiting");
}

static void
test_an_action_on_a_message_is_on_its_journals(void **s)
{
	struct fixture *f = *s;

	f->n_journals = 3;
	uint64_t other = add_journal(f, "a@x"), first = add_journal(f, "a@x"),
		 message = first - 1;
	post(f, message, "hold");
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "message_mid"), message);
	assert_int_equal(number(f, "changed"), 3);
	assert_string_equal(text(f, "done"), "held");
	assert_int_equal(spool_account(f->spool)->state[JOURNAL_HELD], 3);
	assert_string_equal(state_of(f, other), "waiting");
	post(f, message, "hold");
	expect_problem(f, 409, "has no journal that is waiting or uncertain: ");
	expect_problem(f, 409, " is held, ");
	post(f, first, "delete");
	post(f, message, "release");
	assert_int_equal(number(f, "changed"), 2);
	assert_string_equal(state_of(f, first + 1), "waiting");
	post(f, message, "delivernow"); /* due already, which is no failure */
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "changed"), 0);
	end_as(f, first + 1, OUTCOME_DEAD, JOURNAL_DEAD);
	post(f, message, "retry?state=dead");
	assert_int_equal(number(f, "changed"), 1);
	post(f, message, "delete?state=held");
	expect_problem(f, 409, "has no journal that is held");
	post(f, message, "delete");
	assert_int_equal(number(f, "changed"), 2);
	assert_int_equal(spool_account(f->spool)->deleted, 3);
	post(f, message, "delete");
	expect_problem(f, 404, "nothing is kept of MID");
	assert_string_equal(state_of(f, other), "waiting");
	assert_int_equal(spool_account_gap(spool_account(f->spool)), 0);
}

/* The same request over two connections, so that both find the journals before either
 * changes them. */
static void
ask_twice(struct fixture *f, uint64_t mid, const char *action, int status[2],
	  long long *changed, char detail[ERR_TEXT_MAX])
{
	char path[64];
	int fds[2];

	*changed = 0;
	snprintf(path, sizeof(path), "/queue/%llu/%s", (unsigned long long)mid, action);
	for (int i = 0; i < 2; i++)
		fds[i] = begin(f, "POST", path);
	for (int i = 0; i < 2; i++) {
		finish(f, fds[i]);
		status[i] = f->status;
		*changed += number(f, "changed");
		if (f->status == 200)
			assert_int_not_equal(number(f, "changed"), 0);
		else
			snprintf(detail, ERR_TEXT_MAX, "%s", text(f, "detail"));
	}
}

static void
test_who_comes_second_hears_what_became_of_the_journals(void **s)
{
	struct fixture *f = *s;
	char detail[ERR_TEXT_MAX];
	long long changed;
	int status[2];

	f->n_journals = 3;
	uint64_t message = add_journal(f, "a@x") - 1;
	ask_twice(f, message, "hold", status, &changed, detail);
	assert_int_equal(changed, 3);
	assert_int_equal(status[0] + status[1], 200 + 409);
	assert_non_null(strstr(detail, "has no journal that is waiting or uncertain: "));
	ask_twice(f, message, "delete", status, &changed, detail);
	assert_int_equal(changed, 3);
	assert_int_equal(status[0] + status[1], 200 + 404);
	assert_non_null(strstr(detail, "nothing is kept of MID"));
}

static void
test_a_message_leaves_the_quarantine_by_its_one_journal(void **s)
{
	struct fixture *f = *s;
	char path[64];

	f->n_journals = 2;
	uint64_t first = add_journal(f, "a@x");
	snprintf(path, sizeof(path), "/quarantine/%llu/retry",
		 (unsigned long long)first - 1);
	ask(f, "POST", path);
	expect_problem(f, 409, "has no journal that is quarantined");
	end_as(f, first, OUTCOME_QUARANTINED, JOURNAL_QUARANTINED);
	end_as(f, first + 1, OUTCOME_QUARANTINED, JOURNAL_QUARANTINED);
	ask(f, "POST", path);
	expect_problem(f, 409, "has 2 journals that are quarantined; name one of them");
	post(f, first + 1, "delete");
	ask(f, "POST", path);
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "mid"), first);
	assert_string_equal(state_of(f, first), "waiting");
	ask(f, "POST", "/quarantine/424242/retry");
	expect_problem(f, 404, "there is no MID 424242");
}

static void
deliver_one(struct fixture *f, uint64_t mid)
{
	end_as(f, mid, OUTCOME_DELIVERED, JOURNAL_DELIVERED);
}

static void
test_what_was_delivered_is_shown_while_it_is_kept(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	deliver_one(f, mid);
	look_at(f, mid - 1);
	assert_int_equal(f->status, 200);
	assert_string_equal(member(journal(f, 0), "state"), "delivered");
	assert_true(strlen(member(journal(f, 0), "ended_at")) > 20);
	post(f, mid - 1, "delete");
	expect_problem(f, 409, " is delivered");
	mid = add_journal(f, "a@x");
	post(f, mid, "delete");
	look_at(f, mid - 1);
	expect_problem(f, 404, "what was delivered is kept for 3600 s (spool.retention)");
}

static void
test_what_is_not_kept_is_said(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	deliver_one(f, mid);
	look_at(f, mid - 1);
	expect_problem(f, 404, "nothing is kept of MID");
	expect_problem(f, 404, "what was delivered is not kept (spool.retention)");
	look_at(f, mid);
	expect_problem(f, 404, "nothing is kept of MID");
	look_at(f, mid + 1);
	expect_problem(f, 404, "there is no MID");
}

static void
test_a_list_says_when_the_message_was_accepted(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	ask(f, "GET", "/queue");
	char accepted[64], since[64];
	snprintf(accepted, sizeof(accepted), "%s", member(journal(f, 0), "accepted_at"));
	snprintf(since, sizeof(since), "%s", member(journal(f, 0), "in_queue_since"));
	assert_int_equal(
		json_integer_value(json_object_get(journal(f, 0), "message_mid")),
		mid - 1);
	end_as(f, mid, OUTCOME_DEAD, JOURNAL_DEAD);
	usleep(5000);
	post(f, mid, "retry");
	ask(f, "GET", "/queue");
	assert_string_equal(member(journal(f, 0), "accepted_at"), accepted);
	assert_string_not_equal(member(journal(f, 0), "in_queue_since"), since);
	look_at(f, mid);
	assert_string_equal(text(f, "accepted_at"), accepted);
	assert_string_not_equal(text(f, "in_queue_since"), since);
}

/* The admin goes while the journals of a message are being found or changed. */
static void
test_end_under_way(void **s)
{
	struct fixture *f = *s;
	struct err e;
	static const char *const requests[] = {
		"GET /queue/1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /queue/1/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		("POST /quarantine/1/retry HTTP/1.1\r\nHost: x\r\n"
		 "Content-Length: 0\r\n\r\n"),
	};
	enum { REQUESTS = sizeof(requests) / sizeof(requests[0]) };

	f->n_journals = 3;
	uint64_t first = add_journal(f, "a@x");
	assert_int_equal(first, 2);
	/* After each number of turns: it ends in another of their steps. */
	for (int turns = 0; turns < 6; turns++) {
		int fds[REQUESTS];
		for (size_t i = 0; i < REQUESTS; i++) {
			fds[i] = dial(f);
			assert_int_equal(write(fds[i], requests[i], strlen(requests[i])),
					 strlen(requests[i]));
		}
		for (int i = 0; i < 100 && f->admin->calls.count == 0; i++)
			must(loop_run_once(f->loop, 5, &e), &e);
		for (int i = 0; i < turns; i++)
			must(loop_run_once(f->loop, 5, &e), &e);
		admin_free(f->admin);
		f->admin = NULL;
		for (int i = 0; i < 20; i++)
			must(loop_run_once(f->loop, 5, &e), &e);
		for (size_t i = 0; i < REQUESTS; i++)
			close(fds[i]);
		open_admin(f);
	}
	assert_int_equal(spool_account_gap(spool_account(f->spool)), 0);
}

static int
setup_that_keeps(void **s)
{
	return setup_with_retention(s, 3600000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_FIXTURE(test_show_of_a_message_has_its_journals),
		AT_FIXTURE(test_an_action_on_a_message_is_on_its_journals),
		AT_FIXTURE(test_who_comes_second_hears_what_became_of_the_journals),
		AT_FIXTURE(test_a_message_leaves_the_quarantine_by_its_one_journal),
		cmocka_unit_test_setup_teardown(
			test_what_was_delivered_is_shown_while_it_is_kept,
			setup_that_keeps, teardown),
		AT_FIXTURE(test_what_is_not_kept_is_said),
		AT_FIXTURE(test_a_list_says_when_the_message_was_accepted),
		AT_FIXTURE(test_end_under_way),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

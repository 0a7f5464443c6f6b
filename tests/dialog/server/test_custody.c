/*
 * test_custody.c - late answers, failing ones, room, time and the end: when 250 is said, and when not.
 */
#include "fake_host.h"

#include "tdc/base/counter.h"

#define ENVELOPE "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\n"
#define MESSAGE  "DATA\r\na: b\r\n\r\nc\r\n.\r\n"

static void
test_no_250_before_the_commit_and_nothing_overtakes_it(void **state)
{
	struct fake f = { .is_commit_late = true };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, ENVELOPE MESSAGE "NOOP\r\nMAIL FROM:<t@x>\r\nQUIT\r\n");
	assert_int_equal(fake_expect(&f, "the spool has not answered",
				     "220|250|250 2.1.0|250 2.1.5|354"),
			 0);
	assert_int_equal(session_wants(f.session), SESSION_WANTS_COMMIT);
	fake_say(&f, "NOOP\r\n");
	assert_int_equal(fake_expect(&f, "more input changes nothing",
				     "220|250|250 2.1.0|250 2.1.5|354"),
			 0);
	uint64_t messages = counter_get(COUNTER_MESSAGES_IN);
	fake_commit_now(&f);
	fake_go_on(&f);
	assert_int_equal(
		fake_expect(
			&f, "now the reply, then the others in their order",
			"220|250|250 2.1.0|250 2.1.5|354|250 2.0.0|250 2.0.0|250 2.1.0|"
			"221 2.0.0"),
		0);
	assert_int_equal(counter_get(COUNTER_MESSAGES_IN), messages + 1);
	assert_non_null(strstr(buf_text(&f.transcript), "250 2.0.0 Ok: queued as 1\r\n"));
	fake_close(&f);
}

/* Every kind of error, at each of the three places where the spool can fail. */
static void
test_no_error_of_the_spool_is_permanent(void **state)
{
	int failed = 0;

	(void)state;
	for (int kind = ERR_MEMORY; kind <= ERR_CORRUPT; kind++) {
		char sentence[64];
		snprintf(sentence, sizeof(sentence), "%s",
			 err_kind_name((enum err_kind)kind));
		const char *code = kind == ERR_SPACE ? "452 4.3.1" : "451 4.3.0";
		char want[128];

		struct fake f = { .commit_fails = (enum err_kind)kind };
		fake_open(&f, NULL);
		fake_say(&f, ENVELOPE MESSAGE);
		snprintf(want, sizeof(want), "220|250|250 2.1.0|250 2.1.5|354|%s", code);
		failed += fake_expect(&f, sentence, want);
		assert_int_equal(f.refused, 0);
		/* The same session can do it again, and then it works. */
		f.commit_fails = ERR_NONE;
		fake_forget(&f);
		fake_say(&f, "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\n" MESSAGE);
		failed += fake_expect(&f, sentence, "250 2.1.0|250 2.1.5|354|250 2.0.0");
		fake_close(&f);

		/* Also what is too large for the spool alone: the listener's limit was told
		 * to the client, and only a reload has made the spool's smaller. */
		f = (struct fake){ .append_fails = (enum err_kind)kind };
		fake_open(&f, NULL);
		fake_say(&f, ENVELOPE MESSAGE);
		snprintf(want, sizeof(want), "220|250|250 2.1.0|250 2.1.5|354|%s", code);
		failed += fake_expect(&f, sentence, want);
		assert_int_equal(f.drafts_open, 0);
		fake_close(&f);

		f = (struct fake){ .draft_new_fails = (enum err_kind)kind };
		fake_open(&f, NULL);
		fake_say(&f, "EHLO c\r\nMAIL FROM:<s@x>\r\n");
		failed += fake_expect(&f, sentence, "220|250|452 4.3.1");
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

static void
test_lmtp_defers_each_recipient(void **state)
{
	struct server_listener_settings s = { .protocol = SERVER_LMTP };
	struct fake f = { .commit_fails = ERR_SPACE };

	(void)state;
	fake_open(&f, &s);
	fake_say(&f, "LHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nRCPT "
		     "TO:<b@y>\r\n" MESSAGE);
	assert_int_equal(
		fake_expect(
			&f, "two recipients, two answers",
			"220|250|250 2.1.0|250 2.1.5|250 2.1.5|354|452 4.3.1|452 4.3.1"),
		0);
	fake_close(&f);
}

/* The disk fills in the middle of a message: the rest is read, then a 4xx; BDAT says so at once. */
static void
test_a_draft_that_spoils_is_deferred_at_the_end(void **state)
{
	struct fake f = { .append_fails = ERR_SPACE, .append_fails_at = 20 };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, ENVELOPE "DATA\r\n");
	fake_say(&f, "0123456789\r\n");
	fake_say(&f, "0123456789\r\n");
	assert_int_equal(f.drafts_open, 0);
	fake_say(&f, "0123456789\r\n.\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\n");
	fake_say(&f, "BDAT 30\r\n012345678901234567890123456789");
	fake_say(&f, "BDAT 4 LAST\r\nMAILNOOP\r\n");
	assert_int_equal(
		fake_expect(
			&f, "both ways",
			"220|250|250 2.1.0|250 2.1.5|354|452 4.3.1|250 2.1.0|250 2.1.5|"
			"452 4.3.1|503 5.5.1|250 2.0.0"),
		0);
	fake_close(&f);
}

static void
test_reading_pauses_while_the_draft_is_full(void **state)
{
	struct fake f = { .full_above = 10, .is_room_late = true };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, ENVELOPE "DATA\r\n");
	fake_say(&f, "0123456789\r\n0123456789\r\n");
	assert_int_equal(session_wants(f.session), SESSION_WANTS_ROOM);
	fake_say(&f, "more\r\n.\r\nNOOP\r\n");
	assert_true(f.input.n > 0);
	assert_int_equal(f.commits, 0);
	fake_room_now(&f);
	f.full_above = 0;
	fake_go_on(&f);
	assert_int_equal(f.commits, 1);
	assert_string_equal(buf_text(&f.body), "0123456789\r\n0123456789\r\nmore\r\n");
	assert_int_equal(
		fake_expect(&f, "and everything is as ever",
			    "220|250|250 2.1.0|250 2.1.5|354|250 2.0.0|250 2.0.0"),
		0);
	fake_close(&f);
}

static void
test_a_chunk_that_ends_while_the_draft_is_full(void **state)
{
	struct fake f = { .full_above = 2, .is_room_late = true };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, ENVELOPE "BDAT 5\r\nabcdeBDAT 0 LAST\r\n");
	assert_int_equal(session_wants(f.session), SESSION_WANTS_ROOM);
	assert_int_equal(fake_expect(&f, "the client waits as well",
				     "220|250|250 2.1.0|250 2.1.5"),
			 0);
	fake_room_now(&f);
	fake_go_on(&f);
	assert_int_equal(fake_expect(&f, "the chunk's reply, then the message's",
				     "220|250|250 2.1.0|250 2.1.5|250 2.0.0|250 2.0.0"),
			 0);
	fake_close(&f);
}

/* Room that never comes is our trouble: the memory is given back, and the client told to come again. */
static void
test_waiting_for_room_has_an_end(void **state)
{
	struct fake f = { .full_above = 10, .is_room_late = true };
	int64_t ms;

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, ENVELOPE "DATA\r\n0123456789\r\n0123456789\r\n");
	assert_int_equal(session_wants(f.session), SESSION_WANTS_ROOM);
	assert_true(session_take_deadline(f.session, &ms));
	assert_in_range(ms, 1, 60 * 1000);
	session_timeout(f.session);
	assert_int_equal(f.drafts_open, 0);
	fake_say(&f, "more\r\n.\r\nNOOP\r\n");
	assert_int_equal(
		fake_expect(&f, "452 behind the data",
			    "220|250|250 2.1.0|250 2.1.5|354|452 4.3.1|250 2.0.0"),
		0);
	fake_close(&f);
}

/* -- time -- */

#define X100                                                                             \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"   \
	"xxxxxxxxxxxxxxxxxxxxxxxx"
#define X600 X100 X100 X100 X100 X100 X100

static const struct {
	const char *sentence;
	const char *say;
	const char *want; /* the replies behind the time-out */
	int64_t ms;
} timeout_rows[] = {
	{ "nothing said at all", "", "421 4.4.2", 1000 },
	{ "idle after the greeting", "EHLO c\r\n", "421 4.4.2", 1000 },
	{ "half a command", "EHLO c\r\nMAIL FR", "421 4.4.2", 2000 },
	{ "half a command within a transaction", ENVELOPE "DA", "421 4.4.2", 2000 },
	{ "behind half a command that was completed", "NOO\nP\r\n", "421 4.4.2", 1000 },
	{ "a line without an end", "EHLO " X600, "421 4.4.2", 2000 },
	{ "behind a line that was too long", "EHLO " X600 "\r\n", "421 4.4.2", 1000 },
	{ "within a transaction", "EHLO c\r\nMAIL FROM:<s@x>\r\n", "421 4.4.2", 2000 },
	{ "within the data", ENVELOPE "DATA\r\nhalf", "421 4.4.2", 3000 },
	{ "within a chunk", ENVELOPE "BDAT 10\r\nhalf", "421 4.4.2", 3000 },
	{ "between chunks", ENVELOPE "BDAT 4\r\nhalf", "421 4.4.2", 2000 },
	{ "while octets are skipped", "BDAT 10\r\nhalf", "421 4.4.2", 3000 },
	{ "never while the spool works", ENVELOPE MESSAGE, "", 0 },
};

static void
test_timeouts(void **state)
{
	struct server_listener_settings s = { .idle_timeout_ms = 1000,
					      .command_timeout_ms = 2000,
					      .data_timeout_ms = 3000,
					      .command_line_max = 512 };
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(timeout_rows) / sizeof(timeout_rows[0]); i++) {
		struct fake f = { .is_commit_late = true };
		int64_t ms = -1;
		fake_open(&f, &s);
		fake_say(&f, timeout_rows[i].say);
		if (!session_take_deadline(f.session, &ms) || ms != timeout_rows[i].ms) {
			print_error("%s: got %lld ms, want %lld\n",
				    timeout_rows[i].sentence, (long long)ms,
				    (long long)timeout_rows[i].ms);
			failed++;
		}
		fake_forget(&f);
		session_timeout(f.session);
		fake_collect(&f);
		failed += fake_expect(&f, timeout_rows[i].sentence, timeout_rows[i].want);
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

/* A client that drips bytes of one command does not move the deadline; one that sends data does. */
static void
test_dripping_bytes_is_no_progress(void **state)
{
	struct fake f = { 0 };
	int64_t ms;

	(void)state;
	fake_open(&f, NULL);
	session_take_deadline(f.session, &ms);
	fake_say(&f, "NO");
	assert_true(session_take_deadline(f.session, &ms)); /* the line's own time */
	fake_say(&f, "O");
	assert_false(session_take_deadline(f.session, &ms));
	fake_say(&f, "P\r\n");
	assert_true(session_take_deadline(f.session, &ms));
	fake_say(&f, ENVELOPE "DATA\r\n");
	session_take_deadline(f.session, &ms);
	fake_say(&f, "x");
	assert_true(session_take_deadline(f.session, &ms));
	assert_false(session_take_deadline(f.session, &ms));
	fake_close(&f);
}

/* -- the client goes away -- */

static const struct {
	const char *sentence;
	const char *say;
} lost_rows[] = {
	{ "at once", "" },
	{ "in the middle of a command", "EHLO c\r\nMAI" },
	{ "within a transaction", ENVELOPE },
	{ "in the data", ENVELOPE "DATA\r\nhalf a line" },
	{ "with only the dot missing", ENVELOPE "DATA\r\na\r\n" },
	{ "with only the last LF missing", ENVELOPE "DATA\r\na\r\n.\r" },
	{ "in a chunk", ENVELOPE "BDAT 10 LAST\r\n012345678" },
	{ "between chunks", ENVELOPE "BDAT 1\r\nx" },
};

static void
test_a_client_that_is_gone_leaves_nothing(void **state)
{
	struct err e = { .kind = ERR_NETWORK, .text = "reset" };

	(void)state;
	for (size_t i = 0; i < sizeof(lost_rows) / sizeof(lost_rows[0]); i++)
		for (int broken = 0; broken <= 1; broken++) {
			struct fake f = { 0 };
			fake_open(&f, NULL);
			fake_say(&f, lost_rows[i].say);
			fake_forget(&f);
			session_lost(f.session, broken ? &e : NULL);
			fake_collect(&f);
			if (f.drafts_open != 0 || f.commits != 0 || f.transcript.n != 0 ||
			    session_wants(f.session) != SESSION_WANTS_CLOSE)
				print_error("%s\n", lost_rows[i].sentence);
			assert_int_equal(f.drafts_open, 0);
			assert_int_equal(f.commits, 0);
			assert_int_equal(f.transcript.n, 0);
			assert_int_equal(session_wants(f.session), SESSION_WANTS_CLOSE);
			fake_close(&f);
		}
}

static void
test_a_client_that_is_gone_during_the_commit_is_waited_for(void **state)
{
	struct fake f = { .is_commit_late = true };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, ENVELOPE MESSAGE);
	fake_forget(&f);
	session_lost(f.session, NULL);
	assert_int_equal(session_wants(f.session), SESSION_WANTS_COMMIT);
	fake_commit_now(&f);
	assert_int_equal(session_wants(f.session), SESSION_WANTS_CLOSE);
	assert_int_equal(f.transcript.n, 0);
	fake_close(&f);
}

/* -- stopping -- */

static const struct {
	const char *sentence;
	const char *before;
	const char *at_stop; /* replies to the stop */
	const char *after;   /* said behind it */
	const char *at_end;  /* all replies from the stop on */
	const char *at_once; /* replies when the grace time is over at once */
} stop_rows[] = {
	{ "an idle session", "EHLO c\r\n", "421 4.3.2", "", "421 4.3.2", "421 4.3.2" },
	{ "one that said nothing", "", "421 4.3.2", "", "421 4.3.2", "421 4.3.2" },
	{ "a transaction may end", ENVELOPE, "", MESSAGE "MAIL FROM:<s@x>\r\n",
	  "354|250 2.0.0|421 4.3.2", "421 4.3.2" },
	{ "data may end", ENVELOPE "DATA\r\nx", "", "\r\n.\r\nNOOP\r\n",
	  "250 2.0.0|421 4.3.2", "421 4.3.2" },
	{ "chunks may end", ENVELOPE "BDAT 1\r\nx", "", "BDAT 1 LAST\r\ny",
	  "250 2.0.0|421 4.3.2", "421 4.3.2" },
	{ "a reset is an end", ENVELOPE, "", "RSET\r\nMAIL FROM:<s@x>\r\n",
	  "250 2.0.0|421 4.3.2", "421 4.3.2" },
};

static void
test_stopping(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(stop_rows) / sizeof(stop_rows[0]); i++) {
		struct fake f = { 0 };
		fake_open(&f, NULL);
		fake_say(&f, stop_rows[i].before);
		fake_forget(&f);
		session_stop(f.session);
		fake_collect(&f);
		failed += fake_expect(&f, stop_rows[i].sentence, stop_rows[i].at_stop);
		fake_say(&f, stop_rows[i].after);
		failed += fake_expect(&f, stop_rows[i].sentence, stop_rows[i].at_end);
		failed += session_wants(f.session) != SESSION_WANTS_CLOSE;
		fake_close(&f);

		f = (struct fake){ 0 };
		fake_open(&f, NULL);
		fake_say(&f, stop_rows[i].before);
		fake_forget(&f);
		session_stop_now(f.session);
		fake_collect(&f);
		failed += fake_expect(&f, stop_rows[i].sentence, stop_rows[i].at_once);
		failed += f.drafts_open != 0;
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

static void
test_a_commit_is_waited_for_even_when_the_grace_time_is_over(void **state)
{
	struct fake f = { .is_commit_late = true };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, ENVELOPE MESSAGE "NOOP\r\n");
	fake_forget(&f);
	session_stop(f.session);
	session_stop_now(f.session);
	assert_int_equal(session_wants(f.session), SESSION_WANTS_COMMIT);
	fake_commit_now(&f);
	fake_go_on(&f);
	assert_int_equal(fake_expect(&f, "first the answer", "250 2.0.0|421 4.3.2"), 0);
	fake_close(&f);
}

/* -- the negative control -- */

static void
test_the_negative_control_lies(void **state)
{
	struct fake f = { .is_commit_late = true, .commit_fails = ERR_IO };

	(void)state;
#ifndef TDC_FAULTS
	print_message("built without faults: nothing to control\n");
#else
	setenv("TDC_FAULT", "server.early-250", 1);
	fake_open(&f, NULL);
	fake_say(&f, ENVELOPE MESSAGE);
	assert_int_equal(fake_expect(&f, "250 without a commit",
				     "220|250|250 2.1.0|250 2.1.5|354|250 2.0.0"),
			 0);
	assert_true(f.is_commit_pending);
	fake_commit_now(&f);
	assert_int_equal(fake_expect(&f, "and no second reply",
				     "220|250|250 2.1.0|250 2.1.5|354|250 2.0.0"),
			 0);
	unsetenv("TDC_FAULT");
	fake_close(&f);
#endif
	(void)f;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_250_before_the_commit_and_nothing_overtakes_it),
		cmocka_unit_test(test_no_error_of_the_spool_is_permanent),
		cmocka_unit_test(test_lmtp_defers_each_recipient),
		cmocka_unit_test(test_a_draft_that_spoils_is_deferred_at_the_end),
		cmocka_unit_test(test_reading_pauses_while_the_draft_is_full),
		cmocka_unit_test(test_a_chunk_that_ends_while_the_draft_is_full),
		cmocka_unit_test(test_waiting_for_room_has_an_end),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_dripping_bytes_is_no_progress),
		cmocka_unit_test(test_a_client_that_is_gone_leaves_nothing),
		cmocka_unit_test(
			test_a_client_that_is_gone_during_the_commit_is_waited_for),
		cmocka_unit_test(test_stopping),
		cmocka_unit_test(
			test_a_commit_is_waited_for_even_when_the_grace_time_is_over),
		cmocka_unit_test(test_the_negative_control_lies),
	};

	return cmocka_run_group_tests(tests, fake_quiet, fake_loud);
}

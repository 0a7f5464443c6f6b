/*
 * test_verdicts.c - every reply class to every command, and how long a journal may wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/outcome.h"

#include <stdio.h>
#include <string.h>

static const char *const words[] = {
	[VERDICT_GOOD] = "good",       [VERDICT_BACK_OFF] = "back off",
	[VERDICT_SUSPEND] = "suspend", [VERDICT_SOFT] = "soft",
	[VERDICT_DEAD] = "dead",       [VERDICT_TOO_LARGE] = "too large",
	[VERDICT_NO_BDAT] = "no BDAT", [VERDICT_BREAK] = "break",
};

static void
each_reply_to_each_command_has_one_meaning(void **state)
{
	static const struct {
		enum command command;
		const char *want; /* 250, 354, 450, 550, 421 */
	} rows[] = {
		{ COMMAND_GREETING, "good, break, back off, suspend, back off" },
		{ COMMAND_EHLO, "good, break, back off, suspend, back off" },
		{ COMMAND_STARTTLS, "good, break, back off, suspend, back off" },
		{ COMMAND_MAIL, "good, break, back off, suspend, back off" },
		{ COMMAND_RCPT, "good, break, back off, suspend, back off" },
		{ COMMAND_DATA, "break, good, back off, suspend, back off" },
		{ COMMAND_BDAT, "good, break, soft, dead, soft" },
		{ COMMAND_CONTENT, "good, break, soft, dead, soft" },
		{ COMMAND_QUIT, "good, good, good, good, good" },
	};
	static const int codes[] = { 250, 354, 450, 550, 421 };

	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), COMMAND_COUNT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[256] = "";
		for (size_t k = 0; k < 5; k++) {
			struct smtp_reply reply = { .code = codes[k] };
			strcat(got, k == 0 ? "" : ", ");
			strcat(got, words[verdict_of(rows[i].command, &reply)]);
		}
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: got %s, want %s", command_name(rows[i].command),
				 got, rows[i].want);
	}
}

static void
some_codes_mean_more_than_their_class(void **state)
{
	static const struct {
		const char *name;
		enum command command;
		int code;
		const char *enhanced;
		enum verdict want;
	} rows[] = {
		{ "552 to MAIL is about the size", COMMAND_MAIL, 552, "",
		  VERDICT_TOO_LARGE },
		{ "5.3.4 to MAIL is about the size", COMMAND_MAIL, 554, "5.3.4",
		  VERDICT_TOO_LARGE },
		{ "552 to MAIL about a mailbox is the intake's", COMMAND_MAIL, 552,
		  "5.2.2", VERDICT_SUSPEND },
		{ "552 to RCPT is a mailbox", COMMAND_RCPT, 552, "", VERDICT_SUSPEND },
		{ "552 to the content is about the content", COMMAND_CONTENT, 552,
		  "5.3.4", VERDICT_DEAD },
		{ "500 to BDAT: not the command", COMMAND_BDAT, 500, "",
		  VERDICT_NO_BDAT },
		{ "504 to BDAT: not the command", COMMAND_BDAT, 504, "5.5.4",
		  VERDICT_NO_BDAT },
		{ "552 to BDAT is about the content", COMMAND_BDAT, 552, "5.3.4",
		  VERDICT_DEAD },
		{ "502 to DATA is the intake's", COMMAND_DATA, 502, "5.5.1",
		  VERDICT_SUSPEND },
		{ "502 behind 354 refuses no command", COMMAND_CONTENT, 502, "5.5.1",
		  VERDICT_DEAD },
		{ "355 does not begin data", COMMAND_DATA, 355, "", VERDICT_BREAK },
		{ "452 to MAIL is temporary", COMMAND_MAIL, 452, "4.3.1",
		  VERDICT_BACK_OFF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct smtp_reply reply = { .code = rows[i].code };
		snprintf(reply.enhanced, sizeof(reply.enhanced), "%s", rows[i].enhanced);
		enum verdict got = verdict_of(rows[i].command, &reply);
		if (got != rows[i].want)
			fail_msg("%s: got %s, want %s", rows[i].name, words[got],
				 words[rows[i].want]);
	}
}

static void
who_gets_another_attempt(void **state)
{
	static const struct destination_controls c = {
		.bounce = { "b", 10, 1000, 60, 3600 }, .uncertain_wait_ms = 100
	};
	static const struct {
		const char *name;
		enum journal_state state;
		uint32_t attempts;
		int64_t next_after; /* its creation */
		bool want;
	} rows[] = {
		{ "new", JOURNAL_WAITING, 0, 0, false },
		{ "the first attempt and nine retries", JOURNAL_WAITING, 10, 900, false },
		{ "the first attempt and ten retries", JOURNAL_WAITING, 11, 900, true },
		{ "uncertain as often", JOURNAL_UNCERTAIN, 11, 900, true },
		{ "put off for longer than its time", JOURNAL_WAITING, 5, 5000, false },
		{ "uncertain since before its time was over", JOURNAL_UNCERTAIN, 5, 1099,
		  false },
		{ "uncertain by an attempt after its time", JOURNAL_UNCERTAIN, 5, 1100,
		  true },
		{ "the same of its first attempts", JOURNAL_UNCERTAIN, 3, 1100, false },
		{ "the same, and made due", JOURNAL_UNCERTAIN, 5, -5000, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spool_journal j = { .state = rows[i].state,
					   .attempts = rows[i].attempts,
					   .created_at = 5000,
					   .next_at = 5000 + rows[i].next_after };
		bool got = outcome_is_expired(&j, &c);
		if (got != rows[i].want)
			fail_msg("%s: got %d, want %d", rows[i].name, got, rows[i].want);
	}
}

static void
the_time_in_the_queue_is_over_at_its_last_millisecond(void **state)
{
	static const struct bounce_profile b = { "b", 10, 1000, 60, 3600 };
	static const struct spool_journal j = { .created_at = 5000 };

	(void)state;
	assert_false(outcome_is_overdue(&j, &b, 5999));
	assert_true(outcome_is_overdue(&j, &b, 6000));
	assert_false(outcome_is_overdue(&j, &b, 4995)); /* a clock that went back */
}

static void
a_reply_is_told_in_one_line(void **state)
{
	static const struct {
		int code;
		const char *enhanced, *text, *want;
	} rows[] = {
		{ 250, "2.0.0", "Ok", "250 2.0.0 Ok" },
		{ 250, "", "Ok", "250 Ok" },
		{ 250, "", "", "250" },
		{ 554, "5.7.1", "", "554 5.7.1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct smtp_reply reply = { .code = rows[i].code };
		char got[64];
		snprintf(reply.enhanced, sizeof(reply.enhanced), "%s", rows[i].enhanced);
		snprintf(reply.text, sizeof(reply.text), "%s", rows[i].text);
		outcome_reply_text(&reply, got, sizeof(got));
		assert_string_equal(got, rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reply_to_each_command_has_one_meaning),
		cmocka_unit_test(some_codes_mean_more_than_their_class),
		cmocka_unit_test(who_gets_another_attempt),
		cmocka_unit_test(the_time_in_the_queue_is_over_at_its_last_millisecond),
		cmocka_unit_test(a_reply_is_told_in_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

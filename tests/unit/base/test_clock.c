/*
 * test_clock.c - the manual clock, and the printed forms of time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *name;
	int64_t ms;
	const char *log, *iso, *mail;
} rows[] = {
	{ "the epoch", 0, "Thu Jan  1 00:00:00 1970", "1970-01-01T00:00:00.000Z",
	  "Thu, 01 Jan 1970 00:00:00 +0000" },
	{ "a day with one digit", 1050004582123, "Thu Apr 10 19:56:22 2003",
	  "2003-04-10T19:56:22.123Z", "Thu, 10 Apr 2003 19:56:22 +0000" },
	{ "a leap day", 1709251199999, "Thu Feb 29 23:59:59 2024",
	  "2024-02-29T23:59:59.999Z", "Thu, 29 Feb 2024 23:59:59 +0000" },
	{ "behind 2038", 4102444800000, "Fri Jan  1 00:00:00 2100",
	  "2100-01-01T00:00:00.000Z", "Fri, 01 Jan 2100 00:00:00 +0000" },
	{ "a millisecond before the epoch", -1, "Wed Dec 31 23:59:59 1969",
	  "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 +0000" },
	{ "a second before the epoch", -1000, "Wed Dec 31 23:59:59 1969",
	  "1969-12-31T23:59:59.000Z", "Wed, 31 Dec 1969 23:59:59 +0000" },
};

static void
times_are_printed(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char log[CLOCK_TEXT_MAX], iso[CLOCK_TEXT_MAX], mail[CLOCK_TEXT_MAX];
		clock_format_log(rows[i].ms, log);
		clock_format_iso(rows[i].ms, iso);
		clock_format_mail(rows[i].ms, mail);
		if (strcmp(log, rows[i].log) != 0 || strcmp(iso, rows[i].iso) != 0 ||
		    strcmp(mail, rows[i].mail) != 0) {
			printf("%s: got \"%s\" \"%s\" \"%s\", want \"%s\" \"%s\" "
			       "\"%s\"\n",
			       rows[i].name, log, iso, mail, rows[i].log, rows[i].iso,
			       rows[i].mail);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
the_log_has_local_time_and_the_others_have_not(void **state)
{
	char log[CLOCK_TEXT_MAX], iso[CLOCK_TEXT_MAX];

	(void)state;
	setenv("TZ", "XYZ-5:30", 1);
	tzset();
	clock_format_log(0, log);
	clock_format_iso(0, iso);
	assert_string_equal(log, "Thu Jan  1 05:30:00 1970");
	assert_string_equal(iso, "1970-01-01T00:00:00.000Z");
	setenv("TZ", "UTC", 1);
	tzset();
}

static void
a_manual_clock_moves_only_when_it_is_moved(void **state)
{
	struct clock_manual c;

	(void)state;
	clock_manual_init(&c, 1234567);
	int64_t mono = c.base.mono_ms(&c.base);
	assert_int_equal(c.base.wall_ms(&c.base), 1234567);
	assert_int_equal(c.base.wall_ms(&c.base), 1234567);
	clock_manual_advance(&c, 500);
	assert_int_equal(c.base.wall_ms(&c.base), 1235067);
	assert_int_equal(c.base.mono_ms(&c.base), mono + 500);
}

static void
the_system_clock_runs_forward(void **state)
{
	const struct clock *c = clock_system();
	int64_t mono = c->mono_ms(c);

	(void)state;
	assert_true(c->wall_ms(c) / 1000 - (int64_t)time(NULL) <= 1);
	assert_true((int64_t)time(NULL) - c->wall_ms(c) / 1000 <= 1);
	assert_true(c->mono_ms(c) >= mono);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_printed),
		cmocka_unit_test(the_log_has_local_time_and_the_others_have_not),
		cmocka_unit_test(a_manual_clock_moves_only_when_it_is_moved),
		cmocka_unit_test(the_system_clock_runs_forward),
	};
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

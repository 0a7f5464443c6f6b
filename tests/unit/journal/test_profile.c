/*
 * test_profile.c - the profile's one line of text, both ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#include "journal/profile.h"

static void
the_text_of_a_released_version_never_changes(void **state)
{
	static const char want[] =
		"v2 format=exchange ext=8bitmime,chunking host=mx.example.org mail_from= "
		"from=postmaster@mx.example.org to=tenant@intake.example "
		"ip=X-IronPort-RemoteIP cse=yes "
		"eight_bit=hold "
		"utf8_header=attach long_lines=default bare=default";
	struct journal_settings s = sample_settings();
	struct buf text;

	(void)state;
	s.format = JOURNAL_FORMAT_EXCHANGE;
	s.eight_bit = JOURNAL_CHOICE_HOLD;
	s.utf8_header = JOURNAL_CHOICE_ATTACH;
	buf_init(&text, 8192);
	/*
	 * PIPELINING, SIZE and STARTTLS do not change the bytes, so they are not in it.
	 */
	assert_int_equal(journal_profile_write(&s,
					       SMTP_EXT_8BITMIME | SMTP_EXT_CHUNKING |
						       SMTP_EXT_PIPELINING |
						       SMTP_EXT_SIZE | SMTP_EXT_STARTTLS,
					       &text),
			 0);
	assert_string_equal(buf_text(&text), want);
	buf_done(&text);
}

static void
what_is_written_is_read_again(void **state)
{
	static const char *const addresses[] = { "", "a@b", "\"a b\"@c", "a+b=c@d",
						 "\xc3\xbc@x" };

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct journal_settings s = sample_settings();
		struct profile p;
		struct buf text, again;
		struct err e;
		s.mail_from = addresses[i];
		s.header_from = addresses[i];
		buf_init(&text, 8192);
		buf_init(&again, 8192);
		assert_int_equal(journal_profile_write(&s, SMTP_EXT_SMTPUTF8, &text), 0);
		assert_int_equal(profile_parse(buf_text(&text), &p, &e), 0);
		assert_string_equal(p.mail_from, addresses[i]);
		assert_string_equal(p.header_from, addresses[i]);
		assert_int_equal(profile_write(&p, &again), 0);
		assert_string_equal(buf_text(&again), buf_text(&text));
		buf_done(&text);
		buf_done(&again);
	}
}

/* A row that became uncertain keeps the version that it was sent with. */
static void
an_older_version_is_read_and_written_as_it_is(void **state)
{
	static const char text[] =
		"v1 format=journal ext=chunking,binarymime host=h mail_from= from=a@b "
		"to= ip= cse=no eight_bit=default utf8_header=default "
		"long_lines=default bare=default";
	struct profile p;
	struct buf again;
	struct err e;

	(void)state;
	buf_init(&again, 8192);
	assert_int_equal(profile_parse(text, &p, &e), 0);
	assert_int_equal(p.version, 1);
	assert_int_equal(profile_write(&p, &again), 0);
	assert_string_equal(buf_text(&again), text);
	buf_done(&again);
}

static void
anything_else_is_refused_with_its_reason(void **state)
{
#define REST                                                                             \
	" host=h mail_from= from=a@b to= ip= cse=no eight_bit=default "                  \
	"utf8_header=default "                                                           \
	"long_lines=default bare=default"
	static const struct {
		const char *name, *text, *reason;
	} rows[] = {
		{ "another version", "v3 format=journal ext=" REST, "unknown version" },
		{ "a version that is none", "v22 format=journal ext=" REST,
		  "unknown version" },
		{ "nothing", "", "unknown version" },
		{ "an unknown key", "v1 format=journal ext= colour=red" REST,
		  "\"colour\"" },
		{ "an unknown word", "v1 format=letter ext=" REST, "\"format\"" },
		{ "an unknown extension", "v1 format=bcc ext=8bitmime,x" REST,
		  "\"ext\"" },
		{ "a key twice", "v1 format=bcc format=bcc ext=" REST, "\"format\"" },
		{ "a key missing", "v1 format=bcc" REST, "not all keys" },
		{ "broken xtext", "v1 format=bcc ext= host=a+zz", "\"host\"" },
		{ "a control byte in xtext", "v1 format=bcc ext= host=a+0D", "\"host\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct profile p;
		struct err e = { 0 };
		int got = profile_parse(rows[i].text, &p, &e);
		if (got != -1 || e.kind != ERR_SYNTAX ||
		    strstr(e.text, rows[i].reason) == NULL)
			fail_msg("%s: got %d \"%s\", want -1 with \"%s\"", rows[i].name,
				 got, e.text, rows[i].reason);
	}
}

static void
a_value_that_is_too_long_is_refused(void **state)
{
	char text[2048] = "v1 host=";
	struct profile p;
	struct err e;

	(void)state;
	memset(text + 8, 'h', PROFILE_NAME_MAX + 1);
	assert_int_equal(profile_parse(text, &p, &e), -1);
	assert_non_null(strstr(e.text, "\"host\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_of_a_released_version_never_changes),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(an_older_version_is_read_and_written_as_it_is),
		cmocka_unit_test(anything_else_is_refused_with_its_reason),
		cmocka_unit_test(a_value_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

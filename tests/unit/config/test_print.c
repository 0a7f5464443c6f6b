/*
 * test_print.c - the effective configuration: every value and its layer, and it can be
 * loaded again.
 */
#include "problems.h"

#include <stdlib.h>

static void
print_text(const struct config *c, struct buf *ret)
{
	buf_init(ret, 1 << 20);
	assert_int_equal(config_print_effective(c, ret), 0);
	assert_non_null(buf_text(ret));
}

static const struct {
	const char *name, *text, *want; /* a line that must be there */
} rows[] = {
	{ "a default says so", LISTENER, "\n  name: spool  # default\n" },
	{ "a value of the file says so", LISTENER "spool: {name: x}\n",
	  "\n  name: x  # machine\n" },
	{ "a text that YAML could take for a truth is quoted",
	  LISTENER "spool: {name: 'no'}\n", "\n  name: \"no\"  # machine\n" },
	{ "a text that YAML could take for a number is quoted", LISTENER,
	  "\n  mode: \"0660\"  # default\n" },
	{ "a quote and a backslash are escaped", LISTENER "tls: {ciphers: 'a\"b\\c'}\n",
	  "\n  ciphers: \"a\\\"b\\\\c\"  # machine\n" },
	{ "an empty list", LISTENER, "\nsmtp_routes: []  # default\n" },
	{ "the elements of a list",
	  LISTENER "smtp_routes: [{domain: a, next_hops: [b]}]\n",
	  "\nsmtp_routes:   # machine\n  - domain: a  # machine\n    next_hops:   # "
	  "machine\n"
	  "      - b  # machine\n" },
	{ "an entry shows what it inherits",
	  LISTENER "bounce_profiles: {default: {max_retries: 7}, x: {}}\n",
	  "\n  x:   # machine\n    max_retries: 7  # machine\n" },
	{ "a number as it was written", LISTENER "spool: {reserve: 1024K}\n",
	  "\n  reserve: 1024K  # machine\n" },
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = must_parse(rows[i].text);
		struct buf got;
		print_text(c, &got);
		if (strstr(buf_text(&got), rows[i].want) == NULL)
			fail_msg("%s: want %s in\n%s", rows[i].name, rows[i].want,
				 buf_text(&got));
		buf_done(&got);
		config_free(c);
	}
}

/* Loading what was printed gives the same, but that all of it now comes from the
 * machine's file. */
static void
test_it_can_be_loaded_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = must_parse(rows[i].text);
		struct buf first, second, third;
		print_text(c, &first);
		struct config *again = must_parse(buf_text(&first));
		print_text(again, &second);
		struct config *last = must_parse(buf_text(&second));
		print_text(last, &third);
		assert_string_equal(buf_text(&second), buf_text(&third));
		assert_null(strstr(buf_text(&second), "# default"));
		config_free(c);
		config_free(again);
		config_free(last);
		buf_done(&first);
		buf_done(&second);
		buf_done(&third);
	}
}

enum { EXAMPLE_MAX = 64 << 10 };

/* The file, with the intake address filled in where it stands as a comment. */
static void
read_example(const char *name, bool is_filled_in, char text[EXAMPLE_MAX])
{
	static const char blank[] = "# message_intake_address: tenant@";
	const char *root = getenv("TDC_SOURCE_DIR");
	char path[4096];

	snprintf(path, sizeof(path), "%s/config/%s", root == NULL ? "." : root, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, EXAMPLE_MAX - 1, f)] = '\0';
	fclose(f);
	char *key = is_filled_in ? strstr(text, blank) : NULL;
	if (key != NULL)
		memmove(key, key + 2, strlen(key + 2) + 1);
}

#define NO_INTAKE                                                                        \
	"connector.message_intake_address: required where the connector is enabled, "    \
	"but missing; allowed: a mail address such as user@domain\n"
#define OFF                                                                              \
	"connector.enabled: mail is accepted and not journaled while "                   \
	"connector.enabled is false"

/* What follows the place in the only line that there is; "" = there is none. */
static const struct {
	const char *name, *file;
	bool is_filled_in;
	const char *error, *warning;
} examples[] = {
	{ "as it is shipped it says what to fill in, and takes no mail before that",
	  "tdc.yaml", false, NO_INTAKE, "" },
	{ "filled in, it journals all mail", "tdc.yaml", true, "", "" },
	{ "a Postfix", "postfix-always-bcc.yaml", false, "", "" },
	{ "a Postfix by LMTP", "lmtp.yaml", false, "", "" },
	{ "all defaults: the connector is off, and that is told", "everything.yaml",
	  false, "", OFF " and no connector.message_intake_address is set\n" },
	{ "all defaults and an intake", "everything.yaml", true, "", OFF "\n" },
};

/* `want` behind "FILE:LINE:COLUMN: ", and nothing else; or nothing at all. */
static bool
is_line(const char *got, const char *want)
{
	size_t n = strlen(got), m = strlen(want);

	if (m == 0)
		return n == 0;
	return n > m && strcmp(got + n - m, want) == 0 &&
	       strchr(got, '\n') == got + n - 1;
}

static void
test_the_example_files(void **state)
{
	static char text[EXAMPLE_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct problem_list problems;
		struct config *c = NULL;
		struct err e = { 0 };
		read_example(examples[i].file, examples[i].is_filled_in, text);
		problem_list_init(&problems);
		int r = config_parse(text, strlen(text), examples[i].file,
				     problem_list_add, &problems, &c, &e);
		if ((r == 0) != (examples[i].error[0] == '\0') ||
		    !is_line(buf_text(&problems.errors), examples[i].error) ||
		    !is_line(buf_text(&problems.warnings), examples[i].warning))
			fail_msg("%s: %s: %s\n%s%s", examples[i].file, examples[i].name,
				 e.text, buf_text(&problems.errors),
				 buf_text(&problems.warnings));
		config_free(c);
		problem_list_done(&problems);
	}
}

/* everything.yaml says the defaults, and nothing else but its example entries. */
static void
test_the_example_of_everything_holds_the_defaults(void **state)
{
	struct buf example, of_example, of_nothing;
	(void)state;
	buf_init(&example, 1 << 20);
	assert_int_equal(config_print_example(&example), 0);
	struct config *c = must_parse(buf_text(&example));
	struct config *nothing = must_parse(LISTENER);
	print_text(c, &of_example);
	print_text(nothing, &of_nothing);
	const char *from[2] = { buf_text(&of_example), buf_text(&of_nothing) };
	static const char *const sections[] = { "\nlimits:",    "\nspool:",
						"\nconnector:", "\ndestination_controls:",
						"\ntls:",       "\nlog:" };
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		const char *a = strstr(from[0], sections[i]),
			   *b = strstr(from[1], sections[i]);
		assert_non_null(a);
		assert_non_null(b);
		/* Line by line up to the comment, until the section ends. */
		do {
			size_t n = strcspn(b, "#");
			if (strncmp(a, b, n) != 0)
				fail_msg("the example has\n%.80s\nwhere the default "
					 "is\n%.80s",
					 a, b);
			a = strchr(a + 1, '\n');
			b = strchr(b + 1, '\n');
		} while (a != NULL && b != NULL && b[1] == ' ');
	}
	config_free(c);
	config_free(nothing);
	buf_done(&example);
	buf_done(&of_example);
	buf_done(&of_nothing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_it_can_be_loaded_again),
		cmocka_unit_test(test_the_example_files),
		cmocka_unit_test(test_the_example_of_everything_holds_the_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

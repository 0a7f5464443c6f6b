/*
 * test_log_change.c - another target for the log, in two steps.
 */
#include "base/log_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

enum { TEXT_MAX = 16 << 10 };

struct place {
	char directory[32];
	char first[64], second[64], moved[64];
};

static void
read_file(const char *path, char text[TEXT_MAX])
{
	FILE *f = fopen(path, "r");
	size_t n = f == NULL ? 0 : fread(text, 1, TEXT_MAX - 1, f);

	text[n] = '\0';
	if (f != NULL)
		fclose(f);
}

static void
say(const char *text)
{
	log_event(LOG_DAEMON, WARNING, "x", F0, "%s", text);
}

static struct log_change *
change_to(const char *path)
{
	const struct log_settings s = { .target = LOG_TO_FILE,
					.level = LOG_LEVEL_ERROR,
					.path = path };
	struct log_change *c = NULL;
	struct err e = { 0 };

	if (log_change_new(&s, &c, &e) != 0)
		fail_msg("%s", e.text);
	return c;
}

/* What happens between the two steps, and which words are in which file afterwards. */
static const struct row {
	const char *name;
	bool is_rotated, is_taken;
	const char *first, *second, *moved;
} rows[] = {
	{ "what is open is not in use", false, false, "between after", "", "" },
	{ "what is taken is in use", false, true, "between", "after", "" },
	{ "a rotation in between is not forgotten", true, true, "between", "after", "" },
};

static void
play(const struct place *p, const struct row *row)
{
	const struct log_settings s = { .target = LOG_TO_FILE, .path = p->first };
	struct err e = { 0 };

	assert_int_equal(log_open(&s, &e), 0);
	struct log_change *c = change_to(p->second);
	say("between");
	assert_true(log_is_on(LOG_DAEMON, LOG_LEVEL_WARNING));
	if (row->is_rotated) {
		assert_int_equal(rename(p->second, p->moved), 0);
		assert_int_equal(log_reopen(&e), 0);
	}
	if (row->is_taken)
		log_change_take(c);
	else
		log_change_free(c);
	assert_int_equal(log_is_on(LOG_DAEMON, LOG_LEVEL_WARNING), !row->is_taken);
	log_event(LOG_DAEMON, ERROR, "x", F0, "after");
	log_close();
}

static bool
holds(const char *path, const char *words)
{
	char text[TEXT_MAX];

	read_file(path, text);
	bool has_first = strstr(text, "between") != NULL;
	bool has_last = strstr(text, "after") != NULL;
	bool is_so = has_first == (strstr(words, "between") != NULL) &&
		     has_last == (strstr(words, "after") != NULL);
	if (!is_so)
		print_error(" %s\n got  %s want %s\n", path, text, words);
	return is_so;
}

static void
test_between_the_steps(void **state)
{
	const struct place *p = *state;
	int failed = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		play(p, row);
		if (!holds(p->first, row->first) || !holds(p->second, row->second) ||
		    !holds(p->moved, row->moved)) {
			print_error("%s\n", row->name);
			failed++;
		}
		unlink(p->first);
		unlink(p->second);
		unlink(p->moved);
	}
	assert_int_equal(failed, 0);
}

static void
test_a_look_makes_no_file(void **state)
{
	const struct place *p = *state;
	const struct log_settings s = { .target = LOG_TO_FILE, .path = p->first };
	struct err e = { 0 };

	assert_int_equal(log_look(&s, &e), 0);
	assert_int_equal(access(p->first, F_OK), -1);
	assert_int_equal(log_open(&s, &e), 0);
	say("between");
	assert_int_equal(log_look(&s, &e), 0);
	log_close();
	assert_true(holds(p->first, "between"));
	unlink(p->first);
}

static void
test_what_cannot_be_opened_changes_nothing(void **state)
{
	const struct place *p = *state;
	const struct log_settings good = { .target = LOG_TO_FILE, .path = p->first };
	const struct log_settings bad[] = {
		{ .target = LOG_TO_FILE, .path = "/nonexistent/log" },
		{ .target = LOG_TO_FILE, .path = NULL },
		{ .target = LOG_TO_FILE, .path = p->directory },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct log_change *c = NULL;
		struct err e = { 0 }, looked = { 0 };
		assert_int_equal(log_open(&good, &e), 0);
		assert_int_equal(log_look(&bad[i], &looked), -1);
		assert_int_equal(log_change_new(&bad[i], &c, &e), -1);
		assert_null(c);
		assert_string_equal(looked.text, e.text);
		assert_int_equal(looked.kind, e.kind);
		assert_non_null(
			strstr(e.text, bad[i].path == NULL ? "path" : bad[i].path));
		say("between");
		log_close();
		assert_true(holds(p->first, "between"));
		unlink(p->first);
	}
	log_change_free(NULL);
}

static int
setup(void **state)
{
	static struct place p;

	snprintf(p.directory, sizeof(p.directory), "/tmp/tdc-log-change-XXXXXX");
	if (mkdtemp(p.directory) == NULL)
		return -1;
	snprintf(p.first, sizeof(p.first), "%s/first", p.directory);
	snprintf(p.second, sizeof(p.second), "%s/second", p.directory);
	snprintf(p.moved, sizeof(p.moved), "%s/moved", p.directory);
	*state = &p;
	return 0;
}

static int
teardown(void **state)
{
	const struct place *p = *state;

	return rmdir(p->directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between_the_steps),
		cmocka_unit_test(test_a_look_makes_no_file),
		cmocka_unit_test(test_what_cannot_be_opened_changes_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

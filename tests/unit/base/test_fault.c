/*
 * test_fault.c - crash points and lies: in builds without them this proves that they are not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/check.h"
#include "tdc/base/fault.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef TDC_FAULTS
enum { HAS_FAULTS = 1 };
#else
enum { HAS_FAULTS = 0 };
#endif

/* A row runs in a child of its own: passages are counted for the life of a process. */
static const struct {
	const char *name, *environment, *answers; /* of five passages of "store.commit" */
} rows[] = {
	{ "no variable, no fault", NULL, "-----" },
	{ "a name alone is always a fault", "store.commit", "xxxxx" },
	{ "a number is one passage", "store.commit:3", "--x--" },
	{ "it may stand among others", "other:1,store.commit:2,more", "-x---" },
	{ "the beginning of a longer name is not it", "store.commit-late", "-----" },
	{ "a longer name is not found in its beginning", "store", "-----" },
	{ "an empty list", "", "-----" },
	{ "empty entries", ",,store.commit:1,", "x----" },
};

static void
ask_five_times(const char *environment, int to)
{
	char answers[6] = "";

	if (environment == NULL)
		unsetenv("TDC_FAULT");
	else
		setenv("TDC_FAULT", environment, 1);
	for (int i = 0; i < 5; i++)
		answers[i] = fault_is("store.commit") ? 'x' : '-';
	_exit(write(to, answers, 5) != 5);
}

static void
a_fault_happens_at_the_passage_that_was_asked_for(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char answers[6] = "";
		int fds[2], status;
		assert_int_equal(pipe(fds), 0);
		pid_t pid = fork();
		if (pid == 0)
			ask_five_times(rows[i].environment, fds[1]);
		assert_int_equal(read(fds[0], answers, 5), 5);
		waitpid(pid, &status, 0);
		close(fds[0]);
		close(fds[1]);
		const char *want = HAS_FAULTS ? rows[i].answers : "-----";
		if (strcmp(answers, want) != 0) {
			printf("%s: got %s, want %s\n", rows[i].name, answers, want);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
a_crash_point_kills_without_a_last_word(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		setenv("TDC_FAULT", "here:2", 1);
		fault_crash("here");
		fault_crash("elsewhere");
		fault_crash("here");
		_exit(7);
	}
	waitpid(pid, &status, 0);
	if (HAS_FAULTS) {
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
	} else {
		assert_int_equal(WEXITSTATUS(status), 7);
	}
}

static void
a_false_check_ends_the_process(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		check(1 + 1 == 2);
		check(1 + 1 == 3);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_happens_at_the_passage_that_was_asked_for),
		cmocka_unit_test(a_crash_point_kills_without_a_last_word),
		cmocka_unit_test(a_false_check_ends_the_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

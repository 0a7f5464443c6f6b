/*
 * test_path.c - what could be used or made, for the effective user.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = 65534 };

/* In a folder that everybody may use: open/ (0777), shut/ (0700), closed/ (0555), read
 * (0444), write (0666), all of them root's. */
static const struct {
	const char *name, *path;
	int mode, want; /* errno */
} rows[] = {
	{ "a file that may be written", "write", R_OK | W_OK, 0 },
	{ "a file that may only be read", "read", R_OK, 0 },
	{ "the same, to be written", "read", R_OK | W_OK, EACCES },
	{ "what is missing where names may be made", "open/x", R_OK | W_OK, 0 },
	{ "the same, written as a directory", "open/x//", R_OK | W_OK, 0 },
	{ "what is missing where none may be made", "closed/x", R_OK, EACCES },
	{ "what stands behind a closed door", "shut/x", R_OK, EACCES },
	{ "a directory to work in", "open", R_OK | W_OK | X_OK, 0 },
	{ "a directory to look at only", "closed", R_OK | W_OK | X_OK, EACCES },
	{ "two levels that are missing", "open/x/y", R_OK, ENOENT },
	{ "below a file", "write/x", R_OK, ENOTDIR },
};

static void
make_folder(char folder[32])
{
	static const struct {
		const char *name;
		mode_t mode;
	} directories[] = { { "open", 0777 }, { "shut", 0700 }, { "closed", 0555 } },
	  files[] = { { "read", 0444 }, { "write", 0666 } };

	strcpy(folder, "/tmp/tdc-path-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		assert_int_equal(mkdir(directories[i].name, 0700), 0);
		assert_int_equal(chmod(directories[i].name, directories[i].mode), 0);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i].name, O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		assert_int_equal(fchmod(fd, files[i].mode), 0);
		close(fd);
	}
	assert_int_equal(chmod(folder, 0755), 0);
}

static void
remove_folder(const char *folder)
{
	static const char *const names[] = { "open", "shut", "closed", "read", "write" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(remove(names[i]), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void
test_rows(void **state)
{
	char folder[32], path[256];
	unsigned failed = 0;

	(void)state;
	/* Root may do everything, and the directories must not be the user's own. */
	assert_int_equal(geteuid(), 0);
	make_folder(folder);
	assert_int_equal(seteuid(NOBODY), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int relative = path_look(rows[i].path, rows[i].mode);
		snprintf(path, sizeof(path), "%s/%s", folder, rows[i].path);
		int absolute = path_look(path, rows[i].mode);
		if (absolute == rows[i].want && relative == rows[i].want)
			continue;
		print_error("%s: got %d and %d, want %d\n", rows[i].name, absolute,
			    relative, rows[i].want);
		failed++;
	}
	assert_int_equal(path_look("x", R_OK), EACCES); /* in "." */
	assert_int_equal(path_look("/tdc-path", R_OK), EACCES);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(path_look("/tdc-path", R_OK), 0);
	assert_int_equal(access("/tdc-path", F_OK), -1);
	remove_folder(folder);
	assert_int_equal(failed, 0);
}

static void
test_a_path_that_is_too_long(void **state)
{
	static char path[8192];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	for (size_t i = 0; i < sizeof(path) - 1; i += 100)
		path[i] = '/';
	assert_int_equal(path_look(path, R_OK), ENAMETOOLONG);
	assert_int_equal(path_look_above(path), ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_path_that_is_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

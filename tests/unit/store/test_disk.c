/*
 * test_disk.c - large bodies on a disk that loses bytes: no acceptance on top of it.
 *
 * The calls that force bytes to disk are this program's own: they fail when a test says
 * so, and tell what they were called for.
 */
#include "spool_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static _Atomic int ranges_until_failure; /* 0: none fails */
static _Atomic int range_errno;
static _Atomic unsigned directory_syncs; /* of bodies/ itself */

int
sync_file_range(int fd, off_t offset, off_t n, unsigned flags)
{
	int left = atomic_load(&ranges_until_failure);

	/* As the kernel does it: who hears of the failure is the only one. */
	if (left > 0 && atomic_fetch_sub(&ranges_until_failure, 1) == 1) {
		errno = atomic_load(&range_errno);
		return -1;
	}
	return (int)syscall(SYS_sync_file_range, fd, offset, n, flags);
}

int
fsync(int fd)
{
	char link[64], path[512];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	if (n > 7 && strcmp(path + n - 7, "/bodies") == 0)
		atomic_fetch_add(&directory_syncs, 1);
	return (int)syscall(SYS_fsync, fd);
}

static const struct {
	const char *name;
	int call, os;
	enum err_kind want;
} lost[] = {
	{ "the first bytes are lost", 1, EIO, ERR_IO },
	{ "bytes in the middle are lost", 20, EIO, ERR_IO },
	{ "the disk is full when the bytes go out", 7, ENOSPC, ERR_SPACE },
	{ "a kernel without the call", 1, ENOSYS, ERR_NONE },
};

static void
a_body_that_is_not_on_disk_is_not_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		struct spool_plan plan = { .policy = "DEFAULT" };
		struct fixture f;

		fixture_init(&f);
		open_spool(&f);
		atomic_store(&range_errno, lost[i].os);
		atomic_store(&ranges_until_failure, lost[i].call);
		assert_int_equal(begin_accept(&f, 1, 4000000, &plan, 1), 0);
		AWAIT(&f, f.done == 1);
		assert_int_equal(atomic_load(&ranges_until_failure), 0);
		enum err_kind got = f.failed == 0 ? ERR_NONE : f.error.kind;
		if (got != lost[i].want)
			fail_msg("%s: got %s, want %s", lost[i].name, err_kind_name(got),
				 err_kind_name(lost[i].want));
		AWAIT(&f, count_files(&f) == (got == ERR_NONE));
		accept_one(&f, "DEFAULT", 2, 400000);
		assert_account(&f, lost[i].name);
		fixture_done(&f);
	}
}

/* -- directories -- */

static unsigned
count_directories(struct fixture *f)
{
	char path[320];
	struct stat st;
	unsigned n = 0;

	for (unsigned i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "%s/bodies/%02x", f->directory, i);
		n += stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		     (st.st_mode & 0777) == 0700;
	}
	return n;
}

/* By one that died before it could sync them. */
static void
make_directories(struct fixture *f)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/bodies", f->directory);
	assert_int_equal(mkdir(path, 0700), 0);
	for (unsigned i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "%s/bodies/%02x", f->directory, i);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static void
directories_of_bodies_are_on_disk_before_any_body(void **state)
{
	(void)state;
	for (unsigned was_there = 0; was_there < 2; was_there++) {
		const char *name = was_there ? "they are there, of a start that died"
					     : "none is there";
		struct fixture f;

		fixture_init(&f);
		if (was_there)
			make_directories(&f);
		atomic_store(&directory_syncs, 0);
		open_spool(&f);
		if (count_directories(&f) != 256 || atomic_load(&directory_syncs) == 0)
			fail_msg("%s: got %u directories and %u syncs, want 256 and some",
				 name, count_directories(&f),
				 atomic_load(&directory_syncs));
		accept_one(&f, "DEFAULT", 1, 400000);
		fixture_done(&f);
	}
}

static void
a_directory_that_was_taken_away_is_made_again(void **state)
{
	struct fixture f;
	char path[320];

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (unsigned i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "%s/bodies/%02x", f.directory, i);
		assert_int_equal(rmdir(path), 0);
	}
	atomic_store(&directory_syncs, 0);
	accept_one(&f, "DEFAULT", 1, 400000);
	assert_int_equal(count_directories(&f), 1);
	assert_int_equal(atomic_load(&directory_syncs), 1);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_that_is_not_on_disk_is_not_accepted),
		cmocka_unit_test(directories_of_bodies_are_on_disk_before_any_body),
		cmocka_unit_test(a_directory_that_was_taken_away_is_made_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

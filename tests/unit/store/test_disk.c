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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_that_is_not_on_disk_is_not_accepted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static const struct {
	const char *name;
	bool was_there, is_taken_away;
} directories[] = {
	{ "they are made as they are needed", false, false },
	{ "they are there, of one that died", true, false },
	{ "they are taken away", false, true },
};

static void
remove_directories(struct fixture *f)
{
	char path[320];

	for (unsigned i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "%s/bodies/%02x", f->directory, i);
		rmdir(path);
	}
}

static void
a_directory_is_on_disk_before_its_body_is_accepted(void **state)
{
	enum { BODIES = 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		struct fixture f;

		fixture_init(&f);
		if (directories[i].was_there)
			make_directories(&f);
		open_spool(&f);
		atomic_store(&directory_syncs, 0);
		unsigned n_used = 0;
		bool is_used[256] = { false };
		for (unsigned k = 0; k < BODIES; k++) {
			accept_one(&f, "DEFAULT", k, 300000);
			uint8_t last = f.fresh[k]->body->at.file.b[UID_BYTES - 1];
			bool is_new = !is_used[last] || directories[i].is_taken_away;
			is_used[last] = true;
			n_used += is_new;
			if (atomic_load(&directory_syncs) != n_used)
				fail_msg("%s: got %u syncs, want %u", directories[i].name,
					 atomic_load(&directory_syncs), n_used);
			if (!directories[i].is_taken_away)
				continue;
			record(&f, OUTCOME_DELIVERED, f.fresh[k]->mid);
			AWAIT(&f, count_files(&f) == 0);
			remove_directories(&f);
		}
		assert_int_equal(count_directories(&f), directories[i].was_there ? 256
							: directories[i].is_taken_away
								? 0
								: n_used);
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_that_is_not_on_disk_is_not_accepted),
		cmocka_unit_test(a_directory_is_on_disk_before_its_body_is_accepted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

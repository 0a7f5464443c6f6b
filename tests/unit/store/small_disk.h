/*
 * small_disk.h - a spool on a disk of its own that can be filled to the last byte.
 *
 * Needs root for a small tmpfs. Included once by each test program.
 */
#ifndef SMALL_DISK_H
#define SMALL_DISK_H

#include "spool_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#define MIB (1024u * 1024)

static UNUSED void
mount_small(struct fixture *f, const char *options)
{
	if (mount("tmpfs", f->directory, "tmpfs", 0, options) != 0)
		fail_msg("this test needs to mount a tmpfs (root): %s", strerror(errno));
}

static UNUSED void
unmount_small(struct fixture *f)
{
	close_spool(f);
	assert_int_equal(umount2(f->directory, MNT_DETACH), 0);
	fixture_done(f);
}

static UNUSED uint64_t
free_bytes(struct fixture *f)
{
	struct statvfs v;

	assert_int_equal(statvfs(f->directory, &v), 0);
	return (uint64_t)v.f_bavail * v.f_frsize;
}

static UNUSED void
filler_path(struct fixture *f, char path[320])
{
	snprintf(path, 320, "%s/filler", f->directory);
}

/* Somebody else fills the disk, but for so many bytes. */
static UNUSED void
fill_disk(struct fixture *f, uint64_t leave)
{
	char path[320];
	static const char zeros[4096];

	filler_path(f, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (free_bytes(f) > leave && write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

static UNUSED void
free_disk(struct fixture *f)
{
	char path[320];

	filler_path(f, path);
	assert_int_equal(unlink(path), 0);
}

static UNUSED bool
is_accepting(struct fixture *f)
{
	struct spool_status s;

	spool_status(f->sp, &s);
	return s.is_accepting;
}

static UNUSED void
await_draft(struct fixture *f, bool is_wanted)
{
	int64_t until = now_ms() + PATIENCE_MS;

	for (;;) {
		struct spool_draft *d;
		bool is_given = spool_draft_new(f->sp, 0, &d, &f->error) == 0;
		if (is_given)
			spool_draft_free(d);
		if (is_given == is_wanted)
			return;
		if (now_ms() > until)
			fail_msg("drafts are %s for ever",
				 is_given ? "given" : "refused");
		loop_run_once(f->loop, 20, NULL);
	}
}

/* The log has no blocks of its own, as after a start; all of it is in the database. */
static UNUSED void
take_blocks_of_the_log(struct fixture *f)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/spool.tdc.queue-wal", f->directory);
	assert_int_equal(truncate(path, 0), 0);
}

#endif

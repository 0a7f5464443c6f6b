/*
 * body_file.c - large bodies in files of their own, written and synced by body workers.
 */
#include "store/draft.h"

#include "store/state.h"

#include "tdc/base/counter.h"
#include "tdc/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_BEHIND = 1024 * 1024 };

static int
sync_directory(struct spool *sp, const char *path, struct err *e)
{
	int fd = openat(sp->directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0 || (!sp->limits.is_unsafe && fsync(fd) != 0))
		r = err_set(e, err_kind_of_errno(errno), errno, "directory %s", path);
	if (fd >= 0)
		close(fd);
	return r;
}

static int
file_open(struct spool *sp, const char *path)
{
	return openat(sp->directory_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		      0600);
}

/*
 * What was there already may have been made by one who died, or did not come so far yet,
 * before it was synced: each directory is synced once in a process's life, by whoever
 * needs it.
 */
static int
directory_make(struct spool *sp, const struct uid *file, struct err *e)
{
	char directory[BODY_PATH_MAX];

	body_file_directory(file, directory);
	if (mkdirat(sp->directory_fd, directory, 0700) != 0 && errno != EEXIST)
		return err_set(e, err_kind_of_errno(errno), errno, "directory %s",
			       directory);
	if (sync_directory(sp, "bodies", e) != 0)
		return -1;
	atomic_store(&sp->has_directory[file->b[UID_BYTES - 1]], true);
	return 0;
}

static int
file_create(struct spool *sp, const struct uid *file, struct err *e)
{
	char path[BODY_PATH_MAX];

	body_file_path(file, path);
	if (!atomic_load(&sp->has_directory[file->b[UID_BYTES - 1]]) &&
	    directory_make(sp, file, e) != 0)
		return -1;
	int fd = file_open(sp, path);
	if (fd < 0 && errno == ENOENT) { /* somebody took it away */
		if (directory_make(sp, file, e) != 0)
			return -1;
		fd = file_open(sp, path);
	}
	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "file %s", path);
	return fd;
}

static int
write_at(int fd, const char *p, size_t n, uint64_t offset, struct err *e)
{
	while (n > 0) {
		ssize_t r = pwrite(fd, p, n, (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_set(e, err_kind_of_errno(errno), errno,
				       "writing a body failed");
		p += r;
		n -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}

static int
force_range(int fd, uint64_t offset, size_t n, unsigned flags, struct err *e)
{
	if (sync_file_range(fd, (off_t)offset, (off_t)n, flags) == 0 || errno == ENOSYS)
		return 0;
	return err_set(e, err_kind_of_errno(errno), errno, "writing a body failed");
}

/*
 * The bytes go to the disk as they come, and the worker waits for those of a while ago:
 * what the last sync finds is little, and small messages do not have to wait behind a
 * lump of 60 MB.
 *
 * Whoever hears of bytes that were lost is the only one: the last sync would find nothing
 * wrong. So each failure here spoils the body.
 */
static int
write_out(int fd, uint64_t offset, size_t n, struct err *e)
{
	if (force_range(fd, offset, n, SYNC_FILE_RANGE_WRITE, e) != 0)
		return -1;
	if (offset < WRITE_BEHIND)
		return 0;
	return force_range(fd, offset - WRITE_BEHIND, n,
			   SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				   SYNC_FILE_RANGE_WAIT_AFTER,
			   e);
}

void
body_file_write(struct work_job *job)
{
	struct draft_chunk *c = (struct draft_chunk *)job;
	struct spool_draft *d = c->draft;

	/*
	 * The first chunk is alone until it is written: nobody else touches the
	 * descriptor.
	 */
	if (c->offset == 0)
		d->fd = file_create(d->spool, &d->file, &c->error);
	if (d->fd < 0 && c->error.kind == ERR_NONE)
		err_set(&c->error, ERR_IO, 0, "the body's file could not be made");
	if (d->fd >= 0 && write_at(d->fd, c->p, c->n, c->offset, &c->error) == 0 &&
	    !d->spool->limits.is_unsafe)
		write_out(d->fd, c->offset, c->n, &c->error);
	if (c->error.kind == ERR_SPACE)
		space_check(d->spool);
	c->completion.next = NULL;
	completions_post(&d->spool->completions, &c->completion);
}

void
body_file_finish(struct work_job *job)
{
	struct spool_draft *d =
		(struct spool_draft *)((char *)job - offsetof(struct spool_draft, job));
	struct spool *sp = d->spool;
	struct store_op *op = &d->commit->op;
	char directory[BODY_PATH_MAX];

	body_file_directory(&d->file, directory);
	op->error = d->error;
	if (op->error.kind == ERR_NONE && !sp->limits.is_unsafe && fdatasync(d->fd) != 0)
		err_set(&op->error, err_kind_of_errno(errno), errno,
			"forcing a body to disk failed");
	if (op->error.kind == ERR_NONE &&
	    sync_directory(sp, directory, &op->error) == 0) {
		counter_add(COUNTER_SYNCS, 2);
		fault_crash("store.body-written");
	}
	if (op->error.kind == ERR_SPACE)
		space_check(sp);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	op->has_failed = op->error.kind != ERR_NONE;
	op_submit(op);
}

void
body_file_remove(struct work_job *job)
{
	struct spool_draft *d =
		(struct spool_draft *)((char *)job - offsetof(struct spool_draft, job));
	char path[BODY_PATH_MAX];

	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	body_file_path(&d->file, path);
	unlinkat(d->spool->directory_fd, path, 0);
	d->completion.next = NULL;
	completions_post(&d->spool->completions, &d->completion);
}

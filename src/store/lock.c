/*
 * lock.c - one instance at a time, by a lock that ends with its process.
 */
#include "store/lock.h"

#include "store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int
make_directory(int at, const char *path, struct err *e)
{
	if (mkdirat(at, path, 0700) == 0 || errno == EEXIST)
		return 0;
	return err_set(e, err_kind_of_errno(errno), errno, "directory %s", path);
}

/* What stands in a directory is on disk before anything in it is promised. */
static int
sync_directory(struct spool *sp, const char *path, struct err *e)
{
	int fd = openat(sp->directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0 || (!sp->limits.is_unsafe && fsync(fd) != 0))
		r = err_set(e, err_kind_of_errno(errno), errno, "directory %s/%s",
			    sp->directory, path);
	if (fd >= 0)
		close(fd);
	return r;
}

static int
open_directory(struct spool *sp, struct err *e)
{
	if (make_directory(AT_FDCWD, sp->directory, e) != 0)
		return -1;
	sp->directory_fd = open(sp->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sp->directory_fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "directory %s",
			       sp->directory);
	if (make_directory(sp->directory_fd, "segments", e) != 0 ||
	    make_directory(sp->directory_fd, "bodies", e) != 0)
		return err_wrap(e, "%s", sp->directory);
	return 0;
}

/*
 * SQLite would make it as open as the umask is; its log takes the mode of the database.
 * Only under the lock: closing any descriptor of the file ends SQLite's own locks in this
 * process.
 */
static int
make_database(struct spool *sp, struct err *e)
{
	int fd = open(sp->database, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "%s", sp->database);
	close(fd);
	if (sync_directory(sp, ".", e) != 0)
		return -1;
	/*
	 * The directory above may be closed to us; then it is not we who made this one.
	 */
	sync_directory(sp, "..", NULL);
	return 0;
}

int
spool_lock(struct spool *sp, const struct spool_settings *s, struct err *e)
{
	const char *name = s->name == NULL ? "spool" : s->name;
	char lock[256];

	if (snprintf(lock, sizeof(lock), "%s.lock", name) >= (int)sizeof(lock) ||
	    strchr(name, '/') != NULL)
		return err_set(e, ERR_CONFIG, 0, "\"%s\" is no name for a spool", name);
	sp->directory = strdup(s->directory);
	if (asprintf(&sp->database, "%s/%s.tdc.queue", s->directory, name) < 0)
		sp->database = NULL;
	if (sp->directory == NULL || sp->database == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the spool");
	if (open_directory(sp, e) != 0)
		return -1;
	sp->lock_fd = openat(sp->directory_fd, lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (sp->lock_fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "%s/%s", s->directory,
			       lock);
	if (flock(sp->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK
			       ? err_set(e, ERR_BUSY, 0,
					 "the spool %s is held by another instance",
					 sp->database)
			       : err_set(e, err_kind_of_errno(errno), errno, "%s/%s",
					 s->directory, lock);
	return make_database(sp, e);
}

void
spool_unlock(struct spool *sp)
{
	if (sp->lock_fd >= 0)
		close(sp->lock_fd);
	if (sp->directory_fd >= 0)
		close(sp->directory_fd);
	sp->lock_fd = sp->directory_fd = -1;
}

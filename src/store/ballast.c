/*
 * ballast.c - a few MiB that are given back when even an outcome finds no room.
 */
#include "store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BALLAST_BYTES = 2 * CHECKPOINT_BYTES }; /* a log that grows, and its copy */

void
ballast_make(struct writer *w)
{
	struct space *space = &w->spool->space;

	/* Not at the price of the reserve. */
	if (atomic_load(&space->free_bytes) <
	    atomic_load(&space->reserve) + BALLAST_BYTES)
		return;
	int fd = openat(w->spool->directory_fd, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC,
			0600);
	if (fd < 0)
		return;
	/* Real blocks, or it is no ballast. */
	w->has_ballast = posix_fallocate(fd, 0, BALLAST_BYTES) == 0;
	close(fd);
	if (!w->has_ballast)
		unlinkat(w->spool->directory_fd, "ballast", 0);
}

/*
 * The log's file has its blocks already. Once what is in it was copied to the database -
 * the ballast has room for that - it begins anew, and small changes need no more of the
 * disk.
 */
void
ballast_use(struct writer *w)
{
	ballast_release(w);
	if (log_is_sound(w))
		checkpoint_passive(w);
}

bool
ballast_release(struct writer *w)
{
	if (unlinkat(w->spool->directory_fd, "ballast", 0) != 0)
		return false;
	w->has_ballast = false;
	return true;
}

/*
 * space.c - statvfs, by whoever may wait, and its last answer for whoever may not.
 */
#include "store/space.h"

#include "store/state.h"

#include <sys/statvfs.h>

void
space_check(struct spool *sp)
{
	struct space *s = &sp->space;
	struct statvfs v;

	atomic_store(&s->checked_at, mono_now_ms());
	if (fstatvfs(sp->directory_fd, &v) != 0)
		return; /* the last answer stays; a write will tell */
	uint64_t bytes = (uint64_t)v.f_bavail * v.f_frsize;
	atomic_store(&s->free_bytes, bytes);
	atomic_store(&s->is_low,
		     bytes < atomic_load(&s->reserve) ||
			     (v.f_files > 0 && v.f_favail < SPACE_INODES_MIN));
}

void
space_check_if_old(struct spool *sp)
{
	if (mono_now_ms() - atomic_load(&sp->space.checked_at) >= SPACE_INTERVAL_MS)
		space_check(sp);
}

static void
check_job(struct work_job *job)
{
	struct spool *sp =
		(struct spool *)((char *)job - offsetof(struct spool, space.job));

	space_check(sp);
	atomic_store(&sp->space.is_checking, false);
}

void
space_poke(struct spool *sp)
{
	struct space *s = &sp->space;

	if (mono_now_ms() - atomic_load(&s->checked_at) < SPACE_INTERVAL_MS ||
	    atomic_exchange(&s->is_checking, true))
		return;
	s->job.run = check_job;
	work_submit(sp->bodies, &s->job);
}

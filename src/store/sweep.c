/*
 * sweep.c - files go only after the transaction that let go of them is on disk.
 *
 * An outcome may commit without a sync. Were its body unlinked at once, a power cut could
 * bring back the row and not the bytes.
 */
#include "store/state.h"

#include <stdlib.h>
#include <unistd.h>

static void
remove_file(const struct removal *r)
{
	char path[BODY_PATH_MAX];

	if (r->is_segment)
		segment_path(r->segment, path);
	else
		body_file_path(&r->file, path);
	unlinkat(r->spool->directory_fd, path, 0);
}

static void
removal_run(struct work_job *job)
{
	remove_file((struct removal *)job);
	free(job);
}

void
sweep(struct writer *w)
{
	if (w->spool->bodies == NULL) {
		sweep_here(w);
		return;
	}
	for (struct removal *r; (r = w->removals) != NULL;) {
		w->removals = r->next;
		r->job.run = removal_run;
		work_submit(w->spool->bodies, &r->job);
	}
}

void
sweep_here(struct writer *w)
{
	for (struct removal *r; (r = w->removals) != NULL;) {
		w->removals = r->next;
		remove_file(r);
		free(r);
	}
}

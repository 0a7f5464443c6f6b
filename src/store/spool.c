/*
 * spool.c - opening and closing: the parts in order, and the same list backwards.
 */
#include "store/state.h"

#include "store/lock.h"
#include "store/policies.h"

#include "tdc/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB 1024ull
#define MIB (1024ull * 1024)

enum { TICK_MS = 1000 };

static uint64_t
or_default(uint64_t n, uint64_t fallback)
{
	return n == 0 ? fallback : n;
}

static void
set_limits(struct spool *sp, const struct spool_settings *s)
{
	struct spool_limits *l = &sp->limits;

	l->inline_max = or_default(s->inline_max, 8 * KIB);
	l->segment_max = or_default(s->segment_max, 256 * KIB);
	l->segment_size = or_default(s->segment_size, 64 * MIB);
	l->wal_max = or_default(s->wal_max, 64 * MIB);
	l->body_workers = s->body_workers == 0 ? 2 : s->body_workers;
	l->tick_ms = s->tick_ms == 0 ? TICK_MS : s->tick_ms;
	l->is_unsafe = fault_is("store.synchronous-off");
	if (l->segment_max < l->inline_max)
		l->segment_max = l->inline_max;
}

static void
set_reloadable(struct spool *sp, const struct spool_settings *s)
{
	sp->limits.in_flight_max = or_default(s->in_flight_max, 12 * MIB);
	sp->limits.body_size_max = or_default(s->body_size_max, 256 * MIB);
	atomic_store(&sp->space.reserve, or_default(s->reserve, 64 * MIB));
	atomic_store(&sp->limits.retention_ms, s->retention_ms);
	hot_set_max(&sp->hot, or_default(s->hot_max, 8 * MIB));
}

void
spool_reload(struct spool *sp, const struct spool_settings *s)
{
	set_reloadable(sp, s);
	atomic_store(&sp->space.checked_at, 0);
	space_poke(sp);
	purge_arm(sp);
}

static int
open_parts(struct spool *sp, struct spool_recovery *r, struct err *e)
{
	if (completions_init(&sp->completions, sp->loop, e) != 0 ||
	    writer_init(&sp->writer, sp, e) != 0 || recover(sp, r, e) != 0)
		return -1;
	space_check(sp);
	ballast_make(&sp->writer);
	if (work_new("tdc-body", sp->limits.body_workers, &sp->bodies, e) != 0 ||
	    reader_start(&sp->reader, sp, e) != 0 ||
	    segments_start(&sp->segments, sp, sp->segments.next_id, e) != 0)
		return -1;
	struct completion *none = NULL, **end = &none;
	view_publish(&sp->writer, &end);
	view_take(sp);
	return writer_start(&sp->writer, e);
}

static void
close_parts(struct spool *sp)
{
	if (sp->bodies != NULL)
		work_free(sp->bodies);
	sp->bodies = NULL;
	reader_stop(&sp->reader);
	segments_stop(&sp->segments);
	writer_done(&sp->writer);
	completions_done(&sp->completions);
	if (sp->has_timer)
		timer_done(&sp->purge_timer);
	hot_done(&sp->hot);
	refused_done(&sp->refused);
	refused_done(&sp->unreadable);
	profiles_done(sp);
	unclean_done(sp);
	strays_free(sp->strays);
	view_done(sp);
	spool_unlock(sp);
	free(sp->directory);
	free(sp->database);
	free(sp);
}

/* *has_room: it did not fit on the disk, and now there is the room of the ballast. */
static int
try_to_open(struct loop *l, const struct spool_settings *s, struct spool **ret,
	    struct spool_recovery *recovery, bool *has_room, struct err *e)
{
	struct spool *sp = calloc(1, sizeof(*sp));

	if (sp == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the spool");
	*recovery = (struct spool_recovery){ 0 };
	sp->loop = l;
	sp->directory_fd = sp->lock_fd = sp->segments.fd = -1;
	hot_init(&sp->hot, 0);
	refused_init(&sp->refused);
	refused_init(&sp->unreadable);
	view_init(sp);
	set_limits(sp, s);
	set_reloadable(sp, s);
	if (spool_lock(sp, s, e) != 0 || open_parts(sp, recovery, e) != 0) {
		if (e->kind == ERR_CORRUPT)
			err_wrap(e, "the spool cannot be used; docs/spool.md, \"A "
				    "damaged spool\", "
				    "says how to save what is in it");
		*has_room = e->kind == ERR_SPACE && sp->lock_fd >= 0 &&
			    ballast_release(&sp->writer);
		close_parts(sp);
		return -1;
	}
	purge_arm(sp);
	strays_submit(sp);
	*ret = sp;
	return 0;
}

int
spool_open(struct loop *l, const struct spool_settings *s, struct spool **ret,
	   struct spool_recovery *recovery, struct err *e)
{
	struct spool_recovery unused;
	struct err its;
	bool has_room = false;

	if (recovery == NULL)
		recovery = &unused;
	int r = try_to_open(l, s, ret, recovery, &has_room, &its);
	if (has_room)
		r = try_to_open(l, s, ret, recovery, &has_room, &its);
	if (r != 0 && e != NULL)
		*e = its;
	return r;
}

/*
 * Commits that workers still have their hands on end on the loop: it turns here until
 * they have.
 */
static void
await_workers(struct spool *sp)
{
	completions_run(&sp->completions);
	while (sp->n_ending > 0) {
		struct pollfd p = { .fd = sp->completions.wake_fd, .events = POLLIN };
		poll(&p, 1, 100);
		completions_run(&sp->completions);
	}
}

static int
record_end(struct spool *sp, struct err *e)
{
	struct writer *w = &sp->writer;

	if (w->has_given_up || !log_is_sound(w) || w->db.sql == NULL)
		return err_set(e, ERR_IO, 0, "the end is no orderly one");
	if (writer_set_full(w, true, e) != 0 ||
	    db_exec(&w->db, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	if (row_meta_set(w, "clean", 1, e) == 0 &&
	    row_meta_set(w, "mid_reserved", (int64_t)sp->next_mid, e) == 0 &&
	    db_exec(&w->db, "COMMIT", e) == 0)
		return 0;
	db_exec(&w->db, "ROLLBACK", NULL);
	log_failed(w, e);
	return -1;
}

/*
 * The last transaction: the next start finds an orderly end, and goes on with the next
 * MID.
 */
static void
end_life(struct spool *sp)
{
	struct err e;

	int r = record_end(sp, &e);
	if (r != 0 && e.kind == ERR_SPACE) {
		ballast_use(&sp->writer);
		r = record_end(sp, &e);
	}
	if (r == 0)
		sweep(&sp->writer);
}

void
spool_close(struct spool *sp)
{
	if (sp == NULL)
		return;
	await_workers(sp);
	writer_stop(&sp->writer);
	segments_stop(&sp->segments);
	reader_stop(&sp->reader);
	writer_drain(&sp->writer);
	end_life(sp);
	if (sp->bodies != NULL)
		work_free(sp->bodies);
	sp->bodies = NULL;
	checkpoint_all(&sp->writer, NULL);
	close_parts(sp);
}

void
spool_on_accepted(struct spool *sp, spool_accepted_fn *fn, void *arg)
{
	sp->on_accepted = fn;
	sp->on_accepted_arg = arg;
}

/*
 * checkpoint.c - from the write-ahead log to the database: small and often, between
 * batches.
 *
 * PASSIVE: it waits for nobody, and the log is begun anew in the blocks that its file has.
 * To write over them costs a sync half of what it costs to append, for which the file
 * system has to record a new size. TRUNCATE when a quiet second finds a file that has grown
 * beyond KEPT_PAGES, or when the log has passed its limit, and then a reader that is in the
 * way is broken off.
 */
#include "store/state.h"

#include "tdc/base/counter.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	STEP_PAGES = CHECKPOINT_BYTES / DB_PAGE_SIZE,
	KEPT_PAGES = 2 * STEP_PAGES,
	TRUNCATE_BUSY_MS = 50,
	LIMIT_RETRY_MS = 500
};

uint64_t
wal_bytes(const struct writer *w)
{
	return (uint64_t)w->wal_pages * (DB_PAGE_SIZE + DB_FRAME_HEADER);
}

static int
run(struct writer *w, int mode, struct err *e)
{
	int64_t since = mono_us();
	int log = 0, copied = 0;

	if (mode == SQLITE_CHECKPOINT_TRUNCATE)
		sqlite3_busy_timeout(w->db.sql, TRUNCATE_BUSY_MS);
	int rc = sqlite3_wal_checkpoint_v2(w->db.sql, NULL, mode, &log, &copied);
	if (mode == SQLITE_CHECKPOINT_TRUNCATE)
		sqlite3_busy_timeout(w->db.sql, (int)w->settings.busy_ms);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		return db_error(&w->db, "checkpoint", e);
	if (!w->settings.is_unsafe)
		counter_add(COUNTER_SYNCS, 2);
	int64_t took = mono_us() - since;
	if (took > w->longest_checkpoint_us)
		w->longest_checkpoint_us = took;
	w->is_wal_copied = rc == SQLITE_OK && log == copied;
	w->wal_pages_tried = w->is_wal_copied ? 0 : w->wal_pages;
	if (rc == SQLITE_OK && mode == SQLITE_CHECKPOINT_TRUNCATE)
		w->wal_pages = w->wal_file_pages = 0;
	/* Its first step forces the log to disk, and every outcome in it. */
	if (w->is_wal_copied && w->unsynced > 0) {
		w->unsynced = 0;
		sweep(w);
	}
	w->is_view_stale = true;
	return 0;
}

/* -- a log that cannot be trusted -- */

/*
 * What was committed here is not what the log has any more, and only outcomes that were
 * not synced can be among it. There is one safe way on: to end. The next start recovers
 * the log up to the last byte that is sound, as after a power cut.
 */
static _Noreturn void
end_here(const struct err *e)
{
	fprintf(stderr, "tdc: %s; the next start finds all that was synced\n", e->text);
	fflush(stderr);
	_exit(EX_IOERR);
}

/* While there is a connection that knows what it wrote. */
static void
look_at_log(struct writer *w)
{
	struct err e;

	w->has_log_state = wal_state_get(&w->db, &w->log_state, NULL) == 0;
	if (wal_verify(&w->db, &e) != 0 && e.kind == ERR_CORRUPT)
		end_here(&e);
	/* What could not be cut off is, when the log is written anew. */
	wal_cut(&w->db, NULL);
}

static void
break_log(struct writer *w)
{
	if (!w->is_log_broken)
		look_at_log(w);
	/*
	 * A sync that failed is never tried again on the same descriptor, and what is
	 * broken is not copied to the database by the way.
	 */
	w->is_log_broken = true;
	db_keep_log(&w->db);
	db_close(&w->db);
	writer_open(w, NULL);
}

/*
 * Every byte of the log once more. When it was recovered meanwhile, it must still be the
 * one that was committed: account and outcomes in memory are as of that one.
 */
static int
rewrite_log(struct writer *w, struct err *e)
{
	struct wal_state now;

	if (w->has_log_state && wal_state_get(&w->db, &now, e) != 0)
		return -1;
	if (w->has_log_state && memcmp(&now, &w->log_state, sizeof(now)) != 0) {
		err_set(e, ERR_CORRUPT, 0, "the write-ahead log has lost its end");
		end_here(e);
	}
	if (wal_rewrite(&w->db, e) != 0) {
		if (e->kind == ERR_CORRUPT)
			end_here(e);
		return -1;
	}
	w->has_log_state = false; /* it is on disk; from here on it may be begun anew */
	return 0;
}

/*
 * Between the last sync and the one that failed there may be frames that the disk does
 * not have and the kernel takes for written: a hole. After a power cut SQLite reads up to
 * the hole and no further, and a copy of what is behind it would have left half of it in
 * the database. Worse, the kernel may have dropped them from memory, too, and give other
 * bytes for them. So the order is: the checksums, every byte of the log once more, a sync
 * of those, then all of it to the database, then a new log.
 */
int
log_renew(struct writer *w, struct err *e)
{
	int mode = atomic_load(&w->spool->space.is_low) ? SQLITE_CHECKPOINT_RESTART
							: SQLITE_CHECKPOINT_TRUNCATE;

	w->renewed_at = mono_now_ms();
	if (w->db.sql == NULL && writer_open(w, e) != 0) {
		/* It could be read a moment ago: other bytes are given for the log's. */
		if (w->has_log_state && e->kind == ERR_CORRUPT)
			end_here(e);
		return -1;
	}
	if (rewrite_log(w, e) != 0)
		return -1;
	int r = run(w, mode, e);
	if (r == 0 && !w->is_wal_copied) {
		reader_interrupt(&w->spool->reader);
		r = run(w, mode, e);
	}
	if (r != 0)
		return -1;
	if (!w->is_wal_copied)
		return err_set(e, ERR_BUSY, 0,
			       "somebody reads, and the write-ahead log cannot be begun "
			       "anew");
	w->is_log_broken = false;
	return 0;
}

static void
try_to_renew(struct writer *w)
{
	struct err e;

	if (log_renew(w, &e) == 0)
		return;
	writer_trouble(w, &e);
	if (e.kind == ERR_IO || w->db.has_failed_sync)
		break_log(w);
}

bool
log_is_sound(struct writer *w)
{
	if (w->db.has_failed_sync && !w->is_log_broken)
		log_failed(w, &(struct err){ .kind = ERR_IO,
					     .text = "forcing the log to disk failed" });
	if (w->is_log_broken &&
	    (mono_now_ms() - w->renewed_at >= w->spool->limits.tick_ms ||
	     atomic_load(&w->is_stopping)))
		try_to_renew(w);
	return !w->is_log_broken;
}

void
log_failed(struct writer *w, const struct err *e)
{
	writer_trouble(w, e);
	if (e->kind != ERR_IO && !w->db.has_failed_sync)
		return;
	break_log(w);
	try_to_renew(w);
}

/* -- steps -- */

int
checkpoint_all(struct writer *w, struct err *e)
{
	if (w->db.sql == NULL || !log_is_sound(w)) {
		db_keep_log(&w->db);
		return err_set(e, ERR_IO, 0, "the write-ahead log is broken");
	}
	return run(w, SQLITE_CHECKPOINT_TRUNCATE, e);
}

void
checkpoint_passive(struct writer *w)
{
	if (w->db.sql != NULL)
		run(w, SQLITE_CHECKPOINT_PASSIVE, NULL);
}

/* Beyond the limit: whoever reads gives way, and new mail waits until the log is short. */
static void
enforce_limit(struct writer *w)
{
	struct err e;
	int64_t now = mono_now_ms();

	if (w->is_log_full && now - w->log_tried_at < upkeep_scaled_ms(w, LIMIT_RETRY_MS))
		return;
	w->log_tried_at = now;
	int r = run(w, SQLITE_CHECKPOINT_TRUNCATE, &e);
	if (r == 0 && w->wal_pages > 0) {
		reader_interrupt(&w->spool->reader);
		r = run(w, SQLITE_CHECKPOINT_TRUNCATE, &e);
	}
	if (r != 0)
		log_failed(w, &e);
}

static bool
is_beyond_limit(const struct writer *w)
{
	return wal_bytes(w) > w->spool->limits.wal_max && !w->is_wal_copied;
}

/* On a disk that is nearly full the log keeps even many blocks: outcomes will need them. */
static int
run_when_idle(struct writer *w, struct err *e)
{
	if (w->wal_file_pages > KEPT_PAGES && !atomic_load(&w->spool->space.is_low))
		return run(w, SQLITE_CHECKPOINT_TRUNCATE, e);
	if (!w->is_wal_copied && run(w, SQLITE_CHECKPOINT_PASSIVE, e) != 0)
		return -1;
	if (w->is_wal_copied)
		w->wal_pages = 0;
	return 0;
}

void
checkpoint(struct writer *w, bool is_idle)
{
	struct err e;

	if (w->db.sql == NULL || !log_is_sound(w))
		return;
	if (is_beyond_limit(w))
		enforce_limit(w);
	w->is_view_stale |= w->is_log_full != is_beyond_limit(w);
	w->is_log_full = is_beyond_limit(w);
	if (w->is_log_full || w->wal_pages == 0)
		return;
	if (is_idle) {
		if (run_when_idle(w, &e) != 0)
			log_failed(w, &e);
	} else if (!w->is_wal_copied && w->wal_pages >= w->wal_pages_tried + STEP_PAGES) {
		if (run(w, SQLITE_CHECKPOINT_PASSIVE, &e) != 0)
			log_failed(w, &e);
	}
}

/*
 * upkeep.c - what the store thread does between batches, each in a bounded step.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	OLDEST_LOOKS = 1000,
	ANEW_LOOKS = 100,        /* at rows that may hide an older one */
	OLDEST_REST_MS = 10000,  /* after a look that failed */
	ANEW_MS = 60000,         /* later than its message: no commit takes so long */
	VACUUM_MIN_PAGES = 1024, /* free pages that are left for new mail */
	VACUUM_STEP_PAGES = 256,
	IDLE_TICKS = 10, /* between two looks at the disk while nothing happens */
};

/* -- the oldest row that waits: a finger that only moves on -- */

static bool
waits(sqlite3_stmt *st)
{
	enum journal_state state;

	return journal_state_parse(span_of(db_text(st, 1)), &state) == 0 &&
	       (state == JOURNAL_WAITING || state == JOURNAL_UNCERTAIN);
}

/* Released or retried: it stands in front of rows that wait longer. */
static bool
began_anew(sqlite3_stmt *st)
{
	return sqlite3_column_int64(st, 2) - sqlite3_column_int64(st, 3) > ANEW_MS;
}

enum oldest {
	OLDEST_FOUND,
	OLDEST_MORE,   /* looked at so many, and none waits */
	OLDEST_NONE,   /* there is no further row           */
	OLDEST_FAILED, /* nothing was learned               */
};

static enum oldest
look_for_oldest(struct writer *w, int64_t *at)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_OLDEST, NULL);
	int looks = 0, waiting = 0, r = -1;

	if (st == NULL)
		return OLDEST_FAILED;
	db_bind_int(st, 1, (int64_t)w->oldest_mid);
	db_bind_int(st, 2, OLDEST_LOOKS);
	while (waiting < ANEW_LOOKS && (r = db_step(&w->db, st, NULL)) == 1) {
		int64_t created_at = sqlite3_column_int64(st, 2);
		looks++;
		if (!waits(st)) {
			if (waiting == 0)
				w->oldest_mid = (uint64_t)sqlite3_column_int64(st, 0);
			continue;
		}
		if (waiting++ == 0 || created_at < *at)
			*at = created_at;
		if (!began_anew(st))
			return OLDEST_FOUND;
	}
	if (r < 0)
		return OLDEST_FAILED;
	if (waiting > 0)
		return OLDEST_FOUND;
	return looks == OLDEST_LOOKS ? OLDEST_MORE : OLDEST_NONE;
}

void
upkeep_oldest(struct writer *w)
{
	int64_t at = 0, now = mono_now_ms();

	if (w->terms[TERM_STATE + JOURNAL_WAITING] +
		    w->terms[TERM_STATE + JOURNAL_UNCERTAIN] <=
	    0) {
		w->oldest_at = 0;
		return;
	}
	if (now < w->oldest_rest_until)
		return;
	switch (look_for_oldest(w, &at)) {
	case OLDEST_FOUND:
		w->oldest_at = at;
		break;
	case OLDEST_NONE:
		w->oldest_at = 0;
		break;
	case OLDEST_MORE: /* it is known in a later look */
		break;
	case OLDEST_FAILED: /* a disk that cannot read takes its time to say so */
		w->oldest_rest_until = now + upkeep_scaled_ms(w, OLDEST_REST_MS);
		break;
	}
}

/* -- segments -- */

static int
first_id(struct writer *w, enum statement which, uint64_t *ret)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, which, NULL);
	int r = st == NULL ? -1 : db_step(&w->db, st, NULL);

	if (r == 1)
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
	return r;
}

static void
compact(struct writer *w)
{
	uint64_t id;

	if (w->is_compacting || mono_now_ms() < w->no_compaction_until ||
	    first_id(w, STATEMENT_SEGMENT_SPARSE, &id) != 1)
		return;
	struct compaction *c = calloc(1, sizeof(*c));
	SCOPED(db_release)
	sqlite3_stmt *st = db_use(&w->db, STATEMENT_SEGMENT_BODIES, NULL);
	if (c == NULL || st == NULL) {
		free(c);
		return;
	}
	op_init(&c->op, &compaction_kind, w->spool);
	c->from = id;
	db_bind_int(st, 1, (int64_t)id);
	db_bind_int(st, 2, COMPACTION_BODIES);
	int r = 1;
	for (uint64_t bytes = 0; c->n < COMPACTION_BODIES && bytes < COMPACTION_BYTES &&
				 (r = db_step(&w->db, st, NULL)) == 1;) {
		c->bodies[c->n].body = sqlite3_column_int64(st, 0);
		c->bodies[c->n].offset = (uint64_t)sqlite3_column_int64(st, 1);
		c->bodies[c->n].size = (uint64_t)sqlite3_column_int64(st, 2);
		bytes += c->bodies[c->n++].size;
	}
	/* Live bytes of no body: it would be looked at every second. */
	c->is_damaged = c->n == 0 && r == 0;
	w->is_compacting = true;
	segments_submit(&w->spool->segments, &c->op);
}

/* The open segment holds nothing any more: it is closed, so that its bytes come back. */
static void
close_empty(struct writer *w)
{
	uint64_t id;

	if (w->is_rotating || first_id(w, STATEMENT_SEGMENT_EMPTY, &id) != 1)
		return;
	struct segment_end *end = calloc(1, sizeof(*end));
	if (end == NULL)
		return;
	op_init(&end->op, &segment_end_kind, w->spool);
	end->id = 0;
	w->is_rotating = true;
	segments_submit(&w->spool->segments, &end->op);
}

/* -- figures -- */

static void
count_bytes(struct writer *w)
{
	int64_t pages;

	if (db_ask(&w->db, "PRAGMA page_count", 0, &pages, NULL) == 0)
		w->database_bytes = (uint64_t)pages * DB_PAGE_SIZE;
	first_id(w, STATEMENT_SEGMENT_BYTES, &w->segment_bytes);
	w->is_view_stale = true;
}

/* -- free pages -- */

/* True: more is to be done. */
static bool
vacuum(struct writer *w)
{
	char sql[64];
	int64_t pages, left;

	if (w->unsynced > 0 || w->is_troubled ||
	    db_ask(&w->db, "PRAGMA freelist_count", 0, &pages, NULL) != 0 ||
	    pages < VACUUM_MIN_PAGES)
		return false;
	snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", VACUUM_STEP_PAGES);
	if (db_exec(&w->db, sql, NULL) != 0)
		return false;
	w->is_wal_copied = false;
	/* A database that others made may not be one that can be made shorter. */
	return db_ask(&w->db, "PRAGMA freelist_count", 0, &left, NULL) == 0 &&
	       left < pages;
}

/* -- in turn -- */

/* At most once a second while mail flows, and at the end of each quiet second. */
static void
every_second(struct writer *w, int64_t now, bool is_idle)
{
	if (!is_idle && now - w->upkeep_at < w->spool->limits.tick_ms)
		return;
	w->upkeep_at = now;
	count_bytes(w);
	if (w->is_troubled || w->kept.n > 0)
		return;
	compact(w);
	close_empty(w);
	if (!w->has_ballast && !atomic_load(&w->spool->space.is_low))
		ballast_make(w);
}

/* A time within a second: shorter when the tick is, as tests have it, and never longer. */
int64_t
upkeep_scaled_ms(const struct writer *w, int64_t ms)
{
	int64_t tick = w->spool->limits.tick_ms;

	return tick < 1000 ? ms * tick / 1000 : ms;
}

void
upkeep(struct writer *w, bool is_idle)
{
	int64_t now = mono_now_ms();
	struct err e;

	if (w->unsynced > 0 && !w->is_troubled &&
	    now - w->unsynced_since >= upkeep_scaled_ms(w, SYNC_WITHIN_MS))
		batch_sync(w, &e);
	if (w->is_troubled && now - w->probed_at >= w->spool->limits.tick_ms)
		batch_sync(w, &e);
	space_check_if_old(w->spool);
	if (w->db.sql != NULL) {
		w->has_free_pages = is_idle && vacuum(w);
		checkpoint(w, is_idle && !w->has_free_pages);
	}
	if (w->db.sql != NULL)
		every_second(w, now, is_idle);
	if (w->is_view_stale)
		batch_publish(w);
}

/* How long the thread may sleep when nothing comes. */
int64_t
upkeep_wait_ms(const struct writer *w)
{
	int64_t tick = w->spool->limits.tick_ms;

	if (w->again.n > 0 || w->has_free_pages)
		return 0;
	if (w->kept.n > 0)
		return upkeep_scaled_ms(w, RETRY_MS);
	/* Nothing is synced but by the probe, which has its time. */
	if (w->is_troubled)
		return tick;
	if (w->unsynced > 0) {
		int64_t left = w->unsynced_since + upkeep_scaled_ms(w, SYNC_WITHIN_MS) -
			       mono_now_ms();
		return left < 0 ? 0 : left;
	}
	if (w->wal_pages > 0 || atomic_load(&w->spool->space.is_low))
		return tick;
	/* Others write on the same disk. */
	return IDLE_TICKS * tick;
}

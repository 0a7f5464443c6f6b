/*
 * unclean.c - what may have been in flight when the daemon died, and with which bytes.
 *
 * A crash leaves behind: journals up to a MID may have been sent, each with the render
 * profile that its destination had then. That is kept for as long as one of them may
 * still be sent, also through orderly stops and further crashes, each with its own MID
 * and profiles.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <stdlib.h>

enum { OLDEST_STEPS = 100 }; /* of the finger of the oldest row */

static int
run(struct writer *w, enum statement which, uint64_t mid, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, which, e);
	if (st == NULL)
		return -1;
	if (mid != 0)
		db_bind_int(st, 1, (int64_t)mid);
	return db_run(&w->db, st, e);
}

/* The first row behind a MID: of a state that has an index of its own, or (NULL) of all. */
static int
first_of(struct writer *w, const char *state, uint64_t after, uint64_t *first,
	 struct err *e)
{
	SCOPED(db_release)
	sqlite3_stmt *st =
		db_use(&w->db, state == NULL ? STATEMENT_WALK : STATEMENT_WALK_STATE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)after);
	db_bind_int(st, 2, 1);
	if (state != NULL)
		db_bind_text(st, 3, state);
	int r = db_step(&w->db, st, e);
	/* What cannot be read may be as old as any. */
	bool is_lost = r < 0 && (e->kind == ERR_IO || e->kind == ERR_CORRUPT);
	if (r < 0 && !is_lost)
		return -1;
	uint64_t mid = is_lost  ? 0
		       : r == 1 ? (uint64_t)sqlite3_column_int64(st, 0)
				: INT64_MAX;
	if (mid < *first)
		*first = mid;
	return 0;
}

int
unclean_find_first(struct writer *w, uint64_t *first, struct err *e)
{
	static const enum journal_state others[] = { JOURNAL_HELD, JOURNAL_DEAD,
						     JOURNAL_QUARANTINED };

	for (int i = 0; i < OLDEST_STEPS && w->oldest_at == 0; i++)
		upkeep_oldest(w);
	*first = INT64_MAX;
	/* The finger stands in front of what waits, or of what it did not look at. */
	if (w->terms[TERM_STATE + JOURNAL_WAITING] +
			    w->terms[TERM_STATE + JOURNAL_UNCERTAIN] >
		    0 &&
	    first_of(w, NULL, w->oldest_mid, first, e) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (first_of(w, journal_state_name(others[i]), 0, first, e) != 0)
			return -1;
	return 0;
}

static int
remember(struct spool *sp, sqlite3_stmt *st)
{
	struct unclean_profile u = { .upto = (uint64_t)sqlite3_column_int64(st, 1) };
	struct unclean_profile *grown =
		realloc(sp->unclean, (sp->n_unclean + 1) * sizeof(*grown));

	if (grown == NULL)
		return -1;
	sp->unclean = grown;
	const char *destination = db_text(st, 0), *profile = db_text(st, 2);
	if (destination == NULL || profile == NULL)
		return -1; /* no memory for their texts */
	u.destination = strdup(destination);
	u.profile = strdup(profile);
	sp->unclean[sp->n_unclean++] = u;
	return u.destination == NULL || u.profile == NULL ? -1 : 0;
}

static int
load(struct spool *sp, struct err *e)
{
	struct db *db = &sp->writer.db;
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_UNCLEAN_ALL, e);
	int r;

	if (st == NULL)
		return -1;
	while ((r = db_step(db, st, e)) == 1)
		if (sqlite3_column_type(st, 0) != SQLITE_NULL &&
		    sqlite3_column_type(st, 2) != SQLITE_NULL && remember(sp, st) != 0)
			return err_set(e, ERR_MEMORY, 0, "no memory for render profiles");
	return r;
}

int
unclean_begin(struct spool *sp, uint64_t died_at, uint64_t before, uint64_t first,
	      struct err *e)
{
	struct writer *w = &sp->writer;

	if (died_at != 0 && (run(w, STATEMENT_UNCLEAN_MERGE, 0, e) != 0 ||
			     run(w, STATEMENT_UNCLEAN_ADD, died_at, e) != 0))
		return -1;
	sp->unclean_mid = died_at != 0 ? died_at : before >= first ? before : 0;
	if (run(w, STATEMENT_UNCLEAN_DROP, first, e) != 0 ||
	    row_meta_set(w, "unclean_mid", (int64_t)sp->unclean_mid, e) != 0)
		return -1;
	return load(sp, e);
}

void
unclean_done(struct spool *sp)
{
	for (size_t i = 0; i < sp->n_unclean; i++) {
		free(sp->unclean[i].destination);
		free(sp->unclean[i].profile);
	}
	free(sp->unclean);
}

uint64_t
spool_unclean_mid(const struct spool *sp)
{
	return sp->unclean_mid;
}

const char *
spool_unclean_profile(const struct spool *sp, const char *destination, uint64_t mid)
{
	for (size_t i = 0; i < sp->n_unclean; i++) /* each destination's in their order */
		if (mid <= sp->unclean[i].upto &&
		    strcmp(sp->unclean[i].destination, destination) == 0)
			return sp->unclean[i].profile;
	return NULL;
}

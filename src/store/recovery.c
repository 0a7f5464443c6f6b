/*
 * recovery.c - what the last stop left: bounded work, no body is read.
 *
 * After an orderly stop there is nothing to do but to load names and numbers. After a
 * crash, files that no committed row names are removed, and the tails of segments behind
 * the last committed byte are cut off.
 */
#include "store/policies.h"
#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- names and numbers -- */

/* Without its profile a destination is as one that has none yet. */
static int
load_destinations(struct spool *sp, struct spool_recovery *recovery, struct err *e)
{
	struct db *db = &sp->writer.db;
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_DESTINATION_ALL, e);
	int r;

	if (st == NULL)
		return -1;
	while ((r = db_step(db, st, e)) == 1) {
		if (sqlite3_column_type(st, 0) == SQLITE_NULL ||
		    sqlite3_column_type(st, 1) == SQLITE_NULL)
			recovery->damaged_names++;
		else if (profile_remember(sp, db_text(st, 0), db_text(st, 1)) != 0)
			return err_set(e, ERR_MEMORY, 0, "no memory for render profiles");
	}
	return r;
}

static int
load_number(struct db *db, enum statement which, int64_t key, uint64_t *ret,
	    struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, which, e);
	if (st == NULL)
		return -1;
	if (key != 0)
		db_bind_int(st, 1, key);
	int r = db_step(db, st, e);
	if (r == 1)
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
	return r < 0 ? -1 : 0;
}

static int
load_all(struct spool *sp, struct spool_recovery *r, struct err *e)
{
	struct writer *w = &sp->writer;
	unsigned strangers;

	if (account_load(&w->db, w->terms, &strangers, e) != 0 ||
	    policies_load(sp, r, e) != 0 || load_destinations(sp, r, e) != 0)
		return -1;
	return load_number(&w->db, STATEMENT_FILE_BYTES, 0, &w->file_bytes, e);
}

/* -- segments -- */

/*
 * Bytes behind the last committed one were never promised to anybody. One number that is
 * wrong must not cost any: the rows of its bodies are asked, too.
 */
static void
cut_tail(struct spool *sp, uint64_t id, uint64_t size)
{
	char path[BODY_PATH_MAX];
	struct stat st;
	uint64_t end = 0;

	if (load_number(&sp->writer.db, STATEMENT_SEGMENT_END, (int64_t)id, &end, NULL) !=
	    0)
		return;
	size = end > size ? end : size;
	segment_path(id, path);
	int fd = openat(sp->directory_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* its bodies will be found missing when they are read */
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > size &&
	    ftruncate(fd, (off_t)size) != 0)
		errno = 0; /* only wasted space */
	close(fd);
}

static bool
is_open_segment(sqlite3_stmt *st)
{
	const char *state = db_text(st, 1);

	return state != NULL && strcmp(state, "open") == 0;
}

/* Before the transaction: a row that cannot be read would end it. */
static int
cut_tails(struct spool *sp, struct err *e)
{
	struct writer *w = &sp->writer;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_SEGMENT_ALL, e);
	int r;

	if (st == NULL)
		return -1;
	while ((r = db_step(&w->db, st, e)) == 1)
		if (is_open_segment(st))
			cut_tail(sp, (uint64_t)sqlite3_column_int64(st, 0),
				 (uint64_t)sqlite3_column_int64(st, 3));
	return r;
}

/*
 * What was appended to is closed: the next body begins a new segment. Those without live
 * bytes go.
 */
static int
end_segments(struct spool *sp, uint64_t *last_id, struct err *e)
{
	struct writer *w = &sp->writer;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_SEGMENT_ALL, e);
	int r;

	if (st == NULL)
		return -1;
	while ((r = db_step(&w->db, st, e)) == 1) {
		uint64_t id = (uint64_t)sqlite3_column_int64(st, 0);
		if (id > *last_id)
			*last_id = id;
		if ((is_open_segment(st) || sqlite3_column_int64(st, 2) <= 0) &&
		    pending_segment_closed(w, id, e) != 0)
			return -1;
	}
	return r;
}

/* -- files that nobody names -- */

static int
is_named(struct db *db, enum statement which, const struct uid *file, uint64_t id)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, which, NULL);
	if (st == NULL)
		return -1;
	if (file != NULL)
		db_bind_blob(st, 1, file->b, UID_BYTES);
	else
		db_bind_int(st, 1, (int64_t)id);
	return db_step(db, st, NULL);
}

/* True: the name is one of ours, and no row has it: of a segment, none of a body either. */
static bool
is_orphan(struct spool *sp, const char *name, bool is_segment)
{
	struct db *db = &sp->writer.db;
	const char *dot = strchr(name, '.');
	struct uid file;

	if (dot == NULL || strcmp(dot, is_segment ? ".segment" : ".body") != 0)
		return false;
	uint64_t id = strtoull(name, NULL, 10);
	if (is_segment)
		return is_named(db, STATEMENT_SEGMENT_GET, NULL, id) == 0 &&
		       is_named(db, STATEMENT_BODY_OF_SEGMENT, NULL, id) == 0;
	return uid_parse(span_make(name, (size_t)(dot - name)), &file) == 0 &&
	       is_named(db, STATEMENT_BODY_OF_FILE, &file, 0) == 0;
}

static void
remove_orphans(struct spool *sp, const char *path, bool is_segment,
	       struct spool_recovery *r)
{
	int fd = openat(sp->directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (directory == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *d; (d = readdir(directory)) != NULL;)
		if (is_orphan(sp, d->d_name, is_segment) &&
		    unlinkat(dirfd(directory), d->d_name, 0) == 0)
			r->orphan_files++;
	closedir(directory);
}

static void
remove_all_orphans(struct spool *sp, struct spool_recovery *r)
{
	char path[BODY_PATH_MAX];

	remove_orphans(sp, "segments", true, r);
	for (unsigned i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "bodies/%02x", i);
		remove_orphans(sp, path, false, r);
	}
}

/*
 * Behind the highest number of any file or row, so that no number is used twice at a
 * time.
 */
static uint64_t
next_segment(struct spool *sp, uint64_t last_id)
{
	int fd = openat(sp->directory_fd, "segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (directory == NULL)
		return last_id + 1;
	for (struct dirent *d; (d = readdir(directory)) != NULL;) {
		uint64_t id = strtoull(d->d_name, NULL, 10);
		if (id > last_id)
			last_id = id;
	}
	closedir(directory);
	return last_id + 1;
}

/* -- the one transaction of a start -- */

/*
 * What is in quarantine beyond what was told is new. Those that left it since are told of
 * no more, or as many that come later would be no news.
 */
static int
find_new(struct writer *w, struct spool_recovery *r, struct err *e)
{
	int64_t told, now = w->terms[TERM_STATE + JOURNAL_QUARANTINED];

	if (row_meta_get(&w->db, "quarantined", 0, &told, e) != 0)
		return -1;
	now = now < 0 ? 0 : now;
	told = told < 0 ? 0 : told;
	if (now > told)
		r->newly_quarantined = (uint64_t)(now - told);
	return now < told ? row_meta_set(w, "quarantined", now, e) : 0;
}

static int
begin_life(struct spool *sp, uint64_t died_at, uint64_t unclean_mid,
	   uint64_t *last_segment, struct spool_recovery *r, struct err *e)
{
	struct writer *w = &sp->writer;
	uint64_t first = 0;

	pending_begin(w);
	/* A read that fails would end a transaction. */
	if (unclean_find_first(w, &first, e) == 0 && cut_tails(sp, e) == 0 &&
	    db_exec(&w->db, "BEGIN IMMEDIATE", e) == 0 &&
	    end_segments(sp, last_segment, e) == 0 && secret_begin(sp, e) == 0 &&
	    policies_begin(sp, r, e) == 0 && find_new(w, r, e) == 0 &&
	    unclean_begin(sp, died_at, unclean_mid, first, e) == 0 &&
	    row_meta_set(w, "clean", 0, e) == 0 &&
	    row_meta_set(w, "mid_reserved", (int64_t)sp->mid_limit, e) == 0 &&
	    pending_write(w, e) == 0 && db_exec(&w->db, "COMMIT", e) == 0) {
		pending_take_over(w);
		sweep_here(w);
		return 0;
	}
	db_exec(&w->db, "ROLLBACK", NULL);
	pending_forget(w);
	return -1;
}

/* The reservation may have been lost with its row; no MID of a row is given again. */
static int
behind_all_rows(struct db *db, int64_t *reserved, struct err *e)
{
	static const enum statement last[] = { STATEMENT_LAST_JOURNAL,
					       STATEMENT_LAST_MESSAGE,
					       STATEMENT_LAST_BODY };

	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		uint64_t mid = 0;
		if (load_number(db, last[i], 0, &mid, e) != 0)
			return -1;
		if (*reserved < (int64_t)mid)
			*reserved = (int64_t)mid;
	}
	return 0;
}

int
recover(struct spool *sp, struct spool_recovery *r, struct err *e)
{
	enum { NEVER_OPENED = 2 }; /* no stop has left a word */
	struct db *db = &sp->writer.db;
	int64_t since = mono_now_ms(), is_clean, reserved, unclean_mid;
	uint64_t last_segment = 0;

	if (row_meta_get(db, "clean", NEVER_OPENED, &is_clean, e) != 0 ||
	    row_meta_get(db, "mid_reserved", 0, &reserved, e) != 0 ||
	    row_meta_get(db, "unclean_mid", 0, &unclean_mid, e) != 0 ||
	    behind_all_rows(db, &reserved, e) != 0 || load_all(sp, r, e) != 0)
		return -1;
	sp->next_mid = (uint64_t)reserved;
	sp->mid_limit = sp->next_mid + 2 * MID_BLOCK;
	if (begin_life(sp, is_clean ? 0 : (uint64_t)reserved, (uint64_t)unclean_mid,
		       &last_segment, r, e) != 0)
		return -1;
	if (!is_clean)
		remove_all_orphans(sp, r);
	sp->segments.next_id = next_segment(sp, last_segment);
	struct spool_account a;
	account_of_terms(sp->writer.terms, &a);
	r->was_clean = is_clean != 0;
	r->is_new = is_clean == NEVER_OPENED;
	r->waiting = a.state[JOURNAL_WAITING];
	r->uncertain = a.state[JOURNAL_UNCERTAIN];
	r->held = a.state[JOURNAL_HELD];
	r->dead = a.state[JOURNAL_DEAD];
	r->quarantined = a.state[JOURNAL_QUARANTINED];
	r->took_ms = mono_now_ms() - since;
	return 0;
}

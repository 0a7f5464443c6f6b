/*
 * policies.c - the names of policies, and how many rows wait for each, as the rows say.
 *
 * Mail is found by its policy. So a number, a name or a row of a policy that is damaged
 * must not hide any: at the start the rows that wait are counted by their index, a number
 * that is wrong is put right, and what waits for a policy without a name is quarantined, a
 * few at a time, while mail goes on. The id of a policy is never given again, or it would
 * get the journals of the one that was lost.
 */
#include "store/policies.h"

#include "store/state.h"

#include "tdc/base/cleanup.h"
#include "tdc/base/counter.h"

#include <stdlib.h>

/* Beyond: a damaged number. */
#define POLICY_ID_MAX ((int64_t)1 << 48)

static void
note_id(struct writer *w, int64_t id)
{
	if (id > w->last_policy && id < POLICY_ID_MAX)
		w->last_policy = id;
}

static struct policy_entry *
find(struct writer *w, int64_t id)
{
	for (size_t i = 0; i < w->n_policies; i++)
		if (w->policies[i].id == id)
			return &w->policies[i];
	return NULL;
}

bool
policy_is_known(struct writer *w, int64_t id)
{
	return find(w, id) != NULL;
}

int
policy_add(struct writer *w, int64_t id, const char *name, int64_t waiting, struct err *e)
{
	if (w->n_policies == w->cap_policies) {
		size_t cap = w->cap_policies == 0 ? 16 : w->cap_policies * 2;
		struct policy_entry *grown = realloc(w->policies, cap * sizeof(*grown));
		if (grown == NULL)
			return err_set(e, ERR_MEMORY, 0, "no memory for policies");
		w->policies = grown;
		w->cap_policies = cap;
	}
	char *copy = strdup(name);
	if (copy == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for policies");
	w->policies[w->n_policies++] =
		(struct policy_entry){ .id = id, .name = copy, .waiting = waiting };
	return 0;
}

/* -- loading -- */

static bool
has_name(const struct writer *w, const char *name)
{
	for (size_t i = 0; i < w->n_policies; i++)
		if (strcmp(w->policies[i].name, name) == 0)
			return true;
	return false;
}

int
policies_load(struct spool *sp, struct spool_recovery *r, struct err *e)
{
	struct writer *w = &sp->writer;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_POLICY_ALL, e);
	int result;

	if (st == NULL)
		return -1;
	while ((result = db_step(&w->db, st, e)) == 1) {
		int64_t id = sqlite3_column_int64(st, 0);
		bool is_null = sqlite3_column_type(st, 1) == SQLITE_NULL;
		const char *name = db_text(st, 1);
		note_id(w, id);
		if (!is_null && name == NULL)
			return err_set(e, ERR_MEMORY, 0, "no memory for policies");
		if (is_null || has_name(w, name))
			r->damaged_names++;
		else if (policy_add(w, id, name, sqlite3_column_int64(st, 2), e) != 0)
			return -1;
	}
	return result;
}

/* -- putting right -- */

/* The due queue looks a policy up by its name: what the index says, the row must say. */
static int
check_names(struct writer *w, struct err *e)
{
	bool is_sound = true;

	for (size_t i = 0; i < w->n_policies && is_sound; i++) {
		SCOPED(db_release)
		sqlite3_stmt *st = db_use(&w->db, STATEMENT_POLICY_FIND, e);
		if (st == NULL)
			return -1;
		db_bind_text(st, 1, w->policies[i].name);
		int r = db_step(&w->db, st, e);
		if (r < 0)
			return -1;
		is_sound = r == 1 && sqlite3_column_int64(st, 0) == w->policies[i].id;
	}
	/* Two rows of one name: the index stays as it is. */
	return is_sound || db_exec(&w->db, "REINDEX policy", e) == 0 ||
			       !err_is_temporary(e)
		       ? 0
		       : -1;
}

static int
set_waiting(struct writer *w, struct policy_entry *p, int64_t n, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_POLICY_SET, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, p->id);
	db_bind_int(st, 2, n);
	p->waiting = n;
	return db_run(&w->db, st, e);
}

/* What waits for one policy, or for none that is known. */
static int
take_count(struct spool *sp, int64_t id, int64_t n, struct spool_recovery *r,
	   struct err *e)
{
	struct writer *w = &sp->writer;
	struct policy_entry *p = find(w, id);

	note_id(w, id);
	if (p != NULL) {
		p->counted = n;
		return 0;
	}
	r->strays += (uint64_t)n;
	return strays_add(sp, id, e);
}

static int
count_waiting(struct spool *sp, int64_t *all, struct spool_recovery *r, struct err *e)
{
	struct writer *w = &sp->writer;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_COUNT_POLICIES, e);
	int result;

	*all = 0;
	r->strays = 0;
	strays_free(sp->strays);
	sp->strays = NULL;
	for (size_t i = 0; i < w->n_policies; i++)
		w->policies[i].counted = 0;
	if (st == NULL)
		return -1;
	while ((result = db_step(&w->db, st, e)) == 1) {
		int64_t n = sqlite3_column_int64(st, 1);
		*all += n;
		if (take_count(sp, sqlite3_column_int64(st, 0), n, r, e) != 0)
			return -1;
	}
	return result;
}

/*
 * The index says what waits, and so does the account. When they differ a row may be
 * hidden, or one that was delivered be sent again: the index is made anew from the rows.
 */
static int
find_waiting(struct spool *sp, struct spool_recovery *r, struct err *e)
{
	struct writer *w = &sp->writer;
	int64_t all, kept = w->terms[TERM_STATE + JOURNAL_WAITING] +
			    w->terms[TERM_STATE + JOURNAL_UNCERTAIN];

	int result = count_waiting(sp, &all, r, e);
	if (result == 0 ? all == kept : err_is_temporary(e))
		return result;
	r->damaged_queue = true;
	return db_exec(&w->db, "REINDEX journal_due", e) == 0
		       ? count_waiting(sp, &all, r, e)
		       : -1;
}

/* Which ids were given. A spool that does not know is asked for those of its journals. */
static int
find_last(struct writer *w, struct err *e)
{
	int64_t last = 0;

	if (row_meta_get(&w->db, "policy_last", 0, &last, e) != 0)
		return -1;
	if (last <= 0 || last >= POLICY_ID_MAX) {
		SCOPED(db_release)
		sqlite3_stmt *st = db_use(&w->db, STATEMENT_LAST_POLICY, e);
		if (st == NULL)
			return -1;
		db_bind_int(st, 1, POLICY_ID_MAX);
		int r = db_step(&w->db, st, e);
		if (r < 0)
			return -1;
		last = r == 1 ? sqlite3_column_int64(st, 0) : 0;
	}
	note_id(w, last);
	return row_meta_set(w, "policy_last", w->last_policy, e);
}

int
policies_begin(struct spool *sp, struct spool_recovery *r, struct err *e)
{
	struct writer *w = &sp->writer;

	if (check_names(w, e) != 0 || find_waiting(sp, r, e) != 0 || find_last(w, e) != 0)
		return -1;
	for (size_t i = 0; i < w->n_policies; i++)
		if (w->policies[i].waiting != w->policies[i].counted &&
		    set_waiting(w, &w->policies[i], w->policies[i].counted, e) != 0)
			return -1;
	return 0;
}

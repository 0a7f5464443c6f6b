/*
 * pending.c - the side effects of one transaction, in memory until it is committed.
 */
#include "store/pending.h"

#include "store/policies.h"
#include "store/state.h"

#include "tdc/base/cleanup.h"

void
pending_begin(struct writer *w)
{
	w->pending.policies_before = w->n_policies;
}

static void
clear(struct writer *w)
{
	struct pending *p = &w->pending;

	memset(p->terms, 0, sizeof(p->terms));
	p->has_terms = p->has_policies = false;
	p->n_segments = 0;
	p->removals = NULL;
	p->file_bytes = 0;
}

void
pending_forget(struct writer *w)
{
	struct pending *p = &w->pending;

	while (w->n_policies > p->policies_before)
		free(w->policies[--w->n_policies].name);
	for (size_t i = 0; i < w->n_policies; i++)
		w->policies[i].change = 0;
	for (struct removal *r; (r = p->removals) != NULL;) {
		p->removals = r->next;
		free(r);
	}
	clear(w);
}

void
pending_take_over(struct writer *w)
{
	struct pending *p = &w->pending;

	for (unsigned i = 0; i < TERM_COUNT; i++)
		w->terms[i] += p->terms[i];
	for (size_t i = 0; i < w->n_policies; i++) {
		w->policies[i].waiting += w->policies[i].change;
		w->policies[i].change = 0;
	}
	for (struct removal *r; (r = p->removals) != NULL;) {
		p->removals = r->next;
		r->next = w->removals;
		w->removals = r;
	}
	w->file_bytes = (uint64_t)((int64_t)w->file_bytes + p->file_bytes);
	clear(w);
}

void
pending_done(struct pending *p)
{
	free(p->segments);
}

/* -- gathering -- */

void
pending_term(struct writer *w, unsigned term, int64_t n)
{
	w->pending.terms[term] += n;
	w->pending.has_terms = true;
}

void
pending_state(struct writer *w, enum journal_state s, int64_t policy, int64_t n)
{
	pending_term(w, TERM_STATE + s, n);
	if (s != JOURNAL_WAITING && s != JOURNAL_UNCERTAIN)
		return;
	for (size_t i = 0; i < w->n_policies; i++)
		if (w->policies[i].id == policy)
			w->policies[i].change += n;
	w->pending.has_policies = true;
}

static struct segment_change *
segment_change(struct writer *w, uint64_t id, struct err *e)
{
	struct pending *p = &w->pending;

	for (size_t i = p->n_segments; i > 0; i--)
		if (p->segments[i - 1].id == id)
			return &p->segments[i - 1];
	if (p->n_segments == p->cap_segments) {
		size_t cap = p->cap_segments == 0 ? 16 : p->cap_segments * 2;
		struct segment_change *grown = realloc(p->segments, cap * sizeof(*grown));
		if (grown == NULL) {
			err_set(e, ERR_MEMORY, 0, "no memory for a batch");
			return NULL;
		}
		p->segments = grown;
		p->cap_segments = cap;
	}
	p->segments[p->n_segments] = (struct segment_change){ .id = id };
	return &p->segments[p->n_segments++];
}

int
pending_segment(struct writer *w, uint64_t id, int64_t live, uint64_t end, struct err *e)
{
	struct segment_change *c = segment_change(w, id, e);
	if (c == NULL)
		return -1;
	c->live += live;
	if (end > c->end)
		c->end = end;
	return 0;
}

int
pending_segment_closed(struct writer *w, uint64_t id, struct err *e)
{
	struct segment_change *c = segment_change(w, id, e);
	if (c == NULL)
		return -1;
	c->is_closed = true;
	return 0;
}

static struct removal *
removal_new(struct writer *w, struct err *e)
{
	struct removal *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		err_set(e, ERR_MEMORY, 0, "no memory for a batch");
		return NULL;
	}
	r->spool = w->spool;
	r->next = w->pending.removals;
	w->pending.removals = r;
	return r;
}

int
pending_remove_file(struct writer *w, const struct uid *file, uint64_t size,
		    struct err *e)
{
	struct removal *r = removal_new(w, e);
	if (r == NULL)
		return -1;
	r->file = *file;
	w->pending.file_bytes -= (int64_t)size;
	return 0;
}

int
pending_remove_segment(struct writer *w, uint64_t id, struct err *e)
{
	struct removal *r = removal_new(w, e);
	if (r == NULL)
		return -1;
	r->is_segment = true;
	r->segment = id;
	return 0;
}

int
pending_policy(struct writer *w, const char *name, int64_t *ret, struct err *e)
{
	for (size_t i = 0; i < w->n_policies; i++)
		if (strcmp(w->policies[i].name, name) == 0) {
			*ret = w->policies[i].id;
			return 0;
		}
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_POLICY_INSERT, e);
	if (st == NULL)
		return -1;
	/* After a rollback some ids were never used; that does no harm. */
	*ret = ++w->last_policy;
	db_bind_int(st, 1, *ret);
	db_bind_text(st, 2, name);
	if (db_run(&w->db, st, e) != 0 ||
	    row_meta_set(w, "policy_last", w->last_policy, e) != 0)
		return -1;
	return policy_add(w, *ret, name, 0, e);
}

/* -- writing -- */

static int
write_terms(struct writer *w, struct err *e)
{
	char name[ACCOUNT_TERM_MAX];

	for (unsigned i = 0; i < TERM_COUNT; i++) {
		if (w->pending.terms[i] == 0)
			continue;
		SCOPED(db_release)
		sqlite3_stmt *st = db_use(&w->db, STATEMENT_ACCOUNT_ADD, e);
		if (st == NULL)
			return -1;
		account_term_name(i, name);
		db_bind_text(st, 1, name);
		db_bind_int(st, 2, w->pending.terms[i]);
		if (db_run(&w->db, st, e) != 0)
			return -1;
	}
	return 0;
}

static int
write_policies(struct writer *w, struct err *e)
{
	for (size_t i = 0; i < w->n_policies; i++) {
		if (w->policies[i].change == 0)
			continue;
		SCOPED(db_release)
		sqlite3_stmt *st = db_use(&w->db, STATEMENT_POLICY_ADD, e);
		if (st == NULL)
			return -1;
		db_bind_int(st, 1, w->policies[i].id);
		db_bind_int(st, 2, w->policies[i].change);
		if (db_run(&w->db, st, e) != 0)
			return -1;
	}
	return 0;
}

static int
write_segment_bytes(struct writer *w, const struct segment_change *c, struct err *e)
{
	SCOPED(db_release)
	sqlite3_stmt *st = db_use(
		&w->db, c->end > 0 ? STATEMENT_SEGMENT_ADD : STATEMENT_SEGMENT_SUBTRACT,
		e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)c->id);
	db_bind_int(st, 2, c->live);
	if (c->end > 0)
		db_bind_int(st, 3, (int64_t)c->end);
	return db_run(&w->db, st, e);
}

static int
write_segment_closed(struct writer *w, uint64_t id, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_SEGMENT_STATE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)id);
	db_bind_text(st, 2, "closed");
	if (db_run(&w->db, st, e) != 0)
		return -1;
	/* Nothing in it was ever committed: nobody else knows of the file. */
	return sqlite3_changes(w->db.sql) == 0 ? pending_remove_segment(w, id, e) : 0;
}

/*
 * A segment without live bytes that nobody appends to any more goes. The number may be
 * wrong, and so may be the rows of bodies: both must say so.
 */
static int
write_segment_end(struct writer *w, uint64_t id, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_SEGMENT_DROP, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)id);
	int r = db_step(&w->db, st, e);
	return r == 1 ? pending_remove_segment(w, id, e) : r;
}

static int
write_segments(struct writer *w, struct err *e)
{
	for (size_t i = 0; i < w->pending.n_segments; i++) {
		const struct segment_change *c = &w->pending.segments[i];
		if ((c->live != 0 || c->end > 0) && write_segment_bytes(w, c, e) != 0)
			return -1;
		if (c->is_closed && write_segment_closed(w, c->id, e) != 0)
			return -1;
		if ((c->live < 0 || c->is_closed) && write_segment_end(w, c->id, e) != 0)
			return -1;
	}
	return 0;
}

int
pending_write(struct writer *w, struct err *e)
{
	if (w->pending.has_terms && write_terms(w, e) != 0)
		return -1;
	if (w->pending.has_policies && write_policies(w, e) != 0)
		return -1;
	return write_segments(w, e);
}

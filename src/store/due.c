/*
 * due.c - pages of the due queue and of lists, from the reader's connection.
 *
 * The index alone says which MIDs are meant; each row is then loaded by itself, so that a
 * damaged one is known by its number, quarantined and left out while the others come.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <stdlib.h>

enum { LIST_MAX = 1000, WALK_ROWS = 5000, PAGE_MAX = 5000 };

struct fetch {
	struct read_op op;
	struct spool_due due;
	spool_due_fn *done;
	void *arg;
	/* what is asked */
	char *policy;
	struct spool_cursor after;
	int64_t now;
	size_t rows;         /* looked at */
	size_t loads, bytes; /* of rows that are loaded; 0 bytes: no bound */
	struct spool_held *held;
	uint64_t mid;
	struct spool_list_filter filter;
	enum load_mode mode; /* of lists and of one */
	/* on the way */
	struct spool_cursor *page; /* rows + 1 of them */
	size_t n_page;
};

/* -- loading -- */

/*
 * 0: it is in the list, or was quarantined, or is gone; -1: nothing can be read any more.
 */
static int
add_row(struct reader *r, struct fetch *f, uint64_t mid, size_t *bytes, struct err *e)
{
	struct spool_journal *j = NULL;

	if (refused_has(&r->spool->refused, mid) ||
	    refused_has(&r->spool->unreadable, mid))
		return 0;
	int loaded = load_journal(&r->db, mid, LOAD_STRICT, &j, e);

	if (loaded == 1 && j->state != JOURNAL_WAITING && j->state != JOURNAL_UNCERTAIN) {
		/* So says the index alone, and would in each look. */
		refused_add(&r->spool->refused, mid);
		spool_journal_free(j);
		return 0;
	}
	if (loaded == 1 && f->bytes > 0 && j->body->at.place == BODY_INLINE) {
		if (load_body_data(&r->db, j->body, e) != 0) {
			spool_journal_free(j);
			loaded = -1;
		} else {
			*bytes += j->body->facts.size;
		}
	}
	if (loaded == 1) {
		*bytes += spool_journal_memory(j);
		list_append(&f->due.journals, &j->node);
	}
	if (loaded >= 0)
		return 0;
	if (e->kind != ERR_CORRUPT)
		return -1;
	quarantine(r->spool, mid, "corrupt");
	e->kind = ERR_NONE;
	return 0;
}

/* -- due -- */

static int
collect(struct reader *r, struct fetch *f, enum statement which, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&r->db, which, e);
	int result = 0;

	if (st == NULL)
		return -1;
	db_bind_text(st, 1, f->policy);
	db_bind_int(st, 2, f->after.next_at);
	db_bind_int(st, 3, which == STATEMENT_DUE_SAME ? (int64_t)f->after.mid : f->now);
	db_bind_int(st, 4, (int64_t)(f->rows + 1 - f->n_page));
	while (f->n_page <= f->rows && (result = db_step(&r->db, st, e)) == 1)
		f->page[f->n_page++] =
			(struct spool_cursor){ sqlite3_column_int64(st, 1),
					       (uint64_t)sqlite3_column_int64(st, 0) };
	return result < 0 ? -1 : 0;
}

/* The earliest row that is not due yet. */
static int
find_earliest(struct reader *r, struct fetch *f, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&r->db, STATEMENT_DUE_NEXT, e);
	if (st == NULL)
		return -1;
	db_bind_text(st, 1, f->policy);
	db_bind_int(st, 2, f->now);
	int result = db_step(&r->db, st, e);
	if (result == 1)
		f->due.earliest_at = sqlite3_column_int64(st, 0);
	return result < 0 ? -1 : 0;
}

/* The first n of the page: they hold up no other, and are asked for again in a while. */
static int
leave_out(struct reader *r, struct fetch *f, size_t n, struct err *e)
{
	struct refused *unreadable = &r->spool->unreadable;

	if (f->due.journals.count == 0 && !reader_is_well(r))
		return -1;
	e->kind = ERR_NONE;
	if (refused_count(unreadable) == 0)
		r->unreadable_until = mono_now_ms() + UNREADABLE_REST_MS;
	for (size_t i = 0; i < n; i++)
		refused_add(unreadable, f->page[i].mid);
	return 0;
}

static void
note_unreadable(struct reader *r, struct fetch *f)
{
	int64_t at = f->now + r->unreadable_until - mono_now_ms();

	if (refused_count(&r->spool->unreadable) > 0 &&
	    (f->due.earliest_at == 0 || at < f->due.earliest_at))
		f->due.earliest_at = at;
}

static int
compare_mids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool
is_held(const struct fetch *f, uint64_t mid)
{
	return f->held != NULL && bsearch(&mid, f->held->mids, f->held->n, sizeof(mid),
					  compare_mids) != NULL;
}

static int
read_due(struct reader *r, struct fetch *f, struct err *e)
{
	size_t bytes = 0, n_bad = 0, i;

	if (f->held != NULL)
		qsort(f->held->mids, f->held->n, sizeof(f->held->mids[0]), compare_mids);
	if (mono_now_ms() >= r->unreadable_until)
		refused_clear(&r->spool->unreadable);
	if (f->after.next_at <= f->now && collect(r, f, STATEMENT_DUE_SAME, e) != 0)
		return -1;
	if (collect(r, f, STATEMENT_DUE_LATER, e) != 0 || find_earliest(r, f, e) != 0)
		return -1;
	f->due.next = f->after;
	bool is_bounded = f->bytes > 0;
	for (i = 0; i < f->n_page && i < f->rows; i++) {
		if (f->due.journals.count >= f->loads ||
		    (is_bounded && f->due.journals.count > 0 && bytes >= f->bytes))
			break;
		f->due.next = f->page[i];
		if (is_held(f, f->page[i].mid))
			continue;
		if (add_row(r, f, f->page[i].mid, &bytes, e) == 0)
			continue;
		if (e->kind != ERR_IO)
			return -1;
		f->page[n_bad++] = f->due.next;
	}
	f->due.is_end = i == f->n_page;
	if (n_bad > 0 && leave_out(r, f, n_bad, e) != 0)
		return -1;
	note_unreadable(r, f);
	return 0;
}

/* -- lists -- */

static int
add_listed(struct reader *r, struct fetch *f, uint64_t mid, struct err *e)
{
	struct spool_journal *j = NULL;
	int loaded = load_journal(&r->db, mid, f->mode, &j, e);

	if (loaded == 1)
		list_append(&f->due.journals, &j->node);
	else if (loaded < 0 && e->kind == ERR_CORRUPT && f->mode == LOAD_LENIENT)
		e->kind = ERR_NONE; /* not even that is readable */
	else if (loaded < 0)
		return -1;
	return 0;
}

static enum statement
walk_statement(const struct spool_list_filter *f)
{
	if (f->message_mid != 0)
		return STATEMENT_WALK_MESSAGE;
	return f->state == JOURNAL_HELD || f->state == JOURNAL_DEAD ||
			       f->state == JOURNAL_QUARANTINED
		       ? STATEMENT_WALK_STATE
		       : STATEMENT_WALK;
}

/*
 * One short read: at most WALK_ROWS looked at. Advances due.next.mid; *is_end at the end
 * of the table.
 */
static int
walk(struct reader *r, struct fetch *f, bool *is_end, struct err *e)
{
	enum statement which = walk_statement(&f->filter);
	size_t wanted = f->filter.limit - f->due.journals.count;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&r->db, which, e);
	size_t looks = 0, limit = which == STATEMENT_WALK_STATE ? wanted : WALK_ROWS;
	enum journal_state state;
	int result = 1;

	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)f->due.next.mid);
	db_bind_int(st, 2, (int64_t)limit);
	if (which == STATEMENT_WALK_STATE)
		db_bind_text(st, 3, journal_state_name(f->filter.state));
	if (which == STATEMENT_WALK_MESSAGE)
		db_bind_int(st, 3, (int64_t)f->filter.message_mid);
	f->n_page = 0;
	while (f->n_page < wanted && (result = db_step(&r->db, st, e)) == 1) {
		looks++;
		f->due.next.mid = (uint64_t)sqlite3_column_int64(st, 0);
		if (f->filter.state != JOURNAL_STATE_COUNT &&
		    (journal_state_parse(span_of(db_text(st, 1)), &state) != 0 ||
		     state != f->filter.state))
			continue;
		f->page[f->n_page++].mid = f->due.next.mid;
	}
	*is_end = result == 0 && looks < limit;
	return result < 0 ? -1 : 0;
}

static int
read_list(struct reader *r, struct fetch *f, struct err *e)
{
	bool is_end = false;

	f->due.next.mid = f->filter.after_mid;
	while (!is_end && f->due.journals.count < f->filter.limit) {
		if (walk(r, f, &is_end, e) != 0)
			return -1;
		for (size_t i = 0; i < f->n_page; i++)
			if (add_listed(r, f, f->page[i].mid, e) != 0)
				return -1;
	}
	f->due.is_end = is_end;
	return 0;
}

static int
read_one(struct reader *r, struct fetch *f, struct err *e)
{
	f->due.is_end = true;
	return add_listed(r, f, f->mid, e);
}

/* -- requests -- */

static void
read_request(struct reader *r, struct read_op *op)
{
	struct fetch *f = (struct fetch *)op;
	bool is_list = f->policy == NULL && f->mid == 0;

	/*
	 * A walk makes short reads of its own; a page of the due queue is one snapshot.
	 */
	if (is_list) {
		read_list(r, f, &op->error);
		return;
	}
	if (reader_begin(r, &op->error) != 0)
		return;
	if (f->policy != NULL)
		read_due(r, f, &op->error);
	else
		read_one(r, f, &op->error);
	reader_end(r);
}

static void
answer(struct completion *completion)
{
	struct fetch *f = (struct fetch *)((char *)completion -
					   offsetof(struct fetch, op.completion));
	struct spool *sp = f->op.spool;
	bool is_ok = f->op.error.kind == ERR_NONE;

	for (struct list_node *n = list_first(&f->due.journals); n != NULL && is_ok;
	     n = list_next(&f->due.journals, n)) {
		struct spool_journal *j = list_entry(n, struct spool_journal, node);
		if (j->body->data != NULL)
			hot_add(&sp->hot, j->body);
	}
	f->done(f->arg, is_ok ? &f->due : NULL, is_ok ? NULL : &f->op.error);
	for (struct list_node *n; (n = list_first(&f->due.journals)) != NULL;) {
		list_remove(&f->due.journals, n);
		spool_journal_free(list_entry(n, struct spool_journal, node));
	}
	free(f->page);
	free(f->policy);
	free(f->held);
	free(f);
}

static struct fetch *
fetch_new(struct spool *sp, size_t rows, spool_due_fn *done, void *arg)
{
	struct fetch *f = calloc(1, sizeof(*f));
	if (f == NULL)
		abort(); /* see spool_record(): nobody could be told */
	list_init(&f->due.journals);
	f->op.spool = sp;
	f->mode = LOAD_LENIENT;
	f->op.read = read_request;
	f->op.completion.run = answer;
	f->rows = rows;
	f->done = done;
	f->arg = arg;
	f->page = calloc(rows + 1, sizeof(*f->page));
	if (f->page == NULL)
		abort();
	return f;
}

void
spool_fetch_due(struct spool *sp, const char *policy, struct spool_cursor after,
		int64_t now, size_t rows, size_t bytes, struct spool_held *held,
		spool_due_fn *done, void *arg)
{
	size_t looked = rows + (held == NULL ? 0 : held->n);
	struct fetch *f = fetch_new(sp, looked > PAGE_MAX ? PAGE_MAX : looked, done, arg);

	f->loads = rows;
	f->policy = strdup(policy);
	if (f->policy == NULL)
		abort();
	f->after = after;
	f->now = now;
	f->bytes = bytes;
	f->held = held;
	reader_submit(&sp->reader, &f->op);
}

static void
fetch_by_mid(struct spool *sp, uint64_t mid, enum load_mode mode, spool_due_fn *done,
	     void *arg)
{
	struct fetch *f = fetch_new(sp, 1, done, arg);

	f->mode = mode;
	f->mid = mid == 0 ? UINT64_MAX >> 1
			  : mid; /* 0 is nobody's, and means a list here */
	reader_submit(&sp->reader, &f->op);
}

void
spool_fetch_one(struct spool *sp, uint64_t mid, spool_due_fn *done, void *arg)
{
	fetch_by_mid(sp, mid, LOAD_LENIENT, done, arg);
}

void
spool_fetch_sound(struct spool *sp, uint64_t mid, spool_due_fn *done, void *arg)
{
	fetch_by_mid(sp, mid, LOAD_STRICT, done, arg);
}

void
spool_list(struct spool *sp, const struct spool_list_filter *filter, spool_due_fn *done,
	   void *arg)
{
	size_t limit = filter->limit > LIST_MAX ? LIST_MAX : filter->limit;
	struct fetch *f = fetch_new(sp, limit, done, arg);

	f->filter = *filter;
	f->filter.limit = limit;
	reader_submit(&sp->reader, &f->op);
}

/* -- the proof -- */

struct verify {
	struct read_op op;
	struct spool_account counted;
	spool_account_fn *done;
	void *arg;
};

static void
read_account(struct reader *r, struct read_op *op)
{
	struct verify *v = (struct verify *)op;
	int64_t terms[TERM_COUNT];

	if (reader_begin(r, &op->error) != 0)
		return;
	if (account_count(&r->db, terms, &op->error) == 0)
		account_of_terms(terms, &v->counted);
	reader_end(r);
}

static void
answer_account(struct completion *completion)
{
	struct verify *v = (struct verify *)((char *)completion -
					     offsetof(struct verify, op.completion));
	bool is_ok = v->op.error.kind == ERR_NONE;

	v->counted.oldest_waiting_at = v->op.spool->view.account.oldest_waiting_at;
	v->done(v->arg, is_ok ? &v->counted : NULL, is_ok ? NULL : &v->op.error);
	free(v);
}

void
spool_account_verify(struct spool *sp, spool_account_fn *done, void *arg)
{
	struct verify *v = calloc(1, sizeof(*v));
	if (v == NULL)
		abort();
	v->op.spool = sp;
	v->op.read = read_account;
	v->op.completion.run = answer_account;
	v->done = done;
	v->arg = arg;
	reader_submit(&sp->reader, &v->op);
}

/*
 * spool_fixture.h - a spool in a directory of its own, a real loop, a clock that stands
 * still.
 *
 * Included once by each test program. Bodies are made from a seed, so that their bytes
 * can be compared without being kept. Waiting means turning the loop; a test that waits
 * in vain fails.
 */
#ifndef SPOOL_FIXTURE_H
#define SPOOL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/state.h"

#include "tdc/base/check.h"
#include "tdc/base/clock.h"
#include "tdc/loop/loop.h"
#include "tdc/store/spool.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

enum { FRESH_MAX = 4096, PATIENCE_MS = 90000 };
static const int64_t T0 = 1700000000000;

struct fixture {
	char directory[256];
	struct clock_manual clock;
	struct loop *loop;
	struct spool *sp;
	struct spool_settings settings;
	struct spool_recovery recovery;
	struct spool_journal *fresh[FRESH_MAX]; /* what on_accepted gave */
	size_t n_fresh;
	/* answers */
	unsigned done, failed;
	struct err error;
	struct spool_journal *rows[FRESH_MAX]; /* of the latest fetch */
	size_t n_rows;
	struct spool_due due;
	uint64_t changed;
	struct spool_account counted;
	bool is_answered;
};

static UNUSED void
on_accepted(void *arg, struct spool_journal *j)
{
	struct fixture *f = arg;
	check(f->n_fresh < FRESH_MAX);
	f->fresh[f->n_fresh++] = j;
}

static UNUSED void
forget_fresh(struct fixture *f)
{
	while (f->n_fresh > 0)
		spool_journal_free(f->fresh[--f->n_fresh]);
}

static UNUSED void
forget_rows(struct fixture *f)
{
	while (f->n_rows > 0)
		spool_journal_free(f->rows[--f->n_rows]);
}

static UNUSED int
try_open(struct fixture *f, struct err *e)
{
	if (spool_open(f->loop, &f->settings, &f->sp, &f->recovery, e) != 0) {
		f->sp = NULL;
		return -1;
	}
	spool_on_accepted(f->sp, on_accepted, f);
	return 0;
}

static UNUSED void
open_spool(struct fixture *f)
{
	struct err e;
	if (try_open(f, &e) != 0)
		fail_msg("cannot open the spool: %s", e.text);
}

static UNUSED void
close_spool(struct fixture *f)
{
	forget_fresh(f);
	forget_rows(f);
	if (f->sp != NULL)
		spool_close(f->sp);
	f->sp = NULL;
}

/*
 * In memory where there is room: whether a sync costs anything is not what the tests are
 * about.
 */
static UNUSED const char *
where_to(void)
{
	const char *tmp = getenv("TMPDIR");
	struct statvfs v;

	if (tmp != NULL)
		return tmp;
	if (access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &v) == 0 &&
	    (uint64_t)v.f_bavail * v.f_frsize > 1u << 30)
		return "/dev/shm";
	return "/tmp";
}

static UNUSED void
fixture_init(struct fixture *f)
{
	struct err e;

	memset(f, 0, sizeof(*f));
	snprintf(f->directory, sizeof(f->directory), "%s/tdc-store-XXXXXX", where_to());
	assert_non_null(mkdtemp(f->directory));
	clock_manual_init(&f->clock, T0);
	assert_int_equal(loop_new(&f->clock.base, &f->loop, &e), 0);
	f->settings = (struct spool_settings){ .directory = f->directory,
					       .reserve = 1,
					       .tick_ms = 100 };
}

static UNUSED int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static UNUSED void
fixture_done(struct fixture *f)
{
	close_spool(f);
	loop_free(f->loop);
	nftw(f->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static UNUSED int64_t
now_ms(void)
{
	return mono_now_ms();
}

/* Turns the loop until the condition holds. */
#define AWAIT(f, condition)                                                              \
	do {                                                                             \
		int64_t until_ = now_ms() + PATIENCE_MS;                                 \
		while (!(condition)) {                                                   \
			assert_int_equal(loop_run_once((f)->loop, 20, NULL), 0);         \
			if (now_ms() > until_)                                           \
				fail_msg("waited in vain for: %s", #condition);          \
		}                                                                        \
	} while (0)

/* -- bodies -- */

static UNUSED char *
make_bytes(uint64_t seed, size_t n)
{
	char *p = malloc(n + 1);
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (char)x;
	}
	return p;
}

static UNUSED void
ready(void *arg)
{
	*(bool *)arg = true;
}

/* The bytes by the body's reader; NULL and f->error when it failed. */
static UNUSED char *
read_body(struct fixture *f, struct spool_body *b, size_t *n)
{
	struct spool_body_reader *r;
	size_t size = (size_t)spool_body_facts(b)->size;
	char *p = malloc(size + 1);

	assert_int_equal(spool_body_reader_new(f->sp, b, &r, &f->error), 0);
	*n = 0;
	for (;;) {
		struct span run;
		bool is_ready = false;
		enum spool_read what =
			spool_body_read(r, &run, ready, &is_ready, &f->error);
		if (what == SPOOL_READ_LATER) {
			AWAIT(f, is_ready);
			continue;
		}
		if (what == SPOOL_READ_DATA) {
			assert_true(run.n <= 256 * 1024 && *n + run.n <= size);
			memcpy(p + *n, run.p, run.n);
			*n += run.n;
			continue;
		}
		spool_body_reader_free(r);
		if (what == SPOOL_READ_END)
			return p;
		free(p);
		return NULL;
	}
}

static UNUSED void
assert_body(struct fixture *f, const char *row, struct spool_body *b, uint64_t seed,
	    size_t size)
{
	size_t n;
	char *got = read_body(f, b, &n);
	char *want = make_bytes(seed, size);

	if (got == NULL)
		fail_msg("%s: reading failed: %s", row, f->error.text);
	if (n != size || memcmp(got, want, size) != 0)
		fail_msg("%s: got %zu bytes, want the %zu that were given", row, n, size);
	free(got);
	free(want);
}

/* -- acceptance -- */

static UNUSED void
on_done(void *arg, const struct err *e)
{
	struct fixture *f = arg;

	f->done++;
	if (e != NULL) {
		f->failed++;
		f->error = *e;
	}
}

static UNUSED void
room(void *arg)
{
	*(bool *)arg = true;
}

/* Writes n bytes of the seed in pieces, with the manners of a session. */
static UNUSED int
fill_draft(struct fixture *f, struct spool_draft *d, uint64_t seed, size_t n,
	   struct err *e)
{
	char *p = make_bytes(seed, n);
	int r = 0;

	for (size_t at = 0, step = 7000; at < n && r == 0; at += step) {
		if (step > n - at)
			step = n - at;
		r = spool_draft_append(d, p + at, step, e);
		if (spool_draft_is_full(d)) {
			bool has_room = false;
			spool_draft_when_room(d, room, &has_room);
			AWAIT(f, has_room);
		}
	}
	free(p);
	return r;
}

static UNUSED struct spool_message *
make_message(struct fixture *f)
{
	struct spool_message *m = spool_message_new();

	m->mid = spool_next_mid(f->sp);
	m->source = MESSAGE_FROM_SMTP;
	m->accepted_at = f->clock.wall;
	spool_message_set(&m->sender, span_of("sender@x.example"));
	spool_message_add_recipient(m, span_of("rcpt@y.example"), span_make(NULL, 0), 0,
				    RECIPIENT_FROM_ENVELOPE);
	return m;
}

static UNUSED struct body_facts
make_facts(uint64_t seed, size_t size)
{
	struct body_facts facts = {
		.size = size, .facts = 5, .header_size = size / 2, .longest_line = 77
	};

	memset(facts.sha256, (int)(seed & 0xff), sizeof(facts.sha256));
	memset(facts.checksum, (int)(seed & 0xff) ^ 0x55, sizeof(facts.checksum));
	return facts;
}

/*
 * Begins one acceptance with these plans (their mids are filled). f->done counts the
 * answers.
 */
static UNUSED int
begin_accept(struct fixture *f, uint64_t seed, size_t size, struct spool_plan *plans,
	     size_t n)
{
	struct spool_draft *d;
	struct body_facts facts = make_facts(seed, size);

	if (spool_draft_new(f->sp, 0, &d, &f->error) != 0)
		return -1;
	fill_draft(f, d, seed, size, &f->error);
	struct spool_message *m = make_message(f);
	for (size_t i = 0; i < n; i++)
		plans[i].mid = spool_next_mid(f->sp);
	spool_commit(d, m, &facts, plans, n, on_done, f);
	spool_message_unref(m);
	return 0;
}

/* One journal of the policy, committed; its MID. */
static UNUSED uint64_t
accept_one(struct fixture *f, const char *policy, uint64_t seed, size_t size)
{
	struct spool_plan plan = { .policy = policy };
	unsigned done = f->done, failed = f->failed;

	if (begin_accept(f, seed, size, &plan, 1) != 0)
		fail_msg("no draft: %s", f->error.text);
	AWAIT(f, f->done > done);
	if (f->failed != failed)
		fail_msg("not accepted: %s", f->error.text);
	return plan.mid;
}

/* -- reading -- */

static UNUSED void
on_due(void *arg, struct spool_due *due, const struct err *e)
{
	struct fixture *f = arg;

	f->is_answered = true;
	f->error.kind = ERR_NONE;
	if (e != NULL)
		f->error = *e;
	if (due == NULL)
		return;
	f->due = *due;
	for (struct list_node *n; (n = list_first(&due->journals)) != NULL;) {
		list_remove(&due->journals, n);
		f->rows[f->n_rows++] = list_entry(n, struct spool_journal, node);
	}
}

static UNUSED void
fetch_due(struct fixture *f, const char *policy, struct spool_cursor after, size_t rows,
	  size_t bytes)
{
	forget_rows(f);
	f->is_answered = false;
	spool_fetch_due(f->sp, policy, after, f->clock.wall, rows, bytes, NULL, on_due,
			f);
	AWAIT(f, f->is_answered);
}

static UNUSED struct spool_journal *
fetch_one(struct fixture *f, uint64_t mid)
{
	forget_rows(f);
	f->is_answered = false;
	spool_fetch_one(f->sp, mid, on_due, f);
	AWAIT(f, f->is_answered);
	return f->n_rows == 0 ? NULL : f->rows[0];
}

static UNUSED void
list_rows(struct fixture *f, enum journal_state state, uint64_t after, size_t limit)
{
	struct spool_list_filter filter = { .state = state,
					    .after_mid = after,
					    .limit = limit };

	forget_rows(f);
	f->is_answered = false;
	spool_list(f->sp, &filter, on_due, f);
	AWAIT(f, f->is_answered);
}

/* -- changes, outcomes, the account -- */

static UNUSED void
on_changed(void *arg, uint64_t changed, const struct err *e)
{
	struct fixture *f = arg;

	f->is_answered = true;
	f->changed = changed;
	f->error.kind = ERR_NONE;
	if (e != NULL)
		f->error = *e;
}

static UNUSED uint64_t
change(struct fixture *f, enum spool_change what, uint64_t mid)
{
	f->is_answered = false;
	spool_change(f->sp, what, mid, on_changed, f);
	AWAIT(f, f->is_answered);
	return f->changed;
}

static UNUSED void
record(struct fixture *f, enum outcome_kind kind, uint64_t mid)
{
	struct spool_outcome o = { .kind = kind,
				   .mid = mid,
				   .attempts = 1,
				   .next_at = f->clock.wall + 60000,
				   .at = f->clock.wall,
				   .reply = "250 2.0.0 fine",
				   .tls = "TLSv1.3",
				   .profile =
					   kind == OUTCOME_UNCERTAIN ? "journal;1" : NULL,
				   .reason = kind == OUTCOME_DEAD ? "content" : NULL,
				   .destination = "intake.example" };
	spool_record(f->sp, &o);
}

static UNUSED void
on_account(void *arg, const struct spool_account *counted, const struct err *e)
{
	struct fixture *f = arg;

	f->is_answered = true;
	if (e != NULL)
		fail_msg("the account cannot be counted: %s", e->text);
	f->counted = *counted;
}

/*
 * Everything that was queued before is committed, and the account was counted from the
 * rows.
 */
static UNUSED const struct spool_account *
settle(struct fixture *f)
{
	f->is_answered = false;
	/*
	 * A change that fits nothing goes through the store thread behind all that came
	 * before.
	 */
	spool_change(f->sp, CHANGE_HOLD, UINT64_MAX >> 2, on_changed, f);
	AWAIT(f, f->is_answered);
	f->is_answered = false;
	spool_account_verify(f->sp, on_account, f);
	AWAIT(f, f->is_answered);
	return &f->counted;
}

static UNUSED void
assert_account(struct fixture *f, const char *row)
{
	const struct spool_account *counted = settle(f), *kept = spool_account(f->sp);

	if (spool_account_gap(counted) != 0 || spool_account_gap(kept) != 0)
		fail_msg("%s: gap %" PRId64 " by the rows, %" PRId64
			 " by the counters, want 0",
			 row, spool_account_gap(counted), spool_account_gap(kept));
	for (int i = 0; i < JOURNAL_STATE_COUNT; i++)
		if (counted->state[i] != kept->state[i])
			fail_msg("%s: %s: %" PRIu64 " rows, the counter says %" PRIu64,
				 row, journal_state_name((enum journal_state)i),
				 counted->state[i], kept->state[i]);
}

static UNUSED uint64_t
count_state(struct fixture *f, enum journal_state s)
{
	return settle(f)->state[s];
}

/* -- the database, by the back door (with the spool closed) -- */

static UNUSED void
tamper(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	char path[320], *message = NULL;

	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f->directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
}

static UNUSED int64_t
ask(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	char path[320];

	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f->directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static unsigned files_seen;

static UNUSED int
count_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	files_seen += type == FTW_F &&
		      (strstr(path, ".body") != NULL || strstr(path, ".segment") != NULL);
	return 0;
}

/* Files of bodies and segments that are there. */
static UNUSED unsigned
count_files(struct fixture *f)
{
	files_seen = 0;
	nftw(f->directory, count_entry, 16, FTW_PHYS);
	return files_seen;
}

#endif

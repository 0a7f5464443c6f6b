/*
 * fakes.h - a spool in memory, put in the place of the real one by the linker.
 *
 * The spool keeps rows and applies outcomes to them at once, or (is_slow) only when the
 * test says so. All answers come from the loop, in the order of the calls.
 */
#ifndef DIALOG_DELIVER_FAKES_H
#define DIALOG_DELIVER_FAKES_H

#include "tdc/deliver/deliver.h"
#include "tdc/digest/checksum.h"
#include "tdc/digest/sha256.h"
#include "tdc/dns/dns.h"
#include "tdc/loop/loop.h"
#include "tdc/policy/policy.h"
#include "tdc/store/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ bodies */

struct spool_body {
	unsigned refs;
	struct body_facts facts;
	char *data;
	size_t n;
	bool is_cold; /* every run comes later */
	bool has_io_error;
};
struct spool_body_reader {
	struct spool_body *body;
	size_t given;
	bool was_late;
	struct late *late;
};
enum { FAKE_RUN_MAX = 100 * 1024 };

struct spool_body *
spool_body_ref(struct spool_body *b)
{
	b->refs++;
	return b;
}

void
spool_body_unref(struct spool_body *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	free(b->data);
	free(b);
}

const struct body_facts *
spool_body_facts(const struct spool_body *b)
{
	return &b->facts;
}

static inline struct spool_body *
fake_body(const char *p, size_t n)
{
	struct spool_body *b = calloc(1, sizeof(*b));
	struct checksum *c;
	struct sha256 *h;
	struct err e;

	if (b == NULL || sha256_new(&h, &e) != 0 || checksum_new(&c, &e) != 0)
		abort();
	b->refs = 1;
	b->data = malloc(n + 1);
	b->n = n;
	memcpy(b->data, p, n);
	sha256_start(h);
	sha256_update(h, p, n);
	sha256_finish(h, b->facts.sha256);
	sha256_free(h);
	checksum_update(c, p, n);
	checksum_finish(c, b->facts.checksum);
	checksum_free(c);
	b->facts.size = n;
	return b;
}

/* ------------------------------------------------------------------ the spool */

struct fake_row {
	uint64_t mid;
	enum journal_state state;
	const char *policy;
	uint32_t attempts;
	int64_t created_at, next_at;
	char *profile;
	struct spool_body *body;       /* NULL: the spool's own */
	struct spool_message *message; /* the same */
};
struct fake_outcome {
	enum outcome_kind kind;
	uint64_t mid;
	uint32_t attempts;
	int64_t next_at;
	char profile[128];
};
enum { FAKE_OUTCOMES_MAX = 8192, FAKE_NAMES_MAX = 600, FAKE_READS_MAX = 8 };
enum { FAKE_CRASHES_MAX = 16 };

struct spool {
	struct loop *loop;
	struct fake_row *rows;
	size_t n_rows;
	struct spool_body *body;
	struct spool_message *message;
	spool_accepted_fn *accepted;
	void *accepted_arg;
	struct buf log; /* outcomes, one a line */
	unsigned long outcomes;
	unsigned fetches, profiles_set;
	bool is_slow;        /* outcomes are not applied yet */
	bool is_troubled;    /* the disk refuses */
	bool is_reader_slow; /* what was read waits for fake_answer() */
	struct late *read[FAKE_READS_MAX];
	size_t n_read;
	struct fake_outcome late_outcomes[FAKE_OUTCOMES_MAX];
	size_t n_late_outcomes;
	bool refuses_profiles;
	char *destination_profile;
	struct fake_crash {
		uint64_t upto; /* MID */
		char *profile;
	} crashes[FAKE_CRASHES_MAX];
	size_t n_crashes;
	bool is_lost; /* outcomes never come to it */
	struct spool_account account;
	const char *names[FAKE_NAMES_MAX];
	size_t n_names;
};

/* An answer that comes from the loop. */
struct late {
	struct loop_job job;
	struct spool *spool;
	void (*run)(struct late *l);
	bool is_cancelled;
	/* fetch */
	char *policy;
	struct spool_cursor after;
	int64_t now;
	size_t rows, bytes;
	struct spool_held *held;
	spool_due_fn *due_done;
	struct spool_due due;
	bool is_read;
	/* profile */
	char *profile;
	spool_done_fn *done;
	/* body, dns */
	void (*ready)(void *arg);
	struct dns_query *query;
	void *arg;
};

static inline void
late_run(struct loop_job *job)
{
	struct late *l = (struct late *)(void *)job;

	l->run(l);
	free(l->policy);
	free(l->profile);
	free(l->held);
	free(l);
}

static inline struct late *
late_make(void (*run)(struct late *l))
{
	struct late *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->job.run = late_run;
	l->run = run;
	return l;
}

static inline struct late *
late_new(struct loop *loop, void (*run)(struct late *l))
{
	struct late *l = late_make(run);

	loop_post(loop, &l->job);
	return l;
}

static inline struct spool_journal *
fake_journal(struct spool *sp, const struct fake_row *row)
{
	struct spool_journal *j = calloc(1, sizeof(*j));

	if (j == NULL)
		abort();
	j->mid = row->mid;
	j->policy = strdup(row->policy);
	j->state = row->state;
	j->attempts = row->attempts;
	j->created_at = row->created_at;
	j->next_at = row->next_at;
	j->profile = row->profile == NULL ? NULL : strdup(row->profile);
	j->message = spool_message_ref(row->message != NULL ? row->message : sp->message);
	j->body = spool_body_ref(row->body != NULL ? row->body : sp->body);
	return j;
}

static inline struct fake_row *
fake_find(struct spool *sp, uint64_t mid)
{
	/* Rows are in MID order, without gaps where there are many. */
	if (mid >= 1 && mid <= sp->n_rows && sp->rows[mid - 1].mid == mid)
		return &sp->rows[mid - 1];
	for (size_t i = 0; i < sp->n_rows; i++)
		if (sp->rows[i].mid == mid)
			return &sp->rows[i];
	return NULL;
}

static inline bool
fake_is_due(const struct fake_row *r, const struct late *l)
{
	bool waits = r->state == JOURNAL_WAITING || r->state == JOURNAL_UNCERTAIN;

	return waits && strcmp(r->policy, l->policy) == 0 && r->next_at <= l->now &&
	       (r->next_at > l->after.next_at ||
		(r->next_at == l->after.next_at && r->mid > l->after.mid));
}

/* The next in the order (next_at, mid). */
static inline const struct fake_row *
fake_next(const struct spool *sp, const struct late *l)
{
	const struct fake_row *best = NULL;

	for (size_t i = 0; i < sp->n_rows; i++) {
		const struct fake_row *r = &sp->rows[i];
		if (!fake_is_due(r, l))
			continue;
		if (r->next_at == 0)
			return r; /* nothing comes before it */
		if (best == NULL || r->next_at < best->next_at)
			best = r;
	}
	return best;
}

static inline bool
fake_is_held(const struct late *l, uint64_t mid)
{
	for (size_t i = 0; l->held != NULL && i < l->held->n; i++)
		if (l->held->mids[i] == mid)
			return true;
	return false;
}

/* What the rows are in this moment. */
static inline void
fake_read(struct late *l)
{
	struct spool *sp = l->spool;
	struct spool_due *due = &l->due;

	size_t bytes = 0; /* as the spool: a page ends behind the row that fills it */

	due->next = l->after;
	while (due->journals.count < l->rows &&
	       (l->bytes == 0 || due->journals.count == 0 || bytes < l->bytes)) {
		const struct fake_row *r = fake_next(sp, l);
		if (r == NULL) {
			due->is_end = true;
			break;
		}
		due->next = l->after = (struct spool_cursor){ r->next_at, r->mid };
		if (fake_is_held(l, r->mid))
			continue;
		struct spool_journal *j = fake_journal(sp, r);
		list_append(&due->journals, &j->node);
		bytes += j->body->facts.size + spool_journal_memory(j);
	}
	for (size_t i = 0; i < sp->n_rows && sp->n_rows < 1000; i++) {
		const struct fake_row *r = &sp->rows[i];
		bool waits = r->state == JOURNAL_WAITING || r->state == JOURNAL_UNCERTAIN;
		if (waits && r->next_at > l->now &&
		    (due->earliest_at == 0 || r->next_at < due->earliest_at))
			due->earliest_at = r->next_at;
	}
}

static inline void
late_due(struct late *l)
{
	if (!l->is_read)
		fake_read(l);
	l->due_done(l->arg, &l->due, NULL);
	for (struct list_node *n; (n = list_first(&l->due.journals)) != NULL;) {
		list_remove(&l->due.journals, n);
		spool_journal_free(list_entry(n, struct spool_journal, node));
	}
}

void
spool_fetch_due(struct spool *sp, const char *policy, struct spool_cursor after,
		int64_t now, size_t rows, size_t bytes, struct spool_held *held,
		spool_due_fn *done, void *arg)
{
	struct late *l = late_make(late_due);

	sp->fetches++;
	list_init(&l->due.journals);
	l->spool = sp;
	l->policy = strdup(policy);
	l->after = after;
	l->now = now;
	l->rows = rows;
	l->bytes = bytes;
	l->held = held;
	l->due_done = done;
	l->arg = arg;
	if (!sp->is_reader_slow) {
		loop_post(sp->loop, &l->job);
		return;
	}
	if (sp->n_read == FAKE_READS_MAX)
		abort();
	fake_read(l);
	l->is_read = true;
	sp->read[sp->n_read++] = l;
}

/* What was read is told now. */
static inline void
fake_answer(struct spool *sp)
{
	for (size_t i = 0; i < sp->n_read; i++)
		loop_post(sp->loop, &sp->read[i]->job);
	sp->n_read = 0;
	sp->is_reader_slow = false;
}

static inline void
fake_apply(struct spool *sp, const struct fake_outcome *o)
{
	static const enum journal_state states[] = {
		[OUTCOME_DELIVERED] = JOURNAL_DELIVERED,
		[OUTCOME_SOFT] = JOURNAL_WAITING,
		[OUTCOME_UNCERTAIN] = JOURNAL_UNCERTAIN,
		[OUTCOME_DEAD] = JOURNAL_DEAD,
		[OUTCOME_HELD] = JOURNAL_HELD,
		[OUTCOME_QUARANTINED] = JOURNAL_QUARANTINED,
		[OUTCOME_DROPPED] = JOURNAL_DELIVERED,
	};
	struct fake_row *r = fake_find(sp, o->mid);

	if (r == NULL)
		return;
	r->state = states[o->kind];
	r->attempts = o->attempts;
	r->next_at = o->next_at;
	free(r->profile);
	r->profile = o->profile[0] == '\0' ? NULL : strdup(o->profile);
}

void
spool_record(struct spool *sp, const struct spool_outcome *o)
{
	static const char *const kinds[] = {
		[OUTCOME_DELIVERED] = "delivered", [OUTCOME_SOFT] = "soft",
		[OUTCOME_UNCERTAIN] = "uncertain", [OUTCOME_DEAD] = "dead",
		[OUTCOME_HELD] = "held",           [OUTCOME_QUARANTINED] = "quarantined",
		[OUTCOME_DROPPED] = "dropped",
	};
	struct fake_outcome late = { o->kind, o->mid, o->attempts, o->next_at, "" };

	sp->outcomes++;
	if (sp->is_lost)
		return;
	if (o->profile != NULL)
		snprintf(late.profile, sizeof(late.profile), "%s", o->profile);
	buf_printf(&sp->log, "%" PRIu64 " %s attempts=%u%s%s%s%s\n", o->mid,
		   kinds[o->kind], o->attempts, o->reason == NULL ? "" : " reason=",
		   o->reason == NULL ? "" : o->reason, o->reply == NULL ? "" : " ",
		   o->reply == NULL ? "" : o->reply);
	if (sp->is_slow && sp->n_late_outcomes < FAKE_OUTCOMES_MAX)
		sp->late_outcomes[sp->n_late_outcomes++] = late;
	else
		fake_apply(sp, &late);
}

static inline void
late_profile(struct late *l)
{
	static const struct err refused = { ERR_SPACE, 0, "no space" };
	struct spool *sp = l->spool;

	if (sp->refuses_profiles) {
		l->done(l->arg, &refused);
		return;
	}
	free(sp->destination_profile);
	sp->destination_profile = l->profile;
	l->profile = NULL;
	l->done(l->arg, NULL);
}

void
spool_set_destination_profile(struct spool *sp, const char *destination,
			      const char *profile, spool_done_fn *done, void *arg)
{
	struct late *l = late_new(sp->loop, late_profile);

	(void)destination;
	sp->profiles_set++;
	l->spool = sp;
	l->profile = strdup(profile);
	l->done = done;
	l->arg = arg;
}

const char *
spool_destination_profile(const struct spool *sp, const char *destination)
{
	(void)destination;
	return sp->destination_profile;
}

const char *
spool_unclean_profile(const struct spool *sp, const char *destination, uint64_t mid)
{
	(void)destination;
	for (size_t i = 0; i < sp->n_crashes; i++)
		if (mid <= sp->crashes[i].upto)
			return sp->crashes[i].profile;
	return NULL;
}

/* What was in flight then, up to this MID, had the profile of the destination. */
static inline void
fake_crash(struct spool *sp, uint64_t upto)
{
	if (sp->destination_profile == NULL)
		return;
	if (sp->n_crashes == FAKE_CRASHES_MAX)
		abort();
	sp->crashes[sp->n_crashes++] =
		(struct fake_crash){ upto, strdup(sp->destination_profile) };
}

static inline void
fake_forget_crashes(struct spool *sp)
{
	while (sp->n_crashes > 0)
		free(sp->crashes[--sp->n_crashes].profile);
}

uint64_t
spool_outcomes_recorded(const struct spool *sp)
{
	return sp->outcomes;
}

uint64_t
spool_outcomes_committed(const struct spool *sp)
{
	return sp->outcomes - sp->n_late_outcomes;
}

/* What waited is committed now. */
static inline void
fake_commit(struct spool *sp)
{
	for (size_t i = 0; i < sp->n_late_outcomes; i++)
		fake_apply(sp, &sp->late_outcomes[i]);
	sp->n_late_outcomes = 0;
}

/* Only the first of it. */
static inline void
fake_commit_first(struct spool *sp)
{
	fake_apply(sp, &sp->late_outcomes[0]);
	memmove(sp->late_outcomes, sp->late_outcomes + 1,
		--sp->n_late_outcomes * sizeof(sp->late_outcomes[0]));
}

void
spool_status(const struct spool *sp, struct spool_status *ret)
{
	*ret = (struct spool_status){ .is_accepting = !sp->is_troubled };
	if (sp->is_troubled)
		snprintf(ret->trouble, sizeof(ret->trouble), "the disk says no");
}

const struct spool_account *
spool_account(const struct spool *sp)
{
	return &sp->account;
}

size_t
spool_waiting_policies(const struct spool *sp, const char **names, size_t max)
{
	size_t n = sp->n_names < max ? sp->n_names : max;

	for (size_t i = 0; i < n; i++)
		names[i] = sp->names[i];
	return n;
}

void
spool_on_accepted(struct spool *sp, spool_accepted_fn *fn, void *arg)
{
	sp->accepted = fn;
	sp->accepted_arg = arg;
}

/* ------------------------------------------------------------------ reading bodies */

int
spool_body_reader_new(struct spool *sp, struct spool_body *b,
		      struct spool_body_reader **ret, struct err *e)
{
	struct spool_body_reader *r = calloc(1, sizeof(*r));

	(void)sp;
	(void)e;
	if (r == NULL)
		abort();
	r->body = spool_body_ref(b);
	*ret = r;
	return 0;
}

void
spool_body_reader_free(struct spool_body_reader *r)
{
	if (r == NULL)
		return;
	if (r->late != NULL)
		r->late->is_cancelled = true;
	spool_body_unref(r->body);
	free(r);
}

static inline void
late_body(struct late *l)
{
	if (l->is_cancelled)
		return;
	struct spool_body_reader *r = (struct spool_body_reader *)(void *)l->query;
	r->late = NULL;
	r->was_late = true;
	l->ready(l->arg);
}

static struct loop *fake_loop; /* for answers of bodies and of dns */

enum spool_read
spool_body_read(struct spool_body_reader *r, struct span *ret,
		void (*when_ready)(void *arg), void *arg, struct err *e)
{
	if (r->body->is_cold && !r->was_late) {
		r->late = late_new(fake_loop, late_body);
		r->late->query = (struct dns_query *)(void *)r;
		r->late->ready = when_ready;
		r->late->arg = arg;
		return SPOOL_READ_LATER;
	}
	r->was_late = false;
	if (r->body->has_io_error) {
		err_set(e, ERR_IO, 0, "the disk says no");
		return SPOOL_READ_FAILED;
	}
	size_t left = r->body->n - r->given;
	if (left == 0)
		return SPOOL_READ_END;
	*ret = span_make(r->body->data + r->given,
			 left < FAKE_RUN_MAX ? left : FAKE_RUN_MAX);
	r->given += ret->n;
	return SPOOL_READ_DATA;
}

#endif

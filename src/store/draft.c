/*
 * draft.c - bytes on their way in: one copy, bounded memory, never a wait.
 */
#include "store/draft.h"

#include "store/state.h"

#include "tdc/base/check.h"

#include <stdlib.h>

int
spool_draft_new(struct spool *sp, uint64_t size_hint, struct spool_draft **ret,
		struct err *e)
{
	space_poke(sp);
	if (size_hint > sp->limits.body_size_max)
		return err_set(e, ERR_SIZE, 0,
			       "larger than the maximum size of a message");
	if (sp->view.is_troubled)
		return err_set(e, ERR_SPACE, 0, "%s", sp->view.trouble);
	if (atomic_load(&sp->space.is_low))
		return err_set(e, ERR_SPACE, 0, "%s", SPACE_IS_LOW);
	struct spool_draft *d = calloc(1, sizeof(*d));
	struct spool_commit *c = calloc(1, sizeof(*c));
	if (d == NULL || c == NULL) {
		free(d);
		free(c);
		return err_set(e, ERR_MEMORY, 0, "no memory for a message");
	}
	op_init(&c->op, &accept_kind, sp);
	c->draft = d;
	d->spool = sp;
	d->commit = c;
	d->size_hint = size_hint;
	d->size_max = sp->limits.body_size_max;
	d->fd = -1;
	d->waiting_end = &d->waiting;
	*ret = d;
	return 0;
}

/* -- chunks on their way to the disk -- */

static unsigned
chunks_allowed(const struct spool_draft *d)
{
	/* The first one creates the file; the others find its descriptor. */
	return d->is_open ? DRAFT_CHUNKS_MAX : 1;
}

static void
pump(struct spool_draft *d)
{
	while (d->waiting != NULL && d->chunks < chunks_allowed(d)) {
		struct draft_chunk *c = d->waiting;
		d->waiting = c->next;
		if (d->waiting == NULL)
			d->waiting_end = &d->waiting;
		d->n_waiting--;
		d->chunks++;
		c->job.run = body_file_write;
		work_submit(d->spool->bodies, &c->job);
	}
	if (d->chunks > 0 || d->waiting != NULL)
		return;
	if (d->is_abandoned) {
		draft_free_now(d);
	} else if (d->is_finishing) {
		d->job.run = body_file_finish;
		work_submit(d->spool->bodies, &d->job);
	}
}

static void
chunk_done(struct completion *completion)
{
	struct draft_chunk *c =
		(struct draft_chunk *)((char *)completion -
				       offsetof(struct draft_chunk, completion));
	struct spool_draft *d = c->draft;

	d->chunks--;
	d->is_open = true;
	d->spool->in_flight -= c->cap;
	if (c->error.kind != ERR_NONE && d->error.kind == ERR_NONE)
		d->error = c->error;
	free(c->p);
	free(c);
	void (*when_room)(void *) = d->when_room;
	void *arg = d->when_room_arg;
	if (when_room != NULL && !spool_draft_is_full(d))
		d->when_room = NULL;
	else
		when_room = NULL;
	pump(d); /* may free the draft, but then nobody waits for room */
	if (when_room != NULL)
		when_room(arg);
}

/* Hands the buffer to a worker. */
static int
flush(struct spool_draft *d, struct err *e)
{
	struct draft_chunk *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a chunk");
	if (!d->is_file &&
	    uid_next(&d->spool->uids, loop_wall_ms(d->spool->loop), &d->file, e) != 0) {
		free(c);
		return -1;
	}
	d->is_file = true;
	*c = (struct draft_chunk){ .draft = d,
				   .p = d->p,
				   .n = d->n,
				   .cap = d->cap,
				   .offset = d->written,
				   .completion.run = chunk_done };
	d->written += d->n;
	d->p = NULL;
	d->n = d->cap = 0;
	*d->waiting_end = c;
	d->waiting_end = &c->next;
	d->n_waiting++;
	pump(d);
	return 0;
}

/* -- appending -- */

static bool
is_over_budget(const struct spool_draft *d)
{
	return d->spool->in_flight >= d->spool->limits.in_flight_max;
}

/* How large the buffer may become before it goes to a file. */
static size_t
buffer_limit(const struct spool_draft *d)
{
	uint64_t segment_max = d->spool->limits.segment_max;

	if (is_over_budget(d) && d->n >= DRAFT_SPILL_MIN)
		return d->n;
	if (d->is_file || d->size_hint > segment_max)
		return DRAFT_CHUNK;
	return (size_t)segment_max;
}

static int
grow(struct spool_draft *d, size_t wanted, size_t limit, struct err *e)
{
	size_t cap = d->cap == 0 ? DRAFT_FIRST : d->cap;
	uint64_t hint = d->size_hint;

	if (wanted > limit)
		wanted = limit;
	if (d->cap == 0 && hint > cap && hint <= limit && !d->is_file)
		cap = (size_t)hint + 512; /* a declared size is rarely exact */
	if (!is_over_budget(d) && (d->is_file || hint > limit))
		cap = limit;
	while (cap < wanted)
		cap *= 2;
	if (cap > limit)
		cap = limit;
	if (cap <= d->cap)
		return 0;
	char *p = realloc(d->p, cap);
	if (p == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a message");
	d->spool->in_flight += cap - d->cap;
	d->p = p;
	d->cap = cap;
	return 0;
}

static int
append(struct spool_draft *d, const char *p, size_t n, struct err *e)
{
	while (n > 0) {
		size_t limit = buffer_limit(d);
		if (d->n >= limit) {
			if (flush(d, e) != 0)
				return -1;
			continue;
		}
		if (grow(d, d->n + n, limit, e) != 0)
			return -1;
		size_t room = (d->cap < limit ? d->cap : limit) - d->n;
		size_t now = n < room ? n : room;
		memcpy(d->p + d->n, p, now);
		d->n += now;
		d->size += now;
		p += now;
		n -= now;
	}
	return 0;
}

int
spool_draft_append(struct spool_draft *d, const char *p, size_t n, struct err *e)
{
	check(!d->is_committing);
	if (d->error.kind == ERR_NONE && n > d->size_max - d->size)
		err_set(&d->error, ERR_SIZE, 0,
			"larger than the maximum size of a message");
	if (d->error.kind == ERR_NONE && d->is_file)
		space_poke(d->spool);
	if (d->error.kind == ERR_NONE)
		append(d, p, n, &d->error);
	if (d->error.kind == ERR_NONE)
		return 0;
	if (e != NULL)
		*e = d->error;
	return -1;
}

bool
spool_draft_is_full(const struct spool_draft *d)
{
	size_t busy = d->chunks + d->n_waiting;

	if (d->error.kind != ERR_NONE)
		return false;
	return busy >= DRAFT_CHUNKS_MAX || (busy > 0 && is_over_budget(d));
}

void
spool_draft_when_room(struct spool_draft *d, void (*fn)(void *arg), void *arg)
{
	d->when_room = fn;
	d->when_room_arg = arg;
}

uint64_t
spool_draft_size(const struct spool_draft *d)
{
	return d->size;
}

/* -- the end -- */

void
draft_ends(struct spool_draft *d)
{
	if (!d->is_ending)
		d->spool->n_ending++;
	d->is_ending = true;
}

void
draft_finish(struct spool_draft *d)
{
	struct err *e = &d->commit->op.error;

	if (d->n > 0 && flush(d, e) != 0) {
		d->commit->op.has_failed = true;
		op_submit(&d->commit->op);
		return;
	}
	d->is_finishing = true;
	pump(d);
}

char *
draft_take_data(struct spool_draft *d)
{
	char *p = d->p;

	d->spool->in_flight -= d->cap;
	if (p == NULL || d->cap - d->n > d->n / 4) {
		char *fit = realloc(p, d->n == 0 ? 1 : d->n);
		p = fit == NULL ? p : fit;
	}
	d->p = NULL;
	d->n = d->cap = 0;
	return p;
}

static void
removed(struct completion *completion)
{
	struct spool_draft *d =
		(struct spool_draft *)((char *)completion -
				       offsetof(struct spool_draft, completion));
	d->is_file = false;
	draft_free_now(d);
}

/* Nothing is with workers. A file is removed first. */
void
draft_free_now(struct spool_draft *d)
{
	if (d->is_file) {
		d->completion.run = removed;
		d->job.run = body_file_remove;
		work_submit(d->spool->bodies, &d->job);
		return;
	}
	d->spool->in_flight -= d->cap;
	free(d->p);
	free(d->commit);
	if (d->is_ending)
		d->spool->n_ending--;
	free(d);
}

void
spool_draft_free(struct spool_draft *d)
{
	if (d == NULL)
		return;
	check(!d->is_committing);
	d->is_abandoned = true;
	d->is_finishing = false;
	draft_ends(d);
	d->when_room = NULL;
	while (d->waiting != NULL) {
		struct draft_chunk *c = d->waiting;
		d->waiting = c->next;
		d->n_waiting--;
		d->spool->in_flight -= c->cap;
		free(c->p);
		free(c);
	}
	d->waiting_end = &d->waiting;
	if (d->chunks == 0)
		draft_free_now(d);
}

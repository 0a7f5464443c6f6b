/*
 * body_reader.c - a body's bytes for the loop, run by run.
 *
 * Hot bytes are there at once. A cold inline body comes by the reader's thread, whole.
 * Segments and files are read by body workers into two buffers: while one is being sent
 * the next is read ahead.
 */
#include "store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOTS = 2, SLOT_BYTES = 128 * 1024, RUN_MAX = 256 * 1024 };

enum slot_state { SLOT_EMPTY, SLOT_READING, SLOT_FULL };

struct slot {
	struct work_job job;
	struct completion completion;
	struct spool_body_reader *reader;
	enum slot_state state;
	char *p;
	size_t n;
	uint64_t offset;
	struct err error;
};

struct spool_body_reader {
	struct spool *spool;
	struct spool_body *body;
	uint64_t given; /* bytes returned so far          */
	uint64_t asked; /* bytes given to workers so far  */
	int fd;         /* the workers'                   */
	bool is_open;   /* as the loop knows              */
	bool is_held; /* the last run is the caller's until the next call: slot or body */
	struct slot slots[SLOTS];
	unsigned next;     /* slot that is returned next */
	struct read_op op; /* a cold inline body, or a new place */
	char *data;
	struct body_place_data place;
	bool is_waiting, is_moved, is_dead;
	unsigned busy; /* requests under way */
	struct err error;
	void (*when_ready)(void *arg);
	void *arg;
};

int
spool_body_reader_new(struct spool *sp, struct spool_body *b,
		      struct spool_body_reader **ret, struct err *e)
{
	struct spool_body_reader *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for reading a body");
	r->spool = sp;
	r->body = spool_body_ref(b);
	r->body->pins++;
	r->fd = -1;
	r->place = b->at;
	for (int i = 0; i < SLOTS; i++)
		r->slots[i].reader = r;
	*ret = r;
	return 0;
}

static void
reader_free(struct spool_body_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	for (int i = 0; i < SLOTS; i++)
		free(r->slots[i].p);
	spool_body_unref(r->body);
	free(r->data);
	free(r);
}

void
spool_body_reader_free(struct spool_body_reader *r)
{
	if (r == NULL)
		return;
	/* A thread may look at the body still: the reference goes with the reader. */
	r->body->pins--;
	hot_set_max(&r->spool->hot, r->spool->hot.max);
	r->is_dead = true;
	r->when_ready = NULL;
	if (r->busy == 0)
		reader_free(r);
}

static void
begin(struct spool_body_reader *r)
{
	r->busy++;
	r->spool->n_ending++;
}

/* The end of a request. True: somebody still wants it. */
static bool
end(struct spool_body_reader *r)
{
	r->busy--;
	r->spool->n_ending--;
	if (!r->is_dead)
		return true;
	if (r->busy == 0)
		reader_free(r);
	return false;
}

static void
wake(struct spool_body_reader *r)
{
	void (*fn)(void *) = r->when_ready;

	r->when_ready = NULL;
	if (fn != NULL)
		fn(r->arg);
}

/* -- by the reader's thread -- */

static void
read_cold(struct reader *reader, struct read_op *op)
{
	struct spool_body_reader *r =
		(struct spool_body_reader *)((char *)op -
					     offsetof(struct spool_body_reader, op));
	struct spool_body b = { .id = r->body->id,
				.facts = r->body->facts,
				.at = r->place };

	if (r->is_moved) {
		int found = load_body_place(&reader->db, b.id, &b, &op->error);
		if (found == 0)
			err_set(&op->error, ERR_CORRUPT, 0, "the body is gone");
		if (found == 1)
			r->place = b.at;
		return;
	}
	if (load_body_data(&reader->db, &b, &op->error) == 0)
		r->data = b.data;
}

static void
cold_done(struct completion *completion)
{
	struct spool_body_reader *r =
		(struct spool_body_reader *)((char *)completion -
					     offsetof(struct spool_body_reader,
						      op.completion));
	if (!end(r))
		return;
	r->is_waiting = false;
	r->error = r->op.error;
	if (r->is_moved && r->error.kind == ERR_NONE)
		r->body->at = r->place;
	if (r->data != NULL && r->body->data == NULL) {
		r->body->data = r->data;
		r->data = NULL;
		hot_add(&r->spool->hot, r->body);
	}
	wake(r);
}

static void
ask_reader(struct spool_body_reader *r)
{
	begin(r);
	r->is_waiting = true;
	r->op = (struct read_op){ .spool = r->spool,
				  .read = read_cold,
				  .completion.run = cold_done };
	reader_submit(&r->spool->reader, &r->op);
}

/* -- by body workers -- */

static int
open_place(struct spool_body_reader *r, struct err *e)
{
	char path[BODY_PATH_MAX];

	if (r->place.place == BODY_SEGMENT)
		segment_path(r->place.segment, path);
	else
		body_file_path(&r->place.file, path);
	int fd = openat(r->spool->directory_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, errno, "%s", path);
	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "%s", path);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	r->fd = fd;
	return 0;
}

static void
slot_read(struct work_job *job)
{
	struct slot *s = (struct slot *)job;
	struct spool_body_reader *r = s->reader;
	uint64_t base = r->place.place == BODY_SEGMENT ? r->place.offset : 0;
	size_t got = 0;

	/* The first request is alone until it has opened the file. */
	if (r->fd < 0)
		open_place(r, &s->error);
	while (s->error.kind == ERR_NONE && got < s->n) {
		ssize_t n = pread(r->fd, s->p + got, s->n - got,
				  (off_t)(base + s->offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err_set(&s->error, err_kind_of_errno(errno), errno,
				"reading a body failed");
		else if (n == 0)
			err_set(&s->error, ERR_CORRUPT, 0,
				"the body is shorter than its row says");
		else
			got += (size_t)n;
	}
	s->completion.next = NULL;
	completions_post(&r->spool->completions, &s->completion);
}

static void
slot_done(struct completion *completion)
{
	struct slot *s =
		(struct slot *)((char *)completion - offsetof(struct slot, completion));
	struct spool_body_reader *r = s->reader;

	if (!end(r))
		return;
	s->state = SLOT_FULL;
	if (s->error.kind == ERR_NOT_FOUND && !r->is_moved) {
		/*
		 * A compaction may have moved it: ask where it is now, and begin again.
		 */
		s->state = SLOT_EMPTY;
		r->asked = r->given;
		r->is_moved = true;
		ask_reader(r);
		return;
	}
	if (s->error.kind == ERR_NOT_FOUND)
		err_set(&s->error, ERR_CORRUPT, 0, "the body's file is gone");
	if (s->error.kind != ERR_NONE)
		r->error = s->error;
	r->is_open = true;
	if (s == &r->slots[r->next])
		wake(r);
}

/* Keeps the empty slots busy. */
static void
read_ahead(struct spool_body_reader *r)
{
	for (unsigned i = 0; i < SLOTS && r->error.kind == ERR_NONE && !r->is_waiting;
	     i++) {
		struct slot *s = &r->slots[(r->next + i) % SLOTS];
		uint64_t left = r->body->facts.size - r->asked;
		if (s->state != SLOT_EMPTY || left == 0 || (!r->is_open && r->busy > 0))
			continue;
		size_t n = left < SLOT_BYTES ? (size_t)left : SLOT_BYTES;
		if (s->p == NULL && (s->p = malloc(n)) == NULL) {
			err_set(&r->error, ERR_MEMORY, 0, "no memory for reading a body");
			return;
		}
		*s = (struct slot){ .reader = r,
				    .state = SLOT_READING,
				    .p = s->p,
				    .n = n,
				    .offset = r->asked,
				    .job.run = slot_read,
				    .completion.run = slot_done };
		r->asked += n;
		begin(r);
		work_submit(r->spool->bodies, &s->job);
	}
}

/* -- the call -- */

static enum spool_read
read_hot(struct spool_body_reader *r, struct span *ret)
{
	uint64_t left = r->body->facts.size - r->given;
	size_t n = left < RUN_MAX ? (size_t)left : RUN_MAX;

	if (n == 0)
		return SPOOL_READ_END;
	*ret = span_make(r->body->data + r->given, n);
	r->given += n;
	return SPOOL_READ_DATA;
}

static enum spool_read
later(struct spool_body_reader *r, void (*when_ready)(void *), void *arg)
{
	r->when_ready = when_ready;
	r->arg = arg;
	return SPOOL_READ_LATER;
}

static enum spool_read
failed(struct spool_body_reader *r, struct err *e)
{
	if (e != NULL)
		*e = r->error;
	return SPOOL_READ_FAILED;
}

enum spool_read
spool_body_read(struct spool_body_reader *r, struct span *ret,
		void (*when_ready)(void *arg), void *arg, struct err *e)
{
	struct slot *s = &r->slots[r->next];

	if (r->body->data != NULL)
		return read_hot(r, ret);
	if (r->is_held) { /* what was given last time is free now */
		s->state = SLOT_EMPTY;
		r->is_held = false;
		r->next = (r->next + 1) % SLOTS;
		s = &r->slots[r->next];
	}
	if (r->error.kind != ERR_NONE)
		return failed(r, e);
	if (r->given == r->body->facts.size && r->body->at.place != BODY_INLINE)
		return SPOOL_READ_END;
	if (r->body->at.place == BODY_INLINE) {
		if (!r->is_waiting)
			ask_reader(r);
		return later(r, when_ready, arg);
	}
	read_ahead(r);
	if (r->error.kind != ERR_NONE)
		return failed(r, e);
	if (s->state != SLOT_FULL)
		return later(r, when_ready, arg);
	*ret = span_make(s->p, s->n);
	r->given += s->n;
	r->is_held = true;
	return SPOOL_READ_DATA;
}

/*
 * segment.c - the thread that appends bodies to segments.
 */
#include "store/segment.h"

#include "store/state.h"

#include "tdc/base/counter.h"
#include "tdc/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum { VECTORS = 64 };

/* As the store thread's, slower: the loop needs longer for a body. */
static const struct work_pace pace = {
	.crowd = 4, .enough = 32, .step_us = 1500, .steps = 3
};

/* -- the file -- */

static int
segment_new(struct segments *s, struct err *e)
{
	char path[BODY_PATH_MAX];
	struct spool *sp = s->spool;
	/* A number that failed is not tried again: its file may be there. */
	uint64_t id = s->next_id++;

	segment_path(id, path);
	int fd = openat(sp->directory_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
			0600);
	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "segment %s", path);
	int directory =
		openat(sp->directory_fd, "segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || (!sp->limits.is_unsafe && fsync(directory) != 0)) {
		err_set(e, err_kind_of_errno(errno), errno, "directory segments");
		if (directory >= 0)
			close(directory);
		close(fd);
		unlinkat(sp->directory_fd, path, 0);
		return -1;
	}
	close(directory);
	s->fd = fd;
	s->id = id;
	s->size = 0;
	return 0;
}

int
segment_room(struct segments *s, struct err *e)
{
	return s->fd >= 0 ? 0 : segment_new(s, e);
}

int
segment_sync(struct segments *s, struct err *e)
{
	if (s->spool->limits.is_unsafe)
		return 0;
	counter_add(COUNTER_SYNCS, 1);
	if (fdatasync(s->fd) != 0)
		return err_set(e, err_kind_of_errno(errno), errno,
			       "forcing a segment to disk failed");
	return 0;
}

/*
 * No more bytes for this one; the store thread hears of it behind everything that went
 * before.
 */
static void
end_segment(struct segments *s, struct segment_end *end)
{
	if (s->fd >= 0) {
		close(s->fd);
		end->id = s->id;
	}
	s->fd = -1;
	op_submit(&end->op);
}

void
segment_rotate(struct segments *s)
{
	struct segment_end *end = calloc(1, sizeof(*end));

	if (end == NULL) {
		/* It is closed at the next start instead. */
		close(s->fd);
		s->fd = -1;
		return;
	}
	op_init(&end->op, &segment_end_kind, s->spool);
	end_segment(s, end);
}

static int
write_vectors(struct segments *s, struct iovec *v, int n, struct err *e)
{
	uint64_t at = s->size;

	while (n > 0) {
		ssize_t r = pwritev(s->fd, v, n, (off_t)at);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			err_set(e, err_kind_of_errno(errno), errno,
				"writing a segment failed");
			/*
			 * What was written of it is overwritten by the next, or cut off.
			 */
			if (ftruncate(s->fd, (off_t)s->size) != 0)
				segment_rotate(s);
			return -1;
		}
		at += (uint64_t)r;
		while (n > 0 && (size_t)r >= v->iov_len) {
			r -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + r;
			v->iov_len -= (size_t)r;
		}
	}
	s->size = at;
	return 0;
}

int
segment_write_at(struct segments *s, const void *p, size_t n, struct err *e)
{
	struct iovec v = { (void *)(uintptr_t)p, n };
	return write_vectors(s, &v, 1, e);
}

int
segment_append(struct segments *s, struct spool_commit **c, size_t n, struct err *e)
{
	struct iovec v[VECTORS];

	if (segment_room(s, e) != 0)
		return -1;
	uint64_t offset = s->size;
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct iovec){ c[i]->draft->p, (size_t)c[i]->draft->size };
		c[i]->body->at.segment = s->id;
		c[i]->body->at.offset = offset;
		offset += c[i]->draft->size;
	}
	return write_vectors(s, v, (int)n, e);
}

/* -- batches -- */

/* Appends, syncs once, hands on. On failure all of them carry the error. */
static void
run_acceptances(struct segments *s, struct spool_commit **c, size_t n)
{
	struct err e = { .kind = ERR_NONE };

	if (segment_append(s, c, n, &e) == 0 && segment_sync(s, &e) != 0)
		segment_rotate(s); /* never the same descriptor again */
	if (e.kind == ERR_NONE)
		fault_crash("store.segment-appended");
	if (e.kind == ERR_SPACE)
		space_check(s->spool);
	for (size_t i = 0; i < n; i++) {
		c[i]->op.error = e;
		c[i]->op.has_failed = e.kind != ERR_NONE;
		c[i]->op.job.next = i + 1 < n ? &c[i + 1]->op.job : NULL;
	}
	op_submit_chain(s->spool, &c[0]->op.job);
	if (s->fd >= 0 && s->size >= s->spool->limits.segment_size)
		segment_rotate(s);
}

static void
run_chain(struct segments *s, struct work_job *chain)
{
	struct spool_commit *group[VECTORS];
	size_t n = 0;

	while (chain != NULL) {
		struct store_op *op = (struct store_op *)chain;
		const struct op_kind *kind =
			op->kind; /* once handed on, the op may be freed */
		chain = chain->next;
		if (kind == &accept_kind) {
			group[n++] = (struct spool_commit *)op;
			if (n < VECTORS && chain != NULL)
				continue;
		}
		if (n > 0)
			run_acceptances(s, group, n);
		n = 0;
		if (kind == &compaction_kind)
			segment_compact(s, (struct compaction *)op);
		else if (kind == &segment_end_kind)
			end_segment(s, (struct segment_end *)op);
	}
}

static void *
segments_main(void *arg)
{
	struct segments *s = arg;
	bool is_closed = false;

	while (!is_closed)
		run_chain(s, work_queue_take_all(s->queue, -1, &is_closed));
	return NULL;
}

int
segments_start(struct segments *s, struct spool *sp, uint64_t next_id, struct err *e)
{
	sigset_t all, before;

	s->spool = sp;
	s->next_id = next_id;
	if (work_queue_new(&s->queue, e) != 0)
		return -1;
	work_queue_set_pace(s->queue, &pace);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&s->thread, NULL, segments_main, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return err_set(e, err_kind_of_errno(r), r,
			       "cannot start the segment thread");
	pthread_setname_np(s->thread, "tdc-segment");
	s->has_thread = true;
	return 0;
}

void
segments_stop(struct segments *s)
{
	if (s->has_thread) {
		work_queue_close(s->queue);
		pthread_join(s->thread, NULL);
	}
	s->has_thread = false;
	if (s->queue != NULL)
		work_queue_free(s->queue);
	s->queue = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void
segments_submit(struct segments *s, struct store_op *op)
{
	work_queue_push(s->queue, &op->job);
}

/* -- the end of a segment, in the database -- */

static int
end_apply(struct writer *w, struct store_op *op, struct err *e)
{
	uint64_t id = ((struct segment_end *)op)->id;
	return id == 0 ? 0 : pending_segment_closed(w, id, e);
}

static void
end_settled(struct writer *w, struct store_op *op)
{
	(void)op;
	w->is_rotating = false;
}

const struct op_kind segment_end_kind = {
	.name = "segment end",
	.flags = OP_KEPT | OP_SEGMENT,
	.apply = end_apply,
	.settled = end_settled,
	.failed = end_settled, /* it is closed at the next start */
};

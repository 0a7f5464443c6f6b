/*
 * compaction.c - the bodies that are left in a sparse segment move on, a MiB at a time.
 *
 * The copy is durable before the row names it, and the old file goes only when the row's
 * move is on disk. A reader that still holds the old place looks the new one up.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPACTION_REST_MS = 10 * 60 * 1000 };

static int
read_all(int fd, char *p, size_t n, uint64_t offset)
{
	while (n > 0) {
		ssize_t r = pread(fd, p, n, (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		p += r;
		n -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}

/* A row may say anything; the file is as long as it is. */
static bool
is_inside(const struct compaction *c, size_t i, uint64_t end)
{
	return c->bodies[i].size <= end && c->bodies[i].offset <= end - c->bodies[i].size;
}

/* Copies what can be read; c->n is what was copied. */
static int
copy(struct segments *s, struct compaction *c, int from, struct err *e)
{
	struct stat st;

	if (fstat(from, &st) != 0)
		return err_set(e, err_kind_of_errno(errno), errno, "a segment");
	for (size_t i = 0; i < c->n; i++) {
		if (!is_inside(c, i, (uint64_t)st.st_size)) {
			c->is_damaged = true;
			c->n = i;
			return 0;
		}
		size_t size = (size_t)c->bodies[i].size;
		SCOPED(free_ptr) char *p = malloc(size + 1);
		if (p == NULL)
			return err_set(e, ERR_MEMORY, 0, "no memory for a compaction");
		if (read_all(from, p, size, c->bodies[i].offset) != 0) {
			c->is_damaged = true;
			c->n = i;
			return 0;
		}
		c->bodies[i].segment = s->id;
		c->bodies[i].moved_to = s->size;
		if (segment_write_at(s, p, size, e) != 0)
			return -1;
	}
	return 0;
}

void
segment_compact(struct segments *s, struct compaction *c)
{
	char path[BODY_PATH_MAX];
	struct err *e = &c->op.error;

	segment_path(c->from, path);
	int from = openat(s->spool->directory_fd, path, O_RDONLY | O_CLOEXEC);
	if (from < 0) {
		c->is_damaged = true;
		c->n = 0;
	} else if (segment_room(s, e) != 0 || copy(s, c, from, e) != 0) {
		c->n = 0;
	} else if (segment_sync(s, e) != 0) {
		c->n = 0;
		segment_rotate(s);
	}
	if (from >= 0)
		close(from);
	/* A failure leaves all as it was; it is tried again in its time. */
	c->has_failed = c->op.error.kind != ERR_NONE;
	c->op.error.kind = ERR_NONE;
	op_submit(&c->op);
	if (s->fd >= 0 && s->size >= s->spool->limits.segment_size)
		segment_rotate(s);
}

/* -- in the database -- */

static int
move_row(struct writer *w, const struct compaction *c, size_t i, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_BODY_MOVE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, c->bodies[i].body);
	db_bind_int(st, 2, (int64_t)c->from);
	db_bind_int(st, 3, (int64_t)c->bodies[i].segment);
	db_bind_int(st, 4, (int64_t)c->bodies[i].moved_to);
	if (db_run(&w->db, st, e) != 0)
		return -1;
	int64_t size = (int64_t)c->bodies[i].size;
	bool is_gone = sqlite3_changes(w->db.sql) == 0;
	uint64_t end = c->bodies[i].moved_to + c->bodies[i].size;
	if (pending_segment(w, c->bodies[i].segment, is_gone ? 0 : size, end, e) != 0)
		return -1;
	return is_gone ? 0 : pending_segment(w, c->from, -size, 0, e);
}

static int
compaction_apply(struct writer *w, struct store_op *op, struct err *e)
{
	struct compaction *c = (struct compaction *)op;

	for (size_t i = 0; i < c->n; i++)
		if (move_row(w, c, i, e) != 0)
			return -1;
	if (!c->is_damaged)
		return 0;
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_SEGMENT_STATE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)c->from);
	db_bind_text(st, 2, "kept");
	return db_run(&w->db, st, e);
}

/*
 * What does not move now will not a second later: the copy would be made again and again,
 * until the disk is full.
 */
static void
compaction_failed(struct writer *w, struct store_op *op)
{
	(void)op;
	w->is_compacting = false;
	w->no_compaction_until = mono_now_ms() + COMPACTION_REST_MS;
}

static void
compaction_settled(struct writer *w, struct store_op *op)
{
	if (((struct compaction *)op)->has_failed)
		compaction_failed(w, op);
	w->is_compacting = false;
}

const struct op_kind compaction_kind = {
	.name = "compaction",
	.flags = OP_KEPT | OP_SEGMENT,
	.apply = compaction_apply,
	.settled = compaction_settled,
	.failed = compaction_failed,
};

/*
 * wal_check.c - one pass over the log: header, frames, and their running checksum.
 *
 * The formats are those of SQLite's documentation ("WAL-mode File Format"): a header of
 * 32 bytes, frames of 24 bytes and a page, numbers with the high byte first; in the index
 * a header of 48 bytes, twice, in the byte order of the machine.
 */
#include "store/wal_check.h"

#include "tdc/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER = 32,
	PAGE_MAX = 65536,
	INDEX_REGION = 32768,
	INDEX_VERSION = 3007000,
	MAGIC = 0x377f0682, /* the lowest bit: checksums of words with the high byte first */
};

struct index_header {
	uint32_t version, unused, changes;
	uint8_t is_ready, has_big_checksums;
	uint16_t page_size;
	uint32_t frames, pages;
	uint32_t frame_checksum[2];
	uint8_t salt[8]; /* as in the file */
	uint32_t checksum[2];
};
_Static_assert(sizeof(struct index_header) == 48, "as SQLite has it");

/* -- the index -- */

static int
read_index(struct db *db, struct index_header *ret, struct err *e)
{
	sqlite3_file *file = NULL;
	void volatile *region = NULL;
	struct index_header h[2];

	if (db->sql == NULL ||
	    sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_FILE_POINTER, &file) !=
		    SQLITE_OK ||
	    file == NULL || file->pMethods == NULL || file->pMethods->iVersion < 2 ||
	    file->pMethods->xShmMap(file, 0, INDEX_REGION, 0, &region) != SQLITE_OK ||
	    region == NULL)
		return err_set(e, ERR_IO, 0, "the write-ahead log is not open");
	/* Only the store thread writes it, and that is us. */
	memcpy(h, (const void *)region, sizeof(h));
	if (memcmp(&h[0], &h[1], sizeof(h[0])) != 0 || !h[0].is_ready ||
	    h[0].version != INDEX_VERSION)
		return err_set(e, ERR_IO, 0,
			       "the index of the write-ahead log is not ready");
	*ret = h[0];
	return 0;
}

int
wal_state_get(struct db *db, struct wal_state *ret, struct err *e)
{
	struct index_header h = { 0 };

	if (read_index(db, &h, e) != 0)
		return -1;
	*ret = (struct wal_state){ .frames = h.frames };
	if (h.frames > 0)
		memcpy(ret->checksum, h.frame_checksum, sizeof(ret->checksum));
	return 0;
}

/* Of the database as it is, whoever made it. */
static int
page_size(const struct index_header *h)
{
	return h->page_size == 1 ? PAGE_MAX : h->page_size;
}

static sqlite3_int64
frame_at(const struct index_header *h, uint32_t i)
{
	return HEADER + (sqlite3_int64)i * (DB_FRAME_HEADER + page_size(h));
}

/* -- the file -- */

static sqlite3_file *
log_file(struct db *db, struct err *e)
{
	sqlite3_file *file = NULL;

	if (db->sql == NULL ||
	    sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) !=
		    SQLITE_OK ||
	    file == NULL || file->pMethods == NULL) {
		err_set(e, ERR_IO, 0, "the write-ahead log is not open");
		return NULL;
	}
	return file;
}

static int
file_error(struct err *e, const char *what, int rc)
{
	enum err_kind kind = errno == ENOSPC || errno == EDQUOT ? ERR_SPACE : ERR_IO;

	return err_set(e, kind, errno, "%s the write-ahead log failed (SQLite code %d)",
		       what, rc);
}

static int
lost(struct err *e)
{
	return err_set(e, ERR_CORRUPT, 0, "the write-ahead log has lost bytes");
}

static uint32_t
number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
reversed(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* n is a multiple of 8. */
static void
add(uint32_t sum[2], bool is_big, const uint8_t *p, size_t n)
{
	uint32_t (*word)(const uint8_t *) = is_big ? number : reversed;

	for (size_t i = 0; i < n; i += 8) {
		sum[0] += word(p + i) + sum[1];
		sum[1] += word(p + i + 4) + sum[0];
	}
}

/* The pass; begins with the file's header. */
struct pass {
	sqlite3_file *file;
	struct index_header index;
	bool is_big, is_rewriting;
	uint32_t sum[2];
	uint8_t p[DB_FRAME_HEADER + PAGE_MAX];
};

/* The next n bytes to s->p. */
static int
fetch(struct pass *s, int n, sqlite3_int64 at, struct err *e)
{
	errno = 0;
	int rc = s->file->pMethods->xRead(s->file, s->p, n, at);
	if (rc == SQLITE_IOERR_SHORT_READ)
		return lost(e);
	return rc == SQLITE_OK ? 0 : file_error(e, "reading", rc);
}

static int
put_back(struct pass *s, int n, sqlite3_int64 at, struct err *e)
{
	errno = 0;
	int rc = s->is_rewriting ? s->file->pMethods->xWrite(s->file, s->p, n, at)
				 : SQLITE_OK;
	return rc == SQLITE_OK ? 0 : file_error(e, "writing", rc);
}

static int
pass_header(struct pass *s, struct err *e)
{
	if (fetch(s, HEADER, 0, e) != 0)
		return -1;
	s->is_big = (s->p[3] & 1) != 0;
	add(s->sum, s->is_big, s->p, 24);
	if ((number(s->p) & ~1u) != MAGIC ||
	    number(s->p + 8) != (uint32_t)page_size(&s->index) ||
	    memcmp(s->p + 16, s->index.salt, 8) != 0 || number(s->p + 24) != s->sum[0] ||
	    number(s->p + 28) != s->sum[1])
		return lost(e);
	return put_back(s, HEADER, 0, e);
}

static int
pass_frame(struct pass *s, uint32_t i, struct err *e)
{
	sqlite3_int64 at = frame_at(&s->index, i);
	int page = page_size(&s->index);

	if (fetch(s, DB_FRAME_HEADER + page, at, e) != 0)
		return -1;
	add(s->sum, s->is_big, s->p, 8);
	add(s->sum, s->is_big, s->p + DB_FRAME_HEADER, (size_t)page);
	if (memcmp(s->p + 8, s->index.salt, 8) != 0 || number(s->p + 16) != s->sum[0] ||
	    number(s->p + 20) != s->sum[1])
		return lost(e);
	return put_back(s, DB_FRAME_HEADER + page, at, e);
}

static int
pass_all(struct db *db, bool is_rewriting, struct err *e)
{
	SCOPED(free_ptr) struct pass *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the write-ahead log");
	s->is_rewriting = is_rewriting;
	if ((s->file = log_file(db, e)) == NULL || read_index(db, &s->index, e) != 0)
		return -1;
	/* One that begins anew has no header of its own before its first frame. */
	if (s->index.frames == 0)
		return 0;
	if (pass_header(s, e) != 0)
		return -1;
	for (uint32_t i = 0; i < s->index.frames; i++)
		if (pass_frame(s, i, e) != 0)
			return -1;
	return memcmp(s->sum, s->index.frame_checksum, sizeof(s->sum)) == 0 ? 0 : lost(e);
}

int
wal_verify(struct db *db, struct err *e)
{
	return pass_all(db, false, e);
}

int
wal_cut(struct db *db, struct err *e)
{
	struct index_header h = { 0 };
	sqlite3_file *file = log_file(db, e);
	sqlite3_int64 size;

	if (file == NULL || read_index(db, &h, e) != 0)
		return -1;
	sqlite3_int64 end = h.frames == 0 ? 0 : frame_at(&h, h.frames);
	errno = 0;
	int rc = file->pMethods->xFileSize(file, &size);
	if (rc == SQLITE_OK && size > end)
		rc = file->pMethods->xTruncate(file, end);
	return rc == SQLITE_OK ? 0 : file_error(e, "cutting", rc);
}

int
wal_rewrite(struct db *db, struct err *e)
{
	sqlite3_file *file = log_file(db, e);

	if (file == NULL || pass_all(db, true, e) != 0 || wal_cut(db, e) != 0)
		return -1;
	errno = 0;
	int rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
	return rc == SQLITE_OK ? 0 : file_error(e, "forcing to disk", rc);
}

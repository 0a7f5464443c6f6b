/*
 * gather.c - a VFS whose log file has a buffer, and whose files say what a read failed of.
 *
 * The file objects stay those of the VFS beneath; only their tables of methods are
 * replaced by copies that have ours in them, and the copies are a part of the gather,
 * which is how a method finds it.
 */
#include "store/gather.h"

#include "tdc/base/check.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* SQLite's own file system takes no more than 131,071 bytes in one call. */
	GATHER_MAX = 124 * 1024,
	FRAME_HEADER = 24, /* page number, size of the database after a commit, ... */
};

struct gather {
	sqlite3_vfs vfs;
	sqlite3_vfs *beneath;
	char name[32];
	sqlite3_io_methods methods; /* of the log: those beneath, and ours */
	const sqlite3_io_methods *original;
	sqlite3_io_methods database_methods; /* of the database */
	const sqlite3_io_methods *database_original;
	sqlite3_int64 end; /* of what was written since the log began anew */
	bool is_commit;    /* the last frame header was a commit's         */
	sqlite3_int64 at;  /* where the buffer belongs                     */
	size_t n;
	unsigned char p[GATHER_MAX];
};

static struct gather *
gather_of(const sqlite3_file *file)
{
	const char *methods = (const char *)file->pMethods;

	return (struct gather *)(methods - offsetof(struct gather, methods));
}

/* The rest of the table, its own data with it, is the one beneath. */
static struct gather *
gather_of_vfs(sqlite3_vfs *vfs)
{
	return (struct gather *)((char *)vfs - offsetof(struct gather, vfs));
}

/* -- reading -- */

/* SQLite calls its own CORRUPTFS, which is EIO, a damaged database. */
static int
read_result(int rc)
{
	return rc == SQLITE_IOERR_CORRUPTFS ? SQLITE_IOERR_READ : rc;
}

static int
database_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	const char *methods = (const char *)file->pMethods;
	const struct gather *g =
		(const struct gather *)(methods -
					offsetof(struct gather, database_methods));

	return read_result(g->database_original->xRead(file, p, n, at));
}

/* -- the log -- */

/* Bytes that could not be written are SQLite's to write again: nothing is kept. */
static int
hand_on(struct gather *g, sqlite3_file *file)
{
	int n = (int)g->n;

	g->n = 0;
	int rc = n == 0 ? SQLITE_OK : g->original->xWrite(file, g->p, n, g->at);
	if (rc != SQLITE_OK)
		g->end = g->at;
	return rc;
}

static bool
is_commit_header(const unsigned char *p)
{
	return (p[4] | p[5] | p[6] | p[7]) != 0;
}

/* SQLite mends checksums of frames that it wrote before; that is rare, and goes through. */
static int
write_through(struct gather *g, sqlite3_file *file, const void *p, int n,
	      sqlite3_int64 at)
{
	int rc = hand_on(g, file);

	return rc == SQLITE_OK ? g->original->xWrite(file, p, n, at) : rc;
}

static int
log_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct gather *g = gather_of(file);
	int rc = SQLITE_OK;

	if (at == 0) /* the log begins anew */
		g->end = 0;
	if (n == FRAME_HEADER)
		g->is_commit = is_commit_header(p);
	if (n > GATHER_MAX || at < g->end)
		return write_through(g, file, p, n, at);
	bool is_next = g->n > 0 && at == g->at + (sqlite3_int64)g->n;
	if (!is_next || g->n + (size_t)n > GATHER_MAX)
		rc = hand_on(g, file);
	if (rc != SQLITE_OK)
		return rc;
	if (g->n == 0)
		g->at = at;
	memcpy(g->p + g->n, p, (size_t)n);
	g->n += (size_t)n;
	g->end = at + n;
	return n != FRAME_HEADER && g->is_commit ? hand_on(g, file) : SQLITE_OK;
}

static int
log_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	struct gather *g = gather_of(file);
	int rc = hand_on(g, file);

	return rc == SQLITE_OK ? read_result(g->original->xRead(file, p, n, at)) : rc;
}

static int
log_sync(sqlite3_file *file, int flags)
{
	struct gather *g = gather_of(file);
	int rc = hand_on(g, file);

	return rc == SQLITE_OK ? g->original->xSync(file, flags) : rc;
}

static int
log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct gather *g = gather_of(file);
	int rc = hand_on(g, file);

	return rc == SQLITE_OK ? g->original->xTruncate(file, size) : rc;
}

static int
log_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct gather *g = gather_of(file);
	int rc = hand_on(g, file);

	return rc == SQLITE_OK ? g->original->xFileSize(file, size) : rc;
}

/* What is still here belongs to no commit. */
static int
log_close(sqlite3_file *file)
{
	struct gather *g = gather_of(file);
	const sqlite3_io_methods *original = g->original;

	g->n = 0;
	g->original = NULL;
	file->pMethods = original;
	return original->xClose(file);
}

static int
gather_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct gather *g = gather_of_vfs(vfs);
	int rc = g->beneath->xOpen(g->beneath, name, file, flags, out);

	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0) {
		g->database_original = file->pMethods;
		g->database_methods = *g->database_original;
		g->database_methods.xRead = database_read;
		file->pMethods = &g->database_methods;
	}
	bool is_log = (flags & SQLITE_OPEN_WAL) != 0 && g->original == NULL;
	if (rc != SQLITE_OK || !is_log)
		return rc;
	g->original = file->pMethods;
	g->methods = *g->original;
	g->methods.xWrite = log_write;
	g->methods.xRead = log_read;
	g->methods.xSync = log_sync;
	g->methods.xTruncate = log_truncate;
	g->methods.xFileSize = log_size;
	g->methods.xClose = log_close;
	g->end = 0;
	g->is_commit = false;
	file->pMethods = &g->methods;
	return rc;
}

int
gather_new(struct gather **ret, struct err *e)
{
	struct gather *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the log's buffer");
	g->beneath = sqlite3_vfs_find(NULL);
	if (g->beneath == NULL) {
		free(g);
		return err_set(e, ERR_IO, 0, "SQLite has no file system");
	}
	g->vfs = *g->beneath;
	snprintf(g->name, sizeof(g->name), "gather-%p", (void *)g);
	g->vfs.zName = g->name;
	g->vfs.pNext = NULL;
	g->vfs.xOpen = gather_open;
	if (sqlite3_vfs_register(&g->vfs, 0) != SQLITE_OK) {
		free(g);
		return err_set(e, ERR_MEMORY, 0, "the log's buffer is not registered");
	}
	*ret = g;
	return 0;
}

void
gather_free(struct gather *g)
{
	if (g == NULL)
		return;
	check(g->original == NULL);
	sqlite3_vfs_unregister(&g->vfs);
	free(g);
}

const char *
gather_name(const struct gather *g)
{
	return g->name;
}

/*
 * secret.c - the spool's secret: made once, kept in the table meta.
 *
 * A spool that has none, or a damaged one, gets a new one at its start. What was marked
 * with the old one is a stranger's then: it is journaled once more, which loses nothing.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <errno.h>
#include <sys/random.h>

static const char key[] = "secret";

/* 1: read, 0: there is none that could be used. */
static int
secret_read(struct writer *w, uint8_t secret[SPOOL_SECRET_BYTES], struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_META_GET, e);
	if (st == NULL)
		return -1;
	db_bind_text(st, 1, key);
	int r = db_step(&w->db, st, e);
	if (r != 1)
		return r;
	struct span value = db_blob(st, 0);
	if (sqlite3_column_type(st, 0) != SQLITE_BLOB || value.n != SPOOL_SECRET_BYTES)
		return 0;
	memcpy(secret, value.p, SPOOL_SECRET_BYTES);
	return 1;
}

static int
secret_make(struct writer *w, uint8_t secret[SPOOL_SECRET_BYTES], struct err *e)
{
	if (getrandom(secret, SPOOL_SECRET_BYTES, 0) != SPOOL_SECRET_BYTES)
		return err_set(e, ERR_IO, errno, "no random bytes from the kernel");
	SCOPED(db_release) sqlite3_stmt *st = db_use(&w->db, STATEMENT_META_SET, e);
	if (st == NULL)
		return -1;
	db_bind_text(st, 1, key);
	db_bind_blob(st, 2, secret, SPOOL_SECRET_BYTES);
	return db_run(&w->db, st, e);
}

int
secret_begin(struct spool *sp, struct err *e)
{
	int r = secret_read(&sp->writer, sp->secret, e);

	return r == 0 ? secret_make(&sp->writer, sp->secret, e) : r < 0 ? -1 : 0;
}

const uint8_t *
spool_secret(const struct spool *sp)
{
	return sp->secret;
}

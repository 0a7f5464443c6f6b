/*
 * gather.h - one write of the log for each commit.
 *
 * SQLite writes every frame of its write-ahead log by two calls of its file: 24 bytes and
 * a page. A gather stands between a connection and its log, joins neighbouring writes in
 * one buffer of fixed size, and hands them on
 *
 *	- when the frame that commits is complete: before SQLite tells other connections;
 *	- before anything else is done to the file (read, sync, size, truncate);
 *	- when the buffer is full.
 *
 * A write that fails is reported by the call that handed it on, which is always one that
 * SQLite can still answer with a rollback. The order of bytes and syncs is SQLite's own.
 * What is read of the log or the database is as ever, but that EIO is SQLITE_IOERR_READ:
 * a disk that cannot be read is not a database that is damaged. All else goes to the file
 * system as ever. For one connection, whose thread is the only one that calls; it must be
 * closed before gather_free().
 */
#ifndef TDC_STORE_GATHER_H
#define TDC_STORE_GATHER_H

#include "tdc/base/err.h"

struct gather;

int gather_new(struct gather **ret, struct err *e);
void gather_free(struct gather *g); /* NULL is fine */
/* What sqlite3_open_v2() takes as the name of the VFS; until gather_free(). */
const char *gather_name(const struct gather *g);

#endif

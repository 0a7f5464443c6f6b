/*
 * log_disk.h - a disk as Linux has it, around SQLite's file layer, for the write-ahead
 * log.
 *
 * What was written is dirty, a sync makes it durable, and a sync that fails leaves it
 * clean, but not durable. Whether such bytes can be read still is the kernel's whim: `evicts` says when
 * they are gone. Included once by each test program.
 */
#ifndef LOG_DISK_H
#define LOG_DISK_H

#include "spool_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PAGE = 4096, PAGES = 2048 };

static sqlite3_vfs disk, *original;
static sqlite3_io_methods log_methods;
static const sqlite3_io_methods *original_methods;
static _Atomic int syncs_to_fail;
static _Atomic unsigned syncs; /* that did not fail */
static _Atomic bool reads_fail;
enum eviction { EVICTS_NEVER, EVICTS_AT_SYNC, EVICTS_AT_CLOSE };
static _Atomic enum eviction evicts;
static bool is_lost[PAGES]; /* written, clean, and not durable */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_dirty[PAGES];
static char durable[PAGES * PAGE];
static sqlite3_int64 durable_size;

static int
log_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset)
{
	pthread_mutex_lock(&lock);
	for (sqlite3_int64 i = offset / PAGE; i <= (offset + n - 1) / PAGE; i++) {
		check(i < PAGES);
		is_dirty[i] = true;
		is_lost[i] = false;
	}
	pthread_mutex_unlock(&lock);
	return original_methods->xWrite(file, p, n, offset);
}

static int
log_read(sqlite3_file *file, void *p, int n, sqlite3_int64 offset)
{
	if (atomic_load(&reads_fail))
		return SQLITE_IOERR_READ;
	return original_methods->xRead(file, p, n, offset);
}

/* What was lost is what the disk has of it. */
static void
evict(sqlite3_file *file)
{
	sqlite3_int64 size;

	check(original_methods->xFileSize(file, &size) == SQLITE_OK);
	for (sqlite3_int64 i = 0; i < PAGES && i * PAGE < size; i++) {
		sqlite3_int64 n = size - i * PAGE < PAGE ? size - i * PAGE : PAGE;
		if (is_lost[i])
			original_methods->xWrite(file, durable + i * PAGE, (int)n,
						 i * PAGE);
	}
}

static int
log_close(sqlite3_file *file)
{
	pthread_mutex_lock(&lock);
	if (atomic_load(&evicts) == EVICTS_AT_CLOSE)
		evict(file);
	pthread_mutex_unlock(&lock);
	return original_methods->xClose(file);
}

static int
log_sync(sqlite3_file *file, int flags)
{
	sqlite3_int64 size;
	bool fails = atomic_load(&syncs_to_fail) > 0;

	if (fails)
		atomic_fetch_sub(&syncs_to_fail, 1);
	pthread_mutex_lock(&lock);
	check(original_methods->xFileSize(file, &size) == SQLITE_OK);
	for (sqlite3_int64 i = 0; i < PAGES; i++) {
		if (is_dirty[i] && !fails)
			original_methods->xRead(file, durable + i * PAGE, PAGE, i * PAGE);
		is_lost[i] |= is_dirty[i] && fails;
		is_dirty[i] = false;
	}
	if (atomic_load(&evicts) == EVICTS_AT_SYNC)
		evict(file);
	if (!fails)
		durable_size = size;
	pthread_mutex_unlock(&lock);
	atomic_fetch_add(&syncs, !fails);
	return fails ? SQLITE_IOERR_FSYNC : original_methods->xSync(file, flags);
}

static int
disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	(void)vfs;
	int rc = original->xOpen(original, name, file, flags, out);
	if (rc != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0)
		return rc;
	pthread_mutex_lock(&lock);
	if (original_methods == NULL) {
		original_methods = file->pMethods;
		log_methods = *original_methods;
		log_methods.xClose = log_close;
		log_methods.xRead = log_read;
		log_methods.xWrite = log_write;
		log_methods.xSync = log_sync;
	}
	pthread_mutex_unlock(&lock);
	file->pMethods = &log_methods;
	return rc;
}

/* Before a spool is opened. */
static UNUSED void
log_disk_begin(void)
{
	memset(is_dirty, 0, sizeof(is_dirty));
	memset(is_lost, 0, sizeof(is_lost));
	memset(durable, 0, sizeof(durable));
	durable_size = 0;
	atomic_store(&syncs_to_fail, 0);
	atomic_store(&evicts, EVICTS_NEVER);
	atomic_store(&reads_fail, false);
}

/* The set-up of the group. */
static UNUSED int
install_disk(void **state)
{
	(void)state;
	original = sqlite3_vfs_find(NULL);
	disk = *original;
	disk.zName = "disk";
	disk.xOpen = disk_open;
	return sqlite3_vfs_register(&disk, 1) == SQLITE_OK ? 0 : -1;
}

#endif

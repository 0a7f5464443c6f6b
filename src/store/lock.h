/*
 * lock.h - the spool's directory, its parts, and the lock that keeps a second instance
 * out.
 */
#ifndef TDC_STORE_LOCK_H
#define TDC_STORE_LOCK_H

#include "tdc/base/err.h"

struct spool;
struct spool_settings;

/*
 * Makes what is missing; fills directory, database, directory_fd, lock_fd. ERR_BUSY: held
 * by another.
 */
int spool_lock(struct spool *sp, const struct spool_settings *s, struct err *e);
void spool_unlock(struct spool *sp);

#endif

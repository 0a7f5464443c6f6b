/*
 * migrate.h - brings a database to this program's schema.
 */
#ifndef TDC_STORE_MIGRATE_H
#define TDC_STORE_MIGRATE_H

#include "store/db.h"

/*
 * One transaction per step. ERR_CONFIG: newer than this program. ERR_CORRUPT: not a spool
 * at all.
 */
int migrate(struct db *db, struct err *e);

#endif

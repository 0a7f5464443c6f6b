/*
 * wal_check.h - the bytes of the write-ahead log, against what SQLite believes of them.
 *
 * SQLite looks at the checksums of its log only when it recovers it. After a sync that
 * failed the kernel may have dropped bytes that were written, and give older ones for
 * them: a read, or a copy to the database, would take those for the page that was meant.
 *
 * For the connection of the store thread, outside of a transaction: nobody else writes
 * the log.
 */
#ifndef TDC_STORE_WAL_CHECK_H
#define TDC_STORE_WAL_CHECK_H

#include "store/db.h"

/* The log as it is committed. Two of the same log are equal when both numbers are. */
struct wal_state {
	uint32_t frames;
	uint32_t checksum[2]; /* of the last frame, and with it of all before */
};

/* As the connections of the process have it in the log's index. */
int wal_state_get(struct db *db, struct wal_state *ret, struct err *e);

/* ERR_CORRUPT: the file does not hold what was committed. */
int wal_verify(struct db *db, struct err *e);

/*
 * Cuts off what is behind the last frame that is committed: a transaction that failed
 * may lie there whole, and would be found by the next recovery.
 */
int wal_cut(struct db *db, struct err *e);

/*
 * Verifies, writes the same bytes anew, cuts, and forces all to disk. A sync that failed
 * leaves bytes that the kernel takes for written and the disk does not have; no later
 * sync would write them.
 */
int wal_rewrite(struct db *db, struct err *e);

#endif

/*
 * space.h - is there room on the disk? Asked by threads that may wait, read by the loop.
 */
#ifndef TDC_STORE_SPACE_H
#define TDC_STORE_SPACE_H

#include "tdc/loop/work.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SPACE_IS_LOW "free disk space is below the reserve"
enum { SPACE_INTERVAL_MS = 100, SPACE_INODES_MIN = 64 };

struct space {
	_Atomic uint64_t free_bytes, reserve;
	_Atomic bool is_low;
	_Atomic int64_t checked_at;
	_Atomic bool is_checking;
	struct work_job job;
};

struct spool;
void
space_check(struct spool *sp); /* now; any thread but the loop's                    */
void
space_check_if_old(struct spool *sp); /* the same, at most every SPACE_INTERVAL_MS     */
void
space_poke(struct spool *sp); /* loop thread: has a body worker check, if it is old */

#endif

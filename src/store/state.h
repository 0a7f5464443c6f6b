/*
 * state.h - what one open spool consists of, by the thread that owns it.
 */
#ifndef TDC_STORE_STATE_H
#define TDC_STORE_STATE_H

#include "store/accept.h"
#include "store/body.h"
#include "store/completion.h"
#include "store/reader.h"
#include "store/refused.h"
#include "store/segment.h"
#include "store/space.h"
#include "store/writer.h"

#include "tdc/loop/loop.h"
#include "tdc/store/spool.h"

#include <stdatomic.h>

enum { MID_BLOCK = 10000 };

/* What the store thread tells the loop; a copy is published with each batch. */
struct view {
	struct spool_account account;
	const char **policies; /* with waiting rows; names live as long as the spool */
	size_t n_policies, cap_policies;
	bool is_troubled;
	char trouble[ERR_TEXT_MAX];
	uint64_t database_bytes, wal_bytes, segment_bytes, file_bytes, unsynced, outcomes;
	uint64_t refused_rows;
	int64_t longest_commit_us, longest_checkpoint_us;
};

struct view_exchange {
	pthread_mutex_t lock;
	struct view latest;
	struct completion completion;
	bool is_posted;
};

struct profile_entry {
	char *destination, *profile;
};

struct unclean_profile { /* in use when the daemon died, for MIDs up to this */
	char *destination, *profile;
	uint64_t upto;
};

struct spool_limits { /* resolved settings; those of threads are atomic */
	uint64_t inline_max, segment_max, segment_size, wal_max;
	uint64_t in_flight_max, body_size_max;
	unsigned body_workers;
	_Atomic unsigned tick_ms;
	_Atomic int64_t retention_ms;
	bool is_unsafe; /* negative control of the tests: nothing is synced */
};

struct spool {
	struct loop *loop;
	char *directory, *database;
	int directory_fd, lock_fd;
	uint8_t secret[SPOOL_SECRET_BYTES]; /* since the start */
	struct spool_limits limits;
	struct space space;
	struct refused refused;
	struct refused unreadable; /* by the disk, for now; the reader adds */
	struct completions completions;
	struct view_exchange exchange;

	/* threads */
	struct writer writer;
	struct reader reader;
	struct segments segments;
	struct work *bodies;
	_Atomic bool has_directory[256]; /* of bodies: made and synced */

	/* the loop's */
	struct view view;
	struct hot hot;
	uint64_t recorded; /* outcomes, since the start */
	uint64_t in_flight;
	unsigned n_ending; /* drafts and reads that still have work with a thread */
	uint64_t next_mid, mid_limit;
	bool is_reserving_mids;
	struct strays *strays;  /* until they are handed over */
	struct uid_source uids; /* of journals and body files */
	uint64_t unclean_mid;
	struct unclean_profile *unclean; /* by destination, then by MID */
	size_t n_unclean;
	struct profile_entry *profiles;
	size_t n_profiles, cap_profiles;
	spool_accepted_fn *on_accepted;
	void *on_accepted_arg;
	struct timer purge_timer;
	bool is_purging, has_timer;
};

/* Of spool_record(), in their order: all up to this number are done with (outcome.c). */
uint64_t outcomes_done(const struct writer *w);

/* -- profiles.c, view.c, recovery.c, unclean.c, secret.c, purge.c -- */
int profile_remember(struct spool *sp, const char *destination, const char *profile);
void profiles_done(struct spool *sp);
void view_init(struct spool *sp);
void view_done(struct spool *sp);
void view_publish(struct writer *w,
		  struct completion ***end); /* appends to a chain, or not */
void view_take(struct spool *sp);
int recover(struct spool *sp, struct spool_recovery *r, struct err *e);
/*
 * Within the start's transaction. `died_at`: the highest MID that may have been given, or 0
 * after an orderly stop; `before`: what was kept by then.
 */
int unclean_begin(struct spool *sp, uint64_t died_at, uint64_t before, uint64_t first,
		  struct err *e);
/* No row below *first waits, or can be made to wait again. */
int unclean_find_first(struct writer *w, uint64_t *first, struct err *e);
void unclean_done(struct spool *sp);
/* Within the start's transaction: reads the secret, or makes it. */
int secret_begin(struct spool *sp, struct err *e);
void purge_arm(struct spool *sp);
/* Removes files whose rows are gone on disk, too; gives them to body workers. */
void sweep(struct writer *w);
void sweep_here(struct writer *w);

#endif

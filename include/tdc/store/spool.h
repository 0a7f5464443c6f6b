/*
 * spool.h - durable custody of accepted messages.
 *
 * Once `done` of spool_commit() ran without an error, the message survives kill -9 and power loss.
 * Nothing may answer 250 before that.
 *
 * One thread of the spool's own writes, commits and checkpoints; body workers write and read large
 * bodies; one read-only connection in a thread of its own lists. Everything in this header is
 * for the loop thread, and callbacks run there, never from inside the call that they belong to.
 *
 * When bytes of the write-ahead log are lost behind its back, the spool ends the process at once
 * (EX_IOERR, a line on stderr): the next start recovers what was synced.
 */
#ifndef TDC_STORE_SPOOL_H
#define TDC_STORE_SPOOL_H

#include "tdc/store/message.h"

#include "tdc/base/err.h"
#include "tdc/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct spool;

struct spool_settings {
	/* holds NAME.tdc.queue, segments/ and bodies/; created 0700 */
	const char *directory;
	const char *name;    /* NULL = "spool" */
	uint64_t inline_max; /* bodies up to this live in their row; 0 = 8 KiB */
	/* up to this in segments, above in own files; 0 = 256 KiB */
	uint64_t segment_max;
	uint64_t segment_size;  /* a segment is closed beyond this; 0 = 64 MiB */
	uint64_t hot_max;       /* bytes of committed bodies kept in memory; 0 = 8 MiB */
	uint64_t in_flight_max; /* bytes of drafts in memory; 0 = 12 MiB */
	uint64_t reserve; /* free bytes below which drafts are refused; 0 = 64 MiB */
	uint64_t body_size_max; /* of one message; 0 = 256 MiB. Larger: ERR_SIZE */
	/* delivered rows and bodies are kept this long; 0 = not at all */
	int64_t retention_ms;
	uint64_t wal_max;      /* hard limit of the WAL's bytes; 0 = 64 MiB */
	unsigned body_workers; /* 0 = 2 */
	/* of upkeep, and of looking whether a sick disk is well again; 0 = 1000 */
	unsigned tick_ms;
};

/* What was found at the start; for one log line. */
struct spool_recovery {
	bool was_clean; /* the last stop was orderly, or there was none */
	bool is_new;
	uint64_t waiting, uncertain, held, dead, quarantined;
	uint64_t orphan_files; /* bodies of drafts that were never committed; removed */
	/* of those in quarantine: by how many they are more than was told, see below */
	uint64_t newly_quarantined;
	/* rows of policies and destinations without a readable name: left out */
	uint64_t damaged_names;
	/* journals that wait for a policy that is not there: quarantined from now on */
	uint64_t strays;
	/* the index of what waits and the account differed: it was made anew */
	bool damaged_queue;
	int64_t took_ms;
};

/*
 * Opens or creates; blocks (start-up only). ERR_BUSY: another instance holds it. ERR_CONFIG: the schema is
 * newer than this program. ERR_CORRUPT: the database itself cannot be used (a corrupt row or body is
 * quarantined instead).
 */
int spool_open(struct loop *l, const struct spool_settings *s, struct spool **ret,
	       struct spool_recovery *recovery, struct err *e);
/*
 * 0, or -1 and what spool_open() would fail with for want of the directory or of rights
 * in it, for the effective user. Makes, opens and locks nothing: whether another
 * instance holds the spool, and whether it is sound, is not looked at. Any thread, with
 * or without a spool.
 */
int spool_look(const struct spool_settings *s, struct err *e);
/* Commits what is queued, checkpoints, closes, frees. Drafts and readers must be gone. Blocks; callbacks
 * that are still due run inside this call. */
void spool_close(struct spool *sp);
/* Reloadable: reserve, retention_ms, hot_max, in_flight_max, body_size_max (drafts keep
 * the one that they began with). */
void spool_reload(struct spool *sp, const struct spool_settings *s);

/* What only this spool knows: random bytes, made at its creation (or at the opening of one that has
 * none) and kept in it. Never changes while it is open; lives as long as the spool. */
enum { SPOOL_SECRET_BYTES = 32 };
const uint8_t *spool_secret(const struct spool *sp);

/* A new MID; never given twice, also across restarts and crashes. */
uint64_t spool_next_mid(struct spool *sp);

/* ------------------------------------------------------------------ acceptance */

struct spool_draft; /* one message being written, not yet ours */

/*
 * ERR_SPACE: free space is below the reserve, or the disk failed last time: answer 452 4.3.1.
 * `size_hint` is SIZE= (0 = unknown). Only loop thread; not more than the listener's limits.
 */
int spool_draft_new(struct spool *sp, uint64_t size_hint, struct spool_draft **ret,
		    struct err *e);
/* Copies once. -1: the draft is spoiled (ERR_SIZE, ERR_SPACE, ERR_IO, ERR_MEMORY) and can only be freed. */
int spool_draft_append(struct spool_draft *d, const char *p, size_t n, struct err *e);
/* True: stop reading until `fn` runs (once per spool_draft_when_room). Memory stays bounded by it. */
bool spool_draft_is_full(const struct spool_draft *d);
void spool_draft_when_room(struct spool_draft *d, void (*fn)(void *arg), void *arg);
uint64_t spool_draft_size(const struct spool_draft *d);
void spool_draft_free(struct spool_draft *d); /* abandons it; NULL is fine */

/* One journal to be made of a message, or a recorded decision not to. */
enum drop_reason {
	DROP_NONE,
	DROP_POLICY,
	DROP_DIRECTION,
	DROP_ROUTE, /* /dev/null */
	DROP_DUPLICATE,
	DROP_LOOP, /* our own loop mark, or a journal of others that is not wanted */
	DROP_REASON_COUNT
};
const char *drop_reason_name(enum drop_reason r);

struct spool_plan {
	enum journal_kind kind;
	const char *policy;    /* copied */
	const char *rids;      /* NULL = all */
	enum drop_reason drop; /* != DROP_NONE: accounted as dropped, not stored */
	/* of a drop, for the log; static. NULL: the policy's own choice */
	const char *drop_detail;
	uint64_t mid; /* from spool_next_mid() */
};
enum { SPOOL_PLANS_MAX = 64 };

/* e == NULL: custody is ours, answer 250. Otherwise nothing was kept: answer by err_is_temporary(). */
typedef void spool_done_fn(void *arg, const struct err *e);

/*
 * THE commit point. Takes the draft in every case; makes a reference of its own to the message (the
 * caller keeps, and drops, the one that it has); plans and facts are copied. When all plans are drops
 * no body is stored, only the account. `done` runs exactly once, never from inside this call. If
 * `arg`'s owner goes away earlier it calls spool_commit_forget(): the commit goes on, `done` does not run.
 */
struct spool_commit;
struct spool_commit *spool_commit(struct spool_draft *d, struct spool_message *m,
				  const struct body_facts *facts,
				  const struct spool_plan *plans, size_t n_plans,
				  spool_done_fn *done, void *arg);
void spool_commit_forget(struct spool_commit *c);

/* Every journal that was just committed goes to this one consumer, which takes it. It runs before
 * the commit's `done`. Until it is set, fresh journals stay in the database only. */
typedef void spool_accepted_fn(void *arg, struct spool_journal *j);
void spool_on_accepted(struct spool *sp, spool_accepted_fn *fn, void *arg);

/* Lines of the account that are not journals, in the next batch: 5xx after MAIL. */
void spool_count_refused(struct spool *sp);

/* ------------------------------------------------------------------ outcomes */

enum outcome_kind {
	OUTCOME_DELIVERED,
	OUTCOME_SOFT,        /* 4xx to the message: attempts + 1, next_at */
	OUTCOME_UNCERTAIN,   /* final reply not received: profile, next_at */
	OUTCOME_DEAD,        /* 5xx to the content, or expired */
	OUTCOME_HELD,        /* cannot be carried, and the configuration says hold */
	OUTCOME_QUARANTINED, /* body or row does not match its own checksum */
	OUTCOME_DROPPED,     /* route /dev/null */
};
struct spool_outcome {
	enum outcome_kind kind;
	uint64_t mid;
	uint32_t attempts; /* the new count */
	int64_t next_at;   /* wall ms, for SOFT and UNCERTAIN */
	int64_t at;        /* wall ms */
	const char *reply; /* copied; NULL allowed, as all below */
	const char *tls;
	const char *profile;
	const char *reason; /* for DEAD, HELD, QUARANTINED: "content", "expired", ... */
	const char *destination;
};
/* Rides in the next batch, within milliseconds; not synced by itself, but within 1 s.
 * Cannot fail for the caller: it is kept and tried again while the disk refuses. A row that meanwhile left the state that the outcome
 * belongs to is left alone, but for one that was held: DELIVERED wins, and UNCERTAIN leaves its profile. */
void spool_record(struct spool *sp, const struct spool_outcome *o);
/* Outcomes are applied in their order. Once the second number reaches what the first one was after a
 * spool_record(), rows that are fetched from then on show that outcome. */
uint64_t spool_outcomes_recorded(const struct spool *sp);
uint64_t spool_outcomes_committed(const struct spool *sp);

/*
 * The render profile in use towards a destination, so that after a crash a journal that was in flight
 * is sent again with the same bytes. Call when it changes, and wait for `done` before the first use.
 */
void spool_set_destination_profile(struct spool *sp, const char *destination,
				   const char *profile, spool_done_fn *done, void *arg);
/* From memory, as of the last stop or crash, until set anew; NULL = none. */
const char *spool_destination_profile(const struct spool *sp, const char *destination);
/*
 * MIDs up to this may have been in flight when the daemon last died. As of the start; 0 when
 * the stop was orderly and no journal of then is left that may be sent.
 */
uint64_t spool_unclean_mid(const struct spool *sp);
/* The profile with which this MID may have been in flight then, towards this destination;
 * NULL: none. Of several crashes, each has its MIDs. Lives as long as the spool. */
const char *spool_unclean_profile(const struct spool *sp, const char *destination,
				  uint64_t mid);

/* ------------------------------------------------------------------ reading bodies */

struct spool_body_reader;
int spool_body_reader_new(struct spool *sp, struct spool_body *b,
			  struct spool_body_reader **ret, struct err *e);
void spool_body_reader_free(struct spool_body_reader *r); /* NULL is fine */
enum spool_read { SPOOL_READ_DATA, SPOOL_READ_END, SPOOL_READ_LATER, SPOOL_READ_FAILED };
/* DATA: *ret is the next run (at most 256 KiB), valid until the next call. LATER: `when_ready` runs once.
 * FAILED: ERR_CORRUPT (shorter than recorded, row gone) or ERR_IO. */
enum spool_read spool_body_read(struct spool_body_reader *r, struct span *ret,
				void (*when_ready)(void *arg), void *arg, struct err *e);

/* ------------------------------------------------------------------ the due queue */

struct spool_cursor { /* the order of the due queue; {0,0} is its beginning */
	int64_t next_at;
	uint64_t mid;
};
struct spool_due {
	/* of spool_journal.node, state waiting or uncertain; the callee takes them */
	struct list journals;
	struct spool_cursor next; /* where to go on */
	bool is_end;              /* nothing due is behind `next` */
	/* wall ms of the earliest row that is not due yet; 0 = none */
	int64_t earliest_at;
};
/* Exactly once. On an error `due` is NULL. */
typedef void spool_due_fn(void *arg, struct spool_due *due, const struct err *e);
/* MIDs that the scheduler has in memory, by malloc(), in any order. */
struct spool_held {
	size_t n;
	uint64_t mids[];
};
/*
 * Rows of one policy that are due at `now`, after the cursor, at most `rows` and about
 * `bytes` of memory for them and for inline bodies, which come hot; 0: no body is read, and
 * `rows` alone is the bound. Those in `held` (NULL = none), which is taken, are passed over
 * and not counted; but a page looks at 5,000 at most. Runs on the reader; rows whose outcome is not committed yet come again: the
 * scheduler knows which MIDs it had. Corrupt rows are quarantined and left out.
 */
void spool_fetch_due(struct spool *sp, const char *policy, struct spool_cursor after,
		     int64_t now, size_t rows, size_t bytes, struct spool_held *held,
		     spool_due_fn *done, void *arg);
/* One journal by its MID, in any state; *due has one or none. What cannot be read of it is left out. */
void spool_fetch_one(struct spool *sp, uint64_t mid, spool_due_fn *done, void *arg);
/* The same, whole: ERR_CORRUPT says what of its rows is damaged. Its body's bytes are not looked at. */
void spool_fetch_sound(struct spool *sp, uint64_t mid, spool_due_fn *done, void *arg);

/* Policies that have waiting rows: names in memory, kept with the account. */
size_t spool_waiting_policies(const struct spool *sp, const char **names, size_t max);

/* ------------------------------------------------------------------ the operator */

enum spool_change {
	CHANGE_HOLD, /* waiting, uncertain -> held */
	/* held -> waiting, due now, attempts 0, its time starts anew */
	CHANGE_RELEASE,
	CHANGE_RETRY_DEAD, /* dead -> waiting, attempts 0, its time starts anew */
	/* waiting, uncertain, held, dead, quarantined -> deleted by operator */
	CHANGE_DELETE,
	/* waiting, uncertain with a time of its own -> due now, in the same state */
	CHANGE_DUE_NOW,
	/* quarantined -> waiting, attempts 0, its time starts anew. The caller has looked: see
	 * spool_fetch_sound(). */
	CHANGE_RETRY_QUARANTINED,
};
/*
 * mid == 0: all rows in a state that the change applies to, in steps; spool_close() ends it
 * between two of them (ERR_SHUTDOWN, and `changed` says how far it came). Exactly once.
 */
typedef void spool_change_fn(void *arg, uint64_t changed, const struct err *e);
void spool_change(struct spool *sp, enum spool_change what, uint64_t mid,
		  spool_change_fn *done, void *arg);
/* The same, of rows in these states only (1 << journal_state; at least one that it applies to). */
void spool_change_in(struct spool *sp, enum spool_change what, unsigned states,
		     uint64_t mid, spool_change_fn *done, void *arg);

/* A page of rows in MID order, without bodies. state == JOURNAL_STATE_COUNT: all states. */
struct spool_list_filter {
	enum journal_state state;
	uint64_t after_mid;
	size_t limit;         /* at most 1000 */
	uint64_t message_mid; /* only journals of this message; 0 = of all */
};
void spool_list(struct spool *sp, const struct spool_list_filter *f, spool_due_fn *done,
		void *arg);

/* ------------------------------------------------------------------ the account */

/* Terms of the identity: created = the sum of all others. Kept in the same transactions. */
struct spool_account {
	uint64_t messages; /* accepted */
	uint64_t refused;  /* messages, with a 5xx */
	uint64_t created[MESSAGE_SOURCE_COUNT];
	/* DELIVERED is cumulative, the others are gauges */
	uint64_t state[JOURNAL_STATE_COUNT];
	uint64_t deleted; /* by operator */
	uint64_t dropped[DROP_REASON_COUNT];
	int64_t oldest_waiting_at; /* wall ms, 0 = none; as of the last batch */
};
int64_t spool_account_gap(const struct spool_account *a); /* 0 when it closes */
/* as of the last commit */
const struct spool_account *spool_account(const struct spool *sp);
/* So many in quarantine were reported: what is beyond that is new at the next start. */
void spool_quarantine_told(struct spool *sp, uint64_t n);
/* Counts the rows on the reader and compares with the counters: the proof. */
typedef void spool_account_fn(void *arg, const struct spool_account *counted,
			      const struct err *e);
void spool_account_verify(struct spool *sp, spool_account_fn *done, void *arg);

struct spool_status {
	uint64_t free_bytes, reserve;
	bool is_accepting;          /* false below the reserve or after a disk failure */
	char trouble[ERR_TEXT_MAX]; /* why not */
	uint64_t database_bytes, wal_bytes, segment_bytes, file_bytes;
	uint64_t hot_bytes, in_flight_bytes;
	uint64_t unsynced_outcomes;
	/*
	 * The database will not change them, or only an index has them in the state that
	 * was asked for: left out of the due queue and the purge until the next start.
	 * Or the disk cannot read them: asked for again after ten minutes.
	 */
	uint64_t refused_rows;
	int64_t longest_commit_us, longest_checkpoint_us;
	uint64_t last_mid;    /* none above it was given */
	int64_t retention_ms; /* as in force: delivered rows are kept this long */
};
void spool_status(const struct spool *sp, struct spool_status *ret);

/* Deepest check, offline, blocking: database integrity, every body's size, SHA-256 and checksum, the account.
 * `report` gets one line per finding. Returns the number of findings, or -1 (ERR_BUSY: an instance holds
 * it; ERR_NOT_FOUND: there is no such spool, and none was made). `hash` is given by the caller: both sums of
 * body_facts; it begins anew after is_last. */
typedef void spool_hash_fn(void *arg, const void *p, size_t n, bool is_last,
			   uint8_t sha256[32], uint8_t checksum[16]);
int spool_check(const struct spool_settings *s, spool_hash_fn *hash, void *hash_arg,
		void (*report)(void *arg, const char *line), void *arg, struct err *e);

#endif

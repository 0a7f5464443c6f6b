/*
 * inside.h - the delivery as a whole, and what its parts call of each other.
 *
 *	lane         one policy's window of due journals  lane.c, sweep.c, withdrawal.c
 *	scheduler    which journal goes to which connection, when    scheduler.c
 *	destination  an intake's domain: up, backed off, suspended   destination.c
 *	connection   one SMTP session with a hop      connection.c, attempt.c, establish.c,
 *	                                              parting.c
 *	transaction  one journal on a connection      transaction.c, content.c, replies.c
 *	outcome      what a reply means for a journal                outcome.c
 *
 * All of it belongs to the loop's thread.
 */
#ifndef TDC_SRC_DELIVER_INSIDE_H
#define TDC_SRC_DELIVER_INSIDE_H

#include "item.h"

#include "tdc/deliver/deliver.h"
#include "tdc/loop/loop.h"

enum {
	WINDOW_LEAST = 8, /* of any lane, whatever the memory */
	DELIVER_NAME_MAX = 255,
	DELIVER_DOMAIN_MAX = SMTP_DOMAIN_MAX + 1,
};

struct connection;
struct destination;

struct deliver_tls {
	struct tls_client_settings settings; /* strings owned */
	struct list choices;                 /* a context per CA file */
};

struct deliver {
	struct loop *loop;
	struct spool *spool;
	struct dns *dns;
	struct policy_set *policies;
	const struct deliver_content_ops *ops;
	void *ops_arg;
	char hostname[DELIVER_NAME_MAX + 1];
	size_t window;        /* journals of a lane, half of them old            */
	size_t window_memory; /* of all windows, half of it for old ones         */
	size_t fresh_memory, old_memory; /* of those that wait or are in flight  */
	size_t connections_max;
	struct deliver_tls *tls;

	struct list lanes, destinations;
	struct item_set items;
	struct item_set marks; /* MIDs whose rows are being changed               */
	struct list withdrawn, given_back; /* of them: under way; answered, in order */
	uint64_t fetches; /* answers of the spool that were asked for, ever */
	size_t n_connections;
	uint64_t next_dcid;
	uint64_t random;     /* state of the jitter's generator                  */
	unsigned generation; /* of the configuration; older connections are closed */

	struct timer timer;
	struct loop_task pump;
	int64_t wake_at;      /* mono ms of the timer; 0 = not set               */
	int64_t paused_until; /* mono ms: trouble of our own                   */
	int64_t next_sweep_at;
	size_t waiting;       /* answers of the spool that are still to come      */
	bool must_find_lanes; /* there was no memory for one                      */
	bool is_started;
	bool is_stopping;
	int64_t stop_at; /* mono ms: the end of the grace                    */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

/* [0, 1) */
double deliver_random(struct deliver *d);
/* Something changed: look at all lanes and destinations at the end of this turn. */
void deliver_wake(struct deliver *d);
/* Not later than this (mono ms). */
void deliver_wake_at(struct deliver *d, int64_t mono_ms);
/* A lane for each policy that has waiting rows. */
void deliver_find_lanes(struct deliver *d);
/* Trouble of our own (memory): nothing new for a second. */
void deliver_pause(struct deliver *d, const struct err *why);
/* The one that was made with this CA file (NULL: the settings' own); borrowed. */
int deliver_tls_context(const struct deliver *d, const char *ca_file,
			struct tls_context **ret, struct err *e);
/* After a step towards the stop; tells `stopped` when nothing is left. */
void deliver_check_stopped(struct deliver *d);

/* ---- lane.c */
struct lane_fetch {
	struct lane *lane; /* NULL: it went away                          */
	uint64_t number;   /* they are counted                             */
	uint64_t settled;  /* outcomes that were committed when it was asked for */
};
struct lane {
	struct list_node node;
	struct deliver *deliver;
	char *policy;
	struct destination *destination; /* NULL: the policy has no intake now      */
	struct list fresh, old;          /* items: just accepted; read from the spool */
	bool takes_old_next;
	struct spool_cursor cursor;
	bool is_exhausted; /* nothing due is behind the cursor                         */
	bool must_rescan;  /* something due may be in front of it                      */
	int64_t earliest_at; /* wall ms: the next row with a time of its own; 0 = none */
	struct lane_fetch *fetch,
		*sweep;       /* answers that are still to come               */
	int64_t rescanned_at; /* mono ms                                               */
	struct list finished; /* items, by sequence                                   */
	uint64_t
		skipped; /* the latest of them whose row was read and not taken; 0: none */
	struct spool_cursor sweep_cursor;
	bool is_sweep_due; /* its next page                                          */
};
struct lane *lane_find(struct deliver *d,
		       const char *policy); /* makes it; NULL: no memory */
void lane_free(struct lane *l);
/* Finds the destination anew; a smaller window lets go of what is behind it. */
void lane_reload(struct lane *l);
size_t lane_waiting(const struct lane *l);
/* Takes a fresh journal in every case. */
void lane_offer(struct lane *l, struct spool_journal *j);
/* Asks the spool for more when the window runs low; reads anew what has come due. */
void lane_refill(struct lane *l);
/* The next one, fresh and old in turn; it is in flight then. NULL: none. */
struct item *lane_take(struct lane *l);
/* Back to the window's front (or its end), not attempted. */
void lane_put_back(struct item *i);
void lane_put_back_last(struct item *i);
/*
 * Its outcome was recorded; the MID is kept until that is on disk. next_at: when its row
 * is due again, 0.
 */
void lane_finish(struct item *i, int64_t next_at);
/* A waiting item; its row is being changed. */
void lane_forget(struct item *i);
/* Looks at all rows again, from the beginning. */
void lane_look_again(struct lane *l);
const struct bounce_profile *lane_bounce(const struct lane *l);
/*
 * An answer of the spool that is still to come is counted and told what it cannot have
 * seen. NULL: no memory.
 */
struct lane_fetch *lane_fetch_new(struct lane *l);

/* Forgets MIDs whose outcomes are committed. */
void lane_prune(struct lane *l);

/* ---- withdrawal.c */
/* The row of this MID is being changed. */
bool withdrawal_is(const struct deliver *d, uint64_t mid);
/* Forgets the marks that nothing is waited for any more. */
void withdrawal_prune(struct deliver *d);
void withdrawal_done(struct deliver *d);

/* ---- sweep.c: the end of what waits too long, also where nothing is delivered */
void sweep_run(struct deliver *d);

/* ---- scheduler.c */
void scheduler_run(struct deliver *d);
/* The next journal for a destination; its lanes in turn. */
struct item *scheduler_take(struct destination *x);
size_t scheduler_waiting(const struct destination *x);

/* ---- destination.c */
/* What is known of BDAT there; each outweighs those before it. */
enum bdat {
	BDAT_UNTRIED,
	BDAT_ON_TRIAL, /* the first journal that goes by it is on its way: all others
			  take DATA */
	BDAT_TRUSTED,  /* its reply can be told from RCPT's                       */
	BDAT_VAGUE,    /* it cannot: only for what nothing else carries            */
	BDAT_REFUSED,  /* as a command, though CHUNKING is offered                 */
};
struct destination {
	struct list_node node;
	struct deliver *deliver;
	char *domain;
	enum destination_state state;
	struct err last_error;
	int64_t last_error_at; /* wall ms                                           */
	int64_t down_since;    /* wall ms                                           */
	int64_t next_probe_at; /* mono ms; kept while it is up and unproven          */
	int64_t wait_ms;       /* of the back-off; 0: the next is the first           */
	bool is_unproven;      /* no content was answered since the latest failure   */
	bool is_overdue;       /* down for longer than max_time_in_queue: it was told */
	unsigned failures;     /* what was begun before the latest is a part of it   */
	const struct destination_controls *controls; /* borrowed from the policies */
	unsigned controls_of;                        /* ... of this generation     */

	struct list idle, busy; /* connections: ready for a journal; all others        */
	size_t in_flight;
	size_t allowed;    /* connections: grows with success, 1 after a failure   */
	unsigned rotation; /* round robin of equal hops                            */
	enum bdat bdat;
	struct lane *last_lane;

	char *profile;        /* recorded for it; what a journal in flight uses       */
	char *profile_wanted; /* being recorded; NULL = none                          */
	struct profile_wait *profile_wait;

	uint64_t delivered, soft_bounced, hard_bounced;
	char last_tls[TLS_TEXT_MAX * 2];
};
struct destination *destination_find(struct deliver *d,
				     const char *domain); /* makes it */
void destination_free(struct destination *x);
size_t destination_connections(const struct destination *x);
/* Valid until the next reload. */
const struct destination_controls *destination_controls(struct destination *x);
/*
 * Before the content something failed: the intake's or the network's fault, not a
 * journal's.
 */
enum failure {
	/*
	 * The peer closed, or said 421: as BACK_OFF, but without blame when the
	 * connection has carried journals already.
	 */
	FAILURE_CLOSED,
	FAILURE_BACK_OFF, /* 4xx, time-out, TLS, broken protocol */
	FAILURE_SUSPEND,  /* 5xx                                 */
};
void destination_failed(struct destination *x, enum failure f, const struct err *why);
/* A journal's recipient was accepted: it works. */
void destination_works(struct destination *x);
/* A connection is ready, and there is no journal for it: up, as far as one can see. */
void destination_is_reached(struct destination *x);
/* Nothing goes there any more: how it is does not matter. */
void destination_forget(struct destination *x);
/* Tells once that it is down for longer than a journal may be in the queue. */
void destination_look_at_time(struct destination *x);
/* A journal's content got its reply, whichever: what failed before is over. */
void destination_answers(struct destination *x);
void destination_learn_bdat(struct destination *x, enum bdat what);
/* The back-off ends: a probe now, over a connection that is made anew. */
void destination_probe_now(struct destination *x);
/*
 * So does any reload: what it put right may be the intake's address, or the bytes of a
 * file. Connections that carry no journal yet end without blame.
 */
void destination_reload(struct destination *x);
/* How many more connections may be opened now. */
size_t destination_room(struct destination *x);
/*
 * True when journals of this profile may be sent now; otherwise the connection waits in
 * its PROFILE state and destination_profile_turn() looks again.
 */
bool destination_takes_profile(struct destination *x, const char *profile);
void destination_profile_turn(struct destination *x);

#endif

/*
 * deliver.h - from the due queue to the intake: scheduler, connection pool, SMTP client,
 * outcome.
 *
 * A destination is an intake's domain. One lane per policy holds a bounded window of due
 * journals; the rest stays in the database. A failing destination touches no row: it is
 * backed off (connection trouble, 4xx before the content) or suspended (5xx before the
 * content) as a whole, with one probe at a time. Only the outcome of a journal's own
 * content moves its row. Loop thread only.
 */
#ifndef TDC_DELIVER_DELIVER_H
#define TDC_DELIVER_DELIVER_H

#include "tdc/base/buf.h"
#include "tdc/base/err.h"
#include "tdc/policy/policy.h"
#include "tdc/smtp/command.h"
#include "tdc/store/spool.h"
#include "tdc/tls/tls.h"

#include <stdbool.h>
#include <stdint.h>

struct dns;
struct loop;
struct deliver;

/* What is sent around the body; filled by `render` below. */
struct deliver_content {
	struct buf head, tail;
	bool body_is_base64; /* else as it is                        */
	uint64_t size;
	bool must_use_bdat;
	enum smtp_body_type body;
	bool needs_smtputf8;
	char mail_from[SMTP_ADDRESS_MAX + 1];
	bool is_held;
	char mark[64];
};
/* What deliver needs of the journal's renderer; the daemon fills it. */
struct deliver_content_ops {
	int (*profile)(void *arg, const char *destination, unsigned extensions,
		       struct buf *ret);
	int (*render)(void *arg, const char *profile, const struct spool_journal *j,
		      const char *intake, struct deliver_content *ret, struct err *e);
};

struct deliver_settings {
	const char *hostname;   /* EHLO name; copied                     */
	size_t window;          /* journals in memory per lane; 0 = 4,000  */
	size_t window_memory;   /* bytes of them in all lanes; 0 = 6 MiB.  */
				/* A lane may have 8 all the same          */
	size_t connections_max; /* outgoing, in all; 0 = 500             */
};

/*
 * The TLS contexts of deliveries: one for the settings, one more for each CA file that
 * destination controls name. Their files are read in these calls, on any thread, and never
 * after them.
 */
struct deliver_tls;
int deliver_tls_new(const struct tls_client_settings *s, struct deliver_tls **ret,
		    struct err *e);
int deliver_tls_add(struct deliver_tls *t, const char *ca_file, struct err *e);
void deliver_tls_free(struct deliver_tls *t); /* NULL is fine */

/*
 * Borrows loop, spool and dns until deliver_free(); takes tls in every case. Sets
 * spool_on_accepted() itself.
 */
int deliver_new(struct loop *l, const struct deliver_settings *s, struct spool *sp,
		struct dns *d, struct policy_set *p, struct deliver_tls *tls,
		const struct deliver_content_ops *ops, void *ops_arg,
		struct deliver **ret, struct err *e);
/* Begins to work: reads the queue. */
void deliver_start(struct deliver *d);
/*
 * New settings, policies, routes, controls, TLS settings: used by the next attempt.
 * Connections of the old ones end after the journal that they carry; at once, when they
 * carry none yet. Every destination that is backed off or suspended is probed at once, as
 * whatever was wrong may have been put right. Takes tls.
 */
void deliver_reload(struct deliver *d, const struct deliver_settings *s,
		    struct policy_set *p, struct deliver_tls *tls);
/*
 * No new attempts; sessions that sent a final dot get grace_ms for its reply, the others
 * are broken off. `done` runs exactly once, from the loop.
 */
void deliver_stop(struct deliver *d, int64_t grace_ms, void (*done)(void *arg),
		  void *arg);
void deliver_free(struct deliver *d);

/*
 * The operator: mid == 0: all. Rows with a time of their own are made due by
 * spool_change() first. Back-offs end, suspended destinations are probed, over
 * connections that are made anew.
 */
void deliver_now(struct deliver *d, uint64_t mid);
enum withdrawal {
	WITHDRAWAL_DONE = 0,
	WITHDRAWAL_IN_FLIGHT, /* it is being sent in this moment, *dcid says where     */
	WITHDRAWAL_NO_MEMORY, /* it cannot be remembered; *dcid is 0                   */
};
/*
 * Before the row of a journal is changed (held, deleted). DONE: it is not taken until
 * deliver_give_back(), which belongs to every such withdrawal and comes when the change
 * got its answer, whichever. Anything else: the row must be let alone.
 */
enum withdrawal deliver_withdraw(struct deliver *d, uint64_t mid, uint64_t *dcid);
void deliver_give_back(struct deliver *d, uint64_t mid);
/* Rows were made due by someone else (release, retry): look again. */
void deliver_look_again(struct deliver *d);
/* The DCID that sends this journal in this moment; 0: none does. */
uint64_t deliver_dcid(const struct deliver *d, uint64_t mid);

enum destination_state { DESTINATION_UP, DESTINATION_BACKED_OFF, DESTINATION_SUSPENDED };
const char *destination_state_name(enum destination_state s);
struct destination_status {
	const char *domain;
	enum destination_state state;
	char last_error[ERR_TEXT_MAX]; /* that it had, also when it is up */
	int64_t last_error_at;         /* wall ms, 0 = never     */
	int64_t next_probe_at;         /* wall ms, 0 = none      */
	int64_t down_since;            /* wall ms, 0 = up        */
	bool is_being_probed;          /* down, and its time has come */
	bool is_overdue;      /* down for longer than a journal may be in the queue */
	unsigned connections; /* open                   */
	unsigned in_flight;   /* journals being sent     */
	uint64_t delivered, soft_bounced, hard_bounced; /* since start */
	char last_tls[TLS_TEXT_MAX * 2];
};
typedef void destination_status_fn(void *arg, const struct destination_status *s);
void deliver_each_destination(const struct deliver *d, destination_status_fn *fn,
			      void *arg);

#endif

/*
 * policy.h - pure decisions from the configuration: which mail is journaled, to which intake, by which
 * route, under which controls.
 *
 * A policy set is compiled from a configuration, never changes, and is counted by reference; a
 * reload makes a new one. No I/O. Loop thread.
 */
#ifndef TDC_POLICY_POLICY_H
#define TDC_POLICY_POLICY_H

#include "tdc/base/err.h"
#include "tdc/config/config.h"
#include "tdc/mime/scan.h"
#include "tdc/store/spool.h"
#include "tdc/tls/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy_set;

/* Each problem is a line to `report`, which may be NULL, with file, line, column and key; *e is
 * the first one, with the number of the others. */
int policy_set_new(const struct config *c, config_report_fn *report, void *arg,
		   struct policy_set **ret, struct err *e);
struct policy_set *policy_set_ref(struct policy_set *p);
void policy_set_unref(struct policy_set *p);

/*
 * What is to be made of an accepted message: one plan per policy with an intake, drops with their
 * reason. `field_names` are those of its header; case does not matter. Fills at most
 * SPOOL_PLANS_MAX; mids are the caller's to fill. Strings in the plans live as long as the set;
 * `rids` as long as the set's scratch (until the next call). Returns the number of plans (>= 1).
 * DROP_LOOP: what has the fact of the loop mark, which must be authenticated by then, and journals of
 * others where the configuration says so.
 */
size_t policy_decide(struct policy_set *p, const struct spool_message *m,
		     const struct body_facts *facts, struct mime_names field_names,
		     struct spool_plan plans[SPOOL_PLANS_MAX]);

/* The message intake address of a policy by name; NULL when the policy is gone or says no. */
const char *policy_intake(const struct policy_set *p, const char *policy);
/* The domain part of it, lower case; the destination. */
const char *policy_destination(const struct policy_set *p, const char *policy);

/*
 * Why mail that is accepted reaches no intake by this configuration: the connector is
 * disabled, the default policy has no intake, or the route of an intake is /dev/null. The
 * i-th reason; false: there is none. What other policies leave out is meant.
 */
enum { POLICY_DEAD_END_MAX = 512 };
struct policy_dead_end {
	enum drop_reason drop; /* how its mail is accounted */
	char text[POLICY_DEAD_END_MAX];
};
bool policy_dead_end(const struct policy_set *p, size_t i, struct policy_dead_end *ret);

/* ---- SMTP routes: exact, .domain, ALL; the most specific wins. */
enum next_hop_kind { NEXT_HOP_HOST, NEXT_HOP_USEDNS, NEXT_HOP_DEV_NULL };
struct next_hop {
	enum next_hop_kind kind;
	const char *host; /* name or literal without brackets */
	uint16_t port;
	bool is_bracketed; /* [host]: no MX look-up */
	unsigned priority; /* 0 is best, equal = round robin */
};
struct smtp_route {
	const char *pattern;         /* as configured; "USEDNS" when none matched */
	const struct next_hop *hops; /* sorted by priority */
	size_t n_hops;
};
const struct smtp_route *policy_route(const struct policy_set *p, const char *domain);

/* ---- bounce profiles */
struct bounce_profile {
	const char *name;
	uint32_t max_retries;         /* 100 */
	int64_t max_time_in_queue_ms; /* 259,200 s */
	int64_t first_wait_ms;        /* 60 s */
	int64_t longest_wait_ms;      /* 3,600 s */
};
/* Wait before attempt n + 1 (n >= 1 attempts made): doubling, capped, +- 10 % by `random` in [0, 1). */
int64_t bounce_profile_wait(const struct bounce_profile *b, uint32_t attempts,
			    double random);

/* ---- destination controls: exact, .domain, default */
struct destination_controls {
	const char *pattern;
	unsigned concurrency;             /* connections, 500 is the field's; ours 20 */
	unsigned messages_per_connection; /* 10 */
	enum tls_mode tls_mode;
	const char *ca_file;  /* NULL = tls.ca_file, NULL = system */
	const char *tls_name; /* verify this name instead of the hop's; NULL */
	struct bounce_profile bounce;
	int64_t connect_timeout_ms, greeting_timeout_ms, ehlo_timeout_ms,
		starttls_timeout_ms, mail_timeout_ms, rcpt_timeout_ms, data_timeout_ms,
		block_timeout_ms, final_timeout_ms;
	int64_t idle_timeout_ms;                  /* of a pooled connection */
	int64_t probe_first_ms, probe_longest_ms; /* waits of a backed-off destination */
	int64_t suspended_probe_ms;               /* probe interval of a suspended one */
	int64_t uncertain_wait_ms; /* before an uncertain journal is sent again */
};
const struct destination_controls *policy_controls(const struct policy_set *p,
						   const char *domain);

#endif

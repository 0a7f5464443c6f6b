/*
 * set.h - a compiled policy set, as the parts of this area see it.
 */
#ifndef POLICY_SET_H
#define POLICY_SET_H

#include "text_index.h"

#include "tdc/base/buf.h"
#include "tdc/config/arena.h"
#include "tdc/policy/policy.h"

#include <stdbool.h>

struct policy {
	const char *name;
	const char *intake;      /* NULL = no: mail is not journaled */
	const char *destination; /* its domain, lower case; NULL as above */
};

struct policy_set {
	unsigned refs;
	struct arena arena;
	bool is_connector_enabled;
	unsigned loop_facts;        /* enum mime_fact bits: what has them is dropped */
	const char *default_intake; /* what "default" means in a policy */

	struct policy *policies; /* in order; DEFAULT is the last */
	size_t n_policies;
	struct text_index by_name;             /* of those that are enabled */
	struct text_index senders, recipients; /* patterns to policies */

	struct smtp_route *routes; /* the last is the built-in USEDNS */
	size_t n_routes;
	struct text_index route_by_domain;
	const struct smtp_route *route_for_all;

	struct destination_controls *controls;
	size_t n_controls;
	struct text_index controls_by_domain;
	const struct destination_controls *controls_default;

	/* Scratch of the decisions: kept, so that a message allocates nothing. */
	struct buf key;     /* a normalized address or domain */
	struct buf rids;    /* texts of the plans */
	uint32_t *assigned; /* policy of each recipient */
	size_t assigned_room;
};

enum { POLICY_KEY_MAX = 4096, POLICY_RIDS_MAX = 1024 * 1024 };

/* The address in lower case, its domain normalized, in *key; *domain within it, empty
 * when it has none. The
 * empty span when it does not fit. */
struct span policy_key(struct buf *key, const char *address, struct span *domain);

#endif

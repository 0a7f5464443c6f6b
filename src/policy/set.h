/*
 * set.h - a compiled policy set, as the parts of this area see it.
 */
#ifndef POLICY_SET_H
#define POLICY_SET_H

#include "patterns.h"
#include "text_index.h"

#include "tdc/base/buf.h"
#include "tdc/config/arena.h"
#include "tdc/loop/network.h"
#include "tdc/policy/policy.h"

#include <stdbool.h>

struct policy {
	const char *name;
	const char *intake;            /* NULL = no: mail is not journaled */
	const char *destination;       /* its domain, lower case; NULL as above */
	struct conditions *conditions; /* on the message; NULL = none     */
	bool is_for_all;               /* no pattern of a sender or recipient */
};

struct networks {
	struct network *at;
	size_t n;
};
struct names { /* of header fields */
	const char **at;
	size_t n;
};
/* All of them must hold. An empty list says nothing. */
struct conditions {
	struct networks client, not_client;
	struct names header, not_header;
	uint64_t larger_than, smaller_than; /* bytes; 0 = says nothing */
};
bool conditions_hold(const struct conditions *c, const struct spool_message *m,
		     const struct body_facts *facts, struct mime_names field_names);

struct policy_set {
	unsigned refs;
	struct arena arena;
	bool is_connector_enabled;
	unsigned loop_facts; /* enum mime_fact bits: what has them is dropped */
	struct text_index incoming_domains; /* ours; empty = not said             */
	struct text_index asking_listeners; /* names; elsewhere all is incoming */
	const char *default_intake;         /* what "default" means in a policy */

	struct policy *policies; /* in order; DEFAULT is the last */
	size_t n_policies;
	struct text_index by_name; /* of those that are enabled */
	struct patterns senders, recipients;
	uint32_t *for_all; /* policies that have conditions alone, in order */
	size_t n_for_all;

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
	uint64_t *judged; /* of each policy: twice the decision's number, and whether
			     its conditions hold */
	uint64_t decisions;
};

enum { POLICY_KEY_MAX = 4096, POLICY_RIDS_MAX = 1024 * 1024 };

#endif

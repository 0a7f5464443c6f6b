/*
 * inside.h - what the files of this area share.
 */
#ifndef TDC_SRC_DNS_INSIDE_H
#define TDC_SRC_DNS_INSIDE_H

#include "tdc/base/list.h"
#include "tdc/dns/dns.h"
#include "tdc/loop/loop.h"

#include <unbound.h>

struct dns_resolver {
	struct ub_ctx *unbound;
	int64_t timeout_ms;
	bool is_started; /* its thread runs */
};

struct dns {
	struct loop *loop;
	struct dns_resolver *resolver;
	struct watch *watch; /* of the resolver's answers */
	struct list queries;
};

enum { FAMILY_6, FAMILY_4, FAMILY_COUNT };

/* One of the two look-ups of a query. */
struct lookup {
	struct dns_query *query;
	int id;         /* unbound's                                    */
	bool is_asked;  /* and not answered yet                          */
	bool is_failed; /* no authoritative answer: failure says why     */
	bool is_nxdomain;
	bool is_secure;
	struct err failure;
};

struct dns_query {
	struct list_node node;
	struct dns *dns;
	char *host;
	uint16_t port;
	dns_addresses_fn *done;
	void *arg;
	struct lookup lookups[FAMILY_COUNT];
	struct dns_addresses addresses;
	struct timer timer;
	struct loop_task answer; /* runs `done` */
	bool is_late;            /* time ran out */
};

int dns_add_address(struct dns_addresses *a, int family, const void *bytes,
		    uint16_t port);

/* The resolver was exchanged: what the old one did not answer yet is asked of the new. */
void dns_query_ask_anew(struct dns_query *q, struct dns_resolver *old);

#endif

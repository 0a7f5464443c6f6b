/*
 * dns.h - asynchronous, validating look-ups by libunbound.
 *
 * The resolver runs in libunbound's own thread; answers come on the loop. Addresses of a
 * host now (A and AAAA, /etc/hosts first); MX, TLSA and the rest join as further
 * functions of this header.
 */
#ifndef TDC_DNS_DNS_H
#define TDC_DNS_DNS_H

#include "tdc/base/err.h"
#include "tdc/loop/stream.h"

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct dns;
struct dns_query;
struct dns_resolver; /* settings, with the files that they name read */

struct dns_settings {
	/* NULL = /etc/resolv.conf, or 127.0.0.1 if that is missing */
	const char *resolv_conf;
	const char *hosts; /* NULL = /etc/hosts, if it is there */
	/* "IP" or "IP@port" instead of resolv_conf's servers; NULL = those */
	const char *forwarder;
	/* DNSSEC's root keys; NULL = nothing is validated */
	const char *trust_anchor_file;
	int64_t timeout_ms; /* of one look-up; 0 = 30 s */
};

enum { DNS_ADDRESSES_MAX = 32 };
struct dns_addresses {
	struct socket_address address[DNS_ADDRESSES_MAX]; /* port filled in, IPv6 first */
	size_t count;
	bool is_secure; /* all of them, by DNSSEC */
};

int dns_new(struct loop *l, const struct dns_settings *s, struct dns **ret,
	    struct err *e);
void dns_free(struct dns *d); /* open queries end without their callback */

/* -- a change of the settings while queries are under way -- */

/* Any thread. ERR_CONFIG: a file that is not there or not readable. */
int dns_resolver_new(const struct dns_settings *s, struct dns_resolver **ret,
		     struct err *e);
/* Any thread, which may have to wait for another to end. NULL is fine. */
void dns_resolver_free(struct dns_resolver *r);
/*
 * An exchange: *r is at work from here on, and the caller's is then the old one. Queries under way
 * are asked anew, their time begins again, and their callback still runs exactly once. Answers
 * that were remembered are forgotten. -1: nothing changed, *r is the caller's as before.
 */
int dns_reload(struct dns *d, struct dns_resolver **r, struct err *e);

/*
 * Exactly once, from the loop. ERR_NOT_FOUND: NXDOMAIN or no address (authoritative);
 * ERR_DNS: SERVFAIL, bogus; ERR_TIMEOUT. One family's addresses are enough, even if the
 * other family's look-up failed. The addresses live until the callback returns; the
 * query is gone when it begins.
 */
typedef void dns_addresses_fn(void *arg, const struct dns_addresses *a,
			      const struct err *e);
/* Address literals ("192.0.2.1", "2001:db8::1") are answered without a look-up. Search domains are
 * not tried. -1: nothing was asked (ERR_SYNTAX: not a domain name), `done` does not run. */
int dns_find_addresses(struct dns *d, const char *host, uint16_t port,
		       dns_addresses_fn *done, void *arg, struct dns_query **ret,
		       struct err *e);
void dns_query_cancel(struct dns_query *q); /* the callback does not run */

#endif

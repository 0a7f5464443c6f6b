/*
 * query.c - the addresses of a host: two look-ups at once, one answer.
 *
 * unbound's callback only notes what came; `done` runs after the turn, when nobody of
 * unbound's is on the stack: it may cancel other queries, ask new ones, or free the
 * resolver.
 */
#include "inside.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CLASS_IN = 1, RCODE_NOERROR = 0, RCODE_NXDOMAIN = 3 };

static const struct family {
	int family;
	int record; /* type of the DNS record */
	size_t bytes;
	const char *name;
} families[FAMILY_COUNT] = {
	[FAMILY_6] = { AF_INET6, 28, 16, "AAAA" },
	[FAMILY_4] = { AF_INET, 1, 4, "A" },
};

int
dns_add_address(struct dns_addresses *a, int family, const void *bytes, uint16_t port)
{
	if (a->count == DNS_ADDRESSES_MAX)
		return -1;
	struct socket_address *to = &a->address[a->count++];
	memset(to, 0, sizeof(*to));
	if (family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&to->storage;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, bytes, sizeof(in6->sin6_addr));
		to->length = sizeof(*in6);
		return 0;
	}
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&to->storage;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, bytes, sizeof(in->sin_addr));
	to->length = sizeof(*in);
	return 0;
}

/* -- the end of a query -- */

static void
query_free(struct dns_query *q)
{
	for (size_t i = 0; i < FAMILY_COUNT; i++)
		if (q->lookups[i].is_asked)
			ub_cancel(q->dns->resolver->unbound, q->lookups[i].id);
	timer_done(&q->timer);
	loop_task_cancel(q->dns->loop, &q->answer);
	list_remove(&q->dns->queries, &q->node);
	free(q->host);
	free(q);
}

void
dns_query_cancel(struct dns_query *q)
{
	query_free(q);
}

/* IPv6 first: what was appended as IPv4 before the other answer came moves behind it. */
static void
put_in_order(struct dns_addresses *a)
{
	struct dns_addresses ordered = { .is_secure = a->is_secure };

	for (size_t i = 0; i < FAMILY_COUNT; i++)
		for (size_t n = 0; n < a->count; n++)
			if (a->address[n].storage.ss_family == families[i].family)
				ordered.address[ordered.count++] = a->address[n];
	*a = ordered;
}

/* Why there is no address. The first look-up that failed has the word. */
static void
explain(const struct dns_query *q, struct err *e)
{
	if (q->is_late) {
		err_set(e, ERR_TIMEOUT, 0, "look-up of %s: no answer in time", q->host);
		return;
	}
	for (size_t i = 0; i < FAMILY_COUNT; i++) {
		if (q->lookups[i].is_failed) {
			*e = q->lookups[i].failure;
			return;
		}
	}
	bool is_nxdomain =
		q->lookups[FAMILY_6].is_nxdomain || q->lookups[FAMILY_4].is_nxdomain;
	err_set(e, ERR_NOT_FOUND, 0,
		is_nxdomain ? "no such domain: %s" : "%s has no address", q->host);
}

static void
run_answer(struct loop_task *task)
{
	struct dns_query *q = list_entry(task, struct dns_query, answer);
	struct dns_addresses addresses;
	dns_addresses_fn *done = q->done;
	void *arg = q->arg;
	struct err e = { 0 };

	put_in_order(&q->addresses);
	addresses = q->addresses;
	if (addresses.count == 0)
		explain(q, &e);
	query_free(q);
	done(arg, &addresses, addresses.count == 0 ? &e : NULL);
}

static void
answer_soon(struct dns_query *q)
{
	q->answer.run = run_answer;
	loop_at_turn_end(q->dns->loop, &q->answer);
}

static void
time_is_up(void *arg)
{
	struct dns_query *q = arg;

	q->is_late = true;
	answer_soon(q);
}

/* -- answers -- */

static void
take_result(struct dns_query *q, struct lookup *l, const struct family *f, int code,
	    const struct ub_result *r)
{
	l->is_failed = true;
	if (code != 0 || r == NULL) {
		err_set(&l->failure, ERR_DNS, 0, "look-up of %s %s: %s", q->host, f->name,
			ub_strerror(code));
		return;
	}
	if (r->bogus) {
		err_set(&l->failure, ERR_DNS, 0,
			"look-up of %s %s: DNSSEC says bogus: %s", q->host, f->name,
			r->why_bogus == NULL ? "no reason given" : r->why_bogus);
		return;
	}
	if (r->rcode != RCODE_NOERROR && r->rcode != RCODE_NXDOMAIN) {
		err_set(&l->failure, ERR_DNS, 0, "look-up of %s %s: %s", q->host, f->name,
			r->rcode == 2 ? "the server failed (SERVFAIL)"
				      : "the server refused");
		return;
	}
	l->is_failed = false;
	l->is_nxdomain = r->nxdomain;
	l->is_secure = r->secure;
	for (size_t i = 0; r->havedata && r->data[i] != NULL; i++)
		if (r->len[i] == (int)f->bytes)
			dns_add_address(&q->addresses, f->family, r->data[i], q->port);
}

static void
on_result(void *arg, int code, struct ub_result *result)
{
	struct lookup *l = arg;
	struct dns_query *q = l->query;

	l->is_asked = false;
	take_result(q, l, &families[l - q->lookups], code, result);
	ub_resolve_free(result);
	if (q->lookups[FAMILY_4].is_asked || q->lookups[FAMILY_6].is_asked)
		return;
	q->addresses.is_secure =
		q->lookups[FAMILY_4].is_secure && q->lookups[FAMILY_6].is_secure;
	answer_soon(q);
}

/* -- questions -- */

/* Labels of 1 to 63 octets, 253 in all, a final dot or not (RFC 1035 2.3.4). */
static bool
is_name(const char *host)
{
	size_t n = strlen(host), label = 0;

	if (n > 0 && host[n - 1] == '.')
		n--;
	for (size_t i = 0; i < n; i++) {
		if (host[i] == '.' && label == 0)
			return false;
		label = host[i] == '.' ? 0 : label + 1;
		if (label > 63 || host[i] <= ' ')
			return false;
	}
	return label > 0 && n <= 253;
}

static bool
take_literal(struct dns_query *q)
{
	unsigned char bytes[16];

	for (size_t i = 0; i < FAMILY_COUNT; i++)
		if (inet_pton(families[i].family, q->host, bytes) == 1)
			return dns_add_address(&q->addresses, families[i].family, bytes,
					       q->port) == 0;
	return false;
}

static int
ask(struct dns_query *q, size_t which, struct err *e)
{
	struct lookup *l = &q->lookups[which];
	struct dns_resolver *to = q->dns->resolver;
	sigset_t all, before;
	int r;

	/* The first question starts the resolver's thread, which shall get no signals. */
	sigfillset(&all);
	if (!to->is_started)
		pthread_sigmask(SIG_SETMASK, &all, &before);
	l->query = q;
	r = ub_resolve_async(to->unbound, q->host, families[which].record, CLASS_IN, l,
			     on_result, &l->id);
	if (!to->is_started)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	to->is_started = true;
	l->is_asked = r == 0;
	if (r != 0)
		return err_set(e, r == UB_NOMEM ? ERR_MEMORY : ERR_DNS, 0,
			       "look-up of %s: %s", q->host, ub_strerror(r));
	return 0;
}

static int
begin(struct dns_query *q, struct err *e)
{
	if (timer_init(&q->timer, q->dns->loop, time_is_up, q, e) != 0)
		return -1;
	if (take_literal(q)) {
		answer_soon(q);
		return 0;
	}
	if (!is_name(q->host))
		return err_set(e, ERR_SYNTAX, 0, "not a domain name: \"%s\"", q->host);
	for (size_t i = 0; i < FAMILY_COUNT; i++)
		if (ask(q, i, e) != 0)
			return -1;
	timer_set(&q->timer, q->dns->resolver->timeout_ms);
	return 0;
}

/* Unbound's callback does not run any more. */
static bool
take_back(struct lookup *l, struct dns_resolver *from)
{
	bool was_asked = l->is_asked;

	if (was_asked)
		ub_cancel(from->unbound, l->id);
	l->is_asked = false;
	return was_asked;
}

void
dns_query_ask_anew(struct dns_query *q, struct dns_resolver *old)
{
	bool is_open = false, is_asked = false;

	for (size_t i = 0; i < FAMILY_COUNT; i++)
		is_open |= take_back(&q->lookups[i], old);
	if (!is_open || q->is_late)
		return; /* its answer is on the way */
	q->addresses = (struct dns_addresses){ 0 };
	for (size_t i = 0; i < FAMILY_COUNT; i++) {
		struct lookup *l = &q->lookups[i];
		*l = (struct lookup){ 0 };
		l->is_failed = ask(q, i, &l->failure) != 0;
		is_asked |= l->is_asked;
	}
	timer_set(&q->timer, q->dns->resolver->timeout_ms);
	if (!is_asked)
		answer_soon(q);
}

int
dns_find_addresses(struct dns *d, const char *host, uint16_t port, dns_addresses_fn *done,
		   void *arg, struct dns_query **ret, struct err *e)
{
	struct dns_query *q = calloc(1, sizeof(*q));

	if (q != NULL)
		q->host = strdup(host);
	if (q == NULL || q->host == NULL) {
		free(q);
		return err_set(e, ERR_MEMORY, 0, "no memory for a look-up");
	}
	q->dns = d;
	q->port = port;
	q->done = done;
	q->arg = arg;
	list_append(&d->queries, &q->node);
	if (begin(q, e) != 0) {
		query_free(q);
		return -1;
	}
	*ret = q;
	return 0;
}

/*
 * attempt.c - one attempt to reach a destination: the hops of its route, the addresses of
 * each, one after the other, up to an open connection.
 *
 * Hops go by priority (the policy sorted them); equals take turns from attempt to
 * attempt. Names and ports are copied: a reload may replace the route meanwhile. A hop
 * that fails later, in the greeting or in the TLS handshake, makes place for the next as
 * well. When none is left, the destination is told.
 */
#include "connection.h"

#include "tdc/base/counter.h"
#include "tdc/loop/stream.h"

#include <stdio.h>

static void resolve_next(struct connection *c);
static void connect_next(struct connection *c);

/* ------------------------------------------------------------------ hops */

static void
add_hop(struct attempt *a, const char *host, uint16_t port)
{
	if (a->n_hops == ATTEMPT_HOPS_MAX)
		return;
	struct attempt_hop *hop = &a->hops[a->n_hops++];
	snprintf(hop->host, sizeof(hop->host), "%s", host);
	hop->port = port;
}

/* How many of the hops from `first` on have its priority. */
static size_t
equals(const struct smtp_route *r, size_t first)
{
	size_t n = 1;

	while (first + n < r->n_hops &&
	       r->hops[first + n].priority == r->hops[first].priority)
		n++;
	return n;
}

static void
add_equals(struct attempt *a, const struct destination *x, const struct next_hop *hops,
	   size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct next_hop *hop = &hops[(x->rotation + i) % n];
		if (hop->kind == NEXT_HOP_HOST)
			add_hop(a, hop->host, hop->port);
		else if (hop->kind == NEXT_HOP_USEDNS)
			add_hop(a, x->domain,
				25); /* the domain's addresses; MX is not looked up yet */
	}
}

static int
choose_hops(struct attempt *a, struct destination *x, struct err *e)
{
	const struct smtp_route *r = policy_route(x->deliver->policies, x->domain);

	*a = (struct attempt){ .was_only_refused = true };
	for (size_t i = 0; i < r->n_hops; i += equals(r, i))
		add_equals(a, x, &r->hops[i], equals(r, i));
	if (r->n_hops == 0)
		add_hop(a, x->domain, 25);
	x->rotation++;
	if (a->n_hops == 0)
		return err_set(e, ERR_CONFIG, 0, "the SMTP route of %s has no host",
			       x->domain);
	return 0;
}

/* ------------------------------------------------------------------ addresses */

static void
give_up(struct connection *c)
{
	struct attempt *a = &c->attempt;
	enum failure f = a->was_only_refused ? FAILURE_SUSPEND : FAILURE_BACK_OFF;

	counter_add(COUNTER_CONNECTIONS_OUT_FAILED, 1);
	connection_lost(c, f, &a->error);
	connection_close(c);
}

static void
note_failure(struct connection *c, enum failure f, const struct err *why)
{
	struct attempt *a = &c->attempt;

	a->error = *why;
	if (f != FAILURE_SUSPEND)
		a->was_only_refused = false;
}

/* "mx.example [192.0.2.1]:25: "; of a hop that is an address, "[192.0.2.1]:25: ". */
static void
name_place(const struct connection *c, struct err *e)
{
	bool is_name = strcmp(c->host, c->remote) != 0;

	err_wrap(e, "%s%s[%s]:%u", is_name ? c->host : "", is_name ? " " : "", c->remote,
		 (unsigned)c->port);
}

void
attempt_failed(struct connection *c, enum failure f, const struct err *why)
{
	struct err e = *why;

	if (c->remote[0] != '\0')
		name_place(c, &e);
	note_failure(c, f, &e);
	dialogue_end(&c->dialogue);
	stream_close(c->stream);
	c->stream = NULL;
	if (c->deliver->is_stopping)
		connection_close(c);
	else
		connect_next(c);
}

static void
set_names(struct connection *c, int fd, const struct socket_address *to)
{
	struct socket_address from = { .length = sizeof(from.storage) };

	socket_address_format_host(to, c->remote);
	if (getsockname(fd, (struct sockaddr *)&from.storage, &from.length) == 0)
		socket_address_format_host(&from, c->local);
	else
		c->local[0] = '\0';
}

static void
on_connected(void *arg, int fd, const struct err *e)
{
	struct connection *c = arg;

	c->connecting = NULL;
	if (e != NULL) {
		attempt_failed(c, FAILURE_BACK_OFF, e);
		return;
	}
	set_names(c, fd, &c->attempt.addresses[c->attempt.address - 1]);
	establish_begin(c, fd);
}

static void
connect_next(struct connection *c)
{
	struct attempt *a = &c->attempt;
	const struct destination_controls *k = destination_controls(c->destination);
	struct err e;

	if (a->address >= a->n_addresses || a->tries >= ATTEMPT_ADDRESSES_MAX) {
		a->hop++;
		resolve_next(c);
		return;
	}
	connection_enter(c, CONNECTION_CONNECTING);
	const struct socket_address *to = &a->addresses[a->address++];
	a->tries++;
	counter_add(COUNTER_CONNECTIONS_OUT, 1);
	socket_address_format_host(to, c->remote);
	if (connecting_new(c->deliver->loop, to, NULL, k->connect_timeout_ms,
			   on_connected, c, &c->connecting, &e) != 0) {
		c->connecting = NULL;
		attempt_failed(c, FAILURE_BACK_OFF, &e);
	}
}

static void
hop_not_found(struct connection *c, const struct err *why)
{
	struct err e = *why;

	err_wrap(&e, "%s", c->host);
	/* The name does not exist: that is a no for good. */
	note_failure(c, e.kind == ERR_NOT_FOUND ? FAILURE_SUSPEND : FAILURE_BACK_OFF, &e);
	c->attempt.hop++;
	resolve_next(c);
}

static void
on_addresses(void *arg, const struct dns_addresses *found, const struct err *e)
{
	struct connection *c = arg;
	struct attempt *a = &c->attempt;

	c->query = NULL;
	if (e != NULL) {
		hop_not_found(c, e);
		return;
	}
	a->address = 0;
	a->n_addresses = found->count < ATTEMPT_ADDRESSES_MAX ? found->count
							      : ATTEMPT_ADDRESSES_MAX;
	memcpy(a->addresses, found->address, a->n_addresses * sizeof(a->addresses[0]));
	connect_next(c);
}

static void
resolve_next(struct connection *c)
{
	struct attempt *a = &c->attempt;
	struct err e;

	if (a->hop >= a->n_hops || a->tries >= ATTEMPT_ADDRESSES_MAX) {
		give_up(c);
		return;
	}
	const struct attempt_hop *hop = &a->hops[a->hop];
	if (c->state != CONNECTION_RESOLVING)
		connection_enter(c, CONNECTION_RESOLVING);
	snprintf(c->host, sizeof(c->host), "%s", hop->host);
	c->port = hop->port;
	c->remote[0] = '\0';
	a->address = a->n_addresses = 0;
	if (dns_find_addresses(c->deliver->dns, hop->host, hop->port, on_addresses, c,
			       &c->query, &e) != 0) {
		c->query = NULL;
		hop_not_found(c, &e);
	}
}

void
attempt_begin(struct connection *c)
{
	struct err e;

	if (choose_hops(&c->attempt, c->destination, &e) != 0) {
		note_failure(c, FAILURE_BACK_OFF, &e);
		give_up(c);
		return;
	}
	resolve_next(c);
}

/*
 * server.h - SMTP and LMTP listeners: sessions, verbs, data, and the 250 that follows the commit.
 *
 * SMTP and LMTP are one machine with two verb tables. The protocol layer (session) can be driven from a
 * byte array. A listener's settings are taken by a session at its start and kept for its life. Loop thread only.
 */
#ifndef TDC_SERVER_SERVER_H
#define TDC_SERVER_SERVER_H

#include "tdc/base/err.h"
#include "tdc/loop/network.h"
#include "tdc/loop/stream.h"
#include "tdc/policy/policy.h"
#include "tdc/store/spool.h"
#include "tdc/tls/tls.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct server;

enum server_protocol { SERVER_SMTP, SERVER_LMTP };
enum bare_line_ends { BARE_KEEP, BARE_REFUSE };

struct server_listener_settings {
	const char *name;
	enum server_protocol protocol;
	struct socket_address address;
	unsigned socket_mode;
	const struct network *trusted; /* NULL and 0 = loopback and unix */
	size_t n_trusted;
	/* NULL = STARTTLS is not offered; borrowed, referenced */
	struct tls_context *tls;
	bool is_tls_required; /* 530 5.7.0 before it */
	enum bare_line_ends bare_line_ends;
	/* Limits; 0 = the default of the configuration schema. */
	unsigned connections_max, connections_per_client_max, messages_per_connection_max;
	unsigned recipients_max, errors_max, received_max;
	size_t command_line_max;
	uint64_t message_size_max, header_size_max;
	int64_t idle_timeout_ms, command_timeout_ms, data_timeout_ms;
};
struct server_settings {
	const char *hostname;     /* banner, Received by; copied */
	const char *queue_domain; /* "the.tdc.queue"; copied */
	const struct server_listener_settings *listeners;
	size_t n_listeners;
	unsigned connections_max;     /* over all listeners; 0 = 1000 */
	uint64_t envelope_memory_max; /* of all open transactions; 0 = 16 MiB */
	int64_t stop_grace_ms;        /* for running transactions; 0 = 10 s */
};

/* All strings and arrays are copied. Borrows loop and spool. Binds; -1 names the address. */
int server_new(struct loop *l, const struct server_settings *s, struct spool *sp,
	       struct policy_set *p, struct server **ret, struct err *e);
void server_start(struct server *s); /* begins to accept */
/* Sessions go on with what they have; new ones see the new settings. Addresses and names must be
 * those of the start (sockets stay): a listener that appears or vanishes is not taken, and reported in *e (-1),
 * while everything else is taken. */
int server_reload(struct server *s, const struct server_settings *settings,
		  struct policy_set *p, struct err *e);
/* No new connections; idle sessions get 421; transactions get the grace time. `done` runs exactly once. */
void server_stop(struct server *s, void (*done)(void *arg), void *arg);
void server_free(struct server *s);

struct server_status {
	/* open now; between MAIL and the final reply */
	unsigned connections, transactions;
};
void server_status(const struct server *s, struct server_status *ret);
/* Where a listener is bound, by its index in the settings (port 0 was resolved). */
struct socket_address server_listener_address(const struct server *s, size_t i);

#endif

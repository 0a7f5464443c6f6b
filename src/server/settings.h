/*
 * settings.h - a listener's settings, resolved and shared by its sessions.
 *
 * Counted by reference: a reload makes a new one, sessions keep theirs to their end. Loop
 * thread only.
 */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "transaction.h"

#include "tdc/server/server.h"

struct envelope_memory;

struct listener_config {
	unsigned refs;
	struct server_listener_settings
		settings; /* its pointers are owned here; no zeros */
	char *hostname;
	char *queue_domain;
	struct transaction_pool transactions;
	struct envelope_memory *envelope_memory; /* the server's; NULL: no limit */
};

/* Copies the i-th listener of `s`, with the defaults filled in. */
int listener_config_new(const struct server_settings *s, size_t i,
			struct listener_config **ret, struct err *e);
struct listener_config *listener_config_ref(struct listener_config *c);
void listener_config_unref(struct listener_config *c); /* NULL is fine */

bool listener_config_trusts(const struct listener_config *c,
			    const struct socket_address *peer);

#endif

/*
 * server_inside.h - the server as its listeners and connections see it.
 */
#ifndef SERVER_SERVER_INSIDE_H
#define SERVER_SERVER_INSIDE_H

#include "envelope_memory.h"
#include "listener.h"

#include "tdc/loop/loop.h"
#include "tdc/server/server.h"

struct server {
	struct loop *loop;         /* borrowed */
	struct spool *spool;       /* borrowed */
	struct policy_set *policy; /* owned reference: the present one */
	struct server_listener *listeners;
	size_t n_listeners;
	unsigned connections, connections_max;
	struct envelope_memory envelope_memory; /* of all sessions */
	uint64_t last_icid;
	int64_t stop_grace_ms;
	struct timer stop_timer;
	bool is_stopping;
	void (*stopped)(void *arg); /* NULL: said already, or not asked for */
	void *stopped_arg;
};

/* A connection is off its listener's list. */
void server_connection_gone(struct server *s);

#endif

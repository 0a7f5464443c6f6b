/*
 * listener.h - one listening socket: who may come in, and how many.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "settings.h"

#include "tdc/base/list.h"
#include "tdc/loop/stream.h"

struct server;

struct server_listener {
	struct server *server;
	struct listener *socket;        /* NULL: closed                           */
	struct listener_config *config; /* owned reference; of sessions to come   */
	struct socket_address address;  /* where it is bound                      */
	struct list connections;
};

/* Binds; accepts after listener_resume(). */
int server_listener_open(struct server_listener *l, struct server *s,
			 struct listener_config *c, struct err *e);
void server_listener_close(struct server_listener *l); /* no new connections */

#endif

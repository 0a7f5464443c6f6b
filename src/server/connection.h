/*
 * connection.h - a stream and its session: bytes, deadlines, back-pressure, custody.
 *
 * The outermost of three nested lifetimes. It ends when the session wants to close and
 * the spool has answered; a client that is gone while its message is being committed does
 * not end it.
 */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include "listener.h"

struct connection;

/* Takes the descriptor in every case. The connection is on the listener's list until
 * it ends. */
int connection_new(struct server_listener *l, int fd, const char *client, struct err *e);
struct connection *connection_of_node(struct list_node *n);
const char *connection_client(const struct connection *c);
bool connection_is_in_transaction(const struct connection *c);
void connection_stop(struct connection *c);     /* 421 when no transaction runs  */
void connection_stop_now(struct connection *c); /* 421, but for a pending commit */
void connection_abort(struct connection *c);    /* a pending commit goes on alone */

#endif

/*
 * listener.c - admission: trusted networks, connections in all, and for each client.
 *
 * A client that gets no session gets one line and is closed at once: RFC 5321 3.1 would
 * have us wait for its QUIT, but whoever is not trusted shall not hold anything here.
 */
#include "listener.h"

#include "connection.h"
#include "mail_log.h"
#include "replies.h"
#include "server_inside.h"

#include "tdc/base/counter.h"

#include <sys/socket.h>
#include <unistd.h>

static unsigned
connections_of(const struct server_listener *l, const char *client)
{
	unsigned count = 0;

	for (struct list_node *n = list_first(&l->connections); n != NULL;
	     n = list_next(&l->connections, n))
		if (strcmp(connection_client(connection_of_node(n)), client) == 0)
			count++;
	return count;
}

/* REPLY_GREETING: come in. */
static enum reply
listener_admits(const struct server_listener *l, const struct socket_address *peer,
		const char *client)
{
	const struct server_listener_settings *set = &l->config->settings;
	const struct server *s = l->server;

	if (!listener_config_trusts(l->config, peer))
		return REPLY_NOT_TRUSTED;
	if (s->is_stopping)
		return REPLY_STOPPING;
	if (s->connections >= s->connections_max ||
	    l->connections.count >= set->connections_max)
		return REPLY_BUSY;
	if (l->connections.count >= set->connections_per_client_max &&
	    connections_of(l, client) >= set->connections_per_client_max)
		return REPLY_BUSY_CLIENT;
	return REPLY_GREETING;
}

static void
turn_away(const struct server_listener *l, int fd, const char *client, enum reply r)
{
	char line[512];
	size_t n = reply_format(r, l->config->hostname, line, sizeof(line));

	counter_add(COUNTER_CONNECTIONS_REFUSED, 1);
	/* What does not fit into an empty socket buffer at once is not worth waiting
	 * for. */
	(void)!send(fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	close(fd);
	line[strcspn(line, "\r")] = '\0';
	mail_log_turned_away(l->config->settings.name, client, line);
}

static void
on_accept(void *arg, int fd, const struct socket_address *peer)
{
	struct server_listener *l = arg;
	char client[SOCKET_TEXT_MAX];
	struct err e;

	socket_address_format_host(peer, client);
	enum reply r = listener_admits(l, peer, client);
	if (r != REPLY_GREETING) {
		turn_away(l, fd, client, r);
		return;
	}
	counter_add(COUNTER_CONNECTIONS_IN, 1);
	if (connection_new(l, fd, client, &e) != 0)
		mail_log_turned_away(l->config->settings.name, client, e.text);
}

int
server_listener_open(struct server_listener *l, struct server *s,
		     struct listener_config *c, struct err *e)
{
	struct listener_settings settings = {
		.address = c->settings.address,
		.mode = c->settings.socket_mode,
		.inherited_fd = -1,
	};

	l->server = s;
	list_init(&l->connections);
	if (listener_new(s->loop, &settings, on_accept, l, &l->socket, e) != 0)
		return err_wrap(e, "listener %s", c->settings.name);
	listener_pause(l->socket);
	l->address = listener_address(l->socket);
	l->config = listener_config_ref(c);
	return 0;
}

void
server_listener_close(struct server_listener *l)
{
	if (l->socket != NULL)
		listener_free(l->socket);
	l->socket = NULL;
}

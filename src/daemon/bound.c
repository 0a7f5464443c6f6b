/*
 * bound.c - the listeners as they were bound. Sockets stay over a reload, and so does
 * this list.
 */
#include "daemon.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(((struct admin_listener *)0)->address) >= SOCKET_TEXT_MAX,
	       "an address fits");

int
bound_new(struct daemon *d, struct err *e)
{
	const struct server_settings *s = &d->now.setup->server;

	d->listeners =
		calloc(s->n_listeners == 0 ? 1 : s->n_listeners, sizeof(*d->listeners));
	for (size_t i = 0; d->listeners != NULL && i < s->n_listeners; i++) {
		struct admin_listener *l = &d->listeners[i];
		struct socket_address address = server_listener_address(d->server, i);
		l->name = strdup(s->listeners[i].name);
		l->protocol = s->listeners[i].protocol == SERVER_LMTP ? "lmtp" : "smtp";
		socket_address_format(&address, l->address);
		d->n_listeners++;
		if (l->name == NULL)
			bound_free(d);
	}
	return d->listeners == NULL ? err_set(e, ERR_MEMORY, 0, "no memory for listeners")
				    : 0;
}

void
bound_free(struct daemon *d)
{
	for (size_t i = 0; i < d->n_listeners; i++)
		free((void *)(uintptr_t)d->listeners[i].name);
	free(d->listeners);
	d->listeners = NULL;
	d->n_listeners = 0;
}

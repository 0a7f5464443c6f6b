/*
 * server.c - the listeners as one: start, reload, stop.
 */
#include "server_inside.h"

#include "connection.h"

#include "tdc/base/check.h"

#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_CONNECTIONS_MAX = 1000,
	DEFAULT_ENVELOPE_MEMORY = 16 * 1024 * 1024,
	DEFAULT_STOP_GRACE_MS = 10 * 1000,
};

static void
server_take(struct server *s, const struct server_settings *settings,
	    struct policy_set *p)
{
	struct policy_set *old = s->policy;

	s->policy = policy_set_ref(p);
	policy_set_unref(old);
	s->connections_max = settings->connections_max == 0 ? DEFAULT_CONNECTIONS_MAX
							    : settings->connections_max;
	s->envelope_memory.max = settings->envelope_memory_max == 0
					 ? DEFAULT_ENVELOPE_MEMORY
					 : settings->envelope_memory_max;
	s->stop_grace_ms = settings->stop_grace_ms <= 0 ? DEFAULT_STOP_GRACE_MS
							: settings->stop_grace_ms;
}

/* ------------------------------------------------------------------ stopping */

typedef void connection_fn(struct connection *c);

/* A connection may end, and leave the list, while it is being told. */
static void
for_each_connection(struct server *s, connection_fn *fn)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct list *l = &s->listeners[i].connections;
		struct list_node *next;
		for (struct list_node *n = list_first(l); n != NULL; n = next) {
			next = list_next(l, n);
			fn(connection_of_node(n));
		}
	}
}

static void
say_stopped(struct server *s)
{
	void (*stopped)(void *) = s->stopped;

	s->stopped = NULL;
	if (stopped != NULL)
		stopped(s->stopped_arg);
}

/* The grace time is over, or the last connection is gone. */
static void
on_stop_timer(void *arg)
{
	struct server *s = arg;

	if (s->connections == 0)
		say_stopped(s);
	else
		for_each_connection(s, connection_stop_now);
}

void
server_connection_gone(struct server *s)
{
	s->connections--;
	if (s->is_stopping && s->connections == 0)
		timer_set(&s->stop_timer, 0);
}

void
server_stop(struct server *s, void (*done)(void *arg), void *arg)
{
	check(!s->is_stopping);
	s->is_stopping = true;
	s->stopped = done;
	s->stopped_arg = arg;
	for (size_t i = 0; i < s->n_listeners; i++)
		server_listener_close(&s->listeners[i]);
	for_each_connection(s, connection_stop);
	timer_set(&s->stop_timer, s->connections == 0 ? 0 : s->stop_grace_ms);
}

/* ------------------------------------------------------------------ starting */

static int
listeners_open(struct server *s, const struct server_settings *settings, struct err *e)
{
	s->listeners = calloc(settings->n_listeners + 1, sizeof(*s->listeners));
	if (s->listeners == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the listeners");
	for (size_t i = 0; i < settings->n_listeners; i++) {
		struct listener_config *c;
		if (listener_config_new(settings, i, &c, e) != 0)
			return -1;
		c->envelope_memory = &s->envelope_memory;
		int r = server_listener_open(&s->listeners[i], s, c, e);
		listener_config_unref(c);
		if (r != 0)
			return -1;
		s->n_listeners++;
	}
	return 0;
}

int
server_new(struct loop *l, const struct server_settings *settings, struct spool *sp,
	   struct policy_set *p, struct server **ret, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the server");
	s->loop = l;
	s->spool = sp;
	if (timer_init(&s->stop_timer, l, on_stop_timer, s, e) != 0) {
		free(s);
		return -1;
	}
	server_take(s, settings, p);
	if (listeners_open(s, settings, e) != 0) {
		server_free(s);
		return -1;
	}
	*ret = s;
	return 0;
}

void
server_start(struct server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		listener_resume(s->listeners[i].socket);
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	s->stopped = NULL;
	s->is_stopping = true;
	for_each_connection(s, connection_abort);
	for (size_t i = 0; i < s->n_listeners; i++) {
		server_listener_close(&s->listeners[i]);
		listener_config_unref(s->listeners[i].config);
	}
	timer_done(&s->stop_timer);
	policy_set_unref(s->policy);
	free(s->listeners);
	free(s);
}

/* ------------------------------------------------------------------ reload */

static bool
is_same_address(const struct socket_address *a, const struct socket_address *b)
{
	char text_a[SOCKET_TEXT_MAX], text_b[SOCKET_TEXT_MAX];

	socket_address_format(a, text_a);
	socket_address_format(b, text_b);
	return strcmp(text_a, text_b) == 0;
}

/* The index of a listener of this name and address in the settings; n_listeners =
 * none. */
static size_t
settings_find(const struct server_settings *settings, const struct listener_config *c)
{
	size_t i = 0;

	for (; i < settings->n_listeners; i++) {
		const struct server_listener_settings *l = &settings->listeners[i];
		if (strcmp(l->name, c->settings.name) == 0 &&
		    is_same_address(&l->address, &c->settings.address))
			break;
	}
	return i;
}

/* A listener in the settings that no socket stands for; NULL = none. */
static const char *
newcomer(const struct server *s, const struct server_settings *settings)
{
	for (size_t i = 0; i < settings->n_listeners; i++) {
		bool is_known = false;
		for (size_t k = 0; k < s->n_listeners; k++)
			if (settings_find(settings, s->listeners[k].config) == i)
				is_known = true;
		if (!is_known)
			return settings->listeners[i].name;
	}
	return NULL;
}

static int
listener_reload(struct server_listener *l, const struct server_settings *settings,
		struct err *e)
{
	size_t i = settings_find(settings, l->config);
	struct listener_config *c;

	if (i == settings->n_listeners)
		return err_set(e, ERR_CONFIG, 0,
			       "listener %s is gone or has another address: that needs a "
			       "restart",
			       l->config->settings.name);
	if (listener_config_new(settings, i, &c, e) != 0)
		return -1;
	c->envelope_memory = l->config->envelope_memory;
	listener_config_unref(l->config);
	l->config = c;
	return 0;
}

int
server_reload(struct server *s, const struct server_settings *settings,
	      struct policy_set *p, struct err *e)
{
	const char *added = newcomer(s, settings);
	int r = 0;

	server_take(s, settings, p);
	for (size_t i = 0; i < s->n_listeners; i++)
		if (listener_reload(&s->listeners[i], settings, e) != 0)
			r = -1;
	if (added != NULL && r == 0)
		r = err_set(e, ERR_CONFIG, 0, "listener %s is new: that needs a restart",
			    added);
	return r;
}

/* ------------------------------------------------------------------ questions */

void
server_status(const struct server *s, struct server_status *ret)
{
	struct server_status status = { .connections = s->connections };

	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct list *l = &s->listeners[i].connections;
		for (struct list_node *n = list_first(l); n != NULL; n = list_next(l, n))
			if (connection_is_in_transaction(connection_of_node(n)))
				status.transactions++;
	}
	*ret = status;
}

struct socket_address
server_listener_address(const struct server *s, size_t i)
{
	check(i < s->n_listeners);
	return s->listeners[i].address;
}

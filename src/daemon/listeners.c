/*
 * listeners.c - the settings of the server: listeners with their addresses, networks and
 * certificates.
 */
#include "settings.h"

#include "words.h"

#include "tdc/base/check.h"
#include "tdc/config/config.h"

#include <stdio.h>
#include <stdlib.h>

/* A listener with what it owns; the networks live behind a pointer to const in the
 * settings. */
static int
take_networks(const struct config_node *n, size_t i, struct server_listener_settings *l,
	      struct err *e)
{
	size_t count = config_count(n, "trusted_networks");
	struct network *networks = calloc(count == 0 ? 1 : count, sizeof(*networks));

	if (networks == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for networks");
	l->trusted = networks;
	l->n_trusted = count;
	for (size_t k = 0; k < count; k++)
		if (network_parse(config_text(config_at(n, "trusted_networks", k), ""),
				  &networks[k], e) != 0)
			return setup_blame_entry(n, "trusted_networks", "listeners", i,
						 e);
	return 0;
}

static int
take_tls(const struct config *c, const struct config_node *n, size_t i,
	 struct server_listener_settings *l, struct err *e)
{
	const struct config_node *root = config_root(c);
	const char *word = config_word(n, "tls");
	const struct tls_server_settings s = {
		.certificate_file = config_text(n, "certificate_file"),
		.key_file = config_text(n, "key_file"),
		.min_version = config_word(root, "tls.min_version"),
		.ciphers = config_text(root, "tls.ciphers"),
		.groups = config_text(root, "tls.groups"),
	};
	char label[SETUP_LABEL_MAX];

	if (strcmp(word, "off") == 0)
		return 0;
	l->is_tls_required = strcmp(word, "required") == 0;
	if (tls_server_context_new(&s, &l->tls, e) == 0)
		return 0;
	/* The text has the file's name, or what is wrong with the two together. */
	snprintf(label, sizeof(label), "listeners[%zu].certificate_file, key_file", i);
	return setup_blame(n, "certificate_file", label, e);
}

static void
take_limits(const struct config_node *n, struct server_listener_settings *l)
{
	l->connections_max = (unsigned)config_int(n, "max_connections");
	l->connections_per_client_max =
		(unsigned)config_int(n, "max_connections_per_client");
	l->messages_per_connection_max =
		(unsigned)config_int(n, "max_messages_per_connection");
	l->recipients_max = (unsigned)config_int(n, "max_recipients");
	l->errors_max = (unsigned)config_int(n, "max_errors");
	l->received_max = (unsigned)config_int(n, "max_received");
	l->command_line_max = (size_t)config_size(n, "max_command_line");
	l->message_size_max = config_size(n, "max_message_size");
	l->header_size_max = config_size(n, "max_header_size");
	l->idle_timeout_ms = config_duration_ms(n, "idle_timeout");
	l->command_timeout_ms = config_duration_ms(n, "command_timeout");
	l->data_timeout_ms = config_duration_ms(n, "data_timeout");
}

/* What stays until a restart: the socket, and what is spoken there. */
static int
take_socket(const struct config_node *n, struct server_listener_settings *l,
	    struct err *e)
{
	static const struct word protocols[] = {
		{ "smtp", SERVER_SMTP },
		{ "lmtp", SERVER_LMTP },
		{ NULL, SERVER_SMTP },
	};

	l->protocol =
		(enum server_protocol)word_find(protocols, config_word(n, "protocol"));
	l->socket_mode = setup_mode(config_text(n, "mode"));
	return socket_address_parse(config_text(n, "address"), &l->address, e);
}

/* The i-th listener. */
static int
take_listener(const struct config *c, const struct config_node *n, size_t i,
	      struct server_listener_settings *l, struct err *e)
{
	static const struct word line_ends[] = {
		{ "keep", BARE_KEEP },
		{ "refuse", BARE_REFUSE },
		{ NULL, BARE_KEEP },
	};

	l->name = config_text(n, "name");
	l->bare_line_ends = (enum bare_line_ends)word_find(
		line_ends, config_word(n, "bare_line_ends"));
	take_limits(n, l);
	if (take_socket(n, l, e) != 0)
		return setup_blame_entry(n, "address", "listeners", i, e);
	if (take_networks(n, i, l, e) != 0)
		return -1;
	return take_tls(c, n, i, l, e);
}

/* Each can be bound, but not both. */
static int
refuse_pair(const struct config_node *n, const struct server_listener_settings *listeners,
	    size_t i, size_t k, struct err *e)
{
	char text[SOCKET_TEXT_MAX], other[SOCKET_TEXT_MAX];

	socket_address_format(&listeners[i].address, text);
	socket_address_format(&listeners[k].address, other);
	err_set(e, ERR_CONFIG, 0, "%s cannot be had beside %s of listeners[%zu]", text,
		other, k);
	return setup_blame_entry(config_at(n, "listeners", i), "address", "listeners", i,
				 e);
}

/* The i-th listener, and those before it. */
static int
check_socket(const struct config_node *n,
	     const struct server_listener_settings *listeners, size_t i, struct err *e)
{
	struct socket_address control;
	char text[SOCKET_TEXT_MAX];

	for (size_t k = 0; k < i; k++)
		if (socket_address_overlaps(&listeners[i].address, &listeners[k].address))
			return refuse_pair(n, listeners, i, k, e);
	snprintf(text, sizeof(text), "unix:%s", config_text(n, "admin.socket"));
	if (socket_address_parse(text, &control, e) != 0)
		return setup_blame(n, "admin.socket", "admin.socket", e);
	if (!socket_address_overlaps(&listeners[i].address, &control))
		return 0;
	err_set(e, ERR_CONFIG, 0, "%s is the control socket, admin.socket", text);
	return setup_blame_entry(config_at(n, "listeners", i), "address", "listeners", i,
				 e);
}

int
setup_server(const struct config *c, const char *hostname, struct server_settings *ret,
	     struct err *e)
{
	const struct config_node *n = config_root(c);
	size_t count = config_count(n, "listeners");
	struct server_listener_settings *listeners =
		calloc(count == 0 ? 1 : count, sizeof(*listeners));

	if (listeners == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for listeners");
	struct server_settings s = {
		.hostname = hostname,
		.queue_domain = config_text(n, "queue_domain"),
		.listeners = listeners,
		.n_listeners = count,
		.connections_max = (unsigned)config_int(n, "limits.max_connections"),
		.envelope_memory_max = config_size(n, "limits.envelope_memory"),
		.stop_grace_ms = config_duration_ms(n, "limits.stop_grace"),
	};
	for (size_t i = 0; i < count; i++) {
		const struct config_node *item = config_at(n, "listeners", i);
		if (take_listener(c, item, i, &listeners[i], e) == 0 &&
		    check_socket(n, listeners, i, e) == 0)
			continue;
		setup_server_done(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

/* The arrays are the setup's own, and const only for those who borrow them. */
static struct server_listener_settings *
own_listeners(const struct server_settings *s)
{
	return (struct server_listener_settings *)(uintptr_t)s->listeners;
}

void
setup_server_keep_sockets(struct server_settings *s, const struct config *started)
{
	const struct config_node *n = config_root(started);

	for (size_t i = 0; i < s->n_listeners; i++) {
		struct server_listener_settings *l = &own_listeners(s)[i];
		for (size_t k = 0; k < config_count(n, "listeners"); k++) {
			const struct config_node *item = config_at(n, "listeners", k);
			if (strcmp(config_text(item, "name"), l->name) == 0)
				check(take_socket(item, l, NULL) == 0);
		}
	}
}

void
setup_server_done(struct server_settings *s)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		tls_context_unref(s->listeners[i].tls);
		free((void *)(uintptr_t)s->listeners[i].trusted);
	}
	free(own_listeners(s));
	*s = (struct server_settings){ 0 };
}

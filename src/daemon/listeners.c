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
#include <sys/stat.h>
#include <sys/un.h>

/* A listener with what it owns; the networks live behind a pointer to const in the
 * settings. */
static int
take_networks(const struct config_node *n, struct server_listener_settings *l,
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
			return -1;
	return 0;
}

/* The i-th listener, for those who find faults in its settings of TLS. */
struct tls_blame {
	struct setup_problems *problems;
	const struct config_node *node;
	size_t i;
};

static void
blame_setting(void *arg, const char *setting, const struct err *e)
{
	const struct tls_blame *b = arg;
	struct err placed = *e;

	setup_blame_entry(b->node, setting, "listeners", b->i, &placed);
	setup_tell(b->problems, &placed);
}

/* Ciphers and groups are those of deliveries, too, where it is told what is wrong with
 * them. */
static void
take_tls(const struct config *c, const struct config_node *n, size_t i,
	 struct server_listener_settings *l, struct setup_problems *p)
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
	const struct tls_client_settings own = { .certificate_file = s.certificate_file,
						 .key_file = s.key_file };
	struct tls_blame blame = { .problems = p, .node = n, .i = i };
	struct err e;

	if (strcmp(word, "off") == 0)
		return;
	l->is_tls_required = strcmp(word, "required") == 0;
	if (tls_settings_look(&own, blame_setting, &blame) > 0 ||
	    tls_server_context_new(&s, &l->tls, &e) == 0 || p->count > 0)
		return;
	setup_blame(root, "tls", "tls", &e);
	setup_tell(p, &e);
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

static void
tell_entry(struct setup_problems *p, const struct config_node *n, const char *key,
	   size_t i, struct err *e)
{
	setup_blame_entry(n, key, "listeners", i, e);
	setup_tell(p, e);
}

/* The i-th listener. False: it has no address to be compared. */
static bool
take_listener(const struct config *c, const struct config_node *n, size_t i,
	      struct server_listener_settings *l, struct setup_problems *p)
{
	static const struct word line_ends[] = {
		{ "keep", BARE_KEEP },
		{ "refuse", BARE_REFUSE },
		{ NULL, BARE_KEEP },
	};
	struct err e;

	l->name = config_text(n, "name");
	l->bare_line_ends = (enum bare_line_ends)word_find(
		line_ends, config_word(n, "bare_line_ends"));
	take_limits(n, l);
	if (take_networks(n, l, &e) != 0)
		tell_entry(p, n, "trusted_networks", i, &e);
	take_tls(c, n, i, l, p);
	if (take_socket(n, l, &e) == 0)
		return true;
	tell_entry(p, n, "address", i, &e);
	return false;
}

/* Each of the two can be bound, but not both. */
static void
tell_pair(struct setup_problems *p, const struct config_node *n,
	  const struct server_listener_settings *listeners, size_t i, size_t k)
{
	char text[SOCKET_TEXT_MAX], other[SOCKET_TEXT_MAX];
	struct err e;

	socket_address_format(&listeners[i].address, text);
	socket_address_format(&listeners[k].address, other);
	err_set(&e, ERR_CONFIG, 0, "%s cannot be had beside %s of listeners[%zu]", text,
		other, k);
	tell_entry(p, n, "address", i, &e);
}

/* The path of its folder, and its name there; false for other addresses. */
static bool
split_path(const struct socket_address *a, char folder[SOCKET_TEXT_MAX],
	   const char **name)
{
	if (a->storage.ss_family != AF_UNIX)
		return false;
	const struct sockaddr_un *un =
		(const struct sockaddr_un *)(const void *)&a->storage;
	snprintf(folder, SOCKET_TEXT_MAX, "%s", un->sun_path);
	char *slash = strrchr(folder, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	*name = slash + 1;
	return true;
}

/* Also where two paths, such as one by /var/run and one by /run, lead to one folder. */
static bool
overlaps(const struct socket_address *a, const struct socket_address *b)
{
	char folder_a[SOCKET_TEXT_MAX], folder_b[SOCKET_TEXT_MAX];
	const char *name_a, *name_b;
	struct stat st_a, st_b;

	if (socket_address_overlaps(a, b))
		return true;
	return split_path(a, folder_a, &name_a) && split_path(b, folder_b, &name_b) &&
	       strcmp(name_a, name_b) == 0 && stat(folder_a, &st_a) == 0 &&
	       stat(folder_b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
	       st_a.st_ino == st_b.st_ino;
}

/* The i-th listener, beside those before it and the control socket. */
static void
check_socket(const struct config_node *root,
	     const struct server_listener_settings *listeners, size_t i,
	     const struct socket_address *control, struct setup_problems *p)
{
	const struct config_node *n = config_at(root, "listeners", i);
	char text[SOCKET_TEXT_MAX];
	struct err e;

	for (size_t k = 0; k < i; k++) {
		if (overlaps(&listeners[i].address, &listeners[k].address)) {
			tell_pair(p, n, listeners, i, k);
			return;
		}
	}
	if (!overlaps(&listeners[i].address, control))
		return;
	socket_address_format(&listeners[i].address, text);
	err_set(&e, ERR_CONFIG, 0, "%s is the control socket, admin.socket", text);
	tell_entry(p, n, "address", i, &e);
}

static void
take_listeners(const struct config *c, struct server_listener_settings *listeners,
	       size_t count, struct setup_problems *p)
{
	const struct config_node *n = config_root(c);
	struct socket_address control = { 0 };
	char text[SOCKET_TEXT_MAX];
	struct err e;

	snprintf(text, sizeof(text), "unix:%s", config_text(n, "admin.socket"));
	if (socket_address_parse(text, &control, &e) != 0) {
		setup_blame(n, "admin.socket", "admin.socket", &e);
		setup_tell(p, &e);
	}
	for (size_t i = 0; i < count; i++)
		if (take_listener(c, config_at(n, "listeners", i), i, &listeners[i], p))
			check_socket(n, listeners, i, &control, p);
}

void
setup_server(const struct config *c, const char *hostname, struct server_settings *ret,
	     struct setup_problems *p)
{
	const struct config_node *n = config_root(c);
	size_t count = config_count(n, "listeners");
	struct server_listener_settings *listeners =
		calloc(count == 0 ? 1 : count, sizeof(*listeners));
	struct err e;

	if (listeners == NULL) {
		err_set(&e, ERR_MEMORY, 0, "no memory for listeners");
		setup_tell(p, &e);
		return;
	}
	*ret = (struct server_settings){
		.hostname = hostname,
		.queue_domain = config_text(n, "queue_domain"),
		.listeners = listeners,
		.n_listeners = count,
		.connections_max = (unsigned)config_int(n, "limits.max_connections"),
		.envelope_memory_max = config_size(n, "limits.envelope_memory"),
		.stop_grace_ms = config_duration_ms(n, "limits.stop_grace"),
	};
	take_listeners(c, listeners, count, p);
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

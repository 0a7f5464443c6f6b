/*
 * settings.c - copies of a listener's settings; the defaults where a value is 0.
 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	DEFAULT_CONNECTIONS = 500,
	DEFAULT_CONNECTIONS_PER_CLIENT = 200, /* the feeder is often the only client */
	DEFAULT_MESSAGES = 10000,
	DEFAULT_RECIPIENTS = 10000,
	DEFAULT_ERRORS = 20,
	DEFAULT_RECEIVED = 100,
	DEFAULT_COMMAND_LINE = 8192, /* Postfix: its own 2 KiB, three times in xtext */
	DEFAULT_HEADER = 1024 * 1024,
	DEFAULT_MESSAGE = 256 * 1024 * 1024,
	DEFAULT_COMMAND_MS = 5 * 60 * 1000, /* RFC 5321 4.5.3.2 */
	DEFAULT_DATA_MS = 10 * 60 * 1000,
	DEFAULT_SOCKET_MODE = 0660,
	COMMAND_LINE_MIN = 512, /* RFC 5321 4.5.3.1.4 */
	COMMAND_LINE_LIMIT = 64 * 1024,
};

/* Who is trusted when nothing is configured. */
static const struct network trusted_default[] = {
	{ .family = AF_INET, .address = { 127 }, .prefix = 8 },
	{ .family = AF_INET6, .address = { [15] = 1 }, .prefix = 128 },
	{ .family = AF_UNIX },
};

static void
default_unsigned(unsigned *value, unsigned otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static void
default_u64(uint64_t *value, uint64_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static void
default_ms(int64_t *value, int64_t otherwise)
{
	if (*value <= 0)
		*value = otherwise;
}

static void
settings_fill(struct server_listener_settings *s)
{
	default_unsigned(&s->socket_mode, DEFAULT_SOCKET_MODE);
	default_unsigned(&s->connections_max, DEFAULT_CONNECTIONS);
	default_unsigned(&s->connections_per_client_max, DEFAULT_CONNECTIONS_PER_CLIENT);
	default_unsigned(&s->messages_per_connection_max, DEFAULT_MESSAGES);
	default_unsigned(&s->recipients_max, DEFAULT_RECIPIENTS);
	default_unsigned(&s->errors_max, DEFAULT_ERRORS);
	default_unsigned(&s->received_max, DEFAULT_RECEIVED);
	default_u64(&s->message_size_max, DEFAULT_MESSAGE);
	default_u64(&s->header_size_max, DEFAULT_HEADER);
	default_ms(&s->idle_timeout_ms, DEFAULT_COMMAND_MS);
	default_ms(&s->command_timeout_ms, DEFAULT_COMMAND_MS);
	default_ms(&s->data_timeout_ms, DEFAULT_DATA_MS);
	if (s->command_line_max == 0)
		s->command_line_max = DEFAULT_COMMAND_LINE;
	if (s->command_line_max < COMMAND_LINE_MIN)
		s->command_line_max = COMMAND_LINE_MIN;
	if (s->command_line_max > COMMAND_LINE_LIMIT)
		s->command_line_max = COMMAND_LINE_LIMIT;
}

static struct network *
networks_copy(const struct network *from, size_t n)
{
	struct network *copy = malloc(n * sizeof(*copy));

	if (copy != NULL)
		memcpy(copy, from, n * sizeof(*copy));
	return copy;
}

int
listener_config_new(const struct server_settings *s, size_t i,
		    struct listener_config **ret, struct err *e)
{
	struct listener_config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a listener's settings");
	c->refs = 1;
	transaction_pool_init(&c->transactions);
	c->settings = s->listeners[i];
	settings_fill(&c->settings);
	if (c->settings.trusted == NULL || c->settings.n_trusted == 0) {
		c->settings.trusted = trusted_default;
		c->settings.n_trusted =
			sizeof(trusted_default) / sizeof(trusted_default[0]);
	}
	c->settings.trusted = networks_copy(c->settings.trusted, c->settings.n_trusted);
	c->settings.name =
		strdup(c->settings.name == NULL ? "listener" : c->settings.name);
	if (c->settings.tls != NULL)
		tls_context_ref(c->settings.tls);
	c->hostname = strdup(s->hostname == NULL ? "localhost" : s->hostname);
	c->queue_domain =
		strdup(s->queue_domain == NULL ? "the.tdc.queue" : s->queue_domain);
	if (c->settings.trusted == NULL || c->settings.name == NULL ||
	    c->hostname == NULL || c->queue_domain == NULL) {
		listener_config_unref(c);
		return err_set(e, ERR_MEMORY, 0, "no memory for a listener's settings");
	}
	*ret = c;
	return 0;
}

struct listener_config *
listener_config_ref(struct listener_config *c)
{
	c->refs++;
	return c;
}

void
listener_config_unref(struct listener_config *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	transaction_pool_done(&c->transactions);
	tls_context_unref(c->settings.tls);
	free((void *)(uintptr_t)c->settings.trusted);
	free((void *)(uintptr_t)c->settings.name);
	free(c->hostname);
	free(c->queue_domain);
	free(c);
}

bool
listener_config_trusts(const struct listener_config *c, const struct socket_address *peer)
{
	for (size_t i = 0; i < c->settings.n_trusted; i++)
		if (network_contains(&c->settings.trusted[i], peer))
			return true;
	return false;
}

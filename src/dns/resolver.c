/*
 * resolver.c - libunbound's context from settings: it reads its files here, and nowhere
 * else.
 */
#include "inside.h"

#include "tdc/base/cleanup.h"

#include <stdlib.h>
#include <unistd.h>

enum { TIMEOUT_MS = 30 * 1000 };

/* A daemon that delivers by these answers wants to see a repaired DNS within a minute, not in a
 * quarter of an hour. */
static const struct {
	const char *name, *value;
} options[] = {
	{ "do-not-query-localhost:", "no" }, { "infra-keep-probing:", "yes" },
	{ "infra-host-ttl:", "60" },         { "cache-max-ttl:", "3600" },
	{ "cache-max-negative-ttl:", "60" },
};

static int
unbound_failed(struct err *e, int code, const char *what)
{
	enum err_kind kind = code == UB_NOMEM ? ERR_MEMORY : ERR_CONFIG;
	return err_set(e, kind, 0, "DNS resolver: %s: %s", what, ub_strerror(code));
}

/* Whom to ask. */
static int
set_servers(struct ub_ctx *u, const struct dns_settings *s, struct err *e)
{
	const char *file = s->resolv_conf == NULL ? "/etc/resolv.conf" : s->resolv_conf;
	int r = 0;

	if (s->forwarder != NULL) {
		r = ub_ctx_set_fwd(u, s->forwarder);
		return r == 0 ? 0 : unbound_failed(e, r, s->forwarder);
	}
	if (s->resolv_conf == NULL && access(file, F_OK) != 0)
		r = ub_ctx_set_fwd(u, "127.0.0.1"); /* as resolv.conf(5) has it */
	else
		r = ub_ctx_resolvconf(u, file);
	return r == 0 ? 0 : unbound_failed(e, r, file);
}

static int
set_hosts(struct ub_ctx *u, const char *hosts, struct err *e)
{
	const char *file = hosts == NULL ? "/etc/hosts" : hosts;

	if (hosts == NULL && access(file, F_OK) != 0)
		return 0;
	int r = ub_ctx_hosts(u, file);
	return r == 0 ? 0 : unbound_failed(e, r, file);
}

static int
configure(struct ub_ctx *u, const struct dns_settings *s, struct err *e)
{
	ub_ctx_debugout(u, NULL);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int r = ub_ctx_set_option(u, options[i].name, options[i].value);
		if (r != 0)
			return unbound_failed(e, r, options[i].name);
	}
	if (set_servers(u, s, e) != 0 || set_hosts(u, s->hosts, e) != 0)
		return -1;
	int r = s->trust_anchor_file == NULL
			? 0
			: ub_ctx_add_ta_file(u, s->trust_anchor_file);
	if (r != 0)
		return unbound_failed(e, r, s->trust_anchor_file);
	r = ub_ctx_async(u, 1);
	if (r != 0)
		return unbound_failed(e, r, "threads");
	/* From here on the configuration is settled. Laboratories do use ".test". */
	r = ub_ctx_zone_remove(u, "test.");
	return r == 0 ? 0 : unbound_failed(e, r, "configuration");
}

static void
free_resolver(struct dns_resolver **r)
{
	dns_resolver_free(*r);
}

int
dns_resolver_new(const struct dns_settings *s, struct dns_resolver **ret, struct err *e)
{
	SCOPED(free_resolver) struct dns_resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a DNS resolver");
	r->timeout_ms = s->timeout_ms <= 0 ? TIMEOUT_MS : s->timeout_ms;
	r->unbound = ub_ctx_create();
	if (r->unbound == NULL)
		return err_set(e, ERR_MEMORY, 0, "DNS resolver: cannot be made");
	if (configure(r->unbound, s, e) != 0)
		return -1;
	*ret = TAKE_PTR(r);
	return 0;
}

void
dns_resolver_free(struct dns_resolver *r)
{
	if (r == NULL)
		return;
	if (r->unbound != NULL)
		ub_ctx_delete(r->unbound); /* waits for the end of its thread */
	free(r);
}

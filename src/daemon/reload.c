/*
 * reload.c - a new configuration, taken whole or not at all.
 *
 * Everything that can fail on account of a file was made before, by reload_job.c. What is
 * taken here are values and references: sessions and deliveries under way keep theirs.
 */
#include "daemon.h"

#include "tdc/base/cleanup.h"
#include "tdc/base/counter.h"
#include "tdc/base/log.h"

#include <inttypes.h>

void
problems_report(void *arg, bool is_error, const char *line)
{
	struct problems *p = arg;

	if (!is_error) {
		log_event(LOG_DAEMON, WARNING, "config.warning", F(LF_TEXT("line", line)),
			  "%s", line);
		return;
	}
	if (p->errors++ == 0) {
		size_t n = strnlen(line, sizeof(p->first) - 1);
		memcpy(p->first, line, n);
		p->first[n] = '\0';
	}
	log_event(LOG_DAEMON, ERROR, "config.error", F(LF_TEXT("line", line)), "%s",
		  line);
}

static void
warn_not_reloadable(void *arg, const char *path)
{
	(void)arg;
	log_event(LOG_DAEMON, WARNING, "config.not_reloadable", F(LF_TEXT("key", path)),
		  "%s differs; it takes a restart to change it", path);
}

void
daemon_refuse(const struct problems *p, struct err *e)
{
	counter_add(COUNTER_RELOADS_FAILED, 1);
	if (p->errors > 0)
		err_set(e, ERR_CONFIG, 0, "%s%s", p->first,
			p->errors > 1 ? " (and more, see the log)" : "");
	log_event(LOG_DAEMON, ERROR, "config.refused", F(LF_INT("errors", p->errors)),
		  "the new configuration is refused, nothing changed: %s", e->text);
	notify_send("READY=1");
}

/* Only memory can be missing: the resolver with its files is there. */
static void
take_resolver(struct daemon *d, struct loaded *l)
{
	struct err e = { 0 };

	if (dns_reload(d->dns, &l->resolver, &e) != 0)
		log_event(LOG_DAEMON, ERROR, "config.resolver",
			  F(LF_TEXT("reason", e.text)),
			  "the DNS resolver stays as it was: %s", e.text);
}

/* Nothing in here may refuse the configuration. */
static void
take(struct daemon *d, struct loaded *l)
{
	struct err e = { 0 };
	struct loaded old = d->now;

	log_change_take(TAKE_PTR(l->log));
	config_diff_not_reloadable(d->now.config, l->config, warn_not_reloadable, NULL);
	setup_server_keep_sockets(&l->setup->server, &d->now.setup->server);
	spool_reload(d->spool, &l->setup->spool);
	if (server_reload(d->server, &l->setup->server, l->policy, &e) != 0)
		log_event(LOG_DAEMON, WARNING, "config.listeners",
			  F(LF_TEXT("reason", e.text)), "listeners: %s", e.text);
	take_resolver(d, l);
	d->now = *l;
	d->now.resolver = NULL;
	*l = (struct loaded){ .resolver = l->resolver };
	d->generation++;
	loaded_done(&old);
}

void
daemon_take(struct daemon *d, struct loaded *l)
{
	/* The content ops read d->now.setup: deliver must not render between the two
	 * halves, and cannot, since all of this is one callback of the loop. */
	deliver_reload(d->deliver, &l->setup->deliver, l->policy,
		       TAKE_PTR(l->setup->tls));
	take(d, l);
	counter_add(COUNTER_RELOADS, 1);
	log_event(LOG_DAEMON, INFO, "config.taken",
		  F(LF_INT("generation", d->generation)),
		  "configuration %s taken, generation %" PRIu64, d->options.config,
		  d->generation);
	notify_send("READY=1");
}

/*
 * reload.c - a new configuration, taken whole or not at all.
 *
 * Everything that can fail on account of a file was made before, by reload_job.c. What is
 * taken here are values and references: sessions and deliveries under way keep theirs.
 */
#include "daemon.h"

#include "tdc/base/cleanup.h"
#include "tdc/base/counter.h"
#include "tdc/base/format.h"
#include "tdc/base/log.h"

#include <inttypes.h>
#include <stdio.h>

static void
warn_not_reloadable(void *arg, const char *path, const char *line)
{
	problems_keep(arg, false, line);
	log_event(LOG_DAEMON, WARNING, "config.not_reloadable",
		  F(LF_TEXT("key", path), LF_TEXT("line", line)), "%s", line);
}

void
daemon_refuse(const struct problems *p, struct err *e)
{
	counter_add(COUNTER_RELOADS_FAILED, 1);
	char count[64];

	snprintf(count, sizeof(count), "%u problem%s, named above", p->errors,
		 format_plural(p->errors));
	log_event(LOG_DAEMON, ERROR, "config.refused", F(LF_INT("errors", p->errors)),
		  "the new configuration is refused, nothing changed: %s",
		  p->errors > 0 ? count : e->text);
	if (p->errors > 1)
		err_set(e, ERR_CONFIG, 0, "%s (and %u more)", p->first, p->errors - 1);
	else if (p->errors == 1)
		err_set(e, ERR_CONFIG, 0, "%s", p->first);
	else
		err_wrap(e, "the configuration is refused, nothing changed");
	notify_send("READY=1");
}

/* What fails here fails for want of memory: the part stays as it was. */
static void
warn_not_taken(struct daemon *d, struct problems *p, const char *key, struct err *e)
{
	setup_blame(config_root(d->now.config), key, key, e);
	problems_report(p, false, e->text);
}

/* That listeners came or went is told by the difference of the configurations. */
static void
take_server(struct daemon *d, struct loaded *l, struct problems *p)
{
	struct err e = { 0 };

	setup_server_keep_sockets(&l->setup->server, d->started);
	if (server_reload(d->server, &l->setup->server, l->policy, &e) != 0 &&
	    e.kind != ERR_CONFIG)
		warn_not_taken(d, p, "listeners", &e);
}

static void
take_log(struct daemon *d, struct loaded *l, struct problems *p)
{
	const char *fallback = log_change_fallback(l->log);
	struct err e;

	if (fallback != NULL) { /* the log says so itself */
		err_set(&e, ERR_CONFIG, 0,
			"journald is not usable: %s; logging to stderr", fallback);
		setup_blame(config_root(l->config), "log.target", "log.target", &e);
		problems_keep(p, false, e.text);
	} else if (l->setup->log.target == LOG_TO_SYSLOG &&
		   log_look(&l->setup->log, &e) != 0) {
		setup_blame(config_root(l->config), "log.target", "log.target", &e);
		problems_report(p, false, e.text);
	}
	log_change_take(TAKE_PTR(l->log));
	config_diff_not_reloadable(d->started, l->config, warn_not_reloadable, p);
}

/* Nothing in here may refuse the configuration. The one of the start stays: it is what
 * runs in keys that need a restart. */
static void
take(struct daemon *d, struct loaded *l, struct problems *p)
{
	struct loaded old = d->now;
	struct err e = { 0 };

	take_log(d, l, p);
	spool_reload(d->spool, &l->setup->spool);
	take_server(d, l, p);
	if (dns_reload(d->dns, &l->resolver, &e) != 0)
		warn_not_taken(d, p, "dns", &e);
	d->now = *l;
	d->now.resolver = NULL;
	*l = (struct loaded){ .resolver = l->resolver };
	d->generation++;
	if (old.config == d->started)
		old.config = NULL;
	loaded_done(&old);
}

void
daemon_take(struct daemon *d, struct loaded *l, struct problems *p)
{
	/* The content ops read d->now.setup: deliver must not render between the two
	 * halves, and cannot, since all of this is one callback of the loop. */
	deliver_reload(d->deliver, &l->setup->deliver, l->policy,
		       TAKE_PTR(l->setup->tls));
	take(d, l, p);
	counter_add(COUNTER_RELOADS, 1);
	log_event(LOG_DAEMON, INFO, "config.taken",
		  F(LF_INT("generation", d->generation)),
		  "configuration %s taken, generation %" PRIu64, d->options.config,
		  d->generation);
	notify_send("READY=1");
}

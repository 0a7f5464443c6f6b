/*
 * main.c - tdcd: a list of starts, the loop, and the same list backwards.
 */
#include "daemon.h"
#include "inspect.h"

#include "tdc/base/cleanup.h"
#include "tdc/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int
start_process(struct daemon *d, struct err *e)
{
	(void)d;
	daemon_hold_signals();
	return process_prepare(e);
}

static int
start_configuration(struct daemon *d, struct err *e)
{
	if (config_load(d->options.config, problems_keep, &d->found, &d->now.config, e) !=
	    0)
		return -1;
	d->started = d->now.config;
	return 0;
}

static int
start_privileges(struct daemon *d, struct err *e)
{
	return privileges_lower(d->now.config, problems_keep, &d->found, e);
}

static int
start_settings(struct daemon *d, struct err *e)
{
	struct err why;
	int compiled = loaded_compile(&d->now, problems_keep, &d->found, e);
	int resolver = loaded_make_resolver(&d->now, problems_keep, &d->found,
					    compiled == 0 ? e : &why);

	/* It was made to be looked at: dns makes its own. */
	dns_resolver_free(TAKE_PTR(d->now.resolver));
	d->generation = 1;
	return compiled == 0 ? resolver : compiled;
}

/* Whatever of it there is. */
static void
stop_configuration(struct daemon *d)
{
	if (d->started != d->now.config)
		config_free(d->started);
	loaded_done(&d->now);
}

static int
start_log(struct daemon *d, struct err *e)
{
	if (loaded_open_log(&d->now, &d->options, problems_keep, &d->found, e) != 0)
		return -1;
	log_change_take(TAKE_PTR(d->now.log));
	log_event(LOG_DAEMON, INFO, "daemon.starting", F(LF_TEXT("version", TDC_VERSION)),
		  "tdcd %s starting, configuration %s", TDC_VERSION, d->options.config);
	problems_log_warnings(&d->found);
	return 0;
}

static void
stop_log(struct daemon *d)
{
	(void)d;
	log_close();
}

/* ---------------------------------------------------------------- the loop */

static int
start_loop(struct daemon *d, struct err *e)
{
	if (loop_new(clock_system(), &d->loop, e) != 0)
		return -1;
	d->started_at = loop_wall_ms(d->loop);
	return 0;
}

static void
stop_loop(struct daemon *d)
{
	loop_free(d->loop);
}

static int
start_reload(struct daemon *d, struct err *e)
{
	return reload_new(d, &d->reload, e);
}

/* A file that is read from a place that does not answer holds up nothing but the end of
 * the process: custody is closed by then. */
static void
stop_reload(struct daemon *d)
{
	daemon_signals_may_end_it();
	reload_free(d->reload);
}

/* ---------------------------------------------------------------- the parts */

static const char *
how_it_was_left(const struct spool_recovery *r)
{
	if (r->is_new)
		return "new";
	return r->was_clean ? "after a clean stop" : "after an unclean stop";
}

static int
start_spool(struct daemon *d, struct err *e)
{
	struct spool_recovery r = { 0 };

	if (spool_open(d->loop, &d->now.setup->spool, &d->spool, &r, e) != 0)
		return -1;
	log_event(LOG_STORE, INFO, "spool.open",
		  F(LF_TEXT("directory", d->now.setup->spool.directory),
		    LF_INT("is_new", r.is_new), LF_INT("was_clean", r.was_clean),
		    LF_INT("waiting", r.waiting), LF_INT("uncertain", r.uncertain),
		    LF_INT("held", r.held), LF_INT("dead", r.dead),
		    LF_INT("quarantined", r.quarantined),
		    LF_INT("orphan_files", r.orphan_files), LF_INT("took_ms", r.took_ms)),
		  "spool %s opened in %" PRId64 " ms, %s: %" PRIu64 " waiting, %" PRIu64
		  " uncertain, %" PRIu64 " held, %" PRIu64 " dead, %" PRIu64
		  " quarantined (%" PRIu64 " new), %" PRIu64 " orphan files removed",
		  d->now.setup->spool.directory, r.took_ms, how_it_was_left(&r),
		  r.waiting, r.uncertain, r.held, r.dead, r.quarantined,
		  r.newly_quarantined, r.orphan_files);
	if (r.damaged_names > 0 || r.strays > 0 || r.damaged_queue)
		log_event(LOG_STORE, ERROR, "spool.damaged",
			  F(LF_INT("names", r.damaged_names), LF_INT("strays", r.strays),
			    LF_INT("queue", r.damaged_queue)),
			  "policies or destinations without a readable name, left "
			  "out: %" PRIu64 "; journals of a policy that is not there, "
			  "quarantined: %" PRIu64 "%s",
			  r.damaged_names, r.strays,
			  r.damaged_queue ? "; the index of the due queue, made anew"
					  : "");
	if (spool_watch_new(d->loop, d->spool, r.quarantined - r.newly_quarantined,
			    &d->spool_watch, e) == 0)
		return 0;
	spool_close(d->spool);
	return -1;
}

static void
stop_spool(struct daemon *d)
{
	spool_watch_free(d->spool_watch);
	spool_close(d->spool);
	log_event(LOG_STORE, INFO, "spool.closed", F0, "spool closed");
}

/* What fails leaves the rights as they were: the spool is closed by its user. */
static int
bind_server(struct daemon *d, struct err *e)
{
	struct err back;
	uid_t before;

	if (privileges_raise(&before, e) != 0)
		return -1;
	if (server_new(d->loop, &d->now.setup->server, d->spool, d->now.policy,
		       &d->server, e) == 0)
		return 0;
	if (privileges_return(before, &back) != 0)
		err_wrap(e, "%s", back.text);
	return -1;
}

static int
start_server(struct daemon *d, struct err *e)
{
	if (bind_server(d, e) != 0)
		return -1;
	if (privileges_drop(d->now.config, &d->now.setup->server, e) == 0 &&
	    bound_new(d, e) == 0)
		return 0;
	server_free(d->server);
	return -1;
}

static void
stop_server(struct daemon *d)
{
	server_free(d->server);
	bound_free(d);
}

static int
start_dns(struct daemon *d, struct err *e)
{
	if (dns_new(d->loop, &d->now.setup->dns, &d->dns, e) == 0)
		return 0;
	return setup_blame(config_root(d->now.config), "dns", "dns", e);
}

static void
stop_dns(struct daemon *d)
{
	dns_free(d->dns);
}

static int
start_renderer(struct daemon *d, struct err *e)
{
	return journal_renderer_new(spool_secret(d->spool), &d->renderer, e);
}

static void
stop_renderer(struct daemon *d)
{
	journal_renderer_free(d->renderer);
}

static int
start_deliver(struct daemon *d, struct err *e)
{
	return deliver_new(d->loop, &d->now.setup->deliver, d->spool, d->dns,
			   d->now.policy, TAKE_PTR(d->now.setup->tls),
			   &daemon_content_ops, d, &d->deliver, e);
}

static void
stop_deliver(struct daemon *d)
{
	deliver_free(d->deliver);
}

static int
start_admin(struct daemon *d, struct err *e)
{
	const struct admin_settings s = {
		.socket = d->now.setup->admin_socket,
		.mode = d->now.setup->admin_mode,
		.version = TDC_VERSION,
	};

	return admin_new(d->loop, &s, d->spool, d->server, d->deliver, &daemon_admin_ops,
			 d, &d->admin, e);
}

static void
stop_admin(struct daemon *d)
{
	admin_free(d->admin);
}

static int
start_signals(struct daemon *d, struct err *e)
{
	return daemon_watch_signals(d, e);
}

static void
stop_signals(struct daemon *d)
{
	daemon_forget_signals(d);
}

static void
flush_log(struct loop_task *task)
{
	(void)task;
	log_flush();
}

static void
on_first_line(void *arg)
{
	struct daemon *d = arg;

	loop_at_turn_end(d->loop, &d->flush);
}

/* While the loop runs, and only then: what a stop waits for is said before the wait. */
static int
start_gathering(struct daemon *d, struct err *e)
{
	(void)e;
	d->flush.run = flush_log;
	log_gather_here(on_first_line, d);
	return 0;
}

static void
stop_gathering(struct daemon *d)
{
	log_gather_nowhere();
	loop_task_cancel(d->loop, &d->flush);
}

static int
start_work(struct daemon *d, struct err *e)
{
	(void)e;
	deliver_start(d->deliver);
	server_start(d->server);
	for (size_t i = 0; i < d->n_listeners; i++) {
		const struct admin_listener *l = &d->listeners[i];
		log_event(LOG_SERVER, INFO, "listener.open",
			  F(LF_TEXT("listener", l->name), LF_TEXT("address", l->address)),
			  "listener %s takes %s on %s", l->name, l->protocol, l->address);
	}
	log_event(LOG_DAEMON, INFO, "daemon.ready", F0, "ready");
	notify_send("READY=1");
	return 0;
}

static const struct step {
	const char *name; /* in "tdcd cannot start, NAME: ..." */
	int (*start)(struct daemon *d, struct err *e);
	void (*stop)(struct daemon *d);
	unsigned looks; /* LOOK_*: where to look for the reason when it fails */
} steps[] = {
	{ "process", start_process, NULL, 0 },
	{ "configuration", start_configuration, stop_configuration, 0 },
	{ "privileges", start_privileges, NULL, 0 },
	{ "settings", start_settings, NULL, 0 },
	{ "log", start_log, stop_log, 0 },
	{ "loop", start_loop, stop_loop, 0 },
	{ "reload", start_reload, stop_reload, 0 },
	{ "spool", start_spool, stop_spool, LOOK_SPOOL },
	{ "listeners", start_server, stop_server, LOOK_LISTENERS },
	{ "dns", start_dns, stop_dns, 0 },
	{ "journals", start_renderer, stop_renderer, 0 },
	{ "delivery", start_deliver, stop_deliver, 0 },
	{ "control socket", start_admin, stop_admin, LOOK_CONTROL },
	{ "signals", start_signals, stop_signals, 0 },
	{ "gathering of lines", start_gathering, stop_gathering, 0 },
	{ "work", start_work, NULL, 0 },
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

/* What is wrong with the configuration is for its author, not for a service manager to
 * retry. */
static int
exit_status(const struct step *failed, const struct err *e)
{
	bool is_configuration =
		failed->start == start_configuration || e->kind == ERR_CONFIG;

	return is_configuration ? EXIT_CONFIG : EXIT_START_FAILED;
}

/* In the words of --check, with the places in the configuration, where it has some. One
 * problem is told with what it ended; several have a line each before that. */
static void
tell_start_failed(struct daemon *d, const struct step *failed, struct err *e)
{
	struct problems *found = &d->found;
	char count[64];

	surroundings_look(d->now.config, &d->options, failed->looks | LOOK_FOR_CAUSE,
			  problems_keep, found);
	problems_log_warnings(found);
	if (found->errors > 1)
		problems_log_errors(found);
	snprintf(count, sizeof(count), "%u problems, named above", found->errors);
	log_event(LOG_DAEMON, ERROR, "daemon.start_failed",
		  F(LF_TEXT("part", failed->name)), "tdcd cannot start, %s: %s",
		  failed->name,
		  found->errors > 1    ? count
		  : found->errors == 1 ? found->first
				       : e->text);
}

static int
run(struct daemon *d)
{
	struct err e = { 0 };
	int status = EXIT_SUCCESS;
	int started = 0;

	problems_init(&d->found);
	while (started < STEPS && steps[started].start(d, &e) == 0)
		started++;
	if (started < STEPS) {
		tell_start_failed(d, &steps[started], &e);
		status = exit_status(&steps[started], &e);
	} else if (loop_run(d->loop, &e) != 0) {
		log_event(LOG_DAEMON, ERROR, "daemon.failed", F0, "tdcd stops: %s",
			  e.text);
		status = EXIT_START_FAILED;
	}
	while (started-- > 0)
		if (steps[started].stop != NULL)
			steps[started].stop(d);
	problems_done(&d->found);
	return status;
}

int
main(int argc, char **argv)
{
	struct daemon d = { 0 };
	int status = options_parse(argc, argv, &d.options);

	if (status != 0)
		return status;
	return d.options.task == TASK_RUN ? run(&d) : inspect_run(&d.options);
}

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
	return config_load(d->options.config, inspect_report, NULL, &d->now.config, e);
}

static int
start_privileges(struct daemon *d, struct err *e)
{
	return privileges_lower(d->now.config, e);
}

static int
start_settings(struct daemon *d, struct err *e)
{
	d->generation = 1;
	return loaded_compile(&d->now, inspect_report, NULL, e);
}

/* Whatever of it there is. */
static void
stop_configuration(struct daemon *d)
{
	loaded_done(&d->now);
}

static int
start_log(struct daemon *d, struct err *e)
{
	if (loaded_open_log(&d->now, &d->options, inspect_report, NULL, e) != 0)
		return -1;
	log_change_take(TAKE_PTR(d->now.log));
	log_event(LOG_DAEMON, INFO, "daemon.starting", F(LF_TEXT("version", TDC_VERSION)),
		  "tdcd %s starting, configuration %s", TDC_VERSION, d->options.config);
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

static int
start_spool(struct daemon *d, struct err *e)
{
	struct spool_recovery r = { 0 };

	if (spool_open(d->loop, &d->now.setup->spool, &d->spool, &r, e) != 0)
		return -1;
	log_event(LOG_STORE, INFO, "spool.open",
		  F(LF_TEXT("directory", d->now.setup->spool.directory),
		    LF_INT("was_clean", r.was_clean), LF_INT("waiting", r.waiting),
		    LF_INT("uncertain", r.uncertain), LF_INT("held", r.held),
		    LF_INT("dead", r.dead), LF_INT("quarantined", r.quarantined),
		    LF_INT("orphan_files", r.orphan_files), LF_INT("took_ms", r.took_ms)),
		  "spool %s opened in %" PRId64 " ms after %s: %" PRIu64
		  " waiting, %" PRIu64 " uncertain, %" PRIu64 " held, %" PRIu64
		  " dead, %" PRIu64 " quarantined (%" PRIu64 " new), %" PRIu64
		  " orphan files removed",
		  d->now.setup->spool.directory, r.took_ms,
		  r.was_clean ? "a clean stop" : "an unclean stop", r.waiting,
		  r.uncertain, r.held, r.dead, r.quarantined, r.newly_quarantined,
		  r.orphan_files);
	if (r.damaged_names > 0 || r.strays > 0)
		log_event(LOG_STORE, ERROR, "spool.damaged",
			  F(LF_INT("names", r.damaged_names), LF_INT("strays", r.strays)),
			  "policies or destinations without a readable name, left "
			  "out: %" PRIu64 "; journals of a policy that is not there, "
			  "quarantined: %" PRIu64,
			  r.damaged_names, r.strays);
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

static int
start_server(struct daemon *d, struct err *e)
{
	if (privileges_raise_for_binding(e) != 0 ||
	    server_new(d->loop, &d->now.setup->server, d->spool, d->now.policy,
		       &d->server, e) != 0)
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
	return dns_new(d->loop, &d->now.setup->dns, &d->dns, e);
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
} steps[] = {
	{ "process", start_process, NULL },
	{ "configuration", start_configuration, stop_configuration },
	{ "privileges", start_privileges, NULL },
	{ "settings", start_settings, NULL },
	{ "log", start_log, stop_log },
	{ "loop", start_loop, stop_loop },
	{ "reload", start_reload, stop_reload },
	{ "spool", start_spool, stop_spool },
	{ "listeners", start_server, stop_server },
	{ "dns", start_dns, stop_dns },
	{ "journals", start_renderer, stop_renderer },
	{ "delivery", start_deliver, stop_deliver },
	{ "control socket", start_admin, stop_admin },
	{ "signals", start_signals, stop_signals },
	{ "gathering of lines", start_gathering, stop_gathering },
	{ "work", start_work, NULL },
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

static int
run(struct daemon *d)
{
	struct err e = { 0 };
	int status = EXIT_SUCCESS;
	int started = 0;

	while (started < STEPS && steps[started].start(d, &e) == 0)
		started++;
	if (started < STEPS) {
		log_event(LOG_DAEMON, ERROR, "daemon.start_failed",
			  F(LF_TEXT("part", steps[started].name)),
			  "tdcd cannot start, %s: %s", steps[started].name, e.text);
		status = exit_status(&steps[started], &e);
	} else if (loop_run(d->loop, &e) != 0) {
		log_event(LOG_DAEMON, ERROR, "daemon.failed", F0, "tdcd stops: %s",
			  e.text);
		status = EXIT_START_FAILED;
	}
	while (started-- > 0)
		if (steps[started].stop != NULL)
			steps[started].stop(d);
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

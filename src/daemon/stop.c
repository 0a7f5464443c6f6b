/*
 * stop.c - the orderly end: no new mail, running transactions get their grace, then
 * deliveries get theirs, then the loop ends and main() takes everything down. A second
 * signal ends the loop at once.
 */
#include "daemon.h"

#include "tdc/base/log.h"

#include <signal.h>

static void
on_deliver_stopped(void *arg)
{
	struct daemon *d = arg;

	loop_stop(d->loop);
}

static void
on_server_stopped(void *arg)
{
	struct daemon *d = arg;

	deliver_stop(d->deliver, d->now.setup->server.stop_grace_ms, on_deliver_stopped,
		     d);
}

void
daemon_stop(struct daemon *d, int signo)
{
	if (d->is_stopping) {
		log_event(LOG_DAEMON, WARNING, "daemon.stop_now",
			  F(LF_INT("signal", signo)),
			  "stopping at once, on a second signal");
		loop_stop(d->loop);
		return;
	}
	d->is_stopping = true;
	notify_send("STOPPING=1");
	log_event(LOG_DAEMON, INFO, "daemon.stopping", F(LF_INT("signal", signo)),
		  "stopping on signal %s", sigabbrev_np(signo));
	server_stop(d->server, on_server_stopped, d);
}

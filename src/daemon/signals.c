/*
 * signals.c - which signal asks for what.
 *
 *	start        SIGHUP and SIGUSR1 wait; SIGTERM and SIGINT end the process
 *	the loop     all of them are events, also those that waited
 *	stop         all of them are ignored until custody is closed; what is waited for
 *	             after that may be ended by SIGTERM and SIGINT
 */
#include "daemon.h"

#include "tdc/base/log.h"

#include <pthread.h>
#include <signal.h>

static void
on_hangup(struct daemon *d, int signo)
{
	struct err e = { 0 };

	(void)signo;
	/* What becomes of it is said in the log. */
	if (reload_ask(d->reload, NULL, NULL, &e) != 0)
		log_event(LOG_DAEMON, WARNING, "config.not_read",
			  F(LF_TEXT("reason", e.text)),
			  "the configuration is not read again: %s", e.text);
}

static void
on_reopen(struct daemon *d, int signo)
{
	struct err e = { 0 };

	(void)d;
	(void)signo;
	if (log_reopen(&e) != 0)
		log_event(LOG_DAEMON, ERROR, "log.reopen_failed",
			  F(LF_TEXT("reason", e.text)), "the log file stays as it is: %s",
			  e.text);
}

static const struct {
	int signo;
	void (*run)(struct daemon *d, int signo);
} rows[DAEMON_SIGNALS] = {
	{ SIGTERM, daemon_stop },
	{ SIGINT, daemon_stop },
	{ SIGHUP, on_hangup },
	{ SIGUSR1, on_reopen },
};

static void
on_signal(void *arg, int signo)
{
	for (size_t i = 0; i < DAEMON_SIGNALS; i++)
		if (rows[i].signo == signo)
			rows[i].run(arg, signo);
}

static void
mask_all(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < DAEMON_SIGNALS; i++)
		sigaddset(&set, rows[i].signo);
	pthread_sigmask(how, &set, NULL);
}

void
daemon_hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int
daemon_watch_signals(struct daemon *d, struct err *e)
{
	for (size_t i = 0; i < DAEMON_SIGNALS; i++)
		if (signal_watch_new(d->loop, rows[i].signo, on_signal, d, &d->signals[i],
				     e) != 0)
			return -1;
	mask_all(SIG_UNBLOCK);
	return 0;
}

void
daemon_forget_signals(struct daemon *d)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	mask_all(SIG_BLOCK); /* the watches leave what would end the process */
	for (size_t i = 0; i < DAEMON_SIGNALS; i++) {
		signal_watch_free(d->signals[i]);
		d->signals[i] = NULL;
		sigaction(rows[i].signo, &ignore, NULL);
	}
	mask_all(SIG_UNBLOCK);
}

void
daemon_signals_may_end_it(void)
{
	const struct sigaction end = { .sa_handler = SIG_DFL };

	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
}

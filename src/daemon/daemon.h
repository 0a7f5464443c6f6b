/*
 * daemon.h - the one object that owns all parts of a running tdcd. Loop thread only.
 */
#ifndef TDC_DAEMON_DAEMON_H
#define TDC_DAEMON_DAEMON_H

#include "options.h"
#include "settings.h"

#include "tdc/admin/admin.h"
#include "tdc/config/config.h"
#include "tdc/deliver/deliver.h"
#include "tdc/dns/dns.h"
#include "tdc/journal/journal.h"
#include "tdc/loop/loop.h"
#include "tdc/policy/policy.h"
#include "tdc/server/server.h"
#include "tdc/store/spool.h"

#include <stdbool.h>
#include <stdint.h>

enum { DAEMON_SIGNALS = 4 };

/* load.c: a configuration with everything that is compiled from it; strings are
 * borrowed from it. */
struct loaded {
	struct config *config;
	struct policy_set *policy;
	struct setup *setup;
	struct dns_resolver *resolver; /* of loaded_new(), until it is at work */
	struct log_change *log;        /* of loaded_open_log(), until it is at work */
};

struct reload;
struct spool_watch;

struct daemon {
	struct options options;
	int64_t started_at; /* wall ms */

	struct loaded now; /* what a reload replaces, as one */
	uint64_t generation;

	struct loop *loop;
	struct loop_task flush;
	struct spool *spool;
	struct spool_watch *spool_watch;
	struct dns *dns;
	struct server *server;
	struct admin_listener *listeners; /* as they were bound; names are copies */
	size_t n_listeners;
	struct journal_renderer *renderer;
	struct deliver *deliver;
	struct reload *reload;
	struct admin *admin;
	struct signal_watch *signals[DAEMON_SIGNALS];

	bool is_stopping;
};

/* ---- load.c */
/* Any thread. Reads all files that are named. Problems go to `report`, one line each. On
 * -1 nothing is left. */
int loaded_new(const char *path, config_report_fn *report, void *arg, struct loaded *ret,
	       struct err *e);
/* A part of it: policies and settings of l->config. */
int loaded_compile(struct loaded *l, config_report_fn *report, void *arg, struct err *e);
/* The last part, since it may leave a new file: where the log is to go. */
int loaded_open_log(struct loaded *l, const struct options *o, config_report_fn *report,
		    void *arg, struct err *e);
void loaded_done(struct loaded *l);

/* ---- process.c: before anything else */
int process_prepare(struct err *e);

/* ---- privileges.c */
/* Root with `user`: works as that user from here on, able to come back for binding. */
int privileges_lower(const struct config *c, struct err *e);
/* No-op without privileges_lower(). */
int privileges_raise_for_binding(struct err *e);
/* After it, for good; unix sockets get their owner. */
int privileges_drop(const struct config *c, const struct server_settings *bound,
		    struct err *e);

/* ---- wiring.c: ops tables that one part declares and another fills */
extern const struct deliver_content_ops daemon_content_ops; /* arg: struct daemon */
extern const struct admin_daemon_ops daemon_admin_ops;      /* arg: struct daemon */

/* ---- bound.c: what admin and the log say of the listeners, whatever a reload brings */
int bound_new(struct daemon *d, struct err *e);
void bound_free(struct daemon *d);

/* ---- watch_spool.c */
/* Borrows both until it is freed. More journals in quarantine than these are news. */
int spool_watch_new(struct loop *l, struct spool *sp, uint64_t quarantined,
		    struct spool_watch **ret, struct err *e);
void spool_watch_free(struct spool_watch *w);

/* ---- reload_job.c */
int reload_new(struct daemon *d, struct reload **ret, struct err *e);
/* -1: nothing is read. Otherwise `done`, if there is one, runs exactly once, from the loop
 * or from reload_free(). */
int reload_ask(struct reload *r, admin_reload_fn *done, void *arg, struct err *e);
/* Waits for a load that is under way; it is not taken. After it the loop runs no more. */
void reload_free(struct reload *r);

/* ---- reload.c */
struct problems {
	unsigned errors;
	char first[ERR_TEXT_MAX];
};
/* To the log, from any thread; arg: struct problems. */
void problems_report(void *arg, bool is_error, const char *line);
/* Afterwards *l holds what is to be freed elsewhere: the resolver that was at work. */
void daemon_take(struct daemon *d, struct loaded *l);
/* Says so. The first of the problems, if there are any, becomes the error. */
void daemon_refuse(const struct problems *p, struct err *e);

/* ---- stop.c */
void daemon_stop(struct daemon *d, int signo);

/* ---- signals.c */
/* Before any thread. */
void daemon_hold_signals(void);
int daemon_watch_signals(struct daemon *d, struct err *e);
/* They are ignored from here on. */
void daemon_forget_signals(struct daemon *d);
/* Custody is closed. */
void daemon_signals_may_end_it(void);

/* ---- notify.c: the service manager, if there is one */
void notify_send(const char *state); /* "READY=1" */
void notify_reloading(int64_t mono_ms);

#endif

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
#include <sys/types.h>

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

/* problems.c: the lines that a configuration got, in their order. */
struct problems {
	unsigned errors;
	char first[ERR_TEXT_MAX];              /* error */
	struct buf error_lines, warning_lines; /* each with its line feed */
};

struct reload;
struct spool_watch;

struct daemon {
	struct options options;
	int64_t started_at;    /* wall ms */
	struct problems found; /* by the start; until there is a log, or its end */

	/* What keys that need a restart are read from; the same as `now` until a
	 * reload. */
	struct config *started;
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
/* Parts of it: policies and settings of l->config, and the resolver with its files. */
int loaded_compile(struct loaded *l, config_report_fn *report, void *arg, struct err *e);
int loaded_make_resolver(struct loaded *l, config_report_fn *report, void *arg,
			 struct err *e);
/* The last part, since it may leave a new file: where the log is to go. */
int loaded_open_log(struct loaded *l, const struct options *o, config_report_fn *report,
		    void *arg, struct err *e);
void loaded_done(struct loaded *l);

/* ---- process.c: before anything else */
int process_prepare(struct err *e);

/* ---- privileges.c */
/* Root with `user`: works as that user from here on, able to come back for binding.
 * Others stay who they are; the user and group must be there all the same. */
int privileges_lower(const struct config *c, config_report_fn *report, void *arg,
		     struct err *e);
/* Root again for binding, and back to who *ret says. No-op without privileges_lower(). */
int privileges_raise(uid_t *ret, struct err *e);
int privileges_return(uid_t to, struct err *e);
/* After binding, for good; unix sockets get their owner. */
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

/* ---- surroundings.c */
enum {
	LOOK_SPOOL = 1 << 0,
	LOOK_LISTENERS = 1 << 1,
	LOOK_CONTROL = 1 << 2, /* the control socket */
	LOOK_LOG = 1 << 3,
	LOOK_FILE = 1 << 4, /* the configuration itself, for a reload */
	LOOK_AT_ALL = (1 << 5) - 1,
	LOOK_FOR_CAUSE =
		1 << 5, /* of a start that failed: all that is found is an error */
};
/*
 * What is in the way of a start: each a line to `report`, of the form of all problems
 * of a configuration. Makes and changes nothing on disk. Before a start, what may be
 * otherwise by then is a warning; and while a daemon runs, an address in use is taken for
 * its own, since who has it cannot be seen.
 */
void surroundings_look(const struct config *c, const struct options *o, unsigned wanted,
		       config_report_fn *report, void *arg);

/* ---- reload_job.c */
int reload_new(struct daemon *d, struct reload **ret, struct err *e);
/* -1: nothing is read. Otherwise `done`, if it is not NULL, runs exactly once, from the
 * loop or from reload_free(). */
int reload_ask(struct reload *r, admin_reload_fn *done, void *arg, struct err *e);
/* Waits for a load that is under way; it is not taken. After it the loop runs no more. */
void reload_free(struct reload *r);

/* ---- problems.c: one owner, any thread */
void problems_init(struct problems *p);
void problems_done(struct problems *p);
/* Reports, of which arg is a struct problems: only kept, or logged as well. */
void problems_keep(void *arg, bool is_error, const char *line);
void problems_report(void *arg, bool is_error, const char *line);
/* All lines of one of the two buffers; valid until it gets more. */
const char *problems_lines(struct buf *lines);
/* Logs the errors that were only kept. */
void problems_log_errors(struct problems *p);
/* Logs the warnings that were only kept, and forgets them. */
void problems_log_warnings(struct problems *p);

/* ---- reload.c */
/* Afterwards *l holds what is to be freed elsewhere: the resolver that was at work. What
 * the new configuration does not change is added to the problems, and logged. */
void daemon_take(struct daemon *d, struct loaded *l, struct problems *p);
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

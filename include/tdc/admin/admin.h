/*
 * admin.h - the control interface: HTTP and JSON on a unix socket, for tdcctl.
 *
 * Paths are a table (src/admin/paths.c). Errors are problem+json (RFC 9457). Loop thread
 * only.
 */
#ifndef TDC_ADMIN_ADMIN_H
#define TDC_ADMIN_ADMIN_H

#include "tdc/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deliver;
struct loop;
struct server;
struct policy_dead_end;
struct spool;
struct admin;

struct admin_listener {
	const char *name, *protocol; /* "smtp", "lmtp"; valid as long as the daemon */
	char address[128];           /* where it is bound, with the real port        */
};

/* What became of a reload; borrowed for the call. Lines are as `tdcd --check` prints
 * them, each with its line feed; "" = none. */
struct admin_reload {
	const struct err *refused; /* NULL: it is taken; otherwise nothing changed */
	const char *errors, *warnings;
};
/* Exactly once, never from inside the call that asked. */
typedef void admin_reload_fn(void *arg, const struct admin_reload *r);

/* What the admin needs of the daemon itself. */
struct admin_daemon_ops {
	/* Reads the configuration anew. -1: nothing was begun, and `done` does not run. */
	int (*reload)(void *arg, admin_reload_fn *done, void *done_arg, struct err *e);
	uint64_t (*configuration_generation)(void *arg);
	int64_t (*started_at)(void *arg); /* wall ms */
	/* As policy_intake() and policy_destination() of the policies in use. */
	const char *(*intake)(void *arg, const char *policy);
	const char *(*destination)(void *arg, const char *policy);
	/* As policy_dead_end(). */
	bool (*dead_end)(void *arg, size_t i, struct policy_dead_end *ret);
	/* The i-th listener; false: there is none. */
	bool (*listener)(void *arg, size_t i, struct admin_listener *ret);
};

struct admin_settings {
	const char *socket; /* path; copied, as all strings here */
	unsigned mode;      /* 0660                              */
	const char *version;
};

/* Borrows everything until admin_free(). */
int admin_new(struct loop *l, const struct admin_settings *s, struct spool *sp,
	      struct server *sv, struct deliver *d, const struct admin_daemon_ops *ops,
	      void *ops_arg, struct admin **ret, struct err *e);
/* Calls that still wait for the spool end without an answer. */
void admin_free(struct admin *a);

#endif

/*
 * admin.h - the control interface: HTTP and JSON on a unix socket, for tdcctl.
 *
 * Paths are a table (src/admin/paths.c). Errors are problem+json (RFC 9457). Loop thread only.
 */
#ifndef TDC_ADMIN_ADMIN_H
#define TDC_ADMIN_ADMIN_H

#include "tdc/base/err.h"

#include <stdint.h>

struct deliver;
struct loop;
struct server;
struct spool;
struct admin;

/* What the admin needs of the daemon itself. */
struct admin_daemon_ops {
	/* Reads the configuration anew. 0, or -1 with the reason; nothing changed then. */
	int (*reload)(void *arg, struct err *e);
	uint64_t (*configuration_generation)(void *arg);
	int64_t (*started_at)(void *arg); /* wall ms */
};

struct admin_settings {
	const char *socket; /* path                     */
	unsigned mode;      /* 0660                     */
	const char *version;
};

/* Borrows everything until admin_free(). */
int admin_new(struct loop *l, const struct admin_settings *s, struct spool *sp, struct server *sv,
	      struct deliver *d, const struct admin_daemon_ops *ops, void *ops_arg, struct admin **ret,
	      struct err *e);
void admin_free(struct admin *a);

#endif

/*
 * policies.h - the policies that the spool knows, and journals whose policy it does not
 * know. Store thread, or the start.
 */
#ifndef TDC_STORE_POLICIES_H
#define TDC_STORE_POLICIES_H

#include "tdc/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct spool;
struct spool_recovery;
struct strays;
struct writer;

bool policy_is_known(struct writer *w, int64_t id);
/* In memory; copies the name. */
int policy_add(struct writer *w, int64_t id, const char *name, int64_t waiting,
	       struct err *e);

/* -- the start -- */
/* Rows without a name, or with that of another, are left out and counted. */
int policies_load(struct spool *sp, struct spool_recovery *r, struct err *e);
/* Within the start's transaction: numbers and ids, as the journals say. */
int policies_begin(struct spool *sp, struct spool_recovery *r, struct err *e);

/* -- journals that wait for a policy that is not known (strays.c) -- */
int strays_add(struct spool *sp, int64_t policy, struct err *e);
/* Hands them to the store thread, which quarantines them. None: nothing happens. */
void strays_submit(struct spool *sp);
void strays_free(struct strays *s); /* NULL is fine */

#endif

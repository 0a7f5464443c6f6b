/*
 * schema.h - the numbered steps of the schema, forward only.
 */
#ifndef TDC_STORE_SCHEMA_H
#define TDC_STORE_SCHEMA_H

#include <stddef.h>

enum { SCHEMA_VERSION = 1, SCHEMA_APPLICATION_ID = 0x54444351 /* "TDCQ" */ };

struct schema_step {
	const char *file; /* in schema/, the same text */
	const char *sql;
};
extern const struct schema_step schema_steps[SCHEMA_VERSION]; /* step n is at n - 1 */

#endif

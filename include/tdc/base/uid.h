/*
 * uid.h - identifiers that are unique across machines and restarts.
 *
 * 48 bits of wall milliseconds and 80 random bits: ordered by time, not guessable. The
 * printed form is 32 lower-case hexadecimal digits, everywhere.
 */
#ifndef TDC_BASE_UID_H
#define TDC_BASE_UID_H

#include "tdc/base/err.h"
#include "tdc/base/span.h"

#include <stdint.h>

enum { UID_BYTES = 16, UID_TEXT_MAX = 33 };

struct uid {
	uint8_t b[UID_BYTES];
};

/*
 * Where they are made. The kernel is asked (getrandom(2)) for the random bytes of
 * UID_SOURCE_UIDS at a time, and each byte is used once. All zero is a source that has
 * none yet. One owner, who does not fork: a child would give the same identifiers again.
 */
enum { UID_RANDOM_BYTES = 10, UID_SOURCE_UIDS = 25 };
struct uid_source {
	uint8_t random[UID_SOURCE_UIDS * UID_RANDOM_BYTES];
	unsigned left; /* uids that there are random bytes for */
};
int uid_next(struct uid_source *s, int64_t wall_ms, struct uid *ret, struct err *e);
void uid_format(const struct uid *u, char text[UID_TEXT_MAX]);
int uid_parse(struct span text, struct uid *ret); /* 0, or -1 */

/* Lower-case hexadecimal of n bytes; text has room for 2 n + 1. */
void hex_format(const void *p, size_t n, char *text);

#endif

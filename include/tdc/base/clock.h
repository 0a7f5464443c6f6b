/*
 * clock.h - where time comes from.
 *
 * A clock is passed to whoever needs the time, so that tests can own it. Wall time is
 * milliseconds since 1970 UTC and may jump; monotonic time is for intervals only.
 */
#ifndef TDC_BASE_CLOCK_H
#define TDC_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*wall_ms)(const struct clock *c);
	int64_t (*mono_ms)(const struct clock *c);
};

const struct clock *clock_system(void);

/* A clock that stands still until it is moved; `base` must stay the first member. */
struct clock_manual {
	struct clock base;
	int64_t wall, mono;
};
void clock_manual_init(struct clock_manual *c, int64_t wall_ms);
void clock_manual_advance(struct clock_manual *c, int64_t ms);

enum { CLOCK_TEXT_MAX = 40 };
/* "Mon Apr 17 19:56:22 2003": local time, the mail log's form. */
void clock_format_log(int64_t wall_ms, char text[CLOCK_TEXT_MAX]);
/* "2003-04-17T19:56:22.123Z": UTC, for JSON. */
void clock_format_iso(int64_t wall_ms, char text[CLOCK_TEXT_MAX]);
/* "Thu, 17 Apr 2003 19:56:22 +0000": RFC 5322 3.3, UTC, for header fields. */
void clock_format_mail(int64_t wall_ms, char text[CLOCK_TEXT_MAX]);

#endif

/*
 * clock.c - the system's clock, a manual one for tests, and the printed forms of time.
 */
#include "tdc/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t
read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
system_wall_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_REALTIME);
}

static int64_t
system_mono_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_MONOTONIC);
}

const struct clock *
clock_system(void)
{
	static const struct clock system = { system_wall_ms, system_mono_ms };
	return &system;
}

static int64_t
manual_wall_ms(const struct clock *c)
{
	return ((const struct clock_manual *)(const void *)c)->wall;
}

static int64_t
manual_mono_ms(const struct clock *c)
{
	return ((const struct clock_manual *)(const void *)c)->mono;
}

void
clock_manual_init(struct clock_manual *c, int64_t wall_ms)
{
	c->base = (struct clock){ manual_wall_ms, manual_mono_ms };
	c->wall = wall_ms;
	c->mono = 1000;
}

void
clock_manual_advance(struct clock_manual *c, int64_t ms)
{
	c->wall += ms;
	c->mono += ms;
}

static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* Seconds of a time before 1970 round down, as its milliseconds are positive. */
static time_t
whole_seconds(int64_t wall_ms)
{
	return (time_t)((wall_ms - (wall_ms % 1000 + 1000) % 1000) / 1000);
}

void
clock_format_log(int64_t wall_ms, char text[CLOCK_TEXT_MAX])
{
	time_t seconds = whole_seconds(wall_ms);
	struct tm tm;

	localtime_r(&seconds, &tm);
	snprintf(text, CLOCK_TEXT_MAX, "%s %s %2d %02d:%02d:%02d %d", days[tm.tm_wday],
		 months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 tm.tm_year + 1900);
}

void
clock_format_iso(int64_t wall_ms, char text[CLOCK_TEXT_MAX])
{
	time_t seconds = whole_seconds(wall_ms);
	int ms = (int)(wall_ms - (int64_t)seconds * 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(text, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		 tm.tm_sec, ms);
}

void
clock_format_mail(int64_t wall_ms, char text[CLOCK_TEXT_MAX])
{
	time_t seconds = whole_seconds(wall_ms);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(text, CLOCK_TEXT_MAX, "%s, %02d %s %04d %02d:%02d:%02d +0000",
		 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
		 tm.tm_hour, tm.tm_min, tm.tm_sec);
}

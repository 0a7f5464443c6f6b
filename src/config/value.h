/*
 * value.h - numbers with units: what a row's bool, int, size and duration may look like.
 *
 * Parsing returns 0, or -1 for malformed text or one that does not fit 63 bits; the
 * range is the caller's.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#define SIZE_K(n)  ((int64_t)(n)*1024)
#define SIZE_M(n)  (SIZE_K(n) * 1024)
#define SIZE_G(n)  (SIZE_M(n) * 1024)
#define SECONDS(n) ((int64_t)(n)*1000)
#define MINUTES(n) (SECONDS(n) * 60)
#define HOURS(n)   (MINUTES(n) * 60)
#define DAYS(n)    (HOURS(n) * 24)

int value_parse_bool(const char *text, int64_t *ret);
int value_parse_int(const char *text, int64_t *ret);
int value_parse_size(const char *text, int64_t *ret);     /* bytes        */
int value_parse_duration(const char *text, int64_t *ret); /* milliseconds */

/* In the largest unit that divides it. */
enum { VALUE_TEXT_MAX = 32 };
void value_format_int(int64_t v, char text[VALUE_TEXT_MAX]);
void value_format_size(int64_t v, char text[VALUE_TEXT_MAX]);
void value_format_duration(int64_t v, char text[VALUE_TEXT_MAX]);

#endif

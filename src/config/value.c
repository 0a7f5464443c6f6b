/*
 * value.c - parsing and printing of numbers with units, from two tables.
 */
#include "value.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, for printing. */
static const struct unit size_units[] = {
	{ "G", SIZE_G(1) },
	{ "M", SIZE_M(1) },
	{ "K", SIZE_K(1) },
	{ "", 1 },
};
static const struct unit duration_units[] = {
	{ "d", DAYS(1) },    { "h", HOURS(1) }, { "m", MINUTES(1) },
	{ "s", SECONDS(1) }, { "ms", 1 },
};

enum {
	N_SIZE_UNITS = sizeof(size_units) / sizeof(size_units[0]),
	N_DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0])
};

int
value_parse_bool(const char *text, int64_t *ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "true", true },   { "yes", true }, { "on", true },
		{ "false", false }, { "no", false }, { "off", false },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word) == 0) {
			*ret = words[i].value;
			return 0;
		}
	}
	return -1;
}

/* Decimal digits at the start; NULL when there are none or too many. */
static const char *
parse_digits(const char *text, int64_t *ret)
{
	int64_t v = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		int digit = *p - '0';
		if (v > (INT64_MAX - digit) / 10)
			return NULL;
		v = v * 10 + digit;
	}
	*ret = v;
	return p == text ? NULL : p;
}

static int
parse_with_unit(const char *text, const struct unit *units, size_t n, int64_t *ret)
{
	int64_t v;
	const char *rest = parse_digits(text, &v);
	if (rest == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		if (v > INT64_MAX / units[i].factor)
			return -1;
		*ret = v * units[i].factor;
		return 0;
	}
	return -1;
}

int
value_parse_int(const char *text, int64_t *ret)
{
	int64_t v;
	const char *rest = parse_digits(text, &v);
	if (rest == NULL || *rest != '\0')
		return -1;
	*ret = v;
	return 0;
}

int
value_parse_size(const char *text, int64_t *ret)
{
	return parse_with_unit(text, size_units, N_SIZE_UNITS, ret);
}

int
value_parse_duration(const char *text, int64_t *ret)
{
	return parse_with_unit(text, duration_units, N_DURATION_UNITS, ret);
}

void
value_format_int(int64_t v, char text[VALUE_TEXT_MAX])
{
	snprintf(text, VALUE_TEXT_MAX, "%" PRId64, v);
}

static void
format_with_unit(int64_t v, const struct unit *units, size_t n, char text[VALUE_TEXT_MAX])
{
	size_t i = 0;
	while (i + 1 < n && (v == 0 || v % units[i].factor != 0))
		i++;
	snprintf(text, VALUE_TEXT_MAX, "%" PRId64 "%s", v / units[i].factor,
		 units[i].name);
}

void
value_format_size(int64_t v, char text[VALUE_TEXT_MAX])
{
	format_with_unit(v, size_units, N_SIZE_UNITS, text);
}

void
value_format_duration(int64_t v, char text[VALUE_TEXT_MAX])
{
	if (v == 0)
		snprintf(text, VALUE_TEXT_MAX, "0s");
	else
		format_with_unit(v, duration_units, N_DURATION_UNITS, text);
}

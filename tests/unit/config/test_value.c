/*
 * test_value.c - numbers with units.
 */
#include "problems.h"

#include "config/value.h"

#include <inttypes.h>

typedef int parse_fn(const char *text, int64_t *ret);

static const struct {
	const char *name;
	parse_fn *parse;
	const char *text;
	int result;
	int64_t want;
} rows[] = {
	{ "bytes need no unit", value_parse_size, "4096", 0, 4096 },
	{ "K is 1024", value_parse_size, "64K", 0, 65536 },
	{ "M is 1024 squared", value_parse_size, "50M", 0, 52428800 },
	{ "G is 1024 cubed", value_parse_size, "1G", 0, 1073741824 },
	{ "a size may be nothing", value_parse_size, "0", 0, 0 },
	{ "MB is no unit", value_parse_size, "50MB", -1, 0 },
	{ "a small k is no unit", value_parse_size, "50k", -1, 0 },
	{ "a unit alone is no size", value_parse_size, "M", -1, 0 },
	{ "a space before the unit is refused", value_parse_size, "5 M", -1, 0 },
	{ "a negative size is refused", value_parse_size, "-1", -1, 0 },
	{ "a fraction is refused", value_parse_size, "1.5M", -1, 0 },
	{ "a size that does not fit 63 bits is refused", value_parse_size, "9999999999G",
	  -1, 0 },
	{ "digits that do not fit 63 bits are refused", value_parse_size,
	  "9223372036854775808", -1, 0 },
	{ "the largest number fits", value_parse_size, "9223372036854775807", 0,
	  INT64_MAX },
	{ "milliseconds", value_parse_duration, "500ms", 0, 500 },
	{ "seconds", value_parse_duration, "10s", 0, 10000 },
	{ "minutes", value_parse_duration, "5m", 0, 300000 },
	{ "hours", value_parse_duration, "72h", 0, 259200000 },
	{ "days", value_parse_duration, "3d", 0, 259200000 },
	{ "a time needs its unit", value_parse_duration, "5", -1, 0 },
	{ "a week is no unit", value_parse_duration, "1w", -1, 0 },
	{ "an empty time is refused", value_parse_duration, "", -1, 0 },
	{ "two units are refused", value_parse_duration, "1h30m", -1, 0 },
	{ "a whole number", value_parse_int, "42", 0, 42 },
	{ "a number with a unit is no whole number", value_parse_int, "42K", -1, 0 },
	{ "a sign is refused", value_parse_int, "+42", -1, 0 },
	{ "a hexadecimal number is refused", value_parse_int, "0x10", -1, 0 },
	{ "true", value_parse_bool, "true", 0, 1 },
	{ "yes is true", value_parse_bool, "yes", 0, 1 },
	{ "off is false", value_parse_bool, "off", 0, 0 },
	{ "TRUE in capitals is refused", value_parse_bool, "TRUE", -1, 0 },
	{ "1 is no truth value", value_parse_bool, "1", -1, 0 },
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t got = 0;
		int r = rows[i].parse(rows[i].text, &got);
		if (r != rows[i].result || got != rows[i].want)
			fail_msg("%s: \"%s\" got %d, %" PRId64 " want %d, %" PRId64,
				 rows[i].name, rows[i].text, r, got, rows[i].result,
				 rows[i].want);
	}
}

typedef void format_fn(int64_t v, char text[VALUE_TEXT_MAX]);

static const struct {
	const char *name;
	format_fn *format;
	int64_t value;
	const char *want;
} formats[] = {
	{ "a size in its largest unit", value_format_size, SIZE_M(50), "50M" },
	{ "a size that no unit divides", value_format_size, 1025, "1025" },
	{ "no bytes", value_format_size, 0, "0" },
	{ "a time in its largest unit", value_format_duration, HOURS(72), "3d" },
	{ "a time that only milliseconds divide", value_format_duration, 1500, "1500ms" },
	{ "no time", value_format_duration, 0, "0s" },
	{ "a whole number", value_format_int, 7, "7" },
};

static void
test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		char got[VALUE_TEXT_MAX];
		formats[i].format(formats[i].value, got);
		if (strcmp(got, formats[i].want) != 0)
			fail_msg("%s: got %s want %s", formats[i].name, got,
				 formats[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * problem.h - the lines that a configuration's reader gets: FILE:LINE:COLUMN: KEY:
 * found; allowed.
 *
 * Whatever the file holds, a line holds no control characters and no invalid UTF-8.
 */
#ifndef CONFIG_PROBLEM_H
#define CONFIG_PROBLEM_H

#include "tdc/config/config.h"

#include <stdbool.h>
#include <stddef.h>

enum { PROBLEMS_MAX = 200 }; /* lines that are reported; all are counted */

struct problems {
	config_report_fn *report; /* may be NULL */
	void *arg;
	unsigned errors, warnings;
	char first[256]; /* the first error's line, cut */
};

struct place {
	const char *source;
	unsigned line, column;
};

/* `allowed` may be NULL. */
void problem_error(struct problems *p, const struct place *at, const char *path,
		   const char *found, const char *allowed);
void problem_warning(struct problems *p, const struct place *at, const char *path,
		     const char *found, const char *allowed);

/* found "text", cut to what a line bears. */
enum { FOUND_MAX = 128 };
void problem_quote(const char *text, size_t n, char ret[FOUND_MAX]);

#endif

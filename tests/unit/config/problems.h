/*
 * problems.h - collects the lines of problems that a parse reports.
 */
#ifndef TEST_CONFIG_PROBLEMS_H
#define TEST_CONFIG_PROBLEMS_H

#include "tdc/base/buf.h"
#include "tdc/config/config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct problem_list {
	struct buf errors, warnings; /* one line each */
};

static inline void
problem_list_init(struct problem_list *p)
{
	buf_init(&p->errors, 1 << 20);
	buf_init(&p->warnings, 1 << 20);
}

static inline void
problem_list_done(struct problem_list *p)
{
	buf_done(&p->errors);
	buf_done(&p->warnings);
}

static inline void
problem_list_add(void *arg, bool is_error, const char *line)
{
	struct problem_list *p = arg;
	buf_printf(is_error ? &p->errors : &p->warnings, "%s\n", line);
}

/* A text that must be good; the caller frees. */
static inline struct config *
must_parse(const char *text)
{
	struct config *c = NULL;
	struct err e = { 0 };
	if (config_parse(text, strlen(text), "t", NULL, NULL, &c, &e) != 0)
		fail_msg("%s\nin:\n%s", e.text, text);
	return c;
}

/* The least that is valid: one listener. */
#define LISTENER "listeners: [{name: a, protocol: smtp, address: '127.0.0.1:0'}]\n"

#endif

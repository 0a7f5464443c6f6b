/*
 * inspect.h - what tdcd does instead of running: checks and prints.
 */
#ifndef TDC_DAEMON_INSPECT_H
#define TDC_DAEMON_INSPECT_H

#include "options.h"

/* A config_report_fn that prints to stderr. */
void inspect_report(void *arg, bool is_error, const char *line);
/* The exit status. */
int inspect_run(const struct options *o);

#endif

/*
 * options.h - the command line of tdcd.
 */
#ifndef TDC_DAEMON_OPTIONS_H
#define TDC_DAEMON_OPTIONS_H

#include <stdbool.h>

enum task {
	TASK_RUN,
	TASK_CHECK,
	TASK_CHECK_SPOOL,
	TASK_PRINT_CONFIG,
	TASK_PRINT_MAN_KEYS,
	TASK_PRINT_JSON_SCHEMA,
	TASK_VERSION,
	TASK_HELP,
};

struct options {
	enum task task;
	const char *config;
	bool is_foreground; /* log to stderr, whatever log.target says */
};

enum {
	EXIT_START_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_FINDINGS = 65,
	EXIT_DISK_LOST = 74, /* of store: EX_IOERR */
	EXIT_CONFIG = 78
};

/* 0, or an exit status after a message on stderr. */
int options_parse(int argc, char **argv, struct options *ret);
void options_help(void);

#endif

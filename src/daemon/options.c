/*
 * options.c - one table: what getopt parses and what --help prints.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>

#define DEFAULT_CONFIG "/etc/tdcd/tdc.yaml"

static const struct row {
	const char *name, *argument; /* argument: NULL = none */
	char letter;
	enum task task;
	const char *help;
} rows[] = {
	{ "config", "FILE", 'c', TASK_RUN,
	  "read this configuration (" DEFAULT_CONFIG ")" },
	{ "foreground", NULL, 'f', TASK_RUN,
	  "log to standard error, whatever log.target says" },
	{ "check", NULL, 'k', TASK_CHECK, "check the configuration and exit" },
	{ "check-spool", NULL, 's', TASK_CHECK_SPOOL,
	  "look at all that is in the spool of a stopped daemon" },
	{ "print-config", NULL, 'p', TASK_PRINT_CONFIG,
	  "print every value in effect and exit" },
	{ "print-man-keys", NULL, 'm', TASK_PRINT_MAN_KEYS,
	  "print the key reference of tdc.yaml(5)" },
	{ "print-json-schema", NULL, 'j', TASK_PRINT_JSON_SCHEMA,
	  "print the JSON schema of the configuration" },
	{ "version", NULL, 'V', TASK_VERSION, "print the version" },
	{ "help", NULL, 'h', TASK_HELP, "print this" },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

void
options_help(void)
{
	printf("usage: tdcd [--config FILE] [option]\n\n"
	       "The journaling daemon. It stays in the foreground; a service manager "
	       "starts it.\n\n");
	for (int i = 0; i < ROWS; i++) {
		char left[40];
		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
			 rows[i].argument == NULL ? "" : " ",
			 rows[i].argument == NULL ? "" : rows[i].argument);
		printf("  %-20s %s\n", left, rows[i].help);
	}
	printf("\nSignals: HUP reads the configuration anew, USR1 opens the log file "
	       "anew, TERM and INT\n"
	       "stop in order; a second one stops at once.\n"
	       "Exit status: 0 stopped in order, %d start or work failed, %d usage, %d "
	       "findings in the\nspool, %d the disk lost bytes of the spool, %d "
	       "configuration.\n",
	       EXIT_START_FAILED, EXIT_USAGE, EXIT_FINDINGS, EXIT_DISK_LOST, EXIT_CONFIG);
}

static const struct row *
row_of(int letter)
{
	for (int i = 0; i < ROWS; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static int
usage(void)
{
	fprintf(stderr, "Try 'tdcd --help'.\n");
	return EXIT_USAGE;
}

static const char *
name_of_task(enum task task)
{
	for (int i = 0; i < ROWS; i++)
		if (rows[i].task == task)
			return rows[i].name;
	return "";
}

/* One at a time: what is asked for must not be dropped. */
static int
take_task(struct options *o, const struct row *row)
{
	if (o->task == TASK_RUN || o->task == row->task) {
		o->task = row->task;
		return 0;
	}
	fprintf(stderr, "tdcd: --%s and --%s cannot be had together\n",
		name_of_task(o->task), row->name);
	return -1;
}

int
options_parse(int argc, char **argv, struct options *ret)
{
	struct option options[ROWS + 1] = { 0 };
	int letter;

	for (int i = 0; i < ROWS; i++)
		options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].argument == NULL ? no_argument
							    : required_argument,
			.val = rows[i].letter,
		};
	*ret = (struct options){ .config = DEFAULT_CONFIG };
	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const struct row *row = row_of(letter);
		if (row == NULL)
			return usage();
		if (letter == 'c')
			ret->config = optarg;
		else if (letter == 'f')
			ret->is_foreground = true;
		else if (take_task(ret, row) != 0)
			return usage();
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "tdcd: unexpected argument: %s\n", argv[optind]);
	return usage();
}

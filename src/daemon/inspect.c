/*
 * inspect.c - --check, the prints, --version and --help.
 */
#include "inspect.h"

#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>

enum { PRINT_MAX = 4 << 20 };

void
inspect_report(void *arg, bool is_error, const char *line)
{
	(void)arg;
	fprintf(stderr, "%s%s\n", is_error ? "" : "warning: ", line);
}

/* Problems are reported; what failed without a report (the file itself) is said here. */
struct said {
	bool something;
};

static void
report_and_note(void *arg, bool is_error, const char *line)
{
	((struct said *)arg)->something |= is_error;
	inspect_report(NULL, is_error, line);
}

static int
load(const struct options *o, struct loaded *ret)
{
	struct said said = { false };
	struct err e = { 0 };

	if (loaded_new(o->config, report_and_note, &said, ret, &e) == 0)
		return 0;
	if (!said.something)
		fprintf(stderr, "tdcd: %s\n", e.text);
	return EXIT_CONFIG;
}

static int
print(int (*fill)(const struct loaded *l, struct buf *out), const struct loaded *l)
{
	struct buf out;
	int status = EXIT_START_FAILED;

	buf_init(&out, PRINT_MAX);
	if (fill(l, &out) != 0)
		fprintf(stderr, "tdcd: no memory to print\n");
	else if (fwrite(buf_span(&out).p, 1, out.n, stdout) != out.n ||
		 fflush(stdout) != 0)
		perror("tdcd: standard output");
	else
		status = EXIT_SUCCESS;
	buf_done(&out);
	return status;
}

static int
fill_config(const struct loaded *l, struct buf *out)
{
	return config_print_effective(l->config, out);
}

static int
fill_man(const struct loaded *l, struct buf *out)
{
	(void)l;
	return config_print_man(out);
}

static int
fill_json_schema(const struct loaded *l, struct buf *out)
{
	(void)l;
	return config_print_json_schema(out);
}

static int
inspect_config(const struct options *o)
{
	struct loaded l;
	int status = load(o, &l);

	if (status != 0)
		return status;
	if (o->task == TASK_PRINT_CONFIG)
		status = print(fill_config, &l);
	else
		printf("%s: the configuration is correct\n", o->config);
	loaded_done(&l);
	return status;
}

int
inspect_run(const struct options *o)
{
	switch (o->task) {
	case TASK_VERSION:
		printf("tdcd %s\n", TDC_VERSION);
		return EXIT_SUCCESS;
	case TASK_HELP:
		options_help();
		return EXIT_SUCCESS;
	case TASK_PRINT_MAN_KEYS:
		return print(fill_man, NULL);
	case TASK_PRINT_JSON_SCHEMA:
		return print(fill_json_schema, NULL);
	case TASK_CHECK:
	case TASK_PRINT_CONFIG:
	case TASK_RUN:
		break;
	}
	return inspect_config(o);
}

/*
 * inspect.c - --check, --check-spool, the prints, --version and --help.
 */
#include "inspect.h"

#include "daemon.h"

#include "tdc/base/format.h"
#include "tdc/digest/checksum.h"
#include "tdc/digest/sha256.h"

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

/* What a start does before it opens anything, and a look at what it would open. All
 * parts, so that all problems are told. */
static int
check_start(const struct options *o, struct said *said, struct err *e)
{
	struct loaded l = { 0 };

	if (config_load(o->config, report_and_note, said, &l.config, e) != 0)
		return -1;
	privileges_lower(l.config, report_and_note, said, e);
	loaded_compile(&l, report_and_note, said, e);
	loaded_make_resolver(&l, report_and_note, said, e);
	surroundings_look(l.config, o, LOOK_AT_ALL, report_and_note, said);
	loaded_done(&l);
	return said->something ? -1 : 0;
}

static int
inspect_check(const struct options *o)
{
	struct said said = { false };
	struct err e = { 0 };

	if (check_start(o, &said, &e) == 0) {
		printf("%s: the configuration is correct\n", o->config);
		return EXIT_SUCCESS;
	}
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
inspect_print(const struct options *o)
{
	struct loaded l;
	int status = load(o, &l);

	if (status != 0)
		return status;
	status = print(fill_config, &l);
	loaded_done(&l);
	return status;
}

/* ---------------------------------------------------------------- the spool */

struct sums {
	struct sha256 *sha256;
	struct checksum *checksum;
};

static void
hash(void *arg, const void *p, size_t n, bool is_last, uint8_t sha256[SHA256_BYTES],
     uint8_t checksum[CHECKSUM_BYTES])
{
	struct sums *sums = arg;

	sha256_update(sums->sha256, p, n);
	checksum_update(sums->checksum, p, n);
	if (!is_last)
		return;
	sha256_finish(sums->sha256, sha256);
	sha256_start(sums->sha256);
	checksum_finish(sums->checksum, checksum);
	checksum_start(sums->checksum);
}

static void
print_finding(void *arg, const char *line)
{
	(void)arg;
	puts(line);
}

/* The error is told with what it ended. */
static void
report_warning(void *arg, bool is_error, const char *line)
{
	if (!is_error)
		inspect_report(arg, is_error, line);
}

/* As the user of the daemon: what a look leaves behind (a lock, an empty log) is its own. */
static int
check_spool(const struct loaded *l, int *findings, struct err *e)
{
	struct sums sums = { .sha256 = NULL };

	*findings = -1;
	if (privileges_lower(l->config, report_warning, NULL, e) == 0 &&
	    sha256_new(&sums.sha256, e) == 0 && checksum_new(&sums.checksum, e) == 0) {
		sha256_start(sums.sha256);
		*findings = spool_check(&l->setup->spool, hash, &sums, print_finding,
					NULL, e);
	}
	sha256_free(sums.sha256);
	checksum_free(sums.checksum);
	return *findings < 0 ? -1 : 0;
}

static int
inspect_spool(const struct options *o)
{
	struct loaded l;
	struct err e = { 0 };
	int findings = 0;
	int status = load(o, &l);

	if (status != 0)
		return status;
	if (check_spool(&l, &findings, &e) != 0) {
		fprintf(stderr, "tdcd: the spool was not looked at to its end: %s\n",
			e.text);
		status = EXIT_START_FAILED;
	} else {
		printf("%s: %d finding%s\n", l.setup->spool.directory, findings,
		       format_plural((uint64_t)findings));
		status = findings == 0 ? EXIT_SUCCESS : EXIT_FINDINGS;
	}
	loaded_done(&l);
	if (fflush(stdout) == 0)
		return status;
	perror("tdcd: standard output");
	return EXIT_START_FAILED;
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
	case TASK_CHECK_SPOOL:
		return inspect_spool(o);
	case TASK_CHECK:
		return inspect_check(o);
	case TASK_PRINT_CONFIG:
	case TASK_RUN:
		break;
	}
	return inspect_print(o);
}

/*
 * main.c - tdcctl: the command line.
 */
#include "commands.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/tdcd/tdcd.sock"

static const struct row {
	const char *name, *argument; /* argument: NULL = none */
	int letter;
	unsigned takes; /* 0: every command */
	const char *help;
} rows[] = {
	{ "socket", "PATH", 's', 0,
	  "the control socket ($TDC_SOCKET, " DEFAULT_SOCKET ")" },
	{ "json", NULL, 'j', TAKES_JSON, "print JSON" },
	{ "state", "STATE", 't', TAKES_STATE,
	  "only waiting, uncertain, held, delivered, dead or quarantined" },
	{ "limit", "N", 'l', TAKES_LIMIT, "at most N journals" },
	{ "yes", NULL, 'y', TAKES_YES, "do not ask before deleting" },
	{ "verify", NULL, 'v', TAKES_VERIFY, "count the rows and compare" },
	{ "version", NULL, 'V', 0, "print the version of tdcctl" },
	{ "help", NULL, 'h', 0, "print this" },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

enum exit_code
usage_error(const char *fmt, ...)
{
	va_list ap;

	fputs("tdcctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'tdcctl --help'.\n", stderr);
	return USAGE;
}

static void
print_option(const struct row *row)
{
	char left[40];

	snprintf(left, sizeof(left), "--%s%s%s", row->name,
		 row->argument == NULL ? "" : " ",
		 row->argument == NULL ? "" : row->argument);
	printf("  %-15s %s\n", left, row->help);
}

static void
help(void)
{
	puts("usage: tdcctl [--socket PATH] COMMAND [argument] [option]\n");
	puts("Commands:");
	for (size_t i = 0; i < commands_count; i++) {
		char left[64];
		snprintf(left, sizeof(left), "%s %s", commands[i].name,
			 commands[i].arguments);
		if (strlen(left) > 20)
			printf("  %s\n  %-20s %s\n", left, "", commands[i].help);
		else
			printf("  %-20s %s\n", left, commands[i].help);
	}
	puts("\nOptions:");
	for (int i = 0; i < ROWS; i++)
		print_option(&rows[i]);
	printf("\nExit status: %d done, %d refused or not found, %d usage, %d tdcd "
	       "cannot be reached.\n",
	       DONE, REFUSED, USAGE, UNREACHABLE);
}

static void
help_command(const struct command *c)
{
	printf("usage: tdcctl %s%s%s [option]\n\n%s\n\nOptions:\n", c->name,
	       c->arguments[0] == '\0' ? "" : " ", c->arguments, c->help);
	for (int i = 0; i < ROWS; i++)
		if (rows[i].takes == 0 || (rows[i].takes & c->takes) != 0)
			print_option(&rows[i]);
}

static const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < commands_count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

struct parsed {
	struct invocation invocation;
	const char *socket;
	unsigned given; /* TAKES_* of the options that were there */
	bool wants_help, wants_version;
};

static enum exit_code
take_option(struct parsed *p, int letter, const char *value)
{
	char *end;

	for (int i = 0; i < ROWS; i++)
		if (rows[i].letter == letter)
			p->given |= rows[i].takes;
	switch (letter) {
	case 's':
		p->socket = value;
		return DONE;
	case 'j':
		p->invocation.is_json = true;
		return DONE;
	case 't':
		p->invocation.state = value;
		return DONE;
	case 'l':
		p->invocation.limit = strtol(value, &end, 10);
		if (*value == '\0' || *end != '\0' || p->invocation.limit < 1)
			return usage_error("--limit %s: a number from 1 is meant", value);
		return DONE;
	case 'y':
		p->invocation.is_yes = true;
		return DONE;
	case 'v':
		p->invocation.is_verify = true;
		return DONE;
	case 'V':
		p->wants_version = true;
		return DONE;
	case 'h':
		p->wants_help = true;
		return DONE;
	default:
		fputs("Try 'tdcctl --help'.\n", stderr);
		return USAGE;
	}
}

static enum exit_code
parse_options(int argc, char **argv, struct parsed *p)
{
	struct option options[ROWS + 1] = { 0 };
	enum exit_code status = DONE;
	int letter;

	for (int i = 0; i < ROWS; i++)
		options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].argument == NULL ? no_argument
							    : required_argument,
			.val = rows[i].letter,
		};
	while (status == DONE &&
	       (letter = getopt_long(argc, argv, "", options, NULL)) != -1)
		status = take_option(p, letter, optarg);
	return status;
}

static enum exit_code
parse_words(char **words, size_t n, struct invocation *v)
{
	const struct command *c = command_find(words[0]);

	if (c == NULL)
		return usage_error("%s: no such command", words[0]);
	v->command = c;
	v->n_words = n - 1;
	if (v->n_words < c->words_min)
		return usage_error("%s: %s is missing", c->name, c->arguments);
	if (v->n_words > c->words_max)
		return usage_error("%s: unexpected argument: %s", c->name,
				   words[c->words_max + 1]);
	for (size_t i = 0; i < v->n_words; i++)
		v->words[i] = words[i + 1];
	return DONE;
}

/* Names those that were given and that the command does not take. */
static enum exit_code
refuse_options(const struct parsed *p)
{
	const struct command *c = p->invocation.command;
	char names[128] = "";
	size_t n = 0;

	for (int i = 0; i < ROWS; i++)
		if ((rows[i].takes & p->given & ~c->takes) != 0)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s--%s",
					      n == 0 ? "" : ", ", rows[i].name);
	return usage_error("%s does not take %s", c->name, names);
}

static enum exit_code
parse(int argc, char **argv, struct parsed *p)
{
	enum exit_code status = parse_options(argc, argv, p);

	if (status != DONE)
		return status;
	if (p->wants_help || p->wants_version) {
		p->invocation.command = optind < argc ? command_find(argv[optind]) : NULL;
		return DONE;
	}
	if (optind == argc)
		return usage_error("a command is missing");
	status = parse_words(argv + optind, (size_t)(argc - optind), &p->invocation);
	if (status == DONE && (p->given & ~p->invocation.command->takes) != 0)
		return refuse_options(p);
	return status;
}

/* What was not printed was not done. */
static enum exit_code
written(enum exit_code status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("tdcctl: standard output");
	return status == DONE ? REFUSED : status;
}

static enum exit_code
run(struct parsed *p)
{
	enum exit_code status = UNREACHABLE;

	if (p->socket == NULL || p->socket[0] == '\0')
		p->socket = DEFAULT_SOCKET;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	p->invocation.client = client_new(p->socket);
	if (p->invocation.client == NULL)
		fputs("tdcctl: no memory\n", stderr);
	else
		status = p->invocation.command->run(&p->invocation);
	client_free(p->invocation.client);
	curl_global_cleanup();
	return written(status);
}

int
main(int argc, char **argv)
{
	struct parsed p = { .socket = getenv("TDC_SOCKET") };
	enum exit_code status = parse(argc, argv, &p);

	if (status != DONE)
		return (int)status;
	if (!p.wants_help && !p.wants_version)
		return (int)run(&p);
	if (p.wants_version)
		puts("tdcctl " TDC_VERSION);
	else if (p.invocation.command == NULL)
		help();
	else
		help_command(p.invocation.command);
	return (int)written(DONE);
}

/*
 * options.c - the command line.
 */
#include "load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
usage(void)
{
	fprintf(stderr, "usage: load --to ADDRESS:PORT [--connections N] "
			"[--per-connection N] [--total N]\n"
			"	[--seconds S] [--size BYTES] [--pipelining "
			"none|envelope|all] [--bdat] [--lmtp]\n"
			"	[--rate N] [--backlog-max N --sink-control PATH] "
			"[--raw-sync FILE]\n"
			"	[--destinations N] [--from ADDRESS]\n");
	exit(2);
}

static void
parse_to(struct options *o, const char *text)
{
	char host[64];
	const char *colon = strrchr(text, ':');

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		usage();
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	o->to.sin_family = AF_INET;
	o->to.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &o->to.sin_addr) != 1)
		usage();
}

static enum pipelining
parse_pipelining(const char *text)
{
	static const char *const words[] = { "none", "envelope", "all" };

	for (int i = 0; i < 3; i++)
		if (strcmp(text, words[i]) == 0)
			return (enum pipelining)i;
	usage();
	return PIPELINING_NONE;
}

static void
parse_option(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--to") == 0)
		parse_to(o, value);
	else if (strcmp(name, "--connections") == 0)
		o->connections = (unsigned)atoi(value);
	else if (strcmp(name, "--per-connection") == 0)
		o->per_connection = (unsigned)atoi(value);
	else if (strcmp(name, "--destinations") == 0)
		o->destinations = (unsigned)atoi(value);
	else if (strcmp(name, "--total") == 0)
		o->total = strtoull(value, NULL, 10);
	else if (strcmp(name, "--seconds") == 0)
		o->seconds = atof(value);
	else if (strcmp(name, "--rate") == 0)
		o->rate = atof(value);
	else if (strcmp(name, "--size") == 0)
		o->size = strtoull(value, NULL, 10);
	else if (strcmp(name, "--pipelining") == 0)
		o->pipelining = parse_pipelining(value);
	else if (strcmp(name, "--backlog-max") == 0)
		o->backlog_max = strtoull(value, NULL, 10);
	else if (strcmp(name, "--sink-control") == 0)
		o->sink_control = value;
	else if (strcmp(name, "--raw-sync") == 0)
		o->raw_sync = value;
	else if (strcmp(name, "--from") == 0)
		o->from = value;
	else
		usage();
}

void
parse_options(struct options *o, int argc, char **argv)
{
	*o = (struct options){ .connections = 50,
			       .per_connection = 100,
			       .size = 4096,
			       .destinations = 1,
			       .pipelining = PIPELINING_ENVELOPE,
			       .from = "alice@outside.example" };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--lmtp") == 0)
			o->is_lmtp = true;
		else if (strcmp(argv[i], "--bdat") == 0)
			o->uses_bdat = true;
		else if (i + 1 < argc)
			parse_option(o, argv[i], argv[i + 1]), i++;
		else
			usage();
	}
	if (o->to.sin_port == 0 || (o->raw_sync != NULL && o->connections != 1) ||
	    (o->backlog_max > 0) != (o->sink_control != NULL) || strlen(o->from) > 100)
		usage();
	if (o->total == 0 && o->seconds <= 0)
		o->total = 1000;
}

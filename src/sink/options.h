/*
 * options.h - the command line of the simulator.
 */
#ifndef TDC_SINK_OPTIONS_H
#define TDC_SINK_OPTIONS_H

#include "faults.h"
#include "tdc/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Extensions that --no-extension can take away; STARTTLS has options of its own. */
#define SINK_EXTENSIONS(X)                                                               \
	X(PIPELINING, "PIPELINING")                                                      \
	X(SIZE, "SIZE")                                                                  \
	X(8BITMIME, "8BITMIME")                                                          \
	X(SMTPUTF8, "SMTPUTF8")                                                          \
	X(ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES")                                    \
	X(DSN, "DSN")                                                                    \
	X(CHUNKING, "CHUNKING")                                                          \
	X(BINARYMIME, "BINARYMIME")

enum extension {
#define X(id, name) EXTENSION_##id,
	SINK_EXTENSIONS(X)
#undef X
		EXTENSION_COUNT
};

enum { OPTIONS_NAMES_MAX = 16 };

struct options {
	const char *listen, *directory, *control;
	const char *names[OPTIONS_NAMES_MAX]; /* of the certificate */
	size_t name_count;
	const char *certificate, *tls_version;
	bool no_starttls, starttls_refuse, inject_after_starttls, plaintext_ok, discard;
	bool lacks[EXTENSION_COUNT];
	uint64_t size_max, messages_per_connection, max_connections; /* 0 = no limit */
};

const char *extension_name(enum extension x);
/* The strings stay the caller's. *is_help: print options_help() and exit 0. */
int options_parse(int argc, char **argv, struct options *o, struct faults *f,
		  bool *is_help, struct err *e);
const char *options_help(void);

#endif

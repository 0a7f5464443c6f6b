/*
 * options.c - one table of options.
 */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const extensions[] = {
#define X(id, name) name,
	SINK_EXTENSIONS(X)
#undef X
};

const char *
extension_name(enum extension x)
{
	return extensions[x];
}

/* clang-format off */
const char *
options_help(void)
{
	return "usage: tdcsink --listen ADDRESS:PORT --directory DIR [options]\n"
	       "\n"
	       "A strict SMTP server that stands in for a message intake: it takes mail over STARTTLS,\n"
	       "keeps every byte, and goes wrong on request. When it listens it prints one line of\n"
	       "JSON: {\"listening\":\"ADDRESS:PORT\",\"ca\":\"DIR/ca.pem\"}. SIGTERM or SIGINT: it prints\n"
	       "its counts as one line of JSON and exits 0. SIGUSR1: it prints its counts and goes on.\n"
	       "\n"
	       "  --listen ADDRESS:PORT  literal address; port 0 = any free one\n"
	       "  --directory DIR        made if missing. Holds ca.pem (made once, then kept),\n"
	       "                         messages/NNNNNN.eml and .json, pre-tls/NNNN.raw\n"
	       "  --discard              count messages, write no files\n"
	       "  --control PATH         unix socket for commands at run time (see below)\n"
	       "\n"
	       "TLS\n"
	       "  --name HOST            name or address in the certificate, repeatable\n"
	       "                         (default: localhost, 127.0.0.1, ::1)\n"
	       "  --certificate KIND     good, expired, wrong-name, unknown-ca, self-signed\n"
	       "  --tls-version V        1.0, 1.1, 1.2 or 1.3, and no other\n"
	       "  --no-starttls          STARTTLS is neither offered nor known\n"
	       "  --starttls-refuse      offered, but answered with 454\n"
	       "  --inject-after-starttls  a plaintext reply follows the 220 in the same packet\n"
	       "  --plaintext-ok         MAIL is taken without TLS\n"
	       "\n"
	       "Limits and extensions\n"
	       "  --no-extension NAME    do not offer it, repeatable: PIPELINING, SIZE, 8BITMIME,\n"
	       "                         SMTPUTF8, ENHANCEDSTATUSCODES, DSN, CHUNKING, BINARYMIME\n"
	       "  --size N               largest message in bytes (default 100000000)\n"
	       "  --messages-per-connection N  then 421\n"
	       "  --max-connections N    then 421 at the greeting\n"
	       "\n"
	       "Faults, all repeatable; each may end with \"@every N\" or \"@first N\"\n"
	       "  --reply STAGE=CODE[ text]  answer so; 421 also closes\n"
	       "  --drop STAGE           cut the connection there\n"
	       "  --delay STAGE=ms       answer later\n"
	       "  --duplicate-reply[=STAGE]  answer twice (default: rcpt)\n"
	       "  --late-reply[=STAGE]   hold the answer back until the next command came (default: final)\n"
	       "  stages: greeting ehlo starttls mail rcpt data bdat final quit; for --drop also\n"
	       "  mid-data, before-final-reply (the message is stored), after-final-reply\n"
	       "\n"
	       "Commands on the control socket, one a line, each answered by a line of JSON:\n"
	       "  reply|drop|delay|duplicate-reply|late-reply ...   add a fault, as above\n"
	       "  clear                  no more faults\n"
	       "  certificate KIND       another certificate for new connections\n"
	       "  starttls on|off|refuse\n"
	       "  cut                    cut all connections\n"
	       "  counts                 the counts\n";
}
/* clang-format on */

enum option_type {
	TYPE_FLAG,
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_NAME,
	TYPE_EXTENSION,
	TYPE_FAULT
};

static const struct option_row {
	const char *name;
	enum option_type type;
	size_t offset;             /* in struct options */
	const char *value_if_none; /* a value is optional, after "=" */
} rows[] = {
	{ "listen", TYPE_TEXT, offsetof(struct options, listen), NULL },
	{ "directory", TYPE_TEXT, offsetof(struct options, directory), NULL },
	{ "control", TYPE_TEXT, offsetof(struct options, control), NULL },
	{ "certificate", TYPE_TEXT, offsetof(struct options, certificate), NULL },
	{ "tls-version", TYPE_TEXT, offsetof(struct options, tls_version), NULL },
	{ "discard", TYPE_FLAG, offsetof(struct options, discard), NULL },
	{ "no-starttls", TYPE_FLAG, offsetof(struct options, no_starttls), NULL },
	{ "starttls-refuse", TYPE_FLAG, offsetof(struct options, starttls_refuse), NULL },
	{ "inject-after-starttls", TYPE_FLAG,
	  offsetof(struct options, inject_after_starttls), NULL },
	{ "plaintext-ok", TYPE_FLAG, offsetof(struct options, plaintext_ok), NULL },
	{ "size", TYPE_NUMBER, offsetof(struct options, size_max), NULL },
	{ "messages-per-connection", TYPE_NUMBER,
	  offsetof(struct options, messages_per_connection), NULL },
	{ "max-connections", TYPE_NUMBER, offsetof(struct options, max_connections),
	  NULL },
	{ "name", TYPE_NAME, 0, NULL },
	{ "no-extension", TYPE_EXTENSION, 0, NULL },
	{ "reply", TYPE_FAULT, 0, NULL },
	{ "drop", TYPE_FAULT, 0, NULL },
	{ "delay", TYPE_FAULT, 0, NULL },
	{ "duplicate-reply", TYPE_FAULT, 0, "rcpt" },
	{ "late-reply", TYPE_FAULT, 0, "final" },
};

static int
set_number(uint64_t *to, const char *name, const char *value, struct err *e)
{
	char *end = NULL;

	errno = 0;
	unsigned long long n = strtoull(value, &end, 10);
	if (end == value || *end != '\0' || errno != 0 || value[0] == '-')
		return err_set(e, ERR_SYNTAX, 0, "--%s %s: not a number", name, value);
	*to = n;
	return 0;
}

static int
set_extension(struct options *o, const char *value, struct err *e)
{
	for (size_t i = 0; i < EXTENSION_COUNT; i++) {
		if (strcasecmp(extensions[i], value) == 0) {
			o->lacks[i] = true;
			return 0;
		}
	}
	return err_set(e, ERR_SYNTAX, 0, "--no-extension %s: no such extension", value);
}

static int
set_name(struct options *o, const char *value, struct err *e)
{
	if (o->name_count == OPTIONS_NAMES_MAX)
		return err_set(e, ERR_LIMIT, 0, "too many names");
	o->names[o->name_count++] = value;
	return 0;
}

static int
set_option(struct options *o, struct faults *f, const struct option_row *row,
	   const char *value, struct err *e)
{
	void *field = (char *)o + row->offset;

	switch (row->type) {
	case TYPE_FLAG:
		*(bool *)field = true;
		return 0;
	case TYPE_TEXT:
		*(const char **)field = value;
		return 0;
	case TYPE_NUMBER:
		return set_number(field, row->name, value, e);
	case TYPE_NAME:
		return set_name(o, value, e);
	case TYPE_EXTENSION:
		return set_extension(o, value, e);
	case TYPE_FAULT:
		return faults_add(f, row->name, value, e) == 0
			       ? 0
			       : err_wrap(e, "--%s", row->name);
	}
	return 0;
}

/* `text` is what follows "--": NAME or NAME=VALUE. */
static const struct option_row *
find_row(const char *text, const char **value)
{
	size_t n = strcspn(text, "=");

	*value = text[n] == '=' ? text + n + 1 : NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == n && strncmp(rows[i].name, text, n) == 0)
			return &rows[i];
	return NULL;
}

static int
check_options(struct options *o, struct err *e)
{
	static const char *const usual[] = { "localhost", "127.0.0.1", "::1" };

	if (o->listen == NULL || o->directory == NULL)
		return err_set(e, ERR_SYNTAX, 0, "--listen and --directory are needed");
	if (o->name_count == 0) {
		memcpy(o->names, usual, sizeof(usual));
		o->name_count = 3;
	}
	return 0;
}

int
options_parse(int argc, char **argv, struct options *o, struct faults *f, bool *is_help,
	      struct err *e)
{
	*o = (struct options){ .certificate = "good", .size_max = 100000000 };
	*is_help = false;
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*is_help = true;
			return 0;
		}
		const struct option_row *row = strncmp(argv[i], "--", 2) == 0
						       ? find_row(argv[i] + 2, &value)
						       : NULL;
		if (row == NULL)
			return err_set(e, ERR_SYNTAX, 0, "no such option: %s", argv[i]);
		if (row->type == TYPE_FLAG && value != NULL)
			return err_set(e, ERR_SYNTAX, 0, "--%s takes no value",
				       row->name);
		if (row->type != TYPE_FLAG && value == NULL)
			value = row->value_if_none != NULL ? row->value_if_none
				: i + 1 < argc             ? argv[++i]
							   : NULL;
		if (row->type != TYPE_FLAG && value == NULL)
			return err_set(e, ERR_SYNTAX, 0, "--%s needs a value", row->name);
		if (set_option(o, f, row, value, e) != 0)
			return -1;
	}
	return check_options(o, e);
}

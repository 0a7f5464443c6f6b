/*
 * commands.h - the commands of tdcctl as a table, and what one of them is given.
 */
#ifndef TDC_CTL_COMMANDS_H
#define TDC_CTL_COMMANDS_H

#include "call.h"

#include <stdbool.h>
#include <stddef.h>

struct command;

struct invocation {
	const struct command *command;
	struct client *client;
	const char *words
		[3]; /* the arguments after the command's name; NULL behind the last */
	size_t n_words;
	const char *state; /* --state */
	long limit;        /* --limit; 0 = all */
	bool is_json, is_yes, is_verify;
};

/* Which options a command takes. */
enum {
	TAKES_JSON = 1 << 0,
	TAKES_STATE = 1 << 1,
	TAKES_LIMIT = 1 << 2,
	TAKES_YES = 1 << 3,
	TAKES_VERIFY = 1 << 4,
};

struct command {
	const char *name, *arguments;
	size_t words_min, words_max;
	unsigned takes;
	enum exit_code (*run)(struct invocation *v);
	const char *help;
};
extern const struct command commands[];
extern const size_t commands_count;

/* A word that can be a MID. */
bool is_id(const char *word);
/* A usage message on stderr; returns USAGE. */
enum exit_code usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The answer as it came, indented. Takes it. */
enum exit_code print_json(json_t *answer);

enum exit_code run_status(struct invocation *v);
enum exit_code run_health(struct invocation *v);
enum exit_code run_account(struct invocation *v);
enum exit_code run_queue(struct invocation *v);
enum exit_code run_dead(struct invocation *v);
enum exit_code run_quarantine(struct invocation *v);
enum exit_code run_show(struct invocation *v);
enum exit_code run_action(struct invocation *v); /* its name is the action's */
enum exit_code run_reload(struct invocation *v);
enum exit_code run_version(struct invocation *v);

/* An action on an ID or "all", if in `state` (NULL = whatever it is for). */
enum exit_code act(struct invocation *v, const char *action, const char *what,
		   const char *state);
/* Pages of the queue, as a table or as JSON. */
enum exit_code list(struct invocation *v, const char *state);

#endif

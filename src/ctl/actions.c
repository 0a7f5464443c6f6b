/*
 * actions.c - hold, release, delete, delivernow, and retrying the dead.
 */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
is_id(const char *word)
{
	size_t n = strlen(word);

	return n > 0 && n < 20 && strspn(word, "0123456789") == n &&
	       word[strspn(word, "0")] != '\0';
}

/* What cannot be undone is asked for, unless --yes said it before. */
static enum exit_code
confirm(const struct invocation *v, const char *what, const char *state)
{
	char answer[16] = "";
	char all[80];

	if (v->is_yes)
		return DONE;
	if (!isatty(STDIN_FILENO))
		return usage_error("delete cannot be undone: say --yes");
	snprintf(all, sizeof(all), "ALL %s%sjournals", state == NULL ? "" : state,
		 state == NULL ? "" : " ");
	fprintf(stderr,
		"Delete %s for good? Type yes: ", strcmp(what, "all") == 0 ? all : what);
	if (fgets(answer, sizeof(answer), stdin) != NULL && strcmp(answer, "yes\n") == 0)
		return DONE;
	fprintf(stderr, "tdcctl: nothing was deleted\n");
	return REFUSED;
}

static const char *
done_word(const char *action)
{
	static const char *const words[][2] = {
		{ "hold", "held" },           { "release", "released" },
		{ "delete", "deleted" },      { "retry", "to be delivered again" },
		{ "delivernow", "made due" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i][0], action) == 0)
			return words[i][1];
	return action;
}

static void
print_done(const char *action, const char *what, json_t *answer)
{
	long long changed = json_integer_value(json_object_get(answer, "changed"));
	long long in_flight = json_integer_value(json_object_get(answer, "in_flight"));

	if (strcmp(what, "all") != 0) {
		printf("%s: %s\n", what,
		       changed > 0 ? done_word(action)
				   : "due already; its destination is tried");
		return;
	}
	printf("%lld journals %s", changed, done_word(action));
	if (in_flight > 0)
		printf("; %lld left out because they are being sent", in_flight);
	if (strcmp(action, "delivernow") == 0)
		printf("; all destinations are tried");
	printf("\n");
}

enum exit_code
act(struct invocation *v, const char *action, const char *what, const char *state)
{
	char path[160];
	json_t *answer;
	bool is_all = strcmp(what, "all") == 0;
	enum exit_code code = DONE;

	if (!is_all && !is_id(what))
		return usage_error("%s: neither an ID nor 'all'", what);
	if (state != NULL &&
	    (strspn(state, "abcdefghijklmnopqrstuvwxyz") != strlen(state) ||
	     strlen(state) > 20))
		return usage_error("%s: no such state", state);
	if (strcmp(action, "delete") == 0)
		code = confirm(v, what, state);
	if (code != DONE)
		return code;
	if (is_all)
		snprintf(path, sizeof(path), "/queue/%s%s%s", action,
			 state == NULL ? "" : "?state=", state == NULL ? "" : state);
	else
		snprintf(path, sizeof(path), "/queue/%s/%s", what, action);
	code = client_post(v->client, path, &answer);
	if (code != DONE)
		return code;
	if (v->is_json)
		return print_json(answer);
	print_done(action, what, answer);
	json_decref(answer);
	return DONE;
}

enum exit_code
run_action(struct invocation *v)
{
	const char *what = v->n_words == 0 ? "all" : v->words[0];

	if (v->state != NULL && strcmp(what, "all") != 0)
		return usage_error("--state goes with 'all'");
	return act(v, v->command->name, what, v->state);
}

enum exit_code
run_dead(struct invocation *v)
{
	const char *verb = v->n_words == 0 ? "list" : v->words[0];

	if (strcmp(verb, "list") == 0 && v->n_words < 2)
		return list(v, "dead");
	if (strcmp(verb, "retry") != 0 && strcmp(verb, "delete") != 0)
		return usage_error(
			"dead %s: 'list', 'retry ID|all' or 'delete ID|all' is meant",
			verb);
	if (v->n_words < 2)
		return usage_error("dead %s: an ID or 'all' is missing", verb);
	return act(v, verb, v->words[1], strcmp(v->words[1], "all") == 0 ? "dead" : NULL);
}

/*
 * actions.c - hold, release, delete, delivernow, and what can be done with the dead and
 * with what is quarantined.
 */
#include "commands.h"
#include "print.h"

#include "tdc/base/format.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
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

/* "5: held", "message 4: 2 journals held", "all: 7 journals held" */
static void
print_done(const char *action, const char *what, json_t *answer)
{
	const char *done = text_of(answer, "done");
	long long changed = count_of(answer, "changed"),
		  in_flight = count_of(answer, "in_flight");
	bool is_all = strcmp(what, "all") == 0;
	bool is_message = json_object_get(answer, "message_mid") != NULL;

	if (!is_all)
		printf("%s%s: ", is_message ? "message " : "", what);
	if (is_all || (is_message && changed > 0))
		printf("%lld journal%s ", changed, format_plural((uint64_t)changed));
	if (!is_all && changed == 0 && json_object_get(answer, "dcid") != NULL)
		printf("being sent in this moment, by DCID %lld",
		       count_of(answer, "dcid"));
	else
		print_text(stdout, is_all || changed > 0
					   ? done
					   : "due already; its destination is tried");
	if (in_flight > 0)
		printf("; %lld left out while being sent", in_flight);
	if (is_all && strcmp(action, "delivernow") == 0)
		printf("; all destinations are tried");
	printf("\n");
}

static enum exit_code
post(struct invocation *v, const char *path, const char *action, const char *what)
{
	json_t *answer;
	enum exit_code code = client_post(v->client, path, &answer);

	if (code != DONE)
		return code;
	if (v->is_json)
		return print_json(answer);
	print_done(action, what, answer);
	json_decref(answer);
	return DONE;
}

enum exit_code
act(struct invocation *v, const char *action, const char *what, const char *state)
{
	char path[160];
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
	snprintf(path, sizeof(path), "/queue/%s%s%s%s%s", is_all ? "" : what,
		 is_all ? "" : "/", action,
		 state == NULL ? "" : "?state=", state == NULL ? "" : state);
	return post(v, path, action, what);
}

enum exit_code
run_action(struct invocation *v)
{
	const char *what = v->n_words == 0 ? "all" : v->words[0];

	if (v->state != NULL && strcmp(what, "all") != 0)
		return usage_error("--state goes with 'all'");
	return act(v, v->command->name, what, v->state);
}

/* ---------------------------------------------------------------- quarantine */

struct tally {
	long long changed, refused;
};

/* Those of a page. Not DONE: the daemon is gone. */
static enum exit_code
retry_page(struct invocation *v, const json_t *rows, struct tally *t)
{
	char path[64];

	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *answer;
		snprintf(path, sizeof(path), "/quarantine/%lld/retry",
			 count_of(json_array_get(rows, i), "mid"));
		enum exit_code code = client_post(v->client, path, &answer);
		if (code == UNREACHABLE)
			return code;
		if (code == DONE)
			json_decref(answer);
		t->changed += code == DONE;
		t->refused += code != DONE;
	}
	return DONE;
}

/* One by one: each is looked at before it goes back. */
static enum exit_code
retry_all_quarantined(struct invocation *v)
{
	struct tally t = { 0 };
	long long after = 0;
	char path[64];

	do {
		json_t *answer;
		snprintf(path, sizeof(path), "/quarantine?after=%lld&limit=1000", after);
		enum exit_code code = client_get(v->client, path, &answer);
		if (code != DONE)
			return code;
		after = count_of(answer, "next");
		code = retry_page(v, json_object_get(answer, "journals"), &t);
		json_decref(answer);
		if (code != DONE)
			return code;
	} while (after != 0);
	if (v->is_json)
		(void)print_json(json_pack("{s:s, s:I, s:I}", "action", "retry",
					   "changed", (json_int_t)t.changed, "refused",
					   (json_int_t)t.refused));
	else
		printf("%lld journal%s put back into the queue; left in quarantine: "
		       "%lld\n",
		       t.changed, format_plural((uint64_t)t.changed), t.refused);
	return t.refused == 0 ? DONE : REFUSED;
}

static enum exit_code
retry_quarantined(struct invocation *v, const char *what)
{
	char path[64];

	if (strcmp(what, "all") == 0)
		return retry_all_quarantined(v);
	if (!is_id(what))
		return usage_error("%s: neither an ID nor 'all'", what);
	snprintf(path, sizeof(path), "/quarantine/%s/retry", what);
	return post(v, path, "retry", what);
}

/* ---------------------------------------------------------------- verbs */

/* "list", "retry ID|all" or "delete ID|all" of what is in `state`. */
static enum exit_code
run_verb(struct invocation *v, const char *state,
	 enum exit_code (*retry)(struct invocation *v, const char *what))
{
	const char *verb = v->n_words == 0 ? "list" : v->words[0];

	if (strcmp(verb, "list") == 0 && v->n_words < 2)
		return list(v, state);
	if (strcmp(verb, "retry") != 0 && strcmp(verb, "delete") != 0)
		return usage_error(
			"%s %s: 'list', 'retry ID|all' or 'delete ID|all' is meant",
			v->command->name, verb);
	if (v->n_words < 2)
		return usage_error("%s %s: an ID or 'all' is missing", v->command->name,
				   verb);
	if (strcmp(verb, "retry") == 0)
		return retry(v, v->words[1]);
	return act(v, verb, v->words[1], state);
}

static enum exit_code
retry_dead(struct invocation *v, const char *what)
{
	return act(v, "retry", what, "dead");
}

enum exit_code
run_dead(struct invocation *v)
{
	return run_verb(v, "dead", retry_dead);
}

enum exit_code
run_quarantine(struct invocation *v)
{
	return run_verb(v, "quarantined", retry_quarantined);
}

/*
 * commands.c - the table of commands.
 */
#include "commands.h"
#include "print.h"

#include <stdio.h>

const struct command commands[] = {
	{ "status", "", 0, 0, TAKES_JSON, run_status, "the state of the daemon" },
	{ "health", "", 0, 0, TAKES_JSON, run_health,
	  "whether someone must act; exit status 0 ok, 1 warning, 2 error" },
	{ "queue", "", 0, 0, TAKES_JSON | TAKES_STATE | TAKES_LIMIT, run_queue,
	  "list the journals" },
	{ "show", "ID", 1, 1, TAKES_JSON, run_show,
	  "all about one journal or message, and why it waits" },
	{ "delivernow", "[ID|all]", 0, 1, TAKES_JSON | TAKES_YES, run_action,
	  "end all waits and try at once" },
	{ "hold", "ID|all", 1, 1, TAKES_JSON | TAKES_YES, run_action,
	  "keep from delivery until released" },
	{ "release", "ID|all", 1, 1, TAKES_JSON | TAKES_YES, run_action,
	  "deliver what is held" },
	{ "delete", "ID|all", 1, 1, TAKES_JSON | TAKES_STATE | TAKES_YES, run_action,
	  "delete for good" },
	{ "dead", "[list | retry ID|all | delete ID|all]", 0, 2,
	  TAKES_JSON | TAKES_LIMIT | TAKES_YES, run_dead,
	  "list, retry or delete dead letters" },
	{ "quarantine", "[list | retry ID|all | delete ID|all]", 0, 2,
	  TAKES_JSON | TAKES_LIMIT | TAKES_YES, run_quarantine,
	  "list, retry or delete what is damaged" },
	{ "account", "", 0, 0, TAKES_JSON | TAKES_VERIFY, run_account,
	  "what became of every journal" },
	{ "reload", "", 0, 0, TAKES_JSON, run_reload, "read the configuration anew" },
	{ "version", "", 0, 0, TAKES_JSON, run_version,
	  "the versions of tdcctl and tdcd" },
};
const size_t commands_count = sizeof(commands) / sizeof(commands[0]);

enum exit_code
print_json(json_t *answer)
{
	int failed = json_dumpf(answer, stdout, JSON_INDENT(2)) != 0;

	failed |= putchar('\n') == EOF;
	json_decref(answer);
	return failed ? REFUSED : DONE;
}

enum exit_code
run_version(struct invocation *v)
{
	json_t *answer;

	if (!v->is_json)
		printf("tdcctl %s\n", TDC_VERSION);
	enum exit_code code = client_get(v->client, "/status", &answer);
	if (code != DONE)
		return code;
	const char *version = json_string_value(json_object_get(answer, "version"));
	if (v->is_json) {
		json_t *o =
			json_pack("{s:s, s:s?}", "tdcctl", TDC_VERSION, "tdcd", version);
		json_decref(answer);
		return print_json(o);
	}
	printf("tdcd %s\n", version == NULL ? "-" : version);
	json_decref(answer);
	return DONE;
}

static void
print_lines(FILE *f, const char *before, const json_t *lines)
{
	for (size_t i = 0; i < json_array_size(lines); i++) {
		fputs(before, f);
		print_text(f, json_string_value(json_array_get(lines, i)));
		fputc('\n', f);
	}
}

/* What is wrong with the file, as `tdcd --check` prints it; or else the reason. */
static void
print_refusal(const json_t *answer)
{
	const json_t *errors = json_object_get(answer, "errors");

	print_lines(stderr, "warning: ", json_object_get(answer, "warnings"));
	print_lines(stderr, "", errors);
	fputs("tdcctl: ", stderr);
	if (json_array_size(errors) > 0)
		fputs("the configuration is refused, nothing changed", stderr);
	else
		print_text(stderr, json_string_value(json_object_get(answer, "detail")));
	fputc('\n', stderr);
}

enum exit_code
run_reload(struct invocation *v)
{
	json_t *answer;
	long status = 0;
	enum exit_code code = client_order(v->client, "/reload", &status, &answer);

	if (code != DONE)
		return code;
	if (status != 200)
		print_refusal(answer);
	if (v->is_json) {
		code = print_json(answer);
		return status == 200 ? code : REFUSED;
	}
	if (status == 200) {
		print_lines(stdout, "warning: ", json_object_get(answer, "warnings"));
		printf("configuration taken, generation %lld\n",
		       (long long)json_integer_value(
			       json_object_get(answer, "configuration_generation")));
	}
	json_decref(answer);
	return status == 200 ? DONE : REFUSED;
}

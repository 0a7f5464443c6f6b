/*
 * test_paths.c - the table of paths: what is found, what is not, and that the published
 * description names exactly these.
 */
#include "admin/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <cmocka.h>

static const struct find {
	const char *name;
	enum http_method method;
	const char *path;
	enum path_match want;
	const char *pattern; /* of the path that is found */
	uint64_t mid;
} finds[] = {
	{ "a fixed path", HTTP_GET, "/status", PATH_FOUND, "/status", 0 },
	{ "a MID in the path", HTTP_GET, "/queue/17", PATH_FOUND, "/queue/*", 17 },
	{ "an action on a MID", HTTP_POST, "/queue/17/hold", PATH_FOUND, "/queue/*/hold",
	  17 },
	{ "an action on all", HTTP_POST, "/queue/hold", PATH_FOUND, "/queue/hold", 0 },
	{ "the largest MID", HTTP_GET, "/queue/9223372036854775807", PATH_FOUND,
	  "/queue/*", 9223372036854775807u },
	{ "leading zeros are the same MID", HTTP_GET, "/queue/007", PATH_FOUND,
	  "/queue/*", 7 },
	{ "MID 0 is none", HTTP_GET, "/queue/0", PATH_UNKNOWN, NULL, 0 },
	{ "a MID of 20 digits is none", HTTP_GET, "/queue/10000000000000000000",
	  PATH_UNKNOWN, NULL, 0 },
	{ "a negative MID is none", HTTP_GET, "/queue/-1", PATH_UNKNOWN, NULL, 0 },
	{ "an empty MID is none", HTTP_GET, "/queue/", PATH_UNKNOWN, NULL, 0 },
	{ "an empty MID before an action is none", HTTP_POST, "/queue//hold",
	  PATH_UNKNOWN, NULL, 0 },
	{ "letters are no MID", HTTP_GET, "/queue/17x", PATH_UNKNOWN, NULL, 0 },
	{ "more behind a fixed path", HTTP_GET, "/status/x", PATH_UNKNOWN, NULL, 0 },
	{ "more behind an action", HTTP_POST, "/queue/17/hold/", PATH_UNKNOWN, NULL, 0 },
	{ "an unknown action", HTTP_POST, "/queue/17/grip", PATH_UNKNOWN, NULL, 0 },
	{ "the root", HTTP_GET, "/", PATH_UNKNOWN, NULL, 0 },
	{ "nothing", HTTP_GET, "", PATH_UNKNOWN, NULL, 0 },
	{ "looking does not act", HTTP_GET, "/queue/17/hold", PATH_OTHER_METHOD, NULL,
	  0 },
	{ "acting needs an action", HTTP_POST, "/queue/17", PATH_OTHER_METHOD, NULL, 0 },
	{ "another method", HTTP_OTHER, "/status", PATH_OTHER_METHOD, NULL, 0 },
	{ "DELETE is not a way to delete", HTTP_DELETE, "/queue/17", PATH_OTHER_METHOD,
	  NULL, 0 },
};

static void
test_find(void **s)
{
	int bad = 0;

	(void)s;
	for (size_t i = 0; i < sizeof(finds) / sizeof(finds[0]); i++) {
		const struct find *f = &finds[i];
		const struct path *path = NULL;
		uint64_t mid = 0;
		enum path_match got = path_find(f->method, f->path, &path, &mid);
		if (got == f->want && mid == f->mid &&
		    (f->pattern == NULL ? path == NULL
					: strcmp(path->pattern, f->pattern) == 0))
			continue;
		print_error("%s: got %d %s MID %llu, want %d %s MID %llu\n", f->name,
			    (int)got, path == NULL ? "-" : path->pattern,
			    (unsigned long long)mid, (int)f->want,
			    f->pattern == NULL ? "-" : f->pattern,
			    (unsigned long long)f->mid);
		bad++;
	}
	assert_int_equal(bad, 0);
}

static const struct states {
	const char *name;
	const struct action *action;
	const char *want;
} states[] = {
	{ "hold", &actions[ACTION_HOLD], "waiting or uncertain" },
	{ "release", &actions[ACTION_RELEASE], "held" },
	{ "delete", &actions[ACTION_DELETE],
	  "waiting, uncertain, held, dead or quarantined" },
	{ "retry", &actions[ACTION_RETRY], "dead" },
	{ "delivernow", &actions[ACTION_DELIVERNOW], "waiting or uncertain" },
	{ "retry from quarantine", &action_retry_quarantined, "quarantined" },
};

static void
test_states_in_words(void **s)
{
	char text[160], small[8];

	(void)s;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		action_states(states[i].action->states, text, sizeof(text));
		assert_string_equal(text, states[i].want);
		action_states(states[i].action->states, small,
			      sizeof(small)); /* cut, not overrun */
		assert_true(strlen(small) < sizeof(small));
	}
}

/* Whoever could meet a delivery in flight must withdraw it first. */
static void
test_what_touches_waiting_rows_withdraws(void **s)
{
	(void)s;
	for (size_t i = 0; i < admin_paths_count; i++) {
		const struct action *a = admin_paths[i].action;
		if (a == NULL || a == &actions[ACTION_DELIVERNOW])
			continue;
		bool is_sendable =
			(a->states & (1u << JOURNAL_WAITING | 1u << JOURNAL_UNCERTAIN)) !=
			0;
		assert_int_equal(a->withdraws, is_sendable);
	}
}

/* ---------------------------------------------------------- the published description */

static char *
description(void)
{
	const char *source = getenv("TDC_SOURCE_DIR");
	char path[512];
	char *text = calloc(1, 64 << 10);

	snprintf(path, sizeof(path), "%s/schema/admin.openapi.yaml",
		 source == NULL ? "." : source);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s is not there", path);
	size_t n = fread(text, 1, (64 << 10) - 1, f);
	fclose(f);
	assert_true(n > 0);
	return text;
}

/* "/queue/" and "*" and "/hold" as YAML: "\n  /queue/{mid}/hold:\n    post:\n" */
static void
as_described(const struct path *p, char *text, size_t n)
{
	const char *star = strchr(p->pattern, '*');
	int before = star == NULL ? (int)strlen(p->pattern) : (int)(star - p->pattern);

	snprintf(text, n, "\n  %.*s%s%s:\n    %s:\n", before, p->pattern,
		 star == NULL ? "" : "{mid}", star == NULL ? "" : star + 1,
		 p->method == HTTP_POST ? "post" : "get");
}

static void
test_description(void **s)
{
	char *text = description(), want[160];
	size_t described = 0;

	(void)s;
	for (size_t i = 0; i < admin_paths_count; i++) {
		as_described(&admin_paths[i], want, sizeof(want));
		if (strstr(text, want) == NULL)
			fail_msg("schema/admin.openapi.yaml does not describe %s", want);
	}
	for (const char *p = text; (p = strstr(p, "\n  /")) != NULL; p++)
		described++;
	assert_int_equal(described, admin_paths_count);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_states_in_words),
		cmocka_unit_test(test_what_touches_waiting_rows_withdraws),
		cmocka_unit_test(test_description),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

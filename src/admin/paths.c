/*
 * paths.c - every path of the interface, and finding one.
 *
 * The description for others is schema/admin.openapi.yaml; a unit test compares the two.
 */
#include "internal.h"

#include <stdio.h>

/* clang-format off */
const struct path admin_paths[] = {
	/* method     path                    run                 action */
	{ HTTP_GET,  "/status",              run_status,         NULL },
	{ HTTP_GET,  "/health",              run_health,         NULL },
	{ HTTP_GET,  "/account",             run_account,        NULL },
	{ HTTP_GET,  "/queue",               run_list,           NULL },
	{ HTTP_GET,  "/dead",                run_dead,           NULL },
	{ HTTP_GET,  "/quarantine",          run_quarantine,     NULL },
	{ HTTP_GET,  "/queue/*",             run_show,           NULL },
#define X(id, name, ...) \
	{ HTTP_POST, "/queue/*/" name,   run_action,         &actions[ACTION_##id] }, \
	{ HTTP_POST, "/queue/" name,     run_action_on_all,  &actions[ACTION_##id] },
	ACTIONS(X)
#undef X
	{ HTTP_POST, "/quarantine/*/retry",  run_quarantine_retry,
	  &action_retry_quarantined },
	{ HTTP_POST, "/reload",              run_reload,         NULL },
};
/* clang-format on */
const size_t admin_paths_count = sizeof(admin_paths) / sizeof(admin_paths[0]);

int
parse_mid(struct span text, uint64_t *ret)
{
	uint64_t value = 0;

	if (text.n == 0 || text.n > 19)
		return -1;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -1;
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (value == 0)
		return -1;
	*ret = value;
	return 0;
}

static bool
matches(const char *pattern, const char *path, uint64_t *mid)
{
	const char *star = strchr(pattern, '*');

	if (star == NULL)
		return strcmp(pattern, path) == 0;
	size_t before = (size_t)(star - pattern);
	if (strncmp(pattern, path, before) != 0)
		return false;
	size_t digits = strspn(path + before, "0123456789");
	return strcmp(star + 1, path + before + digits) == 0 &&
	       parse_mid(span_make(path + before, digits), mid) == 0;
}

enum path_match
path_find(enum http_method method, const char *path, const struct path **ret,
	  uint64_t *mid)
{
	enum path_match found = PATH_UNKNOWN;

	for (size_t i = 0; i < admin_paths_count; i++) {
		uint64_t number = 0;
		if (!matches(admin_paths[i].pattern, path, &number))
			continue;
		found = PATH_OTHER_METHOD;
		if (admin_paths[i].method != method)
			continue;
		*ret = &admin_paths[i];
		*mid = number;
		return PATH_FOUND;
	}
	return found;
}

void
path_methods(const char *path, char text[METHODS_MAX])
{
	static const char *const names[] = {
		[HTTP_GET] = "GET, HEAD",
		[HTTP_POST] = "POST",
		[HTTP_DELETE] = "DELETE",
	};
	uint64_t mid;

	text[0] = '\0';
	for (size_t i = 0; i < admin_paths_count; i++) {
		size_t n = strlen(text);
		const char *name = names[admin_paths[i].method];
		if (matches(admin_paths[i].pattern, path, &mid) &&
		    strstr(text, name) == NULL)
			snprintf(text + n, METHODS_MAX - n, "%s%s", n == 0 ? "" : ", ",
				 name);
	}
}

/*
 * queue.c - lists of journals.
 */
#include "commands.h"
#include "print.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 1000 };

static const struct column columns[] = {
	{ "ID", true, 0 },
	{ "MESSAGE", true, 0 },
	{ "STATE", false, 0 },
	{ "ACCEPTED (UTC)", false, 0 },
	{ "SIZE", true, 0 },
	{ "TRIES", true, 0 },
	{ "NEXT (UTC)", false, 0 },
	{ "SENDER", false, 40 },
	{ "RECIPIENT", false, 40 },
	{ "LAST REPLY", false, 100 }, /* or why it is where it is */
};

static void
add_row(struct table *t, const json_t *row)
{
	char slot[PRINT_SLOT], recipient[400];
	const char *first = text_of(row, "first_recipient"),
		   *sender = text_of(row, "sender");
	long long n = count_of(row, "recipients");

	table_add(t, format_count(json_object_get(row, "mid"), slot));
	table_add(t, format_count(json_object_get(row, "message_mid"), slot));
	table_add(t, text_of(row, "state"));
	table_add(t, format_time(json_object_get(row, "accepted_at"), slot));
	table_add(t, format_size(json_object_get(row, "size"), slot));
	table_add(t, format_count(json_object_get(row, "attempts"), slot));
	table_add(t, format_time(json_object_get(row, "next_at"), slot));
	table_add(t, sender != NULL && sender[0] == '\0' ? "<>" : sender);
	if (n > 1)
		snprintf(recipient, sizeof(recipient), "%.300s (+%lld)",
			 first == NULL ? "-" : first, n - 1);
	else
		snprintf(recipient, sizeof(recipient), "%.300s",
			 first == NULL ? "-" : first);
	table_add(t, recipient);
	table_add(t, text_of(row, text_of(row, "last_reply") == NULL ? "reason"
								     : "last_reply"));
}

/* One object, whatever the number of pages; rows are printed as they come. */
struct listing {
	bool is_json;
	long long printed;
	struct table table;
};

static void
print_page(struct listing *l, const json_t *answer)
{
	const json_t *rows = json_object_get(answer, "journals");

	for (size_t i = 0; i < json_array_size(rows); i++, l->printed++) {
		const json_t *row = json_array_get(rows, i);
		if (!l->is_json) {
			add_row(&l->table, row);
			continue;
		}
		fputs(l->printed == 0 ? "\n  " : ",\n  ", stdout);
		json_dumpf(row, stdout, JSON_COMPACT);
	}
	if (!l->is_json)
		table_print(&l->table);
}

static enum exit_code
fetch_pages(struct invocation *v, const char *state, struct listing *l)
{
	char path[200];
	long long after = 0;

	do {
		json_t *answer;
		long long want = v->limit > 0 && v->limit - l->printed < PAGE
					 ? v->limit - l->printed
					 : PAGE;
		snprintf(path, sizeof(path), "/queue?after=%lld&limit=%lld%s%s", after,
			 want,
			 state == NULL ? "" : "&state=", state == NULL ? "" : state);
		enum exit_code code = client_get(v->client, path, &answer);
		if (code != DONE)
			return code;
		if (l->is_json && after == 0)
			fputs("{\"journals\": [", stdout);
		print_page(l, answer);
		after = count_of(answer, "next");
		json_decref(answer);
	} while (after != 0 && (v->limit == 0 || l->printed < v->limit));
	if (l->is_json)
		puts(l->printed == 0 ? "]}" : "\n]}");
	return DONE;
}

enum exit_code
list(struct invocation *v, const char *state)
{
	struct listing l = { .is_json = v->is_json };

	if (state != NULL && strspn(state, "abcdefghijklmnopqrstuvwxyz") != strlen(state))
		return usage_error("%s: no such state", state);
	table_init(&l.table, columns, sizeof(columns) / sizeof(columns[0]));
	enum exit_code code = fetch_pages(v, state, &l);
	table_done(&l.table);
	return code;
}

enum exit_code
run_queue(struct invocation *v)
{
	return list(v, v->state);
}

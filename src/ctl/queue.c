/*
 * queue.c - lists of journals, and one of them in full.
 */
#include "commands.h"
#include "print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 1000 };

static const struct column columns[] = {
	{ "ID", true, 0 },
	{ "STATE", false, 0 },
	{ "ACCEPTED (UTC)", false, 0 },
	{ "SIZE", true, 0 },
	{ "TRIES", true, 0 },
	{ "NEXT (UTC)", false, 0 },
	{ "SENDER", false, 40 },
	{ "RECIPIENT", false, 40 },
	{ "LAST REPLY", false, 100 }, /* or why it is where it is */
};

static const char *
text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void
add_row(struct table *t, const json_t *row)
{
	char slot[PRINT_SLOT], recipient[400];
	const char *first = text_of(row, "first_recipient"),
		   *sender = text_of(row, "sender");
	long long n = json_integer_value(json_object_get(row, "recipients"));

	table_add(t, format_count(json_object_get(row, "mid"), slot));
	table_add(t, text_of(row, "state"));
	table_add(t, format_time(json_object_get(row, "created_at"), slot));
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
		after = json_integer_value(json_object_get(answer, "next"));
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

/* ---------------------------------------------------------------- show */

static void
print_line(const char *label, const char *text)
{
	if (text == NULL)
		return;
	printf("%-16s ", label);
	print_text(stdout, text[0] == '\0' ? "-" : text);
	putchar('\n');
}

enum show_form { SHOW_TEXT, SHOW_TIME, SHOW_SIZE, SHOW_COUNT };

static const struct {
	const char *label, *key;
	enum show_form form;
} lines[] = {
	{ "Journal", "mid", SHOW_COUNT },
	{ "State", "state", SHOW_TEXT },
	{ "Why", "why", SHOW_TEXT },
	{ "Reason", "reason", SHOW_TEXT },
	{ "Policy", "policy", SHOW_TEXT },
	{ "Intake", "intake", SHOW_TEXT },
	{ "Attempts", "attempts", SHOW_COUNT },
	{ "Next (UTC)", "next_at", SHOW_TIME },
	{ "Last reply", "last_reply", SHOW_TEXT },
	{ "TLS", "tls", SHOW_TEXT },
	{ "Ended (UTC)", "ended_at", SHOW_TIME },
	{ "Unique id", "uid", SHOW_TEXT },
	{ "Kind", "kind", SHOW_TEXT },
	{ "Profile", "profile", SHOW_TEXT },
	{ "Message", "message_mid", SHOW_COUNT },
	{ "Accepted (UTC)", "accepted_at", SHOW_TIME },
	{ "Listener", "listener", SHOW_TEXT },
	{ "Protocol", "protocol", SHOW_TEXT },
	{ "ICID", "icid", SHOW_COUNT },
	{ "Client", "client_address", SHOW_TEXT },
	{ "Client name", "client_name", SHOW_TEXT },
	{ "HELO", "helo", SHOW_TEXT },
	{ "Feeder's id", "queue_id", SHOW_TEXT },
	{ "Message-ID", "message_id", SHOW_TEXT },
	{ "Subject", "subject", SHOW_TEXT },
	{ "From", "header_from", SHOW_TEXT },
};

static void
print_destination(const json_t *d)
{
	char slot[PRINT_SLOT];

	if (!json_is_object(d))
		return;
	printf("%-16s ", "Destination");
	print_text(stdout, text_of(d, "domain"));
	printf(", %s", text_of(d, "state"));
	if (json_is_string(json_object_get(d, "down_since")))
		printf(" since %s", format_time(json_object_get(d, "down_since"), slot));
	if (json_is_string(json_object_get(d, "next_probe_at")))
		printf(", next probe %s",
		       format_time(json_object_get(d, "next_probe_at"), slot));
	putchar('\n');
	print_line("  last error", text_of(d, "last_error"));
}

/* "Facts  8-bit, bare-lf"; nothing of a body without any. */
static void
print_facts(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (i == 0)
			printf("%-16s ", "Facts");
		else
			fputs(", ", stdout);
		print_text(stdout, json_string_value(json_array_get(list, i)));
	}
	if (json_array_size(list) > 0)
		putchar('\n');
}

static void
print_body(const json_t *b)
{
	char slot[PRINT_SLOT];

	if (!json_is_object(b))
		return;
	printf("%-16s %s (%lld bytes), %s\n", "Size",
	       format_size(json_object_get(b, "size"), slot),
	       (long long)json_integer_value(json_object_get(b, "size")),
	       text_of(b, "place"));
	print_facts(json_object_get(b, "facts"));
	print_line("SHA-256", text_of(b, "sha256"));
}

static void
print_recipients(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *r = json_array_get(list, i);
		printf("%-16s RID %lld ", i == 0 ? "Recipients" : "",
		       (long long)json_integer_value(json_object_get(r, "rid")));
		print_text(stdout, text_of(r, "address"));
		printf(" (from %s)\n", text_of(r, "source"));
	}
}

enum exit_code
run_show(struct invocation *v)
{
	char path[64], slot[PRINT_SLOT];
	json_t *answer;

	if (strspn(v->words[0], "0123456789") != strlen(v->words[0]) ||
	    strlen(v->words[0]) > 19)
		return usage_error("%s: not an ID", v->words[0]);
	snprintf(path, sizeof(path), "/queue/%s", v->words[0]);
	enum exit_code code = client_get(v->client, path, &answer);
	if (code != DONE)
		return code;
	if (v->is_json)
		return print_json(answer);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const json_t *value = json_object_get(answer, lines[i].key);
		if (value == NULL || json_is_null(value))
			continue;
		print_line(lines[i].label,
			   lines[i].form == SHOW_COUNT  ? format_count(value, slot)
			   : lines[i].form == SHOW_TIME ? format_time(value, slot)
			   : lines[i].form == SHOW_SIZE ? format_size(value, slot)
							: json_string_value(value));
	}
	print_destination(json_object_get(answer, "destination"));
	print_body(json_object_get(answer, "body"));
	const char *sender = text_of(answer, "sender");
	print_line("Sender", sender != NULL && sender[0] == '\0' ? "<>" : sender);
	print_recipients(json_object_get(answer, "recipients"));
	json_decref(answer);
	return DONE;
}

/*
 * show.c - one journal in full, or a message with its journals.
 */
#include "commands.h"
#include "print.h"

#include <stdio.h>

static void
print_line(const char *label, const char *text)
{
	if (text == NULL)
		return;
	printf("%-16s ", label);
	print_text(stdout, text[0] == '\0' ? "-" : text);
	putchar('\n');
}

enum show_form { SHOW_TEXT, SHOW_TIME, SHOW_COUNT };

struct line {
	const char *label, *key;
	enum show_form form;
};

static const struct line journal_lines[] = {
	{ "Journal", "mid", SHOW_COUNT },
	{ "State", "state", SHOW_TEXT },
	{ "Why", "why", SHOW_TEXT },
	{ "Policy", "policy", SHOW_TEXT },
	{ "RIDs", "rids", SHOW_TEXT }, /* when not all */
	{ "Intake", "intake", SHOW_TEXT },
	{ "In queue (UTC)", "in_queue_since", SHOW_TIME },
	{ "Attempts", "attempts", SHOW_COUNT },
	{ "Next (UTC)", "next_at", SHOW_TIME },
	{ "Last reply", "last_reply", SHOW_TEXT },
	{ "TLS", "tls", SHOW_TEXT },
	{ "Ended (UTC)", "ended_at", SHOW_TIME },
	{ "Unique id", "uid", SHOW_TEXT },
	{ "Kind", "kind", SHOW_TEXT },
	{ "Profile", "profile", SHOW_TEXT },
};

static const struct line message_lines[] = {
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

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
print_lines(const json_t *o, const struct line *lines, size_t n)
{
	char slot[PRINT_SLOT];

	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(o, lines[i].key);
		if (value == NULL || json_is_null(value))
			continue;
		print_line(lines[i].label,
			   lines[i].form == SHOW_COUNT  ? format_count(value, slot)
			   : lines[i].form == SHOW_TIME ? format_time(value, slot)
							: json_string_value(value));
	}
}

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
	else if (json_is_true(json_object_get(d, "is_being_probed")))
		fputs(", being probed", stdout);
	putchar('\n');
	/* Of one that is up it is past. */
	if (!json_is_string(json_object_get(d, "down_since")))
		return;
	print_line("  error at (UTC)",
		   format_time(json_object_get(d, "last_error_at"), slot));
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
	       format_size(json_object_get(b, "size"), slot), count_of(b, "size"),
	       text_of(b, "place"));
	print_facts(json_object_get(b, "facts"));
	print_line("SHA-256", text_of(b, "sha256"));
}

static void
print_recipients(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *r = json_array_get(list, i);
		printf("%-16s RID %lld ", i == 0 ? "Recipients" : "", count_of(r, "rid"));
		print_text(stdout, text_of(r, "address"));
		printf(" (from %s)\n", text_of(r, "source"));
	}
}

static void
print_journal(const json_t *o)
{
	print_lines(o, journal_lines, COUNT(journal_lines));
	print_destination(json_object_get(o, "destination"));
}

static void
print_message(const json_t *o)
{
	const char *sender = text_of(o, "sender");

	print_lines(o, message_lines, COUNT(message_lines));
	print_body(json_object_get(o, "body"));
	print_line("Sender", sender != NULL && sender[0] == '\0' ? "<>" : sender);
	print_recipients(json_object_get(o, "recipients"));
}

/* A journal and its message; or a message, and each of its journals. */
enum exit_code
run_show(struct invocation *v)
{
	char path[64];
	json_t *answer;

	if (!is_id(v->words[0]))
		return usage_error("%s: not an ID", v->words[0]);
	snprintf(path, sizeof(path), "/queue/%s", v->words[0]);
	enum exit_code code = client_get(v->client, path, &answer);
	if (code != DONE)
		return code;
	if (v->is_json)
		return print_json(answer);
	const json_t *journals = json_object_get(answer, "journals");
	if (journals == NULL)
		print_journal(answer);
	print_message(answer);
	for (size_t i = 0; i < json_array_size(journals); i++) {
		putchar('\n');
		print_journal(json_array_get(journals, i));
	}
	json_decref(answer);
	return DONE;
}

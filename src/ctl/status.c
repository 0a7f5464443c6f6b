/*
 * status.c - the whole daemon on one page; its health; its account.
 */
#include "commands.h"
#include "print.h"

#include "tdc/base/format.h"

#include <stdio.h>
#include <string.h>

/* "created 20 = delivered 18 + waiting 2 + ... + deleted 0 + dropped 0, gap 0" */
static void
print_account(const json_t *a)
{
	json_t *states = json_object_get(a, "states");
	const char *name;
	json_t *value;

	printf("messages %lld, refused %lld\ncreated %lld =", count_of(a, "messages"),
	       count_of(a, "refused"), count_of(a, "created"));
	json_object_foreach(states, name, value)
		printf(" %s %lld +", name, (long long)json_integer_value(value));
	printf(" deleted %lld + dropped %lld\ngap %lld\n", count_of(a, "deleted"),
	       count_of(a, "dropped"), count_of(a, "gap"));
}

static void
print_listeners(const json_t *list)
{
	static const struct column columns[] = {
		{ "LISTENER", false, 0 },
		{ "PROTOCOL", false, 0 },
		{ "ADDRESS", false, 0 },
	};
	struct table t;

	table_init(&t, columns, 3);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *l = json_array_get(list, i);
		table_add(&t, text_of(l, "name"));
		table_add(&t, text_of(l, "protocol"));
		table_add(&t, text_of(l, "address"));
	}
	table_print(&t);
	table_done(&t);
}

static void
print_destinations(const json_t *list)
{
	static const struct column columns[] = {
		{ "DESTINATION", false, 0 },    { "STATE", false, 0 },
		{ "CONN. OUT", true, 0 },       { "IN FLIGHT", true, 0 },
		{ "DELIVERED", true, 0 },       { "SOFT BOUNCED", true, 0 },
		{ "HARD BOUNCED", true, 0 },    { "NEXT PROBE (UTC)", false, 0 },
		{ "ERROR AT (UTC)", false, 0 }, { "LAST ERROR", false, 0 },
	};
	static const char *const counts[] = {
		"connections", "in_flight", "delivered", "soft_bounced", "hard_bounced",
	};
	struct table t;
	char slot[PRINT_SLOT];

	if (json_array_size(list) == 0)
		return;
	putchar('\n');
	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		table_add(&t, text_of(d, "domain"));
		table_add(&t, text_of(d, "state"));
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
			table_add(&t, format_count(json_object_get(d, counts[k]), slot));
		bool is_down = json_is_string(json_object_get(d, "down_since"));
		table_add(&t, json_is_true(json_object_get(d, "is_being_probed"))
				      ? "now"
				      : format_time(json_object_get(d, "next_probe_at"),
						    slot));
		/* Of one that is up it is past. */
		table_add(&t,
			  is_down ? format_time(json_object_get(d, "last_error_at"), slot)
				  : NULL);
		table_add(&t, is_down ? text_of(d, "last_error") : NULL);
	}
	table_print(&t);
	table_done(&t);
}

static void
print_spool(const json_t *s)
{
	static const char *const sizes[][2] = {
		{ "free", "free_bytes" },         { "reserve", "reserve" },
		{ "database", "database_bytes" }, { "write-ahead log", "wal_bytes" },
		{ "segments", "segment_bytes" },  { "large bodies", "file_bytes" },
	};
	char slot[PRINT_SLOT];

	printf("\nspool: %s", json_is_true(json_object_get(s, "is_accepting"))
				      ? "accepting"
				      : "NOT accepting: ");
	if (json_is_string(json_object_get(s, "trouble")))
		print_text(stdout, text_of(s, "trouble"));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		printf(", %s %s", sizes[i][0],
		       format_size(json_object_get(s, sizes[i][1]), slot));
	printf("\nlongest commit %.1f ms, longest checkpoint %.1f ms\n",
	       (double)count_of(s, "longest_commit_us") / 1000,
	       (double)count_of(s, "longest_checkpoint_us") / 1000);
}

/* The reasons, the worst first: what stands in the first line is what matters most. */
static void
print_health(const json_t *h)
{
	const json_t *reasons = json_object_get(h, "reasons");

	if (json_array_size(reasons) == 0) {
		print_text(stdout, text_of(h, "status"));
		putchar('\n');
	}
	for (size_t i = 0; i < json_array_size(reasons); i++) {
		const json_t *reason = json_array_get(reasons, i);
		print_text(stdout, text_of(reason, "level"));
		fputs(": ", stdout);
		print_text(stdout, text_of(reason, "text"));
		putchar('\n');
	}
}

static void
print_number(long long n, const char *what, const char *end)
{
	printf("%lld %s%s%s", n, what, format_plural((uint64_t)n), end);
}

static void
print_status(const json_t *o)
{
	const json_t *incoming = json_object_get(o, "incoming"),
		     *account = json_object_get(o, "account");
	char slot[PRINT_SLOT];

	printf("tdcd %s, up %s, configuration generation %lld\n", text_of(o, "version"),
	       format_seconds(count_of(o, "uptime_seconds"), slot),
	       count_of(o, "configuration_generation"));
	print_health(json_object_get(o, "health"));
	putchar('\n');
	print_listeners(json_object_get(o, "listeners"));
	print_number(count_of(incoming, "connections"), "connection", ", ");
	print_number(count_of(incoming, "transactions"), "transaction", "\n");
	print_destinations(json_object_get(o, "destinations"));
	putchar('\n');
	print_account(account);
	if (json_is_string(json_object_get(account, "oldest_waiting_at")))
		printf("oldest waiting since %s UTC\n",
		       format_time(json_object_get(account, "oldest_waiting_at"), slot));
	print_spool(json_object_get(o, "spool"));
}

enum exit_code
run_status(struct invocation *v)
{
	json_t *answer;
	enum exit_code code = client_get(v->client, "/status", &answer);

	if (code != DONE)
		return code;
	if (v->is_json)
		return print_json(answer);
	print_status(answer);
	json_decref(answer);
	return DONE;
}

static enum exit_code
code_of_health(const json_t *h)
{
	static const struct {
		const char *status;
		enum exit_code code;
	} codes[] = {
		{ "ok", DONE },
		{ "warning", HEALTH_WARNING },
		{ "error", HEALTH_ERROR },
	};
	const char *status = text_of(h, "status");

	for (size_t i = 0; status != NULL && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(status, codes[i].status) == 0)
			return codes[i].code;
	return UNREACHABLE;
}

enum exit_code
run_health(struct invocation *v)
{
	json_t *answer;
	long status = 0;
	enum exit_code code = client_ask(v->client, "/health", &status, &answer);

	if (code != DONE)
		return code;
	code = code_of_health(answer);
	if (code == UNREACHABLE) {
		fputs("tdcctl: the answer is no state of health: ", stderr);
		print_text(stderr, text_of(answer, "detail"));
		fputc('\n', stderr);
		json_decref(answer);
		return code;
	}
	if (v->is_json)
		return print_json(answer) == DONE ? code : UNREACHABLE;
	print_health(answer);
	json_decref(answer);
	return code;
}

/* A gap, or rows that contradict the counters, are a failure of the command. */
enum exit_code
run_account(struct invocation *v)
{
	json_t *answer;
	enum exit_code code = client_get(
		v->client, v->is_verify ? "/account?verify=1" : "/account", &answer);

	if (code != DONE)
		return code;
	const json_t *verified = json_object_get(answer, "verified");
	code = count_of(answer, "gap") == 0 &&
			       (verified == NULL ||
				json_is_true(json_object_get(verified, "agrees")))
		       ? DONE
		       : REFUSED;
	if (v->is_json) {
		(void)print_json(answer);
		return code;
	}
	print_account(answer);
	if (verified != NULL)
		printf("rows counted: gap %lld, %s\n", count_of(verified, "gap"),
		       json_is_true(json_object_get(verified, "agrees"))
			       ? "they agree"
			       : "THEY DISAGREE");
	json_decref(answer);
	return code;
}

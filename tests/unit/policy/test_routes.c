/*
 * test_routes.c - next hops, routes, destination controls, bounce profiles, and errors
 * of compiling.
 */
#include "support.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- next hops: "host port brackets priority", or the kind */

static const struct {
	const char *name, *text, *want; /* NULL = refused */
} hops[] = {
	{ "a name and a port", "mx.example:2525", "mx.example 2525 - 0" },
	{ "a name alone has port 25", "mx.example", "mx.example 25 - 0" },
	{ "a name in brackets", "[mx.example]", "mx.example 25 [] 0" },
	{ "a name in brackets and a port", "[mx.example]:2525", "mx.example 2525 [] 0" },
	{ "an IPv4 address needs no look-up", "127.0.0.1:2525", "127.0.0.1 2525 [] 0" },
	{ "an IPv4 address in brackets", "[127.0.0.1]:2525", "127.0.0.1 2525 [] 0" },
	{ "an IPv6 address in brackets", "[::1]:2525", "::1 2525 [] 0" },
	{ "an IPv6 address in the form of mail", "[IPv6:::1]:25", "::1 25 [] 0" },
	{ "an IPv6 address in the form of mail, in small letters", "[ipv6:fd00::1]",
	  "fd00::1 25 [] 0" },
	{ "a priority", "[mx.example]:25 /pri=10", "mx.example 25 [] 10" },
	{ "the last priority", "mx.example /pri=65535", "mx.example 25 - 65535" },
	{ "spaces before a priority", "mx.example   /pri=7", "mx.example 25 - 7" },
	{ "look up the domain", "USEDNS", "USEDNS" },
	{ "look up the domain, in small letters", "usedns", "USEDNS" },
	{ "drop", "/dev/null", "/dev/null" },
	{ "an IPv6 address without brackets", "::1", NULL },
	{ "an IPv6 address and a port without brackets", "fd00::1:25", NULL },
	{ "a priority that is too high", "mx.example /pri=65536", NULL },
	{ "a priority without its number", "mx.example /pri=", NULL },
	{ "a word for a priority", "mx.example /pri=low", NULL },
	{ "something else behind a space", "mx.example first", NULL },
	{ "a port that is too high", "mx.example:65536", NULL },
	{ "port 0", "mx.example:0", NULL },
	{ "an empty port", "mx.example:", NULL },
	{ "a port that is no number", "mx.example:smtp", NULL },
	{ "brackets that do not close", "[mx.example:25", NULL },
	{ "empty brackets", "[]:25", NULL },
	{ "text behind the brackets", "[mx.example]25", NULL },
	{ "an IPv4 address that is none", "300.0.0.1", NULL },
	{ "an IPv4 address in the form of IPv6", "[IPv6:127.0.0.1]", NULL },
	{ "a name with two dots", "mx..example", NULL },
	{ "a name with a star", "*.example", NULL },
	{ "a mail address", "a@mx.example", NULL },
	{ "a path", "/dev/zero", NULL },
};

static void
show_hop(const struct next_hop *h, struct buf *ret)
{
	if (h->kind == NEXT_HOP_USEDNS)
		buf_append_text(ret, "USEDNS");
	else if (h->kind == NEXT_HOP_DEV_NULL)
		buf_append_text(ret, "/dev/null");
	else
		buf_printf(ret, "%s %u %s %u", h->host, h->port,
			   h->is_bracketed ? "[]" : "-", h->priority);
}

/* Compiles a text whose configuration is good; the error's text, or "". */
static struct policy_set *
compile(const char *text, struct err *e)
{
	struct config *c = NULL;
	struct policy_set *p = NULL;
	e->text[0] = '\0';
	if (config_parse(text, strlen(text), "t", NULL, NULL, &c, e) != 0)
		fail_msg("%s\nin:\n%s", e->text, text);
	if (policy_set_new(c, NULL, NULL, &p, e) != 0) {
		assert_null(p);
		assert_int_equal(e->kind, ERR_CONFIG);
	}
	config_free(c);
	return p;
}

static void
test_next_hops(void **state)
{
	unsigned failed = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(hops) / sizeof(hops[0]); i++) {
		char text[512], error[512];
		struct err e;
		struct buf got;
		snprintf(text, sizeof(text),
			 "%ssmtp_routes: [{domain: d, next_hops: [\"%s\"]}]\n", LISTENER,
			 hops[i].text);
		snprintf(error, sizeof(error),
			 "t:2:39: smtp_routes[0].next_hops[0]: found \"%s\"; allowed: "
			 "host:port",
			 hops[i].text);
		struct policy_set *p = compile(text, &e);
		buf_init(&got, 1024);
		if (p != NULL)
			show_hop(&policy_route(p, "d")->hops[0], &got);
		else if (strncmp(e.text, error, strlen(error)) != 0)
			buf_append_text(&got, e.text);
		const char *want = hops[i].want == NULL ? "" : hops[i].want;
		if (strcmp(buf_text(&got), want) != 0) {
			print_error("%s: got %s want %s\n", hops[i].name, buf_text(&got),
				    want);
			failed++;
		}
		buf_done(&got);
		policy_set_unref(p);
	}
	assert_int_equal(failed, 0);
}

static void
test_hops_are_sorted_by_priority_and_stay_in_order_within_one(void **state)
{
	struct policy_set *p =
		must_compile(LISTENER "smtp_routes: [{domain: d, next_hops: [c /pri=5, "
				      "a, d /pri=9, b /pri=0, e /pri=5]}]\n");
	const struct smtp_route *r = policy_route(p, "d");
	(void)state;
	char got[16] = "";
	for (size_t i = 0; i < r->n_hops; i++)
		strncat(got, r->hops[i].host, 2);
	assert_string_equal(got, "abced");
	policy_set_unref(p);
}

static const char routes[] =
	LISTENER "smtp_routes:\n"
		 "  - {domain: Example.com, next_hops: [exact]}\n"
		 "  - {domain: .example.com, next_hops: [below]}\n"
		 "  - {domain: .eu.example.com, next_hops: [deep]}\n"
		 "  - {domain: '[127.0.0.1]', next_hops: [literal]}\n"
		 "  - {domain: all, next_hops: [rest]}\n";

static const struct {
	const char *name, *config, *domain, *want; /* the pattern */
} route_rows[] = {
	{ "the exact domain", routes, "example.com", "Example.com" },
	{ "the exact domain in capitals", routes, "EXAMPLE.COM", "Example.com" },
	{ "the exact domain with a dot behind it", routes, "example.com.",
	  "Example.com" },
	{ "a domain below one", routes, "in.example.com", ".example.com" },
	{ "a domain far below one", routes, "a.b.c.example.com", ".example.com" },
	{ "the longest of two", routes, "in.eu.example.com", ".eu.example.com" },
	{ "a pattern's own domain is not below it", routes, "eu.example.com",
	  ".example.com" },
	{ "an address literal", routes, "[127.0.0.1]", "[127.0.0.1]" },
	{ "a domain that only ends like one", routes, "badexample.com", "all" },
	{ "all others", routes, "other.example", "all" },
	{ "a domain that is no domain", routes, "", "all" },
	{ "without a route the domain is looked up", LISTENER, "other.example",
	  "USEDNS" },
};

static void
test_routes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(route_rows) / sizeof(route_rows[0]); i++) {
		struct policy_set *p = must_compile(route_rows[i].config);
		const struct smtp_route *r = policy_route(p, route_rows[i].domain);
		if (strcmp(r->pattern, route_rows[i].want) != 0)
			fail_msg("%s: got %s want %s", route_rows[i].name, r->pattern,
				 route_rows[i].want);
		assert_int_equal(r->n_hops, 1);
		policy_set_unref(p);
	}
}

static void
test_each_of_ten_thousand_routes_is_found(void **state)
{
	struct buf text;
	(void)state;
	buf_init(&text, 1 << 22);
	buf_append_text(&text, LISTENER "smtp_routes:\n");
	for (unsigned i = 0; i < 10000; i++)
		buf_printf(&text, "  - {domain: d%u.example, next_hops: [h%u]}\n", i, i);
	struct policy_set *p = must_compile(buf_text(&text));
	for (unsigned i = 0; i < 10000; i++) {
		char domain[32], host[32];
		snprintf(domain, sizeof(domain), "d%u.example", i);
		snprintf(host, sizeof(host), "h%u", i);
		assert_string_equal(policy_route(p, domain)->hops[0].host, host);
	}
	policy_set_unref(p);
	buf_done(&text);
}

/* ---- controls */

static const char controls[] =
	LISTENER "tls: {ca_file: /global.pem}\n"
		 "bounce_profiles:\n"
		 "  fast: {max_retries: 3, first_wait: 1s, longest_wait: 4s, "
		 "max_time_in_queue: 1m}\n"
		 "destination_controls:\n"
		 "  - {domain: .example, concurrency: 5, tls_mode: required, "
		 "bounce_profile: fast}\n"
		 "  - {domain: in.example, ca_file: /own.pem, tls_name: intake.example}\n"
		 "  - {domain: default, messages_per_connection: 7}\n";

static void
test_controls_of_a_domain(void **state)
{
	struct policy_set *p = must_compile(controls);
	const struct destination_controls *d = policy_controls(p, "IN.example");
	(void)state;
	assert_string_equal(d->pattern, "in.example");
	assert_string_equal(d->ca_file, "/own.pem");
	assert_string_equal(d->tls_name, "intake.example");
	assert_int_equal(d->tls_mode, TLS_MODE_VERIFY);
	assert_int_equal(d->concurrency, 20);
	/* From the entry default, and from the schema. */
	assert_int_equal(d->messages_per_connection, 7);
	assert_string_equal(d->bounce.name, "default");
	assert_int_equal(d->bounce.max_retries, 100);
	assert_int_equal(d->bounce.max_time_in_queue_ms, 259200000);
	assert_int_equal(d->connect_timeout_ms, 30000);
	assert_int_equal(d->final_timeout_ms, 600000);
	assert_int_equal(d->uncertain_wait_ms, 900000);
	policy_set_unref(p);
}

static void
test_controls_of_domains_below_one_and_of_the_rest(void **state)
{
	struct policy_set *p = must_compile(controls);
	const struct destination_controls *d = policy_controls(p, "x.y.example");
	(void)state;
	assert_string_equal(d->pattern, ".example");
	assert_int_equal(d->concurrency, 5);
	assert_int_equal(d->tls_mode, TLS_MODE_REQUIRED);
	assert_string_equal(d->ca_file, "/global.pem");
	assert_null(d->tls_name);
	assert_string_equal(d->bounce.name, "fast");
	assert_int_equal(d->bounce.max_retries, 3);
	assert_int_equal(d->bounce.first_wait_ms, 1000);
	d = policy_controls(p, "other.org");
	assert_string_equal(d->pattern, "default");
	assert_int_equal(d->messages_per_connection, 7);
	policy_set_unref(p);

	p = must_compile(LISTENER);
	d = policy_controls(p, "other.org");
	assert_string_equal(d->pattern, "default");
	assert_int_equal(d->messages_per_connection, 10);
	assert_null(d->ca_file);
	policy_set_unref(p);
}

/* ---- waits */

static const struct {
	const char *name;
	uint32_t attempts;
	double random;
	int64_t want;
} waits[] = {
	{ "the first wait", 1, 0.5, 60000 },
	{ "the second doubles", 2, 0.5, 120000 },
	{ "the sixth", 6, 0.5, 1920000 },
	{ "the seventh is capped", 7, 0.5, 3600000 },
	{ "a hundredth is capped", 100, 0.5, 3600000 },
	{ "the most that there can be is capped", UINT32_MAX, 0.5, 3600000 },
	{ "no attempt waits like one", 0, 0.5, 60000 },
	{ "ten per cent less", 1, 0.0, 54000 },
	{ "nearly ten per cent more", 1, 0.999999, 65999 },
	{ "ten per cent less than the cap", 50, 0.0, 3240000 },
};

static void
test_waits(void **state)
{
	const struct bounce_profile b = { .first_wait_ms = 60000,
					  .longest_wait_ms = 3600000 };
	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		int64_t got = bounce_profile_wait(&b, waits[i].attempts, waits[i].random);
		if (got != waits[i].want)
			fail_msg("%s: got %" PRId64 " want %" PRId64, waits[i].name, got,
				 waits[i].want);
	}
	const struct bounce_profile huge = { .first_wait_ms = INT64_MAX / 3,
					     .longest_wait_ms = INT64_MAX / 2 };
	assert_true(bounce_profile_wait(&huge, 9, 0.0) > 0);
	const struct bounce_profile none = { 0 };
	assert_int_equal(bounce_profile_wait(&none, 5, 0.5), 1);
}

/* ---- errors */

static const struct {
	const char *name, *text, *want;
} errors[] = {
	{ "a next hop beside USEDNS",
	  "smtp_routes: [{domain: d, next_hops: [a, USEDNS]}]\n",
	  "t:2:42: smtp_routes[0].next_hops[1]: found \"USEDNS\"; allowed: USEDNS or "
	  "/dev/null alone, or hosts" },
	{ "the number of other problems is told",
	  "smtp_routes: [{domain: d, next_hops: ['a:0', 'b:0', 'c:0']}]\n",
	  "t:2:39: smtp_routes[0].next_hops[0]: found \"a:0\"; allowed: host:port, "
	  "[host]:port or "
	  "[address]:port, with or without /pri=0 to /pri=65535 behind a space; or "
	  "USEDNS, or /dev/null (and 2 "
	  "more)" },
	{ "an intake that is no address of mail",
	  "connector: {message_intake_address: 'a@b@c'}\n",
	  "t:2:37: connector.message_intake_address: found \"a@b@c\"; allowed: a mail "
	  "address such as "
	  "user@domain" },
	{ "a policy's intake that is none",
	  "incoming_mail_policies: {policies: [{name: p, sender: [a], intake: custom, "
	  "message_intake_address: '\"@c'}]}\n",
	  "t:2:100: incoming_mail_policies.policies[0].message_intake_address: found "
	  "\"\"@c\"; allowed: a mail "
	  "address such as user@domain" },
};

static void
keep_line(void *arg, bool is_error, const char *line)
{
	assert_true(is_error);
	buf_printf(arg, "%s\n", line);
}

static void
test_each_problem_is_reported(void **state)
{
	static const char text[] =
		LISTENER "smtp_routes: [{domain: d, next_hops: ['a:0']}, {domain: e, "
			 "next_hops: ['b:0']}]\n"
			 "connector: {message_intake_address: 'a@b@c'}\n";
	static const char *const starts[] = {
		"t:3:37: connector.message_intake_address: found \"a@b@c\"; ",
		"t:2:39: smtp_routes[0].next_hops[0]: found \"a:0\"; ",
		"t:2:72: smtp_routes[1].next_hops[0]: found \"b:0\"; ",
	};
	struct config *c = NULL;
	struct policy_set *p = NULL;
	struct err e;
	struct buf lines;
	(void)state;
	buf_init(&lines, 4096);
	assert_int_equal(config_parse(text, sizeof(text) - 1, "t", NULL, NULL, &c, &e),
			 0);
	assert_int_equal(policy_set_new(c, keep_line, &lines, &p, &e), -1);
	const char *line = buf_text(&lines);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		assert_memory_equal(line, starts[i], strlen(starts[i]));
		line = strchr(line, '\n') + 1;
	}
	assert_string_equal(line, "");
	buf_done(&lines);
	config_free(c);
}

static void
test_errors(void **state)
{
	unsigned failed = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		char text[1024];
		struct err e;
		snprintf(text, sizeof(text), "%s%s", LISTENER, errors[i].text);
		struct policy_set *p = compile(text, &e);
		if (p != NULL || strcmp(e.text, errors[i].want) != 0) {
			print_error("%s: got %s want %s\n", errors[i].name, e.text,
				    errors[i].want);
			failed++;
		}
		policy_set_unref(p);
	}
	assert_int_equal(failed, 0);
}

enum { EXAMPLE_MAX = 64 << 10 };

/* With the intake address filled in where it stands as a comment. */
static void
read_example(const char *name, char text[EXAMPLE_MAX])
{
	const char *root = getenv("TDC_SOURCE_DIR");
	char path[4096];

	snprintf(path, sizeof(path), "%s/config/%s", root == NULL ? "." : root, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, EXAMPLE_MAX - 1, f)] = '\0';
	fclose(f);
	char *key = strstr(text, "# message_intake_address: tenant@");
	if (key != NULL)
		memmove(key, key + 2, strlen(key + 2) + 1);
}

static void
test_the_example_files_compile(void **state)
{
	static const char *const files[] = { "tdc.yaml", "postfix-always-bcc.yaml",
					     "lmtp.yaml", "everything.yaml" };
	static char text[EXAMPLE_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct config *c = NULL;
		struct policy_set *p = NULL;
		struct err e;
		read_example(files[i], text);
		if (config_parse(text, strlen(text), files[i], NULL, NULL, &c, &e) != 0 ||
		    policy_set_new(c, NULL, NULL, &p, &e) != 0)
			fail_msg("%s: %s", files[i], e.text);
		policy_set_unref(p);
		config_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_hops),
		cmocka_unit_test(
			test_hops_are_sorted_by_priority_and_stay_in_order_within_one),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_each_of_ten_thousand_routes_is_found),
		cmocka_unit_test(test_controls_of_a_domain),
		cmocka_unit_test(test_controls_of_domains_below_one_and_of_the_rest),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_each_problem_is_reported),
		cmocka_unit_test(test_the_example_files_compile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

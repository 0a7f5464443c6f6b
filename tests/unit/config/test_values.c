/*
 * test_values.c - reading values: set, default, inherited, from layers; places;
 * differences.
 */
#include "problems.h"

#include <inttypes.h>

static const char full[] =
	LISTENER "spool: {reserve: 1M}\n"
		 "connector: {enabled: yes, message_intake_address: t@in.example}\n"
		 "incoming_mail_policies: {default: {intake: global}}\n"
		 "destination_controls:\n"
		 "  - {domain: default, concurrency: 3, connect_timeout: 7s}\n"
		 "  - {domain: a.example, concurrency: 4}\n"
		 "bounce_profiles:\n"
		 "  default: {first_wait: 5s}\n"
		 "  slow: {longest_wait: 2h}\n";

static void
test_values_of_every_type(void **state)
{
	struct config *c = must_parse(full);
	const struct config_node *root = config_root(c);
	(void)state;
	assert_true(config_bool(root, "connector.enabled"));
	assert_int_equal(config_size(root, "spool.reserve"), 1 << 20);
	assert_int_equal(config_duration_ms(root, "dns.timeout"), 30000);
	assert_int_equal(config_int(root, "deliver.window"), 4000);
	assert_string_equal(config_text(root, "connector.message_intake_address"),
			    "t@in.example");
	assert_string_equal(config_text(root, "connector.mail_from"), "");
	assert_string_equal(config_word(root, "log.form"), "text");
	assert_null(config_text(root, "tls.ca_file"));
	assert_int_equal(config_count(root, "smtp_routes"), 0);
	const struct config_node *listener = config_at(root, "listeners", 0);
	assert_string_equal(config_word(listener, "protocol"), "smtp");
	assert_int_equal(config_size(listener, "max_message_size"), 256 << 20);
	assert_int_equal(config_size(listener, "max_header_size"), 1 << 20);
	assert_int_equal(config_count(listener, "trusted_networks"), 3);
	assert_string_equal(config_text(config_at(listener, "trusted_networks", 1), ""),
			    "::1/128");
	config_free(c);
}

static void
test_no_more_of_a_header_is_read_than_a_message_may_have(void **state)
{
	struct config *c = must_parse(
		"listeners:\n"
		"  - {name: a, protocol: smtp, address: '127.0.0.1:1', max_message_size: "
		"2K}\n"
		"  - {name: b, protocol: smtp, address: '127.0.0.1:2', max_message_size: "
		"2K, max_header_size: 1K}\n"
		"  - {name: c, protocol: smtp, address: '127.0.0.1:3', max_message_size: "
		"2M}\n");
	static const uint64_t want[] = { 2 << 10, 1 << 10, 1 << 20 };
	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(config_size(config_at(config_root(c), "listeners", i),
					     "max_header_size"),
				 want[i]);
	config_free(c);
}

static void
test_what_is_set_and_what_is_a_default(void **state)
{
	struct config *c = must_parse(full);
	const struct config_node *root = config_root(c);
	(void)state;
	assert_true(config_is_set(root, "spool.reserve"));
	assert_false(config_is_set(root, "spool.name"));
	assert_false(config_is_set(root, "tls.ca_file"));
	assert_int_equal(config_layer_of(root, "spool.reserve"), CONFIG_MACHINE);
	assert_int_equal(config_layer_of(root, "spool.name"), CONFIG_DEFAULT);
	config_free(c);
}

static void
test_entries_inherit_from_the_entry_default(void **state)
{
	struct config *c = must_parse(full);
	const struct config_node *root = config_root(c);
	const struct config_node *a = config_at(root, "destination_controls", 1);
	(void)state;
	assert_string_equal(config_text(a, "domain"), "a.example");
	assert_int_equal(config_int(a, "concurrency"), 4);
	assert_int_equal(config_duration_ms(a, "connect_timeout"), 7000);
	assert_int_equal(config_duration_ms(a, "ehlo_timeout"), 300000);
	const struct config_node *slow = config_at(root, "bounce_profiles", 1);
	assert_string_equal(config_name(slow), "slow");
	assert_int_equal(config_duration_ms(slow, "first_wait"), 5000);
	assert_int_equal(config_duration_ms(slow, "longest_wait"), 7200000);
	config_free(c);
}

static void
test_the_entry_default_always_exists(void **state)
{
	struct config *c = must_parse(LISTENER);
	const struct config_node *root = config_root(c);
	(void)state;
	assert_int_equal(config_count(root, "destination_controls"), 1);
	const struct config_node *d = config_at(root, "destination_controls", 0);
	assert_string_equal(config_text(d, "domain"), "default");
	assert_int_equal(config_int(d, "concurrency"), 20);
	assert_int_equal(config_count(root, "bounce_profiles"), 1);
	assert_string_equal(config_name(config_at(root, "bounce_profiles", 0)),
			    "default");
	assert_int_equal(config_int(config_at(root, "bounce_profiles", 0), "max_retries"),
			 100);
	config_free(c);
}

static const struct {
	const char *name, *path, *want;
} places[] = {
	{ "a value that is set", "spool.reserve", "t:2:18" },
	{ "a default is placed at its section", "spool.name", "t:2:8" },
	{ "a default of a section that is not there is placed at the file's start",
	  "dns.timeout", "t:1:1" },
	{ "a key without a value", "tls.ca_file", "t:1:1" },
	{ "a list", "listeners", "t:1:12" },
};

static void
test_places(void **state)
{
	struct config *c = must_parse(full);
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char got[64];
		config_where(config_root(c), places[i].path, got, sizeof(got));
		if (strcmp(got, places[i].want) != 0)
			fail_msg("%s: got %s want %s", places[i].name, got,
				 places[i].want);
	}
	config_free(c);
}

/* ---- layers */

static struct config *
overlay(const char *cluster, const char *machine, struct problem_list *problems)
{
	struct config_source sources[] = {
		{ cluster, strlen(cluster), "c", CONFIG_CLUSTER },
		{ machine, strlen(machine), "m", CONFIG_MACHINE },
	};
	struct config *c = NULL;
	struct err e;
	problem_list_init(problems);
	(void)config_overlay(sources, 2, problem_list_add, problems, &c, &e);
	return c;
}

static void
test_a_higher_layer_wins_key_by_key(void **state)
{
	struct problem_list problems;
	struct config *c = overlay(
		"connector: {format: bcc, eight_bit: hold}\n"
		"bounce_profiles: {slow: {first_wait: 9s}, fast: {first_wait: 1s}}\n"
		"smtp_routes: [{domain: a, next_hops: [a]}, {domain: b, next_hops: "
		"[b]}]\n"
		"destination_controls: [{domain: x, bounce_profile: slow}]\n",
		LISTENER "connector: {format: exchange}\n"
			 "bounce_profiles: {slow: {longest_wait: 8s, first_wait: 7s}}\n"
			 "smtp_routes: [{domain: c, next_hops: [c]}]\n",
		&problems);
	(void)state;
	assert_non_null(c);
	const struct config_node *root = config_root(c);
	char where[64];
	assert_string_equal(config_word(root, "connector.format"), "exchange");
	assert_int_equal(config_layer_of(root, "connector.format"), CONFIG_MACHINE);
	assert_string_equal(config_word(root, "connector.eight_bit"), "hold");
	assert_int_equal(config_layer_of(root, "connector.eight_bit"), CONFIG_CLUSTER);
	config_where(root, "connector.eight_bit", where, sizeof(where));
	assert_string_equal(where, "c:1:37");
	/* A list wins as a whole, a mapping by names entry by entry. */
	assert_int_equal(config_count(root, "smtp_routes"), 1);
	assert_string_equal(config_text(config_at(root, "smtp_routes", 0), "domain"),
			    "c");
	assert_int_equal(config_count(root, "bounce_profiles"), 3);
	assert_int_equal(config_duration_ms(root, "bounce_profiles.slow.first_wait"),
			 7000);
	assert_int_equal(config_duration_ms(root, "bounce_profiles.fast.first_wait"),
			 1000);
	config_free(c);
	problem_list_done(&problems);
}

static void
test_a_key_of_the_machine_may_not_stand_at_the_cluster(void **state)
{
	struct problem_list problems;
	struct config *c = overlay("spool: {name: x}\n", LISTENER, &problems);
	(void)state;
	assert_null(c);
	assert_string_equal(
		buf_text(&problems.errors),
		"c:1:1: spool: found at a level where it may not stand; allowed: the "
		"machine level\n");
	problem_list_done(&problems);
}

static void
test_rules_see_all_layers_together(void **state)
{
	struct problem_list problems;
	struct config *c = overlay(
		"connector: {enabled: true, message_intake_address: a@in}\n"
		"incoming_mail_policies: {default: {intake: global}}\n",
		LISTENER "incoming_mail_policies: {policies: [{name: p, sender: [s], "
			 "intake: custom, message_intake_address: b@out}]}\n",
		&problems);
	(void)state;
	assert_null(c);
	assert_string_equal(
		buf_text(&problems.errors),
		"m:2:100: incoming_mail_policies.policies[0].message_intake_address: "
		"found "
		"\"b@out\"; allowed: an address in the domain of the global intake, "
		"\"@in\"\n");
	problem_list_done(&problems);
}

/* ---- what needs a restart */

static void
collect_line(void *arg, const char *path, const char *line)
{
	assert_non_null(strstr(line, path));
	buf_printf(arg, "%s\n", line);
}

#define UNTIL             " is in use until a restart\n"
#define IN(name, address) "{name: " name ", protocol: smtp, address: '" address "'}"

static const struct {
	const char *name, *a, *b, *want;
} differences[] = {
	{ "nothing changed", LISTENER, LISTENER, "" },
	{ "what is reloadable is not told", LISTENER "log: {level: debug}\n",
	  LISTENER "log: {level: info}\nspool: {reserve: 1M}\n", "" },
	{ "a default written out is no change", LISTENER,
	  LISTENER "spool: {name: spool}\n", "" },
	{ "the spool moved", LISTENER,
	  LISTENER "spool: {directory: /x, body_workers: 3}\n",
	  "t:2:20: spool.directory: found \"/x\"; \"/var/lib/tdcd\"" UNTIL
	  "t:2:38: spool.body_workers: found \"3\"; \"2\"" UNTIL },
	{ "the spool moved back to the default, which is placed at its section",
	  LISTENER "spool: {directory: /x}\n", LISTENER "spool: {reserve: 1M}\n",
	  "t:2:8: spool.directory: found \"/var/lib/tdcd\"; \"/x\"" UNTIL },
	{ "a user was named", LISTENER, LISTENER "user: u\n",
	  "t:2:7: user: found \"u\"; nothing" UNTIL },
	{ "a user is not named any more", LISTENER "user: u\n", LISTENER,
	  "t:1:1: user: found nothing; \"u\"" UNTIL },
	{ "the control socket changed", LISTENER, LISTENER "admin: {mode: '0600'}\n",
	  "t:2:15: admin.mode: found \"0600\"; \"0660\"" UNTIL },
	{ "a listener moved", "listeners: [" IN("a", "127.0.0.1:1") "]\n",
	  "listeners: [" IN("a", "127.0.0.1:2") "]\n",
	  "t:1:48: listeners[0].address: found \"127.0.0.1:2\"; \"127.0.0.1:1\"" UNTIL },
	{ "listeners in another order",
	  "listeners: [" IN("a", "127.0.0.1:1") "," IN("b", "127.0.0.1:2") "]\n",
	  "listeners: [" IN("b", "127.0.0.1:2") "," IN("a", "127.0.0.1:1") "]\n", "" },
	{ "a listener came and another went", "listeners: [" IN("a", "127.0.0.1:1") "]\n",
	  "listeners: [" IN("b", "127.0.0.1:1") "]\n",
	  "t:1:12: listeners: \"a\" is not in the file; it stays in use until a "
	  "restart\n"
	  "t:1:13: listeners[0]: new; it is not in use until a restart\n" },
	{ "a listener moved in the list, and to another address",
	  "listeners: [" IN("a", "127.0.0.1:1") "," IN("b", "127.0.0.1:2") "]\n",
	  "listeners: [" IN("b", "127.0.0.1:3") "," IN("a", "127.0.0.1:1") "]\n",
	  "t:1:48: listeners[0].address: found \"127.0.0.1:3\"; \"127.0.0.1:2\"" UNTIL },
};

static void
test_differences(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
		struct config *a = must_parse(differences[i].a),
			      *b = must_parse(differences[i].b);
		struct buf got;
		buf_init(&got, 4096);
		config_diff_not_reloadable(a, b, collect_line, &got);
		if (strcmp(buf_text(&got), differences[i].want) != 0)
			fail_msg("%s: got %s want %s", differences[i].name,
				 buf_text(&got), differences[i].want);
		buf_done(&got);
		config_free(a);
		config_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_of_every_type),
		cmocka_unit_test(
			test_no_more_of_a_header_is_read_than_a_message_may_have),
		cmocka_unit_test(test_what_is_set_and_what_is_a_default),
		cmocka_unit_test(test_entries_inherit_from_the_entry_default),
		cmocka_unit_test(test_the_entry_default_always_exists),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_a_higher_layer_wins_key_by_key),
		cmocka_unit_test(test_a_key_of_the_machine_may_not_stand_at_the_cluster),
		cmocka_unit_test(test_rules_see_all_layers_together),
		cmocka_unit_test(test_differences),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

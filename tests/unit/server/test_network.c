/*
 * test_network.c - networks that are trusted: parsing, and who is in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>

#include "server/settings.h"

static const struct {
	const char *sentence;
	const char *text;
	int want; /* 0, or -1 */
} parse_rows[] = {
	{ "an IPv4 block", "10.0.0.0/8", 0 },
	{ "an IPv4 address alone", "192.0.2.1", 0 },
	{ "an IPv4 block of everything", "0.0.0.0/0", 0 },
	{ "an IPv6 address alone", "::1", 0 },
	{ "an IPv6 block", "2001:db8::/32", 0 },
	{ "unix sockets", "unix", 0 },
	{ "bits behind the prefix do not matter", "127.0.0.1/8", 0 },
	{ "an IPv4 prefix over 32", "10.0.0.0/33", -1 },
	{ "an IPv6 prefix over 128", "::/129", -1 },
	{ "a slash without a number", "10.0.0.0/", -1 },
	{ "a negative prefix", "10.0.0.0/-1", -1 },
	{ "a prefix with something behind it", "10.0.0.0/8x", -1 },
	{ "a prefix that overflows", "10.0.0.0/4294967304", -1 },
	{ "a name", "mx.example", -1 },
	{ "three octets", "10.0.0/8", -1 },
	{ "nothing", "", -1 },
	{ "only a prefix", "/8", -1 },
	{ "a very long word", "1111111111111111111111111111111111111111111111111111111/8",
	  -1 },
	{ "unix with a path is no network", "unix:/run/x", -1 },
};

static void
test_parse(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(parse_rows) / sizeof(parse_rows[0]); i++) {
		struct network n;
		struct err e = { 0 };
		int got = network_parse(parse_rows[i].text, &n, &e);
		bool has_text = got == 0 || (e.kind == ERR_SYNTAX && e.text[0] != '\0');
		if (got == parse_rows[i].want && has_text)
			continue;
		print_error("%s (%s): got %d, want %d\n", parse_rows[i].sentence,
			    parse_rows[i].text, got, parse_rows[i].want);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static const struct {
	const char *sentence;
	const char *network;
	const char *address;
	bool want;
} contains_rows[] = {
	{ "an address within", "10.0.0.0/8", "10.255.1.2:25", true },
	{ "an address just outside", "10.0.0.0/8", "11.0.0.0:25", false },
	{ "a prefix that is no whole byte, inside", "192.0.2.128/25", "192.0.2.129:1",
	  true },
	{ "a prefix that is no whole byte, outside", "192.0.2.128/25", "192.0.2.127:1",
	  false },
	{ "the block of everything", "0.0.0.0/0", "203.0.113.9:1", true },
	{ "IPv6 is not in the IPv4 block of everything", "0.0.0.0/0", "[::1]:1", false },
	{ "IPv4 is not in the IPv6 block of everything but as itself", "::/0",
	  "10.0.0.1:1", false },
	{ "an IPv6 address within", "2001:db8::/32", "[2001:db8:ffff::1]:25", true },
	{ "an IPv6 address outside", "2001:db8::/32", "[2001:db9::1]:25", false },
	{ "an IPv4 address that came in as IPv6 is IPv4", "127.0.0.0/8",
	  "[::ffff:127.0.0.1]:25", true },
	{ "the loopback is one address in IPv6", "::1", "[::1]:25", true },
	{ "its neighbour is not", "::1", "[::2]:25", false },
	{ "a unix socket", "unix", "unix:/run/x", true },
	{ "a unix socket is in no IPv4 block", "0.0.0.0/0", "unix:/run/x", false },
	{ "an IPv4 address is no unix socket", "unix", "127.0.0.1:25", false },
};

static void
test_contains(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(contains_rows) / sizeof(contains_rows[0]); i++) {
		struct network n;
		struct socket_address a;
		struct err e;
		assert_int_equal(network_parse(contains_rows[i].network, &n, &e), 0);
		assert_int_equal(socket_address_parse(contains_rows[i].address, &a, &e),
				 0);
		if (network_contains(&n, &a) == contains_rows[i].want)
			continue;
		print_error("%s: got %d\n", contains_rows[i].sentence,
			    !contains_rows[i].want);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static const struct {
	const char *address;
	bool want;
} default_rows[] = {
	{ "127.0.0.1:25", true },  { "127.9.9.9:25", true },
	{ "[::1]:25", true },      { "unix:/run/x", true },
	{ "10.0.0.1:25", false },  { "[2001:db8::1]:25", false },
	{ "192.0.2.1:25", false },
};

static void
test_the_default_trusts_this_machine_only(void **state)
{
	struct server_listener_settings l = { .name = "feed" };
	struct server_settings s = { .hostname = "mx.example",
				     .listeners = &l,
				     .n_listeners = 1 };
	struct listener_config *c;
	struct err e;

	(void)state;
	assert_int_equal(listener_config_new(&s, 0, &c, &e), 0);
	for (size_t i = 0; i < sizeof(default_rows) / sizeof(default_rows[0]); i++) {
		struct socket_address a;
		assert_int_equal(socket_address_parse(default_rows[i].address, &a, &e),
				 0);
		if (listener_config_trusts(c, &a) != default_rows[i].want)
			print_error("%s: want %d\n", default_rows[i].address,
				    default_rows[i].want);
		assert_int_equal(listener_config_trusts(c, &a), default_rows[i].want);
	}
	listener_config_unref(c);
}

static void
test_the_settings_are_copied_and_have_defaults(void **state)
{
	char name[] = "feed", host[] = "mx.example";
	struct server_listener_settings l = { .name = name, .recipients_max = 7 };
	struct server_settings s = { .hostname = host,
				     .listeners = &l,
				     .n_listeners = 1 };
	struct listener_config *c;
	struct err e;

	(void)state;
	assert_int_equal(listener_config_new(&s, 0, &c, &e), 0);
	memset(name, 'x', sizeof(name) - 1);
	memset(host, 'x', sizeof(host) - 1);
	assert_string_equal(c->settings.name, "feed");
	assert_string_equal(c->hostname, "mx.example");
	assert_string_equal(c->queue_domain, "the.tdc.queue");
	assert_int_equal(c->settings.recipients_max, 7);
	assert_int_equal(c->settings.message_size_max, 256u << 20);
	assert_int_equal(c->settings.command_line_max, 8192);
	assert_int_equal(c->settings.connections_max, 500);
	assert_int_equal(c->settings.connections_per_client_max, 200);
	assert_int_equal(c->settings.idle_timeout_ms, 300000);
	assert_int_equal(c->settings.data_timeout_ms, 600000);
	listener_config_unref(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_the_default_trusts_this_machine_only),
		cmocka_unit_test(test_the_settings_are_copied_and_have_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_network.c - networks: parsing, and who is in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>

#include "tdc/loop/network.h"

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
test_what_is_no_address_is_in_no_network(void **state)
{
	static const char *const texts[] = { "",      "localhost",   "10.0.0",
					     "[::1]", "10.0.0.1:25", "fe80::1%lo" };
	struct network all[3];
	struct err e;

	(void)state;
	assert_int_equal(network_parse("0.0.0.0/0", &all[0], &e), 0);
	assert_int_equal(network_parse("::/0", &all[1], &e), 0);
	assert_int_equal(network_parse("unix", &all[2], &e), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t k = 0; k < 3; k++)
			assert_false(network_contains_text(&all[k], texts[i]));
}

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
		char host[SOCKET_TEXT_MAX];
		socket_address_format_host(&a, host);
		if (network_contains(&n, &a) == contains_rows[i].want &&
		    network_contains_text(&n, host) == contains_rows[i].want)
			continue;
		print_error("%s: got %d\n", contains_rows[i].sentence,
			    !contains_rows[i].want);
		failed++;
	}
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_what_is_no_address_is_in_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_socket_address.c - addresses as text, both ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/loop/stream.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static const struct {
	const char *name, *text, *printed, *host;
	bool is_loopback;
	enum err_kind error;
} rows[] = {
	{ "an IPv4 address with a port", "192.0.2.1:25", "192.0.2.1:25", "192.0.2.1",
	  false, 0 },
	{ "an IPv6 address in brackets", "[2001:db8::1]:25", "[2001:db8::1]:25",
	  "2001:db8::1", false, 0 },
	{ "loopback is a whole network", "127.9.9.9:1", "127.9.9.9:1", "127.9.9.9", true,
	  0 },
	{ "loopback in IPv6", "[::1]:65535", "[::1]:65535", "::1", true, 0 },
	{ "an IPv4 address in IPv6 is an IPv4 address", "[::ffff:127.0.0.1]:7",
	  "127.0.0.1:7", "127.0.0.1", true, 0 },
	{ "any address", "0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", false, 0 },
	{ "a unix socket", "unix:/run/tdcd/smtp", "unix:/run/tdcd/smtp", "unix", true,
	  0 },
	{ "a unix socket whose path has a colon", "unix:/a:b", "unix:/a:b", "unix", true,
	  0 },
	{ "no port", "192.0.2.1", NULL, NULL, false, ERR_SYNTAX },
	{ "an empty port", "192.0.2.1:", NULL, NULL, false, ERR_SYNTAX },
	{ "a port that is too large", "192.0.2.1:65536", NULL, NULL, false, ERR_SYNTAX },
	{ "a port that is far too large", "192.0.2.1:4294967321", NULL, NULL, false,
	  ERR_SYNTAX },
	{ "a port with a sign", "192.0.2.1:+25", NULL, NULL, false, ERR_SYNTAX },
	{ "a port with a blank", "192.0.2.1: 25", NULL, NULL, false, ERR_SYNTAX },
	{ "a port with letters behind it", "192.0.2.1:25x", NULL, NULL, false,
	  ERR_SYNTAX },
	{ "IPv6 without brackets", "2001:db8::1:25", NULL, NULL, false, ERR_SYNTAX },
	{ "IPv4 in brackets", "[192.0.2.1]:25", NULL, NULL, false, ERR_SYNTAX },
	{ "a name is not resolved", "mail.example:25", NULL, NULL, false, ERR_SYNTAX },
	{ "an empty host", ":25", NULL, NULL, false, ERR_SYNTAX },
	{ "nothing", "", NULL, NULL, false, ERR_SYNTAX },
	{ "brackets around nothing", "[]:25", NULL, NULL, false, ERR_SYNTAX },
	{ "a host that is much too long",
	  "1111111111111111111111111111111111111111111111111111111111111111111111:25",
	  NULL, NULL, false, ERR_SYNTAX },
	{ "a unix socket without a path", "unix:", NULL, NULL, false, ERR_SYNTAX },
	{ "a unix socket with a path over 107 bytes",
	  "unix:/"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaa",
	  NULL, NULL, false, ERR_SIZE },
};

static void
addresses_are_parsed_and_printed(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[SOCKET_TEXT_MAX] = "", host[SOCKET_TEXT_MAX] = "";
		struct socket_address a;
		struct err e = { 0 };
		int r = socket_address_parse(rows[i].text, &a, &e);
		bool is_loopback = false;

		if (r == 0) {
			socket_address_format(&a, text);
			socket_address_format_host(&a, host);
			is_loopback = socket_address_is_loopback(&a);
		}
		const char *printed = rows[i].printed == NULL ? "" : rows[i].printed;
		const char *host_wanted = rows[i].host == NULL ? "" : rows[i].host;
		if (strcmp(text, printed) != 0 || strcmp(host, host_wanted) != 0 ||
		    is_loopback != rows[i].is_loopback || e.kind != rows[i].error) {
			printf("%s: got \"%s\" \"%s\" loopback %d error %s, want \"%s\" "
			       "\"%s\" %d %s\n",
			       rows[i].name, text, host, is_loopback,
			       err_kind_name(e.kind), printed, host_wanted,
			       rows[i].is_loopback, err_kind_name(rows[i].error));
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
unix_peers_without_a_path_have_names_too(void **state)
{
	struct socket_address unnamed = { .storage.ss_family = AF_UNIX,
					  .length = sizeof(sa_family_t) };
	struct socket_address abstract = unnamed;
	char text[SOCKET_TEXT_MAX];

	(void)state;
	socket_address_format(&unnamed, text);
	assert_string_equal(text, "unix");
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&abstract.storage;
	memcpy(un->sun_path, "\0name", 5);
	abstract.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 5);
	socket_address_format(&abstract, text);
	assert_string_equal(text, "unix:@name");
	assert_true(socket_address_is_loopback(&unnamed));
}

static const struct {
	const char *name, *a, *b;
	bool overlap;
} pairs[] = {
	{ "the same", "127.0.0.1:25", "127.0.0.1:25", true },
	{ "another port", "127.0.0.1:25", "127.0.0.1:26", false },
	{ "another address", "127.0.0.1:25", "127.0.0.2:25", false },
	{ "any address and one of them", "0.0.0.0:25", "127.0.0.1:25", true },
	{ "any address with another port", "0.0.0.0:25", "127.0.0.1:26", false },
	{ "any free port, twice", "127.0.0.1:0", "127.0.0.1:0", false },
	{ "any free port of any address", "0.0.0.0:0", "127.0.0.1:0", false },
	{ "IPv6, written in two ways", "[::1]:25", "[0:0::1]:25", true },
	{ "any IPv6 address and one of them", "[::]:25", "[2001:db8::1]:25", true },
	{ "two IPv6 addresses", "[2001:db8::2]:25", "[2001:db8::1]:25", false },
	{ "any IPv6 address leaves IPv4 alone", "[::]:25", "0.0.0.0:25", false },
	{ "the same path", "unix:/run/x", "unix:/run/x", true },
	{ "another path", "unix:/run/x", "unix:/run/xy", false },
	{ "a path and a port", "unix:/run/x", "0.0.0.0:25", false },
};

static void
two_that_cannot_both_be_listened_at_are_known(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct socket_address a, b;
		assert_int_equal(socket_address_parse(pairs[i].a, &a, NULL), 0);
		assert_int_equal(socket_address_parse(pairs[i].b, &b, NULL), 0);
		bool there = socket_address_overlaps(&a, &b);
		bool back = socket_address_overlaps(&b, &a);
		if (there == pairs[i].overlap && back == there)
			continue;
		printf("%s: got %d and back %d, want %d\n", pairs[i].name, there, back,
		       pairs[i].overlap);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_parsed_and_printed),
		cmocka_unit_test(unix_peers_without_a_path_have_names_too),
		cmocka_unit_test(two_that_cannot_both_be_listened_at_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

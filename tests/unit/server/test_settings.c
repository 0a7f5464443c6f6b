/*
 * test_settings.c - a listener's settings: defaults, copies, and whom it trusts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "server/settings.h"

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
		cmocka_unit_test(test_the_default_trusts_this_machine_only),
		cmocka_unit_test(test_the_settings_are_copied_and_have_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_starttls.c - STARTTLS over real sockets: the handshake, and what comes instead of one.
 */
#include "world.h"

#include "tdc/tls/selfsigned.h"

static void
on_handshake(void *arg, const struct tls_facts *facts, const struct err *e)
{
	struct client *c = arg;

	(void)facts;
	c->handshakes++;
	c->handshakes_failed += e != NULL;
}

static struct tls_context *
server_tls(const struct world *w)
{
	const char *const name = "mx.example";
	const struct tls_leaf_settings leaf = { .common_name = name,
						.names = &name,
						.name_count = 1,
						.valid_from_s = -3600,
						.valid_until_s = 3600 };
	char certificate[128], key[128];
	struct tls_context *ret;
	struct err e;

	snprintf(certificate, sizeof(certificate), "%s/certificate.pem", w->directory);
	snprintf(key, sizeof(key), "%s/key.pem", w->directory);
	if (tls_leaf_write(NULL, &leaf, certificate, key, &e) != 0)
		fail_msg("%s", e.text);
	struct tls_server_settings s = { .certificate_file = certificate,
					 .key_file = key };
	if (tls_server_context_new(&s, &ret, &e) != 0)
		fail_msg("%s", e.text);
	return ret;
}

static void
test_starttls(void **state)
{
	struct world w;
	struct client c;
	struct tls_client_settings client_settings = { 0 };
	struct tls_context *client_context;
	struct err e;

	(void)state;
	world_open(&w);
	struct tls_context *context = server_tls(&w);
	w.listeners[0].tls = context;
	w.listeners[0].is_tls_required = true;
	world_start(&w);
	tls_context_unref(context);
	assert_int_equal(tls_client_context_new(&client_settings, &client_context, &e),
			 0);
	client_open(&w, &c, 0);
	client_say(&c, "EHLO c\r\nMAIL FROM:<s@x>\r\nSTARTTLS\r\n");
	client_wait(&w, &c, "530 5.7.0 ");
	client_wait(&w, &c, "220 2.0.0 ");
	assert_int_equal(tls_client_start(client_context, c.stream, "mx.example",
					  TLS_MODE_REQUIRED, NULL, on_handshake, &c, &e),
			 0);
	for (int i = 0; i < TURNS_MAX && c.handshakes == 0; i++)
		turn(&w);
	assert_int_equal(c.handshakes, 1);
	assert_int_equal(c.handshakes_failed, 0);
	buf_clear(&c.got);
	client_say(&c, "MAIL FROM:<s@x>\r\n");
	client_wait(&w, &c, "503 5.5.1 ");
	client_say(&c, ENVELOPE MESSAGE "QUIT\r\n");
	client_wait(&w, &c, QUEUED);
	client_wait_end(&w, &c);
	wait_messages(&w, 1);
	wait_connections(&w, 0);
	client_close(&c);
	tls_context_unref(client_context);
	world_close(&w);
}

static void
test_plaintext_instead_of_a_handshake(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_open(&w);
	struct tls_context *context = server_tls(&w);
	w.listeners[0].tls = context;
	world_start(&w);
	tls_context_unref(context);
	client_open(&w, &c, 0);
	client_say(&c, "EHLO c\r\nSTARTTLS\r\n");
	client_wait(&w, &c, "220 2.0.0 ");
	client_say(&c, "EHLO evil\r\nMAIL FROM:<s@x>\r\n");
	client_wait_end(&w, &c);
	wait_connections(&w, 0);
	assert_false(has_got(&c, "250 2.1.0"));
	client_close(&c);
	/* And one that says nothing more at all. */
	w.listeners[0].command_timeout_ms = 20;
	struct err e;
	assert_int_equal(server_reload(w.server, &w.settings, w.policy, &e), 0);
	client_open(&w, &c, 0);
	client_say(&c, "EHLO c\r\nSTARTTLS\r\n");
	client_wait(&w, &c, "220 2.0.0 ");
	client_wait_end(&w, &c);
	wait_connections(&w, 0);
	client_close(&c);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_plaintext_instead_of_a_handshake),
	};

	return cmocka_run_group_tests(tests, quiet, loud);
}

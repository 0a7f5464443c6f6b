/*
 * test_resume.c - sessions are remembered and resumed, under their own key only.
 */
#include "tls/cache.h"
#include "pair.h"

struct run {
	const char *name, *key;
	enum tls_mode mode;
	bool want_resumed;
};

/* One connection; says whether it was resumed. */
static bool
connect_once(struct shelf *s, struct tls_context *client, struct tls_context *server,
	     const struct run *r, struct tls_facts *facts)
{
	struct pair p;

	pair_open(&p, s->loop);
	pair_start(&p, client, server, r->name, r->mode, r->key);
	pair_finish(&p);
	assert_int_equal(p.client.failure.kind, ERR_NONE);
	pair_exchange(&p, 10); /* TLS 1.3 tickets come with the first data */
	assert_int_equal(p.client.facts.is_resumed, p.server.facts.is_resumed);
	*facts = p.client.facts;
	pair_close(&p);
	return facts->is_resumed;
}

static void
run_rows(struct shelf *s, const char *version, const struct run *rows, size_t n)
{
	struct tls_context *server = shelf_server(s, "good"), *client = shelf_client(s);
	struct err e = { 0 };

	must(tls_context_pin_version(server, version, &e), &e);
	for (size_t i = 0; i < n; i++) {
		struct tls_facts f;
		bool got = connect_once(s, client, server, &rows[i], &f);

		if (got != rows[i].want_resumed)
			fail_msg("TLS %s, row %zu (%s under %s): got resumed = %d, want "
				 "%d",
				 version, i, rows[i].name, rows[i].key, got,
				 rows[i].want_resumed);
	}
	tls_context_unref(server);
	tls_context_unref(client);
}

static const struct run runs[] = {
	{ "intake.example", "a", TLS_MODE_VERIFY, false },
	{ "intake.example", "a", TLS_MODE_VERIFY, true },
	{ "intake.example", "a", TLS_MODE_VERIFY, true },
	{ "intake.example", "b", TLS_MODE_VERIFY, false },   /* another destination */
	{ "intake.example", "a", TLS_MODE_REQUIRED, false }, /* another mode */
	{ "x.wild.example", "a", TLS_MODE_VERIFY, false },   /* another name, same key */
	{ "intake.example", NULL, TLS_MODE_VERIFY, false },  /* nothing to remember by */
	{ "intake.example", NULL, TLS_MODE_VERIFY, false },
	{ "intake.example", "a", TLS_MODE_VERIFY, true },
	{ "intake.example", "b", TLS_MODE_VERIFY, true },
};

static void
sessions_are_resumed_under_their_own_key_only(void **state)
{
	run_rows(*state, "1.3", runs, sizeof(runs) / sizeof(runs[0]));
	run_rows(*state, "1.2", runs, sizeof(runs) / sizeof(runs[0]));
}

static void
the_facts_of_a_resumed_session_are_those_of_its_first_handshake(void **state)
{
	static const char *const versions[] = { "1.2", "1.3" };
	struct shelf *s = *state;

	for (size_t i = 0; i < 2; i++) {
		struct tls_context *server = shelf_server(s, "strange"),
				   *client = shelf_client(s);
		const struct run r = { "intake.example", "k", TLS_MODE_REQUIRED, true };
		struct tls_facts first, second;
		struct err e = { 0 };

		must(tls_context_pin_version(server, versions[i], &e), &e);
		assert_false(connect_once(s, client, server, &r, &first));
		assert_true(connect_once(s, client, server, &r, &second));
		assert_false(second.is_verified);
		assert_string_equal(first.failure, second.failure);
		assert_true(first.failure[0] != '\0');
		assert_string_equal(first.peer_name, second.peer_name);
		assert_string_equal(first.issuer, "Strange Root");
		assert_string_equal(first.issuer, second.issuer);
		assert_string_equal(first.version, second.version);
		tls_context_unref(server);
		tls_context_unref(client);
	}
}

static void
a_session_survives_a_connection_that_was_cut(void **state)
{
	struct shelf *s = *state;
	struct tls_context *server = shelf_server(s, "good"), *client = shelf_client(s);
	const struct run r = { "intake.example", "k", TLS_MODE_VERIFY, true };
	struct tls_facts f;
	struct pair p;

	pair_open(&p, s->loop);
	pair_start(&p, client, server, "intake.example", TLS_MODE_VERIFY, "k");
	pair_finish(&p);
	pair_exchange(&p, 10);
	assert_int_equal(shutdown(stream_fd(p.server.stream), SHUT_RDWR), 0);
	for (int i = 0; i < 100 && !p.client.is_broken && !p.client.is_eof; i++)
		pair_turn(&p);
	pair_close(&p);
	assert_true(connect_once(s, client, server, &r, &f));
	tls_context_unref(server);
	tls_context_unref(client);
}

static void
a_server_with_new_ticket_keys_gets_a_full_handshake(void **state)
{
	struct shelf *s = *state;
	struct tls_context *server = shelf_server(s, "good"), *client = shelf_client(s);
	const struct run r = { "intake.example", "k", TLS_MODE_VERIFY, true };
	struct tls_facts f;

	assert_false(connect_once(s, client, server, &r, &f));
	tls_context_unref(server);
	server = shelf_server(s, "good");
	assert_false(connect_once(s, client, server, &r, &f));
	assert_true(f.is_verified);
	assert_true(connect_once(s, client, server, &r, &f));
	assert_true(f.is_verified);
	tls_context_unref(server);
	tls_context_unref(client);
}

/* -- the cache itself -- */

static SSL_SESSION *
made_session(int version, unsigned char id)
{
	SSL_SESSION *s = SSL_SESSION_new();

	assert_non_null(s);
	assert_int_equal(SSL_SESSION_set1_id(s, &id, 1), 1);
	assert_int_equal(SSL_SESSION_set_protocol_version(s, version), 1);
	return s;
}

static void
put(struct tls_cache *c, const char *key, int version, unsigned char id)
{
	struct tls_facts facts = { 0 };
	assert_int_equal(
		tls_cache_put(c, span_of(key), made_session(version, id), &facts), 0);
}

/* The id of what the cache gives out, or -1. */
static int
take(struct tls_cache *c, const char *key)
{
	struct tls_facts facts;
	SSL_SESSION *s = tls_cache_take(c, span_of(key), &facts);
	unsigned n = 0;

	if (s == NULL)
		return -1;
	int id = SSL_SESSION_get_id(s, &n)[0];
	SSL_SESSION_free(s);
	return id;
}

static void
a_1_3_ticket_is_given_out_once_and_a_bounded_number_is_kept(void **state)
{
	struct tls_cache c;

	(void)state;
	tls_cache_init(&c, 0);
	for (unsigned char id = 1; id <= TLS_CACHE_PER_KEY + 2; id++)
		put(&c, "k", TLS1_3_VERSION, id);
	assert_int_equal(c.entries.count, TLS_CACHE_PER_KEY);
	for (int id = TLS_CACHE_PER_KEY + 2; id >= 3; id--)
		assert_int_equal(take(&c, "k"), id);
	assert_int_equal(take(&c, "k"), -1);
	tls_cache_done(&c);
}

static void
a_1_2_session_is_given_out_again(void **state)
{
	struct tls_cache c;

	(void)state;
	tls_cache_init(&c, 0);
	put(&c, "k", TLS1_2_VERSION, 1);
	assert_int_equal(take(&c, "k"), 1);
	assert_int_equal(take(&c, "k"), 1);
	assert_int_equal(take(&c, "other"), -1);
	tls_cache_done(&c);
}

static void
the_least_recently_used_is_lost_first(void **state)
{
	struct tls_cache c;

	(void)state;
	tls_cache_init(&c, 3);
	put(&c, "a", TLS1_2_VERSION, 1);
	put(&c, "b", TLS1_2_VERSION, 2);
	put(&c, "c", TLS1_2_VERSION, 3);
	assert_int_equal(take(&c, "a"), 1);
	put(&c, "d", TLS1_2_VERSION, 4);
	assert_int_equal(c.entries.count, 3);
	assert_int_equal(take(&c, "b"), -1);
	assert_int_equal(take(&c, "a"), 1);
	assert_int_equal(take(&c, "c"), 3);
	assert_int_equal(take(&c, "d"), 4);
	tls_cache_done(&c);
}

static void
a_session_that_ran_out_is_not_given_out(void **state)
{
	struct tls_cache c;
	struct tls_facts facts = { 0 };
	SSL_SESSION *s = made_session(TLS1_2_VERSION, 1);

	(void)state;
	tls_cache_init(&c, 3);
	SSL_SESSION_set_time(s, SSL_SESSION_get_time(s) - 1000);
	SSL_SESSION_set_timeout(s, 999);
	assert_int_equal(tls_cache_put(&c, span_of("k"), s, &facts), 0);
	assert_int_equal(take(&c, "k"), -1);
	assert_int_equal(c.entries.count, 0);
	tls_cache_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_resumed_under_their_own_key_only),
		cmocka_unit_test(
			the_facts_of_a_resumed_session_are_those_of_its_first_handshake),
		cmocka_unit_test(a_session_survives_a_connection_that_was_cut),
		cmocka_unit_test(a_server_with_new_ticket_keys_gets_a_full_handshake),
		cmocka_unit_test(
			a_1_3_ticket_is_given_out_once_and_a_bounded_number_is_kept),
		cmocka_unit_test(a_1_2_session_is_given_out_again),
		cmocka_unit_test(the_least_recently_used_is_lost_first),
		cmocka_unit_test(a_session_that_ran_out_is_not_given_out),
	};
	return cmocka_run_group_tests(tests, shelf_open, shelf_close);
}

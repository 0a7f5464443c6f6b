/*
 * test_verify.c - whom a client believes, and what it says when it does not.
 */
#include "pair.h"

struct verify_case {
	const char *title;
	const char *certificate;
	const char *name;
	enum tls_mode mode;
	bool is_accepted, is_verified;
	const char *failure[3]; /* parts of facts.failure, and of the error if refused */
	const char *peer_name;  /* NULL = not looked at */
};

static const struct verify_case cases[] = {
	{ "the right name under a known root is verified",
	  "good",
	  "intake.example",
	  TLS_MODE_VERIFY,
	  true,
	  true,
	  { "" },
	  "intake.example" },
	{ "case and a final dot of the name do not matter",
	  "good",
	  "INTAKE.example.",
	  TLS_MODE_VERIFY,
	  true,
	  true,
	  { "" },
	  "intake.example" },
	{ "a wildcard stands for one label",
	  "good",
	  "a.wild.example",
	  TLS_MODE_VERIFY,
	  true,
	  true,
	  { "" },
	  "*.wild.example" },
	{ "a wildcard does not stand for two labels",
	  "good",
	  "a.b.wild.example",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "name mismatch", "*.wild.example", "\"a.b.wild.example\"" },
	  NULL },
	{ "a part of a label is no wildcard",
	  "good",
	  "mx1.part.example",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "name mismatch", "mx*.part.example", "\"mx1.part.example\"" },
	  NULL },
	{ "an IPv4 literal matches an address entry",
	  "good",
	  "127.0.0.1",
	  TLS_MODE_VERIFY,
	  true,
	  true,
	  { "" },
	  "127.0.0.1" },
	{ "an IPv6 literal matches an address entry",
	  "good",
	  "2001:db8::25",
	  TLS_MODE_VERIFY,
	  true,
	  true,
	  { "" },
	  "2001:db8::25" },
	{ "another IP literal does not match",
	  "good",
	  "127.0.0.2",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "name mismatch", "intake.example", "not for \"127.0.0.2\"" },
	  NULL },
	{ "a wrong name is refused with both names",
	  "good",
	  "mail.example",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "name mismatch", "\"intake.example, ", "not for \"mail.example\"" },
	  "intake.example" },
	{ "a common name alone proves nothing",
	  "nameless",
	  "nobody",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "name mismatch", "\"nobody\"" },
	  NULL },
	{ "an expired certificate is refused with its date",
	  "expired",
	  "intake.example",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "expired since 20", " UTC", "\"intake.example\"" },
	  NULL },
	{ "a certificate of tomorrow is refused with its date",
	  "early",
	  "intake.example",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "not yet valid, only from 20", " UTC" },
	  NULL },
	{ "an unknown issuer is refused by name",
	  "strange",
	  "intake.example",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "unknown issuer \"Strange Root\"" },
	  NULL },
	{ "a self-signed certificate is called so",
	  "own",
	  "intake.example",
	  TLS_MODE_VERIFY,
	  false,
	  false,
	  { "self-signed", "\"intake.example\"" },
	  NULL },
	{ "mode required accepts a good one as verified",
	  "good",
	  "intake.example",
	  TLS_MODE_REQUIRED,
	  true,
	  true,
	  { "" },
	  "intake.example" },
	{ "mode required accepts a wrong name and says so",
	  "good",
	  "mail.example",
	  TLS_MODE_REQUIRED,
	  true,
	  false,
	  { "name mismatch" },
	  "intake.example" },
	{ "mode required accepts an expired one and says so",
	  "expired",
	  "intake.example",
	  TLS_MODE_REQUIRED,
	  true,
	  false,
	  { "expired since" },
	  NULL },
	{ "mode required accepts an unknown issuer and says so",
	  "strange",
	  "intake.example",
	  TLS_MODE_REQUIRED,
	  true,
	  false,
	  { "unknown issuer \"Strange Root\"" },
	  NULL },
	{ "the first failure is the one that is told",
	  "own",
	  "mail.example",
	  TLS_MODE_REQUIRED,
	  true,
	  false,
	  { "self-signed" },
	  NULL },
};

static void
check_texts(const struct verify_case *c, const char *text)
{
	for (size_t i = 0; i < 3 && c->failure[i] != NULL; i++)
		if (strstr(text, c->failure[i]) == NULL)
			fail_msg("%s: got \"%s\", want it to hold \"%s\"", c->title, text,
				 c->failure[i]);
	if (c->failure[0][0] == '\0' && text[0] != '\0')
		fail_msg("%s: got \"%s\", want no failure", c->title, text);
}

static void
run_case(struct shelf *s, const struct verify_case *c, const char *version)
{
	struct tls_context *server = shelf_server(s, c->certificate),
			   *client = shelf_client(s);
	struct pair p;
	struct err e = { 0 };

	must(tls_context_pin_version(server, version, &e), &e);
	pair_open(&p, s->loop);
	pair_start(&p, client, server, c->name, c->mode, NULL);
	for (int i = 0; i < PAIR_TURNS && p.client.done_count == 0; i++)
		pair_turn(&p);
	const struct tls_facts *f = &p.client.facts;
	if (p.client.done_count != 1)
		fail_msg("%s: done ran %u times", c->title, p.client.done_count);
	if ((p.client.failure.kind == ERR_NONE) != c->is_accepted)
		fail_msg("%s: got \"%s\", want accepted = %d", c->title,
			 p.client.failure.text, c->is_accepted);
	if (f->is_verified != c->is_verified)
		fail_msg("%s: got verified = %d, want %d", c->title, f->is_verified,
			 c->is_verified);
	check_texts(c, f->failure);
	if (!c->is_accepted) {
		assert_int_equal(p.client.failure.kind, ERR_TLS);
		check_texts(c, p.client.failure.text);
	} else {
		pair_finish(&p);
		assert_int_equal(p.server.failure.kind, ERR_NONE);
		pair_exchange(&p, 100);
		assert_string_equal(f->version,
				    strcmp(version, "1.3") == 0 ? "TLSv1.3" : "TLSv1.2");
		assert_true(strlen(f->cipher) > 5);
	}
	if (c->peer_name != NULL && strcmp(c->peer_name, f->peer_name) != 0)
		fail_msg("%s: got peer \"%s\", want \"%s\"", c->title, f->peer_name,
			 c->peer_name);
	pair_close(&p);
	tls_context_unref(server);
	tls_context_unref(client);
}

static void
every_case_holds_with_tls_1_3(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(*state, &cases[i], "1.3");
}

static void
every_case_holds_with_tls_1_2(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(*state, &cases[i], "1.2");
}

static void
the_server_is_told_of_the_refusal(void **state)
{
	struct shelf *s = *state;
	struct tls_context *server = shelf_server(s, "strange"),
			   *client = shelf_client(s);
	struct err e = { 0 };
	struct pair p;

	must(tls_context_pin_version(server, "1.2", &e), &e);
	pair_open(&p, s->loop);
	pair_start(&p, client, server, "intake.example", TLS_MODE_VERIFY, NULL);
	pair_finish(&p);
	assert_int_equal(p.server.failure.kind, ERR_TLS);
	assert_non_null(strstr(p.server.failure.text, "unknown CA"));
	pair_close(&p);
	tls_context_unref(server);
	tls_context_unref(client);
}

static void
settings_that_cannot_work_are_refused_with_a_reason(void **state)
{
	struct shelf *s = *state;
	struct tls_context *c = NULL;
	struct err e = { 0 };
	char good[128], key[128];

	snprintf(good, sizeof(good), "%s/good.pem", s->directory);
	snprintf(key, sizeof(key), "%s/own.key", s->directory);
	const struct {
		struct tls_client_settings settings;
		const char *part;
	} rows[] = {
		{ { .min_version = "1.1" }, "\"1.1\"" },
		{ { .ciphers = "NOT-A-CIPHER" }, "NOT-A-CIPHER" },
		{ { .groups = "no-group" }, "no-group" },
		{ { .ca_file = "/nonexistent/ca.pem" }, "/nonexistent/ca.pem" },
		{ { .certificate_file = good }, "belong together" },
		{ { .certificate_file = good, .key_file = key }, "own.key" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(tls_client_context_new(&rows[i].settings, &c, &e), -1);
		assert_null(c);
		assert_int_equal(e.kind, ERR_CONFIG);
		if (strstr(e.text, rows[i].part) == NULL)
			fail_msg("got \"%s\", want it to hold \"%s\"", e.text,
				 rows[i].part);
	}
}

static void
facts_print_as_in_the_mail_log(void **state)
{
	struct tls_facts f = { .version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384" };
	char text[128];

	(void)state;
	tls_facts_format(&f, text, sizeof(text));
	assert_string_equal(text, "protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384");
	assert_string_equal(tls_mode_name(TLS_MODE_VERIFY), "verify");
	assert_string_equal(tls_mode_name(TLS_MODE_REQUIRED), "required");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_holds_with_tls_1_3),
		cmocka_unit_test(every_case_holds_with_tls_1_2),
		cmocka_unit_test(the_server_is_told_of_the_refusal),
		cmocka_unit_test(settings_that_cannot_work_are_refused_with_a_reason),
		cmocka_unit_test(facts_print_as_in_the_mail_log),
	};
	return cmocka_run_group_tests(tests, shelf_open, shelf_close);
}

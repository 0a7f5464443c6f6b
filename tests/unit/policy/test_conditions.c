/*
 * test_conditions.c - patterns with their negations, and what a policy asks of the message:
 * client, header and size.
 *
 * Plans are written as "NAME:RIDS", with * for all recipients.
 */
#include "support.h"

#define HEAD                                                                             \
	LISTENER "connector: {enabled: true, message_intake_address: t@in.example}\n"    \
		 "incoming_mail_policies: {default: {intake: global}, policies: ["

static const struct {
	const char *name, *policies, *sender, *recipients, *want;
	const char *client, *fields; /* names with a ' ' behind each */
	uint64_t size;
} rows[] = {
	{ "a local part matches at any domain", "{name: p, recipient: [sales@]}", "s@x",
	  "sales@a Sales@b.c resales@a", "p:0,1 DEFAULT:2", NULL, "", 0 },
	{ "a local part matches an address without a domain",
	  "{name: p, recipient: [postmaster@]}", "s@x", "Postmaster", "p:*", NULL, "",
	  0 },
	{ "a sender's local part takes all", "{name: p, sender: [news@]}", "news@x",
	  "a@b c@d", "p:*", NULL, "", 0 },
	{ "the null sender has a pattern of its own", "{name: p, sender: ['<>']}", "",
	  "a@b", "p:*", NULL, "", 0 },
	{ "which matches no other", "{name: p, sender: ['<>']}", "s@x", "a@b",
	  "DEFAULT:*", NULL, "", 0 },
	{ "an address may have many policies, and the first is taken whatever its key",
	  "{name: p, recipient: [.c]}, {name: q, recipient: [a@b.c]}, "
	  "{name: r, recipient: [a@]}, {name: t, recipient: [b.c]}",
	  "s@x", "a@b.c b@b.c a@d", "p:0,1 r:2", NULL, "", 0 },

	{ "a negation leaves out an address of the domain",
	  "{name: p, recipient: [b], not_recipient: [a@b]}", "s@x", "a@b c@b",
	  "p:1 DEFAULT:0", NULL, "", 0 },
	{ "a negation leaves out a domain below",
	  "{name: p, recipient: [.b], not_recipient: [.x.b]}", "s@x", "a@y.b a@z.x.b",
	  "p:0 DEFAULT:1", NULL, "", 0 },
	{ "a negation leaves out a local part",
	  "{name: p, recipient: [b], not_recipient: [abuse@]}", "s@x", "Abuse@b c@b",
	  "p:1 DEFAULT:0", NULL, "", 0 },
	{ "the same pattern in both means nobody",
	  "{name: p, recipient: [b], not_recipient: [b]}", "s@x", "a@b", "DEFAULT:*",
	  NULL, "", 0 },
	{ "a negation alone means all others", "{name: p, not_recipient: [b]}", "s@x",
	  "a@b c@d", "p:1 DEFAULT:0", NULL, "", 0 },
	{ "a sender's negation alone takes all recipients of all others",
	  "{name: p, not_sender: [x]}", "s@y", "a@b c@d", "p:*", NULL, "", 0 },
	{ "and none of those that it names", "{name: p, not_sender: [x]}", "s@x", "a@b",
	  "DEFAULT:*", NULL, "", 0 },
	{ "the null sender is another than any address", "{name: p, not_sender: [x]}", "",
	  "a@b", "p:*", NULL, "", 0 },
	{ "who is left out goes on to the next policy",
	  "{name: p, recipient: [b], not_recipient: [a@b]}, {name: q, recipient: [a@b]}",
	  "s@x", "a@b c@b", "p:1 q:0", NULL, "", 0 },
	{ "a negation of one policy is none of another",
	  "{name: p, recipient: [b], not_recipient: [a@b]}, {name: q, recipient: [b]}",
	  "s@x", "a@b", "q:*", NULL, "", 0 },

	{ "a client in the network", "{name: p, client: [192.0.2.0/24]}", "s@x",
	  "a@b c@d", "p:*", "192.0.2.7", "", 0 },
	{ "a client outside", "{name: p, client: [192.0.2.0/24]}", "s@x", "a@b",
	  "DEFAULT:*", "192.0.3.7", "", 0 },
	{ "a client of IPv6", "{name: p, client: ['2001:db8::/32']}", "s@x", "a@b", "p:*",
	  "2001:db8:1::5", "", 0 },
	{ "a client that is not known is in no network", "{name: p, client: [0.0.0.0/0]}",
	  "s@x", "a@b", "DEFAULT:*", NULL, "", 0 },
	{ "one network of several is enough",
	  "{name: p, client: [10.0.0.0/8, 192.0.2.1]}", "s@x", "a@b", "p:*", "192.0.2.1",
	  "", 0 },
	{ "a client that is left out",
	  "{name: p, recipient: [b], not_client: [192.0.2.0/24]}", "s@x", "a@b",
	  "DEFAULT:*", "192.0.2.7", "", 0 },
	{ "a client that is not known is not left out",
	  "{name: p, recipient: [b], not_client: [192.0.2.0/24]}", "s@x", "a@b", "p:*",
	  NULL, "", 0 },

	{ "a field that is present", "{name: p, header: [list-id]}", "s@x", "a@b", "p:*",
	  NULL, "From List-ID To ", 0 },
	{ "one field of several is enough", "{name: p, header: [List-Id, Precedence]}",
	  "s@x", "a@b", "p:*", NULL, "precedence ", 0 },
	{ "a field that is absent", "{name: p, header: [List-Id]}", "s@x", "a@b",
	  "DEFAULT:*", NULL, "From List-Ids List-I ", 0 },
	{ "a message without a header has no field", "{name: p, header: [List-Id]}",
	  "s@x", "a@b", "DEFAULT:*", NULL, "", 0 },
	{ "a field that must be absent is", "{name: p, not_header: [X-Done]}", "s@x",
	  "a@b", "p:*", NULL, "From ", 0 },
	{ "a field that must be absent is not", "{name: p, not_header: [X-Done]}", "s@x",
	  "a@b", "DEFAULT:*", NULL, "From x-done ", 0 },

	{ "a field that must be absent, where some are not known",
	  "{name: p, not_header: [X-Done]}", "s@x", "a@b", "DEFAULT:*", NULL, "From ... ",
	  0 },
	{ "a field that is present, where some are not known",
	  "{name: p, header: [From]}", "s@x", "a@b", "p:*", NULL, "From ... ", 0 },
	{ "a field that must be present, where some are not known",
	  "{name: p, header: [X-Done]}", "s@x", "a@b", "DEFAULT:*", NULL, "From ... ",
	  0 },

	{ "larger than", "{name: p, larger_than: 1K}", "s@x", "a@b", "p:*", NULL, "",
	  1025 },
	{ "as large is not larger", "{name: p, larger_than: 1K}", "s@x", "a@b",
	  "DEFAULT:*", NULL, "", 1024 },
	{ "smaller than", "{name: p, smaller_than: 1K}", "s@x", "a@b", "p:*", NULL, "",
	  1023 },
	{ "as small is not smaller", "{name: p, smaller_than: 1K}", "s@x", "a@b",
	  "DEFAULT:*", NULL, "", 1024 },
	{ "between", "{name: p, larger_than: 1K, smaller_than: 1026}", "s@x", "a@b",
	  "p:*", NULL, "", 1025 },

	{ "conditions and a recipient: both must hold",
	  "{name: p, recipient: [b], larger_than: 10}", "s@x", "a@b c@d", "p:0 DEFAULT:1",
	  NULL, "", 11 },
	{ "a condition that fails keeps the recipient out",
	  "{name: p, recipient: [b], larger_than: 10}", "s@x", "a@b", "DEFAULT:*", NULL,
	  "", 10 },
	{ "a condition that fails keeps the sender out",
	  "{name: p, sender: [x], header: [A]}", "s@x", "a@b", "DEFAULT:*", NULL, "B ",
	  0 },
	{ "all conditions must hold",
	  "{name: p, larger_than: 10, header: [A], client: [unix]}", "s@x", "a@b",
	  "DEFAULT:*", "unix", "B ", 11 },
	{ "and do", "{name: p, larger_than: 10, header: [A], client: [unix]}", "s@x",
	  "a@b", "p:*", "unix", "A ", 11 },
	{ "the next policy for whom the condition fails is skipped",
	  "{name: p, recipient: [b], larger_than: 10}, {name: q, recipient: [b]}", "s@x",
	  "a@b", "q:*", NULL, "", 5 },
	{ "conditions alone take all that are left",
	  "{name: p, recipient: [b]}, {name: q, larger_than: 10}, {name: r, recipient: "
	  "[d]}",
	  "s@x", "a@b c@d e@f", "p:0 q:1,2", NULL, "", 11 },
	{ "the first of conditions alone and a sender takes all",
	  "{name: p, larger_than: 10}, {name: q, sender: [x]}", "s@x", "a@b", "p:*", NULL,
	  "", 11 },
	{ "and the sender where they do not hold",
	  "{name: p, larger_than: 10}, {name: q, sender: [x]}", "s@x", "a@b", "q:*", NULL,
	  "", 9 },
	{ "a policy that is not enabled takes nobody by conditions either",
	  "{name: p, enabled: false, larger_than: 1}", "s@x", "a@b", "DEFAULT:*", NULL,
	  "", 9 },
};

static void
split_names(const char *from, char *to, size_t n)
{
	assert_true(strlen(from) < n);
	for (size_t i = 0; from[i] != '\0'; i++)
		to[i] = from[i] == ' ' ? '\0' : from[i];
}

static bool
row_holds(size_t i)
{
	char text[4096], names[256], client[64];
	struct test_message t;
	struct body_facts facts = { .size = rows[i].size };
	struct spool_plan plans[SPOOL_PLANS_MAX];

	snprintf(text, sizeof(text), HEAD "%s]}\n", rows[i].policies);
	struct policy_set *p = must_compile(text);
	message_make(&t, rows[i].sender, rows[i].recipients);
	if (rows[i].client != NULL) {
		snprintf(client, sizeof(client), "%s", rows[i].client);
		t.message.client_address = client;
	}
	split_names(rows[i].fields, names, sizeof(names));
	/* A field that is called "..." stands for others that are not known. */
	struct mime_names fields = { span_make(names, strlen(rows[i].fields)),
				     strstr(rows[i].fields, "...") != NULL };
	/* Twice: what is kept between decisions must not show. */
	struct body_facts other = { .size = 3 };
	(void)policy_decide(p, &t.message, &other, (struct mime_names){ 0 }, plans);
	size_t n = policy_decide(p, &t.message, &facts, fields, plans);
	bool is_ok = plans_are(rows[i].name, plans, n, rows[i].want);
	policy_set_unref(p);
	return is_ok;
}

static void
test_rows(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		failed += !row_holds(i);
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

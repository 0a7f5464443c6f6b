/*
 * test_decide.c - which recipients go to which policy, and what plans that makes.
 *
 * Plans are written as "NAME:RIDS" or "NAME:RIDS!REASON", with * for all recipients.
 */
#include "support.h"

#include "tdc/mime/scan.h"

#include <time.h>

#define ON "connector: {enabled: true, message_intake_address: t@in.example}\n"
#define FOREIGN(word)                                                                    \
	"connector: {enabled: true, message_intake_address: t@in.example, "              \
	"foreign_journals: " word "}\n"
#define GLOBAL "incoming_mail_policies: {default: {intake: global}, policies: ["
#define NO     "incoming_mail_policies: {default: {intake: 'no'}, policies: ["
#define CUSTOM "intake: custom, message_intake_address: vip@in.example"

static const struct {
	const char *name, *config, *sender, *recipients, *want;
	unsigned facts;
} rows[] = {
	{ "without policies all goes to the default policy", ON GLOBAL "]}", "s@x",
	  "a@b c@d", "DEFAULT:*", 0 },
	{ "a default policy that says no drops", ON NO "]}", "s@x", "a@b",
	  "DEFAULT:*!policy", 0 },
	{ "a connector that is not enabled drops",
	  "connector: {enabled: false, message_intake_address: t@in.example}\n"
	  "incoming_mail_policies: {default: {intake: global}}",
	  "s@x", "a@b", "DEFAULT:*!policy", 0 },
	{ "our own loop mark drops as a loop", ON GLOBAL "]}", "s@x", "a@b",
	  "DEFAULT:*!loop", MIME_HAS_LOOP_MARK | MIME_HAS_8BIT },
	{ "a journal of others is mail like any other", ON GLOBAL "]}", "s@x", "a@b",
	  "DEFAULT:*", MIME_IS_JOURNAL_REPORT },
	{ "so it is when the configuration says journal", FOREIGN("journal") GLOBAL "]}",
	  "s@x", "a@b", "DEFAULT:*", MIME_IS_JOURNAL_REPORT },
	{ "a journal of others drops as a loop when the configuration says drop",
	  FOREIGN("drop") GLOBAL "]}", "s@x", "a@b", "DEFAULT:*!loop",
	  MIME_IS_JOURNAL_REPORT },
	{ "then, too, mail that is no journal is journaled", FOREIGN("drop") GLOBAL "]}",
	  "s@x", "a@b", "DEFAULT:*", MIME_HAS_8BIT },
	{ "our own mark drops whatever is said of those of others",
	  FOREIGN("journal") GLOBAL "]}", "s@x", "a@b", "DEFAULT:*!loop",
	  MIME_HAS_LOOP_MARK | MIME_IS_JOURNAL_REPORT },
	{ "a loop is a loop also where the connector is not enabled", "", "s@x", "a@b",
	  "DEFAULT:*!loop", MIME_HAS_LOOP_MARK },
	{ "other facts do not matter", ON GLOBAL "]}", "s@x", "a@b", "DEFAULT:*",
	  MIME_IS_OPAQUE | MIME_HAS_NUL | MIME_IS_EMPTY },

	{ "a recipient's address matches",
	  ON GLOBAL "{name: p, recipient: [a@b], " CUSTOM "}]}", "s@x", "a@b c@b",
	  "p:0 DEFAULT:1", 0 },
	{ "an address matches whatever its case",
	  ON GLOBAL "{name: p, recipient: [A@B]}]}", "s@x", "a@B c@b", "p:0 DEFAULT:1",
	  0 },
	{ "a dot behind the domain does not matter",
	  ON GLOBAL "{name: p, recipient: [a@b]}]}", "s@x", "a@b. c@b", "p:0 DEFAULT:1",
	  0 },
	{ "a domain matches", ON GLOBAL "{name: p, recipient: [b]}]}", "s@x", "a@b c@d",
	  "p:0 DEFAULT:1", 0 },
	{ "a domain with @ matches", ON GLOBAL "{name: p, recipient: ['@b']}]}", "s@x",
	  "a@b c@d", "p:0 DEFAULT:1", 0 },
	{ "a domain does not match those below it",
	  ON GLOBAL "{name: p, recipient: [b]}]}", "s@x", "a@x.b", "DEFAULT:*", 0 },
	{ "a .domain matches all below it", ON GLOBAL "{name: p, recipient: [.b]}]}",
	  "s@x", "a@x.b a@y.x.b a@b", "p:0,1 DEFAULT:2", 0 },
	{ "a .domain does not match another that ends so",
	  ON GLOBAL "{name: p, recipient: [.b]}]}", "s@x", "a@xb", "DEFAULT:*", 0 },
	{ "a quoted local part may hold @", ON GLOBAL "{name: p, recipient: [b]}]}",
	  "s@x", "\"x@y\"@b", "p:*", 0 },
	{ "an address without a domain goes to the default policy",
	  ON GLOBAL "{name: p, recipient: [postmaster]}]}", "s@x", "postmaster",
	  "DEFAULT:*", 0 },

	{ "the first match wins, an address after its domain",
	  ON GLOBAL "{name: p, recipient: [b]}, {name: q, recipient: [a@b]}]}", "s@x",
	  "a@b", "p:*", 0 },
	{ "the first match wins, a domain after its address",
	  ON GLOBAL "{name: p, recipient: [a@b]}, {name: q, recipient: [b]}]}", "s@x",
	  "a@b c@b", "p:0 q:1", 0 },
	{ "the first match wins among .domains",
	  ON GLOBAL "{name: p, recipient: [.b]}, {name: q, recipient: [.x.b]}]}", "s@x",
	  "a@y.x.b", "p:*", 0 },
	{ "the first match wins between equal patterns",
	  ON GLOBAL "{name: p, recipient: [c@d, b]}, {name: q, recipient: ['@B']}]}",
	  "s@x", "a@b", "p:*", 0 },
	{ "a policy that is not enabled never matches",
	  ON GLOBAL
	  "{name: p, enabled: false, recipient: [b]}, {name: q, recipient: [b]}]}",
	  "s@x", "a@b", "q:*", 0 },

	{ "a sender takes all recipients", ON GLOBAL "{name: p, sender: [x]}]}", "s@x",
	  "a@b c@d", "p:*", 0 },
	{ "a sender takes all that are left",
	  ON GLOBAL "{name: p, recipient: [a@b]}, {name: q, sender: "
		    "[s@x]}, {name: r, recipient: [c@d]}]}",
	  "s@x", "a@b c@d e@f", "p:0 q:1,2", 0 },
	{ "another sender takes none",
	  ON GLOBAL "{name: q, sender: [s@x]}, {name: r, recipient: "
		    "[c@d]}]}",
	  "other@x", "a@b c@d", "r:1 DEFAULT:0", 0 },
	{ "a policy matches by sender or by recipient",
	  ON GLOBAL "{name: p, sender: [x], recipient: [b]}]}", "s@y", "a@b c@d",
	  "p:0 DEFAULT:1", 0 },
	{ "the null sender matches no pattern", ON GLOBAL "{name: p, sender: [x]}]}", "",
	  "a@b", "DEFAULT:*", 0 },

	{ "a policy that says no drops its recipients only",
	  ON GLOBAL "{name: p, recipient: [b], intake: 'no'}]}", "s@x", "a@b c@d",
	  "DEFAULT:1 p:0!policy", 0 },
	{ "all drops are one plan",
	  ON NO
	  "{name: p, recipient: [b], intake: 'no'}, {name: q, recipient: [d], " CUSTOM
	  "}]}",
	  "s@x", "a@b c@d e@f g@d", "q:1,3 p:0,2!policy", 0 },
	{ "drops of several policies and nothing else are one plan for all",
	  ON NO "{name: p, recipient: [b], intake: 'no'}]}", "s@x", "a@b e@f",
	  "p:*!policy", 0 },
	{ "a policy that says default follows the default policy's no",
	  ON NO "{name: p, recipient: [b]}]}", "s@x", "a@b", "p:*!policy", 0 },
	{ "a custom intake stands where the default says no",
	  ON NO "{name: p, recipient: [b], " CUSTOM "}]}", "s@x", "a@b", "p:*", 0 },
	{ "a message without recipients goes by its sender",
	  ON GLOBAL "{name: p, sender: [x]}]}", "s@x", "", "p:*", 0 },
	{ "a message without recipients goes to the default policy", ON GLOBAL "]}",
	  "s@x", "", "DEFAULT:*", 0 },
};

static bool
row_holds(size_t i)
{
	char text[2048];
	struct test_message t;
	struct body_facts facts = { .facts = rows[i].facts };
	struct spool_plan plans[SPOOL_PLANS_MAX];
	snprintf(text, sizeof(text), "%s%s\n", LISTENER, rows[i].config);
	struct policy_set *p = must_compile(text);
	message_make(&t, rows[i].sender, rows[i].recipients);
	/* Twice: what is kept between decisions must not show. */
	(void)policy_decide(p, &t.message, &facts, (struct mime_names){ 0 }, plans);
	size_t n = policy_decide(p, &t.message, &facts, (struct mime_names){ 0 }, plans);
	bool is_ok = plans_are(rows[i].name, plans, n, rows[i].want);
	/* What the log says of it. */
	bool is_disabled = strstr(rows[i].config, "{enabled: false") != NULL;
	is_ok = is_ok && is_disabled == (plans[0].drop_detail != NULL);
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

/* p0 takes r0@d, p1 takes r1@d, ...; every third says no. */
static struct policy_set *
compile_many(unsigned n)
{
	struct buf text;
	buf_init(&text, 1 << 22);
	buf_append_text(&text, LISTENER ON
			"incoming_mail_policies:\n  default: {intake: global}\n"
			"  policies:\n");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&text, "  - {name: p%u, recipient: [r%u@d]%s}\n", i, i,
			   i % 3 == 2 ? ", intake: 'no'" : "");
	struct policy_set *p = must_compile(buf_text(&text));
	buf_done(&text);
	return p;
}

/* Counts the recipients in "1,4,7". */
static size_t
count_rids(const char *rids, bool seen[RECIPIENTS_MAX])
{
	size_t n = 0;
	for (const char *p = rids; *p != '\0'; n++) {
		unsigned rid = 0;
		for (; *p >= '0' && *p <= '9'; p++)
			rid = rid * 10 + (unsigned)(*p - '0');
		p += *p == ',';
		assert_true(rid < RECIPIENTS_MAX);
		assert_false(seen[rid]);
		seen[rid] = true;
	}
	return n;
}

static void
test_more_policies_than_plans_lose_no_recipient(void **state)
{
	struct test_message t;
	struct body_facts facts = { 0 };
	struct spool_plan plans[SPOOL_PLANS_MAX];
	char recipients[4096];
	size_t at = 0, found = 0;
	bool seen[RECIPIENTS_MAX] = { 0 };
	(void)state;
	struct policy_set *p = compile_many(150);
	for (unsigned i = 0; i < 180; i++)
		at += (size_t)snprintf(recipients + at, sizeof(recipients) - at, "r%u@d ",
				       i);
	message_make(&t, "s@x", recipients);
	size_t n = policy_decide(p, &t.message, &facts, (struct mime_names){ 0 }, plans);
	assert_int_equal(n, SPOOL_PLANS_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(plans[i].drop, i + 1 == n ? DROP_POLICY : DROP_NONE);
		found += count_rids(plans[i].rids, seen);
	}
	assert_int_equal(found, 180);
	/* No one whose policy says no is journaled, and no other is dropped. */
	memset(seen, 0, sizeof(seen));
	assert_int_equal(count_rids(plans[n - 1].rids, seen), 50);
	for (unsigned i = 0; i < 150; i++)
		assert_int_equal(seen[i], i % 3 == 2);
	policy_set_unref(p);
}

/* Processor time of many decisions among n policies. */
static double
time_of_decisions(unsigned n)
{
	struct test_message t;
	struct body_facts facts = { 0 };
	struct spool_plan plans[SPOOL_PLANS_MAX];
	char recipient[32], name[32];
	struct policy_set *p = compile_many(n);
	snprintf(recipient, sizeof(recipient), "r%u@d", n - 1);
	snprintf(name, sizeof(name), "p%u", n - 1);
	message_make(&t, "s@x", recipient);
	clock_t start = clock();
	for (unsigned i = 0; i < 20000; i++) {
		assert_int_equal(policy_decide(p, &t.message, &facts,
					       (struct mime_names){ 0 }, plans),
				 1);
		assert_string_equal(plans[0].policy, name);
	}
	clock_t end = clock();
	policy_set_unref(p);
	return (double)(end - start + 1);
}

static void
test_a_thousand_times_the_policies_do_not_cost_a_thousand_times(void **state)
{
	(void)state;
	double few = time_of_decisions(10), many = time_of_decisions(10000);
	/* Bisection takes about four times as long; a scan, hundreds of times. */
	if (many > few * 50)
		fail_msg("10 policies took %.0f, 10000 took %.0f", few, many);
}

static void
test_intakes_by_policy_name(void **state)
{
	struct policy_set *p = must_compile(
		LISTENER ON
		"incoming_mail_policies: {default: {intake: global}, policies: ["
		"{name: vip, recipient: [a], intake: custom, message_intake_address: "
		"v@IN.example},"
		"{name: std, recipient: [b]},"
		"{name: none, recipient: [c], intake: 'no'},"
		"{name: off, enabled: false, recipient: [d]}]}\n");
	(void)state;
	assert_string_equal(policy_intake(p, "DEFAULT"), "t@in.example");
	assert_string_equal(policy_intake(p, "vip"), "v@IN.example");
	assert_string_equal(policy_destination(p, "vip"), "in.example");
	assert_string_equal(policy_intake(p, "std"), "t@in.example");
	assert_null(policy_intake(p, "none"));
	assert_null(policy_destination(p, "none"));
	assert_null(policy_intake(p, "off"));
	assert_null(policy_intake(p, "gone"));
	assert_null(policy_destination(p, "gone"));
	policy_set_unref(p);
}

static void
test_what_is_queued_keeps_its_intake_when_the_connector_is_switched_off(void **state)
{
	struct policy_set *p = must_compile(
		LISTENER
		"connector: {enabled: false, message_intake_address: t@in.example}\n"
		"incoming_mail_policies: {default: {intake: global}}\n");
	(void)state;
	assert_string_equal(policy_intake(p, "DEFAULT"), "t@in.example");
	policy_set_unref(p);
}

static void
test_a_set_lives_until_its_last_reference(void **state)
{
	struct policy_set *p = must_compile(LISTENER);
	(void)state;
	assert_ptr_equal(policy_set_ref(p), p);
	policy_set_unref(p);
	assert_null(policy_intake(p, "DEFAULT"));
	policy_set_unref(p);
	policy_set_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_more_policies_than_plans_lose_no_recipient),
		cmocka_unit_test(
			test_a_thousand_times_the_policies_do_not_cost_a_thousand_times),
		cmocka_unit_test(test_intakes_by_policy_name),
		cmocka_unit_test(
			test_what_is_queued_keeps_its_intake_when_the_connector_is_switched_off),
		cmocka_unit_test(test_a_set_lives_until_its_last_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

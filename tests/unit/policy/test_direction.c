/*
 * test_direction.c - which mail is incoming.
 *
 * Plans are written as "NAME:RIDS", with * for all recipients, and with "!direction" where
 * they are dropped for it.
 */
#include "support.h"

#define LISTENERS                                                                        \
	"listeners: [{name: a, protocol: smtp, address: '127.0.0.1:0', direction: "      \
	"auto}, "                                                                        \
	"{name: in, protocol: smtp, address: '127.0.0.1:0'}]\n"                          \
	"connector: {enabled: true, message_intake_address: t@in.example}\n"             \
	"incoming_mail_policies: {default: {intake: global}, policies: [{name: p, "      \
	"recipient: [vip@ours]}, {name: no, recipient: [no@], intake: 'no'}]}\n"

static const struct {
	const char *name, *domains, *listener, *source, *sender, *recipients, *want;
	enum recipient_source from;
} rows[] = {
	{ "where all is incoming nothing is asked", "[ours]", "in", "LOCAL", "s@ours",
	  "a@else", "DEFAULT:*", RECIPIENT_FROM_ENVELOPE },
	{ "without domains and SOURCE all is incoming", "[]", "a", NULL, "s@x", "a@else",
	  "DEFAULT:*", RECIPIENT_FROM_ENVELOPE },
	{ "mail that began inside", "[]", "a", "LOCAL", "s@x", "a@ours",
	  "DEFAULT:*!direction", RECIPIENT_FROM_ENVELOPE },
	{ "mail of a stranger", "[]", "a", "REMOTE", "s@x", "a@else", "DEFAULT:*",
	  RECIPIENT_FROM_ENVELOPE },
	{ "for a domain of ours", "[ours]", "a", NULL, "s@x", "a@OURS vip@ours",
	  "p:1 DEFAULT:0", RECIPIENT_FROM_ENVELOPE },
	{ "for a domain below", "[.ours]", "a", NULL, "s@x", "a@b.ours a@ours",
	  "DEFAULT:0 DEFAULT:1!direction", RECIPIENT_FROM_ENVELOPE },
	{ "outgoing", "[ours]", "a", "REMOTE", "s@x", "a@else", "DEFAULT:*!direction",
	  RECIPIENT_FROM_ENVELOPE },
	{ "partly outgoing", "[ours]", "a", "REMOTE", "s@x", "a@else vip@ours b@else",
	  "p:1 DEFAULT:0,2!direction", RECIPIENT_FROM_ENVELOPE },
	{ "a policy's no and the direction are two drops", "[ours]", "a", "REMOTE", "s@x",
	  "a@else no@ours vip@ours", "p:2 no:1!policy DEFAULT:0!direction",
	  RECIPIENT_FROM_ENVELOPE },
	{ "internal", "[ours]", "a", NULL, "s@ours", "a@ours", "DEFAULT:*!direction",
	  RECIPIENT_FROM_ENVELOPE },
	{ "a stranger may write our domain", "[ours]", "a", "REMOTE", "s@ours", "a@ours",
	  "DEFAULT:*", RECIPIENT_FROM_ENVELOPE },
	{ "the null sender is nobody of ours", "[ours]", "a", NULL, "", "a@ours",
	  "DEFAULT:*", RECIPIENT_FROM_ENVELOPE },
	{ "what a header names says nothing", "[ours]", "a", NULL, "s@x", "list@else",
	  "DEFAULT:*", RECIPIENT_FROM_HEADER },
	{ "but the sender does", "[ours]", "a", NULL, "s@ours", "list@else",
	  "DEFAULT:*!direction", RECIPIENT_FROM_HEADER },
	{ "a copy's recipient is one of the envelope", "[ours]", "a", NULL, "s@x",
	  "a@else vip@ours", "p:1 DEFAULT:0!direction", RECIPIENT_FROM_COPY },
	{ "a copy whose recipients are not known", "[ours]", "a", "REMOTE", "s@x",
	  "journal@the.tdc.queue", "DEFAULT:*", RECIPIENT_FROM_COPY },
	{ "an address without a domain is of this place", "[ours]", "a", "REMOTE", "s@x",
	  "postmaster a@else", "DEFAULT:0 DEFAULT:1!direction", RECIPIENT_FROM_ENVELOPE },
	{ "a listener that is gone from the configuration", "[ours]", "gone", "LOCAL",
	  "s@ours", "a@else", "DEFAULT:*", RECIPIENT_FROM_ENVELOPE },
	{ "no listener at all", "[ours]", "", "LOCAL", "s@ours", "a@else", "DEFAULT:*",
	  RECIPIENT_FROM_ENVELOPE },
	{ "nobody at all, from inside", "[ours]", "a", "local", "s@x", "",
	  "DEFAULT:*!direction", RECIPIENT_FROM_ENVELOPE },
};

static bool
row_holds(size_t i)
{
	char text[2048], listener[8], source[8];
	struct test_message t;
	struct body_facts facts = { 0 };
	struct spool_plan plans[SPOOL_PLANS_MAX];

	snprintf(text, sizeof(text), LISTENERS "incoming_domains: %s\n", rows[i].domains);
	struct policy_set *p = must_compile(text);
	message_make(&t, rows[i].sender, rows[i].recipients);
	for (size_t k = 0; k < t.message.n_recipients; k++)
		t.recipients[k].source = rows[i].from;
	snprintf(listener, sizeof(listener), "%s", rows[i].listener);
	t.message.listener = listener;
	if (rows[i].source != NULL) {
		snprintf(source, sizeof(source), "%s", rows[i].source);
		t.message.forward_source = source;
	}
	size_t n = policy_decide(p, &t.message, &facts, (struct mime_names){ 0 }, plans);
	bool is_ok = plans_are(rows[i].name, plans, n, rows[i].want);
	/* The log says why. */
	for (size_t k = 0; k < n; k++)
		is_ok = is_ok && (plans[k].drop == DROP_DIRECTION) ==
					 (plans[k].drop_detail != NULL);
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

static size_t
count_commas(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == ',';
	return n;
}

/* Both drops have a place of their own, and the last policies share one. */
static void
test_more_policies_than_plans_and_both_drops(void **state)
{
	enum { N = 100 };
	struct test_message t;
	struct body_facts facts = { 0 };
	struct spool_plan plans[SPOOL_PLANS_MAX];
	char recipients[2048], listener[] = "a";
	size_t at = 0, found = 0;
	struct buf text;

	(void)state;
	buf_init(&text, 65536);
	buf_append_text(&text,
			"listeners: [{name: a, protocol: smtp, address: '127.0.0.1:0', "
			"direction: auto}]\nincoming_domains: [d]\nconnector: {enabled: "
			"true, message_intake_address: t@in.example}\n"
			"incoming_mail_policies:\n  default: {intake: global}\n"
			"  policies:\n");
	for (unsigned i = 0; i < N; i++) {
		buf_printf(&text, "  - {name: p%u, recipient: [r%u@d]%s}\n", i, i,
			   i % 10 == 9 ? ", intake: 'no'" : "");
		at += (size_t)snprintf(recipients + at, sizeof(recipients) - at, "r%u@d ",
				       i);
	}
	snprintf(recipients + at, sizeof(recipients) - at, "x@else");
	struct policy_set *p = must_compile(buf_text(&text));
	message_make(&t, "s@x", recipients);
	t.message.listener = listener;
	size_t n = policy_decide(p, &t.message, &facts, (struct mime_names){ 0 }, plans);
	assert_int_equal(n, SPOOL_PLANS_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(plans[i].drop, i + 1 == n   ? DROP_DIRECTION
						: i + 2 == n ? DROP_POLICY
							     : DROP_NONE);
		found += 1 + count_commas(plans[i].rids);
	}
	assert_int_equal(found, N + 1);
	assert_string_equal(plans[n - 1].rids, "100");
	policy_set_unref(p);
	buf_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_more_policies_than_plans_and_both_drops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static const char *
reason(enum drop_reason drop)
{
	return drop == DROP_DIRECTION ? "!direction"
	       : drop == DROP_POLICY  ? "!policy"
				      : "";
}

static bool
row_holds(size_t i)
{
	char text[2048], listener[8], source[8];
	struct test_message t;
	struct body_facts facts = { 0 };
	struct spool_plan plans[SPOOL_PLANS_MAX];
	struct buf got;

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
	buf_init(&got, 4096);
	size_t n = policy_decide(p, &t.message, &facts, span_make(NULL, 0), plans);
	bool is_ok = true;
	for (size_t k = 0; k < n; k++) {
		buf_printf(&got, "%s%s:%s%s", k == 0 ? "" : " ", plans[k].policy,
			   plans[k].rids == NULL ? "*" : plans[k].rids,
			   reason(plans[k].drop));
		/* The log says why. */
		is_ok = is_ok && (plans[k].drop == DROP_DIRECTION) ==
					 (plans[k].drop_detail != NULL);
	}
	is_ok = is_ok && strcmp(buf_text(&got), rows[i].want) == 0;
	if (!is_ok)
		print_error("%s: got %s want %s\n", rows[i].name, buf_text(&got),
			    rows[i].want);
	buf_done(&got);
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

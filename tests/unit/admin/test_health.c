/*
 * test_health.c - the level for monitoring, and the reasons, the worst first.
 */
#include "fixture.h"

static const char *
reason(const struct fixture *f, size_t i, const char *key)
{
	const json_t *o = json_array_get(json_object_get(f->body, "reasons"), i);
	const char *value = json_string_value(json_object_get(o, key));

	return value == NULL ? "(none)" : value;
}

static void
expect_health(struct fixture *f, const char *status, size_t reasons)
{
	ask(f, "GET", "/health");
	assert_int_equal(f->status, 200);
	assert_string_equal(text(f, "status"), status);
	assert_int_equal(json_array_size(json_object_get(f->body, "reasons")), reasons);
}

static void
expect_reason(const struct fixture *f, size_t i, const char *level, const char *words)
{
	assert_string_equal(reason(f, i, "level"), level);
	assert_string_equal(reason(f, i, "text"), words);
}

static void
test_waiting_mail_is_well(void **s)
{
	struct fixture *f = *s;

	add_journal(f, "a@x");
	expect_health(f, "ok", 0);
}

static void
test_what_rests_until_an_operator_acts_is_a_warning(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	end_as(f, mid, OUTCOME_DEAD, JOURNAL_DEAD);
	expect_health(f, "warning", 1);
	expect_reason(f, 0, "warning", "1 dead letter: see tdcctl dead");
	end_as(f, add_journal(f, "a@x"), OUTCOME_QUARANTINED, JOURNAL_QUARANTINED);
	end_as(f, add_journal(f, "a@x"), OUTCOME_QUARANTINED, JOURNAL_QUARANTINED);
	post(f, add_journal(f, "a@x"), "hold");
	expect_health(f, "warning", 3);
	expect_reason(f, 0, "warning", "1 dead letter: see tdcctl dead");
	expect_reason(f, 1, "warning", "2 quarantined journals: see tdcctl quarantine");
	expect_reason(f, 2, "warning", "1 held journal: see tdcctl queue --state held");
	ask(f, "POST", "/queue/delete");
	expect_health(f, "ok", 0);
}

static void
test_mail_for_a_policy_without_an_intake_is_a_warning(void **s)
{
	struct fixture *f = *s;

	f->policy_of_mail = "PARTNERS";
	add_journal(f, "a@x");
	expect_health(f, "warning", 1);
	assert_non_null(strstr(reason(f, 0, "text"),
			       "policy PARTNERS, which has no message intake address"));
}

/* The policies of another configuration, as after a reload. */
static void
reconfigure(struct fixture *f, const char *text)
{
	struct err e = { 0 };

	policy_set_unref(f->policy);
	config_free(f->config);
	must(config_parse(text, strlen(text), "test", report, NULL, &f->config, &e), &e);
	must(policy_set_new(f->config, NULL, NULL, &f->policy, &e), &e);
}

#define BEGINNING                                                                        \
	"version: 1\n"                                                                   \
	"listeners: [ { name: feed, protocol: smtp, address: \"127.0.0.1:0\" } ]\n"
#define INTAKE "message_intake_address: tenant@intake.example }\n"
#define GLOBAL "incoming_mail_policies: { default: { intake: global } }\n"

static void
test_mail_that_reaches_no_intake_is_a_warning(void **s)
{
	static const struct {
		const char *configuration, *want;
		enum drop_reason drop;
	} rows[] = {
		{ BEGINNING "connector: { enabled: false, " INTAKE GLOBAL,
		  "mail is accepted and not journaled: the connector is disabled; ",
		  DROP_POLICY },
		{ BEGINNING "connector: { enabled: true, " INTAKE
			    "incoming_mail_policies: { default: { intake: \"no\" } }\n",
		  "mail is accepted and not journaled: the default policy has intake "
		  "no; ",
		  DROP_POLICY },
		{ BEGINNING "connector: { enabled: true, " INTAKE GLOBAL
			    "smtp_routes: [ { domain: intake.example, next_hops: [ "
			    "/dev/null ] } ]\n",
		  "journals are dropped: the route of intake.example is /dev/null; ",
		  DROP_ROUTE },
	};
	struct fixture *f = *s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[256];
		reconfigure(f, rows[i].configuration);
		f->drop = rows[i].drop;
		add_journal(f, "a@x");
		add_journal(f, "a@x");
		expect_health(f, "warning", 1);
		snprintf(want, sizeof(want), "%s%d journals dropped since the start",
			 rows[i].want, rows[i].drop == DROP_ROUTE ? 2 : 2 + 2 * (int)i);
		expect_reason(f, 0, "warning", want);
	}
	reconfigure(f, yaml);
	expect_health(f, "ok", 0);
}

static void
test_status_has_the_same(void **s)
{
	struct fixture *f = *s;

	end_as(f, add_journal(f, "a@x"), OUTCOME_DEAD, JOURNAL_DEAD);
	ask(f, "GET", "/status");
	const json_t *health = json_object_get(f->body, "health");
	assert_string_equal(json_string_value(json_object_get(health, "status")),
			    "warning");
	assert_int_equal(json_array_size(json_object_get(health, "reasons")), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_FIXTURE(test_waiting_mail_is_well),
		AT_FIXTURE(test_what_rests_until_an_operator_acts_is_a_warning),
		AT_FIXTURE(test_mail_for_a_policy_without_an_intake_is_a_warning),
		AT_FIXTURE(test_mail_that_reaches_no_intake_is_a_warning),
		AT_FIXTURE(test_status_has_the_same),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

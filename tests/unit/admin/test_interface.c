/*
 * test_interface.c - requests over the control socket against a real spool, server and
 * scheduler. The route leads to a port where nobody listens, so that journals stay.
 */
#include "admin/internal.h"

#include "tdc/config/config.h"
#include "tdc/deliver/deliver.h"
#include "tdc/dns/dns.h"
#include "tdc/loop/loop.h"
#include "tdc/policy/policy.h"
#include "tdc/server/server.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

struct fixture {
	char directory[64], socket[96], spool_directory[96];
	struct loop *loop;
	struct spool *spool;
	struct config *config;
	struct policy_set *policy;
	struct server *server;
	struct dns *dns;
	struct deliver *deliver;
	struct admin *admin;
	unsigned started, committed, reloads;
	bool reload_fails;
	/* The latest answer. */
	int status;
	char type[64];
	json_t *body;
};

/* ----------------------------------------------------------- what the daemon would do */

static int
ops_reload(void *arg, struct err *e)
{
	struct fixture *f = arg;

	if (f->reload_fails)
		return err_set(e, ERR_CONFIG, 0, "tdc.yaml:3:1: listners: unknown key");
	f->reloads++;
	return 0;
}

static uint64_t
ops_generation(void *arg)
{
	return 1 + ((struct fixture *)arg)->reloads;
}

static int64_t
ops_started_at(void *arg)
{
	return loop_wall_ms(((struct fixture *)arg)->loop) - 5000;
}

static const char *
ops_intake(void *arg, const char *policy)
{
	return policy_intake(((struct fixture *)arg)->policy, policy);
}

static const char *
ops_destination(void *arg, const char *policy)
{
	return policy_destination(((struct fixture *)arg)->policy, policy);
}

static bool
ops_listener(void *arg, size_t i, struct admin_listener *ret)
{
	(void)arg;
	*ret = (struct admin_listener){ .name = "feed",
					.protocol = "smtp",
					.address = "127.0.0.1:1" };
	return i == 0;
}

static const struct admin_daemon_ops ops = {
	.reload = ops_reload,
	.configuration_generation = ops_generation,
	.started_at = ops_started_at,
	.intake = ops_intake,
	.destination = ops_destination,
	.listener = ops_listener,
};

static int
no_profile(void *arg, const char *destination, unsigned extensions, struct buf *ret)
{
	(void)arg;
	(void)destination;
	(void)extensions;
	return buf_append_text(ret, "none");
}

static int
no_render(void *arg, const char *profile, const struct spool_journal *j,
	  const char *intake, struct deliver_content *ret, struct err *e)
{
	(void)arg;
	(void)profile;
	(void)j;
	(void)intake;
	(void)ret;
	return err_set(e, ERR_UNSUPPORTED, 0, "nothing is rendered here");
}

static const struct deliver_content_ops content_ops = { no_profile, no_render };

/* ---------------------------------------------------------------- life */

static const char yaml[] =
	"version: 1\n"
	"listeners: [ { name: feed, protocol: smtp, address: \"127.0.0.1:0\" } ]\n"
	"connector: { enabled: true, message_intake_address: tenant@intake.example }\n"
	"incoming_mail_policies: { default: { intake: global } }\n"
	"smtp_routes: [ { domain: intake.example, next_hops: [ \"[127.0.0.1]:1\" ] } ]\n";

static void
report(void *arg, bool is_error, const char *line)
{
	(void)arg;
	(void)is_error;
	print_error("%s\n", line);
}

static void
must(int r, const struct err *e)
{
	if (r != 0)
		fail_msg("%s", e->text);
}

static void
open_parts(struct fixture *f)
{
	struct err e = { 0 };
	struct spool_recovery recovery;
	const struct spool_settings spool = { .directory = f->spool_directory,
					      .reserve = 1 };
	const struct server_settings server = { .hostname = "h.example",
						.queue_domain = "the.tdc.queue" };
	const struct dns_settings dns = { 0 };
	const struct deliver_settings deliver = { .hostname = "h.example" };
	const struct tls_client_settings tls = { 0 };
	const struct admin_settings admin = { .socket = f->socket,
					      .mode = 0600,
					      .version = "9.9" };

	must(loop_new(clock_system(), &f->loop, &e), &e);
	must(config_parse(yaml, sizeof(yaml) - 1, "test", report, NULL, &f->config, &e),
	     &e);
	must(policy_set_new(f->config, &f->policy, &e), &e);
	must(spool_open(f->loop, &spool, &f->spool, &recovery, &e), &e);
	must(server_new(f->loop, &server, f->spool, f->policy, &f->server, &e), &e);
	must(dns_new(f->loop, &dns, &f->dns, &e), &e);
	must(deliver_new(f->loop, &deliver, f->spool, f->dns, f->policy, &tls,
			 &content_ops, NULL, &f->deliver, &e),
	     &e);
	must(admin_new(f->loop, &admin, f->spool, f->server, f->deliver, &ops, f,
		       &f->admin, &e),
	     &e);
}

static int
setup(void **s)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/tmp/tdc-admin-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->socket, sizeof(f->socket), "%s/sock", f->directory);
	snprintf(f->spool_directory, sizeof(f->spool_directory), "%s/spool",
		 f->directory);
	open_parts(f);
	*s = f;
	return 0;
}

static int
teardown(void **s)
{
	struct fixture *f = *s;
	char command[128];

	json_decref(f->body);
	admin_free(f->admin);
	deliver_free(f->deliver);
	dns_free(f->dns);
	server_free(f->server);
	spool_close(f->spool);
	policy_set_unref(f->policy);
	config_free(f->config);
	loop_free(f->loop);
	snprintf(command, sizeof(command), "rm -rf %s", f->directory);
	int r = system(command);
	free(f);
	return r;
}

/* ---------------------------------------------------------------- mail */

static void
on_committed(void *arg, const struct err *e)
{
	struct fixture *f = arg;

	if (e != NULL)
		fail_msg("%s", e->text);
	f->committed++;
}

static void
turn_until(struct fixture *f, const unsigned *counter, unsigned want)
{
	struct err e;

	for (int i = 0; i < 2000 && *counter < want; i++)
		must(loop_run_once(f->loop, 10, &e), &e);
	assert_int_equal(*counter, want);
}

/* One message with one journal, on its way into the spool; its MID. */
static uint64_t
start_journal(struct fixture *f, const char *sender)
{
	static const char text[] = "Subject: x\r\n\r\nbody\r\n";
	struct err e = { 0 };
	struct spool_draft *draft;
	struct spool_message *m = spool_message_new();
	struct body_facts facts = { .size = sizeof(text) - 1,
				    .header_size = 12,
				    .longest_line = 10 };
	struct spool_plan plan = { .policy = "DEFAULT", .mid = 0 };

	m->mid = spool_next_mid(f->spool);
	m->accepted_at = loop_wall_ms(f->loop);
	must(spool_message_set(&m->sender, span_of(sender)), &e);
	must(spool_message_set(&m->subject, span_of("caf\xC3\xA9 \x1b[31m")), &e);
	must(spool_message_set(&m->helo, span_of("bad \xFF utf8")), &e);
	must(spool_message_add_recipient(m, span_of("bob@inside.example"),
					 span_make(NULL, 0), 0, RECIPIENT_FROM_ENVELOPE),
	     &e);
	must(spool_message_add_recipient(m, span_of("carol@inside.example"),
					 span_make(NULL, 0), 0, RECIPIENT_FROM_COPY),
	     &e);
	must(spool_draft_new(f->spool, 0, &draft, &e), &e);
	must(spool_draft_append(draft, text, sizeof(text) - 1, &e), &e);
	plan.mid = spool_next_mid(f->spool);
	spool_commit(draft, m, &facts, &plan, 1, on_committed, f);
	spool_message_unref(m);
	f->started++;
	return plan.mid;
}

static uint64_t
add_journal(struct fixture *f, const char *sender)
{
	uint64_t mid = start_journal(f, sender);

	turn_until(f, &f->committed, f->started);
	return mid;
}

static void
make_dead(struct fixture *f, uint64_t mid)
{
	const struct spool_outcome o = {
		.kind = OUTCOME_DEAD,
		.mid = mid,
		.attempts = 1,
		.at = loop_wall_ms(f->loop),
		.reply = "554 5.7.1 no",
		.reason = "content",
		.destination = "intake.example",
	};
	struct err e;
	uint64_t dcid;

	assert_false(deliver_withdraw(f->deliver, mid, &dcid));
	spool_record(f->spool, &o);
	for (int i = 0; i < 500 && spool_account(f->spool)->state[JOURNAL_DEAD] == 0; i++)
		must(loop_run_once(f->loop, 10, &e), &e);
	deliver_give_back(f->deliver, mid);
}

/* ---------------------------------------------------------------- requests */

static int
dial(const struct fixture *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
take_answer(struct fixture *f, const char *got)
{
	const char *type = strstr(got, "Content-Type: "), *body = strstr(got, "\r\n\r\n");
	json_error_t error;

	assert_non_null(type);
	assert_non_null(body);
	assert_int_equal(sscanf(got, "HTTP/1.1 %d ", &f->status), 1);
	assert_int_equal(sscanf(type, "Content-Type: %63[^\r]", f->type), 1);
	json_decref(f->body);
	f->body = json_loads(body + 4, 0, &error);
	if (f->body == NULL)
		fail_msg("%s in %s", error.text, body + 4);
}

static void
ask(struct fixture *f, const char *method, const char *path)
{
	static char got[1 << 20];
	char request[256];
	struct err e;
	size_t n = 0;
	ssize_t r = -1;
	int fd = dial(f);

	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		 "Content-Length: 0\r\n\r\n",
		 method, path);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	for (int i = 0; i < 2000 && r != 0; i++) {
		must(loop_run_once(f->loop, 5, &e), &e);
		while ((r = recv(fd, got + n, sizeof(got) - 1 - n, MSG_DONTWAIT)) > 0)
			n += (size_t)r;
	}
	got[n] = '\0';
	close(fd);
	take_answer(f, got);
}

static const char *
text(const struct fixture *f, const char *key)
{
	const char *value = json_string_value(json_object_get(f->body, key));

	return value == NULL ? "(none)" : value;
}

static long long
number(const struct fixture *f, const char *key)
{
	return (long long)json_integer_value(json_object_get(f->body, key));
}

static void
expect_problem(struct fixture *f, int status, const char *part)
{
	if (f->status != status || strcmp(f->type, "application/problem+json") != 0 ||
	    strstr(text(f, "detail"), part) == NULL || number(f, "status") != status)
		fail_msg("want %d '%s', got %d %s '%s'", status, part, f->status, f->type,
			 text(f, "detail"));
}

static const char *
state_of(struct fixture *f, uint64_t mid)
{
	char path[64];

	snprintf(path, sizeof(path), "/queue/%llu", (unsigned long long)mid);
	ask(f, "GET", path);
	return f->status == 404 ? "gone" : text(f, "state");
}

static void
post(struct fixture *f, uint64_t mid, const char *action)
{
	char path[64];

	snprintf(path, sizeof(path), "/queue/%llu/%s", (unsigned long long)mid, action);
	ask(f, "POST", path);
}

/* ---------------------------------------------------------------- tests */

static void
test_status(void **s)
{
	struct fixture *f = *s;

	add_journal(f, "a@x");
	ask(f, "GET", "/status");
	assert_int_equal(f->status, 200);
	assert_string_equal(f->type, "application/json");
	assert_string_equal(text(f, "version"), "9.9");
	assert_true(number(f, "uptime_seconds") >= 5);
	const json_t *account = json_object_get(f->body, "account");
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(account, "states"), "waiting")),
			 1);
	assert_int_equal(json_integer_value(json_object_get(account, "gap")), 0);
	assert_int_equal(json_array_size(json_object_get(f->body, "listeners")), 1);
	assert_true(json_is_true(
		json_object_get(json_object_get(f->body, "spool"), "is_accepting")));
	assert_true(json_object_size(json_object_get(f->body, "counters")) > 20);
	ask(f, "GET", "/health");
	assert_int_equal(f->status, 200);
	assert_string_equal(text(f, "status"), "ok");
}

static void
test_show(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "alice@outside.example");

	assert_string_equal(state_of(f, mid), "waiting");
	assert_string_equal(text(f, "sender"), "alice@outside.example");
	assert_string_equal(text(f, "subject"),
			    "caf\xC3\xA9 \x1b[31m"); /* the terminal's part is tdcctl's */
	assert_string_equal(text(f, "helo"), "bad \\xff utf8");
	assert_string_equal(text(f, "intake"), "tenant@intake.example");
	assert_string_equal(text(f, "policy"), "DEFAULT");
	assert_true(strlen(text(f, "uid")) == 32);
	assert_non_null(strstr(text(f, "why"), "it is due"));
	const json_t *recipients = json_object_get(f->body, "recipients");
	assert_int_equal(json_array_size(recipients), 2);
	const char *source = json_string_value(
		json_object_get(json_array_get(recipients, 1), "source"));
	assert_string_equal(source, "copy");
	ask(f, "GET", "/queue/424242");
	expect_problem(f, 404, "there is no journal 424242");
}

static void
test_list(void **s)
{
	struct fixture *f = *s;
	uint64_t first = add_journal(f, "a@x"), second = add_journal(f, ""),
		 third = add_journal(f, "c@x");
	char path[64];

	ask(f, "GET", "/queue?limit=2");
	const json_t *rows = json_object_get(f->body, "journals");
	assert_int_equal(json_array_size(rows), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(rows, 0), "mid")),
		first);
	assert_int_equal(number(f, "next"), second);
	snprintf(path, sizeof(path), "/queue?limit=2&after=%llu",
		 (unsigned long long)second);
	ask(f, "GET", path);
	rows = json_object_get(f->body, "journals");
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(rows, 0), "mid")),
		third);
	assert_true(json_is_null(json_object_get(f->body, "next")));
	ask(f, "GET", "/queue?state=held");
	assert_int_equal(json_array_size(json_object_get(f->body, "journals")), 0);
}

static void
test_actions_on_one(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	post(f, mid, "release");
	expect_problem(f, 409, "is waiting; release is for held journals");
	assert_string_equal(text(f, "state"), "waiting");
	post(f, mid, "hold");
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "changed"), 1);
	assert_string_equal(state_of(f, mid), "held");
	post(f, mid, "hold");
	expect_problem(f, 409, "is held; hold is for waiting or uncertain journals");
	post(f, mid, "delivernow");
	expect_problem(f, 409, "is held; delivernow is for waiting journals");
	post(f, mid, "release");
	assert_string_equal(state_of(f, mid), "waiting");
	post(f, mid, "delivernow"); /* it has no time of its own; that is no failure */
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "changed"), 0);
	post(f, mid, "retry");
	expect_problem(f, 409, "retry is for dead journals");
	post(f, mid, "delete");
	assert_int_equal(number(f, "changed"), 1);
	assert_string_equal(state_of(f, mid), "gone");
	post(f, mid, "delete");
	expect_problem(f, 404, "there is no journal");
	assert_int_equal(spool_account(f->spool)->deleted, 1);
	assert_int_equal(spool_account_gap(spool_account(f->spool)), 0);
}

static void
test_dead(void **s)
{
	struct fixture *f = *s;
	uint64_t mid = add_journal(f, "a@x");

	make_dead(f, mid);
	ask(f, "GET", "/dead");
	const json_t *row = json_array_get(json_object_get(f->body, "journals"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "mid")), mid);
	assert_string_equal(json_string_value(json_object_get(row, "last_reply")),
			    "554 5.7.1 no");
	assert_string_equal(state_of(f, mid), "dead");
	assert_non_null(strstr(text(f, "why"), "dead letter"));
	post(f, mid, "hold");
	expect_problem(f, 409, "is dead");
	post(f, mid, "retry");
	assert_int_equal(number(f, "changed"), 1);
	assert_string_equal(state_of(f, mid), "waiting");
	assert_int_equal(number(f, "attempts"), 0);
}

enum { MANY = 1100 }; /* more than two pages of a sweep */

static void
test_actions_on_all(void **s)
{
	struct fixture *f = *s;

	for (int i = 0; i < MANY; i++)
		start_journal(f, "a@x");
	turn_until(f, &f->committed, f->started);
	ask(f, "POST", "/queue/hold");
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "changed"), MANY);
	assert_int_equal(spool_account(f->spool)->state[JOURNAL_HELD], MANY);
	ask(f, "POST", "/queue/delete?state=waiting");
	assert_int_equal(number(f, "changed"), 0);
	ask(f, "POST", "/queue/release?state=dead");
	expect_problem(f, 400, "release is for held journals");
	ask(f, "POST", "/queue/release");
	assert_int_equal(number(f, "changed"), MANY);
	ask(f, "POST", "/queue/delivernow");
	assert_int_equal(f->status, 200);
	ask(f, "POST", "/queue/delete");
	assert_int_equal(number(f, "changed"), MANY);
	assert_int_equal(number(f, "in_flight"), 0);
	assert_int_equal(spool_account(f->spool)->deleted, MANY);
	assert_int_equal(spool_account_gap(spool_account(f->spool)), 0);
}

static void
test_account(void **s)
{
	struct fixture *f = *s;

	add_journal(f, "a@x");
	ask(f, "GET", "/account");
	assert_int_equal(number(f, "created"), 1);
	assert_true(json_object_get(f->body, "verified") == NULL);
	ask(f, "GET", "/account?verify=1");
	const json_t *verified = json_object_get(f->body, "verified");
	assert_true(json_is_true(json_object_get(verified, "agrees")));
	assert_int_equal(json_integer_value(json_object_get(verified, "gap")), 0);
}

static void
test_reload(void **s)
{
	struct fixture *f = *s;

	ask(f, "POST", "/reload");
	assert_int_equal(f->status, 200);
	assert_int_equal(number(f, "configuration_generation"), 2);
	f->reload_fails = true;
	ask(f, "POST", "/reload");
	expect_problem(f, 422, "listners: unknown key");
	assert_int_equal(f->reloads, 1);
}

static const struct bad {
	const char *name, *method, *path;
	int status;
	const char *part;
} bads[] = {
	{ "no such path", "GET", "/nothing", 404, "there is no /nothing" },
	{ "the wrong method", "POST", "/status", 405,
	  "/status does not take this method" },
	{ "DELETE on a journal", "DELETE", "/queue/1", 405, "method" },
	{ "an unknown state", "GET", "/queue?state=late", 400,
	  "state=late: allowed are" },
	{ "a limit of 0", "GET", "/queue?limit=0", 400,
	  "limit=0: a number from 1 to 1000" },
	{ "a limit over the most", "GET", "/queue?limit=1001", 400, "limit=1001" },
	{ "a negative limit", "GET", "/queue?limit=-1", 400, "limit=-1" },
	{ "a cursor that is none", "GET", "/queue?after=x", 400, "after=x: not a MID" },
	{ "an unknown state to delete", "POST", "/queue/delete?state=late", 400,
	  "state=late" },
	{ "delivered journals are not deleted", "POST", "/queue/delete?state=delivered",
	  400, "delete is for" },
	{ "bytes that are no text", "GET", "/q%ff%0a", 404, "there is no /q\\xff" },
};

static void
test_bad_requests(void **s)
{
	struct fixture *f = *s;

	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		ask(f, bads[i].method, bads[i].path);
		if (f->status != bads[i].status ||
		    strstr(text(f, "detail"), bads[i].part) == NULL)
			fail_msg("%s: want %d %s, got %d %s", bads[i].name,
				 bads[i].status, bads[i].part, f->status,
				 text(f, "detail"));
	}
}

/* The admin goes while the spool still works for a request: nothing breaks, nothing
 * leaks. */
static void
test_end_under_way(void **s)
{
	struct fixture *f = *s;
	struct err e;
	static const char *const requests[] = {
		"GET /queue HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /account?verify=1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /queue/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST /queue/2/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"GET /queue/2 HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	int fds[sizeof(requests) / sizeof(requests[0])];

	add_journal(f, "a@x");
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		fds[i] = dial(f);
		assert_int_equal(write(fds[i], requests[i], strlen(requests[i])),
				 strlen(requests[i]));
	}
	for (int i = 0; i < 100 && f->admin->calls.count == 0; i++)
		must(loop_run_once(f->loop, 5, &e), &e);
	assert_true(f->admin->calls.count > 0);
	admin_free(f->admin);
	f->admin = NULL;
	for (int i = 0; i < 50; i++)
		must(loop_run_once(f->loop, 5, &e), &e);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		close(fds[i]);
}

#define AT_FIXTURE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_FIXTURE(test_status),       AT_FIXTURE(test_show),
		AT_FIXTURE(test_list),         AT_FIXTURE(test_actions_on_one),
		AT_FIXTURE(test_dead),         AT_FIXTURE(test_actions_on_all),
		AT_FIXTURE(test_account),      AT_FIXTURE(test_reload),
		AT_FIXTURE(test_bad_requests), AT_FIXTURE(test_end_under_way),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * fixture.h - a control socket with a real spool, server and scheduler behind it. The
 * route leads to a port where nobody listens, so that journals stay.
 *
 * Included once by each test program.
 */
#ifndef TDC_TESTS_ADMIN_FIXTURE_H
#define TDC_TESTS_ADMIN_FIXTURE_H

#include "admin/internal.h"

#include "tdc/config/config.h"
#include "tdc/deliver/deliver.h"
#include "tdc/digest/checksum.h"
#include "tdc/digest/sha256.h"
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

#define UNUSED __attribute__((unused))

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
	int64_t retention_ms;
	/* A reload that was asked for, and what becomes of it. */
	enum drop_reason drop; /* of the mail to come */
	bool reload_fails, reload_is_refused, reload_waits;
	const char *reload_warnings; /* lines; NULL = none */
	struct loop_task reload_task;
	admin_reload_fn *reload_done;
	void *reload_done_arg;
	/* Of messages to come: the body's size (0: a few bytes), and what is wrong in the row. */
	size_t body_size;
	size_t n_journals;          /* of one; 0 = 1 */
	const char *policy_of_mail; /* NULL = "DEFAULT" */
	unsigned wrong_facts;
	bool has_wrong_digest;
	bool has_wrong_checksum;
	/* The latest answer. */
	int status;
	char type[64], allow[32];
	json_t *body;
};

/* ----------------------------------------------------------- what the daemon would do */

static void
end_reload(struct loop_task *task)
{
	struct fixture *f = list_entry(task, struct fixture, reload_task);
	struct err e = { 0 };
	const struct admin_reload r = {
		.refused = f->reload_fails ? &e : NULL,
		.errors = f->reload_fails ? "tdc.yaml:3:1: listners: unknown key\n"
					    "tdc.yaml:4:1: b\xff: unknown key\n"
					  : "",
		.warnings = f->reload_warnings == NULL ? "" : f->reload_warnings,
	};

	if (f->reload_fails)
		err_set(&e, ERR_CONFIG, 0, "tdc.yaml:3:1: listners: unknown key");
	else
		f->reloads++;
	f->reload_done(f->reload_done_arg, &r);
}

static int
ops_reload(void *arg, admin_reload_fn *done, void *done_arg, struct err *e)
{
	struct fixture *f = arg;

	if (f->reload_is_refused)
		return err_set(e, ERR_SHUTDOWN, 0, "the daemon is stopping");
	f->reload_done = done;
	f->reload_done_arg = done_arg;
	f->reload_task.run = end_reload;
	if (!f->reload_waits)
		loop_at_turn_end(f->loop, &f->reload_task);
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
ops_dead_end(void *arg, size_t i, struct policy_dead_end *ret)
{
	return policy_dead_end(((struct fixture *)arg)->policy, i, ret);
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
	.dead_end = ops_dead_end,
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
open_admin(struct fixture *f)
{
	const struct admin_settings admin = { .socket = f->socket,
					      .mode = 0600,
					      .version = "9.9" };
	struct err e = { 0 };

	must(admin_new(f->loop, &admin, f->spool, f->server, f->deliver, &ops, f,
		       &f->admin, &e),
	     &e);
}

static void
open_parts(struct fixture *f)
{
	struct err e = { 0 };
	struct spool_recovery recovery;
	const struct spool_settings spool = { .directory = f->spool_directory,
					      .reserve = 1,
					      .retention_ms = f->retention_ms };
	const struct server_settings server = { .hostname = "h.example",
						.queue_domain = "the.tdc.queue" };
	const struct dns_settings dns = { 0 };
	const struct deliver_settings deliver = { .hostname = "h.example" };
	const struct tls_client_settings tls_settings = { 0 };
	struct deliver_tls *tls;

	must(loop_new(clock_system(), &f->loop, &e), &e);
	must(config_parse(yaml, sizeof(yaml) - 1, "test", report, NULL, &f->config, &e),
	     &e);
	must(policy_set_new(f->config, NULL, NULL, &f->policy, &e), &e);
	must(spool_open(f->loop, &spool, &f->spool, &recovery, &e), &e);
	must(server_new(f->loop, &server, f->spool, f->policy, &f->server, &e), &e);
	must(dns_new(f->loop, &dns, &f->dns, &e), &e);
	must(deliver_tls_new(&tls_settings, &tls, &e), &e);
	must(deliver_new(f->loop, &deliver, f->spool, f->dns, f->policy, tls,
			 &content_ops, NULL, &f->deliver, &e),
	     &e);
	open_admin(f);
}

static int
setup_with_retention(void **s, int64_t retention_ms)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->retention_ms = retention_ms;
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
setup(void **s)
{
	return setup_with_retention(s, 0);
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

static UNUSED void
turn_until(struct fixture *f, const unsigned *counter, unsigned want)
{
	struct err e;

	for (int i = 0; i < 2000 && *counter < want; i++)
		must(loop_run_once(f->loop, 10, &e), &e);
	assert_int_equal(*counter, want);
}

static struct body_facts
facts_of(const struct fixture *f, const char *bytes, size_t n)
{
	struct body_facts facts = {
		.size = n, .header_size = 12, .longest_line = 10, .facts = f->wrong_facts
	};
	struct checksum *c;
	struct sha256 *h;
	struct err e;

	must(sha256_new(&h, &e), &e);
	must(checksum_new(&c, &e), &e);
	checksum_update(c, bytes, n);
	checksum_finish(c, facts.checksum);
	checksum_free(c);
	sha256_start(h);
	sha256_update(h, bytes, n);
	sha256_finish(h, facts.sha256);
	sha256_free(h);
	if (f->has_wrong_digest)
		facts.sha256[31] ^= 1;
	if (f->has_wrong_checksum)
		facts.checksum[15] ^= 1;
	return facts;
}

/* A header, then lines; the caller's to free. */
static char *
bytes_of_size(size_t size, size_t *n)
{
	static const char head[] = "Subject: x\r\n\r\n", line[] = "body\r\n";
	char *bytes = malloc(size + sizeof(head) + sizeof(line));

	assert_non_null(bytes);
	*n = sizeof(head) - 1;
	memcpy(bytes, head, *n);
	do {
		memcpy(bytes + *n, line, sizeof(line) - 1);
		*n += sizeof(line) - 1;
	} while (*n < size);
	return bytes;
}

static void
on_room(void *arg)
{
	*(bool *)arg = true;
}

static void
fill_draft(struct fixture *f, struct spool_draft *draft, const char *bytes, size_t n)
{
	enum { PART = 64 << 10 };
	struct err e;

	for (size_t at = 0; at < n; at += PART) {
		bool has_room = !spool_draft_is_full(draft);
		if (!has_room)
			spool_draft_when_room(draft, on_room, &has_room);
		while (!has_room)
			must(loop_run_once(f->loop, 10, &e), &e);
		must(spool_draft_append(draft, bytes + at, n - at < PART ? n - at : PART,
					&e),
		     &e);
	}
}

/* One message, whose MID is one less than that of its first journal, which is returned;
 * on its way into the spool. */
static uint64_t
start_journal(struct fixture *f, const char *sender)
{
	struct err e = { 0 };
	struct spool_draft *draft;
	struct spool_message *m = spool_message_new();
	size_t n;
	char *bytes = bytes_of_size(f->body_size, &n);
	struct body_facts facts = facts_of(f, bytes, n);
	struct spool_plan plans[8] = { 0 };
	size_t n_plans = f->n_journals == 0 ? 1 : f->n_journals;

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
	fill_draft(f, draft, bytes, n);
	free(bytes);
	for (size_t i = 0; i < n_plans; i++) {
		plans[i].policy =
			f->policy_of_mail == NULL ? "DEFAULT" : f->policy_of_mail;
		plans[i].drop = f->drop;
		plans[i].mid = spool_next_mid(f->spool);
	}
	spool_commit(draft, m, &facts, plans, n_plans, on_committed, f);
	spool_message_unref(m);
	f->started++;
	return plans[0].mid;
}

static UNUSED uint64_t
add_journal(struct fixture *f, const char *sender)
{
	uint64_t mid = start_journal(f, sender);

	turn_until(f, &f->committed, f->started);
	return mid;
}

static UNUSED void
end_as(struct fixture *f, uint64_t mid, enum outcome_kind kind, enum journal_state state)
{
	const struct spool_outcome o = {
		.kind = kind,
		.mid = mid,
		.attempts = 1,
		.at = loop_wall_ms(f->loop),
		.next_at = loop_wall_ms(f->loop) + 3600000,
		.reply = "554 5.7.1 no",
		.reason = "content",
		.destination = "intake.example",
	};
	uint64_t before = spool_account(f->spool)->state[state];
	struct err e;
	uint64_t dcid;

	assert_false(deliver_withdraw(f->deliver, mid, &dcid));
	spool_record(f->spool, &o);
	/* A delivered one counts on; it may be gone from the rows at once. */
	for (int i = 0; i < 500 && spool_account(f->spool)->state[state] == before; i++)
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
	const char *allow = strstr(got, "\r\nAllow: ");
	f->allow[0] = '\0';
	if (allow != NULL)
		assert_int_equal(sscanf(allow, "\r\nAllow: %31[^\r]", f->allow), 1);
	json_decref(f->body);
	f->body = json_loads(body + 4, 0, &error);
	if (f->body == NULL)
		fail_msg("%s in %s", error.text, body + 4);
}

static int
begin(const struct fixture *f, const char *method, const char *path)
{
	char request[256];
	int fd = dial(f);

	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		 "Content-Length: 0\r\n\r\n",
		 method, path);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	return fd;
}

/* Of a request that was begun there. */
static void
finish(struct fixture *f, int fd)
{
	static char got[1 << 20];
	struct err e;
	size_t n = 0;
	ssize_t r = -1;

	for (int i = 0; i < 2000 && r != 0; i++) {
		must(loop_run_once(f->loop, 5, &e), &e);
		while ((r = recv(fd, got + n, sizeof(got) - 1 - n, MSG_DONTWAIT)) > 0)
			n += (size_t)r;
	}
	got[n] = '\0';
	close(fd);
	take_answer(f, got);
}

static void
ask(struct fixture *f, const char *method, const char *path)
{
	finish(f, begin(f, method, path));
}

static UNUSED const char *
text(const struct fixture *f, const char *key)
{
	const char *value = json_string_value(json_object_get(f->body, key));

	return value == NULL ? "(none)" : value;
}

static UNUSED long long
number(const struct fixture *f, const char *key)
{
	return (long long)json_integer_value(json_object_get(f->body, key));
}

static UNUSED void
expect_problem(struct fixture *f, int status, const char *part)
{
	if (f->status != status || strcmp(f->type, "application/problem+json") != 0 ||
	    strstr(text(f, "detail"), part) == NULL || number(f, "status") != status)
		fail_msg("want %d '%s', got %d %s '%s'", status, part, f->status, f->type,
			 text(f, "detail"));
}

static UNUSED const char *
state_of(struct fixture *f, uint64_t mid)
{
	char path[64];

	snprintf(path, sizeof(path), "/queue/%llu", (unsigned long long)mid);
	ask(f, "GET", path);
	return f->status == 404 ? "gone" : text(f, "state");
}

static UNUSED void
post(struct fixture *f, uint64_t mid, const char *action)
{
	char path[64];

	snprintf(path, sizeof(path), "/queue/%llu/%s", (unsigned long long)mid, action);
	ask(f, "POST", path);
}

#define AT_FIXTURE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

#endif

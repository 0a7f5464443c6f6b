/*
 * test_dns.c - addresses of hosts, from a tiny server of this test's own.
 */
#include "tdc/base/clock.h"
#include "tdc/dns/dns.h"
#include "tdc/loop/loop.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECORD_A = 1, RECORD_AAAA = 28, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3 };

/* -- a server on UDP, in a thread: a table of names -- */

static const struct zone_row {
	const char *name;
	int rcode;
	bool is_silent;
	const char *a[3], *aaaa[3];
} zone[] = {
	{ "both.example", 0, false, { "192.0.2.1", "192.0.2.2" }, { "2001:db8::1" } },
	{ "four.example", 0, false, { "192.0.2.4" }, { NULL } },
	{ "six.example", 0, false, { NULL }, { "2001:db8::6" } },
	{ "none.example", 0, false, { NULL }, { NULL } },
	{ "missing.example", RCODE_NXDOMAIN, false, { NULL }, { NULL } },
	{ "broken.example", RCODE_SERVFAIL, false, { NULL }, { NULL } },
	{ "silent.example", 0, true, { NULL }, { NULL } },
	{ "host.test", 0, false, { "192.0.2.9" }, { NULL } },
};

struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	atomic_bool is_stopping;
	atomic_int asked;
};

/* The question's name as text; returns where it ends, or 0. */
static size_t
read_name(const unsigned char *p, size_t n, char text[256])
{
	size_t at = 12, out = 0;

	while (at < n && p[at] != 0) {
		size_t label = p[at++];
		if (label > 63 || at + label >= n || out + label + 2 > 255)
			return 0;
		if (out > 0)
			text[out++] = '.';
		memcpy(text + out, p + at, label);
		out += label;
		at += label;
	}
	text[out] = '\0';
	return at + 1;
}

static size_t
add_record(unsigned char *p, size_t at, int type, const char *address)
{
	const unsigned char head[] = { 0xc0, 12, 0, (unsigned char)type,      0, 1, 0, 0,
				       0,    60, 0, type == RECORD_A ? 4 : 16 };

	memcpy(p + at, head, sizeof(head));
	assert_int_equal(inet_pton(type == RECORD_A ? AF_INET : AF_INET6, address,
				   p + at + sizeof(head)),
			 1);
	return at + sizeof(head) + head[11];
}

/* Makes the answer in place of the question; 0 = say nothing. */
static size_t
make_answer(unsigned char *p, size_t n)
{
	const struct zone_row *row = NULL;
	char name[256];
	size_t at = n < 17 ? 0 : read_name(p, n, name);

	if (at == 0 || at + 4 > n)
		return 0;
	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++)
		if (strcasecmp(zone[i].name, name) == 0)
			row = &zone[i];
	if (row != NULL && row->is_silent)
		return 0;
	int type = p[at] << 8 | p[at + 1];
	const char *const *list = row == NULL        ? NULL
				  : type == RECORD_A ? row->a
						     : row->aaaa;
	size_t end = at + 4, count = 0;
	while (list != NULL && count < 2 && list[count] != NULL)
		end = add_record(p, end, type, list[count++]);
	p[2] = 0x84 | (p[2] & 1);
	p[3] = (unsigned char)(0x80 | (row == NULL ? RCODE_NXDOMAIN : row->rcode));
	p[6] = p[8] = p[9] = p[10] = p[11] = 0;
	p[7] = (unsigned char)count;
	return end;
}

static void *
serve(void *arg)
{
	struct server *s = arg;
	unsigned char p[2048];

	while (!atomic_load(&s->is_stopping)) {
		struct pollfd f = { s->fd, POLLIN, 0 };
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);

		if (poll(&f, 1, 50) <= 0)
			continue;
		ssize_t n = recvfrom(s->fd, p, 512, 0, (struct sockaddr *)&from, &length);
		if (n <= 0)
			continue;
		atomic_fetch_add(&s->asked, 1);
		size_t answer = make_answer(p, (size_t)n);
		if (answer > 0)
			sendto(s->fd, p, answer, 0, (struct sockaddr *)&from, length);
	}
	return NULL;
}

static void
server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(a);

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &length), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
server_stop(struct server *s)
{
	atomic_store(&s->is_stopping, true);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

/* -- the bench: a loop, a resolver, one answer -- */

struct bench {
	struct server server;
	struct loop *loop;
	struct dns *dns;
	struct clock_manual clock;
	char hosts[64];
};

struct answer {
	int count;
	struct dns_addresses addresses;
	struct err e;
};

static void
must(int r, const struct err *e)
{
	if (r != 0)
		fail_msg("%s", e->text);
}

static int
bench_open(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	char forwarder[40];
	struct err e = { 0 };

	assert_non_null(b);
	strcpy(b->hosts, "/tmp/tdc-hosts-XXXXXX");
	int fd = mkstemp(b->hosts);
	assert_true(fd >= 0);
	static const char text[] =
		"127.0.0.1 localhost\n::1 localhost\n192.0.2.77 listed.example also\n";
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	server_start(&b->server);
	clock_manual_init(&b->clock, 1700000000000);
	must(loop_new(&b->clock.base, &b->loop, &e), &e);
	snprintf(forwarder, sizeof(forwarder), "127.0.0.1@%u", b->server.port);
	must(dns_new(b->loop,
		     &(struct dns_settings){ .hosts = b->hosts, .forwarder = forwarder },
		     &b->dns, &e),
	     &e);
	*state = b;
	return 0;
}

static int
bench_close(void **state)
{
	struct bench *b = *state;

	dns_free(b->dns);
	loop_free(b->loop);
	server_stop(&b->server);
	unlink(b->hosts);
	free(b);
	return 0;
}

static void
on_answer(void *arg, const struct dns_addresses *a, const struct err *e)
{
	struct answer *to = arg;

	to->count++;
	to->addresses = *a;
	to->e = e == NULL ? (struct err){ 0 } : *e;
}

static void
turn(struct bench *b)
{
	struct err e = { 0 };
	must(loop_run_once(b->loop, 50, &e), &e);
}

static void
find(struct bench *b, const char *host, struct answer *a)
{
	struct dns_query *q = NULL;
	struct err e = { 0 };

	*a = (struct answer){ 0 };
	must(dns_find_addresses(b->dns, host, 25, on_answer, a, &q, &e), &e);
	assert_int_equal(a->count, 0); /* never from inside the call */
	for (int i = 0; i < 200 && a->count == 0; i++)
		turn(b);
	assert_int_equal(a->count, 1);
}

/* -- tests -- */

static const struct find_case {
	const char *title, *host;
	enum err_kind kind;
	const char *addresses; /* printed, in order */
	const char *part;      /* of the error */
} cases[] = {
	{ "an IPv4 literal is its own answer", "192.0.2.33", ERR_NONE, "192.0.2.33:25 ",
	  NULL },
	{ "an IPv6 literal is its own answer", "2001:db8::25", ERR_NONE,
	  "[2001:db8::25]:25 ", NULL },
	{ "IPv6 addresses come first", "both.example", ERR_NONE,
	  "[2001:db8::1]:25 192.0.2.1:25 192.0.2.2:25 ", NULL },
	{ "a final dot changes nothing", "four.example.", ERR_NONE, "192.0.2.4:25 ",
	  NULL },
	{ "A alone is enough", "four.example", ERR_NONE, "192.0.2.4:25 ", NULL },
	{ "AAAA alone is enough", "six.example", ERR_NONE, "[2001:db8::6]:25 ", NULL },
	{ "the hosts file is asked first", "listed.example", ERR_NONE, "192.0.2.77:25 ",
	  NULL },
	{ "an alias of the hosts file is known", "also", ERR_NONE, "192.0.2.77:25 ",
	  NULL },
	{ "localhost is known", "localhost", ERR_NONE, "[::1]:25 127.0.0.1:25 ", NULL },
	{ "names under test. are asked for", "host.test", ERR_NONE, "192.0.2.9:25 ",
	  NULL },
	{ "NXDOMAIN is final", "missing.example", ERR_NOT_FOUND, "",
	  "no such domain: missing.example" },
	{ "no address is final", "none.example", ERR_NOT_FOUND, "",
	  "none.example has no address" },
	{ "SERVFAIL is temporary", "broken.example", ERR_DNS, "", "SERVFAIL" },
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* In order; the two of one name may come in any order, so each run of a family is sorted. */
static void
print_addresses(const struct dns_addresses *a, char *text, size_t n)
{
	char lines[DNS_ADDRESSES_MAX][SOCKET_TEXT_MAX];
	size_t six = 0;

	for (size_t i = 0; i < a->count; i++) {
		socket_address_format(&a->address[i], lines[i]);
		six += lines[i][0] == '[' && six == i;
	}
	qsort(lines + six, a->count - six, sizeof(lines[0]), by_text);
	text[0] = '\0';
	for (size_t i = 0; i < a->count; i++)
		snprintf(text + strlen(text), n - strlen(text), "%s ", lines[i]);
}

static void
every_case_holds(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct find_case *c = &cases[i];
		struct answer a;
		char got[1024];

		find(*state, c->host, &a);
		print_addresses(&a.addresses, got, sizeof(got));
		if (a.e.kind != c->kind || strcmp(got, c->addresses) != 0)
			fail_msg("%s: got %s \"%s\" (%s), want %s \"%s\"", c->title,
				 err_kind_name(a.e.kind), got, a.e.text,
				 err_kind_name(c->kind), c->addresses);
		if (c->part != NULL && strstr(a.e.text, c->part) == NULL)
			fail_msg("%s: got \"%s\", want it to hold \"%s\"", c->title,
				 a.e.text, c->part);
	}
}

static void
a_silent_server_runs_out_of_time(void **state)
{
	struct bench *b = *state;
	struct dns_query *q = NULL;
	struct answer a = { 0 };
	struct err e = { 0 };

	must(dns_find_addresses(b->dns, "silent.example", 25, on_answer, &a, &q, &e), &e);
	for (int i = 0; i < 5; i++)
		turn(b);
	assert_int_equal(a.count, 0);
	clock_manual_advance(&b->clock, 29999);
	turn(b);
	assert_int_equal(a.count, 0);
	clock_manual_advance(&b->clock, 2);
	turn(b);
	turn(b);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.e.kind, ERR_TIMEOUT);
	assert_true(err_is_temporary(&a.e));
	assert_non_null(strstr(a.e.text, "silent.example"));
}

static void
a_cancelled_query_calls_nobody(void **state)
{
	struct bench *b = *state;
	static const char *const hosts[] = { "192.0.2.1", "six.example",
					     "silent.example" };

	for (size_t i = 0; i < 3; i++) {
		struct dns_query *q = NULL;
		struct answer a = { 0 }, other;
		struct err e = { 0 };

		must(dns_find_addresses(b->dns, hosts[i], 25, on_answer, &a, &q, &e), &e);
		dns_query_cancel(q);
		find(b, "both.example", &other);
		assert_int_equal(other.e.kind, ERR_NONE);
		assert_int_equal(a.count, 0);
	}
}

static void
what_is_no_name_is_refused_at_once(void **state)
{
	struct bench *b = *state;
	char long_name[400];
	struct dns_query *q = NULL;
	struct answer a = { 0 };
	struct err e = { 0 };

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(dns_find_addresses(b->dns, long_name, 25, on_answer, &a, &q, &e),
			 -1);
	assert_int_equal(e.kind, ERR_SYNTAX);
	assert_int_equal(dns_find_addresses(b->dns, "", 25, on_answer, &a, &q, &e), -1);
	assert_int_equal(e.kind, ERR_SYNTAX);
	assert_int_equal(
		dns_find_addresses(b->dns, "two..dots", 25, on_answer, &a, &q, &e), -1);
	assert_int_equal(e.kind, ERR_SYNTAX);
	turn(b);
	assert_int_equal(a.count, 0);
}

/* Asks again from inside its answer, three times. */
struct chain {
	struct bench *bench;
	int left;
	struct dns_query *query;
};

static void
ask_again(void *arg, const struct dns_addresses *a, const struct err *e)
{
	struct chain *c = arg;
	struct err why = { 0 };

	(void)a;
	assert_null(e);
	if (--c->left > 0)
		must(dns_find_addresses(c->bench->dns, "six.example", 25, ask_again, c,
					&c->query, &why),
		     &why);
}

static void
an_answer_may_ask_the_next_question(void **state)
{
	struct chain c = { *state, 3, NULL };
	struct err e = { 0 };

	must(dns_find_addresses(c.bench->dns, "localhost", 25, ask_again, &c, &c.query,
				&e),
	     &e);
	for (int i = 0; i < 200 && c.left > 0; i++)
		turn(c.bench);
	assert_int_equal(c.left, 0);
}

static void
freeing_the_resolver_ends_its_queries(void **state)
{
	struct bench *b = *state;
	struct answer a = { 0 };
	struct dns_query *q = NULL;
	struct dns *d = NULL;
	struct err e = { 0 };
	char forwarder[40];

	snprintf(forwarder, sizeof(forwarder), "127.0.0.1@%u", b->server.port);
	must(dns_new(b->loop,
		     &(struct dns_settings){ .hosts = b->hosts, .forwarder = forwarder },
		     &d, &e),
	     &e);
	must(dns_find_addresses(d, "silent.example", 25, on_answer, &a, &q, &e), &e);
	must(dns_find_addresses(d, "192.0.2.1", 25, on_answer, &a, &q, &e), &e);
	dns_free(d);
	turn(b);
	assert_int_equal(a.count, 0);
}

static void
settings_that_cannot_work_are_refused(void **state)
{
	struct bench *b = *state;
	static const struct dns_settings rows[] = {
		{ .hosts = "/nonexistent/hosts" },
		{ .resolv_conf = "/nonexistent/resolv.conf" },
		{ .forwarder = "not an address" },
		{ .trust_anchor_file = "/nonexistent/root.key",
		  .forwarder = "127.0.0.1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns *d = NULL;
		struct err e = { 0 };

		if (dns_new(b->loop, &rows[i], &d, &e) != -1 || e.kind != ERR_CONFIG)
			fail_msg("row %zu was taken, or failed as %s", i,
				 err_kind_name(e.kind));
	}
}

/* -- another resolver -- */

static void
hosts_are(const struct bench *b, const char *text)
{
	FILE *f = fopen(b->hosts, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Of these settings, with the bench's server and hosts file. */
static struct dns_resolver *
resolver(struct bench *b, struct dns_settings s)
{
	struct dns_resolver *r = NULL;
	struct err e = { 0 };
	char forwarder[40];

	snprintf(forwarder, sizeof(forwarder), "127.0.0.1@%u", b->server.port);
	s.forwarder = forwarder;
	s.hosts = b->hosts;
	must(dns_resolver_new(&s, &r, &e), &e);
	return r;
}

static void *
free_elsewhere(void *arg)
{
	dns_resolver_free(arg);
	return NULL;
}

/* As the daemon does it: the old one ends on another thread. */
static void
reload(struct bench *b, struct dns_settings s)
{
	struct dns_resolver *r = resolver(b, s), *new = r;
	pthread_t thread;
	struct err e = { 0 };

	must(dns_reload(b->dns, &r, &e), &e);
	assert_ptr_not_equal(r, new);
	assert_int_equal(pthread_create(&thread, NULL, free_elsewhere, r), 0);
	pthread_join(thread, NULL);
}

static void
a_new_hosts_file_is_taken(void **state)
{
	struct bench *b = *state;
	struct answer a;
	char got[256];

	find(b, "listed.example", &a);
	assert_int_equal(a.addresses.count, 1);
	hosts_are(b, "192.0.2.78 added.example\n");
	reload(b, (struct dns_settings){ 0 });
	find(b, "added.example", &a);
	print_addresses(&a.addresses, got, sizeof(got));
	assert_string_equal(got, "192.0.2.78:25 ");
	find(b, "listed.example", &a); /* and the old one is forgotten */
	assert_int_equal(a.e.kind, ERR_NOT_FOUND);
}

static const struct under_way {
	const char *title, *host;
	const char *addresses; /* NULL: it is cancelled, and nobody is called */
} under_way[] = {
	{ "a query that nobody answered is asked of the new resolver", "silent.example",
	  "192.0.2.79:25 " },
	{ "a query whose answer is being fetched gets one answer", "six.example",
	  "[2001:db8::6]:25 " },
	{ "a query whose answer is on the way keeps it", "192.0.2.1", "192.0.2.1:25 " },
	{ "a query of the old resolver can be cancelled afterwards", "silent.example",
	  NULL },
	{ "a query that has its answer can be cancelled afterwards", "192.0.2.1", NULL },
};
enum { UNDER_WAY = sizeof(under_way) / sizeof(under_way[0]) };

static void
queries_under_way_are_answered_once(void **state)
{
	struct bench *b = *state;
	struct dns_query *queries[UNDER_WAY];
	struct answer answers[UNDER_WAY] = { 0 };
	struct err e = { 0 };
	char got[256];

	hosts_are(b, "192.0.2.77 listed.example\n");
	reload(b, (struct dns_settings){ 0 });
	for (size_t i = 0; i < UNDER_WAY; i++)
		must(dns_find_addresses(b->dns, under_way[i].host, 25, on_answer,
					&answers[i], &queries[i], &e),
		     &e);
	hosts_are(b, "192.0.2.79 silent.example\n");
	reload(b, (struct dns_settings){ 0 });
	reload(b, (struct dns_settings){ 0 }); /* asked anew, and anew once more */
	for (size_t i = 0; i < UNDER_WAY; i++)
		if (under_way[i].addresses == NULL)
			dns_query_cancel(queries[i]);
	for (int i = 0; i < 200 && answers[0].count + answers[1].count < 2; i++)
		turn(b);
	turn(b);
	for (size_t i = 0; i < UNDER_WAY; i++) {
		const struct under_way *u = &under_way[i];
		print_addresses(&answers[i].addresses, got, sizeof(got));
		if (answers[i].count != (u->addresses != NULL) ||
		    strcmp(got, u->addresses == NULL ? "" : u->addresses) != 0)
			fail_msg("%s: got %d times \"%s\" (%s), want \"%s\"", u->title,
				 answers[i].count, got, answers[i].e.text,
				 u->addresses == NULL ? "" : u->addresses);
	}
}

static void
the_time_of_a_query_begins_again(void **state)
{
	struct bench *b = *state;
	struct dns_query *q = NULL;
	struct answer a = { 0 };
	struct err e = { 0 };

	hosts_are(b, "");
	reload(b, (struct dns_settings){ 0 });
	must(dns_find_addresses(b->dns, "silent.example", 25, on_answer, &a, &q, &e), &e);
	clock_manual_advance(&b->clock, 29000);
	turn(b);
	reload(b, (struct dns_settings){ .timeout_ms = 5000 });
	clock_manual_advance(&b->clock, 4999);
	turn(b);
	assert_int_equal(a.count, 0);
	clock_manual_advance(&b->clock, 1);
	turn(b);
	turn(b);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.e.kind, ERR_TIMEOUT);
	/* What was due, and did not run yet, has its time again, too. */
	a = (struct answer){ 0 };
	must(dns_find_addresses(b->dns, "silent.example", 25, on_answer, &a, &q, &e), &e);
	clock_manual_advance(&b->clock, 5000);
	reload(b, (struct dns_settings){ 0 });
	turn(b);
	clock_manual_advance(&b->clock, 30000);
	turn(b);
	turn(b);
	assert_int_equal(a.count, 1);
}

static void
a_broken_file_leaves_the_old_resolver(void **state)
{
	struct bench *b = *state;
	const struct dns_settings s = { .hosts = "/nonexistent/hosts" };
	struct dns_resolver *r = NULL;
	struct err e = { 0 };
	struct answer a;

	assert_int_equal(dns_resolver_new(&s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_non_null(strstr(e.text, "/nonexistent/hosts"));
	assert_null(r);
	dns_resolver_free(r);
	dns_resolver_free(resolver(b, (struct dns_settings){ 0 })); /* never used */
	find(b, "both.example", &a);
	assert_int_equal(a.e.kind, ERR_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_holds),
		cmocka_unit_test(a_silent_server_runs_out_of_time),
		cmocka_unit_test(a_cancelled_query_calls_nobody),
		cmocka_unit_test(what_is_no_name_is_refused_at_once),
		cmocka_unit_test(an_answer_may_ask_the_next_question),
		cmocka_unit_test(freeing_the_resolver_ends_its_queries),
		cmocka_unit_test(settings_that_cannot_work_are_refused),
		cmocka_unit_test(a_new_hosts_file_is_taken),
		cmocka_unit_test(queries_under_way_are_answered_once),
		cmocka_unit_test(the_time_of_a_query_begins_again),
		cmocka_unit_test(a_broken_file_leaves_the_old_resolver),
	};
	return cmocka_run_group_tests(tests, bench_open, bench_close);
}

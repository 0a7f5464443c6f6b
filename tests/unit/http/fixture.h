/*
 * fixture.h - a server on a unix socket, a clock that stands still, and clients.
 *
 * Included once by each test program.
 */
#ifndef TDC_TESTS_HTTP_FIXTURE_H
#define TDC_TESTS_HTTP_FIXTURE_H

#include "tdc/base/clock.h"
#include "tdc/http/server.h"
#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#define UNUSED __attribute__((unused))

struct fixture {
	char directory[64], path[96], address[128];
	struct loop *loop;
	struct http_server *server;
	/* What the handler saw last, and what it shall do. */
	enum http_method method;
	char seen[256], query[64], body[64];
	bool has_query, is_late;
	int calls;
	struct http_request *waiting, *all[HTTP_CONNECTIONS_MAX + 1];
	struct clock_manual clock;
};

static UNUSED void
answer(struct http_request *r)
{
	http_answer(r, 200, "text/plain", span_of("hello\n"));
}

static void
handle(void *arg, struct http_request *r)
{
	struct fixture *f = arg;
	struct span body = http_request_body(r);
	const char *query = http_request_query(r, "q");

	f->calls++;
	f->method = http_request_method(r);
	snprintf(f->seen, sizeof(f->seen), "%s", http_request_path(r));
	f->has_query = query != NULL;
	snprintf(f->query, sizeof(f->query), "%s", query == NULL ? "" : query);
	snprintf(f->body, sizeof(f->body), "%.*s", (int)body.n,
		 body.n == 0 ? "" : body.p);
	if (f->is_late)
		f->waiting = f->all[(f->calls - 1) % (HTTP_CONNECTIONS_MAX + 1)] = r;
	else
		answer(r);
}

static int
setup(void **s)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e = { 0 };

	snprintf(f->directory, sizeof(f->directory), "/tmp/tdc-http-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/s", f->directory);
	snprintf(f->address, sizeof(f->address), "unix:%s", f->path);
	clock_manual_init(&f->clock, 1700000000000);
	assert_int_equal(loop_new(&f->clock.base, &f->loop, &e), 0);
	if (http_server_new(f->loop, f->address, 0640, handle, f, &f->server, &e) != 0)
		fail_msg("%s", e.text);
	*s = f;
	return 0;
}

static int
teardown(void **s)
{
	struct fixture *f = *s;

	http_server_free(f->server);
	loop_free(f->loop);
	unlink(f->path);
	rmdir(f->directory);
	free(f);
	return 0;
}

static UNUSED int
dial(const struct fixture *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Turns the loop until `want` is in what the descriptor gave, or it ended. */
static UNUSED void
read_until(struct fixture *f, int fd, const char *want, char *got, size_t size)
{
	struct err e;
	size_t n = 0;

	got[0] = '\0';
	for (int i = 0; i < 500 && strstr(got, want) == NULL; i++) {
		assert_int_equal(loop_run_once(f->loop, 10, &e), 0);
		ssize_t r = recv(fd, got + n, size - 1 - n, MSG_DONTWAIT);
		if (r == 0)
			break;
		if (r > 0)
			n += (size_t)r;
		got[n] = '\0';
	}
}

/* True: the server ended the connection. */
static UNUSED bool
is_ended(struct fixture *f, int fd)
{
	struct err e;
	char waste[4096];

	for (int i = 0; i < 20; i++) {
		ssize_t n;
		assert_int_equal(loop_run_once(f->loop, 2, &e), 0);
		while ((n = recv(fd, waste, sizeof(waste), MSG_DONTWAIT)) > 0)
			;
		if (n == 0 || errno == ECONNRESET)
			return true;
	}
	return false;
}

static UNUSED void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static UNUSED void
turn(struct fixture *f, int times)
{
	struct err e;

	while (times-- > 0)
		assert_int_equal(loop_run_once(f->loop, 5, &e), 0);
}

#define AT_FIXTURE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

#endif

/*
 * test_server.c - the HTTP server over a unix socket and over TCP: what a handler sees,
 * late answers, connections that break before the answer, a server that ends before it,
 * stale sockets, and clients that want all of it for themselves.
 */
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

static void
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

static int
dial(const struct fixture *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Turns the loop until `want` is in what the descriptor gave, or it ended. */
static void
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
static bool
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

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
turn(struct fixture *f, int times)
{
	struct err e;

	while (times-- > 0)
		assert_int_equal(loop_run_once(f->loop, 5, &e), 0);
}

/* ---------------------------------------------------------------- what a handler sees */

static const struct seen {
	const char *name, *request;
	enum http_method method;
	const char *path, *query, *body; /* query: NULL = absent */
} seens[] = {
	{ "a plain GET", "GET /status HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_GET, "/status",
	  NULL, "" },
	{ "a decoded query", "GET /q?a=1&q=a%20b%2f HTTP/1.1\r\nHost: x\r\n\r\n",
	  HTTP_GET, "/q", "a b/", "" },
	{ "a decoded path", "GET /a%2Fb%41 HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_GET,
	  "/a/bA", NULL, "" },
	{ "a body", "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	  HTTP_POST, "/p", NULL, "abc" },
	{ "an empty POST", "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	  HTTP_POST, "/p", NULL, "" },
	{ "DELETE", "DELETE /d HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_DELETE, "/d", NULL,
	  "" },
	{ "another method", "PUT /u HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	  HTTP_OTHER, "/u", NULL, "" },
	{ "a chunked body",
	  "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
	  "chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
	  HTTP_POST, "/c", NULL, "ab" },
};

static void
test_seen(void **s)
{
	struct fixture *f = *s;
	char got[2048];
	int bad = 0;

	for (size_t i = 0; i < sizeof(seens) / sizeof(seens[0]); i++) {
		const struct seen *want = &seens[i];
		int fd = dial(f);
		say(fd, want->request);
		read_until(f, fd, "hello\n", got, sizeof(got));
		bool is_good =
			strstr(got, "HTTP/1.1 200 OK\r\n") == got &&
			f->method == want->method && strcmp(f->seen, want->path) == 0 &&
			strcmp(f->body, want->body) == 0 &&
			f->has_query == (want->query != NULL) &&
			(want->query == NULL || strcmp(want->query, f->query) == 0);
		if (!is_good) {
			print_error("%s: got %d %s ?%s body %s, answer %s\n", want->name,
				    (int)f->method, f->seen, f->query, f->body, got);
			bad++;
		}
		close(fd);
		turn(f, 2);
	}
	assert_int_equal(bad, 0);
	assert_int_equal(f->calls, sizeof(seens) / sizeof(seens[0]));
}

static const struct refused {
	const char *name, *request;
	const char *status; /* NULL = the connection just ends, or any 4xx */
} refuseds[] = {
	{ "a NUL in the path", "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400" },
	{ "a broken escape", "GET /a%4 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400" },
	{ "no HTTP at all", "EHLO x\r\n\r\n", "HTTP/1.1 400" },
	{ "a body over 64 KiB",
	  "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n",
	  "HTTP/1.1 413" },
	{ "a chunk over 64 KiB",
	  "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
	  "chunked\r\n\r\n10001\r\n",
	  "HTTP/1.1 413" },
	{ "a chunk whose size is none",
	  "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
	  "HTTP/1.1 400" },
	{ "another version", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505" },
};

static void
test_refused(void **s)
{
	struct fixture *f = *s;
	char got[2048];
	int bad = 0;

	for (size_t i = 0; i < sizeof(refuseds) / sizeof(refuseds[0]); i++) {
		int fd = dial(f);
		say(fd, refuseds[i].request);
		read_until(f, fd, "\"}", got, sizeof(got));
		if (strstr(got, refuseds[i].status) != got ||
		    strstr(got, "\r\nConnection: close\r\n") == NULL ||
		    strstr(got, "\r\nContent-Type: application/problem+json\r\n") ==
			    NULL ||
		    !is_ended(f, fd)) {
			print_error("%s: want %s, got %s\n", refuseds[i].name,
				    refuseds[i].status, got);
			bad++;
		}
		close(fd);
		turn(f, 2);
	}
	assert_int_equal(bad, 0);
	assert_int_equal(f->calls, 0);
}

static void
test_keep_alive(void **s)
{
	struct fixture *f = *s;
	char got[2048];
	int fd = dial(f);

	for (int i = 0; i < 3; i++) {
		say(fd, "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
		read_until(f, fd, "hello\n", got, sizeof(got));
		assert_non_null(strstr(got, "Content-Type: text/plain\r\n"));
		assert_non_null(strstr(got, "Content-Length: 6\r\n"));
	}
	assert_int_equal(f->calls, 3);
	close(fd);
}

static void
test_pipelined(void **s)
{
	struct fixture *f = *s;
	char got[4096];
	int fd = dial(f);

	say(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: 2\r\n\r\nabGET /3 HTTP/1.1\r\nHost: x\r\n"
		"Connection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: x\r\n\r\n");
	shutdown(fd, SHUT_WR); /* and still wants the answers */
	read_until(f, fd, "Connection: close\r\n\r\nhello\n", got, sizeof(got));
	int answers = 0;
	for (const char *p = got; (p = strstr(p, "200 OK")) != NULL; p++)
		answers++;
	assert_int_equal(answers, 3);
	assert_int_equal(f->calls, 3);
	assert_string_equal(f->seen, "/3");
	assert_true(is_ended(f, fd));
	close(fd);
}

static void
test_heads_without_a_body(void **s)
{
	struct fixture *f = *s;
	char got[2048];
	int fd = dial(f);

	say(fd, "HEAD /h HTTP/1.0\r\n\r\n");
	read_until(f, fd, "\r\n\r\n", got, sizeof(got));
	assert_non_null(strstr(got, "Content-Length: 6\r\n"));
	assert_null(strstr(got, "hello"));
	assert_true(is_ended(f, fd)); /* as it is with 1.0 */
	close(fd);
	fd = dial(f);
	say(fd, "POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
		"Content-Length: 3\r\n\r\n");
	read_until(f, fd, "100 Continue\r\n\r\n", got, sizeof(got));
	assert_int_equal(f->calls, 1);
	say(fd, "abc");
	read_until(f, fd, "hello\n", got, sizeof(got));
	assert_string_equal(f->body, "abc");
	close(fd);
}

/* ---------------------------------------------------------------- rude clients */

static void
test_silent_client(void **s)
{
	struct fixture *f = *s;
	int silent = dial(f), half = dial(f);

	turn(f, 2);
	say(half, "GET /half HT");
	turn(f, 2);
	clock_manual_advance(&f->clock, HTTP_REQUEST_MS - 1);
	assert_false(is_ended(f, half));
	clock_manual_advance(&f->clock, 2);
	char got[1024];
	read_until(f, half, "\"}", got, sizeof(got));
	assert_non_null(strstr(got, "HTTP/1.1 408 "));
	assert_true(is_ended(f, half));
	assert_false(is_ended(f, silent));
	clock_manual_advance(&f->clock, HTTP_IDLE_MS - HTTP_REQUEST_MS);
	assert_true(is_ended(f, silent));
	assert_int_equal(f->calls, 0);
	close(half);
	close(silent);
}

/* Each byte does not buy more time. */
static void
test_slow_client(void **s)
{
	struct fixture *f = *s;
	int fd = dial(f);
	int64_t waited = 0;

	say(fd, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
	turn(f, 2);
	while (waited < 2 * HTTP_REQUEST_MS && !is_ended(f, fd)) {
		(void)!send(fd, "a", 1, MSG_NOSIGNAL);
		clock_manual_advance(&f->clock, 900);
		waited += 900;
	}
	assert_in_range(waited, HTTP_REQUEST_MS, HTTP_REQUEST_MS + 1800);
	assert_int_equal(f->calls, 0);
	close(fd);
}

/* The head, the chunks and the trailer that never end. */
static void
test_endless_client(void **s)
{
	static const struct {
		const char *name, *start, *again, *status;
	} rows[] = {
		{ "fields", "GET / HTTP/1.1\r\nHost: x\r\n",
		  "A: bbbbbbbbbbbbbbbbbbbb\r\n", "HTTP/1.1 431 " },
		{ "a request line", "GET /", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "HTTP/1.1 431 " },
		{ "empty lines", "\r\n", "\r\n\r\n\r\n\r\n\r\n\r\n", "HTTP/1.1 431 " },
		{ "chunks",
		  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "20\r\n01234567890123456789012345678901\r\n", "HTTP/1.1 413 " },
		{ "a chunk's extension",
		  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1",
		  ";aaaaaaaaaaaaaaaaaaa", "HTTP/1.1 400 " },
		{ "a trailer",
		  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n0\r\n",
		  "A: bbbbbbbbbbbbbbbbbbbb\r\n", "HTTP/1.1 431 " },
	};
	struct fixture *f = *s;
	char got[1024];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = dial(f);
		say(fd, rows[i].start);
		for (size_t n = 0; n < 200000; n += strlen(rows[i].again)) {
			if (send(fd, rows[i].again, strlen(rows[i].again),
				 MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
			    errno != EAGAIN)
				break;
			if (n % 1000 < 20)
				turn(f, 1);
		}
		read_until(f, fd, "\"}", got, sizeof(got));
		if (strstr(got, rows[i].status) != got)
			fail_msg("%s: want %s, got %s", rows[i].name, rows[i].status,
				 got);
		assert_true(is_ended(f, fd));
		close(fd);
	}
	assert_int_equal(f->calls, 0);
}

static void
test_client_that_does_not_take_its_answer(void **s)
{
	struct fixture *f = *s;
	struct err e;
	char *large = calloc(1, 4 << 20), got[64];
	int fd = dial(f);

	memset(large, 'x', 4 << 20);
	f->is_late = true;
	say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(f, 5);
	clock_manual_advance(&f->clock,
			     600000); /* while it is made there is no deadline */
	turn(f, 2);
	http_answer(f->waiting, 200, "text/plain", span_make(large, 4 << 20));
	turn(f, 5);
	clock_manual_advance(&f->clock, HTTP_ANSWER_MS + 1);
	turn(f, 5);
	size_t n = 0;
	for (ssize_t r; (r = recv(fd, large, 4 << 20, 0)) > 0; n += (size_t)r)
		assert_int_equal(loop_run_once(f->loop, 0, &e), 0);
	assert_in_range(n, 1, (4 << 20) - 1); /* it was cut */
	close(fd);
	free(large);
	f->is_late = false;
	fd = dial(f);
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(f, fd, "200 OK", got, sizeof(got));
	assert_non_null(strstr(got, "200 OK"));
	close(fd);
}

enum { CROWD = 200 };

/* 200 silent ones at once: they make room, so that who has something to say gets in. */
static void
test_crowd(void **s)
{
	struct fixture *f = *s;
	int fds[CROWD], seconds = 0;
	char got[2048] = "";

	for (int i = 0; i < CROWD; i++) {
		fds[i] = dial(f);
		if (i % 50 == 49)
			turn(f, 3);
	}
	assert_false(is_ended(f, fds[0]));
	int fd = dial(f);
	say(fd, "GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
	for (; seconds < 20 && strstr(got, "hello\n") == NULL; seconds++) {
		for (int i = 0; i < 10; i++) {
			clock_manual_advance(&f->clock, HTTP_SILENT_MS / 10);
			turn(f, 4);
		}
		ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
		got[n < 0 ? 0 : n] = '\0';
	}
	if (strstr(got, "200 OK") == NULL)
		fail_msg("got %s", got);
	/* As many a second as there are places, in their order. */
	assert_in_range(seconds, CROWD / HTTP_CONNECTIONS_MAX,
			CROWD / HTTP_CONNECTIONS_MAX + 2);
	assert_true(is_ended(f, fds[0]));
	assert_int_equal(f->calls, 1);
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
	close(fd);
}

/* A request under way keeps its place, also when nobody waits for it any more. */
static void
test_crowd_of_requests(void **s)
{
	struct fixture *f = *s;
	char got[2048];
	int fd;

	f->is_late = true;
	for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		fd = dial(f);
		say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
		turn(f, 2);
		close(fd);
	}
	turn(f, 5);
	assert_int_equal(f->calls, HTTP_CONNECTIONS_MAX);
	clock_manual_advance(&f->clock, 10 * HTTP_SILENT_MS);
	fd = dial(f);
	int next = dial(f);
	turn(f, 5);
	clock_manual_advance(&f->clock, HTTP_WAIT_MS - 1);
	assert_false(is_ended(f, fd));
	clock_manual_advance(&f->clock, 1000);
	read_until(f, fd, "\"}", got, sizeof(got));
	assert_non_null(strstr(got, "HTTP/1.1 503 "));
	assert_non_null(strstr(got, "all 32 connections"));
	close(fd);
	turn(f, 5);
	clock_manual_advance(&f->clock, 200); /* the others have not to wait as long */
	read_until(f, next, "\"}", got, sizeof(got));
	assert_non_null(strstr(got, "HTTP/1.1 503 "));
	close(next);
	for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		answer(f->all[i]);
	turn(f, 5);
	f->is_late = false;
	fd = dial(f);
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(f, fd, "hello\n", got, sizeof(got));
	assert_non_null(strstr(got, "200 OK"));
	close(fd);
}

/* ---------------------------------------------------------------- late answers */

static void
test_late(void **s)
{
	struct fixture *f = *s;
	char got[2048];
	int fd = dial(f);

	f->is_late = true;
	say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(f, 5);
	assert_non_null(f->waiting);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
	answer(f->waiting);
	read_until(f, fd, "hello\n", got, sizeof(got));
	assert_non_null(strstr(got, "200 OK"));
	close(fd);
}

static void
test_client_goes_first(void **s)
{
	struct fixture *f = *s;
	int fd = dial(f);

	f->is_late = true;
	say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(f, 5);
	assert_non_null(f->waiting);
	close(fd);
	turn(f, 5);
	answer(f->waiting); /* nobody is there; nothing breaks, nothing leaks */
	turn(f, 5);
}

static void
test_server_goes_first(void **s)
{
	struct fixture *f = *s;
	int fd = dial(f), gone = dial(f);

	f->is_late = true;
	say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(f, 5);
	struct http_request *first = f->waiting;
	say(gone, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(f, 5);
	struct http_request *second = f->waiting;
	close(gone);
	turn(f, 5);
	http_server_free(f->server);
	f->server = NULL;
	answer(first);
	answer(second);
	close(fd);
}

/* ---------------------------------------------------------------- the socket */

static void
test_socket_file(void **s)
{
	struct fixture *f = *s;
	struct http_server *second;
	struct err e = { 0 };
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* A living one is left alone. */
	assert_int_equal(
		http_server_new(f->loop, f->address, 0600, handle, f, &second, &e), -1);
	assert_int_equal(e.kind, ERR_BUSY);
	assert_non_null(strstr(e.text, f->path));
	http_server_free(f->server);
	f->server = NULL;
	assert_int_equal(access(f->path, F_OK), -1); /* removed at the end */
	/* A stale one is replaced. */
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
	int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(stale, (struct sockaddr *)&a, sizeof(a)), 0);
	close(stale);
	assert_int_equal(
		http_server_new(f->loop, f->address, 0600, handle, f, &f->server, &e), 0);
	http_server_free(f->server);
	f->server = NULL;
	/* A file that is no socket is never removed. */
	close(open(f->path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(
		http_server_new(f->loop, f->address, 0600, handle, f, &second, &e), -1);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void
test_tcp(void **s)
{
	struct fixture *f = *s;
	struct http_server *tcp;
	struct err e = { 0 };
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	char address[64], got[2048];

	/* A port that was free a moment ago. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(a.sin_port));
	if (http_server_new(f->loop, address, 0, handle, f, &tcp, &e) != 0)
		fail_msg("%s", e.text);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	say(fd, "GET /tcp HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(f, fd, "hello\n", got, sizeof(got));
	assert_string_equal(f->seen, "/tcp");
	close(fd);
	http_server_free(tcp);
	assert_int_equal(http_server_new(f->loop, "nonsense", 0, handle, f, &tcp, &e),
			 -1);
}

#define AT_FIXTURE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_FIXTURE(test_seen),
		AT_FIXTURE(test_refused),
		AT_FIXTURE(test_keep_alive),
		AT_FIXTURE(test_pipelined),
		AT_FIXTURE(test_heads_without_a_body),
		AT_FIXTURE(test_silent_client),
		AT_FIXTURE(test_slow_client),
		AT_FIXTURE(test_endless_client),
		AT_FIXTURE(test_client_that_does_not_take_its_answer),
		AT_FIXTURE(test_crowd),
		AT_FIXTURE(test_crowd_of_requests),
		AT_FIXTURE(test_late),
		AT_FIXTURE(test_client_goes_first),
		AT_FIXTURE(test_server_goes_first),
		AT_FIXTURE(test_socket_file),
		AT_FIXTURE(test_tcp),
	};
	signal(SIGPIPE, SIG_IGN); /* as every program that uses it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

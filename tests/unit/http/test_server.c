/*
 * test_server.c - the HTTP server over a unix socket and over TCP: what a handler sees,
 * late answers, connections that break before the answer, a server that ends before it,
 * stale sockets.
 */
#include "fixture.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_FIXTURE(test_seen),
		AT_FIXTURE(test_refused),
		AT_FIXTURE(test_keep_alive),
		AT_FIXTURE(test_pipelined),
		AT_FIXTURE(test_heads_without_a_body),
		AT_FIXTURE(test_late),
		AT_FIXTURE(test_client_goes_first),
		AT_FIXTURE(test_server_goes_first),
		AT_FIXTURE(test_socket_file),
		AT_FIXTURE(test_tcp),
	};
	signal(SIGPIPE, SIG_IGN); /* as every program that uses it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_rude.c - clients that are silent, slow, endless, many, or gone: each costs what it
 * may, and the others are served.
 */
#include "fixture.h"

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

static void
ask_and_answer(struct fixture *f, int fd, struct span body)
{
	say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	f->waiting = NULL;
	for (int i = 0; i < 50 && f->waiting == NULL; i++)
		turn(f, 1);
	http_answer(f->waiting, 200, "text/plain", body);
}

/* Who does not take the answer makes room, too; who takes it, however slowly, does not. */
static void
test_crowd_that_does_not_read(void **s)
{
	enum { LARGE = 4 << 20, STEP = 256 << 10 };
	struct fixture *f = *s;
	int fds[HTTP_CONNECTIONS_MAX];
	char *large = calloc(1, LARGE), got[2048] = "";
	size_t taken = 0;

	memset(large, 'x', LARGE);
	f->is_late = true;
	for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		fds[i] = dial(f);
		ask_and_answer(f, fds[i], span_make(large, LARGE));
	}
	f->is_late = false;
	int fd = dial(f);
	say(fd, "GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
	for (int i = 0; i < 15 && strstr(got, "hello\n") == NULL; i++) {
		ssize_t n = recv(fds[0], large, STEP, MSG_DONTWAIT);
		taken += n < 0 ? 0 : (size_t)n;
		clock_manual_advance(&f->clock, HTTP_SILENT_MS / 10);
		turn(f, 4);
		n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
		got[n < 0 ? 0 : n] = '\0';
	}
	if (strstr(got, "200 OK") == NULL)
		fail_msg("got \"%s\"", got);
	for (ssize_t n; (n = recv(fds[0], large, STEP, MSG_DONTWAIT)) > 0; turn(f, 2))
		taken += (size_t)n;
	assert_in_range(taken, LARGE, LARGE + 1024);
	assert_true(is_ended(f, fds[1]));
	for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		close(fds[i]);
	close(fd);
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_FIXTURE(test_silent_client),
		AT_FIXTURE(test_slow_client),
		AT_FIXTURE(test_endless_client),
		AT_FIXTURE(test_client_that_does_not_take_its_answer),
		AT_FIXTURE(test_crowd),
		AT_FIXTURE(test_crowd_of_requests),
		AT_FIXTURE(test_crowd_that_does_not_read),
	};
	signal(SIGPIPE, SIG_IGN); /* as every program that uses it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

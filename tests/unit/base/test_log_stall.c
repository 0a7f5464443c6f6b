/*
 * test_log_stall.c - readers of the log that stop reading: nobody waits long for them, and
 * what they missed is counted and said.
 *
 * The one thing here that takes real time is the time that the log may wait.
 */
#include "base/log_internal.h"

#include "tdc/base/clock.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

enum {
	LINES = 3000,       /* far more than any of the pipes holds                */
	PATIENCE_MS = 4000, /* of the test: the log waits 200 ms, once             */
	END_OF_TEST_S = 20, /* a log that waits for ever ends the program by alarm */
	TEXT_MAX = 4 << 20,
};

struct place {
	char directory[64], path[96];
	int reader, saved_stderr;
};

static int
place_new(void **s)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->directory, sizeof(p->directory), "/tmp/tdc-stall-XXXXXX");
	assert_non_null(mkdtemp(p->directory));
	snprintf(p->path, sizeof(p->path), "%s/log", p->directory);
	p->reader = -1;
	p->saved_stderr = dup(STDERR_FILENO);
	alarm(END_OF_TEST_S);
	*s = p;
	return 0;
}

static int
place_free(void **s)
{
	struct place *p = *s;

	alarm(0);
	if (p->reader >= 0)
		close(p->reader);
	log_close();
	dup2(p->saved_stderr, STDERR_FILENO);
	close(p->saved_stderr);
	unlink(p->path);
	int r = rmdir(p->directory);
	free(p);
	return r;
}

/* ------------------------------------------------------------------ who reads */

static void
stderr_becomes(struct place *p, int reader, int writer)
{
	dup2(writer, STDERR_FILENO);
	close(writer);
	fcntl(reader, F_SETFL, O_NONBLOCK);
	p->reader = reader;
}

static void
open_pipe(struct place *p, struct log_settings *s)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	stderr_becomes(p, ends[0], ends[1]);
	s->target = LOG_TO_STDERR;
}

/* As journald gives it to a service. */
static void
open_stream_socket(struct place *p, struct log_settings *s)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	stderr_becomes(p, ends[0], ends[1]);
	s->target = LOG_TO_STDERR;
}

static void
open_fifo(struct place *p, struct log_settings *s)
{
	assert_int_equal(mkfifo(p->path, 0600), 0);
	p->reader = open(p->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(p->reader >= 0);
	s->target = LOG_TO_FILE;
	s->path = p->path;
}

static size_t
read_all(const struct place *p, char *text)
{
	size_t n = 0;
	ssize_t got;

	while (n < TEXT_MAX && (got = read(p->reader, text + n, TEXT_MAX - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	return n;
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
		n++;
	return n;
}

static const struct reader_row {
	const char *sentence;
	void (*open)(struct place *p, struct log_settings *s);
	bool is_gathered; /* lines go out at the end of a turn */
} readers[] = {
	{ "stderr is a pipe that nobody reads", open_pipe, false },
	{ "the same, and the lines of a turn go out together", open_pipe, true },
	{ "stderr is a socket that nobody reads", open_stream_socket, false },
	{ "the log file is a fifo that nobody reads", open_fifo, false },
};

static void
ignore_call(void *arg)
{
	(void)arg;
}

static void
write_lines(const struct reader_row *row)
{
	if (row->is_gathered)
		log_gather_here(ignore_call, NULL);
	for (int i = 0; i < LINES; i++)
		log_event(LOG_DAEMON, INFO, "a", F0,
			  "line %d which is as long as the lines of the log are, "
			  "more or less",
			  i);
	log_flush();
	if (row->is_gathered)
		log_gather_nowhere();
}

/* Lines that came whole, and those that the log says are lost, are all lines. */
static int
look(const char *text, int64_t took_ms)
{
	const char *said = strstr(text, " log lines could not be written and are lost\n");
	unsigned long lost = 0;
	int failed = 0;

	if (said != NULL) {
		while (said > text && said[-1] >= '0' && said[-1] <= '9')
			said--;
		lost = strtoul(said, NULL, 10);
	}
	size_t whole = count(text, " more or less\n");
	if (took_ms > PATIENCE_MS && ++failed)
		print_error("  took %lld ms\n", (long long)took_ms);
	if ((lost == 0 || whole + lost != LINES) && ++failed)
		print_error("  got %zu lines and %lu lost, want %d\n", whole, lost,
			    LINES);
	if (count(text, "could not be written") != 1 && ++failed)
		print_error("  said %zu times\n", count(text, "could not be written"));
	if (count(text, "it is read again\n") != 1 && ++failed)
		print_error("  the line behind it is not there\n");
	return failed;
}

static void
test_nobody_reads(void **state)
{
	static char text[TEXT_MAX + 1];
	int failed = 0;

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		const struct clock *c = clock_system();
		struct log_settings s = { .level = LOG_LEVEL_INFO };
		struct err e = { 0 };
		void *p;

		assert_int_equal(place_new(&p), 0);
		readers[i].open(p, &s);
		assert_int_equal(log_open(&s, &e), 0);
		int64_t from = c->mono_ms(c);
		write_lines(&readers[i]);
		int64_t took = c->mono_ms(c) - from;
		size_t n = read_all(p, text);
		log_event(LOG_DAEMON, INFO, "a", F0, "it is read again");
		read_all(p, text + n);
		place_free(&p);
		if (look(text, took) != 0 && ++failed)
			print_error("%s\n", readers[i].sentence);
	}
	(void)state;
	assert_int_equal(failed, 0);
}

/* A reader that is slow, but reads, gets every line. */
static void
test_a_slow_reader_gets_all(void **state)
{
	struct place *p = *state;
	struct log_settings s = { .level = LOG_LEVEL_INFO };
	struct err e = { 0 };
	static char text[TEXT_MAX + 1];
	size_t n = 0;

	open_pipe(p, &s);
	assert_int_equal(log_open(&s, &e), 0);
	for (int i = 0; i < LINES; i++) {
		log_event(LOG_DAEMON, INFO, "a", F0, "line %d", i);
		if (i % 100 == 99)
			n += read_all(p, text + n);
	}
	assert_int_equal(count(text, "Info: line "), LINES);
	assert_int_equal(count(text, "lost"), 0);
}

/* ------------------------------------------------------------------ journald */

/* The datagrams that are there, each ended by an empty line; *lines counts them. */
static void
read_datagrams(int fd, char *text, size_t *lines)
{
	size_t n = 0;
	ssize_t got;

	while ((got = recv(fd, text + n, TEXT_MAX - n, MSG_DONTWAIT)) > 0) {
		n += (size_t)got;
		++*lines;
	}
	text[n] = '\0';
}

static void
test_journald_and_stderr_that_are_not_read(void **state)
{
	struct place *p = *state;
	const struct clock *c = clock_system();
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct log_settings s = { 0 };
	struct err e = { 0 };
	static char text[TEXT_MAX + 1];
	size_t datagrams = 0;

	open_pipe(p, &s);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/log", p->directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	s.target = LOG_TO_JOURNALD;
	assert_int_equal(log_open_with_socket(&s, p->path, &e), 0);
	int64_t from = c->mono_ms(c);
	for (int i = 0; i < LINES; i++)
		log_event(LOG_DAEMON, WARNING, "a", F0, "line %d", i);
	int64_t took = c->mono_ms(c) - from;
	if (took > PATIENCE_MS)
		print_error("got %lld ms, want less than %d\n", (long long)took,
			    PATIENCE_MS);
	assert_true(took < PATIENCE_MS);
	read_datagrams(fd, text, &datagrams);
	assert_true(datagrams > 0 && count(text, "\nTDC_EVENT=a\n") == datagrams);
	log_event(LOG_DAEMON, WARNING, "a", F0, "it is read again");
	read_datagrams(fd, text, &datagrams);
	assert_int_equal(count(text, "MESSAGE=it is read again\n"), 1);
	assert_int_equal(count(text, " log lines could not be written and are lost\n"),
			 1);
	assert_int_equal(count(text, "TDC_EVENT=log.lost\n"), 1);
	close(fd);
}

/* ------------------------------------------------------------------ syslog */

/* The datagrams of a syslog daemon, one on a line. */
static size_t
read_syslog(int fd, char *text)
{
	size_t n = 0;
	ssize_t got;

	while ((got = recv(fd, text + n, TEXT_MAX - n - 1, MSG_DONTWAIT)) > 0) {
		n += (size_t)got;
		text[n++] = '\n';
	}
	text[n] = '\0';
	return n;
}

/* What is lost is not sent elsewhere: it is counted, and told when it is read again. */
static void
test_syslog_that_is_not_read(void **state)
{
	struct place *p = *state;
	const struct clock *c = clock_system();
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct log_settings s = { .target = LOG_TO_SYSLOG };
	struct err e = { 0 };
	static char text[TEXT_MAX + 1], said[TEXT_MAX + 1];

	open_pipe(p, &s);
	s.target = LOG_TO_SYSLOG;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/log", p->directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(log_open_with_socket(&s, p->path, &e), 0);
	int64_t from = c->mono_ms(c);
	for (int i = 0; i < LINES; i++)
		log_event(LOG_DAEMON, INFO, "a", F0, "line %d, more or less", i);
	int64_t took = c->mono_ms(c) - from;
	size_t n = read_syslog(fd, text);
	log_event(LOG_DAEMON, INFO, "a", F0, "it is read again");
	read_syslog(fd, text + n);
	assert_int_equal(look(text, took), 0);
	read_all(p, said);
	assert_int_equal(count(said, "\n"), 1);
	assert_int_equal(count(said, "lines are lost until it can\n"), 1);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_reads),
		cmocka_unit_test_setup_teardown(test_a_slow_reader_gets_all, place_new,
						place_free),
		cmocka_unit_test_setup_teardown(
			test_journald_and_stderr_that_are_not_read, place_new,
			place_free),
		cmocka_unit_test_setup_teardown(test_syslog_that_is_not_read, place_new,
						place_free),
	};
	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

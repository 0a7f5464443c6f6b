/*
 * test_log.c - golden lines of both forms, values that try to break out of their line,
 * targets that fail, and threads.
 */
#include "base/log_internal.h"

#include "tdc/base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

enum { MAX = 64 << 10 };

static void
print_mismatch(const char *name, const char *got, const char *want)
{
	print_error("%s\n got  %s\n want %s\n", name, got, want);
}

/* ---------------------------------------------------------------- golden lines */

static const struct log_field mid_fields[] = {
	{ .key = "mid", .type = LOG_FIELD_INT, .number = 6 },
	{ .key = "sender", .type = LOG_FIELD_TEXT, .text = { "s@x", 3 } },
};

static const struct golden {
	const char *name;
	int (*encode)(struct buf *out, const struct log_record *r);
	struct log_record record;
	const char *want;
} golden[] = {
	{ "the text form is the field's",
	  log_encode_text,
	  { .wall_ms = 1050609382123,
	    .level = LOG_LEVEL_INFO,
	    .event = "mid.queued",
	    .text = { "MID 6 queued for delivery", 25 } },
	  "Thu Apr 17 19:56:22 2003 Info: MID 6 queued for delivery\n" },
	{ "a day of one digit is padded as the field pads it",
	  log_encode_text,
	  { .wall_ms = 1049202000000,
	    .level = LOG_LEVEL_WARNING,
	    .event = "x",
	    .text = { "t", 1 } },
	  "Tue Apr  1 13:00:00 2003 Warning: t\n" },
	{ "errors and debug lines have their words",
	  log_encode_text,
	  { .wall_ms = 0, .level = LOG_LEVEL_ERROR, .event = "x", .text = { "", 0 } },
	  "Thu Jan  1 00:00:00 1970 Error: \n" },
	{ "json carries event, subsystem, typed fields and the text",
	  log_encode_json,
	  { .wall_ms = 1050609382123,
	    .level = LOG_LEVEL_INFO,
	    .subsystem = LOG_SERVER,
	    .event = "mid.ready",
	    .fields = mid_fields,
	    .n_fields = 2,
	    .text = { "MID 6 ready \"q\" \\", 17 } },
	  "{\"time\":\"2003-04-17T19:56:22.123Z\",\"level\":\"info\",\"subsystem\":"
	  "\"server\","
	  "\"event\":\"mid.ready\",\"mid\":6,\"sender\":\"s@x\",\"text\":\"MID 6 ready "
	  "\\\"q\\\" \\\\\"}\n" },
	{ "journald gets typed fields in capitals",
	  log_encode_journald,
	  { .wall_ms = 1050609382123,
	    .level = LOG_LEVEL_ERROR,
	    .subsystem = LOG_DELIVER,
	    .event = "mid.dead",
	    .fields = mid_fields,
	    .n_fields = 2,
	    .text = { "t", 1 } },
	  "MESSAGE=t\nPRIORITY=3\nSYSLOG_IDENTIFIER=tdcd\nSYSLOG_FACILITY=2\nTDC_"
	  "SUBSYSTEM=deliver\n"
	  "TDC_EVENT=mid.dead\nTDC_MID=6\nTDC_SENDER=s@x\n" },
};

static void
test_golden(void **s)
{
	int bad = 0;

	(void)s;
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		struct buf out;
		buf_init(&out, MAX);
		assert_int_equal(golden[i].encode(&out, &golden[i].record), 0);
		if (strcmp(buf_text(&out), golden[i].want) != 0) {
			print_mismatch(golden[i].name, buf_text(&out), golden[i].want);
			bad++;
		}
		buf_done(&out);
	}
	assert_int_equal(bad, 0);
}

/* ---------------------------------------------------------------- escaping */

#define BYTES(t)                                                                         \
	{                                                                                \
		t, sizeof(t) - 1                                                         \
	}
static const struct escaping {
	const char *name;
	struct span in;
	const char *want, *json;
} escapings[] = {
	{ "plain text stays as it is", BYTES("a b~"), "a b~", "a b~" },
	{ "valid UTF-8 stays as it is", BYTES("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x93\xA7"),
	  "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x93\xA7",
	  "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x93\xA7" },
	{ "a line feed cannot start a line", BYTES("a\nMon Error: b"),
	  "a\\x0aMon Error: b", "a\\\\x0aMon Error: b" },
	{ "CR, NUL, TAB, ESC and DEL are shown", BYTES("\r\0\t\x1B[2J\x7F"),
	  "\\x0d\\x00\\x09\\x1b[2J\\x7f", "\\\\x0d\\\\x00\\\\x09\\\\x1b[2J\\\\x7f" },
	{ "a lone continuation byte is shown", BYTES("a\x80z"), "a\\x80z", "a\\\\x80z" },
	{ "a cut sequence is shown byte by byte", BYTES("\xE2\x82"), "\\xe2\\x82",
	  "\\\\xe2\\\\x82" },
	{ "an overlong slash is shown", BYTES("\xC0\xAF"), "\\xc0\\xaf",
	  "\\\\xc0\\\\xaf" },
	{ "an overlong three-byte form is shown", BYTES("\xE0\x80\xAF"),
	  "\\xe0\\x80\\xaf", "\\\\xe0\\\\x80\\\\xaf" },
	{ "a surrogate is shown", BYTES("\xED\xA0\x80"), "\\xed\\xa0\\x80",
	  "\\\\xed\\\\xa0\\\\x80" },
	{ "beyond U+10FFFF is shown", BYTES("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80",
	  "\\\\xf4\\\\x90\\\\x80\\\\x80" },
	{ "a C1 next-line is shown", BYTES("\xC2\x85"), "\\xc2\\x85", "\\\\xc2\\\\x85" },
	{ "a line separator is shown", BYTES("\xE2\x80\xA8"), "\\xe2\\x80\\xa8",
	  "\\\\xe2\\\\x80\\\\xa8" },
	{ "an override of direction is shown",
	  BYTES("\xE2\x80\xAE"
		"gpj.exe"),
	  "\\xe2\\x80\\xaegpj.exe", "\\\\xe2\\\\x80\\\\xaegpj.exe" },
	{ "quotes and backslashes matter in json only", BYTES("\"\\"), "\"\\",
	  "\\\"\\\\" },
};

static void
test_escaping(void **s)
{
	int bad = 0;

	(void)s;
	for (size_t i = 0; i < sizeof(escapings) / sizeof(escapings[0]); i++) {
		struct buf text, json;
		buf_init(&text, MAX);
		buf_init(&json, MAX);
		log_escape(&text, escapings[i].in);
		log_escape_json(&json, escapings[i].in, SIZE_MAX);
		if (strcmp(buf_text(&text), escapings[i].want) != 0 && ++bad)
			print_mismatch(escapings[i].name, buf_text(&text),
				       escapings[i].want);
		if (strcmp(buf_text(&json), escapings[i].json) != 0 && ++bad)
			print_mismatch(escapings[i].name, buf_text(&json),
				       escapings[i].json);
		buf_done(&text);
		buf_done(&json);
	}
	assert_int_equal(bad, 0);
}

static void
test_cut(void **s)
{
	struct buf out;

	(void)s;
	buf_init(&out, MAX);
	log_escape_cut(&out, span_of("ab\xC3\xA9z"), 3);
	assert_string_equal(buf_text(&out), "ab..."); /* not inside a character */
	buf_clear(&out);
	log_escape_cut(&out, span_of("abc"), 3);
	assert_string_equal(buf_text(&out), "abc"); /* nothing is cut that fits */
	buf_done(&out);
}

/* ---------------------------------------------------------------- targets */

struct place {
	char directory[64], file[96];
};

static int
place_new(void **s)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->directory, sizeof(p->directory), "/tmp/tdc-log-XXXXXX");
	assert_non_null(mkdtemp(p->directory));
	snprintf(p->file, sizeof(p->file), "%s/log", p->directory);
	*s = p;
	return 0;
}

static int
place_free(void **s)
{
	struct place *p = *s;
	char command[128];

	log_close();
	snprintf(command, sizeof(command), "rm -rf %s", p->directory);
	int r = system(command);
	free(p);
	return r;
}

static char *
file_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
		n++;
	return n;
}

static void
open_file_log(const struct place *p, enum log_form form)
{
	struct err e = { 0 };
	const struct log_settings s = { .target = LOG_TO_FILE,
					.form = form,
					.path = p->file };

	if (log_open(&s, &e) != 0)
		fail_msg("%s", e.text);
}

static void
test_file_and_levels(void **s)
{
	const struct place *p = *s;

	open_file_log(p, LOG_FORM_TEXT);
	log_set_level(LOG_SERVER, LOG_LEVEL_WARNING);
	log_event(LOG_SERVER, INFO, "a", F0, "hidden");
	log_event(LOG_STORE, DEBUG, "b", F(LF_INT("n", 1)), "shown %d", 1);
	assert_false(log_is_on(LOG_SERVER, LOG_LEVEL_INFO));
	assert_true(log_is_on(LOG_STORE, LOG_LEVEL_DEBUG));
	char *text = file_text(p->file);
	assert_int_equal(count(text, "hidden"), 0);
	assert_int_equal(count(text, " Debug: shown 1\n"), 1);
	free(text);
}

static void
test_injection_through_the_whole_log(void **s)
{
	const struct place *p = *s;
	const char *evil =
		"a\r\nMon Apr 17 19:56:22 2003 Error: \"x\"} {\"level\":\"error";

	open_file_log(p, LOG_FORM_JSON);
	log_event(LOG_SERVER, INFO, "x", F(LF_TEXT("sender", evil)), "From: <%s>", evil);
	char *text = file_text(p->file);
	assert_int_equal(count(text, "\n"), 1);
	assert_int_equal(count(text, "\"level\":\"error"), 0);
	assert_int_equal(count(text, "\r"), 0);
	free(text);
}

static void
count_call(void *arg)
{
	++*(int *)arg;
}

static void
test_gathering(void **s)
{
	const struct place *p = *s;
	int calls = 0;

	open_file_log(p, LOG_FORM_TEXT);
	log_set_level(LOG_SERVER, LOG_LEVEL_INFO);
	log_gather_here(count_call, &calls);
	log_event(LOG_SERVER, INFO, "a", F0, "zeroth");
	log_event(LOG_SERVER, INFO, "a", F0, "first");
	assert_int_equal(calls, 1); /* once a turn */
	char *text = file_text(p->file);
	assert_string_equal(text, ""); /* waits for the turn's end */
	free(text);
	log_event(LOG_SERVER, WARNING, "b", F0, "second");
	text = file_text(p->file);
	assert_int_equal(count(text, "\n"),
			 3); /* a warning does not, and the order is kept */
	assert_true(strstr(text, "first") < strstr(text, "second"));
	free(text);
	log_event(LOG_SERVER, INFO, "c", F0, "third");
	assert_int_equal(calls, 2);
	log_flush();
	text = file_text(p->file);
	assert_int_equal(count(text, "third"), 1);
	free(text);
	for (int i = 0; i < 10000;
	     i++) /* more than is gathered: written sooner, not lost */
		log_event(LOG_SERVER, INFO, "d", F0, "number %d of many that do not fit",
			  i);
	log_flush();
	text = file_text(p->file);
	assert_int_equal(count(text, "number "), 10000);
	free(text);
}

static void
test_reopen(void **s)
{
	const struct place *p = *s;
	char moved[128];
	struct err e = { 0 };

	open_file_log(p, LOG_FORM_TEXT);
	log_event(LOG_DAEMON, WARNING, "a", F0, "before");
	snprintf(moved, sizeof(moved), "%s.1", p->file);
	assert_int_equal(rename(p->file, moved), 0);
	log_event(LOG_DAEMON, WARNING, "a", F0, "between");
	assert_int_equal(log_reopen(&e), 0);
	log_event(LOG_DAEMON, WARNING, "a", F0, "after");
	char *old = file_text(moved), *new = file_text(p->file);
	assert_int_equal(count(old, "\n"), 2);
	assert_int_equal(count(new, "after"), 1);
	assert_int_equal(count(new, "\n"), 1);
	free(old);
	free(new);
	/* A path that cannot be opened leaves the log as it was. */
	const struct log_settings bad = { .target = LOG_TO_FILE,
					  .path = "/nonexistent/x" };
	assert_int_equal(log_open(&bad, &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent/x"));
	log_event(LOG_DAEMON, WARNING, "a", F0, "still");
	new = file_text(p->file);
	assert_int_equal(count(new, "still"), 1);
	free(new);
}

/* Runs fn with stderr in a file; its text is the caller's to free. */
static char *
stderr_of(const struct place *p, void (*fn)(const struct place *p))
{
	char path[128];
	int saved = dup(STDERR_FILENO);

	snprintf(path, sizeof(path), "%s/stderr", p->directory);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	dup2(fd, STDERR_FILENO);
	close(fd);
	fn(p);
	dup2(saved, STDERR_FILENO);
	close(saved);
	return file_text(path);
}

static void
log_to_a_full_disk(const struct place *p)
{
	const struct log_settings full = { .target = LOG_TO_FILE,
					   .level = LOG_LEVEL_INFO,
					   .path = p->file };
	struct err e = { 0 };

	assert_int_equal(symlink("/dev/full", p->file), 0);
	assert_int_equal(log_open(&full, &e), 0);
	for (int i = 0; i < 5; i++)
		log_event(LOG_DAEMON, WARNING, "a", F0, "lost %d", i);
	/* Space again: the name now leads to a real file. */
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(log_reopen(&e), 0);
	log_event(LOG_DAEMON, WARNING, "a", F0, "here");
}

static void
test_write_errors(void **s)
{
	const struct place *p = *s;
	char *said = stderr_of(p, log_to_a_full_disk);
	char *text = file_text(p->file);

	assert_int_equal(count(said, "cannot be written: No space left on device"),
			 1); /* once */
	assert_int_equal(count(said, "\n"), 1);
	assert_int_equal(
		count(text, " Warning: 5 log lines could not be written and are lost\n"),
		1);
	assert_int_equal(count(text, "Warning: here\n"), 1);
	assert_int_equal(count(text, "\n"), 2);
	free(said);
	free(text);
}

static void
log_to_a_full_disk_and_elsewhere(const struct place *p)
{
	struct log_settings l = { .target = LOG_TO_FILE, .path = "/dev/full" };
	struct err e = { 0 };

	assert_int_equal(log_open(&l, &e), 0);
	for (int i = 0; i < 5; i++)
		log_event(LOG_DAEMON, WARNING, "a", F0, "lost %d", i);
	l.path = p->file;
	assert_int_equal(log_open(&l, &e), 0);
	log_event(LOG_DAEMON, WARNING, "a", F0, "here");
	log_event(LOG_DAEMON, WARNING, "a", F0, "and here");
}

static void
test_a_new_target_is_told_what_was_lost(void **s)
{
	const struct place *p = *s;
	char *said = stderr_of(p, log_to_a_full_disk_and_elsewhere);
	char *text = file_text(p->file);

	assert_int_equal(count(said, "\n"), 1);
	assert_int_equal(
		count(text, " Warning: 5 log lines could not be written and are lost\n"),
		1);
	assert_int_equal(count(text, "\n"), 3);
	free(said);
	free(text);
}

static void
log_without_journald(const struct place *p)
{
	const struct log_settings j = { .target = LOG_TO_JOURNALD,
					.level = LOG_LEVEL_INFO };
	char path[128];
	struct err e = { 0 };

	snprintf(path, sizeof(path), "%s/no-socket", p->directory);
	assert_int_equal(log_open_with_socket(&j, path, &e), 0);
	log_event(LOG_DAEMON, INFO, "a", F0, "goes on");
}

static void
test_journald_that_is_not_there(void **s)
{
	char *said = stderr_of(*s, log_without_journald);

	assert_int_equal(count(said, "Warning: log target journald is not usable"), 1);
	assert_int_equal(count(said, "Info: goes on\n"), 1);
	free(said);
}

static int
journald_new(const struct place *p, char *path, size_t n)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(path, n, "%s/journald", p->directory);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/journald", p->directory);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
log_while_journald_dies(const struct place *p)
{
	const struct log_settings j = { .target = LOG_TO_JOURNALD,
					.level = LOG_LEVEL_INFO };
	char path[128], got[4096];
	struct err e = { 0 };
	int fd = journald_new(p, path, sizeof(path));

	assert_int_equal(log_open_with_socket(&j, path, &e), 0);
	log_event(LOG_SERVER, INFO, "mid.ready",
		  F(LF_INT("mid", 6), LF_TEXT("sender", "a\nPRIORITY=0")), "line\n%s",
		  "PRIORITY=0");
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	got[n] = '\0';
	assert_string_equal(
		got, "MESSAGE=line\\x0aPRIORITY=0\nPRIORITY=6\nSYSLOG_IDENTIFIER=tdcd\n"
		     "SYSLOG_FACILITY=2\nTDC_SUBSYSTEM=server\nTDC_EVENT=mid.ready\n"
		     "TDC_MID=6\nTDC_SENDER=a\\x0aPRIORITY=0\n");
	close(fd);
	log_event(LOG_SERVER, INFO, "x", F0, "while it is away");
	log_event(LOG_SERVER, INFO, "x", F0, "still away");
	fd = journald_new(p, path, sizeof(path));
	log_event(LOG_SERVER, INFO, "x", F0, "back");
	n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	got[n] = '\0';
	assert_int_equal(count(got, "MESSAGE=back\n"), 1);
	close(fd);
}

static void
test_journald(void **s)
{
	char *said = stderr_of(*s, log_while_journald_dies);

	assert_int_equal(count(said, "Info: while it is away\n"), 1);
	assert_int_equal(count(said, "Info: still away\n"), 1);
	assert_int_equal(count(said, "cannot be written"), 1);
	assert_int_equal(count(said, "back"), 0);
	free(said);
}

/* What came, whole; its length. */
static size_t
receive(int fd, char *got, size_t n)
{
	ssize_t r = recv(fd, got, n - 1, MSG_DONTWAIT);

	got[r < 0 ? 0 : r] = '\0';
	return r < 0 ? 0 : (size_t)r;
}

static const struct syslog_row {
	const char *name;
	enum log_form form;
	enum log_level level;
	const char *text;
	const char *want; /* %d = the process */
} syslog_rows[] = {
	{ "facility mail, the level, and who says it", LOG_FORM_TEXT, LOG_LEVEL_INFO,
	  "MID 6 ready", "<22>tdcd[%d]: MID 6 ready" },
	{ "an error is an error", LOG_FORM_TEXT, LOG_LEVEL_ERROR, "e",
	  "<19>tdcd[%d]: e" },
	{ "a warning is a warning", LOG_FORM_TEXT, LOG_LEVEL_WARNING, "w",
	  "<20>tdcd[%d]: w" },
	{ "debug is debug", LOG_FORM_TEXT, LOG_LEVEL_DEBUG, "d", "<23>tdcd[%d]: d" },
	{ "a value begins no event of its own", LOG_FORM_TEXT, LOG_LEVEL_INFO,
	  "a\n<0>kernel: b", "<22>tdcd[%d]: a\\x0a<0>kernel: b" },
	{ "json has no line feed behind it", LOG_FORM_JSON, LOG_LEVEL_INFO, "t",
	  "<22>tdcd[%d]: {\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\","
	  "\"subsystem\":\"daemon\",\"event\":\"x\",\"text\":\"t\"}" },
};

static void
test_syslog_form(void **s)
{
	int failed = 0;

	(void)s;
	for (size_t i = 0; i < sizeof(syslog_rows) / sizeof(syslog_rows[0]); i++) {
		const struct syslog_row *row = &syslog_rows[i];
		const struct log_record r = { .level = row->level,
					      .event = "x",
					      .text = span_of(row->text) };
		char want[512];
		struct buf out;

		snprintf(want, sizeof(want), row->want, (int)getpid());
		buf_init(&out, MAX);
		assert_int_equal(log_encode_syslog(&out, row->form, &r), 0);
		if (strcmp(buf_text(&out), want) != 0 && ++failed)
			print_mismatch(row->name, buf_text(&out), want);
		buf_done(&out);
	}
	assert_int_equal(failed, 0);
}

/* It comes after us, goes, and comes back under its old path. */
static void
log_while_syslog_restarts(const struct place *p)
{
	const struct log_settings l = { .target = LOG_TO_SYSLOG,
					.level = LOG_LEVEL_INFO };
	char path[128], got[4096];
	struct err e = { 0 };

	snprintf(path, sizeof(path), "%s/journald", p->directory);
	assert_int_equal(log_open_with_socket(&l, path, &e), 0);
	log_event(LOG_SERVER, INFO, "x", F0, "before it is there");
	for (int i = 0; i < 2; i++) {
		int fd = journald_new(p, path, sizeof(path));
		log_event(LOG_SERVER, INFO, "x", F0, "there %d", i);
		assert_true(receive(fd, got, sizeof(got)) > 0);
		assert_int_equal(
			count(got, i == 0 ? ": 1 log lines could not be written"
					  : ": 2 log lines could not be written"),
			1);
		assert_true(receive(fd, got, sizeof(got)) > 0);
		assert_int_equal(count(got, "]: there "), 1);
		/* At once again when it is told anew where to go. */
		assert_int_equal(log_open_with_socket(&l, path, &e), 0);
		log_event(LOG_SERVER, INFO, "x", F0, "still there");
		assert_true(receive(fd, got, sizeof(got)) > 0);
		assert_int_equal(count(got, "]: still there"), 1);
		assert_int_equal(receive(fd, got, sizeof(got)), 0);
		close(fd);
		log_event(LOG_SERVER, INFO, "x", F0, "gone");
		log_event(LOG_SERVER, WARNING, "x", F0, "still gone");
	}
}

static void
test_syslog_that_restarts(void **s)
{
	char *said = stderr_of(*s, log_while_syslog_restarts);

	assert_int_equal(count(said, "cannot be written: No such file or directory"), 1);
	assert_int_equal(count(said, "cannot be written: Connection refused"), 2);
	assert_int_equal(count(said, "\n"), 3);
	free(said);
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 8, LINES = 500 };

static void *
write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++) {
		log_event(LOG_STORE, INFO, "x", F(LF_INT("i", i)),
			  "thread %d line %d end", *(int *)arg, i);
		if (i % 100 == 0)
			log_reopen(NULL);
	}
	return NULL;
}

static void
test_threads(void **s)
{
	const struct place *p = *s;
	pthread_t threads[THREADS];
	int numbers[THREADS], next[THREADS] = { 0 };

	open_file_log(p, LOG_FORM_TEXT);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(
			pthread_create(&threads[i], NULL, write_lines, &numbers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	char *text = file_text(p->file);
	/* Every line is whole, and each thread's lines are in their order. */
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		int thread = -1, number = -1, end = 0;
		const char *what = strstr(line, "thread ");
		assert_non_null(what);
		assert_int_equal(
			sscanf(what, "thread %d line %d end%n", &thread, &number, &end),
			2);
		assert_int_equal(what[end], '\0');
		assert_int_equal(number, next[thread]++);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(next[i], LINES);
	free(text);
}

#define AT_PLACE(f) cmocka_unit_test_setup_teardown(f, place_new, place_free)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_cut),
		AT_PLACE(test_file_and_levels),
		AT_PLACE(test_injection_through_the_whole_log),
		AT_PLACE(test_gathering),
		AT_PLACE(test_reopen),
		AT_PLACE(test_write_errors),
		AT_PLACE(test_a_new_target_is_told_what_was_lost),
		AT_PLACE(test_journald_that_is_not_there),
		AT_PLACE(test_journald),
		cmocka_unit_test(test_syslog_form),
		AT_PLACE(test_syslog_that_restarts),
		AT_PLACE(test_threads),
	};
	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

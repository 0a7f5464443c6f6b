/*
 * log_target.c - where the bytes of the log go, and what happens when they cannot.
 *
 * A target that fails is said once on stderr, its lost lines are counted, and the count
 * is the first line that it gets when it works again. Nothing here ever ends the process,
 * and nothing holds it up: who reads the log may stop reading, and is waited for once,
 * shortly.
 */
#include "log_internal.h"

#include "tdc/base/clock.h"
#include "tdc/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READER_REST_MS = 10 * 1000 }; /* how long nobody waits for who did not read */

void
log_sink_init(struct log_sink *s)
{
	*s = (struct log_sink){ .target = LOG_TO_STDERR, .fd = -1 };
}

bool
log_sink_takes_records(const struct log_sink *s)
{
	return s->target == LOG_TO_SYSLOG || s->target == LOG_TO_JOURNALD;
}

static int
open_file(const char *path, struct err *e)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		      0640);

	if (fd < 0)
		err_set(e, err_kind_of_errno(errno), errno, "log file %s", path);
	return fd;
}

int
log_file_look(const char *path, struct err *e)
{
	struct stat st;

	if (path == NULL)
		return err_set(e, ERR_CONFIG, 0, "a log file needs a path");
	bool is_directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	int os = is_directory ? EISDIR : path_look(path, W_OK);

	return os == 0 ? 0 : err_set(e, err_kind_of_errno(os), os, "log file %s", path);
}

int
log_sink_open(struct log_sink *s, enum log_target target, enum log_form form,
	      const char *path, struct err *e)
{
	struct log_sink made = { .target = target, .form = form, .fd = -1 };

	if (target == LOG_TO_FILE && path == NULL)
		return err_set(e, ERR_CONFIG, 0, "a log file needs a path");
	if (path != NULL && (made.path = strdup(path)) == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the log");
	if (target == LOG_TO_FILE)
		made.fd = open_file(path, e);
	else if (target != LOG_TO_STDERR)
		made.fd = log_socket_open(target, path, e);
	if (made.fd < 0 && target != LOG_TO_STDERR) {
		free(made.path);
		return -1;
	}
	*s = made;
	return 0;
}

int
log_sink_reopen(struct log_sink *s, struct err *e)
{
	if (s->target != LOG_TO_FILE)
		return 0;
	int fd = open_file(s->path, e);
	if (fd < 0)
		return -1;
	close(s->fd);
	s->fd = fd;
	s->is_torn = false;
	return 0;
}

void
log_sink_close(struct log_sink *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	log_sink_init(s);
}

static int64_t
now_ms(void)
{
	return clock_system()->mono_ms(clock_system());
}

int64_t
log_sink_wait_ms(const struct log_sink *s)
{
	return s->is_failed || now_ms() < s->rests_until ? 0 : LOG_READER_WAIT_MS;
}

/* False: the time is over. An error is left to be found by the write. */
static bool
wait_until_writable(int fd, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int r;

	do {
		int64_t left = until - now_ms();
		r = poll(&p, 1, left < 0 ? 0 : (int)left);
	} while (r < 0 && errno == EINTR);
	return r != 0;
}

/*
 * Some bytes, without blocking. stderr shares its flags with whoever gave it to us, so it
 * stays as it is: a pipe that polls as writable takes PIPE_BUF bytes at once (pipe(7)).
 */
static ssize_t
write_some(int fd, mode_t type, const char *p, size_t n)
{
	if (S_ISREG(type))
		return write(fd, p, n);
	if (n > PIPE_BUF)
		n = PIPE_BUF;
	if (S_ISSOCK(type))
		return send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(fd, p, n);
}

int
log_write(int fd, struct span bytes, int64_t wait_ms, size_t *written)
{
	struct stat st = { 0 };
	int64_t until = wait_ms == 0 ? 0 : now_ms() + wait_ms;

	*written = 0;
	if (fstat(fd, &st) != 0)
		return errno;
	while (*written < bytes.n) {
		if (!S_ISREG(st.st_mode) && !wait_until_writable(fd, until))
			return EAGAIN;
		ssize_t n = write_some(fd, st.st_mode, bytes.p + *written,
				       bytes.n - *written);
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && now_ms() < until)))
			continue;
		if (n <= 0)
			return n == 0 ? EIO : errno;
		*written += (size_t)n;
	}
	return 0;
}

static uint64_t
count_lines(struct span bytes)
{
	uint64_t n = 0;

	for (size_t i = 0; i < bytes.n; i++)
		n += bytes.p[i] == '\n';
	return n;
}

void
log_sink_failed(struct log_sink *s, uint64_t lines, int os)
{
	char reason[128], text[ERR_TEXT_MAX];
	size_t ignored;

	s->lost += lines;
	if (os == EAGAIN)
		s->rests_until = now_ms() + READER_REST_MS;
	if (s->is_failed)
		return;
	s->is_failed = true;
	int n = snprintf(text, sizeof(text),
			 "tdcd: the log %s cannot be written: %s; lines are lost "
			 "until it can\n",
			 s->path == NULL ? "" : s->path,
			 strerror_r(os, reason, sizeof(reason)));
	if (s->target != LOG_TO_STDERR && n > 0)
		log_write(STDERR_FILENO, span_make(text, strnlen(text, sizeof(text))), 0,
			  &ignored);
}

/* It goes before what comes now. */
static int
write_recovery(struct log_sink *s, int fd)
{
	size_t written = 0;
	struct log_lost lost;
	struct buf line;

	log_lost_init(&lost, s->lost);
	buf_init(&line, LOG_VALUE_MAX);
	if (s->is_torn)
		buf_append_byte(&line, '\n');
	log_encode(&line, s->form, &lost.record);
	int os = line.failed ? ENOMEM : log_write(fd, buf_span(&line), 0, &written);
	if (written > 0)
		s->is_torn = written < line.n;
	buf_done(&line);
	if (os == 0) {
		s->is_failed = false;
		s->lost = 0;
	}
	return os;
}

void
log_sink_write(struct log_sink *s, struct span lines)
{
	int fd = s->target == LOG_TO_FILE ? s->fd : STDERR_FILENO;
	size_t written = 0;

	if (lines.n == 0)
		return;
	int os = s->is_failed ? write_recovery(s, fd) : 0;
	if (os == 0)
		os = log_write(fd, lines, log_sink_wait_ms(s), &written);
	if (written > 0)
		s->is_torn = lines.p[written - 1] != '\n';
	if (os != 0)
		log_sink_failed(s, count_lines(span_skip(lines, written)), os);
}

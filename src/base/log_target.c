/*
 * log_target.c - where the bytes of the log go, and what happens when they cannot.
 *
 * A target that fails is said once on stderr, its lost lines are counted, and the count
 * is the first line that it gets when it works again. Nothing here ever ends the process.
 */
#include "log_internal.h"

#include "tdc/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { JOURNALD_WAIT_MS = 200 };

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
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);

	if (fd < 0)
		err_set(e, err_kind_of_errno(errno), errno, "log file %s", path);
	return fd;
}

static int
open_journald(const char *path, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_usec = JOURNALD_WAIT_MS * 1000 };

	if (access(path, W_OK) != 0 || strlen(path) >= sizeof(a.sun_path)) {
		err_set(e, ERR_IO, errno, "journald's socket %s", path);
		return -1;
	}
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err_set(e, err_kind_of_errno(errno), errno, "socket for journald");
	else
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return fd;
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
	else if (target == LOG_TO_JOURNALD)
		made.fd = open_journald(path, e);
	else if (target == LOG_TO_SYSLOG)
		log_syslog_open();
	if (made.fd < 0 && (target == LOG_TO_FILE || target == LOG_TO_JOURNALD)) {
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
	if (s->target == LOG_TO_SYSLOG)
		log_syslog_close();
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	log_sink_init(s);
}

static int
write_all(int fd, struct span bytes, size_t *written)
{
	*written = 0;
	while (*written < bytes.n) {
		ssize_t n = write(fd, bytes.p + *written, bytes.n - *written);
		if (n < 0 && errno == EINTR)
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

static void
sink_failed(struct log_sink *s, uint64_t lines, int os)
{
	char reason[128], text[ERR_TEXT_MAX];
	size_t ignored;

	s->lost += lines;
	if (s->is_failed)
		return;
	s->is_failed = true;
	int n = snprintf(text, sizeof(text),
			 "tdcd: the log %s cannot be written: %s; lines are lost "
			 "until it can\n",
			 s->path == NULL ? "" : s->path,
			 strerror_r(os, reason, sizeof(reason)));
	if (s->target != LOG_TO_STDERR && n > 0)
		write_all(STDERR_FILENO, span_make(text, strnlen(text, sizeof(text))),
			  &ignored);
}

/* The line that tells of the lost ones goes before what comes now. */
static int
write_recovery(struct log_sink *s, int fd)
{
	char text[160];
	size_t written = 0;
	struct buf line;
	const struct log_field fields[] = { LF_INT("lost", s->lost) };
	int n = snprintf(text, sizeof(text),
			 "%" PRIu64 " log lines could not be written and are lost",
			 s->lost);
	const struct log_record r = {
		.wall_ms = clock_system()->wall_ms(clock_system()),
		.subsystem = LOG_DAEMON,
		.level = LOG_LEVEL_WARNING,
		.event = "log.lost",
		.fields = fields,
		.n_fields = 1,
		.text = span_make(text, (size_t)n),
	};
	buf_init(&line, LOG_VALUE_MAX);
	if (s->is_torn)
		buf_append_byte(&line, '\n');
	log_encode(&line, s->form, &r);
	int os = line.failed ? ENOMEM : write_all(fd, buf_span(&line), &written);
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
		os = write_all(fd, lines, &written);
	if (written > 0)
		s->is_torn = lines.p[written - 1] != '\n';
	if (os != 0)
		sink_failed(s, count_lines(span_skip(lines, written)), os);
}

void
log_sink_send(struct log_sink *s, struct span datagram, struct span line)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t ignored;

	memcpy(a.sun_path, s->path, strlen(s->path) + 1);
	ssize_t n;
	do {
		n = sendto(s->fd, datagram.p, datagram.n, MSG_NOSIGNAL,
			   (const struct sockaddr *)&a, sizeof(a));
	} while (n < 0 && errno == EINTR);
	if (n >= 0) {
		s->is_failed = false;
		s->lost = 0;
		return;
	}
	/* journald is not there: the line is worth more on stderr than nowhere. */
	sink_failed(s, 0, errno);
	if (write_all(STDERR_FILENO, line, &ignored) != 0)
		s->lost++;
}

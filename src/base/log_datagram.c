/*
 * log_datagram.c - journald and syslog: one event is one datagram to a socket's path.
 *
 * There is no connection: a socket that is made anew under its path gets the next event.
 * Who does not read is waited for once, shortly, as with any other target.
 */
#include "log_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* journald is there from the boot on, or it is not the system's way. A syslog daemon may
 * come later. */
int
log_socket_open(enum log_target target, const char *path, struct err *e)
{
	const struct timeval wait = { .tv_usec = LOG_READER_WAIT_MS * 1000 };

	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		err_set(e, ERR_CONFIG, 0, "too long for a socket: %s", path);
		return -1;
	}
	if (target == LOG_TO_JOURNALD && access(path, W_OK) != 0) {
		err_set(e, ERR_IO, errno, "journald's socket %s", path);
		return -1;
	}
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err_set(e, err_kind_of_errno(errno), errno, "socket for the log");
	else
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return fd;
}

/* The socket itself ends the wait of a send that may wait. */
static int
send_datagram(struct log_sink *s, struct span datagram)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int flags = MSG_NOSIGNAL | (log_sink_wait_ms(s) == 0 ? MSG_DONTWAIT : 0);
	ssize_t n;

	memcpy(a.sun_path, s->path, strlen(s->path) + 1);
	do {
		n = sendto(s->fd, datagram.p, datagram.n, flags,
			   (const struct sockaddr *)&a, sizeof(a));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? errno : 0;
}

int
log_encode_datagram(struct buf *out, const struct log_sink *s, const struct log_record *r)
{
	return s->target == LOG_TO_SYSLOG ? log_encode_syslog(out, s->form, r)
					  : log_encode_journald(out, r);
}

static int
send_recovery(struct log_sink *s)
{
	struct log_lost lost;
	struct buf datagram;

	log_lost_init(&lost, s->lost);
	buf_init(&datagram, LOG_VALUE_MAX);
	int os = log_encode_datagram(&datagram, s, &lost.record) != 0
			 ? ENOMEM
			 : send_datagram(s, buf_span(&datagram));
	buf_done(&datagram);
	if (os == 0)
		s->lost = 0;
	return os;
}

int
log_sink_send(struct log_sink *s, struct span datagram)
{
	int os = s->lost > 0 ? send_recovery(s) : 0;

	if (os == 0)
		os = send_datagram(s, datagram);
	if (os == 0)
		s->is_failed = false;
	else
		log_sink_failed(s, s->target == LOG_TO_SYSLOG ? 1 : 0, os);
	return os == 0 ? 0 : -1;
}

void
log_sink_send_elsewhere(struct log_sink *s, struct span line)
{
	size_t ignored;

	if (log_write(STDERR_FILENO, line, s->lost > 0 ? 0 : LOG_READER_WAIT_MS,
		      &ignored) != 0)
		s->lost++;
}

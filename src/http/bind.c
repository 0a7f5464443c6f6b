/*
 * bind.c - binding the HTTP server's socket.
 */
#include "bind.h"

#include "tdc/base/cleanup.h"
#include "tdc/loop/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 128 };

/* True: someone listens there. A file that is no socket counts as someone. */
static bool
is_alive(const struct socket_address *a)
{
	SCOPED(close_fd)
	int fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (fd < 0)
		return true;
	if (connect(fd, (const struct sockaddr *)&a->storage, a->length) == 0)
		return true;
	return errno != ECONNREFUSED && errno != ENOENT;
}

static int
bind_unix(int fd, const struct socket_address *a, const char *path, unsigned mode,
	  struct err *e)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode) || is_alive(a))
			return err_set(e, ERR_BUSY, 0, "%s exists and is in use", path);
		if (unlink(path) != 0)
			return err_set(e, err_kind_of_errno(errno), errno,
				       "removing the stale %s", path);
	}
	if (bind(fd, (const struct sockaddr *)&a->storage, a->length) != 0)
		return err_set(e, err_kind_of_errno(errno), errno, "binding %s", path);
	/* Nobody can connect before listen(). */
	if (chmod(path, (mode_t)mode) != 0) {
		err_set(e, err_kind_of_errno(errno), errno, "mode of %s", path);
		unlink(path);
		return -1;
	}
	return 0;
}

static int
bind_tcp(int fd, const struct socket_address *a, const char *address, struct err *e)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&a->storage, a->length) != 0)
		return err_set(e, err_kind_of_errno(errno), errno, "binding %s", address);
	return 0;
}

int
http_bind(const char *address, unsigned mode, char **path, struct err *e)
{
	struct socket_address a;

	if (socket_address_parse(address, &a, e) != 0)
		return -1;
	bool is_unix = a.storage.ss_family == AF_UNIX;
	const char *file =
		((const struct sockaddr_un *)(const void *)&a.storage)->sun_path;
	SCOPED(free_ptr) char *copy = is_unix ? strdup(file) : NULL;
	if (is_unix && copy == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for %s", address);
	SCOPED(close_fd)
	int fd = socket(a.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "socket for %s",
			       address);
	if ((is_unix ? bind_unix(fd, &a, copy, mode, e) : bind_tcp(fd, &a, address, e)) !=
	    0)
		return -1;
	if (listen(fd, BACKLOG) != 0)
		return err_set(e, err_kind_of_errno(errno), errno, "listening on %s",
			       address);
	*path = TAKE_PTR(copy);
	return TAKE_FD(&fd);
}

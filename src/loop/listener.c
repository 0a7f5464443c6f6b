/*
 * listener.c - accepting sockets: TCP, unix, and inherited ones.
 *
 * A unix socket's file is created with its mode, never with more; a stale one is replaced
 * only when nobody answers there. When descriptors or memory run out, accepting rests for
 * a moment and connections wait in the backlog.
 */
#include "loop/inside.h"

#include "tdc/base/cleanup.h"
#include "tdc/base/path.h"
#include "tdc/loop/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	ACCEPT_AT_ONCE = 64, /* then the others get their turn */
	REST_MS = 200,
};

struct listener {
	struct loop *loop;
	int fd;
	listener_fn *on_accept;
	void *arg;
	struct event *event;
	struct timer rest;
	struct socket_address address;
	bool is_paused, is_closed;
	/* our socket file, if we made one */
	bool has_file;
	dev_t device;
	ino_t inode;
};

static const struct sockaddr *
as_sockaddr(const struct socket_address *a)
{
	return (const struct sockaddr *)(const void *)&a->storage;
}

static const char *
unix_path(const struct socket_address *a)
{
	const struct sockaddr_un *un =
		(const struct sockaddr_un *)(const void *)&a->storage;

	if (a->storage.ss_family != AF_UNIX ||
	    a->length <= offsetof(struct sockaddr_un, sun_path) ||
	    un->sun_path[0] == '\0')
		return NULL;
	return un->sun_path;
}

/* -- accepting -- */

static bool
is_exhaustion(int os)
{
	return os == EMFILE || os == ENFILE || os == ENOBUFS || os == ENOMEM;
}

static void
listener_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *n = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE && !n->is_closed && !n->is_paused; i++) {
		struct socket_address peer = { .length = sizeof(peer.storage) };
		int got = accept4((int)fd, (struct sockaddr *)(void *)&peer.storage,
				  &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (got >= 0) {
			n->on_accept(n->arg, got, &peer);
			continue;
		}
		if (is_exhaustion(errno)) {
			event_del(n->event);
			timer_set(&n->rest, REST_MS);
		}
		/* A connection that is gone already concerns only itself. */
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void
listener_watch(struct listener *n)
{
	if (!n->is_paused && !timer_is_set(&n->rest) && event_add(n->event, NULL) != 0)
		timer_set(&n->rest, REST_MS);
}

static void
listener_rested(void *arg)
{
	listener_watch(arg);
}

void
listener_pause(struct listener *n)
{
	n->is_paused = true;
	event_del(n->event);
}

void
listener_resume(struct listener *n)
{
	n->is_paused = false;
	listener_watch(n);
}

/* -- opening -- */

/* Whether there is a socket file, which nobody listens on any more. -1: something else is
 * in the way. */
static int
find_stale(const struct socket_address *a, bool *ret, struct err *e)
{
	const char *path = unix_path(a);
	struct stat st;

	*ret = false;
	if (lstat(path, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		return err_set(e, err_kind_of_errno(errno), errno, "%s", path);
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFIG, 0, "%s exists and is no socket", path);
	SCOPED(close_fd)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "no socket");
	if (connect(fd, as_sockaddr(a), a->length) == 0 || errno == EAGAIN)
		return err_set(e, ERR_BUSY, 0, "%s is in use by another process", path);
	if (errno != ECONNREFUSED)
		return err_set(e, err_kind_of_errno(errno), errno, "%s", path);
	*ret = true;
	return 0;
}

static int
remove_stale(const struct socket_address *a, struct err *e)
{
	const char *path = unix_path(a);
	bool is_stale;

	if (find_stale(a, &is_stale, e) != 0)
		return -1;
	if (is_stale && unlink(path) != 0 && errno != ENOENT)
		return err_set(e, err_kind_of_errno(errno), errno, "cannot replace %s",
			       path);
	return 0;
}

/*
 * The file is made with its mode: there is no moment in which it is wider, and nothing is
 * done by its name afterwards, which by then may lead to another's file. Whoever makes
 * files in other threads meanwhile names their modes.
 */
static int
bind_with_mode(int fd, const struct socket_address *a, unsigned mode)
{
	mode_t before = umask(0777 & ~(mode_t)mode);
	/* A default ACL of the folder takes the place of the umask. */
	int r = fchmod(fd, (mode_t)mode) != 0 ? -1 : bind(fd, as_sockaddr(a), a->length);
	int os = errno;

	umask(before);
	errno = os;
	return r;
}

static int
bind_unix(struct listener *n, int fd, unsigned mode, struct err *e)
{
	const char *path = unix_path(&n->address);
	struct stat st;

	if (path == NULL)
		return err_set(e, ERR_CONFIG, 0, "a unix socket needs a path");
	if (remove_stale(&n->address, e) != 0)
		return -1;
	if (bind_with_mode(fd, &n->address, mode) != 0)
		return err_set(e, err_kind_of_errno(errno), errno, "cannot listen on %s",
			       path);
	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return err_set(e, ERR_DENIED, 0,
			       "cannot listen on %s: it was replaced meanwhile", path);
	n->has_file = true;
	n->device = st.st_dev;
	n->inode = st.st_ino;
	return 0;
}

static int
bind_inet(const struct socket_address *a, int fd, struct err *e)
{
	char text[SOCKET_TEXT_MAX];
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->storage.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, as_sockaddr(a), a->length) == 0)
		return 0;
	int os = errno;
	socket_address_format(a, text);
	return err_set(e, err_kind_of_errno(os), os, "cannot listen on %s", text);
}

static int
look_at_unix(const struct socket_address *a, struct err *e)
{
	const char *path = unix_path(a);
	bool is_stale;

	if (path == NULL)
		return err_set(e, ERR_CONFIG, 0, "a unix socket needs a path");
	if (find_stale(a, &is_stale, e) != 0)
		return -1;
	int os = path_look_above(path);
	if (os == 0)
		return 0;
	return err_set(e, err_kind_of_errno(os), os,
		       is_stale ? "cannot replace %s" : "cannot listen on %s", path);
}

int
listener_look(const struct listener_settings *s, struct err *e)
{
	int family = s->address.storage.ss_family;

	if (family == AF_UNIX)
		return look_at_unix(&s->address, e);
	SCOPED(close_fd) int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "no socket");
	return bind_inet(&s->address, fd, e);
}

static int
listener_open(struct listener *n, const struct listener_settings *s, struct err *e)
{
	int family = s->address.storage.ss_family;

	if (s->inherited_fd >= 0) {
		n->fd = s->inherited_fd;
		fcntl(n->fd, F_SETFD, FD_CLOEXEC);
		fcntl(n->fd, F_SETFL, fcntl(n->fd, F_GETFL) | O_NONBLOCK);
	} else {
		n->address = s->address;
		n->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (n->fd < 0)
			return err_set(e, err_kind_of_errno(errno), errno, "no socket");
		int r = family == AF_UNIX ? bind_unix(n, n->fd, s->mode, e)
					  : bind_inet(&n->address, n->fd, e);
		if (r != 0)
			return -1;
	}
	if (listen(n->fd, s->backlog == 0 ? BACKLOG : s->backlog) != 0)
		return err_set(e, err_kind_of_errno(errno), errno, "cannot listen");
	n->address = (struct socket_address){ .length = sizeof(n->address.storage) };
	if (getsockname(n->fd, (struct sockaddr *)(void *)&n->address.storage,
			&n->address.length) != 0)
		return err_set(e, err_kind_of_errno(errno), errno,
			       "a socket without address");
	return 0;
}

int
listener_new(struct loop *l, const struct listener_settings *s, listener_fn *on_accept,
	     void *arg, struct listener **ret, struct err *e)
{
	struct listener *n = calloc(1, sizeof(*n));
	if (n == NULL) {
		if (s->inherited_fd >= 0)
			close(s->inherited_fd);
		return err_set(e, ERR_MEMORY, 0, "no memory for a listener");
	}
	n->loop = l;
	n->fd = -1;
	n->on_accept = on_accept;
	n->arg = arg;
	if (listener_open(n, s, e) != 0 ||
	    timer_init(&n->rest, l, listener_rested, n, e) != 0) {
		listener_free(n);
		return -1;
	}
	n->event = event_new(l->base, n->fd, EV_READ | EV_PERSIST, listener_accept, n);
	if (n->event == NULL || event_add(n->event, NULL) != 0) {
		listener_free(n);
		return err_set(e, ERR_MEMORY, 0, "no memory for a listener");
	}
	*ret = n;
	return 0;
}

/* The file is removed only if it is still the one that we made. */
static void
listener_remove_file(const struct listener *n)
{
	const char *path = unix_path(&n->address);
	struct stat st;

	if (n->has_file && path != NULL && lstat(path, &st) == 0 &&
	    st.st_dev == n->device && st.st_ino == n->inode)
		unlink(path);
}

void
listener_free(struct listener *n)
{
	if (n == NULL || n->is_closed)
		return;
	n->is_closed = true;
	if (n->event != NULL)
		event_free(n->event);
	timer_done(&n->rest);
	listener_remove_file(n);
	if (n->fd >= 0)
		close(n->fd);
	loop_defer_free(n->loop, n, free);
}

struct socket_address
listener_address(const struct listener *n)
{
	return n->address;
}

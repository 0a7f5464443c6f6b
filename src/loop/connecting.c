/*
 * connecting.c - one connection being made, with a time limit.
 *
 * Whatever is known at once (a refusal on a unix socket, no route) is told at the turn's
 * end, so that `done` never runs inside connecting_new().
 */
#include "loop/inside.h"

#include "tdc/loop/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connecting {
	struct loop *loop;
	int fd;
	int os; /* the outcome, once it is known; 0 = connected */
	int64_t timeout_ms;
	connect_fn *done;
	void *arg;
	struct event *event;
	struct timer timer;
	struct loop_task task;
	struct socket_address to;
};

static void
connecting_free(struct connecting *c)
{
	if (c->event != NULL)
		event_free(c->event);
	timer_done(&c->timer);
	loop_task_cancel(c->loop, &c->task);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

/* Tells the outcome; the object is gone before, so that `done` may do what it likes. */
static void
connecting_end(struct connecting *c, const struct err *e)
{
	connect_fn *done = c->done;
	void *arg = c->arg;
	int fd = -1;

	if (e == NULL) {
		fd = c->fd;
		c->fd = -1;
	}
	connecting_free(c);
	done(arg, fd, e);
}

static void
connecting_tell(struct loop_task *task)
{
	struct connecting *c = list_entry(&task->node, struct connecting, task.node);
	enum err_kind kind = err_kind_of_errno(c->os);
	struct err e;

	if (c->os == 0) {
		connecting_end(c, NULL);
		return;
	}
	if (kind != ERR_TIMEOUT && kind != ERR_MEMORY && kind != ERR_LIMIT)
		kind = ERR_NETWORK;
	err_set(&e, kind, c->os, "no connection");
	connecting_end(c, &e);
}

static void
connecting_is_writable(evutil_socket_t fd, short what, void *arg)
{
	struct connecting *c = arg;
	socklen_t n = sizeof(c->os);

	(void)what;
	if (getsockopt((int)fd, SOL_SOCKET, SO_ERROR, &c->os, &n) != 0)
		c->os = errno;
	connecting_tell(&c->task);
}

static void
connecting_timed_out(void *arg)
{
	struct connecting *c = arg;
	struct err e;

	err_set(&e, ERR_TIMEOUT, 0, "no connection within %lld ms",
		(long long)c->timeout_ms);
	connecting_end(c, &e);
}

static const struct sockaddr *
as_sockaddr(const struct socket_address *a)
{
	return (const struct sockaddr *)(const void *)&a->storage;
}

/* Starts; the outcome (or EINPROGRESS) is in c->os. */
static void
connecting_start(struct connecting *c, const struct socket_address *from)
{
	int one = 1;

	c->os = 0;
	if (from != NULL) {
		/* The kernel chooses the port when it knows both ends: more ports are
		 * free then. */
		setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (bind(c->fd, as_sockaddr(from), from->length) != 0) {
			c->os = errno;
			return;
		}
	}
	if (connect(c->fd, as_sockaddr(&c->to), c->to.length) != 0)
		c->os = errno == EINTR ? EINPROGRESS : errno;
}

int
connecting_new(struct loop *l, const struct socket_address *to,
	       const struct socket_address *from, int64_t timeout_ms, connect_fn *done,
	       void *arg, struct connecting **ret, struct err *e)
{
	struct connecting *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a connection");
	*c = (struct connecting){ .loop = l,
				  .done = done,
				  .arg = arg,
				  .to = *to,
				  .timeout_ms = timeout_ms,
				  .task.run = connecting_tell };
	c->fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0);
	if (c->fd < 0) {
		err_set(e, err_kind_of_errno(errno), errno, "no socket");
		connecting_free(c);
		return -1;
	}
	c->event = event_new(l->base, c->fd, EV_WRITE, connecting_is_writable, c);
	if (c->event == NULL ||
	    timer_init(&c->timer, l, connecting_timed_out, c, e) != 0) {
		connecting_free(c);
		return err_set(e, ERR_MEMORY, 0, "no memory for a connection");
	}
	connecting_start(c, from);
	if (c->os != EINPROGRESS) {
		loop_at_turn_end(l, &c->task);
	} else if (event_add(c->event, NULL) != 0) {
		connecting_free(c);
		return err_set(e, ERR_MEMORY, 0, "no memory for a connection");
	} else {
		timer_set(&c->timer, timeout_ms);
	}
	*ret = c;
	return 0;
}

void
connecting_cancel(struct connecting *c)
{
	if (c != NULL)
		connecting_free(c);
}

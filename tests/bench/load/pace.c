/*
 * pace.c - when a message may begin: the rate, the backlog in the relay, the raw sync before it.
 */
#include "load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool
may_begin(const struct run *r)
{
	if (r->o.rate > 0 &&
	    (double)r->started >= (double)(now_ns() - r->begin) / 1e9 * r->o.rate + 1)
		return false;
	return r->o.backlog_max == 0 ||
	       r->started < r->gauge.taken - r->gauge.base + r->o.backlog_max;
}

void
gauge_ask(struct run *r)
{
	struct gauge *g = &r->gauge;

	if (g->fd < 0 || g->is_asked ||
	    now_ns() - g->asked_at < (int64_t)GAUGE_MS * 1000000)
		return;
	if (write(g->fd, "counts\n", 7) != 7)
		die("the sink's control socket");
	g->is_asked = true;
	g->asked_at = now_ns();
}

void
gauge_read(struct run *r)
{
	struct gauge *g = &r->gauge;
	char text[4096];
	ssize_t n = read(g->fd, text, sizeof(text) - 1);

	if (n <= 0)
		die("the sink's control socket ended");
	text[n] = '\0';
	const char *at = strstr(text, "\"messages\":");
	g->is_asked = false;
	if (at == NULL)
		return;
	g->taken = strtoull(at + 11, NULL, 10);
	if (!g->has_base)
		g->base = g->taken;
	g->has_base = true;
}

void
gauge_open(struct run *r)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct epoll_event ev = { .events = EPOLLIN };

	r->gauge.fd = -1;
	if (r->o.backlog_max == 0)
		return;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", r->o.sink_control);
	r->gauge.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->gauge.fd < 0 ||
	    connect(r->gauge.fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->gauge.fd, &ev) != 0)
		die(r->o.sink_control);
	gauge_ask(r);
	gauge_read(r);
}

void
raw_open(struct run *r)
{
	r->raw_fd = -1;
	if (r->o.raw_sync == NULL)
		return;
	r->raw_fd = open(r->o.raw_sync, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (r->raw_fd < 0)
		die(r->o.raw_sync);
}

void
sync_raw(struct run *r)
{
	static const char block[4096];

	if (r->raw_fd < 0)
		return;
	int64_t begin = now_ns();
	if (write(r->raw_fd, block, sizeof(block)) != sizeof(block) ||
	    fdatasync(r->raw_fd) != 0)
		die(r->o.raw_sync);
	latencies_add(&r->raw, now_ns() - begin);
}

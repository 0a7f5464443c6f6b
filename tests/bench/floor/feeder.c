/*
 * feeder.c - clients in lockstep: one thread, epoll, as tests/bench/load does it.
 */
#include "floor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum step { STEP_GREETING, STEP_HELLO, STEP_ENVELOPE, STEP_FINAL, STEP_BYE };

struct feeding {
	int fd;
	enum step step;
	unsigned sent;
	size_t got, off; /* of the reply; of the content */
	char number[NUMBER + 1];
};

struct feeder {
	const struct options *o;
	const struct sockaddr_in *to;
	struct shared *shared;
	int epoll;
	unsigned open;
	uint64_t number;
	double end_at;
	char *content; /* shared by all; each has its own number in front */
};

void
make_content(char *content, size_t size)
{
	uint32_t x = 2463534242U;

	for (size_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		content[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456"
			     "789+/"[x & 63];
	}
	for (size_t i = 78; i < size; i += 78) {
		content[i - 2] = '\r';
		content[i - 1] = '\n';
	}
	memset(content, '0', NUMBER);
	memcpy(content + size - 2, "\r\n.\r\n", 2 + DOT);
}

static bool
is_over(const struct feeder *f)
{
	return now_s() >= f->end_at && f->number >= LEAST;
}

static void
begin(struct feeder *f, struct feeding *c)
{
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c->step = STEP_GREETING;
	c->sent = 0;
	c->got = 0;
	if (c->fd < 0 ||
	    connect(c->fd, (const struct sockaddr *)f->to, sizeof(*f->to)) != 0)
		die("the feeder's connection");
	no_delay(c->fd);
	watch(f->epoll, c->fd, EPOLLIN | EPOLLOUT | EPOLLET, c);
	f->open++;
	f->shared->fed_connections++;
}

static void
next(struct feeder *f, struct feeding *c)
{
	if (is_over(f) || (f->o->per_connection > 0 && c->sent == f->o->per_connection)) {
		c->step = STEP_BYE;
		say(c->fd, QUIT, LENGTH(QUIT));
		return;
	}
	c->sent++;
	c->step = STEP_ENVELOPE;
	c->off = 0;
	snprintf(c->number, sizeof(c->number), "%016llx",
		 (unsigned long long)++f->number);
	say(c->fd, ENVELOPE, LENGTH(ENVELOPE));
}

static void
write_content(struct feeder *f, struct feeding *c)
{
	size_t all = f->o->size + DOT;

	while (c->off < all) {
		size_t in_number = c->off < NUMBER ? c->off : NUMBER;
		size_t in_rest = c->off < NUMBER ? NUMBER : c->off;
		struct iovec parts[] = { { c->number + in_number, NUMBER - in_number },
					 { f->content + in_rest, all - in_rest } };
		struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
		ssize_t n = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			die("the feeder's content");
		c->off += (size_t)n;
	}
}

static void
end(struct feeder *f, struct feeding *c)
{
	close(c->fd);
	c->fd = -1;
	f->open--;
	if (!is_over(f))
		begin(f, c);
}

static void
advance(struct feeder *f, struct feeding *c)
{
	c->got = 0;
	switch (c->step) {
	case STEP_GREETING:
		c->step = STEP_HELLO;
		say(c->fd, EHLO, LENGTH(EHLO));
		break;
	case STEP_HELLO:
		next(f, c);
		break;
	case STEP_ENVELOPE:
		c->step = STEP_FINAL;
		write_content(f, c);
		break;
	case STEP_FINAL:
		f->shared->fed++;
		next(f, c);
		break;
	case STEP_BYE:
		end(f, c);
		break;
	}
}

static void
on_ready(struct feeder *f, struct feeding *c)
{
	static const size_t lengths[] = { LENGTH(GREETING), LENGTH(HELLO),
					  LENGTH(REPLIES), LENGTH(ACCEPTED),
					  LENGTH(BYE) };
	char reply[COMMAND_MAX];

	if (c->fd < 0)
		return;
	if (c->step == STEP_FINAL && c->off < f->o->size + DOT)
		write_content(f, c);
	ssize_t n = recv(c->fd, reply, sizeof(reply), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		fail("the relay closed a client's connection");
	c->got += (size_t)n;
	if (c->got > lengths[c->step])
		fail("the relay said more than it was asked");
	if (c->got == lengths[c->step])
		advance(f, c);
}

void
feed(const struct options *o, const struct sockaddr_in *to, struct shared *shared)
{
	struct feeder f = { .o = o, .to = to, .shared = shared };
	struct feeding *clients = calloc(o->clients, sizeof(*clients));

	f.content = malloc(o->size + DOT);
	f.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (clients == NULL || f.content == NULL || f.epoll < 0)
		die("the feeder");
	make_content(f.content, o->size);
	f.end_at = now_s() + o->seconds;
	for (unsigned i = 0; i < o->clients; i++)
		begin(&f, &clients[i]);
	while (f.open > 0) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(f.epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++)
			on_ready(&f, events[i].data.ptr);
	}
	free(f.content);
	free(clients);
	close(f.epoll);
}

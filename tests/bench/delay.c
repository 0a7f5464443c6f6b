/*
 * delay.c - a long wire on loopback: what arrives is passed on half a round trip later, in both directions. No
 * privileges and no kernel module are needed, and a pipelined group costs one round trip, as on a real wire.
 *
 *	delay --to 127.0.0.1:2525 --round-trip-ms 50
 *
 * Prints {"listening":PORT}; ends at SIGTERM. The connection to the far end is begun one and a half round trips
 * after the near end's, so that the greeting comes two round trips after connect(), as behind a real handshake.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_MAX = 64 * 1024, EVENTS_MAX = 64 };

struct pair;

struct end {
	int fd;
	bool is_ended; /* it said so */
	struct pair *pair;
	struct end *other;
};

struct pair {
	struct end near, far;
	unsigned in_flight; /* parcels that point here */
};

enum parcel_kind { PARCEL_CONNECT, PARCEL_BYTES, PARCEL_END };

/* Bytes on their way. They all travel equally long, so one queue is in the order of arrival. */
struct parcel {
	struct parcel *next;
	int64_t due;
	struct end *to;
	enum parcel_kind kind;
	size_t n;
	char bytes[];
};

struct queue {
	struct parcel *first, **last;
};

struct wire {
	struct sockaddr_in to;
	int64_t half_ns;
	int epoll, listener;
	struct queue connecting, bytes;
};

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
send_parcel(struct queue *q, struct end *to, enum parcel_kind kind, const char *p,
	    size_t n, int64_t due)
{
	struct parcel *c = malloc(sizeof(*c) + n);

	if (c == NULL)
		die("malloc");
	*c = (struct parcel){ .due = due, .to = to, .kind = kind, .n = n };
	if (n > 0)
		memcpy(c->bytes, p, n);
	*q->last = c;
	q->last = &c->next;
	to->pair->in_flight++;
}

static void
watch(struct wire *w, struct end *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = e };
	int one = 1;

	setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, e->fd, &ev) != 0)
		die("epoll_ctl");
}

static void
free_if_over(struct pair *p)
{
	if (!p->near.is_ended || !p->far.is_ended || p->in_flight > 0)
		return;
	close(p->near.fd);
	if (p->far.fd >= 0)
		close(p->far.fd);
	free(p);
}

static void
on_accept(struct wire *w)
{
	struct pair *p = calloc(1, sizeof(*p));

	if (p == NULL)
		die("calloc");
	p->near = (struct end){ .fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC),
				.pair = p,
				.other = &p->far };
	p->far = (struct end){ .fd = -1, .pair = p, .other = &p->near };
	if (p->near.fd < 0) {
		free(p);
		return;
	}
	send_parcel(&w->connecting, &p->far, PARCEL_CONNECT, NULL, 0,
		    now_ns() + 3 * w->half_ns);
}

static void
end_both(struct wire *w, struct pair *p)
{
	struct end *ends[] = { &p->near, &p->far };

	for (int i = 0; i < 2; i++) {
		ends[i]->is_ended = true;
		if (ends[i]->fd >= 0) {
			epoll_ctl(w->epoll, EPOLL_CTL_DEL, ends[i]->fd, NULL);
			shutdown(ends[i]->fd, SHUT_RDWR);
		}
	}
}

static void
connect_far(struct wire *w, struct pair *p)
{
	p->far.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->far.fd < 0 ||
	    connect(p->far.fd, (struct sockaddr *)&w->to, sizeof(w->to)) != 0) {
		end_both(w, p);
		return;
	}
	watch(w, &p->near);
	watch(w, &p->far);
}

static void
deliver_parcel(struct wire *w, struct parcel *c)
{
	struct end *to = c->to;

	to->pair->in_flight--;
	if (c->kind == PARCEL_CONNECT)
		connect_far(w, to->pair);
	else if (c->kind == PARCEL_END)
		shutdown(to->fd, SHUT_WR);
	else if (send(to->fd, c->bytes, c->n, MSG_NOSIGNAL) != (ssize_t)c->n &&
		 !to->is_ended)
		end_both(w, to->pair);
	free_if_over(to->pair);
}

static void
on_readable(struct wire *w, struct end *from)
{
	char bytes[READ_MAX];
	ssize_t n = recv(from->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		from->is_ended = true;
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, from->fd, NULL);
		send_parcel(&w->bytes, from->other, PARCEL_END, NULL, 0,
			    now_ns() + w->half_ns);
		return;
	}
	send_parcel(&w->bytes, from->other, PARCEL_BYTES, bytes, (size_t)n,
		    now_ns() + w->half_ns);
}

static void
deliver_due(struct wire *w, struct queue *q)
{
	while (q->first != NULL && q->first->due <= now_ns()) {
		struct parcel *c = q->first;
		q->first = c->next;
		if (q->first == NULL)
			q->last = &q->first;
		deliver_parcel(w, c);
		free(c);
	}
}

/* Until the next parcel is due; NULL: for ever. */
static const struct timespec *
timeout(const struct wire *w, struct timespec *ret)
{
	const struct queue *queues[] = { &w->connecting, &w->bytes };
	int64_t least = INT64_MAX, now = now_ns();

	for (int i = 0; i < 2; i++)
		if (queues[i]->first != NULL && queues[i]->first->due < least)
			least = queues[i]->first->due;
	if (least == INT64_MAX)
		return NULL;
	least = least > now ? least - now : 0;
	*ret = (struct timespec){ .tv_sec = least / 1000000000,
				  .tv_nsec = least % 1000000000 };
	return ret;
}

static void
listen_near(struct wire *w)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	struct epoll_event ev = { .events = EPOLLIN };

	w->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->listener < 0 || bind(w->listener, (struct sockaddr *)&at, n) != 0 ||
	    listen(w->listener, 1024) != 0 ||
	    getsockname(w->listener, (struct sockaddr *)&at, &n) != 0 ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->listener, &ev) != 0)
		die("listen");
	printf("{\"listening\":%d}\n", ntohs(at.sin_port));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static struct wire w;
	char *colon = argc == 5 ? strrchr(argv[2], ':') : NULL;

	if (colon == NULL || strcmp(argv[1], "--to") != 0 ||
	    strcmp(argv[3], "--round-trip-ms") != 0) {
		fprintf(stderr, "usage: delay --to ADDRESS:PORT --round-trip-ms N\n");
		return 2;
	}
	*colon = '\0';
	w.to = (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)atoi(colon + 1)) };
	if (inet_pton(AF_INET, argv[2], &w.to.sin_addr) != 1)
		die("--to");
	w.half_ns = (int64_t)(atof(argv[4]) * 500000);
	w.connecting.last = &w.connecting.first;
	w.bytes.last = &w.bytes.first;
	w.epoll = epoll_create1(EPOLL_CLOEXEC);
	listen_near(&w);
	for (;;) {
		struct epoll_event events[EVENTS_MAX];
		struct timespec wait;
		int n = epoll_pwait2(w.epoll, events, EVENTS_MAX, timeout(&w, &wait),
				     NULL);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct end *e = events[i].data.ptr;
			if (e == NULL)
				on_accept(&w);
			else if (!e->is_ended)
				on_readable(&w, e);
		}
		deliver_due(&w, &w.connecting);
		deliver_due(&w, &w.bytes);
	}
}

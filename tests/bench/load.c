/*
 * load.c - a load generator that is not the bottleneck: many SMTP or LMTP sessions in one thread, epoll only,
 * nothing of the product's own code. Prints one JSON object.
 *
 *	load --to 127.0.0.1:10025 --connections 50 --per-connection 100 --total 20000 --size 4096
 *
 * Latency is taken from the write that ends the data to the last byte of its reply.
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

enum { INPUT_MAX = 4096, EVENTS_MAX = 256 };

struct options {
	struct sockaddr_in to;
	unsigned connections, per_connection;
	uint64_t total;
	double seconds;
	size_t size;
	bool is_lmtp, uses_bdat;
};

enum step { STEP_GREETING, STEP_HELLO, STEP_ENVELOPE, STEP_FINAL, STEP_QUIT };

struct session {
	int fd;
	enum step step;
	unsigned replies_due; /* of a pipelined envelope             */
	unsigned sent;        /* messages on this connection          */
	size_t body_off;      /* written of the content               */
	bool wants_write;
	int64_t ended_at;     /* ns: the last byte of the content went out */
	char input[INPUT_MAX];
	size_t input_n;
};

struct run {
	struct options o;
	int epoll;
	char *content;        /* header, filler, end of data          */
	size_t content_n;
	uint64_t started, accepted, refused, broken;
	unsigned open;
	uint32_t *latency_us; /* of every accepted message            */
	size_t latency_cap;
	int64_t begin, end_at;
	char first_refusal[200];
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

/* A message of about `size` bytes; the token at a fixed place is made unique for each. */
static void
make_content(struct run *r)
{
	size_t n = r->o.size < 300 ? 300 : r->o.size;
	char *p = malloc(n + 400);

	if (p == NULL)
		die("malloc");
	int h = snprintf(p, 400,
			 "From: Alice <alice@outside.example>\r\nTo: Bob <bob@inside.example>\r\n"
			 "Subject: load\r\nMessage-ID: <0000000000000000@load.example>\r\n"
			 "Date: Tue, 01 Aug 2023 10:00:00 +0000\r\nContent-Type: text/plain\r\n\r\n");
	size_t off = (size_t)h;
	uint32_t x = 2463534242U;
	while (off < n) {
		for (int i = 0; i < 76 && off < n; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			p[off++] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[x & 63];
		}
		p[off++] = '\r';
		p[off++] = '\n';
	}
	if (!r->o.uses_bdat) {
		memcpy(p + off, ".\r\n", 3);
		off += 3;
	}
	r->content = p;
	r->content_n = off;
}

static void
stamp_content(struct run *r)
{
	char token[17];
	char *place = strstr(r->content, "Message-ID: <") + 13;

	snprintf(token, sizeof(token), "%016llx", (unsigned long long)r->started);
	memcpy(place, token, 16);
}

static bool
is_over(const struct run *r)
{
	if (r->o.total != 0 && r->started >= r->o.total)
		return true;
	return r->end_at != 0 && now_ns() >= r->end_at;
}

static void
watch(struct run *r, struct session *s, bool write)
{
	struct epoll_event ev = { .events = EPOLLIN | (write ? (uint32_t)EPOLLOUT : 0), .data.ptr = s };

	s->wants_write = write;
	if (epoll_ctl(r->epoll, EPOLL_CTL_MOD, s->fd, &ev) != 0)
		die("epoll_ctl");
}

static void session_open(struct run *r, struct session *s);

static void
session_close(struct run *r, struct session *s, bool is_broken)
{
	close(s->fd);
	s->fd = -1;
	r->open--;
	if (is_broken)
		r->broken++;
	if (!is_over(r))
		session_open(r, s);
}

static void
session_open(struct run *r, struct session *s)
{
	int one = 1;

	*s = (struct session){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	if (s->fd < 0)
		die("socket");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(s->fd, (struct sockaddr *)&r->o.to, sizeof(r->o.to)) != 0 && errno != EINPROGRESS)
		die("connect");
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };
	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &ev) != 0)
		die("epoll_ctl");
	r->open++;
}

static bool
say(struct session *s, const char *text)
{
	size_t n = strlen(text);

	return write(s->fd, text, n) == (ssize_t)n;
}

/* Goes on writing the content; false when the connection broke. */
static bool
session_write_content(struct run *r, struct session *s)
{
	while (s->body_off < r->content_n) {
		ssize_t n = write(s->fd, r->content + s->body_off, r->content_n - s->body_off);
		if (n < 0 && errno == EAGAIN) {
			if (!s->wants_write)
				watch(r, s, true);
			return true;
		}
		if (n < 0)
			return false;
		s->body_off += (size_t)n;
	}
	s->ended_at = now_ns();
	if (s->wants_write)
		watch(r, s, false);
	return true;
}

static bool
session_next(struct run *r, struct session *s)
{
	char text[400];

	if (is_over(r) || s->sent >= r->o.per_connection) {
		s->step = STEP_QUIT;
		return say(s, "QUIT\r\n");
	}
	r->started++;
	s->sent++;
	stamp_content(r);
	s->body_off = 0;
	s->step = STEP_ENVELOPE;
	if (!r->o.uses_bdat) {
		s->replies_due = 3;
		return say(s, "MAIL FROM:<alice@outside.example>\r\nRCPT TO:<bob@inside.example>\r\nDATA\r\n");
	}
	s->replies_due = 3;
	s->step = STEP_FINAL;
	snprintf(text, sizeof(text),
		 "MAIL FROM:<alice@outside.example>\r\nRCPT TO:<bob@inside.example>\r\nBDAT %zu LAST\r\n",
		 r->content_n);
	return say(s, text) && session_write_content(r, s);
}

static void
record_latency(struct run *r, int64_t ns)
{
	if (r->accepted >= r->latency_cap) {
		r->latency_cap = r->latency_cap == 0 ? 65536 : r->latency_cap * 2;
		r->latency_us = realloc(r->latency_us, r->latency_cap * sizeof(*r->latency_us));
		if (r->latency_us == NULL)
			die("realloc");
	}
	r->latency_us[r->accepted++] = (uint32_t)(ns / 1000);
}

static void
note_refusal(struct run *r, const char *line, size_t n)
{
	r->refused++;
	if (r->first_refusal[0] == '\0')
		snprintf(r->first_refusal, sizeof(r->first_refusal), "%.*s", (int)(n > 150 ? 150 : n), line);
}

/* One complete reply line. False: the session ended or broke. */
static bool
session_reply(struct run *r, struct session *s, const char *line, size_t n)
{
	int code = atoi(line);

	if (n > 3 && line[3] == '-')
		return true;
	switch (s->step) {
	case STEP_GREETING:
		s->step = STEP_HELLO;
		return code == 220 && say(s, r->o.is_lmtp ? "LHLO load.example\r\n" : "EHLO load.example\r\n");
	case STEP_HELLO:
		return code == 250 && session_next(r, s);
	case STEP_ENVELOPE:
		s->replies_due--;
		if (code == 354) {
			s->step = STEP_FINAL;
			s->replies_due = 1;
			return session_write_content(r, s);
		}
		if (code != 250) {
			note_refusal(r, line, n);
			return false;
		}
		return true;
	case STEP_FINAL:
		if (code != 250) {
			note_refusal(r, line, n);
			return false;
		}
		if (--s->replies_due > 0)
			return true;
		record_latency(r, now_ns() - s->ended_at);
		return session_next(r, s);
	case STEP_QUIT:
		return false;
	}
	return false;
}

static void
session_read(struct run *r, struct session *s)
{
	ssize_t n = read(s->fd, s->input + s->input_n, sizeof(s->input) - s->input_n);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		session_close(r, s, s->step != STEP_QUIT);
		return;
	}
	s->input_n += (size_t)n;
	size_t off = 0;
	for (char *end; (end = memchr(s->input + off, '\n', s->input_n - off)) != NULL;) {
		bool goes_on = session_reply(r, s, s->input + off, (size_t)(end - s->input) - off);
		off = (size_t)(end - s->input) + 1;
		if (!goes_on) {
			session_close(r, s, s->step != STEP_QUIT);
			return;
		}
	}
	memmove(s->input, s->input + off, s->input_n - off);
	s->input_n -= off;
}

static int
compare_latency(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
print_result(struct run *r)
{
	double seconds = (double)(now_ns() - r->begin) / 1e9;
	size_t n = r->accepted;

	qsort(r->latency_us, n, sizeof(*r->latency_us), compare_latency);
#define AT(q) (n == 0 ? 0 : r->latency_us[(size_t)((double)(n - 1) * (q))])
	printf("{\"accepted\":%llu,\"refused\":%llu,\"broken\":%llu,\"seconds\":%.3f,\"rate\":%.1f,"
	       "\"bytes\":%llu,\"latency_us\":{\"p50\":%u,\"p90\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u},"
	       "\"first_refusal\":\"%s\"}\n",
	       (unsigned long long)r->accepted, (unsigned long long)r->refused, (unsigned long long)r->broken,
	       seconds, (double)n / seconds, (unsigned long long)(r->accepted * r->content_n), AT(0.5), AT(0.9),
	       AT(0.99), AT(0.999), AT(1.0), r->first_refusal);
#undef AT
}

static void
parse_to(struct options *o, const char *text)
{
	char host[64];
	const char *colon = strrchr(text, ':');

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
		fprintf(stderr, "load: --to wants ADDRESS:PORT\n");
		exit(2);
	}
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	o->to.sin_family = AF_INET;
	o->to.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &o->to.sin_addr) != 1) {
		fprintf(stderr, "load: not an IPv4 address: %s\n", host);
		exit(2);
	}
}

static void
parse_options(struct options *o, int argc, char **argv)
{
	*o = (struct options){ .connections = 50, .per_connection = 100, .size = 4096 };
	parse_to(o, "127.0.0.1:25");
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(name, "--lmtp") == 0) {
			o->is_lmtp = true;
			continue;
		}
		if (strcmp(name, "--bdat") == 0) {
			o->uses_bdat = true;
			continue;
		}
		i++;
		if (strcmp(name, "--to") == 0)
			parse_to(o, value);
		else if (strcmp(name, "--connections") == 0)
			o->connections = (unsigned)atoi(value);
		else if (strcmp(name, "--per-connection") == 0)
			o->per_connection = (unsigned)atoi(value);
		else if (strcmp(name, "--total") == 0)
			o->total = strtoull(value, NULL, 10);
		else if (strcmp(name, "--seconds") == 0)
			o->seconds = atof(value);
		else if (strcmp(name, "--size") == 0)
			o->size = strtoull(value, NULL, 10);
		else {
			fprintf(stderr,
				"usage: load --to ADDRESS:PORT [--connections N] [--per-connection N] "
				"[--total N] [--seconds S] [--size BYTES] [--lmtp] [--bdat]\n");
			exit(2);
		}
	}
	if (o->total == 0 && o->seconds <= 0)
		o->total = 1000;
}

int
main(int argc, char **argv)
{
	static struct run r;

	parse_options(&r.o, argc, argv);
	make_content(&r);
	r.epoll = epoll_create1(EPOLL_CLOEXEC);
	r.begin = now_ns();
	if (r.o.seconds > 0)
		r.end_at = r.begin + (int64_t)(r.o.seconds * 1e9);
	struct session *sessions = calloc(r.o.connections, sizeof(*sessions));
	if (r.epoll < 0 || sessions == NULL)
		die("start");
	for (unsigned i = 0; i < r.o.connections; i++)
		session_open(&r, &sessions[i]);
	while (r.open > 0) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(r.epoll, events, EVENTS_MAX, 10000);
		if (n <= 0 && errno != EINTR) {
			fprintf(stderr, "load: nothing happened for 10 s\n");
			break;
		}
		for (int i = 0; i < n; i++) {
			struct session *s = events[i].data.ptr;
			if ((events[i].events & EPOLLOUT) != 0 && !session_write_content(&r, s))
				session_close(&r, s, true);
			else if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
				session_read(&r, s);
		}
	}
	print_result(&r);
	return r.broken + r.refused > 0 ? 3 : 0;
}

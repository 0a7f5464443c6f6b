/*
 * load.c - a load generator that is not the bottleneck: many SMTP or LMTP sessions in one thread, epoll only,
 * nothing of the product's own code. Prints one JSON object.
 *
 *	load --to 127.0.0.1:10025 --connections 50 --per-connection 100 --total 20000 --size 4096
 *
 * --pipelining none      every command waits for its reply
 * --pipelining envelope  MAIL, RCPT and DATA in one write, as Postfix's client does (the default)
 * --pipelining all       besides, the next message's envelope goes out with the end of the last content
 * --bdat                 MAIL, RCPT and BDAT LAST with the content in one flight
 *
 * Where the server does not offer PIPELINING, every command waits, too.
 *
 * The end of the data is in the same write as the content. Latency is taken from that write's return to the last
 * byte of the final reply. --rate, and --backlog-max with tdcsink's control socket, hold the feeder back: the latter
 * so that no more than N accepted messages wait in the relay. --raw-sync FILE appends 4 KB to FILE and syncs it
 * before each message (one connection only): the machine's own latency, taken interleaved. SIGTERM ends a run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	INPUT_MAX = 4096,
	EVENTS_MAX = 256,
	HEAD_MAX = 400,
	ENVELOPE_MAX = 400,
	GAUGE_MS = 20
};

enum pipelining { PIPELINING_NONE, PIPELINING_ENVELOPE, PIPELINING_ALL };

struct options {
	struct sockaddr_in to;
	unsigned connections, per_connection, destinations;
	uint64_t total, backlog_max;
	double seconds, rate;
	size_t size;
	bool is_lmtp, uses_bdat;
	enum pipelining pipelining;
	const char *from, *raw_sync, *sink_control;
};

enum step {
	STEP_GREETING,
	STEP_HELLO,
	STEP_ENVELOPE,
	STEP_FINAL,
	STEP_PARKED,
	STEP_QUIT
};

struct session {
	int fd;
	enum step step;
	unsigned replies_due; /* of the envelope that was sent          */
	unsigned commands;    /* of it that were sent, without pipelining */
	unsigned sent;        /* messages on this connection            */
	bool is_final_due;    /* of the message before: its reply is the next one */
	bool wants_write, may_pipeline;
	int64_t ended_at;    /* ns: the last byte of the content went out */
	char head[HEAD_MAX]; /* of the content; its Message-ID is unique */
	size_t head_n, content_off;
	uint64_t number;
	char input[INPUT_MAX];
	size_t input_n;
};

/* A growing list of latencies. */
struct latencies {
	uint32_t *us;
	size_t n, cap;
};

/* What the sink has taken so far, asked for on its control socket. */
struct gauge {
	int fd;
	bool is_asked, has_base;
	int64_t asked_at;
	uint64_t base, taken;
};

struct run {
	struct options o;
	int epoll, raw_fd;
	char *body; /* filler and end of data, shared by all */
	size_t body_n;
	uint64_t started, accepted, refused, broken, opened;
	unsigned open;
	struct session **parked;
	unsigned parked_n;
	struct latencies reply, raw;
	struct gauge gauge;
	int64_t begin, end_at;
	char first_refusal[200];
};

static volatile sig_atomic_t is_told_to_end;

static void
on_term(int signo)
{
	(void)signo;
	is_told_to_end = 1;
}

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
latencies_add(struct latencies *l, int64_t ns)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 65536 : l->cap * 2;
		l->us = realloc(l->us, l->cap * sizeof(*l->us));
		if (l->us == NULL)
			die("realloc");
	}
	l->us[l->n++] = (uint32_t)(ns / 1000);
}

/* -- content -- */

static void
make_body(struct run *r)
{
	size_t n = r->o.size < 400 ? 100 : r->o.size - 300, off = 0;
	uint32_t x = 2463534242U;

	r->body = malloc(n + 100);
	if (r->body == NULL)
		die("malloc");
	while (off < n) {
		for (int i = 0; i < 76 && off < n; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			r->body[off++] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu"
					 "vwxyz0123456789+/"[x & 63];
		}
		memcpy(r->body + off, "\r\n", 2);
		off += 2;
	}
	if (!r->o.uses_bdat) {
		memcpy(r->body + off, ".\r\n", 3);
		off += 3;
	}
	r->body_n = off;
}

static void
make_head(const struct run *r, struct session *s)
{
	s->head_n = (size_t)snprintf(
		s->head, sizeof(s->head),
		"From: Alice <%s>\r\nTo: Bob <bob@inside.example>\r\nSubject: load "
		"%llu\r\n"
		"Message-ID: <%lld.%llu@load.example>\r\n"
		"Date: Tue, 01 Aug 2023 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain\r\n\r\n",
		r->o.from, (unsigned long long)s->number, (long long)r->begin,
		(unsigned long long)s->number);
	s->content_off = 0;
}

/* -- when a message may begin -- */

static bool
is_over(const struct run *r)
{
	if (is_told_to_end || (r->o.total != 0 && r->started >= r->o.total))
		return true;
	return r->end_at != 0 && now_ns() >= r->end_at;
}

static bool
may_begin(const struct run *r)
{
	if (r->o.rate > 0 &&
	    (double)r->started >= (double)(now_ns() - r->begin) / 1e9 * r->o.rate + 1)
		return false;
	return r->o.backlog_max == 0 ||
	       r->started < r->gauge.taken - r->gauge.base + r->o.backlog_max;
}

static void
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

static void
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

static void
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

static void
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

/* -- sessions -- */

static void
watch(struct run *r, struct session *s, bool write)
{
	struct epoll_event ev = { .events = EPOLLIN | (write ? (uint32_t)EPOLLOUT : 0),
				  .data.ptr = s };

	s->wants_write = write;
	if (epoll_ctl(r->epoll, EPOLL_CTL_MOD, s->fd, &ev) != 0)
		die("epoll_ctl");
}

static void
session_open(struct run *r, struct session *s)
{
	int one = 1;

	*s = (struct session){
		.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
	};
	if (s->fd < 0)
		die("socket");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(s->fd, (struct sockaddr *)&r->o.to, sizeof(r->o.to)) != 0 &&
	    errno != EINPROGRESS)
		die("connect");
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };
	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &ev) != 0)
		die("epoll_ctl");
	r->open++;
	r->opened++;
}

static void
unpark(struct run *r, struct session *s)
{
	for (unsigned i = 0; i < r->parked_n; i++)
		if (r->parked[i] == s)
			r->parked[i] = r->parked[--r->parked_n];
}

static void
session_close(struct run *r, struct session *s, bool is_broken)
{
	unpark(r, s);
	close(s->fd);
	s->fd = -1;
	r->open--;
	if (is_broken)
		r->broken++;
	if (!is_over(r))
		session_open(r, s);
}

static bool
say(struct session *s, const char *text)
{
	size_t n = strlen(text);

	return write(s->fd, text, n) == (ssize_t)n;
}

/* The commands of an envelope, one behind the other; `first` to `last` of them. */
static bool
say_envelope(struct run *r, struct session *s, unsigned first, unsigned last)
{
	char text[ENVELOPE_MAX];
	size_t n = 0;

	if (first == 0)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "MAIL FROM:<%s>\r\n",
				      r->o.from);
	if (first <= 1 && last >= 1 && r->o.destinations > 1)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "RCPT TO:<bob@d%llu.example>\r\n",
			(unsigned long long)(s->number % r->o.destinations));
	else if (first <= 1 && last >= 1)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "RCPT TO:<bob@inside.example>\r\n");
	if (last == 2 && r->o.uses_bdat)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "BDAT %zu LAST\r\n",
				      s->head_n + r->body_n);
	else if (last == 2)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "DATA\r\n");
	s->commands = last + 1;
	return write(s->fd, text, n) == (ssize_t)n;
}

static bool session_next(struct run *r, struct session *s);

/* The content is out. */
static bool
session_end_content(struct run *r, struct session *s)
{
	s->ended_at = now_ns();
	if (s->wants_write)
		watch(r, s, false);
	if (r->o.pipelining != PIPELINING_ALL || !s->may_pipeline || r->o.uses_bdat ||
	    is_over(r) || !may_begin(r) || s->sent >= r->o.per_connection)
		return true;
	s->is_final_due = true;
	return session_next(r, s);
}

/* Goes on writing the content; false when the connection broke. */
static bool
session_write_content(struct run *r, struct session *s)
{
	size_t all = s->head_n + r->body_n;

	while (s->content_off < all) {
		size_t off = s->content_off < s->head_n ? s->content_off : s->head_n;
		size_t body_off = s->content_off - off;
		struct iovec parts[] = { { s->head + off, s->head_n - off },
					 { r->body + body_off, r->body_n - body_off } };
		ssize_t n = writev(s->fd, parts, 2);
		if (n < 0 && errno == EAGAIN) {
			if (!s->wants_write)
				watch(r, s, true);
			return true;
		}
		if (n < 0)
			return false;
		s->content_off += (size_t)n;
	}
	return session_end_content(r, s);
}

static bool
session_next(struct run *r, struct session *s)
{
	if (!s->is_final_due && (is_over(r) || s->sent >= r->o.per_connection)) {
		s->step = STEP_QUIT;
		return say(s, "QUIT\r\n");
	}
	if (!may_begin(r)) {
		s->step = STEP_PARKED;
		r->parked[r->parked_n++] = s;
		return true;
	}
	sync_raw(r);
	s->number = r->started++;
	s->sent++;
	s->step = STEP_ENVELOPE;
	s->replies_due = 3;
	if (!s->is_final_due)
		make_head(r, s);
	if (r->o.uses_bdat)
		return say_envelope(r, s, 0, 2) && session_write_content(r, s);
	bool waits = r->o.pipelining == PIPELINING_NONE || !s->may_pipeline;
	return say_envelope(r, s, 0, waits ? 0 : 2);
}

static void
unpark_those_who_may(struct run *r)
{
	unsigned n = r->parked_n;

	while (n-- > 0 && (is_over(r) || may_begin(r))) {
		struct session *s = r->parked[--r->parked_n];
		if (!session_next(r, s))
			session_close(r, s, s->step != STEP_QUIT);
	}
}

static bool
note_refusal(struct run *r, const char *line, size_t n)
{
	r->refused++;
	if (r->first_refusal[0] == '\0')
		for (size_t i = 0; i < n && i < sizeof(r->first_refusal) - 1; i++)
			r->first_refusal[i] =
				line[i] < ' ' || line[i] == '"' || line[i] == '\\'
					? ' '
					: line[i];
	return false;
}

static bool
on_accepted(struct run *r, struct session *s)
{
	r->accepted++;
	latencies_add(&r->reply, now_ns() - s->ended_at);
	return true;
}

static bool
on_envelope_reply(struct run *r, struct session *s, int code, const char *line, size_t n)
{
	if (s->is_final_due) {
		s->is_final_due = false;
		make_head(r, s);
		return code == 250 ? on_accepted(r, s) : note_refusal(r, line, n);
	}
	if (code != 250 && code != 354)
		return note_refusal(r, line, n);
	if (--s->replies_due == 0 && r->o.uses_bdat)
		return on_accepted(r, s) && session_next(r, s);
	if (code == 354) {
		s->step = STEP_FINAL;
		return session_write_content(r, s);
	}
	return s->commands == 3 || say_envelope(r, s, s->commands, s->commands);
}

/* One complete reply line. False: the session ended or broke. */
static bool
session_reply(struct run *r, struct session *s, const char *line, size_t n)
{
	int code = atoi(line);

	if (s->step == STEP_HELLO && n >= 14 && memcmp(line + 4, "PIPELINING", 10) == 0)
		s->may_pipeline = true;
	if (n > 3 && line[3] == '-')
		return true;
	switch (s->step) {
	case STEP_GREETING:
		s->step = STEP_HELLO;
		return code == 220 && say(s, r->o.is_lmtp ? "LHLO load.example\r\n"
							  : "EHLO load.example\r\n");
	case STEP_HELLO:
		return code == 250 && session_next(r, s);
	case STEP_ENVELOPE:
		return on_envelope_reply(r, s, code, line, n);
	case STEP_FINAL:
		if (code != 250)
			return note_refusal(r, line, n);
		return on_accepted(r, s) && session_next(r, s);
	case STEP_PARKED:
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
		bool goes_on = session_reply(r, s, s->input + off,
					     (size_t)(end - s->input) - off);
		off = (size_t)(end - s->input) + 1;
		if (!goes_on) {
			session_close(r, s, s->step != STEP_QUIT);
			return;
		}
	}
	memmove(s->input, s->input + off, s->input_n - off);
	s->input_n -= off;
}

/* -- the result -- */

static int
compare_latency(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
print_latencies(const char *name, struct latencies *l)
{
	qsort(l->us, l->n, sizeof(*l->us), compare_latency);
#define AT(q) (l->n == 0 ? 0 : l->us[(size_t)((double)(l->n - 1) * (q))])
	printf(",\"%s\":{\"n\":%zu,\"p50\":%u,\"p90\":%u,\"p99\":%u,\"p999\":%u,\"max\":%"
	       "u}",
	       name, l->n, AT(0.5), AT(0.9), AT(0.99), AT(0.999), AT(1.0));
#undef AT
}

static void
print_result(struct run *r)
{
	double seconds = (double)(now_ns() - r->begin) / 1e9;
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("{\"accepted\":%llu,\"refused\":%llu,\"broken\":%llu,\"connections\":%llu,"
	       "\"seconds\":%.3f,"
	       "\"rate\":%.1f,\"bytes\":%llu,\"cpu_s\":%.3f",
	       (unsigned long long)r->accepted, (unsigned long long)r->refused,
	       (unsigned long long)r->broken, (unsigned long long)r->opened, seconds,
	       (double)r->accepted / seconds,
	       (unsigned long long)r->accepted * (r->body_n + 240),
	       (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	print_latencies("latency_us", &r->reply);
	print_latencies("raw_sync_us", &r->raw);
	printf(",\"first_refusal\":\"%s\"}\n", r->first_refusal);
}

/* -- options -- */

static void
usage(void)
{
	fprintf(stderr, "usage: load --to ADDRESS:PORT [--connections N] "
			"[--per-connection N] [--total N]\n"
			"	[--seconds S] [--size BYTES] [--pipelining "
			"none|envelope|all] [--bdat] [--lmtp]\n"
			"	[--rate N] [--backlog-max N --sink-control PATH] "
			"[--raw-sync FILE]\n"
			"	[--destinations N] [--from ADDRESS]\n");
	exit(2);
}

static void
parse_to(struct options *o, const char *text)
{
	char host[64];
	const char *colon = strrchr(text, ':');

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		usage();
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	o->to.sin_family = AF_INET;
	o->to.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &o->to.sin_addr) != 1)
		usage();
}

static enum pipelining
parse_pipelining(const char *text)
{
	static const char *const words[] = { "none", "envelope", "all" };

	for (int i = 0; i < 3; i++)
		if (strcmp(text, words[i]) == 0)
			return (enum pipelining)i;
	usage();
	return PIPELINING_NONE;
}

static void
parse_option(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--to") == 0)
		parse_to(o, value);
	else if (strcmp(name, "--connections") == 0)
		o->connections = (unsigned)atoi(value);
	else if (strcmp(name, "--per-connection") == 0)
		o->per_connection = (unsigned)atoi(value);
	else if (strcmp(name, "--destinations") == 0)
		o->destinations = (unsigned)atoi(value);
	else if (strcmp(name, "--total") == 0)
		o->total = strtoull(value, NULL, 10);
	else if (strcmp(name, "--seconds") == 0)
		o->seconds = atof(value);
	else if (strcmp(name, "--rate") == 0)
		o->rate = atof(value);
	else if (strcmp(name, "--size") == 0)
		o->size = strtoull(value, NULL, 10);
	else if (strcmp(name, "--pipelining") == 0)
		o->pipelining = parse_pipelining(value);
	else if (strcmp(name, "--backlog-max") == 0)
		o->backlog_max = strtoull(value, NULL, 10);
	else if (strcmp(name, "--sink-control") == 0)
		o->sink_control = value;
	else if (strcmp(name, "--raw-sync") == 0)
		o->raw_sync = value;
	else if (strcmp(name, "--from") == 0)
		o->from = value;
	else
		usage();
}

static void
parse_options(struct options *o, int argc, char **argv)
{
	*o = (struct options){ .connections = 50,
			       .per_connection = 100,
			       .size = 4096,
			       .destinations = 1,
			       .pipelining = PIPELINING_ENVELOPE,
			       .from = "alice@outside.example" };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--lmtp") == 0)
			o->is_lmtp = true;
		else if (strcmp(argv[i], "--bdat") == 0)
			o->uses_bdat = true;
		else if (i + 1 < argc)
			parse_option(o, argv[i], argv[i + 1]), i++;
		else
			usage();
	}
	if (o->to.sin_port == 0 || (o->raw_sync != NULL && o->connections != 1) ||
	    (o->backlog_max > 0) != (o->sink_control != NULL) || strlen(o->from) > 100)
		usage();
	if (o->total == 0 && o->seconds <= 0)
		o->total = 1000;
}

static void
start(struct run *r)
{
	struct sigaction term = { .sa_handler = on_term };

	sigaction(SIGTERM, &term, NULL);
	signal(SIGPIPE, SIG_IGN);
	make_body(r);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->raw_fd = -1;
	r->parked = calloc(r->o.connections, sizeof(struct session *));
	if (r->epoll < 0 || r->parked == NULL)
		die("start");
	if (r->o.raw_sync != NULL &&
	    (r->raw_fd = open(r->o.raw_sync, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			      0600)) < 0)
		die(r->o.raw_sync);
	gauge_open(r);
	r->begin = now_ns();
	if (r->o.seconds > 0)
		r->end_at = r->begin + (int64_t)(r->o.seconds * 1e9);
}

static void
handle(struct run *r, const struct epoll_event *event)
{
	struct session *s = event->data.ptr;

	if (s == NULL)
		gauge_read(r);
	else if (s->fd < 0)
		return;
	else if ((event->events & EPOLLOUT) != 0 && !session_write_content(r, s))
		session_close(r, s, true);
	else if ((event->events & ~(uint32_t)EPOLLOUT) != 0)
		session_read(r, s);
}

/* At the end nobody waits for a greeting that a full server does not give. */
static void
leave_queue(struct run *r, struct session *sessions)
{
	for (unsigned i = 0; i < r->o.connections && is_over(r); i++)
		if (sessions[i].fd >= 0 && sessions[i].step == STEP_GREETING)
			session_close(r, &sessions[i], false);
}

int
main(int argc, char **argv)
{
	static struct run r;
	int64_t heard_at;
	uint64_t heard = 0;

	parse_options(&r.o, argc, argv);
	start(&r);
	struct session *sessions = calloc(r.o.connections, sizeof(*sessions));
	if (sessions == NULL)
		die("calloc");
	for (unsigned i = 0; i < r.o.connections; i++)
		session_open(&r, &sessions[i]);
	heard_at = now_ns();
	while (r.open > 0) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(r.epoll, events, EVENTS_MAX,
				   r.parked_n > 0 ? 1 : 1000);
		for (int i = 0; i < n; i++)
			handle(&r, &events[i]);
		if (r.accepted + r.refused + r.broken != heard || r.parked_n > 0)
			heard_at = now_ns();
		heard = r.accepted + r.refused + r.broken;
		if (now_ns() - heard_at > (int64_t)60 * 1000000000) {
			fprintf(stderr, "load: no reply to a message for 60 s\n");
			break;
		}
		gauge_ask(&r);
		unpark_those_who_may(&r);
		leave_queue(&r, sessions);
	}
	print_result(&r);
	return r.broken + r.refused > 0 ? 3 : 0;
}

/*
 * load.h - a load generator that is not the bottleneck: many SMTP or LMTP sessions in one thread, epoll only,
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
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* -- main.c -- */
int64_t now_ns(void);
void die(const char *what) __attribute__((noreturn));
bool is_over(const struct run *r); /* nothing more is begun */

/* -- options.c -- */
void parse_options(struct options *o, int argc, char **argv);

/* -- content.c -- */
void make_body(struct run *r);
void make_head(const struct run *r, struct session *s);

/* -- pace.c: when a message may begin -- */
bool may_begin(const struct run *r);
void gauge_open(struct run *r);
void gauge_ask(struct run *r);
void gauge_read(struct run *r);
void raw_open(struct run *r);
void sync_raw(struct run *r);

/* -- session.c; false: the connection broke or ended -- */
void session_open(struct run *r, struct session *s);
void session_close(struct run *r, struct session *s, bool is_broken);
bool session_write_content(struct run *r, struct session *s);
void session_read(struct run *r, struct session *s);
void unpark_those_who_may(struct run *r);

/* -- result.c -- */
void latencies_add(struct latencies *l, int64_t ns);
void print_result(struct run *r);

#endif

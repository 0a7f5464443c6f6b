/*
 * floor.h - what a relay with our promises cannot avoid, done in the leanest way that one thread knows; nothing of
 * the product's code. Its CPU is a lower bound for every relay on this machine. Prints one JSON object.
 *
 *	floor --directory /var/tmp/x --size 4096 --clients 50 --group 24 --messages-per-connection 10 --seconds 3
 *
 * A message comes over loopback in the shape of a dialogue (envelope and DATA, three replies, content with the dot,
 * 250), is digested (SHA-256), written, synced before its 250, and sent once over TLS 1.3 with the envelope in front;
 * one short reply is read. There is no queue, no database, no log, and no line is looked at: all texts have fixed
 * lengths, the end of the content is known by its size.
 *
 * --group N                    bodies under 256 KiB: so many are written by one call into one file, whose blocks are
 *                              there, and synced at once. Larger ones have a file each, synced, later unlinked.
 * --files always|never|large   instead of that choice by size
 * --direct yes|no              past the page cache, which is less work (the default), where the file system can; the
 *                              result says whether it was done
 * --messages-per-connection N  on the way out, behind it a new connection, with a resumed session; 0: never
 * --per-connection N           on the way in
 *
 * The relay is this process; its feeder and its intake are two more, whose CPU does not count. It is counted when WARM
 * messages are delivered.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	COMMAND_MAX = 512, /* of a text of the dialogue                          */
	HEAD = 256,        /* bytes of the envelope on the way out               */
	HEAD_DIGEST = 64,  /* where the digest is in it, 32 bytes                */
	DIGEST = 32,
	NUMBER = 16,        /* each content begins with its number in hexadecimal */
	DOT = 3,            /* ".\r\n" behind the content                         */
	BLOCK = 4096,       /* what direct writes are aligned to */
	LARGE = 256 * 1024, /* tdcd's segment_max: above it, a file of its own    */
	EVENTS_MAX = 256,
	GROUP_MAX = 256,
	PIECE = 128 *
		1024, /* of a content, read, digested and written while in the cache */
	WARM = 100,
	LEAST = 3 * WARM /* messages, however slow the machine is */
};

/* The texts of both dialogues. */
#define GREETING "220 floor.example ESMTP ready for mail\r\n"
#define EHLO     "EHLO load.example\r\n"
#define HELLO                                                                            \
	"250-floor.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n"  \
	"250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n"
#define STARTTLS "STARTTLS\r\n"
#define READY    "220 2.0.0 Ready to start TLS\r\n"
#define ENVELOPE                                                                         \
	"MAIL FROM:<alice@outside.example>\r\nRCPT TO:<bob@inside.example>\r\nDATA\r\n"
#define REPLIES                                                                          \
	"250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 Go ahead, end with .\r\n"
#define ACCEPTED     "250 2.0.0 Message 0123456789 accepted\r\n"
#define DELIVERED    "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 Ok: 0123456789\r\n"
#define QUIT         "QUIT\r\n"
#define BYE          "221 2.0.0 Bye\r\n"
#define LENGTH(text) (sizeof(text) - 1)

struct options {
	size_t size;
	unsigned clients, per_connection, group, deliveries, messages_per_connection;
	double seconds;
	const char *directory, *files;
	bool wants_direct;
};

/* Between the processes; each field has one writer, and is read when that one is done. */
struct shared {
	uint64_t fed, fed_connections; /* the feeder: of these the 250 came */
	uint64_t taken, taken_bytes, spoilt,
		broken; /* the intake                        */
};

struct message {
	struct message *next;
	struct client *from;
	EVP_MD_CTX *digest;
	uint64_t number;
	size_t got;  /* of the content, the dot included */
	size_t kept; /* of it, digested and perhaps written */
	int file;
	char *head; /* HEAD bytes, then the content, at a block's begin, and the dot */
};

struct message_list {
	struct message *first, **last;
	unsigned n;
};

struct relay {
	struct options o;
	bool has_files, is_direct, is_fed;
	size_t stored; /* bytes of a body in its place, whole blocks when direct */
	int epoll, listener, feeder, directory, ring;
	off_t ring_at;
	struct sockaddr_in intake;
	SSL_CTX *tls;
	struct message *messages, *spare;
	struct message_list received, due; /* not synced yet; synced, not sent yet */
	struct client *parked;             /* no message is spare for them         */
	unsigned clients;                  /* connected                            */
	struct hop *hops, *resting;
	SSL_SESSION *sessions[1024];
	unsigned sessions_n;
	uint64_t number, delivered, opened, resumed, full;
	/* since WARM were delivered */
	uint64_t resumed_before, full_before;
	double user_before, system_before;
};

/* What epoll tells of: the first member of a client and of a hop. */
struct watched {
	void (*ready)(struct relay *r, struct watched *w);
};

/* -- main.c -- */
void die(const char *what) __attribute__((noreturn));  /* errno says why */
void fail(const char *what) __attribute__((noreturn)); /* what is wrong, as a sentence */
double now_s(void);
void used(double *user, double *system);
void watch(int epoll, int fd, uint32_t events, void *pointer);
void say(int fd, const char *text, size_t n); /* a text that always fits */
void no_delay(int fd);

/* -- tls.c -- */
void tls_make(SSL_CTX **client, SSL_CTX **server, SSL_SESSION *sessions[], unsigned *n);

/* -- feeder.c, intake.c: processes of their own; they return at the end -- */
void feed(const struct options *o, const struct sockaddr_in *to, struct shared *shared);
void make_content(char *content, size_t size); /* with the dot; the number is left zero */
void take_in(const struct options *o, int listener, SSL_CTX *tls, struct shared *shared);

/* -- relay.c -- */
void relay_open(struct relay *r);
void relay_run(struct relay *r);
void message_done(struct relay *r, struct message *m);
void list_add(struct message_list *l, struct message *m);
struct message *list_take(struct message_list *l);

/* -- hop.c -- */
void hops_open(struct relay *r);
void hops_send(struct relay *r); /* what is due, on connections that rest or are made */
void hops_close(struct relay *r);

#endif

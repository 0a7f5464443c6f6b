/*
 * relay.c - the way in: connections, contents, the group that is made durable.
 */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RING = 16 * 1024 * 1024, GROUP_WAIT_MS = 2 };

enum step { STEP_EHLO, STEP_COMMAND, STEP_CONTENT, STEP_WAITING };

struct client {
	struct watched watched;
	int fd;
	enum step step;
	size_t got;
	struct message *message;
	struct client *next; /* of the parked */
};

void
list_add(struct message_list *l, struct message *m)
{
	m->next = NULL;
	*l->last = m;
	l->last = &m->next;
	l->n++;
}

struct message *
list_take(struct message_list *l)
{
	struct message *m = l->first;

	if (m == NULL)
		return NULL;
	l->first = m->next;
	if (l->first == NULL)
		l->last = &l->first;
	l->n--;
	return m;
}

static void
body_path(const struct message *m, char path[NUMBER + 6])
{
	snprintf(path, NUMBER + 6, "%016llx.body", (unsigned long long)m->number);
}

static void
begin_message(struct relay *r, struct client *c)
{
	struct message *m = r->spare;
	char path[NUMBER + 6];

	r->spare = m->next;
	m->from = c;
	m->number = ++r->number;
	m->got = 0;
	m->kept = 0;
	if (EVP_DigestInit_ex(m->digest, NULL, NULL) != 1)
		fail("no SHA-256");
	if (r->has_files) {
		body_path(m, path);
		m->file = openat(r->directory, path,
				 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
					 (r->is_direct ? O_DIRECT : 0),
				 0600);
		if (m->file < 0)
			die(path);
	}
	c->message = m;
	c->step = STEP_CONTENT;
	say(c->fd, REPLIES, LENGTH(REPLIES));
}

void
message_done(struct relay *r, struct message *m)
{
	char path[NUMBER + 6];
	struct client *c = r->parked;

	if (r->has_files) {
		body_path(m, path);
		if (unlinkat(r->directory, path, 0) != 0)
			die(path);
	}
	m->next = r->spare;
	r->spare = m;
	if (++r->delivered == WARM) {
		used(&r->user_before, &r->system_before);
		r->resumed_before = r->resumed;
		r->full_before = r->full;
	}
	if (c != NULL) {
		r->parked = c->next;
		begin_message(r, c);
	}
}

/* Bytes that have just come are still in the cache. */
static void
keep(struct relay *r, struct message *m)
{
	size_t upto = m->got < r->o.size ? m->got : r->o.size;
	const char *from = m->head + HEAD + m->kept;
	size_t n = upto - m->kept;

	if (n == 0)
		return;
	if (EVP_DigestUpdate(m->digest, from, n) != 1)
		fail("no SHA-256");
	if (r->has_files && !r->is_direct && write(m->file, from, n) != (ssize_t)n)
		die("a body's file");
	m->kept = upto;
}

static void
read_content(struct relay *r, struct client *c)
{
	struct message *m = c->message;
	size_t all = r->o.size + DOT;

	while (m->got < all) {
		size_t want = all - m->got < PIECE ? all - m->got : PIECE;
		ssize_t n = read(c->fd, m->head + HEAD + m->got, want);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			die("a client's content");
		m->got += (size_t)n;
		keep(r, m);
		if ((size_t)n < want)
			return;
	}
	if (r->has_files && r->is_direct &&
	    write(m->file, m->head + HEAD, r->stored) != (ssize_t)r->stored)
		die("a body's file");
	if (EVP_DigestFinal_ex(m->digest, (unsigned char *)m->head + HEAD_DIGEST, NULL) !=
	    1)
		fail("no SHA-256");
	c->step = STEP_WAITING;
	list_add(&r->received, m);
}

static void
client_end(struct relay *r, struct client *c)
{
	close(c->fd);
	free(c);
	r->clients--;
}

static void
read_command(struct relay *r, struct client *c)
{
	size_t all = c->step == STEP_EHLO ? LENGTH(EHLO) : LENGTH(ENVELOPE);
	char text[COMMAND_MAX];
	ssize_t n = read(c->fd, text, all - c->got);

	if (n <= 0 || c->step == STEP_WAITING)
		fail("a client left, or spoke unasked");
	c->got += (size_t)n;
	if (c->step == STEP_COMMAND && c->got == LENGTH(QUIT)) {
		say(c->fd, BYE, LENGTH(BYE));
		client_end(r, c);
		return;
	}
	if (c->got < all)
		return;
	c->got = 0;
	if (c->step == STEP_EHLO) {
		c->step = STEP_COMMAND;
		say(c->fd, HELLO, LENGTH(HELLO));
	} else if (r->spare != NULL) {
		begin_message(r, c);
	} else {
		c->next = r->parked;
		r->parked = c;
	}
}

static void
client_ready(struct relay *r, struct watched *w)
{
	struct client *c = (struct client *)w;

	if (c->step == STEP_CONTENT)
		read_content(r, c);
	else
		read_command(r, c);
}

static void
client_begin(struct relay *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c = fd < 0 ? NULL : calloc(1, sizeof(*c));

	if (c == NULL)
		die("a client's connection");
	c->watched.ready = client_ready;
	c->fd = fd;
	r->clients++;
	no_delay(fd);
	watch(r->epoll, fd, EPOLLIN, c);
	say(fd, GREETING, LENGTH(GREETING));
}

static void
sync_ring(struct relay *r)
{
	struct iovec parts[GROUP_MAX];
	int n = 0;
	ssize_t all = 0;

	for (struct message *m = r->received.first; m != NULL && n < (int)r->o.group;
	     m = m->next) {
		parts[n++] = (struct iovec){ m->head + HEAD, r->stored };
		all += (ssize_t)r->stored;
	}
	if (r->ring_at + all > RING)
		r->ring_at = 0;
	if (pwritev(r->ring, parts, n, r->ring_at) != all || fdatasync(r->ring) != 0)
		die("the file of bodies");
	r->ring_at += all;
}

/* A group is written and synced; then, and not before, each client hears of it. */
static void
commit(struct relay *r)
{
	unsigned n = r->received.n < r->o.group ? r->received.n : r->o.group;

	if (!r->has_files)
		sync_ring(r);
	struct message *m = r->received.first;
	for (unsigned i = 0; r->has_files && i < n; i++, m = m->next)
		if (fdatasync(m->file) != 0 || close(m->file) != 0)
			die("a body's file");
	while (n-- > 0) {
		m = list_take(&r->received);
		m->from->step = STEP_COMMAND;
		say(m->from->fd, ACCEPTED, LENGTH(ACCEPTED));
		list_add(&r->due, m);
	}
	hops_send(r);
}

static void
open_files(struct relay *r)
{
	int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;
	char *zeros = aligned_alloc(BLOCK, RING);

	r->directory = open(r->o.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->directory < 0 || zeros == NULL)
		die(r->o.directory);
	memset(zeros, 0, RING);
	r->ring = -1;
	if (r->o.wants_direct)
		r->ring = openat(r->directory, "ring", flags | O_DIRECT, 0600);
	r->is_direct = r->ring >= 0;
	if (!r->is_direct)
		r->ring = openat(r->directory, "ring", flags, 0600);
	if (r->ring < 0 || pwrite(r->ring, zeros, RING, 0) != RING ||
	    fsync(r->ring) != 0 || unlinkat(r->directory, "ring", 0) != 0)
		die("the file of bodies");
	free(zeros);
	r->stored = r->is_direct ? (r->o.size + BLOCK - 1) / BLOCK * BLOCK : r->o.size;
}

static void
make_messages(struct relay *r, unsigned n)
{
	size_t room = BLOCK + (r->o.size + DOT + BLOCK - 1) / BLOCK * BLOCK;

	r->messages = calloc(n, sizeof(*r->messages));
	if (r->messages == NULL)
		die("the messages");
	for (struct message *m = r->messages; m < r->messages + n; m++) {
		char *p = aligned_alloc(BLOCK, room);

		m->digest = EVP_MD_CTX_new();
		if (m->digest == NULL || p == NULL ||
		    EVP_DigestInit_ex(m->digest, EVP_sha256(), NULL) != 1)
			fail("no memory for the messages");
		memset(p, 'M', room);
		m->head = p + BLOCK - HEAD;
		m->next = r->spare;
		r->spare = m;
	}
}

void
relay_open(struct relay *r)
{
	r->received.last = &r->received.first;
	r->due.last = &r->due.first;
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0)
		die("the relay");
	make_messages(r, r->o.clients + r->o.deliveries + r->o.group);
	open_files(r);
	hops_open(r);
	watch(r->epoll, r->listener, EPOLLIN, &r->listener);
	watch(r->epoll, r->feeder, EPOLLIN, &r->feeder);
}

static void
on_event(struct relay *r, const struct epoll_event *event)
{
	struct watched *w = event->data.ptr;

	if (event->data.ptr == &r->listener) {
		client_begin(r);
	} else if (event->data.ptr == &r->feeder) {
		r->is_fed = true;
		epoll_ctl(r->epoll, EPOLL_CTL_DEL, r->feeder, NULL);
	} else {
		w->ready(r, w);
	}
}

void
relay_run(struct relay *r)
{
	while (!r->is_fed || r->clients > 0 || r->delivered < r->number) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(r->epoll, events, EVENTS_MAX,
				   r->received.n > 0 ? GROUP_WAIT_MS : -1);

		for (int i = 0; i < n; i++)
			on_event(r, &events[i]);
		while (r->received.n >= r->o.group || (n == 0 && r->received.n > 0))
			commit(r);
	}
	hops_close(r);
}

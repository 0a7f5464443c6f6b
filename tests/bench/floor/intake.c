/*
 * intake.c - where the mail goes: STARTTLS, one reply for each message. Every byte is compared with what the feeder
 * sent, and the digest that the relay sends with it is computed again. Ends when its listener's other side does:
 * the relay kills it.
 */
#include "floor.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum step { STEP_EHLO, STEP_STARTTLS, STEP_HANDSHAKE, STEP_EHLO_AGAIN, STEP_MAIL };

struct taking {
	int fd;
	enum step step;
	SSL *ssl;
	size_t got;
	char *bytes; /* HEAD and the content */
};

struct intake {
	const struct options *o;
	int epoll, listener;
	SSL_CTX *tls;
	struct shared *shared;
	char *content;
};

static void
begin(struct intake *in)
{
	int fd = accept4(in->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct taking *c = fd < 0 ? NULL : calloc(1, sizeof(*c));

	if (c == NULL)
		die("the intake's connection");
	c->fd = fd;
	c->bytes = malloc(HEAD + in->o->size);
	if (c->bytes == NULL)
		die("the intake's memory");
	no_delay(fd);
	watch(in->epoll, fd, EPOLLIN, c);
	say(fd, GREETING, LENGTH(GREETING));
}

static void
end(struct taking *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	free(c->bytes);
	free(c);
}

static void
cork(const struct taking *c, int on)
{
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) != 0)
		die("TCP_CORK");
}

static void
say_tls(struct taking *c, const char *text, size_t n)
{
	if (SSL_write(c->ssl, text, (int)n) != (int)n)
		fail("the intake could not send a reply");
}

static void
look_at(struct intake *in, struct taking *c)
{
	unsigned char digest[DIGEST];
	const char *content = c->bytes + HEAD;
	size_t n = in->o->size;

	if (EVP_Digest(content, n, digest, NULL, EVP_sha256(), NULL) != 1)
		fail("no SHA-256 at the intake");
	if (memcmp(digest, c->bytes + HEAD_DIGEST, DIGEST) != 0 ||
	    memcmp(content + NUMBER, in->content + NUMBER, n - NUMBER) != 0)
		in->shared->spoilt++;
	in->shared->taken++;
	in->shared->taken_bytes += n;
	c->got = 0;
	say_tls(c, DELIVERED, LENGTH(DELIVERED));
}

/* One text of the dialogue or one message, as far as it is there. False: the connection is over. */
static bool
take_tls(struct intake *in, struct taking *c)
{
	size_t all = c->step == STEP_EHLO_AGAIN ? LENGTH(EHLO) : HEAD + in->o->size;

	for (;;) {
		int n = SSL_read(c->ssl, c->bytes + c->got, (int)(all - c->got));

		if (n <= 0 && SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ)
			return true;
		if (n <= 0)
			return false;
		c->got += (size_t)n;
		if (c->step == STEP_MAIL && c->got == LENGTH(QUIT)) {
			cork(c, 1);
			say_tls(c, BYE, LENGTH(BYE));
			SSL_shutdown(c->ssl);
			cork(c, 0);
			return false;
		}
		if (c->got < all)
			continue;
		if (c->step == STEP_MAIL) {
			look_at(in, c);
			continue;
		}
		c->step = STEP_MAIL;
		c->got = 0;
		say_tls(c, HELLO, LENGTH(HELLO));
		return true;
	}
}

static bool
shake_hands(struct intake *in, struct taking *c)
{
	bool goes_on = true;

	cork(c, 1); /* tickets and the reply behind them in one flight */
	int n = SSL_accept(c->ssl);
	if (n == 1) {
		c->step = STEP_EHLO_AGAIN;
		goes_on = take_tls(in, c);
	} else if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) {
		in->shared->broken++;
		goes_on = false;
	}
	cork(c, 0);
	return goes_on;
}

static bool
take_plain(struct intake *in, struct taking *c)
{
	size_t all = c->step == STEP_EHLO ? LENGTH(EHLO) : LENGTH(STARTTLS);
	ssize_t n = read(c->fd, c->bytes, all - c->got);

	if (n <= 0)
		return false;
	c->got += (size_t)n;
	if (c->got < all)
		return true;
	c->got = 0;
	if (c->step == STEP_EHLO) {
		c->step = STEP_STARTTLS;
		say(c->fd, HELLO, LENGTH(HELLO));
		return true;
	}
	c->step = STEP_HANDSHAKE;
	c->ssl = SSL_new(in->tls);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		fail("no memory for TLS at the intake");
	SSL_set_accept_state(c->ssl);
	say(c->fd, READY, LENGTH(READY));
	return true;
}

static void
on_ready(struct intake *in, struct taking *c)
{
	bool goes_on;

	ERR_clear_error();
	if (c->step < STEP_HANDSHAKE)
		goes_on = take_plain(in, c);
	else if (c->step == STEP_HANDSHAKE)
		goes_on = shake_hands(in, c);
	else
		goes_on = take_tls(in, c);
	if (!goes_on)
		end(c);
}

void
take_in(const struct options *o, int listener, SSL_CTX *tls, struct shared *shared)
{
	struct intake in = { .o = o, .listener = listener, .tls = tls, .shared = shared };

	in.content = malloc(o->size + DOT);
	in.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (in.content == NULL || in.epoll < 0)
		die("the intake");
	make_content(in.content, o->size);
	watch(in.epoll, listener, EPOLLIN, NULL);
	for (;;) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(in.epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				begin(&in);
			else
				on_ready(&in, events[i].data.ptr);
		}
	}
}

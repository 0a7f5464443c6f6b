/*
 * hop.c - the way out: up to --deliveries connections, a message at a time on each.
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

enum { INPUT_MAX = 8192, OUTPUT_MAX = PIECE + 16 * 1024, RECORD = 16384, TOKEN = 512 };

enum step {
	STEP_CLOSED,
	STEP_GREETING,
	STEP_HELLO,
	STEP_READY,
	STEP_HANDSHAKE,
	STEP_HELLO_AGAIN,
	STEP_RESTING,
	STEP_REPLY,
	STEP_BYE
};

struct hop {
	struct watched watched;
	int fd;
	enum step step;
	SSL *ssl;
	struct message *message;
	struct hop *next; /* of those that rest */
	unsigned sent;    /* messages on this connection */
	size_t off;       /* of the message, encrypted   */
	size_t got;       /* of the reply                */
	char input[INPUT_MAX];
	size_t input_n, input_off;
	char *output; /* records, to go out in one write */
	size_t output_n, output_off;
};

static BIO_METHOD *wire;

static int
wire_read(BIO *b, char *to, int size)
{
	struct hop *h = BIO_get_data(b);
	size_t n = h->input_n - h->input_off;

	BIO_clear_retry_flags(b);
	if (n == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	if (n > (size_t)size)
		n = (size_t)size;
	memcpy(to, h->input + h->input_off, n);
	h->input_off += n;
	return (int)n;
}

static int
wire_write(BIO *b, const char *from, int size)
{
	struct hop *h = BIO_get_data(b);

	if (h->output_n + (size_t)size > OUTPUT_MAX)
		fail("a record has no room");
	memcpy(h->output + h->output_n, from, (size_t)size);
	h->output_n += (size_t)size;
	return size;
}

static long
wire_control(BIO *b, int command, long number, void *pointer)
{
	(void)b;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

/* What is encrypted goes out; false: not all of it, yet. */
static bool
flush(struct hop *h)
{
	while (h->output_off < h->output_n) {
		ssize_t n = send(h->fd, h->output + h->output_off,
				 h->output_n - h->output_off, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			die("the connection to the intake");
		h->output_off += (size_t)n;
	}
	h->output_n = 0;
	h->output_off = 0;
	return true;
}

static void
say_tls(struct hop *h, const char *text, size_t n)
{
	if (SSL_write(h->ssl, text, (int)n) != (int)n)
		fail("the relay could not encrypt");
}

static void hop_ready(struct relay *r, struct watched *w);

static void
hop_connect(struct relay *r, struct hop *h)
{
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (h->fd < 0 ||
	    (connect(h->fd, (struct sockaddr *)&r->intake, sizeof(r->intake)) != 0 &&
	     errno != EINPROGRESS))
		die("the connection to the intake");
	h->watched.ready = hop_ready;
	h->step = STEP_GREETING;
	h->sent = 0;
	r->opened++;
	no_delay(h->fd);
	/* By edges: a full socket is heard of again without another call. */
	watch(r->epoll, h->fd, EPOLLIN | EPOLLOUT | EPOLLET, h);
}

static void
hop_start_tls(struct relay *r, struct hop *h)
{
	BIO *b = BIO_new(wire);

	h->ssl = SSL_new(r->tls);
	if (b == NULL || h->ssl == NULL || SSL_set1_host(h->ssl, "localhost") != 1)
		fail("no memory for TLS");
	BIO_set_data(b, h);
	BIO_set_init(b, 1);
	SSL_set_bio(h->ssl, b, b);
	SSL_set_connect_state(h->ssl);
	if (r->sessions_n > 0) {
		SSL_SESSION *session = r->sessions[--r->sessions_n];

		if (SSL_set_session(h->ssl, session) != 1)
			fail("a session could not be used");
		SSL_SESSION_free(session);
	}
	h->step = STEP_HANDSHAKE;
}

static void
hop_end(struct hop *h)
{
	/* Else its sessions were held for broken. */
	SSL_set_shutdown(h->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(h->ssl);
	close(h->fd);
	h->ssl = NULL;
	h->step = STEP_CLOSED;
	h->input_n = h->input_off = 0;
	h->output_n = h->output_off = 0;
}

/* As many records at once as the output has room for. */
static void
hop_write(struct relay *r, struct hop *h)
{
	size_t all = HEAD + r->o.size;

	while (flush(h) && h->off < all)
		while (h->off < all && h->output_n + RECORD + TOKEN <= OUTPUT_MAX) {
			size_t n = all - h->off < RECORD ? all - h->off : RECORD;

			say_tls(h, h->message->head + h->off, n);
			h->off += n;
		}
}

static void
hop_send(struct relay *r, struct hop *h, struct message *m)
{
	h->message = m;
	h->sent++;
	h->off = 0;
	h->step = STEP_REPLY;
	hop_write(r, h);
}

/* The connection is free: for the next message, for a rest, or for its end. */
static void
hop_next(struct relay *r, struct hop *h)
{
	unsigned most = r->o.messages_per_connection;

	h->step = STEP_RESTING;
	if (most > 0 && h->sent >= most) {
		h->step = STEP_BYE;
		say_tls(h, QUIT, LENGTH(QUIT));
		SSL_shutdown(h->ssl);
		flush(h);
	} else if (r->due.first != NULL) {
		hop_send(r, h, list_take(&r->due));
	} else {
		h->next = r->resting;
		r->resting = h;
	}
}

static void
hop_shake_hands(struct relay *r, struct hop *h)
{
	int n = SSL_do_handshake(h->ssl);

	if (n == 1) {
		if (SSL_get_verify_result(h->ssl) != X509_V_OK)
			fail("the intake's certificate was not verified");
		r->resumed += SSL_session_reused(h->ssl) == 1;
		r->full += SSL_session_reused(h->ssl) != 1;
		h->step = STEP_HELLO_AGAIN;
		say_tls(h, EHLO, LENGTH(EHLO)); /* with the handshake's last message */
	} else if (SSL_get_error(h->ssl, n) != SSL_ERROR_WANT_READ) {
		fail("the handshake failed");
	}
	flush(h);
}

/* A reply came whole. */
static void
hop_advance(struct relay *r, struct hop *h)
{
	h->got = 0;
	switch (h->step) {
	case STEP_GREETING:
		h->step = STEP_HELLO;
		say(h->fd, EHLO, LENGTH(EHLO));
		break;
	case STEP_HELLO:
		h->step = STEP_READY;
		say(h->fd, STARTTLS, LENGTH(STARTTLS));
		break;
	case STEP_READY:
		hop_start_tls(r, h);
		hop_shake_hands(r, h);
		break;
	case STEP_REPLY:
		message_done(r, h->message);
		hop_next(r, h);
		break;
	case STEP_HELLO_AGAIN:
		hop_next(r, h);
		break;
	case STEP_BYE:
		hop_end(h);
		hops_send(r);
		break;
	case STEP_CLOSED:
	case STEP_HANDSHAKE:
	case STEP_RESTING:
		fail("the intake spoke unasked");
	}
}

/* Bytes of the reply that the step waits for are taken from the input. */
static void
hop_take(struct relay *r, struct hop *h)
{
	static const size_t lengths[] = {
		[STEP_GREETING] = LENGTH(GREETING),
		[STEP_HELLO] = LENGTH(HELLO),
		[STEP_READY] = LENGTH(READY),
		[STEP_HELLO_AGAIN] = LENGTH(HELLO),
		[STEP_REPLY] = LENGTH(DELIVERED),
		[STEP_BYE] = LENGTH(BYE),
		[STEP_RESTING] = 0,
	};
	static const char *const texts[] = { [STEP_REPLY] = DELIVERED, [STEP_BYE] = BYE };
	size_t all = lengths[h->step];
	char reply[COMMAND_MAX];
	size_t n = h->input_n - h->input_off;

	if (h->ssl != NULL) {
		int got = SSL_read(h->ssl, reply, sizeof(reply));

		if (got <= 0 && SSL_get_error(h->ssl, got) != SSL_ERROR_WANT_READ)
			fail("the intake ended a connection");
		n = got > 0 ? (size_t)got : 0;
	} else {
		h->input_off = h->input_n;
	}
	if (n > all - h->got)
		fail("the intake said more than it was asked");
	if (n > 0 && texts[h->step] != NULL &&
	    memcmp(reply, texts[h->step] + h->got, n) != 0)
		fail("the intake refused a message");
	h->got += n;
	if (n > 0 && h->got == all)
		hop_advance(r, h);
}

static void
hop_ready(struct relay *r, struct watched *w)
{
	struct hop *h = (struct hop *)w;

	if (h->step == STEP_REPLY && h->off < HEAD + r->o.size)
		hop_write(r, h);
	else if (h->step == STEP_REPLY && h->output_n > 0)
		flush(h);
	if (h->input_off == h->input_n)
		h->input_n = h->input_off = 0;
	ssize_t n = recv(h->fd, h->input + h->input_n, INPUT_MAX - h->input_n, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		fail("the intake closed a connection");
	h->input_n += (size_t)n;
	if (h->step == STEP_HANDSHAKE)
		hop_shake_hands(r, h);
	else
		hop_take(r, h);
}

void
hops_send(struct relay *r)
{
	unsigned coming = 0;

	while (r->due.first != NULL && r->resting != NULL) {
		struct hop *h = r->resting;

		r->resting = h->next;
		hop_send(r, h, list_take(&r->due));
	}
	for (unsigned i = 0; i < r->o.deliveries && coming < r->due.n; i++) {
		struct hop *h = &r->hops[i];

		if (h->step == STEP_CLOSED)
			hop_connect(r, h);
		coming += h->step < STEP_RESTING;
	}
}

void
hops_open(struct relay *r)
{
	r->hops = calloc(r->o.deliveries, sizeof(*r->hops));
	wire = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hop");
	if (r->hops == NULL || wire == NULL)
		fail("no memory for connections");
	BIO_meth_set_read(wire, wire_read);
	BIO_meth_set_write(wire, wire_write);
	BIO_meth_set_ctrl(wire, wire_control);
	for (unsigned i = 0; i < r->o.deliveries; i++) {
		r->hops[i].output = malloc(OUTPUT_MAX);
		if (r->hops[i].output == NULL)
			fail("no memory for connections");
	}
}

void
hops_close(struct relay *r)
{
	for (unsigned i = 0; i < r->o.deliveries; i++) {
		struct hop *h = &r->hops[i];

		if (h->ssl != NULL)
			hop_end(h);
		free(h->output);
	}
	free(r->hops);
	BIO_meth_free(wire);
}

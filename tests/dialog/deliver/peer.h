/*
 * peer.h - an intake that says what its script tells it, on the loop of the test.
 *
 * Each connection follows one script; the last script serves all further connections.
 * What came in the clear, the commands under TLS and the messages are kept for the test
 * to look at.
 */
#ifndef DIALOG_DELIVER_PEER_H
#define DIALOG_DELIVER_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"
#include "tdc/smtp/body.h"
#include "tdc/smtp/line.h"
#include "tdc/tls/tls.h"

enum { PEER_SCRIPTS_MAX = 8, PEER_MESSAGES_MAX = 64, PEER_LINE_MAX = 4096 };

/* At the end of a reply, or alone: then the connection is ended, in order or not. */
#define CLOSE "\004"
#define CUT   "\030"

enum peer_drop {
	DROP_NOWHERE,
	DROP_IN_CONTENT,    /* after the first bytes of it  */
	DROP_AFTER_CONTENT, /* all of it is here, no reply   */
	DROP_AFTER_REPLY,   /* in order, right behind it    */
};

/* NULL = nothing is said. Replies are whole lines with their CRLF. */
struct peer_script {
	const char *greeting, *ehlo, *starttls, *injected, *ehlo_tls;
	const char *mail, *rcpt, *data, *content[4], *rset, *quit;
	const char *bdat;       /* to BDAT; NULL = as `content` */
	const char *mail_later; /* to MAIL once a message was taken; NULL = as `mail` */
	const char *early;      /* said at the first bytes of the content */
	const char *rcpt_late;  /* RCPT's once more: to DATA, or behind BDAT's octets */
	/* RFC 2920 3.2: they wait for the final reply, and go out with it. */
	bool holds_envelope_replies;
	unsigned good_messages; /* of a connection, before `drop` and the above begin */
	enum peer_drop drop;
	uint64_t drop_over; /* DROP_IN_CONTENT only of what announced more than this */
	bool is_deaf_in_content; /* reads nothing any more */
	bool never_shakes_hands; /* after STARTTLS what comes is left as it is */
};

static inline struct peer_script
peer_script_good(void)
{
	return (struct peer_script){
		.greeting = "220 peer.example ESMTP\r\n",
		.ehlo = "250-peer.example\r\n250 STARTTLS\r\n",
		.starttls = "220 2.0.0 ready\r\n",
		.ehlo_tls = "250-peer.example\r\n250-PIPELINING\r\n250-SIZE "
			    "100000000\r\n250-DSN\r\n"
			    "250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n",
		.mail = "250 2.1.0 ok\r\n",
		.rcpt = "250 2.1.5 ok\r\n",
		.data = "354 go\r\n",
		.content = { "250 2.0.0 taken\r\n" },
		.rset = "250 2.0.0 ok\r\n",
		.quit = "221 2.0.0 bye\r\n",
	};
}

struct peer {
	struct loop *loop;
	struct listener *listener;
	struct socket_address address;
	struct tls_context *tls;
	struct peer_script scripts[PEER_SCRIPTS_MAX];
	size_t n_scripts;
	unsigned connections, open, most_open, handshakes;
	struct buf clear;    /* of all connections, as it came */
	struct buf commands; /* under TLS, each followed by '|' */
	struct buf messages[PEER_MESSAGES_MAX];
	size_t n_messages;
	unsigned long n_messages_in_all;
	struct list sessions;
	bool keeps_messages;
	void (*heard)(void *arg, const char *message); /* NULL; of each that is whole */
	void *heard_arg;
	bool takes_little; /* the kernel holds little of what is on its way */
};

struct peer_session {
	struct list_node node;
	struct peer *peer;
	const struct peer_script *script;
	struct stream *stream;
	bool is_tls, is_in_data, is_dead, is_deaf;
	uint64_t bdat_left;
	bool is_in_bdat;
	size_t scanned;
	unsigned messages;
	uint64_t announced; /* SIZE= of MAIL */
	struct smtp_data_decoder decoder;
	struct buf message;
	struct buf held; /* replies to the envelope */
};

static inline void
peer_session_close(struct peer_session *s)
{
	if (s->is_dead)
		return;
	s->is_dead = true;
	stream_close(s->stream);
	s->peer->open--;
}

/* Without close_notify. */
static inline void
peer_session_cut(struct peer_session *s)
{
	shutdown(stream_fd(s->stream), SHUT_RDWR);
	peer_session_close(s);
}

static inline void
peer_say(struct peer_session *s, const char *text)
{
	if (text == NULL || s->is_dead)
		return;
	size_t n = strcspn(text, CLOSE CUT);
	stream_write(s->stream, text, n);
	stream_flush(s->stream);
	if (text[n] == CLOSE[0])
		peer_session_close(s);
	else if (text[n] == CUT[0])
		peer_session_cut(s);
}

static inline bool
peer_is_bad_now(const struct peer_session *s)
{
	return s->messages >= s->script->good_messages;
}

static inline void
peer_say_to_envelope(struct peer_session *s, const char *text)
{
	if (s->script->holds_envelope_replies && peer_is_bad_now(s))
		buf_append_text(&s->held, text);
	else
		peer_say(s, text);
}

static inline void
peer_on_tls(void *arg, const struct tls_facts *facts, const struct err *e)
{
	struct peer_session *s = arg;

	(void)facts;
	if (e != NULL)
		peer_session_close(s);
	else
		s->peer->handshakes++;
}

static inline void
peer_starttls(struct peer_session *s)
{
	const char *reply = s->script->starttls;
	struct err e;

	if (reply == NULL || reply[0] != '2') {
		peer_say(s, reply);
		return;
	}
	stream_write(s->stream, reply, strlen(reply));
	if (s->script->injected != NULL)
		stream_write(s->stream, s->script->injected, strlen(s->script->injected));
	stream_flush(s->stream);
	s->is_deaf = s->script->never_shakes_hands;
	if (s->is_deaf)
		return;
	s->is_tls = true;
	assert_int_equal(tls_server_start(s->peer->tls, s->stream, peer_on_tls, s, &e),
			 0);
}

static inline void
peer_content_ended(struct peer_session *s)
{
	struct peer *p = s->peer;
	enum peer_drop drop = peer_is_bad_now(s) ? s->script->drop : DROP_NOWHERE;
	unsigned n = s->messages++;
	const char *reply = NULL;

	for (unsigned i = 0; i <= n && i < 4 && s->script->content[i] != NULL; i++)
		reply = s->script->content[i];
	if (s->is_in_bdat && s->script->bdat != NULL)
		reply = s->script->bdat;
	if (s->is_in_bdat)
		peer_say(s, s->script->rcpt_late);
	s->is_in_data = s->is_in_bdat = false;
	p->n_messages_in_all++;
	if (p->heard != NULL)
		p->heard(p->heard_arg, buf_text(&s->message));
	if (p->keeps_messages && p->n_messages < PEER_MESSAGES_MAX) {
		p->messages[p->n_messages++] = s->message;
		buf_init(&s->message, SIZE_MAX);
	} else {
		buf_clear(&s->message);
	}
	if (drop == DROP_AFTER_CONTENT) {
		peer_session_close(s);
		return;
	}
	if (reply != NULL)
		buf_append_text(&s->held, reply);
	peer_say(s, buf_text(&s->held));
	buf_clear(&s->held);
	if (drop == DROP_AFTER_REPLY)
		peer_session_close(s);
}

static inline void
peer_to_message(void *arg, const char *p, size_t n)
{
	buf_append(arg, p, n);
}

/* The first bytes of a content are here. */
static inline void
peer_content_begins(struct peer_session *s)
{
	if (s->message.n > 0 || s->is_dead)
		return;
	peer_say(s, s->script->early);
	if (s->script->drop == DROP_IN_CONTENT && s->announced >= s->script->drop_over)
		peer_session_close(s);
	else if (s->script->is_deaf_in_content)
		stream_pause(s->stream);
}

static inline void
peer_take_content(struct peer_session *s, struct span input)
{
	bool ended = false;
	size_t used;

	peer_content_begins(s);
	if (s->is_dead || s->script->is_deaf_in_content)
		return;
	if (s->is_in_data) {
		used = smtp_data_decode(&s->decoder, input, peer_to_message, &s->message,
					&ended);
	} else {
		used = input.n < s->bdat_left ? input.n : (size_t)s->bdat_left;
		buf_append(&s->message, input.p, used);
		s->bdat_left -= used;
		ended = s->bdat_left == 0;
	}
	stream_consume(s->stream, used);
	if (ended)
		peer_content_ended(s);
}

static inline bool
peer_is(struct span line, const char *verb)
{
	return span_starts_nocase(line, span_of(verb));
}

static inline void
peer_command(struct peer_session *s, struct span line)
{
	const struct peer_script *k = s->script;

	if (peer_is(line, "EHLO"))
		peer_say(s, s->is_tls ? k->ehlo_tls : k->ehlo);
	else if (peer_is(line, "STARTTLS"))
		peer_starttls(s);
	else if (peer_is(line, "MAIL")) {
		const char *size = strstr(line.p, "SIZE=");
		s->announced = size == NULL ? 0 : strtoull(size + 5, NULL, 10);
		peer_say_to_envelope(s, s->messages > 0 && k->mail_later != NULL
						? k->mail_later
						: k->mail);
	} else if (peer_is(line, "RCPT"))
		peer_say_to_envelope(s, k->rcpt);
	else if (peer_is(line, "RSET"))
		peer_say(s, k->rset);
	else if (peer_is(line, "QUIT"))
		peer_say(s, k->quit);
	else if (peer_is(line, "DATA")) {
		peer_say(s, k->rcpt_late);
		peer_say(s, k->data);
		s->is_in_data = k->data != NULL && k->data[0] == '3';
		smtp_data_decoder_init(&s->decoder);
	} else if (peer_is(line, "BDAT")) {
		s->bdat_left = strtoull(line.p + 5, NULL, 10);
		s->is_in_bdat = true;
	} else {
		peer_say(s, "500 5.5.2 what\r\n");
	}
}

static inline void
peer_on_input(void *arg)
{
	struct peer_session *s = arg;
	struct span input, line;
	size_t used;

	while (!s->is_dead && !s->is_deaf && (input = stream_input(s->stream)).n > 0) {
		if (s->is_in_data || s->is_in_bdat) {
			size_t before = input.n;
			peer_take_content(s, input);
			if (s->is_dead || stream_input(s->stream).n == before)
				return;
			continue;
		}
		if (smtp_line_take(input, PEER_LINE_MAX, &s->scanned, &line, &used) !=
		    SMTP_LINE_OK)
			return;
		struct buf copy;
		buf_init(&copy, PEER_LINE_MAX + 2);
		buf_append_span(&copy, line);
		(void)buf_text(&copy);
		buf_append_span(s->is_tls ? &s->peer->commands : &s->peer->clear, line);
		buf_append_text(s->is_tls ? &s->peer->commands : &s->peer->clear, "|");
		stream_consume(s->stream, used);
		peer_command(s, buf_span(&copy));
		buf_done(&copy);
	}
}

static inline void
peer_on_eof(void *arg)
{
	peer_session_close(arg);
}

static inline void
peer_on_error(void *arg, const struct err *e)
{
	(void)e;
	peer_session_close(arg);
}

static const struct stream_events peer_events = { .on_input = peer_on_input,
						  .on_eof = peer_on_eof,
						  .on_error = peer_on_error };

/* The other end is in this process, too: how much its kernel buffer takes. */
static inline void
peer_set_other_end(int fd, int bytes)
{
	struct sockaddr_in client, name;
	socklen_t n = sizeof(client);

	assert_int_equal(getpeername(fd, (struct sockaddr *)&client, &n), 0);
	for (int other = 3; other < 1024; other++) {
		n = sizeof(name);
		if (getsockname(other, (struct sockaddr *)&name, &n) == 0 &&
		    n == sizeof(name) && name.sin_port == client.sin_port)
			setsockopt(other, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	}
}

static inline void
peer_on_accept(void *arg, int fd, const struct socket_address *from)
{
	struct peer *p = arg;
	size_t n = p->connections < p->n_scripts ? p->connections : p->n_scripts - 1;
	struct peer_session *s = calloc(1, sizeof(*s));
	struct err e;

	(void)from;
	assert_non_null(s);
	if (p->takes_little)
		peer_set_other_end(fd, 4096);
	s->peer = p;
	s->script = &p->scripts[n];
	buf_init(&s->message, SIZE_MAX);
	buf_init(&s->held, PEER_LINE_MAX);
	list_append(&p->sessions, &s->node);
	p->connections++;
	p->open++;
	if (p->open > p->most_open)
		p->most_open = p->open;
	assert_int_equal(stream_new(p->loop, fd, NULL, &peer_events, s, &s->stream, &e),
			 0);
	peer_say(s, s->script->greeting);
}

/* The script of all further connections: a good one, to be changed. */
static inline struct peer_script *
peer_script_then(struct peer *p)
{
	assert_in_range(p->n_scripts, 1, PEER_SCRIPTS_MAX - 1);
	p->scripts[p->n_scripts] = peer_script_good();
	return &p->scripts[p->n_scripts++];
}

static inline void
peer_open(struct peer *p, struct loop *l, struct tls_context *tls)
{
	struct listener_settings settings = { .inherited_fd = -1 };
	struct err e;

	*p = (struct peer){ .loop = l, .tls = tls, .keeps_messages = true };
	p->scripts[0] = peer_script_good();
	p->n_scripts = 1;
	list_init(&p->sessions);
	buf_init(&p->clear, 1 << 20);
	buf_init(&p->commands, 1 << 20);
	assert_int_equal(socket_address_parse("127.0.0.1:0", &settings.address, &e), 0);
	assert_int_equal(listener_new(l, &settings, peer_on_accept, p, &p->listener, &e),
			 0);
	p->address = listener_address(p->listener);
}

static inline void
peer_close(struct peer *p)
{
	for (struct list_node *n; (n = list_first(&p->sessions)) != NULL;) {
		struct peer_session *s = list_entry(n, struct peer_session, node);
		list_remove(&p->sessions, n);
		peer_session_close(s);
		buf_done(&s->message);
		buf_done(&s->held);
		free(s);
	}
	if (p->listener != NULL)
		listener_free(p->listener);
	for (size_t i = 0; i < p->n_messages; i++)
		buf_done(&p->messages[i]);
	buf_done(&p->clear);
	buf_done(&p->commands);
}

#endif

/*
 * session.c - handshake and records between a stream's buffers.
 *
 * decode() gives OpenSSL one whole record at a time: so there is one SSL_read per
 * record, and what cannot be taken yet stays in the wire buffer, where the stream sees
 * it. A record that does not fit is read in pieces.
 *
 * `done` runs after the turn in which the handshake ended; records that came behind it
 * wait on the wire until then. It may close the stream, and with it this session.
 */
#include "session.h"

#include "failure.h"
#include "tdc/base/check.h"
#include "tdc/loop/stream.h"
#include "verify.h"

#include <openssl/err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	RECORD_HEADER = 5,
	RECORD_PLAIN_MAX = 16384,
	RECORD_WIRE_MAX = RECORD_PLAIN_MAX + 2048, /* RFC 5246 6.2.3; more is an error */
	RECORD_OVERHEAD = 512,                     /* more than any cipher adds        */
};

static void
lend(struct tls_session *t, struct buf *in, struct buf *out)
{
	t->wire = (struct tls_wire){ .in = in, .out = out, .allowed = SIZE_MAX };
	ERR_clear_error();
}

static void
take_back(struct tls_session *t)
{
	t->wire = (struct tls_wire){ 0 };
}

/* -- the handshake -- */

void
tls_session_learn(struct tls_session *t)
{
	struct tls_facts *f = &t->facts;
	X509 *peer = SSL_get0_peer_certificate(t->ssl);
	bool is_resumed = SSL_session_reused(t->ssl) == 1;

	/* Of a resumed session's peer we know what its first handshake showed. */
	if (is_resumed)
		*f = t->remembered;
	snprintf(f->version, sizeof(f->version), "%s", SSL_get_version(t->ssl));
	snprintf(f->cipher, sizeof(f->cipher), "%s", SSL_get_cipher_name(t->ssl));
	f->is_resumed = is_resumed;
	if (t->context->is_server || is_resumed || peer == NULL)
		return;
	tls_certificate_facts(peer, f);
	f->is_verified =
		f->failure[0] == '\0' && SSL_get_verify_result(t->ssl) == X509_V_OK;
	if (f->is_verified) {
		const char *matched = SSL_get0_peername(t->ssl);
		snprintf(f->peer_name, sizeof(f->peer_name), "%s",
			 matched != NULL ? matched : t->name);
	}
}

/* The task after the turn in which the handshake ended. */
static void
tell(struct loop_task *task)
{
	struct tls_session *t = list_entry(task, struct tls_session, tell);
	tls_done_fn *done = t->done;

	t->done = NULL;
	t->is_telling = true;
	done(t->arg, &t->facts, t->phase == TLS_FAILED ? &t->failure : NULL);
	t->is_telling = false;
	if (t->is_gone)
		tls_session_free(t);
	else
		stream_transform_continue(t->stream); /* what came behind the handshake */
}

static void
end_handshake(struct tls_session *t, enum tls_phase phase)
{
	t->phase = phase;
	t->tell.run = tell;
	loop_at_turn_end(stream_loop(t->stream), &t->tell);
}

static void
fail_handshake(struct tls_session *t)
{
	if (t->facts.failure[0] != '\0' && t->mode == TLS_MODE_VERIFY)
		err_set(&t->failure, ERR_TLS, 0, "%s", t->facts.failure);
	else
		tls_failure(&t->failure, ERR_TLS, "TLS handshake");
	ERR_clear_error();
	end_handshake(t, TLS_FAILED);
}

static void
shake_hands(struct tls_session *t)
{
	int r = SSL_do_handshake(t->ssl);

	if (r == 1) {
		tls_session_learn(t);
		end_handshake(t, TLS_OPEN);
		return;
	}
	int why = SSL_get_error(t->ssl, r);
	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		fail_handshake(t);
}

/* -- records -- */

/* Bytes of the record at the front of the wire, header included; 0 = not all of it is there. */
static size_t
whole_record(const struct buf *wire)
{
	if (wire->n < RECORD_HEADER)
		return 0;
	const unsigned char *p = (const unsigned char *)buf_span(wire).p;
	size_t n = RECORD_HEADER + ((size_t)p[3] << 8 | p[4]);
	if (n > RECORD_HEADER + RECORD_WIRE_MAX)
		return RECORD_HEADER; /* for OpenSSL to refuse */
	return wire->n < n ? 0 : n;
}

/* Takes plaintext until OpenSSL has none left of what it was allowed to read. 0, or -1. */
static int
read_allowed(struct tls_session *t, struct buf *plain, bool *eof, struct err *e)
{
	do {
		size_t room = buf_room(plain);
		size_t got = 0;

		if (room > RECORD_PLAIN_MAX)
			room = RECORD_PLAIN_MAX;
		if (room == 0)
			return 0;
		char *to = buf_reserve(plain, room);
		if (to == NULL)
			return err_set(e, ERR_MEMORY, 0, "no memory for TLS input");
		int r = SSL_read_ex(t->ssl, to, room, &got);
		if (r == 1) {
			buf_commit(plain, got);
			continue;
		}
		switch (SSL_get_error(t->ssl, r)) {
		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE:
			return 0;
		case SSL_ERROR_ZERO_RETURN:
			t->phase = TLS_CLOSED;
			*eof = true;
			return 0;
		default:
			return tls_failure(e, ERR_TLS, "TLS");
		}
	} while (SSL_has_pending(t->ssl));
	return 0;
}

static int
read_records(struct tls_session *t, struct buf *plain, bool *eof, struct err *e)
{
	t->wire.allowed = 0;
	if (SSL_has_pending(t->ssl) && read_allowed(t, plain, eof, e) != 0)
		return -1;
	while (t->phase == TLS_OPEN && buf_room(plain) > 0) {
		t->wire.allowed = whole_record(t->wire.in);
		if (t->wire.allowed == 0)
			return 0;
		if (read_allowed(t, plain, eof, e) != 0)
			return -1;
	}
	return 0;
}

static int
tls_decode(void *state, struct buf *wire_in, struct buf *plain_in, struct buf *wire_out,
	   bool *eof, struct err *e)
{
	struct tls_session *t = state;
	int r = 0;

	lend(t, wire_in, wire_out);
	if (t->phase == TLS_HANDSHAKE)
		shake_hands(t);
	else if (t->phase == TLS_OPEN && t->done == NULL)
		r = read_records(t, plain_in, eof, e);
	take_back(t);
	if (t->phase == TLS_FAILED || t->phase == TLS_CLOSED)
		buf_clear(wire_in);
	return r;
}

static int
tls_encode(void *state, struct span plain, struct buf *wire_out, size_t *taken,
	   struct err *e)
{
	struct tls_session *t = state;
	int r = 0;

	*taken = 0;
	if (t->phase == TLS_HANDSHAKE || t->phase == TLS_FAILED)
		return 0;
	lend(t, NULL, wire_out);
	while (*taken < plain.n && r == 0) {
		size_t n = plain.n - *taken;
		size_t room = buf_room(wire_out);
		size_t done = 0;

		if (n > RECORD_PLAIN_MAX)
			n = RECORD_PLAIN_MAX;
		if (room < n + RECORD_OVERHEAD && wire_out->n == 0 &&
		    room > RECORD_OVERHEAD)
			n = room - RECORD_OVERHEAD;
		if (room < n + RECORD_OVERHEAD)
			break;
		int ok = SSL_write_ex(t->ssl, plain.p + *taken, n, &done);
		if (ok == 1) {
			*taken += done;
			continue;
		}
		int why = SSL_get_error(t->ssl, ok);
		if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ)
			break;
		r = tls_failure(e, ERR_TLS, "TLS");
	}
	take_back(t);
	return r;
}

static bool
tls_is_busy(const void *state)
{
	const struct tls_session *t = state;

	return t->phase == TLS_HANDSHAKE || t->phase == TLS_FAILED;
}

static void
tls_shutdown(void *state, struct buf *wire_out)
{
	struct tls_session *t = state;

	if (t->phase != TLS_OPEN && t->phase != TLS_CLOSED)
		return;
	lend(t, NULL, wire_out);
	SSL_shutdown(t->ssl);
	ERR_clear_error();
	take_back(t);
}

void
tls_session_free(struct tls_session *t)
{
	if (t == NULL)
		return;
	if (t->ssl != NULL) {
		/* A connection that was cut does not make its session worthless (RFC 5246 7.2.1). */
		if (t->phase == TLS_OPEN)
			SSL_set_shutdown(t->ssl,
					 SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(t->ssl);
	}
	tls_context_unref(t->context);
	buf_done(&t->key);
	free(t->name);
	free(t);
}

/* The stream lets go. */
static void
tls_release(void *state)
{
	struct tls_session *t = state;

	t->is_gone = true;
	if (t->is_telling)
		return;
	loop_task_cancel(stream_loop(t->stream), &t->tell);
	tls_session_free(t);
}

bool
tls_ended_cleanly(const struct stream *s)
{
	const struct tls_session *t = stream_transform_state(s);

	return t != NULL && t->phase == TLS_CLOSED;
}

const struct stream_transform_ops tls_transform_ops = {
	.decode = tls_decode,
	.encode = tls_encode,
	.is_busy = tls_is_busy,
	.shutdown = tls_shutdown,
	.free = tls_release,
};

/*
 * session.h - one TLS session: the transform of a stream.
 *
 *	HANDSHAKE --> OPEN --> CLOSED (the peer said goodbye)
 *	    \-> FAILED
 *
 * A failed handshake leaves its alert in the wire buffer; whatever comes later is
 * dropped until the stream is closed.
 */
#ifndef TDC_SRC_TLS_SESSION_H
#define TDC_SRC_TLS_SESSION_H

#include "context.h"
#include "tdc/base/buf.h"
#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"
#include "wire.h"

enum tls_phase { TLS_HANDSHAKE, TLS_OPEN, TLS_CLOSED, TLS_FAILED };

struct tls_session {
	struct tls_context *context;
	struct stream *stream; /* borrowed; it frees us */
	SSL *ssl;
	struct tls_wire wire;
	enum tls_phase phase;
	enum tls_mode mode;
	char *name;     /* that the peer must prove; NULL on servers            */
	struct buf key; /* under which the session is remembered; empty = not   */
	struct tls_facts facts;
	struct tls_facts remembered; /* of the session that we ask to resume    */
	struct err failure;
	tls_done_fn *done;
	void *arg;
	struct loop_task tell; /* calls `done` after the turn      */
	bool is_telling;       /* inside `done`                     */
	bool is_gone;          /* the stream let go of us meanwhile */
};

/* OpenSSL's callback for a new session of a client. */
int tls_session_remember(SSL *ssl, SSL_SESSION *session);
/* Fills the facts; the handshake is complete, or as good as. */
void tls_session_learn(struct tls_session *t);

extern const struct stream_transform_ops tls_transform_ops;
/* Frees what a session that was never given to a stream holds; NULL is fine. */
void tls_session_free(struct tls_session *t);

#endif

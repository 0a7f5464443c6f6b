/*
 * stream.h - one connected byte stream, non-blocking, with limits.
 *
 * The input buffer has a maximum: when it is full, reading pauses by itself until the
 * consumer took something. Output is appended at will and the producer asks
 * stream_output_is_full() (high watermark) and waits for `on_drain` (low watermark):
 * everything queued in one turn goes out in one writev (or one TLS record run) at the
 * turn's end, or at once with stream_flush(). TCP_NODELAY is set on TCP streams.
 *
 * A transform (TLS) sits between the descriptor and the buffers. `loop` knows only its
 * ops table; `tls` fills it. Bytes that the peer sent before the transform was put in
 * place are the caller's to look for: stream_wire_is_clean().
 *
 * Events come from the loop, never from inside a call of this header. After
 * stream_close() no event comes any more; the stream is freed after the turn. Loop thread
 * only.
 */
#ifndef TDC_LOOP_STREAM_H
#define TDC_LOOP_STREAM_H

#include "tdc/base/buf.h"
#include "tdc/base/err.h"
#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct loop;
struct stream;

struct stream_events {
	/* New input is there; see stream_input(). Comes again only when more arrives,
	 * or after stream_resume() while input is left. */
	void (*on_input)(void *arg);
	/* Queued output fell to the low watermark after stream_output_is_full() was
	 * true, or to 0. */
	void (*on_drain)(void *arg);
	/* The peer sent its end of file (after all input was offered). Writing may
	 * still work. */
	void (*on_eof)(void *arg);
	/* The deadline passed. It is cleared; the stream still works. */
	void (*on_timeout)(void *arg);
	/* The stream broke (network, TLS). Nothing works any more but stream_close(). */
	void (*on_error)(void *arg, const struct err *e);
};

struct stream_settings {
	size_t input_max;   /* plaintext bytes kept; 0 = 64 KiB */
	size_t output_high; /* 0 = 256 KiB; a soft bound: appends still succeed */
	size_t output_low;  /* 0 = output_high / 4 */
};

/*
 * What a transform does. `wire` buffers hold what goes over the descriptor, `plain` what
 * the user of the stream sees. Each returns 0, or -1 and an error (the stream then
 * breaks).
 */
struct stream_transform_ops {
	/* Takes what it can from wire_in; puts plaintext into plain_in (at most its
	 * room) and whatever must be answered into wire_out. Sets *eof at the peer's
	 * close_notify. Is called again when more came, and when the consumer made
	 * room while bytes were left. */
	int (*decode)(void *state, struct buf *wire_in, struct buf *plain_in,
		      struct buf *wire_out, bool *eof, struct err *e);
	/* Encodes up to plain.n bytes; *taken says how many. 0 taken = wait for more
	 * input first (handshake under way) or wire_out is full. */
	int (*encode)(void *state, struct span plain, struct buf *wire_out, size_t *taken,
		      struct err *e);
	/* True while encode() cannot take bytes because the handshake runs. */
	bool (*is_busy)(const void *state);
	/* Writes the goodbye (close_notify) into wire_out. */
	void (*shutdown)(void *state, struct buf *wire_out);
	void (*free)(void *state);
};

/* Takes the descriptor in every case (closes it on failure). */
int stream_new(struct loop *l, int fd, const struct stream_settings *s,
	       const struct stream_events *events, void *arg, struct stream **ret,
	       struct err *e);
/* Replaces the receiver of events (when a connection goes from a pool to a
 * transaction). */
void stream_set_events(struct stream *s, const struct stream_events *events, void *arg);
/* Queued output is tried once more without waiting, then everything is gone. NULL is
 * fine. */
void stream_close(struct stream *s);
/* No more input is offered; closes when the queued output is out, or after grace_ms.
 * No events. */
void stream_close_after_output(struct stream *s, int64_t grace_ms);

/* -- input -- */
struct span stream_input(const struct stream *s); /* valid until the next call or event */
void stream_consume(struct stream *s, size_t n);
/* no on_input until resumed; the kernel pushes back */
void stream_pause(struct stream *s);
/* on_input comes (from the loop) if input is left */
void stream_resume(struct stream *s);
/* True when nothing was received that has not been consumed, neither wire nor
 * plaintext. */
bool stream_wire_is_clean(const struct stream *s);
/* Forgets all received, unconsumed bytes. Returns how many there were. */
size_t stream_discard_input(struct stream *s);

/* -- output -- */
/* Copies; -1: no memory. On a broken stream bytes are accepted and dropped: on_error
 * is on its way. */
int stream_write(struct stream *s, const void *p, size_t n);
/* Borrows the bytes until `release(arg)` runs: exactly once, also when the stream is
 * closed, and at once when this returns -1. It may run inside a call of this header.
 * NULL: the bytes live longer. */
int stream_write_ref(struct stream *s, struct span bytes, void (*release)(void *arg),
		     void *arg);
bool stream_output_is_full(const struct stream *s);
size_t stream_output_queued(const struct stream *s);
/* plaintext bytes handed to the kernel or transform */
uint64_t stream_bytes_out(const struct stream *s);
uint64_t stream_bytes_in(const struct stream *s);
void stream_flush(struct stream *s); /* now instead of at the turn's end */

/* -- time -- */
/* from now; <= 0 clears. Cheap to call often */
void stream_set_deadline(struct stream *s, int64_t ms);

/* -- transform -- */
/* Takes `state`. Input that is already buffered as wire bytes goes through the
 * transform. The transform's first output (a ClientHello) is asked for at once by
 * decode() with empty input. */
void stream_set_transform(struct stream *s, const struct stream_transform_ops *ops,
			  void *state);
void *stream_transform_state(const struct stream *s); /* NULL without one */

/* For a transform that left bytes on the wire until its user was told something:
 * decode() is called again at this turn's end. Pausing is not touched. */
void stream_transform_continue(struct stream *s);

struct loop *stream_loop(const struct stream *s);
/* for getsockname and the like; never read or write it */
int stream_fd(const struct stream *s);

/* -- sockets -- */
enum { SOCKET_TEXT_MAX = 128 };
struct socket_address {
	struct sockaddr_storage storage;
	socklen_t length;
};
/* "192.0.2.1:25", "[2001:db8::1]:25", "unix:/run/x" or "unix" for an unnamed peer. */
void socket_address_format(const struct socket_address *a, char text[SOCKET_TEXT_MAX]);
/* Without the port; "unix" for unix sockets. */
void socket_address_format_host(const struct socket_address *a,
				char text[SOCKET_TEXT_MAX]);
/* Parses "host-literal:port", "[v6]:port", "unix:/path". Names are not resolved:
 * ERR_SYNTAX. */
int socket_address_parse(const char *text, struct socket_address *ret, struct err *e);
bool socket_address_is_loopback(const struct socket_address *a);
/* Whether only one of them can be listened at: they are the same, or one is any address
 * (0.0.0.0, [::]) with the other's port. Port 0 is always another one. */
bool socket_address_overlaps(const struct socket_address *a,
			     const struct socket_address *b);

/* An accepting socket. `on_accept` owns the descriptor that it is given. */
typedef void listener_fn(void *arg, int fd, const struct socket_address *peer);
struct listener;
struct listener_settings {
	struct socket_address address;
	unsigned mode; /* of a unix socket's file, e.g. 0660 */
	int backlog;   /* 0 = 1024 */
	/* >= 0: already bound and listening (socket activation); taken */
	int inherited_fd;
};
int listener_new(struct loop *l, const struct listener_settings *s,
		 listener_fn *on_accept, void *arg, struct listener **ret, struct err *e);
/* 0, or -1 and what listener_new() would fail with. No file is made or removed; the
 * address is bound for a moment, a unix socket that is there is connected to. */
int listener_look(const struct listener_settings *s, struct err *e);
void listener_pause(struct listener *n); /* connections wait in the backlog */
void listener_resume(struct listener *n);
void listener_free(struct listener *n); /* a unix socket's file is removed */
/* with the port that was chosen */
struct socket_address listener_address(const struct listener *n);

/* A connection being made. `done` runs exactly once, never from inside the call; on
 * success it owns fd. What is said of a failure leaves it to the caller to say where. */
typedef void connect_fn(void *arg, int fd, const struct err *e);
struct connecting;
int connecting_new(struct loop *l, const struct socket_address *to,
		   const struct socket_address *from, int64_t timeout_ms,
		   connect_fn *done, void *arg, struct connecting **ret, struct err *e);
void connecting_cancel(struct connecting *c); /* `done` does not run */

#endif

/*
 * stream_inside.h - what the files of a stream share: stream.c (life, time, events),
 * stream_input.c, stream_output.c.
 *
 *	            recv           decode           on_input
 *	descriptor ------> wire_in ------> plain_in --------> consumer
 *	descriptor <------ wire_out <----- queue <----------- producer
 *	            send            encode      stream_write
 *
 * Without a transform input goes straight into plain_in, and the queue goes out by
 * itself.
 */
#ifndef TDC_LOOP_STREAM_INSIDE_H
#define TDC_LOOP_STREAM_INSIDE_H

#include "loop/inside.h"
#include "tdc/loop/stream.h"

#include <event2/event_struct.h>

enum {
	STREAM_INPUT_MAX = 64 * 1024,
	STREAM_OUTPUT_HIGH = 256 * 1024,
	STREAM_WIRE_IN_MAX = 68 * 1024,
	STREAM_WIRE_OUT_MAX = 128 * 1024,
	/* Room for a transform's answers; with less, nothing is read. What encode() fills at
	 * once leaves more: output that is stuck never keeps input from being read. */
	STREAM_WIRE_OUT_LEAST = 32 * 1024,
	STREAM_READ_LEAST = 16 * 1024, /* room that is made for a read */
	STREAM_RECORD = 16 * 1024,     /* what a transform likes to get at once */
	STREAM_ENCODE_MOST = 4 * STREAM_RECORD,
	STREAM_PIECES_AT_ONCE = 64,
};

/* A piece of queued output: a block of copied bytes behind this head, or borrowed
 * bytes. */
struct piece {
	struct piece *next;
	const char *p;
	size_t n;
	bool is_block;
	void (*release)(void *arg);
	void *arg;
};

struct output {
	struct piece *first, **end;
	struct piece *last;
	size_t queued; /* bytes in the pieces */
};

struct stream {
	struct loop *loop;
	int fd;
	const struct stream_events *events;
	void *arg;
	struct event readable, writable;
	struct loop_task task;
	struct timer timer;
	int64_t deadline_at; /* 0 = none; the timer may be set for an earlier time */
	struct loop_orphan orphan;
	struct err *failure; /* why it broke; told by the task */

	struct buf plain_in, wire_in, wire_out;
	struct output out;
	size_t output_high, output_low;
	uint64_t bytes_in, bytes_out;
	const struct stream_transform_ops *ops;
	void *state;

	/* input */
	bool is_reading; /* `readable` is set */
	bool is_paused;
	bool has_news; /* input that was not offered yet */
	bool has_more; /* decode() has to be called again when plain_in has room */
	bool is_eof;   /* the peer is done */
	bool is_eof_told;
	/* output */
	bool is_waiting; /* `writable` is set */
	bool was_full;
	bool is_drained; /* on_drain is due */
	/* the end */
	bool is_failure_told;
	bool is_closed;
	bool is_parting;   /* stream_close_after_output() */
	bool said_goodbye; /* the transform's, while parting */
	bool is_shut;      /* SHUT_WR was done */
};

/* Marks the stream as broken (the first failure counts); on_error comes from the loop. */
void stream_fail(struct stream *s, const struct err *why);
void stream_fail_errno(struct stream *s, int os, const char *what);
/* Has the stream looked after at the turn's end. */
void stream_wake(struct stream *s);
/* Tells what there is to tell: drain, failure, progress of the parting. The stream may
 * be closed after. */
void stream_settle(struct stream *s);

/* stream_input.c */
void stream_input_init(struct stream *s);
void stream_input_done(struct stream *s);
void stream_input_read(struct stream *s); /* one read, decoded; nothing is offered */
void stream_input_decode(struct stream *s);
void stream_input_offer(struct stream *s); /* on_input, on_eof */
void stream_input_arm(struct stream *s);   /* watches the descriptor if input is wanted */
void stream_input_disarm(struct stream *s);
void stream_input_drop(struct stream *s); /* forgets what is buffered */

/* stream_output.c */
void stream_output_init(struct stream *s);
void stream_output_done(struct stream *s); /* releases what is queued */
void stream_output_flush(struct stream *s);
void stream_output_disarm(struct stream *s);
size_t stream_output_left(const struct stream *s);
/* Moves what is queued to the wire as it is, before a transform comes into place. */
void stream_output_leave_plain(struct stream *s);

#endif

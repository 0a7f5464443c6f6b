/*
 * toy.h - a transform for tests: frames of XORed bytes behind a handshake.
 *
 * Both sides say "hello\n" first. Then a frame is two bytes of length and the bytes XOR
 * 0x5a; a frame of length 0 is the goodbye. decode() takes one frame at a time, and only
 * if plain_in has room for all of it.
 */
#ifndef TDC_TESTS_UNIT_LOOP_TOY_H
#define TDC_TESTS_UNIT_LOOP_TOY_H

#include "tdc/base/buf.h"
#include "tdc/loop/stream.h"

#include <string.h>

enum { TOY_FRAME_MAX = 16384, TOY_KEY = 0x5a };

struct toy {
	bool said_hello, heard_hello, is_freed,
		is_waiting; /* is_waiting: leaves frames alone */
	size_t frames_out, longest_out, shortest_out;
	bool fail_decode, fail_encode;
};

static inline void
toy_hear_hello(struct toy *t, struct buf *in, struct err *e, int *r)
{
	static const char hello[] = "hello\n";
	struct span wire = buf_span(in);
	size_t n = wire.n < 6 ? wire.n : 6;

	if (n > 0 && memcmp(wire.p, hello, n) != 0)
		*r = err_set(e, ERR_TLS, 0, "this is no hello");
	if (*r == 0 && n == 6) {
		buf_consume(in, 6);
		t->heard_hello = true;
	}
}

static inline int
toy_decode(void *state, struct buf *in, struct buf *plain, struct buf *out, bool *eof,
	   struct err *e)
{
	struct toy *t = state;
	int r = 0;

	if (t->fail_decode)
		return err_set(e, ERR_TLS, 0, "a bad record");
	if (!t->said_hello)
		buf_append_text(out, "hello\n");
	t->said_hello = true;
	if (!t->heard_hello) {
		toy_hear_hello(t, in, e, &r);
		return r;
	}
	struct span wire = buf_span(in);
	if (wire.n < 2 || t->is_waiting)
		return 0;
	size_t n = (size_t)(unsigned char)wire.p[0] << 8 | (unsigned char)wire.p[1];
	if (wire.n < 2 + n)
		return 0;
	if (n == 0) {
		buf_consume(in, 2);
		*eof = true;
		return 0;
	}
	char *to = buf_room(plain) < n ? NULL : buf_reserve(plain, n);
	if (to == NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		to[i] = (char)(wire.p[2 + i] ^ TOY_KEY);
	buf_commit(plain, n);
	buf_consume(in, 2 + n);
	return 0;
}

static inline int
toy_encode(void *state, struct span plain, struct buf *out, size_t *taken, struct err *e)
{
	struct toy *t = state;

	*taken = 0;
	if (t->fail_encode)
		return err_set(e, ERR_TLS, 0, "cannot encode");
	if (!t->heard_hello)
		return 0;
	while (*taken < plain.n) {
		size_t n = plain.n - *taken;
		n = n > TOY_FRAME_MAX ? TOY_FRAME_MAX : n;
		char *to = buf_room(out) < n + 2 ? NULL : buf_reserve(out, n + 2);
		if (to == NULL)
			break;
		to[0] = (char)(n >> 8);
		to[1] = (char)(n & 0xff);
		for (size_t i = 0; i < n; i++)
			to[2 + i] = (char)(plain.p[*taken + i] ^ TOY_KEY);
		buf_commit(out, n + 2);
		*taken += n;
		t->frames_out++;
		t->longest_out = n > t->longest_out ? n : t->longest_out;
		if (t->shortest_out == 0 || n < t->shortest_out)
			t->shortest_out = n;
	}
	return 0;
}

static inline bool
toy_is_busy(const void *state)
{
	return !((const struct toy *)state)->heard_hello;
}

static inline void
toy_shutdown(void *state, struct buf *out)
{
	(void)state;
	buf_append(out, "\0\0", 2);
}

static inline void
toy_free(void *state)
{
	((struct toy *)state)->is_freed = true;
}

static const struct stream_transform_ops toy_ops = { toy_decode, toy_encode, toy_is_busy,
						     toy_shutdown, toy_free };

/* A frame for the peer to send. */
static inline size_t
toy_frame(char *to, const char *bytes, size_t n)
{
	to[0] = (char)(n >> 8);
	to[1] = (char)(n & 0xff);
	for (size_t i = 0; i < n; i++)
		to[2 + i] = (char)(bytes[i] ^ TOY_KEY);
	return n + 2;
}

#endif

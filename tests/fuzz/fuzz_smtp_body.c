/*
 * fuzz_smtp_body.c - message data decodes as the plainest form of the rule says, however
 * it is cut; what was encoded decodes to the same bytes, and ends where it ended.
 *
 * The first byte of the input is the size of the chunks.
 */
#include "tdc/base/check.h"
#include "tdc/smtp/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 22 };

static void
collect(void *arg, const char *p, size_t n)
{
	check(n > 0);
	check(buf_append(arg, p, n) == 0);
}

/* Returns the bytes used. */
static size_t
decode(struct span in, size_t chunk, struct buf *out, bool *ended)
{
	struct smtp_data_decoder d;
	size_t used = 0;

	smtp_data_decoder_init(&d);
	*ended = false;
	while (used < in.n && !*ended) {
		size_t n = in.n - used < chunk ? in.n - used : chunk;
		used += smtp_data_decode(&d, span_make(in.p + used, n), collect, out,
					 ended);
	}
	return used;
}

static size_t
model(struct span in, struct buf *out, bool *ended)
{
	bool is_start = true;

	*ended = false;
	for (size_t i = 0; i < in.n; i++) {
		if (is_start && in.p[i] == '.') {
			size_t left = in.n - i;
			if (left >= 3 && in.p[i + 1] == '\r' && in.p[i + 2] == '\n') {
				*ended = true;
				return i + 3;
			}
			if (left == 2 && in.p[i + 1] == '\r') /* undecided */
				return in.n;
		} else {
			buf_append_byte(out, in.p[i]);
		}
		is_start = in.p[i] == '\n' && i > 0 && in.p[i - 1] == '\r';
	}
	return in.n;
}

static void
check_decoding(struct span in, size_t chunk)
{
	struct buf want, got;
	bool want_ended, ended;

	buf_init(&want, ROOM);
	buf_init(&got, ROOM);
	size_t want_used = model(in, &want, &want_ended);
	size_t used = decode(in, chunk, &got, &ended);
	check(used == want_used && ended == want_ended);
	check(span_equal(buf_span(&got), buf_span(&want)));
	buf_done(&want);
	buf_done(&got);
}

static bool
has_bare(struct span in)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\r' && (i + 1 == in.n || in.p[i + 1] != '\n'))
			return true;
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			return true;
	}
	return false;
}

static int
encode(struct span in, size_t chunk, struct buf *out)
{
	struct smtp_data_encoder n;

	smtp_data_encoder_init(&n);
	while (in.n > 0) {
		size_t take = in.n < chunk ? in.n : chunk;
		if (smtp_data_encode(&n, span_make(in.p, take), collect, out) != 0)
			return -1;
		in = span_skip(in, take);
	}
	return smtp_data_encode_end(&n, collect, out);
}

static void
check_encoding(struct span in, size_t chunk)
{
	struct buf wire, again;
	bool ended;

	buf_init(&wire, ROOM);
	buf_init(&again, ROOM);
	int result = encode(in, chunk, &wire);
	check((result != 0) == has_bare(in));
	if (result == 0) {
		check(decode(buf_span(&wire), chunk, &again, &ended) == wire.n && ended);
		check(again.n == in.n || again.n == in.n + 2);
		check(span_equal(span_make(again.p, in.n), in));
	} else {
		/* A message that was broken off never contains an end. */
		decode(buf_span(&wire), wire.n, &again, &ended);
		check(!ended);
	}
	buf_done(&wire);
	buf_done(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t chunk = (size_t)(data[0] % 16) + 1;
	struct span in = span_make(data + 1, size - 1);
	check_decoding(in, chunk);
	check_decoding(in, size);
	check_encoding(in, chunk);
	check_encoding(in, size);
	return 0;
}

/*
 * test_body_blocks.c - long data is passed over in blocks; whatever stands at whatever
 * place of it is seen as when every byte comes alone.
 */
#include "show.h"

#include "tdc/smtp/body.h"

enum { ROOM = 1 << 14, LINES = 8, LINE = 50, PLACES = 330 };

static const struct span sequences[] = {
	BYTES("."),       BYTES("\r"),          BYTES("\n"),        BYTES("\r\n"),
	BYTES("\r\n."),   BYTES("\r\n.."),      BYTES("\r\n.\r\n"), BYTES("\r\n.\n"),
	BYTES("\r\n.\r"), BYTES("\n."),         BYTES("\n.\n"),     BYTES("\n.\r\n"),
	BYTES("\r.\r\n"), BYTES("\r\r\n.\r\n"), BYTES("\r\n\r\n"),  BYTES("\n\n"),
	BYTES("\r\r"),
};

/* LINES lines, with a sequence at one place. */
static void
make_data(struct buf *data, struct span sequence, size_t place)
{
	char text[LINES * LINE];

	memset(text, 'a', sizeof(text));
	for (size_t i = LINE; i <= sizeof(text); i += LINE)
		memcpy(text + i - 2, "\r\n", 2);
	buf_clear(data);
	buf_append(data, text, place);
	buf_append_span(data, sequence);
	buf_append(data, text + place, sizeof(text) - place);
}

static void
collect(void *arg, const char *p, size_t n)
{
	buf_append(arg, p, n);
}

struct outcome {
	struct buf bytes;
	size_t used;
	bool ended, bare_cr, bare_lf;
};

static void
decode(struct span data, size_t chunk, struct outcome *ret)
{
	struct smtp_data_decoder d;

	smtp_data_decoder_init(&d);
	buf_clear(&ret->bytes);
	ret->used = 0;
	ret->ended = false;
	while (ret->used < data.n && !ret->ended) {
		size_t left = data.n - ret->used, n = left < chunk ? left : chunk;
		ret->used += smtp_data_decode(&d, span_make(data.p + ret->used, n),
					      collect, &ret->bytes, &ret->ended);
	}
	ret->bare_cr = d.has_bare_cr;
	ret->bare_lf = d.has_bare_lf;
}

/* `ended` is that it was refused. What a refusing encoder hands out may differ. */
static void
encode(struct span data, size_t chunk, struct outcome *ret)
{
	struct smtp_data_encoder n;

	smtp_data_encoder_init(&n);
	buf_clear(&ret->bytes);
	ret->ended = false;
	for (size_t at = 0; at < data.n && !ret->ended; at += chunk) {
		size_t take = data.n - at < chunk ? data.n - at : chunk;
		ret->ended = smtp_data_encode(&n, span_make(data.p + at, take), collect,
					      &ret->bytes) != 0;
	}
	if (ret->ended || smtp_data_encode_end(&n, collect, &ret->bytes) != 0)
		buf_clear(&ret->bytes);
}

static int
differ(const char *what, size_t sequence, size_t place, const struct outcome *got,
       const struct outcome *want)
{
	if (got->used == want->used && got->ended == want->ended &&
	    got->bare_cr == want->bare_cr && got->bare_lf == want->bare_lf &&
	    span_equal(buf_span(&got->bytes), buf_span(&want->bytes)))
		return 0;
	print_error("%s sequence %zu at %zu: used %zu %zu, ended %d %d, bare CR %d %d, "
		    "bare LF %d %d, bytes %zu %zu\n",
		    what, sequence, place, got->used, want->used, got->ended, want->ended,
		    got->bare_cr, want->bare_cr, got->bare_lf, want->bare_lf,
		    got->bytes.n, want->bytes.n);
	return 1;
}

typedef void code_fn(struct span data, size_t chunk, struct outcome *ret);

static void
compare_everywhere(const char *what, code_fn *code)
{
	struct outcome whole = { 0 }, parts = { 0 }, bytes = { 0 };
	struct buf data;
	int failures = 0;

	buf_init(&data, ROOM);
	buf_init(&whole.bytes, ROOM);
	buf_init(&parts.bytes, ROOM);
	buf_init(&bytes.bytes, ROOM);
	for (size_t s = 0; s < sizeof(sequences) / sizeof(sequences[0]); s++) {
		for (size_t place = 0; place < PLACES; place++) {
			make_data(&data, sequences[s], place);
			code(buf_span(&data), ROOM, &whole);
			code(buf_span(&data), 150, &parts);
			code(buf_span(&data), 1, &bytes);
			failures += differ(what, s, place, &whole, &bytes);
			failures += differ(what, s, place, &parts, &bytes);
		}
	}
	buf_done(&data);
	buf_done(&whole.bytes);
	buf_done(&parts.bytes);
	buf_done(&bytes.bytes);
	assert_int_equal(failures, 0);
}

static void
test_decoding(void **state)
{
	(void)state;
	compare_everywhere("decoding", decode);
}

static void
test_encoding(void **state)
{
	(void)state;
	compare_everywhere("encoding", encode);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decoding),
		cmocka_unit_test(test_encoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

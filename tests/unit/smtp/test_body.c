/*
 * test_body.c - nothing but CRLF.CRLF ends data, however it is cut; what is encoded
 * decodes again.
 */
#include "show.h"

#include "tdc/smtp/body.h"

enum { ROOM = 1 << 16 };

static void
collect(void *arg, const char *p, size_t n)
{
	assert_true(n > 0);
	assert_int_equal(buf_append(arg, p, n), 0);
}

struct decoded {
	struct buf data;
	size_t used;
	bool ended, has_bare_cr, has_bare_lf;
};

/*
 * Feeds `input` in chunks that end at `cuts` (ascending), each chunk copied to its own
 * memory.
 */
static void
decode(struct span input, const size_t *cuts, size_t n_cuts, struct decoded *ret)
{
	struct smtp_data_decoder d;
	size_t at = 0;

	smtp_data_decoder_init(&d);
	buf_init(&ret->data, ROOM);
	ret->used = 0;
	ret->ended = false;
	for (size_t i = 0; i <= n_cuts && !ret->ended; i++) {
		size_t end = i < n_cuts ? cuts[i] : input.n;
		size_t n = end - at;
		char *copy = malloc(n == 0 ? 1 : n);
		assert_non_null(copy);
		if (n > 0)
			memcpy(copy, input.p + at, n);
		size_t used = smtp_data_decode(&d, span_make(copy, n), collect,
					       &ret->data, &ret->ended);
		assert_true(ret->ended ? used <= n : used == n);
		free(copy);
		ret->used += used;
		at = end;
	}
	ret->has_bare_cr = d.has_bare_cr;
	ret->has_bare_lf = d.has_bare_lf;
}

static const struct row {
	const char *name;
	struct span sequence, data;
	bool has_bare_cr, has_bare_lf;
} rows[] = {
	{ "lf dot lf is data", BYTES("\n.\n"), BYTES("\n.\n"), false, true },
	{ "cr dot cr is data", BYTES("\r.\r"), BYTES("\r.\r"), true, false },
	{ "cr dot lf is data", BYTES("\r.\n"), BYTES("\r.\n"), true, true },
	{ "lf dot cr is data", BYTES("\n.\r"), BYTES("\n.\r"), true, true },
	{ "lf dot crlf is data", BYTES("\n.\r\n"), BYTES("\n.\r\n"), false, true },
	{ "crlf dot lf is data without the dot", BYTES("\r\n.\n"), BYTES("\r\n\n"), false,
	  true },
	{ "cr dot crlf is data", BYTES("\r.\r\n"), BYTES("\r.\r\n"), true, false },
	{ "crlf dot cr is data without the dot", BYTES("\r\n.\r"), BYTES("\r\n\r"), true,
	  false },
	{ "crlf nul dot crlf is data", BYTES("\r\n\0.\r\n"), BYTES("\r\n\0.\r\n"), false,
	  false },
	{ "crlf dot nul crlf is data without the dot", BYTES("\r\n.\0\r\n"),
	  BYTES("\r\n\0\r\n"), false, false },
	{ "crlf dot cr crlf is data without the dot", BYTES("\r\n.\r\r\n"),
	  BYTES("\r\n\r\r\n"), true, false },
	{ "cr crlf dot cr crlf is data without the dot", BYTES("\r\r\n.\r\r\n"),
	  BYTES("\r\r\n\r\r\n"), true, false },
	{ "two stuffed dots lose one", BYTES("\r\n.."), BYTES("\r\n."), false, false },
	{ "a dot within a line stays", BYTES("x.y"), BYTES("x.y"), false, false },
	{ "a dot alone but for a blank is data", BYTES("\r\n. \r\n"), BYTES("\r\n \r\n"),
	  false, false },
	{ "lf lf dot crlf is data", BYTES("\n\n.\r\n"), BYTES("\n\n.\r\n"), false, true },
	{ "crlf lf dot crlf is data", BYTES("\r\n\n.\r\n"), BYTES("\r\n\n.\r\n"), false,
	  true },
	{ "crlf cr dot crlf is data", BYTES("\r\n\r.\r\n"), BYTES("\r\n\r.\r\n"), true,
	  false },
	{ "lf cr dot crlf is data", BYTES("\n\r.\r\n"), BYTES("\n\r.\r\n"), true, true },
	{ "a run of cr is data", BYTES("\r\r\r\r"), BYTES("\r\r\r\r"), true, false },
	{ "8-bit bytes are data", BYTES("\x8a\x2e\x8d\x0d\x0a"),
	  BYTES("\x8a\x2e\x8d\x0d\x0a"), false, false },
};

static const struct span prefixes[] = { BYTES(""), BYTES("a"), BYTES("a\r\n"),
					BYTES("..\r\n") };
static const struct span decoded_prefixes[] = { BYTES(""), BYTES("a"), BYTES("a\r\n"),
						BYTES(".\r\n") };

/*
 * A whole transmission: prefix, sequence, a command that must stay data, the end, the
 * next command.
 */
static void
compose(const struct row *row, size_t prefix, struct buf *wire, struct buf *want,
	size_t *used)
{
	static const char smuggled[] = "MAIL FROM:<evil@example.com>\r\n";

	buf_init(wire, ROOM);
	buf_init(want, ROOM);
	buf_append_span(wire, prefixes[prefix]);
	buf_append_span(wire, row->sequence);
	buf_append_text(wire, smuggled);
	buf_append_text(wire, ".\r\n");
	*used = wire->n;
	buf_append_text(wire, "QUIT\r\n");
	buf_append_span(want, decoded_prefixes[prefix]);
	buf_append_span(want, row->data);
	buf_append_text(want, smuggled);
}

static int
check_cut(const struct row *row, struct span wire, struct span want, size_t used,
	  const size_t *cuts, size_t n_cuts)
{
	struct decoded d;
	int failures = 0;

	decode(wire, cuts, n_cuts, &d);
	failures += differ_number(row->name, "ended", d.ended, true);
	failures += differ_number(row->name, "used", (int64_t)d.used, (int64_t)used);
	failures += differ_bytes(row->name, "data", buf_span(&d.data), want);
	failures += differ_number(row->name, "bare cr", d.has_bare_cr, row->has_bare_cr);
	failures += differ_number(row->name, "bare lf", d.has_bare_lf, row->has_bare_lf);
	if (failures > 0)
		fprintf(stderr, "  cut at %zu\n", n_cuts > 0 ? cuts[0] : 0);
	buf_done(&d.data);
	return failures;
}

static void
test_sequences_at_every_cut(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(prefixes); i++) {
		const struct row *row = &rows[i / COUNT_OF(prefixes)];
		struct buf wire, want;
		size_t used, all[256];
		compose(row, i % COUNT_OF(prefixes), &wire, &want, &used);
		assert_true(wire.n < COUNT_OF(all));
		for (size_t k = 0; k < wire.n; k++)
			all[k] = k;
		for (size_t k = 0; k <= wire.n; k++)
			failures += check_cut(row, buf_span(&wire), buf_span(&want), used,
					      &k, 1);
		failures += check_cut(row, buf_span(&wire), buf_span(&want), used, all,
				      wire.n);
		buf_done(&wire);
		buf_done(&want);
	}
	assert_int_equal(failures, 0);
}

static const struct {
	const char *name;
	struct span wire, data;
	bool ended;
	size_t used;
} ends[] = {
	{ "a dot and crlf at once is an empty message", BYTES(".\r\n"), BYTES(""), true,
	  3 },
	{ "crlf dot crlf is a message of one empty line", BYTES("\r\n.\r\n"),
	  BYTES("\r\n"), true, 5 },
	{ "what follows the end is not used", BYTES(".\r\nQUIT\r\n"), BYTES(""), true,
	  3 },
	{ "data without an end goes on", BYTES("abc\r\n"), BYTES("abc\r\n"), false, 5 },
	{ "a dot and cr so far are held back", BYTES("a\r\n.\r"), BYTES("a\r\n"), false,
	  5 },
	{ "a dot so far is held back", BYTES("a\r\n."), BYTES("a\r\n"), false, 4 },
	{ "a cr within a line is not held back", BYTES("a\r"), BYTES("a\r"), false, 2 },
	{ "no bytes are no data", BYTES(""), BYTES(""), false, 0 },
};

static void
test_ends(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct decoded d;
		decode(ends[i].wire, NULL, 0, &d);
		failures += differ_number(ends[i].name, "ended", d.ended, ends[i].ended);
		failures += differ_number(ends[i].name, "used", (int64_t)d.used,
					  (int64_t)ends[i].used);
		failures += differ_bytes(ends[i].name, "data", buf_span(&d.data),
					 ends[i].data);
		buf_done(&d.data);
	}
	assert_int_equal(failures, 0);
}

static void
count_calls(void *arg, const char *p, size_t n)
{
	(void)p;
	(void)n;
	++*(size_t *)arg;
}

static void
test_clean_data_is_one_run(void **state)
{
	static const char text[] = "one\r\ntwo\r\n\r\nthree with a dot . in it\r\nfour";
	struct smtp_data_decoder d;
	struct smtp_data_encoder n;
	size_t calls = 0;
	bool ended;

	(void)state;
	smtp_data_decoder_init(&d);
	smtp_data_decode(&d, span_of(text), count_calls, &calls, &ended);
	assert_int_equal(calls, 1);
	smtp_data_encoder_init(&n);
	assert_int_equal(smtp_data_encode(&n, span_of(text), count_calls, &calls), 0);
	assert_int_equal(calls, 2);
}

static void
test_nothing_is_used_behind_the_end(void **state)
{
	struct smtp_data_decoder d;
	struct buf data;
	bool ended = false;

	(void)state;
	buf_init(&data, ROOM);
	smtp_data_decoder_init(&d);
	assert_int_equal(smtp_data_decode(&d, LITERAL(".\r\n"), collect, &data, &ended),
			 3);
	assert_int_equal(
		smtp_data_decode(&d, LITERAL("RSET\r\n"), collect, &data, &ended), 0);
	assert_true(ended);
	assert_int_equal(data.n, 0);
	buf_done(&data);
}

/* Encodes in two pieces. -1 when the encoder refused, else 0. */
static int
encode(struct span input, size_t cut, struct buf *wire)
{
	struct smtp_data_encoder n;

	buf_init(wire, ROOM);
	smtp_data_encoder_init(&n);
	if (smtp_data_encode(&n, span_make(input.p, cut), collect, wire) != 0 ||
	    smtp_data_encode(&n, span_skip(input, cut), collect, wire) != 0)
		return -1;
	return smtp_data_encode_end(&n, collect, wire);
}

static const struct {
	const char *name;
	struct span data, wire;
	int result;
} encodings[] = {
	{ "no data is a dot", BYTES(""), BYTES(".\r\n"), 0 },
	{ "a line that is not ended gets its crlf", BYTES("a"), BYTES("a\r\n.\r\n"), 0 },
	{ "an ended line gets no other", BYTES("a\r\n"), BYTES("a\r\n.\r\n"), 0 },
	{ "the first dot is doubled", BYTES("."), BYTES("..\r\n.\r\n"), 0 },
	{ "a dot behind crlf is doubled", BYTES("a\r\n.b\r\n"),
	  BYTES("a\r\n..b\r\n.\r\n"), 0 },
	{ "dots only", BYTES("..\r\n.\r\n"), BYTES("...\r\n..\r\n.\r\n"), 0 },
	{ "a dot within a line stays", BYTES("a.b"), BYTES("a.b\r\n.\r\n"), 0 },
	{ "nul may pass", BYTES("\0\r\n"), BYTES("\0\r\n.\r\n"), 0 },
	{ "bare lf is refused", BYTES("a\nb\r\n"), NO_BYTES, -1 },
	{ "bare cr is refused", BYTES("a\rb\r\n"), NO_BYTES, -1 },
	{ "cr cr lf is refused", BYTES("a\r\r\n"), NO_BYTES, -1 },
	{ "lf at the start is refused", BYTES("\n"), NO_BYTES, -1 },
	{ "cr at the end is refused", BYTES("a\r"), NO_BYTES, -1 },
};

static void
test_encodings(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(encodings); i++) {
		struct span data = encodings[i].data;
		for (size_t cut = 0; cut <= data.n; cut++) {
			struct buf wire;
			int result = encode(data, cut, &wire);
			failures += differ_number(encodings[i].name, "result", result,
						  encodings[i].result);
			if (result == 0)
				failures +=
					differ_bytes(encodings[i].name, "wire",
						     buf_span(&wire), encodings[i].wire);
			buf_done(&wire);
		}
	}
	assert_int_equal(failures, 0);
}

static void
test_a_refused_encoder_stays_refused(void **state)
{
	struct smtp_data_encoder n;
	struct buf wire;

	(void)state;
	buf_init(&wire, ROOM);
	smtp_data_encoder_init(&n);
	assert_int_equal(
		smtp_data_encode(&n, LITERAL("ok\r\nbad\n.\r\n"), collect, &wire), -1);
	assert_null(memmem(wire.p, wire.n, "\n.", 2));
	assert_int_equal(smtp_data_encode(&n, LITERAL("ok\r\n"), collect, &wire), -1);
	assert_int_equal(smtp_data_encode_end(&n, collect, &wire), -1);
	buf_done(&wire);
}

/* Random pieces of everything that matters, and random cuts. */
static size_t
random_data(uint64_t *seed, bool allow_bare, char *to)
{
	static const struct span pieces[] = {
		BYTES("a"),     BYTES("."),  BYTES("\r\n"), BYTES("\0"),      BYTES("bc"),
		BYTES("\r\n."), BYTES("\r"), BYTES("\n"),   BYTES("\r\n.\r"),
	};
	size_t n = 0, count = random_below(seed, 24);

	for (size_t i = 0; i < count; i++) {
		struct span piece = pieces[random_below(seed, allow_bare ? 9 : 6)];
		memcpy(to + n, piece.p, piece.n);
		n += piece.n;
	}
	return n;
}

static size_t
random_cuts(uint64_t *seed, size_t n, size_t *cuts)
{
	size_t n_cuts = 0;

	for (size_t at = 0; n_cuts < 64;) {
		at += random_below(seed, 6);
		if (at > n)
			break;
		cuts[n_cuts++] = at;
	}
	return n_cuts;
}

/* The rule of RFC 5321 4.5.2 in its plainest form, to compare with. */
static size_t
model_decode(struct span in, struct buf *out, bool *ended)
{
	bool is_start = true;

	*ended = false;
	for (size_t i = 0; i < in.n; i++) {
		if (is_start && in.n - i >= 3 && memcmp(in.p + i, ".\r\n", 3) == 0) {
			*ended = true;
			return i + 3;
		}
		if (!is_start || in.p[i] != '.')
			buf_append_byte(out, in.p[i]);
		is_start = in.p[i] == '\n' && i > 0 && in.p[i - 1] == '\r';
	}
	return in.n;
}

static void
test_random_input_decodes_as_the_rule_says(void **state)
{
	uint64_t first = random_seed(), seed = first;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char wire[128];
		size_t cuts[64], n = random_data(&seed, true, wire);
		size_t n_cuts = random_cuts(&seed, n, cuts);
		struct decoded d;
		struct buf want;
		bool ended;
		buf_init(&want, ROOM);
		size_t used = model_decode(span_make(wire, n), &want, &ended);
		decode(span_make(wire, n), cuts, n_cuts, &d);
		int failures =
			differ_number("random", "ended", d.ended, ended) +
			differ_number("random", "used", (int64_t)d.used, (int64_t)used);
		/* A dot with a CR behind it at the very end is still undecided. */
		if (ended || n < 2 || memcmp(wire + n - 2, ".\r", 2) != 0)
			failures += differ_bytes("random", "data", buf_span(&d.data),
						 buf_span(&want));
		if (failures > 0) {
			show_bytes("wire", span_make(wire, n));
			fprintf(stderr, "TDC_SEED=%" PRIu64 "\n", first);
		}
		assert_int_equal(failures, 0);
		buf_done(&want);
		buf_done(&d.data);
	}
}

static void
test_random_data_survives_the_way(void **state)
{
	uint64_t first = random_seed(), seed = first;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char data[128];
		size_t cuts[64], n = random_data(&seed, false, data);
		struct buf wire;
		struct decoded d;
		int failures = differ_number(
			"random", "result",
			encode(span_make(data, n), random_below(&seed, n + 1), &wire), 0);
		size_t n_cuts = random_cuts(&seed, wire.n, cuts);
		decode(buf_span(&wire), cuts, n_cuts, &d);
		/* The only thing that may be added is the last line's end. */
		bool is_ended =
			n == 0 || (n >= 2 && memcmp(data + n - 2, "\r\n", 2) == 0);
		if (!is_ended)
			memcpy(data + n, "\r\n", 2), n += 2;
		failures += differ_number("random", "ended", d.ended, true);
		failures += differ_bytes("random", "data", buf_span(&d.data),
					 span_make(data, n));
		if (failures > 0)
			fprintf(stderr, "TDC_SEED=%" PRIu64 "\n", first);
		assert_int_equal(failures, 0);
		buf_done(&wire);
		buf_done(&d.data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequences_at_every_cut),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_clean_data_is_one_run),
		cmocka_unit_test(test_nothing_is_used_behind_the_end),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_a_refused_encoder_stays_refused),
		cmocka_unit_test(test_random_input_decodes_as_the_rule_says),
		cmocka_unit_test(test_random_data_survives_the_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

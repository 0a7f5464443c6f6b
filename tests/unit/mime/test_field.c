/*
 * test_field.c - header fields: folded, encoded, and nothing that could start another
 * one.
 */
#include "unit/smtp/show.h"

#include "tdc/mime/text.h"

#define W60 "sixty.bytes.of.a.word.that.cannot.be.folded.anywhere.at.all."

static const struct {
	const char *name, *field;
	struct span value;
	bool is_utf8_allowed;
	const char *want;
} rows[] = {
	{ "a plain field", "Subject", BYTES("hello"), false, "Subject: hello\r\n" },
	{ "an empty value", "X-MS-Journal-Report", BYTES(""), false,
	  "X-MS-Journal-Report:\r\n" },
	{ "a value of blanks", "X", BYTES(" \t "), false, "X:\r\n" },
	{ "blanks around go", "X", BYTES("  a b  "), false, "X: a b\r\n" },
	{ "blanks within stay, tabs become blanks", "X", BYTES("a  \tb"), false,
	  "X: a   b\r\n" },
	{ "control bytes become question marks", "X", BYTES("a\r\nBcc: b\0\x7f"), false,
	  "X: a??Bcc: b??\r\n" },
	{ "a line feed alone", "X", BYTES("\n"), false, "X: ?\r\n" },
	{ "a line is broken before a word", "X", BYTES(W60 " b " W60), false,
	  "X: " W60 " b\r\n " W60 "\r\n" },
	{ "blanks move to the next line", "X", BYTES(W60 "   " W60), false,
	  "X: " W60 "\r\n   " W60 "\r\n" },
	{ "the first word stays with its name", "X", BYTES(W60 W60 " b"), false,
	  "X: " W60 W60 "\r\n b\r\n" },
	{ "utf-8 is encoded", "X", BYTES("a \xc3\xa4 b"), false,
	  "X: a =?utf-8?B?w6Q=?= b\r\n" },
	{ "words of utf-8 are encoded together", "X", BYTES("\xc3\xa4 \xc3\xb6 b"), false,
	  "X: =?utf-8?B?w6Qgw7Y=?= b\r\n" },
	{ "a tab between words of utf-8 becomes a blank", "X",
	  BYTES("\xc3\xa4\t\xc3\xb6"), false, "X: =?utf-8?B?w6Qgw7Y=?=\r\n" },
	{ "utf-8 may stay", "X", BYTES("a \xc3\xa4 b"), true, "X: a \xc3\xa4 b\r\n" },
	{ "other 8-bit is encoded", "X", BYTES("\xe4"), false,
	  "X: =?unknown-8bit?B?5A==?=\r\n" },
	{ "other 8-bit is encoded also where utf-8 may stay", "X", BYTES("\xe4"), true,
	  "X: =?unknown-8bit?B?5A==?=\r\n" },
	{ "control bytes within what is encoded", "X", BYTES("\xc3\xa4\n"), false,
	  "X: =?utf-8?B?w6Q/?=\r\n" },
	{ "a name that leaves no room for an encoded word has its line alone",
	  "X-A-Name-Of-About-Sixty-Octets-That-Leaves-Hardly-Any-Room", BYTES("\xc3\xa4"),
	  false,
	  "X-A-Name-Of-About-Sixty-Octets-That-Leaves-Hardly-Any-Room:\r\n"
	  " =?utf-8?B?w6Q=?=\r\n" },
	{ "a long text is encoded in several words", "X",
	  BYTES("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		"\xc3\xa4"
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		"\xc3\xa4"
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"),
	  false,
	  "X: "
	  "=?utf-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Q=?=\r\n"
	  " =?utf-8?B?w6TDpA==?=\r\n" },
};

static void
test_rows(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf got;
		buf_init(&got, 4096);
		failures +=
			differ_number(rows[i].name, "result",
				      mime_field_write(&got, rows[i].field, rows[i].value,
						       rows[i].is_utf8_allowed),
				      0);
		failures += differ_bytes(rows[i].name, "field", buf_span(&got),
					 span_of(rows[i].want));
		buf_done(&got);
	}
	assert_int_equal(failures, 0);
}

static void
test_names_that_are_refused(void **state)
{
	static const char *const names[] = { "",       "A B",      "A:",
					     "A\r\nB", "\xc3\xa4", "A\x7f" };
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_int_equal(mime_field_write(&out, names[i], LITERAL("x"), false),
				 -1);
	assert_int_equal(out.n, 0);
	buf_done(&out);
}

static void
test_a_full_buffer_gets_nothing(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 10);
	assert_int_equal(mime_field_write(&out, "A", LITERAL("b"), false), 0);
	assert_int_equal(mime_field_write(&out, "A", LITERAL("b"), false), -1);
	assert_int_equal(
		differ_bytes("full", "field", buf_span(&out), LITERAL("A: b\r\n")), 0);
	buf_done(&out);
}

/*
 * What every field must be like: one field, lines of at most 998 octets that hold a word
 * each.
 */
static int
check_shape(struct span field)
{
	int failures = 0;

	if (field.n < 2 || memcmp(field.p + field.n - 2, "\r\n", 2) != 0)
		return differ_number("shape", "ends with crlf", 0, 1);
	for (bool is_first = true; field.n > 0; is_first = false) {
		const char *lf = memchr(field.p, '\n', field.n);
		struct span line = span_make(field.p, (size_t)(lf - field.p));
		failures +=
			differ_number("shape", "cr before lf", line.p[line.n - 1], '\r');
		line.n--;
		failures += differ_number("shape", "fits", line.n <= 998, 1);
		failures += differ_number("shape", "folded", line.p[0] == ' ', !is_first);
		failures += differ_number("shape", "not blank", span_trim(line).n > 0, 1);
		for (size_t i = 0; i < line.n; i++)
			if ((unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f)
				failures += differ_number("shape", "control byte",
							  line.p[i], '?');
		field = span_skip(field, line.n + 2);
	}
	return failures;
}

static size_t
random_value(uint64_t *seed, char *to)
{
	static const struct span pieces[] = {
		BYTES(" "),
		BYTES("\t"),
		BYTES("\r\n"),
		BYTES("\xc3\xa4"),
		BYTES("\xe4"),
		BYTES("a"),
		BYTES("word"),
		BYTES(W60),
		BYTES(W60 W60 W60 W60 W60),
		BYTES("\0"),
		BYTES("\xe2\x82\xac"),
		BYTES("                                                  "),
	};
	size_t n = 0, count = random_below(seed, 40);

	for (size_t i = 0; i < count; i++) {
		struct span piece = pieces[random_below(seed, COUNT_OF(pieces))];
		memcpy(to + n, piece.p, piece.n);
		n += piece.n;
	}
	return n;
}

static void
test_random_values_make_one_field(void **state)
{
	uint64_t first = random_seed(), seed = first;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		char value[16384];
		struct buf got;
		size_t n = random_value(&seed, value);
		buf_init(&got, 1 << 20);
		assert_int_equal(
			mime_field_write(&got, "X-Name", span_make(value, n), i % 2 == 0),
			0);
		int failures = check_shape(buf_span(&got));
		if (failures > 0) {
			show_bytes("value", span_make(value, n));
			fprintf(stderr, "TDC_SEED=%" PRIu64 "\n", first);
		}
		assert_int_equal(failures, 0);
		buf_done(&got);
	}
}

/* Text of UTF-8 words with single blanks is read back as it was. */
static void
test_what_is_encoded_decodes_again(void **state)
{
	static const char *const words[] = {
		"plain", "\xc3\xa4",         "\xe2\x82\xac\xe2\x82\xac",
		W60,     "\xf0\x9f\x98\x80", "x\xc3\xa4y"
	};
	uint64_t first = random_seed(), seed = first;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct buf value, field, plain, again;
		buf_init(&value, 65536);
		buf_init(&field, 65536);
		buf_init(&plain, 65536);
		buf_init(&again, 65536);
		for (size_t k = random_below(&seed, 40) + 1; k > 0; k--)
			buf_printf(&value, "%s%s",
				   words[random_below(&seed, COUNT_OF(words))],
				   k > 1 ? " " : "");
		assert_int_equal(mime_field_write(&field, "X", buf_span(&value), false),
				 0);
		/* Unfold, and take the name off. */
		for (size_t k = 3; k < field.n; k++)
			if (field.p[k] != '\r' && field.p[k] != '\n')
				buf_append_byte(&plain, field.p[k]);
		assert_int_equal(mime_words_decode(buf_span(&plain), &again), 0);
		struct span got = span_trim(buf_span(&again));
		if (differ_bytes("again", "value", got, buf_span(&value)) > 0) {
			fprintf(stderr, "TDC_SEED=%" PRIu64 "\n", first);
			fail();
		}
		buf_done(&value);
		buf_done(&field);
		buf_done(&plain);
		buf_done(&again);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_names_that_are_refused),
		cmocka_unit_test(test_a_full_buffer_gets_nothing),
		cmocka_unit_test(test_random_values_make_one_field),
		cmocka_unit_test(test_what_is_encoded_decodes_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

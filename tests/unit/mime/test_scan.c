/*
 * test_scan.c - what the scan says of a message does not depend on how it arrives.
 */
#include "unit/smtp/show.h"

#include "tdc/mime/scan.h"

static const struct {
	unsigned bit;
	const char *name;
} facts[] = {
	{ MIME_HAS_8BIT, "8bit" },
	{ MIME_HAS_UTF8_HEADER, "utf8-header" },
	{ MIME_HAS_8BIT_HEADER, "8bit-header" },
	{ MIME_HAS_NUL, "nul" },
	{ MIME_HAS_BARE_CR, "cr" },
	{ MIME_HAS_BARE_LF, "lf" },
	{ MIME_HAS_LONG_LINE, "long" },
	{ MIME_HAS_NO_FINAL_CRLF, "unended" },
	{ MIME_IS_OPAQUE, "opaque" },
	{ MIME_HAS_LOOP_MARK, "loop" },
	{ MIME_IS_JOURNAL_REPORT, "report" },
	{ MIME_IS_EMPTY, "empty" },
	{ MIME_HEADER_TOO_LARGE, "large" },
};

/*
 * Facts, header size, longest line, number of Received fields: "8bit unended h=12 l=10
 * r=0".
 */
static void
render(const struct mime_scan *s, struct buf *to)
{
	buf_clear(to);
	for (size_t i = 0; i < COUNT_OF(facts); i++)
		if ((mime_scan_facts(s) & facts[i].bit) != 0)
			buf_printf(to, "%s ", facts[i].name);
	buf_printf(to, "h=%" PRIu64 " l=%" PRIu32 " r=%u", mime_scan_header_size(s),
		   mime_scan_longest_line(s), mime_scan_received_count(s));
}

enum { HEADER_MAX = 4096 };

/* Each chunk in memory of its own, so that a read beyond it is seen. */
static void
feed_copy(struct mime_scan *s, const char *p, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, p, n);
	mime_scan_feed(s, copy, n);
	free(copy);
}

static void
scan_in_two(struct mime_scan *s, struct span message, size_t cut)
{
	mime_scan_start(s);
	feed_copy(s, message.p, cut);
	feed_copy(s, message.p + cut, message.n - cut);
	mime_scan_finish(s);
}

static void
scan_by_bytes(struct mime_scan *s, struct span message)
{
	mime_scan_start(s);
	for (size_t i = 0; i < message.n; i++)
		feed_copy(s, message.p + i, 1);
	mime_scan_finish(s);
}

static void
scan_whole(struct mime_scan *s, struct span message)
{
	scan_in_two(s, message, message.n);
}

#define L10  "0123456789"
#define L100 L10 L10 L10 L10 L10 L10 L10 L10 L10 L10
#define L900 L100 L100 L100 L100 L100 L100 L100 L100 L100
#define L998 L900 L10 L10 L10 L10 L10 L10 L10 L10 L10 "01234567"

static const struct {
	const char *name;
	struct span message;
	const char *want;
} rows[] = {
	{ "a plain message", BYTES("Subject: x\r\n\r\nbody\r\n"), "h=14 l=10 r=0" },
	{ "no bytes", BYTES(""), "empty h=0 l=0 r=0" },
	{ "an empty line alone has no fields", BYTES("\r\n"), "opaque h=2 l=0 r=0" },
	{ "a body alone", BYTES("hello world\r\n"), "opaque h=0 l=11 r=0" },
	{ "a body that begins with a blank", BYTES(" A: b\r\n"), "opaque h=0 l=5 r=0" },
	{ "a body that begins with a colon", BYTES(": b\r\n"), "opaque h=0 l=3 r=0" },
	{ "a header without an empty line", BYTES("A: b\r\nC: d\r\n"), "h=12 l=4 r=0" },
	{ "a header that is not ended", BYTES("A: b\r\nC: d"), "unended h=10 l=4 r=0" },
	{ "a header that ends within a name", BYTES("A: b\r\nCd"),
	  "unended h=6 l=4 r=0" },
	{ "a header that ends with a cr", BYTES("A: b\r\n\r"), "cr unended h=6 l=4 r=0" },
	{ "a line that is no field ends the header",
	  BYTES("A: b\r\nhello\r\nC: d\r\n\r\n"), "h=6 l=5 r=0" },
	{ "a name with a blank ends the header", BYTES("A: b\r\nto you: d\r\n\r\n"),
	  "h=6 l=9 r=0" },
	{ "blanks may stand before the colon", BYTES("A : b\r\n\r\n"), "h=9 l=5 r=0" },
	{ "a cr in an empty line's place ends the header", BYTES("A: b\r\n\rx\r\n"),
	  "cr h=6 l=4 r=0" },
	{ "an mbox line is passed over", BYTES("From a@b Mon\r\nA: b\r\n\r\n"),
	  "h=22 l=12 r=0" },
	{ "a quoted mbox line is passed over", BYTES(">From a@b Mon\r\nA: b\r\n\r\n"),
	  "h=23 l=13 r=0" },
	{ "an mbox line further down ends the header", BYTES("A: b\r\nFrom a@b\r\n\r\n"),
	  "h=6 l=8 r=0" },
	{ "folded lines belong to the field", BYTES("A: b\r\n c\r\n\td\r\n\r\nx"),
	  "unended h=16 l=4 r=0" },
	{ "a folded line of blanks is not the end", BYTES("A: b\r\n \r\nC: d\r\n\r\n"),
	  "h=17 l=4 r=0" },
	{ "lines that end with lf can be read", BYTES("A: b\nC: d\n\nx\n"),
	  "lf unended h=11 l=13 r=0" },
	{ "a body without a final crlf", BYTES("A: b\r\n\r\nx"), "unended h=8 l=4 r=0" },
	{ "a body with a final lf", BYTES("A: b\r\n\r\nx\n"), "lf unended h=8 l=4 r=0" },
	{ "a body with a final cr", BYTES("A: b\r\n\r\nx\r"), "cr unended h=8 l=4 r=0" },
	{ "cr cr lf holds a bare cr", BYTES("A: b\r\n\r\nx\r\r\n"), "cr h=8 l=4 r=0" },
	{ "lf cr holds both", BYTES("A: b\r\n\r\nx\n\ry\r\n"), "cr lf h=8 l=4 r=0" },
	{ "a dot between bare ends", BYTES("A: b\r\n\r\nx\n.\r\n"), "lf h=8 l=4 r=0" },
	{ "nul in the body", BYTES("A: b\r\n\r\nx\0\r\n"), "nul h=8 l=4 r=0" },
	{ "nul in the header", BYTES("A: b\0\r\n\r\n"), "nul h=9 l=5 r=0" },
	{ "8-bit in the body", BYTES("A: b\r\n\r\n\xe4\r\n"), "8bit h=8 l=4 r=0" },
	{ "utf-8 in the header", BYTES("A: \xc3\xa4\r\n\r\n"),
	  "8bit utf8-header h=9 l=5 r=0" },
	{ "other 8-bit in the header", BYTES("A: \xe4\r\n\r\n"),
	  "8bit 8bit-header h=8 l=4 r=0" },
	{ "utf-8 and other 8-bit in the header", BYTES("A: \xc3\xa4\r\nB: \xe4\r\n\r\n"),
	  "8bit 8bit-header h=15 l=5 r=0" },
	{ "half a character at the header's end", BYTES("A: \xc3\r\n\r\n\xa4"),
	  "8bit 8bit-header unended h=8 l=4 r=0" },
	{ "half a character at the message's end", BYTES("A: \xc3"),
	  "8bit 8bit-header unended h=4 l=4 r=0" },
	{ "8-bit in a name ends the header", BYTES("A: b\r\n\xc3\xa4: c\r\n"),
	  "8bit h=6 l=5 r=0" },
	{ "a line of 998", BYTES("A: b\r\n\r\n" L998 "\r\n"), "h=8 l=998 r=0" },
	{ "a line of 999", BYTES("A: b\r\n\r\n" L998 "x\r\n"), "long h=8 l=999 r=0" },
	{ "a last line of 999 without its end", BYTES("A: b\r\n\r\n" L998 "x"),
	  "long unended h=8 l=999 r=0" },
	{ "lf does not end a long line", BYTES("A: b\r\n\r\n" L900 "\n" L100 "\r\n"),
	  "lf long h=8 l=1001 r=0" },
	{ "received fields are counted",
	  BYTES("Received: a\r\nRECEIVED: b\r\n c\r\n\r\n"), "h=32 l=11 r=2" },
	{ "received in the body does not count", BYTES("A: b\r\n\r\nReceived: a\r\n"),
	  "h=8 l=11 r=0" },
	{ "the loop mark", BYTES("X-TDC-Journal: 1\r\n\r\n"), "loop h=20 l=16 r=0" },
	{ "the loop mark in small letters", BYTES("x-tdc-journal:\r\n\r\n"),
	  "loop h=18 l=14 r=0" },
	{ "a name that begins like the loop mark", BYTES("X-TDC-Journal-Id: 1\r\n\r\n"),
	  "h=23 l=19 r=0" },
	{ "the loop mark in the body is none", BYTES("A: b\r\n\r\nX-TDC-Journal: 1\r\n"),
	  "h=8 l=16 r=0" },
	{ "a journal report", BYTES("X-MS-Journal-Report:\r\n\r\n"),
	  "report h=24 l=20 r=0" },
	{ "a name that is longer than any", BYTES(L100 ": x\r\n\r\n"),
	  "h=107 l=103 r=0" },
};

static void
test_rows_at_every_cut(void **state)
{
	struct mime_scan *s;
	struct buf got;
	int failures = 0;

	(void)state;
	buf_init(&got, 1024);
	assert_int_equal(mime_scan_new(HEADER_MAX, &s), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span m = rows[i].message;
		for (size_t cut = 0; cut <= m.n; cut++) {
			scan_in_two(s, m, cut);
			render(s, &got);
			failures += differ_bytes(rows[i].name, "facts", buf_span(&got),
						 span_of(rows[i].want));
		}
		scan_by_bytes(s, m);
		render(s, &got);
		failures += differ_bytes(rows[i].name, "facts by bytes", buf_span(&got),
					 span_of(rows[i].want));
		failures += differ_number(rows[i].name, "size",
					  (int64_t)mime_scan_size(s), (int64_t)m.n);
	}
	mime_scan_free(s);
	buf_done(&got);
	assert_int_equal(failures, 0);
}

static const struct {
	const char *name;
	enum mime_field field;
	struct span message;
	const char *want;
} fields[] = {
	{ "a subject", MIME_SUBJECT, BYTES("Subject: hello world\r\n\r\n"),
	  "hello world" },
	{ "a message id", MIME_MESSAGE_ID, BYTES("message-id:<a@b>\r\n\r\n"), "<a@b>" },
	{ "a from", MIME_FROM, BYTES("From: A <a@b>\r\n\r\n"), "A <a@b>" },
	{ "a date", MIME_DATE, BYTES("Date: Mon\r\n\r\n"), "Mon" },
	{ "a loop mark", MIME_LOOP_MARK, BYTES("X-TDC-Journal: id tag\r\n\r\n"),
	  "id tag" },
	{ "a folded loop mark", MIME_LOOP_MARK,
	  BYTES("X-TDC-Journal: id\r\n tag\r\n\r\n"), "id tag" },
	{ "the first loop mark counts", MIME_LOOP_MARK,
	  BYTES("X-TDC-Journal: a\r\nx-tdc-journal: b\r\n\r\n"), "a" },
	{ "blanks around a value go", MIME_SUBJECT, BYTES("Subject: \t x \t \r\n\r\n"),
	  "x" },
	{ "a value without a blank", MIME_SUBJECT, BYTES("Subject:x\r\n\r\n"), "x" },
	{ "a colon in a value", MIME_SUBJECT, BYTES("Subject: Re: x\r\n\r\n"), "Re: x" },
	{ "an empty value", MIME_SUBJECT, BYTES("Subject:\r\n\r\n"), "" },
	{ "no such field", MIME_SUBJECT, BYTES("A: b\r\n\r\n"), "" },
	{ "the first one counts", MIME_SUBJECT, BYTES("Subject: a\r\nSubject: b\r\n\r\n"),
	  "a" },
	{ "the first one counts when it is empty", MIME_SUBJECT,
	  BYTES("Subject:\r\nSubject: b\r\n\r\n"), "" },
	{ "a folded value", MIME_SUBJECT, BYTES("Subject: a\r\n b\r\n\tc\r\n\r\n"),
	  "a b\tc" },
	{ "a value that starts on the second line", MIME_SUBJECT,
	  BYTES("Subject:\r\n a\r\n\r\n"), "a" },
	{ "a folded value with lf", MIME_SUBJECT, BYTES("Subject: a\n b\n\n"), "a b" },
	{ "a value with a bare cr", MIME_SUBJECT, BYTES("Subject: a\rb\r\r\n\r\n"),
	  "a\rb\r" },
	{ "a value that is not ended", MIME_SUBJECT, BYTES("Subject: a"), "a" },
	{ "a field in the body is none", MIME_SUBJECT,
	  BYTES("A: b\r\n\r\nSubject: x\r\n"), "" },
	{ "a field behind an mbox line", MIME_SUBJECT,
	  BYTES("From a\r\nSubject: x\r\n\r\n"), "x" },
	{ "an mbox line is no from", MIME_FROM, BYTES("From a: b\r\nSubject: x\r\n\r\n"),
	  "" },
};

static void
test_fields_at_every_cut(void **state)
{
	struct mime_scan *s;
	int failures = 0;

	(void)state;
	assert_int_equal(mime_scan_new(HEADER_MAX, &s), 0);
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		struct span m = fields[i].message;
		for (size_t cut = 0; cut <= m.n; cut++) {
			scan_in_two(s, m, cut);
			failures += differ_bytes(fields[i].name, "value",
						 mime_scan_field(s, fields[i].field),
						 span_of(fields[i].want));
		}
		scan_by_bytes(s, m);
		failures += differ_bytes(fields[i].name, "value by bytes",
					 mime_scan_field(s, fields[i].field),
					 span_of(fields[i].want));
	}
	assert_int_equal(mime_scan_field(s, MIME_FIELD_COUNT).n, 0);
	mime_scan_free(s);
	assert_int_equal(failures, 0);
}

static void
test_a_long_field_is_cut(void **state)
{
	struct mime_scan *s;
	struct buf m;

	(void)state;
	buf_init(&m, 1 << 20);
	buf_append_text(&m, "Subject:");
	for (int i = 0; i < MIME_FIELD_MAX + 100; i++)
		buf_append_byte(&m, 'x');
	buf_append_text(&m, "\r\nDate: d\r\n\r\n");
	assert_int_equal(mime_scan_new(1 << 20, &s), 0);
	for (size_t cut = 0; cut <= m.n; cut += 97) {
		scan_in_two(s, buf_span(&m), cut);
		assert_int_equal(mime_scan_field(s, MIME_SUBJECT).n, MIME_FIELD_MAX);
		assert_int_equal(mime_scan_field(s, MIME_DATE).n, 1);
		assert_false(mime_scan_failed(s));
	}
	mime_scan_free(s);
	buf_done(&m);
}

static void
test_a_large_header_is_read_up_to_its_maximum(void **state)
{
	static const char message[] = "Date: d\r\nTo: a@b, c@d.example\r\nSubject: "
				      "x\r\nReceived: y\r\n\r\nbody\r\n";
	struct mime_scan *s;
	struct span m = span_of(message);
	struct buf got;

	(void)state;
	buf_init(&got, 256);
	/* The maximum lies within c@d.example. */
	assert_int_equal(mime_scan_new(24, &s), 0);
	for (size_t cut = 0; cut <= m.n; cut++) {
		scan_in_two(s, m, cut);
		render(s, &got);
		assert_string_equal(buf_text(&got), "large h=58 l=20 r=0");
		assert_int_equal(mime_scan_field(s, MIME_DATE).n, 1);
		assert_int_equal(mime_scan_field(s, MIME_SUBJECT).n, 0);
		assert_int_equal(mime_scan_recipient_count(s), 1);
		assert_int_equal(differ_bytes("large", "recipient",
					      mime_scan_recipient(s, 0), LITERAL("a@b")),
				 0);
	}
	mime_scan_free(s);
	/* A header of just the maximum is not too large. */
	assert_int_equal(mime_scan_new(58, &s), 0);
	for (size_t cut = 0; cut <= m.n; cut++) {
		scan_in_two(s, m, cut);
		render(s, &got);
		assert_string_equal(buf_text(&got), "h=58 l=20 r=1");
	}
	mime_scan_free(s);
	buf_done(&got);
}

static void
test_names_of_the_fields(void **state)
{
	static const char message[] =
		"Received: a\r\nreceived: b\r\nReceived: c\r\n"
		"Received: d\r\nX-Y : e\r\n f: g\r\nTo:\r\n\r\nno: body\r\n";
	static const char want[] = "Received\0received\0Received\0X-Y\0To";
	struct mime_scan *s;
	struct span m = span_of(message);

	(void)state;
	assert_int_equal(mime_scan_new(1 << 20, &s), 0);
	for (size_t cut = 0; cut <= m.n; cut++) {
		scan_in_two(s, m, cut);
		assert_int_equal(differ_bytes("names", "names", mime_scan_names(s).text,
					      span_make(want, sizeof(want))),
				 0);
	}
	scan_whole(s, span_of("no header\r\n"));
	assert_int_equal(mime_scan_names(s).text.n, 0);
	assert_false(mime_scan_names(s).is_cut);
	mime_scan_free(s);
}

static void
test_names_are_bounded(void **state)
{
	struct mime_scan *s;
	struct buf m;

	(void)state;
	buf_init(&m, 1 << 20);
	assert_int_equal(mime_scan_new(1 << 20, &s), 0);
	for (int i = 0; i < MIME_NAMES_MAX / 16; i++)
		buf_printf(&m, "X-%013d: v\r\n", i);
	scan_whole(s, buf_span(&m));
	assert_int_equal(mime_scan_names(s).text.n, MIME_NAMES_MAX);
	assert_false(mime_scan_names(s).is_cut);
	buf_append_text(&m, "One: more\r\n\r\n");
	scan_whole(s, buf_span(&m));
	assert_int_equal(mime_scan_names(s).text.n, MIME_NAMES_MAX);
	assert_true(mime_scan_names(s).is_cut);
	assert_false(mime_scan_failed(s));
	buf_clear(&m);
	buf_printf(&m, "X%.*d: too long\r\n\r\n", MIME_NAME_MAX, 0);
	scan_whole(s, buf_span(&m));
	assert_int_equal(mime_scan_names(s).text.n, 0);
	assert_true(mime_scan_names(s).is_cut);
	mime_scan_free(s);
	assert_int_equal(mime_scan_new(8, &s), 0);
	scan_whole(s, span_of("A: b\r\nC: d\r\n\r\n"));
	assert_true(mime_scan_names(s).is_cut);
	mime_scan_free(s);
	buf_done(&m);
}

static void
test_received_values(void **state)
{
	const struct span *values;
	struct mime_scan *s;
	struct buf m;

	(void)state;
	buf_init(&m, 1 << 20);
	for (int i = 0; i < 40; i++)
		buf_printf(&m, "Received: from h%d\r\n by x\r\nA: b\r\n", i);
	buf_append_text(&m, "\r\n");
	assert_int_equal(mime_scan_new(1 << 20, &s), 0);
	scan_by_bytes(s, buf_span(&m));
	assert_int_equal(mime_scan_received_count(s), 40);
	assert_int_equal(mime_scan_received_values(s, &values), 30);
	assert_int_equal(
		differ_bytes("first", "value", values[0], LITERAL("from h0 by x")), 0);
	assert_int_equal(
		differ_bytes("last", "value", values[29], LITERAL("from h29 by x")), 0);
	scan_whole(s, LITERAL("Received:\r\n\r\n"));
	assert_int_equal(mime_scan_received_values(s, &values), 1);
	assert_int_equal(values[0].n, 0);
	mime_scan_free(s);
	buf_done(&m);
}

static void
test_nothing_of_one_message_is_left_for_the_next(void **state)
{
	struct mime_scan *s;
	struct buf got;

	(void)state;
	buf_init(&got, 256);
	assert_int_equal(mime_scan_new(24, &s), 0);
	scan_whole(s, LITERAL("Received: \xe4\r\nTo: a@b\r\nX-TDC-Journal: 1\r\nSubject: "
			      "x\r\n\r\n\n\r\0"));
	assert_true(mime_scan_facts(s) != 0);
	scan_whole(s, LITERAL("A: b\r\n\r\n"));
	render(s, &got);
	assert_string_equal(buf_text(&got), "h=8 l=4 r=0");
	assert_int_equal(mime_scan_recipient_count(s), 0);
	assert_int_equal(mime_scan_field(s, MIME_SUBJECT).n, 0);
	assert_int_equal(mime_scan_field(s, MIME_LOOP_MARK).n, 0);
	mime_scan_free(s);
	mime_scan_free(NULL);
	buf_done(&got);
}

static size_t
random_message(uint64_t *seed, char *to)
{
	static const struct span pieces[] = {
		BYTES("\r\n"),       BYTES("A: b"),
		BYTES("Subject: x"), BYTES("To: a@b"),
		BYTES(", c@d"),      BYTES(" "),
		BYTES("\r"),         BYTES("\n"),
		BYTES("\xc3"),       BYTES("\xa4"),
		BYTES("\0"),         BYTES(":"),
		BYTES("x"),          BYTES("Received: y"),
		BYTES("\t"),         BYTES("From "),
		BYTES("\r\n\r\n"),   BYTES("0123456789012345678901234567890123456789"),
	};
	size_t n = 0, count = random_below(seed, 20);

	for (size_t i = 0; i < count; i++) {
		struct span piece = pieces[random_below(seed, COUNT_OF(pieces))];
		memcpy(to + n, piece.p, piece.n);
		n += piece.n;
	}
	return n;
}

static void
render_all(const struct mime_scan *s, struct buf *to)
{
	render(s, to);
	for (int f = 0; f < MIME_FIELD_COUNT; f++) {
		buf_append_text(to, "|");
		buf_append_span(to, mime_scan_field(s, (enum mime_field)f));
	}
	for (size_t i = 0; i < mime_scan_recipient_count(s); i++) {
		buf_append_text(to, "|");
		buf_append_span(to, mime_scan_recipient(s, i));
	}
	buf_append_text(to, "|");
	buf_append_span(to, mime_scan_names(s).text);
	buf_append_byte(to, mime_scan_names(s).is_cut ? 'c' : '-');
}

static void
test_random_messages_scan_alike_in_random_chunks(void **state)
{
	uint64_t first = random_seed(), seed = first;
	struct mime_scan *s;
	struct buf want, got;

	(void)state;
	buf_init(&want, 65536);
	buf_init(&got, 65536);
	assert_int_equal(mime_scan_new(100, &s), 0);
	for (int i = 0; i < 20000; i++) {
		char message[1024];
		size_t n = random_message(&seed, message);
		scan_whole(s, span_make(message, n));
		render_all(s, &want);
		mime_scan_start(s);
		for (size_t at = 0; at < n;) {
			size_t chunk = 1 + random_below(&seed, 9);
			chunk = chunk > n - at ? n - at : chunk;
			feed_copy(s, message + at, chunk);
			at += chunk;
		}
		mime_scan_finish(s);
		render_all(s, &got);
		int failures =
			differ_bytes("random", "scan", buf_span(&got), buf_span(&want));
		if (failures > 0) {
			show_bytes("message", span_make(message, n));
			fprintf(stderr, "TDC_SEED=%" PRIu64 "\n", first);
		}
		assert_int_equal(failures, 0);
	}
	mime_scan_free(s);
	buf_done(&want);
	buf_done(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_at_every_cut),
		cmocka_unit_test(test_fields_at_every_cut),
		cmocka_unit_test(test_a_long_field_is_cut),
		cmocka_unit_test(test_a_large_header_is_read_up_to_its_maximum),
		cmocka_unit_test(test_names_of_the_fields),
		cmocka_unit_test(test_names_are_bounded),
		cmocka_unit_test(test_received_values),
		cmocka_unit_test(test_nothing_of_one_message_is_left_for_the_next),
		cmocka_unit_test(test_random_messages_scan_alike_in_random_chunks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

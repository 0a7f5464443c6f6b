/*
 * fuzz_mime_text.c - whatever goes into a header field, one field comes out; base64 is of
 * the announced size and decodes to what went in.
 */
#include "tdc/base/check.h"
#include "tdc/mime/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 22 };

static bool
is_clean(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return false;
	return true;
}

static bool
is_blank(struct span text)
{
	return span_trim(text).n == 0;
}

static void
check_field(struct span value, bool utf8_allowed)
{
	struct buf out;

	buf_init(&out, ROOM);
	check(mime_field_write(&out, "X-Name", value, utf8_allowed) == 0);
	struct span rest = buf_span(&out);
	for (bool is_first = true; rest.n > 0; is_first = false) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		check(lf != NULL && lf > rest.p && lf[-1] == '\r');
		struct span line = span_make(rest.p, (size_t)(lf - 1 - rest.p));
		check(line.n <= 998 && is_clean(line) && !is_blank(line));
		check(is_first ? memcmp(line.p, "X-Name:", 7) == 0 : line.p[0] == ' ');
		for (size_t i = 0; i < line.n && !utf8_allowed; i++)
			check((unsigned char)line.p[i] < 0x80);
		rest = span_skip(rest, line.n + 2);
	}
	buf_done(&out);
}

static void
check_words(struct span value)
{
	struct buf out;

	buf_init(&out, ROOM);
	check(mime_words_decode(value, &out) == 0);
	check(is_clean(buf_span(&out)));
	buf_done(&out);
}

/* An encoded word per line is how the decoder of encoded words gets to read base64. */
static void
check_decodes(struct span base64, struct span want)
{
	struct buf word, again;

	buf_init(&word, ROOM);
	buf_init(&again, ROOM);
	while (base64.n > 0) {
		const char *lf = memchr(base64.p, '\n', base64.n);
		check(lf != NULL && lf - base64.p <= 77);
		struct span line = span_make(base64.p, (size_t)(lf - 1 - base64.p));
		buf_append_text(&word, "=?iso-8859-1?b?");
		buf_append_span(&word, line);
		buf_append_text(&word, "?= ");
		base64 = span_skip(base64, line.n + 2);
	}
	check(mime_words_decode(buf_span(&word), &again) == 0);
	check(span_equal(buf_span(&again), want));
	buf_done(&word);
	buf_done(&again);
}

static void
check_base64(struct span in, size_t chunk)
{
	struct mime_base64 b;
	struct buf out, ascii;

	mime_base64_init(&b);
	buf_init(&out, ROOM);
	buf_init(&ascii, ROOM);
	/* Printable, so that the words' decoder leaves it alone. */
	for (size_t i = 0; i < in.n; i++)
		buf_append_byte(&ascii, (char)(' ' + (unsigned char)in.p[i] % 95));
	for (struct span rest = buf_span(&ascii); rest.n > 0;) {
		size_t n = rest.n < chunk ? rest.n : chunk;
		check(mime_base64_encode(&b, span_make(rest.p, n), &out) == 0);
		rest = span_skip(rest, n);
	}
	check(mime_base64_finish(&b, &out) == 0);
	check(out.n == mime_base64_encoded_size(in.n));
	check_decodes(buf_span(&out), buf_span(&ascii));
	buf_done(&out);
	buf_done(&ascii);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span value = span_make(data, size);

	check_field(value, false);
	check_field(value, true);
	check_words(value);
	check_base64(value, size == 0 ? 1 : (size_t)(data[0] % 80) + 1);
	return 0;
}

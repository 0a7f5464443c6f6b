/*
 * words.c - RFC 2047 encoded words to UTF-8.
 *
 * Words that follow each other with only blanks between are one text, and when their
 * character set is the same their bytes are joined first: real senders cut characters
 * between words.
 */
#include "tdc/mime/text.h"

#include "mime/charset.h"

struct word {
	enum mime_charset charset;
	char encoding;    /* 'B' or 'Q'              */
	struct span text; /* encoded                 */
	size_t n;         /* of the whole word       */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t
blank_length(struct span s)
{
	size_t n = 0;

	while (n < s.n && is_blank(s.p[n]))
		n++;
	return n;
}

/* Up to, and without, the next '?'; NULL pointer when there is none. */
static struct span
until_question_mark(struct span s)
{
	const char *q = s.n == 0 ? NULL : memchr(s.p, '?', s.n);

	return q == NULL ? span_make(NULL, 0) : span_make(s.p, (size_t)(q - s.p));
}

/* "=?charset[*language]?B|Q?text?=" at the start of `s`, of a character set of ours. */
static bool
parse_word(struct span s, struct word *ret)
{
	enum { CHARSET_NAME_MAX = 64 };
	struct word w;

	if (s.n < 8 || s.p[0] != '=' || s.p[1] != '?')
		return false;
	struct span rest = span_skip(s, 2);
	size_t window = rest.n < CHARSET_NAME_MAX ? rest.n : CHARSET_NAME_MAX;
	struct span name = until_question_mark(span_make(rest.p, window));
	rest = span_skip(rest, name.n + 1);
	if (name.n == 0 || rest.n < 4 || rest.p[1] != '?')
		return false;
	const char *star = memchr(name.p, '*', name.n);
	if (star != NULL)
		name.n = (size_t)(star - name.p);
	w.charset = mime_charset_find(name);
	w.encoding = (char)(rest.p[0] & ~0x20);
	if (w.charset == MIME_CHARSET_UNKNOWN || (w.encoding != 'B' && w.encoding != 'Q'))
		return false;
	rest = span_skip(rest, 2);
	w.text = until_question_mark(rest);
	if (w.text.p == NULL || w.text.n + 1 >= rest.n || rest.p[w.text.n + 1] != '=')
		return false;
	w.n = (size_t)(w.text.p + w.text.n + 2 - s.p);
	*ret = w;
	return true;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c & ~0x20);
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void
decode_q(struct span text, struct buf *raw)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
		int low = i + 2 < text.n ? hex_value(text.p[i + 2]) : -1;
		if (c == '=' && high >= 0 && low >= 0) {
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '_') {
			c = ' ';
		}
		buf_append_byte(raw, c);
	}
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Missing padding is forgiven, other characters are not. */
static int
decode_b(struct span text, struct buf *raw)
{
	unsigned bits = 0, held = 0;

	while (text.n > 0 && text.p[text.n - 1] == '=')
		text.n--;
	for (size_t i = 0; i < text.n; i++) {
		int v = base64_value(text.p[i]);
		if (v < 0)
			return -1;
		held = (held << 6 | (unsigned)v) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_append_byte(raw, (char)(held >> bits & 0xff));
		}
	}
	return 0;
}

/*
 * Decodes the words at the start of `s` that share a character set. Returns their length
 * with the blanks between, 0 when they cannot be decoded.
 */
static size_t
decode_words(struct span s, struct word w, struct buf *raw, struct buf *ret)
{
	enum mime_charset charset = w.charset;
	size_t end = 0, next = 0;

	buf_clear(raw);
	do {
		if (w.encoding == 'Q')
			decode_q(w.text, raw);
		else if (decode_b(w.text, raw) != 0)
			break;
		end = next + w.n;
		next = end + blank_length(span_skip(s, end));
	} while (parse_word(span_skip(s, next), &w) && w.charset == charset);
	if (end == 0 || raw->failed ||
	    mime_charset_decode(charset, buf_span(raw), ret) != 0)
		return 0;
	return end;
}

/* Length of what stands before the next "=?". */
static size_t
plain_length(struct span s)
{
	if (s.n == 0)
		return 0;
	const char *p = s.p, *end = s.p + s.n;
	while ((p = memchr(p, '=', (size_t)(end - p))) != NULL) {
		if (p + 1 < end && p[1] == '?')
			return (size_t)(p - s.p);
		p++;
	}
	return s.n;
}

int
mime_words_decode(struct span value, struct buf *ret)
{
	struct buf raw;
	struct span blanks = { 0 };
	bool is_behind_word = false;

	buf_init(&raw, value.n);
	while (value.n > 0) {
		struct word w;
		size_t n = parse_word(value, &w) ? decode_words(value, w, &raw, ret) : 0;
		if (n > 0) {
			value = span_skip(value, n);
			n = blank_length(value);
			blanks = span_make(value.p, n);
			value = span_skip(value, n);
			is_behind_word = true;
			continue;
		}
		/* The blanks were more than a divider between words: they are text. */
		if (is_behind_word)
			mime_text_append(blanks, ret);
		is_behind_word = false;
		n = value.p[0] == '=' ? 1 + plain_length(span_skip(value, 1))
				      : plain_length(value);
		mime_text_append(span_make(value.p, n), ret);
		value = span_skip(value, n);
	}
	buf_done(&raw);
	return ret->failed ? -1 : 0;
}

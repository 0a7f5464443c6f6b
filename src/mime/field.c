/*
 * field.c - writes one header field: escaped, encoded, folded.
 *
 * The value is taken apart into words at its blanks. A line is only ever broken in front
 * of a word, so that no line is blank; a word that is longer than a line may be is broken
 * within. Words with bytes over 127 become encoded words unless they may stay.
 */
#include "tdc/mime/text.h"

#include "mime/base64.h"
#include "mime/lines.h"
#include "mime/utf8.h"

enum {
	COLUMN_WANTED = 78, /* RFC 5322 2.1.1 */
	COLUMN_MAX = 998,
	COLUMN_ENCODED = 76, /* RFC 2047 2: of a line with encoded words */
	BLANKS_MAX = 64,     /* a longer run of blanks is cut to this    */
	NAME_MAX_OCTETS = 128,
	BATCH = 64,
};

struct writer {
	struct buf *out;
	size_t column;
	bool has_word;       /* on this line */
	const char *charset; /* of encoded words; NULL: none are needed */
};

static void
put(struct writer *w, const char *p, size_t n)
{
	buf_append(w->out, p, n);
	w->column += n;
}

static void
put_blanks(struct writer *w, size_t n)
{
	for (size_t i = 0; i < n && i < BLANKS_MAX; i++)
		put(w, " ", 1);
}

static void
fold(struct writer *w)
{
	buf_append(w->out, "\r\n", 2);
	w->column = 0;
	w->has_word = false;
}

/* Bytes that may stand, as they are; control bytes as '?'. */
static void
put_escaped(struct writer *w, struct span text)
{
	char batch[BATCH];

	while (text.n > 0) {
		size_t n = text.n < BATCH ? text.n : BATCH;
		for (size_t i = 0; i < n; i++) {
			unsigned char c = (unsigned char)text.p[i];
			batch[i] = c < ' ' || c == 0x7f ? '?' : text.p[i];
		}
		put(w, batch, n);
		text = span_skip(text, n);
	}
}

static void
write_plain(struct writer *w, size_t blanks, struct span word)
{
	if (blanks > BLANKS_MAX)
		blanks = BLANKS_MAX;
	if (w->has_word && w->column + blanks + word.n > COLUMN_WANTED)
		fold(w);
	put_blanks(w, blanks);
	while (w->column + word.n > COLUMN_MAX) {
		size_t n = mime_utf8_cut(word, COLUMN_MAX - w->column);
		put_escaped(w, span_make(word.p, n));
		word = span_skip(word, n);
		fold(w);
		put(w, " ", 1);
	}
	put_escaped(w, word);
	w->has_word = true;
}

/* Control bytes are escaped also where nobody sees them before decoding. */
static void
write_encoded_word(struct writer *w, struct span bytes)
{
	unsigned char raw[45];
	char text[60];

	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		if (c == '\t')
			c = ' ';
		raw[i] = c < ' ' || c == 0x7f ? '?' : c;
	}
	put(w, "=?", 2);
	put(w, w->charset, strlen(w->charset));
	put(w, "?B?", 3);
	put(w, text, mime_base64_write(raw, bytes.n, text));
	put(w, "?=", 2);
	w->has_word = true;
}

/* One run of words with bytes over 127, the blanks within included, as encoded words. */
static void
write_encoded(struct writer *w, size_t blanks, struct span run)
{
	size_t frame = strlen("=?") + strlen(w->charset) + strlen("?B?") + strlen("?=");

	for (bool is_first = true; run.n > 0; is_first = false) {
		size_t before =
			is_first ? (blanks > BLANKS_MAX ? BLANKS_MAX : blanks) : 1;
		size_t used = w->column + before + frame;
		size_t room =
			used >= COLUMN_ENCODED ? 0 : (COLUMN_ENCODED - used) / 4 * 3;
		if (room < 9 && w->column > 0) {
			fold(w);
			before = 1;
			room = (COLUMN_ENCODED - 1 - frame) / 4 * 3;
		}
		if (room > 45)
			room = 45;
		size_t n = mime_utf8_cut(run, room);
		put_blanks(w, before);
		write_encoded_word(w, span_make(run.p, n == 0 ? 1 : n));
		run = span_skip(run, n == 0 ? 1 : n);
	}
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t
blank_length(struct span s)
{
	size_t n = 0;

	while (n < s.n && is_blank(s.p[n]))
		n++;
	return n;
}

static size_t
word_length(struct span s)
{
	size_t n = 0;

	while (n < s.n && !is_blank(s.p[n]))
		n++;
	return n;
}

/* From a word with bytes over 127 to the end of the last of them that follows at once. */
static size_t
encoded_run_length(struct span s)
{
	size_t end = word_length(s);

	for (;;) {
		size_t next = end + blank_length(span_skip(s, end));
		size_t n = word_length(span_skip(s, next));
		if (n == 0 || !mime_has_8bit(s.p + next, n))
			return end;
		end = next + n;
	}
}

static bool
name_is_valid(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];
		if (c <= ' ' || c >= 0x7f || c == ':')
			return false;
	}
	return n > 0 && n <= NAME_MAX_OCTETS;
}

int
mime_field_write(struct buf *out, const char *name, struct span value, bool utf8_allowed)
{
	struct writer w = { .out = out };
	size_t start = out->n;

	if (!name_is_valid(name))
		return -1;
	if (mime_has_8bit(value.p, value.n)) {
		bool is_utf8 = mime_utf8_is_valid(value);
		if (!is_utf8)
			w.charset = "unknown-8bit";
		else if (!utf8_allowed)
			w.charset = "utf-8";
	}
	put(&w, name, strlen(name));
	put(&w, ":", 1);
	for (bool is_first = true; value.n > 0; is_first = false) {
		size_t blanks = blank_length(value);
		value = span_skip(value, blanks);
		if (value.n == 0)
			break;
		size_t n = word_length(value);
		bool is_encoded = w.charset != NULL && mime_has_8bit(value.p, n);
		if (is_encoded)
			n = encoded_run_length(value);
		(is_encoded ? write_encoded : write_plain)(&w, is_first ? 1 : blanks,
							   span_make(value.p, n));
		value = span_skip(value, n);
	}
	fold(&w);
	if (out->failed)
		out->n = start;
	return out->failed ? -1 : 0;
}

/*
 * reply.c - replies: reading them line by line, writing them.
 */
#include "tdc/smtp/reply.h"

#include "tdc/base/bytes.h"
#include "tdc/smtp/line.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void
smtp_reply_parser_init(struct smtp_reply_parser *p)
{
	*p = (struct smtp_reply_parser){ 0 };
}

/* Length of "c.ddd.ddd" at the start of `text`, when it is of class `class`; else 0. */
static size_t
enhanced_length(struct span text, char class)
{
	size_t i = 1;

	if (text.n < 5 || text.p[0] != class ||
	    (class != '2' && class != '4' && class != '5'))
		return 0;
	for (int part = 0; part < 2; part++) {
		if (i >= text.n || text.p[i] != '.')
			return 0;
		size_t first = ++i;
		while (i < text.n && i - first < 3 && is_digit(text.p[i]))
			i++;
		if (i == first)
			return 0;
	}
	return i == text.n || text.p[i] == ' ' ? i : 0;
}

static void
keep_text(struct smtp_reply_parser *p, struct span text)
{
	static const char divider[] = " / ";
	char *store = p->reply.text;

	if (text.n == 0)
		return;
	if (p->text_n > 0) {
		for (size_t i = 0; i < 3 && p->text_n < SMTP_REPLY_TEXT_MAX; i++)
			store[p->text_n++] = divider[i];
	}
	size_t room = SMTP_REPLY_TEXT_MAX - p->text_n;
	size_t n = text.n < room ? text.n : room;
	memcpy(store + p->text_n, text.p, n);
	p->text_n += n;
	store[p->text_n] = '\0';
}

/* The code of a line, 0 when it has none that a reply can have. */
static int
line_code(struct span line)
{
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !is_digit(line.p[1]) ||
	    !is_digit(line.p[2]))
		return 0;
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return 0;
	return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

static bool
has_line_breaker(struct span line)
{
	return line.n > 0 && (memchr(line.p, '\r', line.n) != NULL ||
			      memchr(line.p, '\n', line.n) != NULL ||
			      memchr(line.p, '\0', line.n) != NULL);
}

static enum smtp_reply_result
take_line(struct smtp_reply_parser *p, struct span line)
{
	int code = line_code(line);

	if (code == 0 || has_line_breaker(line) || p->lines >= SMTP_REPLY_LINES_MAX)
		return SMTP_REPLY_MALFORMED;
	if (p->lines == 0) {
		p->reply.code = code;
		p->reply.enhanced[0] = p->reply.text[0] = '\0';
		p->text_n = 0;
	} else if (p->reply.code != code) {
		return SMTP_REPLY_MALFORMED;
	}
	bool is_last = line.n == 3 || line.p[3] == ' ';
	struct span text = span_skip(line, 4);
	if (p->on_line != NULL)
		p->on_line(p->arg, p->lines, text);
	p->lines++;
	size_t n = enhanced_length(text, line.p[0]);
	if (n > 0 && p->reply.enhanced[0] == '\0') {
		memcpy(p->reply.enhanced, text.p, n);
		p->reply.enhanced[n] = '\0';
	}
	keep_text(p, n > 0 ? span_trim(span_skip(text, n)) : text);
	if (is_last)
		p->lines = 0;
	return is_last ? SMTP_REPLY_DONE : SMTP_REPLY_MORE;
}

/* Of what has no CRLF yet: a bare LF or NUL will not become right with more bytes. */
static bool
rest_is_malformed(struct span rest, size_t looked_at)
{
	/*
	 * A LF is bare only when no CR stands before it, and then smtp_line_take() passed
	 * it by.
	 */
	struct span fresh = span_skip(rest, looked_at);
	return fresh.n > 0 && (memchr(fresh.p, '\n', fresh.n) != NULL ||
			       memchr(fresh.p, '\0', fresh.n) != NULL);
}

enum smtp_reply_result
smtp_reply_parse(struct smtp_reply_parser *p, struct span input, size_t *used)
{
	*used = 0;
	for (;;) {
		struct span rest = span_skip(input, *used), line = { 0 };
		size_t looked_at = p->scanned, n = 0;
		switch (smtp_line_take(rest, SMTP_REPLY_LINE_MAX, &p->scanned, &line,
				       &n)) {
		case SMTP_LINE_OK:
			break;
		case SMTP_LINE_MORE:
			return rest_is_malformed(rest, looked_at) ? SMTP_REPLY_MALFORMED
								  : SMTP_REPLY_MORE;
		case SMTP_LINE_TOO_LONG:
			return SMTP_REPLY_MALFORMED;
		}
		*used += n;
		enum smtp_reply_result r = take_line(p, line);
		if (r != SMTP_REPLY_MORE)
			return r;
	}
}

/* Bytes that could break a line become '?'. */
static void
copy_text(char *to, struct span text)
{
	if (bytes_are_visible(text.p, text.n)) {
		memcpy(to, text.p, text.n);
		return;
	}
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool is_control = (c < ' ' && c != '\t') || c == 0x7f;
		to[i] = is_control ? '?' : text.p[i];
	}
}

/* The whole line is written into the buffer at once. */
static void
format_line(struct buf *out, int code, char divider, struct span enhanced,
	    struct span text)
{
	size_t n = 4 + (enhanced.n > 0 ? enhanced.n + 1 : 0) + text.n + 2;
	char *to = buf_reserve(out, n);

	if (to == NULL)
		return;
	to[0] = (char)('0' + code / 100 % 10);
	to[1] = (char)('0' + code / 10 % 10);
	to[2] = (char)('0' + code % 10);
	to[3] = divider;
	to += 4;
	if (enhanced.n > 0) {
		memcpy(to, enhanced.p, enhanced.n);
		to[enhanced.n] = ' ';
		to += enhanced.n + 1;
	}
	copy_text(to, text);
	to[text.n] = '\r';
	to[text.n + 1] = '\n';
	buf_commit(out, n);
}

int
smtp_reply_format(struct buf *out, int code, const char *enhanced_text, const char *text)
{
	struct span rest = span_of(text == NULL ? "" : text);
	struct span enhanced = span_of(enhanced_text == NULL ? "" : enhanced_text);

	for (;;) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		if (lf == NULL || lf + 1 == rest.p + rest.n)
			break;
		size_t n = (size_t)(lf - rest.p);
		format_line(out, code, '-', enhanced, span_make(rest.p, n));
		rest = span_skip(rest, n + 1);
	}
	if (rest.n > 0 && rest.p[rest.n - 1] == '\n')
		rest.n--;
	format_line(out, code, ' ', enhanced, rest);
	return out->failed ? -1 : 0;
}

/*
 * head.c - the request line, and a table of the fields that matter.
 */
#include "head.h"

struct reading {
	struct http_head *head;
	bool is_old; /* HTTP/1.0 */
	unsigned hosts, lengths, encodings;
	int status; /* 0 = fine so far */
};

static bool
is_token(struct span s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				(c >= 'a' && c <= 'z');
		if (!is_plain && (c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return s.n > 0;
}

/* Is the word one of a list with commas? */
static bool
has_word(struct span list, const char *word)
{
	while (list.n > 0) {
		const char *comma = memchr(list.p, ',', list.n);
		size_t n = comma == NULL ? list.n : (size_t)(comma - list.p);
		if (span_equal_nocase(span_trim(span_make(list.p, n)), span_of(word)))
			return true;
		list = span_skip(list, n + 1);
	}
	return false;
}

/* ---------------------------------------------------------------- fields */

static void
on_host(struct reading *r, struct span value)
{
	(void)value;
	r->hosts++;
}

static void
on_connection(struct reading *r, struct span value)
{
	if (has_word(value, "close"))
		r->head->wants_close = true;
}

static void
on_expect(struct reading *r, struct span value)
{
	if (span_equal_nocase(value, span_of("100-continue")))
		r->head->expects_continue = true;
	else
		r->status = 417;
}

static void
on_length(struct reading *r, struct span value)
{
	uint64_t n = 0;

	if (++r->lengths > 1 || value.n == 0 || value.n > 18)
		r->status = 400;
	for (size_t i = 0; i < value.n && r->status == 0; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			r->status = 400;
		n = n * 10 + (uint64_t)(value.p[i] - '0');
	}
	r->head->length = n;
}

static void
on_encoding(struct reading *r, struct span value)
{
	r->encodings++;
	r->head->is_chunked = span_equal_nocase(value, span_of("chunked"));
	if (!r->head->is_chunked)
		r->status = 501;
}

static const struct field {
	const char *name;
	void (*take)(struct reading *r, struct span value);
} fields[] = {
	{ "Host", on_host },
	{ "Connection", on_connection },
	{ "Expect", on_expect },
	{ "Content-Length", on_length },
	{ "Transfer-Encoding", on_encoding },
};

static bool
is_field_text(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static void
take_field(struct reading *r, struct span line)
{
	const char *colon = memchr(line.p, ':', line.n);
	size_t n = colon == NULL ? 0 : (size_t)(colon - line.p);
	struct span name = span_make(line.p, n), value;

	/* No space before the colon and no folding: RFC 9112 5.1 and 5.2. */
	if (colon == NULL || !is_token(name)) {
		r->status = 400;
		return;
	}
	value = span_trim(span_skip(line, n + 1));
	if (!is_field_text(value)) {
		r->status = 400;
		return;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (span_equal_nocase(name, span_of(fields[i].name)))
			fields[i].take(r, value);
}

/* ---------------------------------------------------------------- the request line */

static void
take_method(struct reading *r, struct span word)
{
	static const struct {
		const char *name;
		enum http_method method;
	} methods[] = {
		{ "GET", HTTP_GET },
		{ "POST", HTTP_POST },
		{ "DELETE", HTTP_DELETE },
	};

	r->head->method = HTTP_OTHER;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (span_equal(word, span_of(methods[i].name)))
			r->head->method = methods[i].method;
	r->head->is_head = span_equal(word, span_of("HEAD"));
	if (!is_token(word))
		r->status = 400;
}

static void
take_version(struct reading *r, struct span word)
{
	r->is_old = span_equal(word, span_of("HTTP/1.0"));
	if (r->is_old)
		r->head->wants_close = true;
	else if (word.n != 8 || memcmp(word.p, "HTTP/", 5) != 0)
		r->status = 400;
	else if (!span_equal(word, span_of("HTTP/1.1")))
		r->status = 505;
}

static void
take_request_line(struct reading *r, struct span line)
{
	const char *first = memchr(line.p, ' ', line.n);
	const char *last = memrchr(line.p, ' ', line.n);

	if (first == NULL || first == last) {
		r->status = 400;
		return;
	}
	r->head->target = span_make(first + 1, (size_t)(last - first) - 1);
	for (size_t i = 0; i < r->head->target.n; i++)
		if ((unsigned char)r->head->target.p[i] <= ' ')
			r->status = 400;
	take_method(r, span_make(line.p, (size_t)(first - line.p)));
	take_version(r, span_skip(line, (size_t)(last - line.p) + 1));
}

static void
take_lines(struct reading *r, struct span lines)
{
	bool is_first = true;

	while (lines.n > 0 && r->status == 0) {
		const char *end = memmem(lines.p, lines.n, "\r\n", 2);
		size_t n = end == NULL ? lines.n : (size_t)(end - lines.p);
		if (is_first)
			take_request_line(r, span_make(lines.p, n));
		else
			take_field(r, span_make(lines.p, n));
		is_first = false;
		lines = span_skip(lines, n + 2);
	}
	if (r->status != 0)
		return;
	if (r->hosts > 1 || (r->hosts == 0 && !r->is_old) || r->encodings > 1 ||
	    (r->encodings > 0 && (r->lengths > 0 || r->is_old)))
		r->status = 400;
}

enum http_parse
http_head_parse(struct span input, struct http_head *ret, size_t *size, int *status)
{
	struct http_head head = { .method = HTTP_OTHER };
	struct reading r = { .head = &head };
	size_t before = 0;

	while (input.n - before >= 2 && memcmp(input.p + before, "\r\n", 2) == 0)
		before += 2; /* RFC 9112 2.2 */
	struct span rest = span_skip(input, before);
	const char *end = rest.n == 0 ? NULL : memmem(rest.p, rest.n, "\r\n\r\n", 4);
	size_t n = end == NULL ? input.n : (size_t)(end - input.p) + 4;
	if (n > HTTP_HEAD_MAX) {
		*status = 431;
		return PARSE_BAD;
	}
	if (end == NULL)
		return PARSE_MORE;
	take_lines(&r, span_make(rest.p, (size_t)(end - rest.p)));
	*status = r.status;
	if (r.status == 0 && head.length > HTTP_BODY_MAX)
		*status = 413;
	if (*status != 0)
		return PARSE_BAD;
	*ret = head;
	*size = n;
	return PARSE_DONE;
}

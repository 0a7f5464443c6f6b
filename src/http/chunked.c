/*
 * chunked.c - one step for each state; a step that needs more takes nothing.
 */
#include "chunked.h"

enum { SIZE_LINE_MAX = 256, TRAILER_MAX = 4096 };

/* The line without its CRLF; PARSE_MORE when its end is not there. */
static enum http_parse
take_line(struct span *in, size_t most, struct span *line)
{
	const char *end = in->n == 0 ? NULL : memmem(in->p, in->n, "\r\n", 2);
	size_t n = end == NULL ? in->n : (size_t)(end - in->p);

	if (end == NULL && n > 0 && in->p[n - 1] == '\r')
		n--; /* of its end, perhaps */
	if (n > most)
		return PARSE_BAD;
	if (end == NULL)
		return PARSE_MORE;
	*line = span_make(in->p, n);
	*in = span_skip(*in, n + 2);
	return PARSE_DONE;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Digits, then an extension that is not looked at. */
static enum http_parse
take_size(struct http_chunked *c, struct span *in, const struct buf *body, int *status)
{
	struct span line;
	size_t n = 0, i = 0;
	enum http_parse r = take_line(in, SIZE_LINE_MAX, &line);

	*status = 400;
	if (r != PARSE_DONE)
		return r;
	for (; i < line.n && hex_value(line.p[i]) >= 0; i++) {
		n = n * 16 + (size_t)hex_value(line.p[i]);
		if (n > buf_room(body)) {
			*status = 413;
			return PARSE_BAD;
		}
	}
	struct span rest = span_trim(span_skip(line, i));
	if (i == 0 || (rest.n > 0 && rest.p[0] != ';'))
		return PARSE_BAD;
	c->left = n;
	c->at = n == 0 ? CHUNK_TRAILER : CHUNK_DATA;
	return PARSE_DONE;
}

static enum http_parse
take_data(struct http_chunked *c, struct span *in, struct buf *body, int *status)
{
	size_t n = in->n < c->left ? in->n : c->left;

	if (n > 0 && buf_append(body, in->p, n) != 0) {
		*status = 500;
		return PARSE_BAD;
	}
	*in = span_skip(*in, n);
	c->left -= n;
	if (c->left > 0)
		return PARSE_MORE;
	c->at = CHUNK_DATA_END;
	return PARSE_DONE;
}

static enum http_parse
take_data_end(struct http_chunked *c, struct span *in, int *status)
{
	*status = 400;
	if (in->n < 2)
		return PARSE_MORE;
	if (memcmp(in->p, "\r\n", 2) != 0)
		return PARSE_BAD;
	*in = span_skip(*in, 2);
	c->at = CHUNK_SIZE;
	return PARSE_DONE;
}

/* Fields that nobody asked for. */
static enum http_parse
take_trailer(struct http_chunked *c, struct span *in, bool *is_end, int *status)
{
	struct span line;
	enum http_parse r = take_line(in, TRAILER_MAX - c->trailer, &line);

	*status = 431;
	if (r != PARSE_DONE)
		return r;
	c->trailer += line.n;
	*is_end = line.n == 0;
	return PARSE_DONE;
}

enum http_parse
http_chunked_feed(struct http_chunked *c, struct span in, struct buf *body, size_t *taken,
		  int *status)
{
	size_t given = in.n;
	bool is_end = false;
	enum http_parse r = PARSE_DONE;

	while (r == PARSE_DONE && !is_end) {
		switch (c->at) {
		case CHUNK_SIZE:
			r = take_size(c, &in, body, status);
			break;
		case CHUNK_DATA:
			r = take_data(c, &in, body, status);
			break;
		case CHUNK_DATA_END:
			r = take_data_end(c, &in, status);
			break;
		case CHUNK_TRAILER:
			r = take_trailer(c, &in, &is_end, status);
			break;
		}
	}
	*taken = given - in.n;
	return r;
}

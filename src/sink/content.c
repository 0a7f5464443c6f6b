/*
 * content.c - a state per place in a line; runs of ordinary bytes are passed on whole.
 */
#include "content.h"

enum { LINE_MAX_OCTETS = 998 };

static void
end_line(struct content *c)
{
	if (c->line_length > LINE_MAX_OCTETS)
		c->long_lines++;
	c->line_length = 0;
	c->state = AT_LINE_START;
}

/* Ordinary bytes from `at` on; the first that ends the run is not counted. */
static size_t
run_length(struct content *c, struct span in, size_t at)
{
	size_t n = 0;

	for (; at + n < in.n; n++) {
		unsigned char b = (unsigned char)in.p[at + n];

		if (b == '\r' || b == '\n')
			break;
		if (b == 0)
			c->nul++;
		else if (b >= 0x80)
			c->has_8bit = true;
	}
	return n;
}

/* A CR that was held back turned out to be bare. */
static void
release_cr(struct content *c, content_fn *put, void *arg)
{
	put(arg, "\r", 1);
	c->bare_cr++;
	c->line_length++;
}

static size_t
feed_in_line(struct content *c, struct span in, size_t at, content_fn *put, void *arg)
{
	if (in.p[at] == '\r') {
		c->state = AFTER_CR;
		return 1;
	}
	c->state = IN_LINE;
	if (in.p[at] == '\n') {
		c->bare_lf++;
		c->line_length++;
		put(arg, "\n", 1);
		return 1;
	}
	size_t n = run_length(c, in, at);
	c->line_length += n;
	put(arg, in.p + at, n);
	return n;
}

/* One step; returns the bytes taken, which may be 0 when only the state changed. */
static size_t
feed_step(struct content *c, struct span in, size_t at, content_fn *put, void *arg,
	  bool *is_end)
{
	char b = in.p[at];

	switch (c->state) {
	case AT_LINE_START:
		if (b != '.')
			return feed_in_line(c, in, at, put, arg);
		c->state = AFTER_DOT;
		return 1;
	case IN_LINE:
		return feed_in_line(c, in, at, put, arg);
	case AFTER_CR:
		if (b == '\n') {
			put(arg, "\r\n", 2);
			end_line(c);
			return 1;
		}
		release_cr(c, put, arg);
		c->state = IN_LINE;
		return 0;
	case AFTER_DOT:
		if (b == '\r') {
			c->state = AFTER_DOT_CR;
			return 1;
		}
		if (b != '.')
			c->odd_dots++; /* no sender that doubles dots makes this */
		c->state = IN_LINE;
		return 0;
	case AFTER_DOT_CR:
		if (b == '\n') {
			c->state = AT_LINE_START;
			*is_end = true;
			return 1;
		}
		c->odd_dots++;
		release_cr(c, put, arg);
		c->state = IN_LINE;
		return 0;
	}
	return 0;
}

size_t
content_feed(struct content *c, struct span in, content_fn *put, void *arg, bool *is_end)
{
	size_t at = 0;

	*is_end = false;
	while (at < in.n && !*is_end)
		at += feed_step(c, in, at, put, arg, is_end);
	return at;
}

/*
 * line.c - finds the CRLF that ends a line, looking at every byte once however it
 * arrives.
 */
#include "tdc/smtp/line.h"

/* The first CRLF at or behind `from`, as the index of its LF; n when there is none. */
static size_t
find_crlf(struct span input, size_t from)
{
	while (from < input.n) {
		const char *lf = memchr(input.p + from, '\n', input.n - from);
		if (lf == NULL)
			break;
		size_t at = (size_t)(lf - input.p);
		if (at > 0 && lf[-1] == '\r')
			return at;
		from = at + 1;
	}
	return input.n;
}

enum smtp_line_result
smtp_line_take(struct span input, size_t max, size_t *scanned, struct span *ret,
	       size_t *used)
{
	size_t lf = find_crlf(input, *scanned);

	if (lf < input.n) {
		*scanned = 0;
		if (lf - 1 > max)
			return SMTP_LINE_TOO_LONG;
		*ret = span_make(input.p, lf - 1);
		*used = lf + 1;
		return SMTP_LINE_OK;
	}
	/* A CR at the very end may still be half of the CRLF. */
	size_t length = input.n;
	if (length > 0 && input.p[length - 1] == '\r')
		length--;
	if (length > max) {
		*scanned = 0;
		return SMTP_LINE_TOO_LONG;
	}
	*scanned = input.n;
	return SMTP_LINE_MORE;
}

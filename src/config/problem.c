/*
 * problem.c - composing and escaping the lines of problems.
 */
#include "problem.h"

#include "tdc/base/buf.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 2048, QUOTE_MAX = 80 };

/* Length of the printable UTF-8 sequence at p; 0 = this byte must be escaped. */
static size_t
printable_length(const unsigned char *p, size_t n)
{
	if (p[0] >= ' ' && p[0] < 0x7f)
		return 1;
	size_t length = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
			: p[0] >= 0xe0 && p[0] <= 0xef ? 3
			: p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						       : 0;
	if (length == 0 || length > n)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	bool is_c1 = p[0] == 0xc2 && p[1] < 0xa0;
	bool is_short_form =
		(p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool is_no_character =
		(p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf4 && p[1] >= 0x90);
	bool is_separator =
		p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);
	return is_c1 || is_short_form || is_no_character || is_separator ? 0 : length;
}

static void
append_escaped(struct buf *out, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	while (n > 0) {
		size_t length = printable_length(p, n);
		if (length == 0) {
			buf_printf(out, "\\x%02x", *p);
			length = 1;
		} else {
			buf_append(out, p, length);
		}
		p += length;
		n -= length;
	}
}

void
problem_quote(const char *text, size_t n, char ret[FOUND_MAX])
{
	/* Cut between characters. */
	size_t cut = n;
	if (n > QUOTE_MAX) {
		cut = QUOTE_MAX;
		while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
			cut--;
	}
	size_t used = (size_t)snprintf(ret, FOUND_MAX, "found \"");
	/* A NUL would hide the rest: it is written out. */
	size_t i = 0;
	for (; i < cut && used + sizeof("\\x00...\"") <= FOUND_MAX; i++) {
		if (text[i] == '\0')
			used += (size_t)snprintf(ret + used, FOUND_MAX - used, "\\x00");
		else
			ret[used++] = text[i];
	}
	snprintf(ret + used, FOUND_MAX - used, i < n ? "...\"" : "\"");
}

static void
problem_line(struct problems *p, bool is_error, const struct place *at, const char *path,
	     const char *found, const char *allowed)
{
	struct buf line;
	buf_init(&line, LINE_MAX_BYTES);
	append_escaped(&line, at->source, strlen(at->source));
	buf_printf(&line, ":%u:%u: ", at->line, at->column);
	append_escaped(&line, path, strlen(path));
	buf_append_text(&line, path[0] == '\0' ? "" : ": ");
	append_escaped(&line, found, strlen(found));
	if (allowed != NULL) {
		buf_append_text(&line, "; allowed: ");
		append_escaped(&line, allowed, strlen(allowed));
	}
	const char *text = buf_text(&line);
	if (text == NULL)
		text = "no memory to say what is wrong";
	if (is_error && p->errors == 1)
		snprintf(p->first, sizeof(p->first), "%s", text);
	if (p->report != NULL)
		p->report(p->arg, is_error, text);
	buf_done(&line);
}

static void
problem_count(struct problems *p, unsigned *count, bool is_error, const struct place *at,
	      const char *path, const char *found, const char *allowed)
{
	++*count;
	unsigned n = p->errors + p->warnings;
	if (n <= PROBLEMS_MAX)
		problem_line(p, is_error, at, path, found, allowed);
	else if (n == PROBLEMS_MAX + 1)
		problem_line(p, is_error, at, "", "and more, which are not shown", NULL);
}

void
problem_error(struct problems *p, const struct place *at, const char *path,
	      const char *found, const char *allowed)
{
	problem_count(p, &p->errors, true, at, path, found, allowed);
}

void
problem_warning(struct problems *p, const struct place *at, const char *path,
		const char *found, const char *allowed)
{
	problem_count(p, &p->warnings, false, at, path, found, allowed);
}

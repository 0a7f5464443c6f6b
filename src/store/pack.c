/*
 * pack.c - recipients to text and back; decode after encode is identity.
 */
#include "store/pack.h"

#include <stdlib.h>

static const struct {
	char raw, written;
} escapes[] = { { '\\', '\\' }, { '\t', 't' }, { '\n', 'n' }, { '\r', 'r' } };
enum { ESCAPES = sizeof(escapes) / sizeof(escapes[0]) };

static void
pack_field(struct buf *b, const char *text)
{
	for (size_t run; *text != '\0'; text += run) {
		run = strcspn(text, "\\\t\n\r");
		buf_append(b, text, run);
		if (text[run] == '\0')
			break;
		for (size_t i = 0; i < ESCAPES; i++)
			if (escapes[i].raw == text[run])
				buf_append(b, (char[]){ '\\', escapes[i].written }, 2);
		run++;
	}
}

int
pack_recipients(const struct spool_message *m, struct buf *ret)
{
	for (size_t i = 0; i < m->n_recipients; i++) {
		const struct message_recipient *r = &m->recipients[i];
		buf_printf(ret, "%s\t%u\t", recipient_source_name(r->source), r->notify);
		pack_field(ret, r->address);
		if (r->orcpt != NULL) {
			buf_append_byte(ret, '\t');
			pack_field(ret, r->orcpt);
		}
		buf_append_byte(ret, '\n');
	}
	return ret->failed ? -1 : 0;
}

/* Unescapes within the span's own copy; -1: an escape that pack_field() never writes. */
static int
unpack_field(char *p, size_t n, struct span *ret)
{
	size_t out = 0;

	for (size_t in = 0; in < n; in++) {
		char c = p[in];
		if (c == '\\') {
			size_t i = 0;
			if (++in == n)
				return -1;
			while (i < ESCAPES && escapes[i].written != p[in])
				i++;
			if (i == ESCAPES)
				return -1;
			c = escapes[i].raw;
		}
		p[out++] = c;
	}
	*ret = span_make(p, out);
	return 0;
}

static int
unpack_source(struct span text, enum recipient_source *ret)
{
	for (int s = RECIPIENT_FROM_ENVELOPE; s <= RECIPIENT_FROM_HEADER; s++)
		if (span_equal(text, span_of(recipient_source_name(
					     (enum recipient_source)s)))) {
			*ret = (enum recipient_source)s;
			return 0;
		}
	return -1;
}

static int
unpack_number(struct span text, unsigned *ret)
{
	unsigned n = 0;

	if (text.n == 0 || text.n > 9)
		return -1;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -1;
		n = n * 10 + (unsigned)(text.p[i] - '0');
	}
	*ret = n;
	return 0;
}

/* One line without its LF; writes into it. */
static enum unpack
unpack_line(char *line, size_t n, struct spool_message *m)
{
	struct span fields[4] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	enum recipient_source source;
	unsigned notify;
	size_t count = 0;

	for (char *p = line, *end = line + n;; count++) {
		char *tab = memchr(p, '\t', (size_t)(end - p));
		size_t length = (size_t)((tab == NULL ? end : tab) - p);
		if (count == 4 || unpack_field(p, length, &fields[count]) != 0)
			return UNPACK_CORRUPT;
		if (tab == NULL)
			break;
		p = tab + 1;
	}
	if (count < 2 || unpack_source(fields[0], &source) != 0 ||
	    unpack_number(fields[1], &notify) != 0)
		return UNPACK_CORRUPT;
	if (memchr(fields[2].p, '\0', fields[2].n) != NULL)
		return UNPACK_CORRUPT;
	return spool_message_add_recipient(m, fields[2], fields[3], notify, source) == 0
		       ? UNPACK_OK
		       : UNPACK_MEMORY;
}

enum unpack
unpack_recipients(struct span text, struct spool_message *m)
{
	enum unpack r = UNPACK_OK;
	if (text.n == 0)
		return UNPACK_OK;
	char *copy = malloc(text.n);
	if (copy == NULL)
		return UNPACK_MEMORY;
	memcpy(copy, text.p, text.n);
	for (char *p = copy, *end = copy + text.n; p < end && r == UNPACK_OK;) {
		char *lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL) {
			r = UNPACK_CORRUPT;
			break;
		}
		r = unpack_line(p, (size_t)(lf - p), m);
		p = lf + 1;
	}
	free(copy);
	return r;
}

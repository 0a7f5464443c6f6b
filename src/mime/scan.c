/*
 * scan.c - the scan of a message: every chunk goes once through the facts of bytes
 * and lines, and through the header reader while that is not complete.
 */
#include "tdc/mime/scan.h"

#include "mime/addresses.h"
#include "mime/header.h"
#include "mime/lines.h"

#include <stdlib.h>

enum {
	LINE_MAX_OCTETS = 998, /* RFC 5322 2.1.1 */
	KEPT_MAX = 16384,      /* a buffer that grew over this is given back */
};

struct mime_scan {
	uint64_t size;
	unsigned facts;
	struct mime_lines lines;
	struct mime_header header;
	struct mime_addresses recipients;
	struct span received[MIME_RECEIVED_MAX];
};

int
mime_scan_new(uint64_t header_max, struct mime_scan **ret)
{
	struct mime_scan *s = malloc(sizeof(*s));

	if (s == NULL)
		return -1;
	mime_header_init(&s->header, header_max);
	mime_addresses_init(&s->recipients);
	mime_scan_start(s);
	*ret = s;
	return 0;
}

void
mime_scan_free(struct mime_scan *s)
{
	if (s == NULL)
		return;
	mime_header_done(&s->header);
	mime_addresses_done(&s->recipients);
	free(s);
}

static void
give_back(struct buf *b)
{
	if (b->cap > KEPT_MAX)
		buf_done(b);
}

void
mime_scan_start(struct mime_scan *s)
{
	s->size = 0;
	s->facts = 0;
	s->lines = (struct mime_lines){ 0 };
	mime_header_start(&s->header);
	mime_addresses_clear(&s->recipients);
	give_back(&s->header.addresses);
	give_back(&s->header.received_text);
	give_back(&s->recipients.text);
}

void
mime_scan_feed(struct mime_scan *s, const char *p, size_t n)
{
	if (n == 0)
		return;
	s->size += n;
	struct mime_bytes bytes = mime_bytes_look(p, n);
	if (bytes.has_8bit)
		s->facts |= MIME_HAS_8BIT;
	if (bytes.has_nul)
		s->facts |= MIME_HAS_NUL;
	mime_lines_feed(&s->lines, p, n, bytes.is_uneven);
	if (!mime_header_is_complete(&s->header))
		mime_header_feed(&s->header, p, n);
}

static void
read_recipients(struct mime_scan *s)
{
	struct span rest = buf_span(&s->header.addresses);

	while (rest.n > 0) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		size_t n = lf == NULL ? rest.n : (size_t)(lf - rest.p);
		mime_addresses_read(&s->recipients, span_make(rest.p, n));
		rest = span_skip(rest, n + 1);
	}
}

void
mime_scan_finish(struct mime_scan *s)
{
	struct mime_header *h = &s->header;

	mime_lines_finish(&s->lines);
	mime_header_finish(h);
	s->facts |= h->facts;
	if (s->lines.has_bare_cr)
		s->facts |= MIME_HAS_BARE_CR;
	if (s->lines.has_bare_lf)
		s->facts |= MIME_HAS_BARE_LF;
	if (s->lines.longest > LINE_MAX_OCTETS)
		s->facts |= MIME_HAS_LONG_LINE;
	if (s->lines.line_n > 0)
		s->facts |= MIME_HAS_NO_FINAL_CRLF;
	if (s->size == 0)
		s->facts |= MIME_IS_EMPTY;
	else if (h->fields == 0)
		s->facts |= MIME_IS_OPAQUE;
	read_recipients(s);
	const char *text = buf_span(&h->received_text).p;
	for (size_t i = 0; i < mime_scan_received_values(s, NULL); i++) {
		struct span value = { 0 };
		if (text != NULL)
			value = span_make(text + h->received_at[i].off,
					  h->received_at[i].n);
		s->received[i] = span_trim(value);
	}
}

bool
mime_scan_failed(const struct mime_scan *s)
{
	bool failed = s->header.addresses.failed || s->header.names.failed ||
		      s->header.received_text.failed || s->recipients.text.failed;

	for (int i = 0; i < MIME_FIELD_COUNT; i++)
		failed = failed || s->header.values[i].failed;
	return failed;
}

unsigned
mime_scan_facts(const struct mime_scan *s)
{
	return s->facts;
}

uint64_t
mime_scan_size(const struct mime_scan *s)
{
	return s->size;
}

uint64_t
mime_scan_header_size(const struct mime_scan *s)
{
	return s->header.size;
}

uint32_t
mime_scan_longest_line(const struct mime_scan *s)
{
	return s->lines.longest > UINT32_MAX ? UINT32_MAX : (uint32_t)s->lines.longest;
}

struct mime_names
mime_scan_names(const struct mime_scan *s)
{
	const struct mime_header *h = &s->header;

	return (struct mime_names){
		.text = buf_span(&h->names),
		.is_cut = h->has_more_names || (h->facts & MIME_HEADER_TOO_LARGE) != 0,
	};
}

unsigned
mime_scan_received_count(const struct mime_scan *s)
{
	return s->header.received;
}

struct span
mime_scan_field(const struct mime_scan *s, enum mime_field f)
{
	if ((unsigned)f >= MIME_FIELD_COUNT)
		return span_make(NULL, 0);
	return span_trim(buf_span(&s->header.values[f]));
}

size_t
mime_scan_recipient_count(const struct mime_scan *s)
{
	return s->recipients.n;
}

struct span
mime_scan_recipient(const struct mime_scan *s, size_t i)
{
	return mime_addresses_get(&s->recipients, i);
}

size_t
mime_scan_received_values(const struct mime_scan *s, const struct span **ret)
{
	if (ret != NULL)
		*ret = s->received;
	return s->header.received < MIME_RECEIVED_MAX ? s->header.received
						      : MIME_RECEIVED_MAX;
}

/*
 * report.c - the journal report: the public envelope-journal form.
 *
 * Sender:, Subject:, Message-ID:, then a Recipient: line for each. What was read from
 * header fields instead of the envelope is said in Recipient-Source: lines behind all of
 * these, where a parser that stops at the first unknown line has everything that it knows
 * (docs/journal.md).
 */
#include "render.h"

#include <stdlib.h>

static bool
is_line_breaking(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

/*
 * Length of the valid UTF-8 sequence at p (RFC 3629), 0 for none; *code is its character.
 */
static size_t
utf8_take(const char *p, size_t n, uint32_t *code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)p[0];
	size_t length = c < 0x80   ? 1
			: c < 0xc2 ? 0
			: c < 0xe0 ? 2
			: c < 0xf0 ? 3
			: c < 0xf5 ? 4
				   : 0;

	if (length == 0 || length > n)
		return 0;
	uint32_t value = length == 1 ? c : c & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		unsigned char next = (unsigned char)p[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (next & 0x3f);
	}
	if (value < smallest[length] || value > 0x10ffff ||
	    (value >= 0xd800 && value < 0xe000))
		return 0;
	*code = value;
	return length;
}

void
clean_text_append(struct buf *out, struct span text)
{
	size_t from = 0, at = 0;

	if (text_is_printable(text)) { /* nearly all */
		buf_append_span(out, text);
		return;
	}
	while (at < text.n) {
		uint32_t code = 0;
		size_t length = utf8_take(text.p + at, text.n - at, &code);
		if (length > 0 && !is_line_breaking(code)) {
			at += length;
			continue;
		}
		buf_append(out, text.p + from, at - from);
		buf_append_byte(out, '?');
		at += length == 0 ? 1 : length;
		from = at;
	}
	if (at > from)
		buf_append(out, text.p + from, at - from);
}

static const uint64_t each_byte = 0x0101010101010101u;

/* Eight bytes; what is missing at the end is `fill`. */
static uint64_t
word_at(struct span text, size_t at, uint64_t fill)
{
	uint64_t word = fill;

	memcpy(&word, text.p + at, text.n - at < 8 ? text.n - at : 8);
	return word;
}

bool
text_is_ascii(struct span text)
{
	uint64_t seen = 0, word;
	size_t i = 0;

	for (; i + 8 <= text.n; i += 8) {
		memcpy(&word, text.p + i, 8);
		seen |= word;
	}
	if (i < text.n)
		seen |= word_at(text, i, 0);
	return (seen & each_byte * 0x80) == 0;
}

/* The high bit of some byte is set in the result when one is over 0x7e or under 0x20. */
static uint64_t
odd_bytes(uint64_t word)
{
	return word | (word + each_byte) | (word - each_byte * 0x20);
}

bool
text_is_printable(struct span text)
{
	uint64_t seen = 0, word;
	size_t i = 0;

	for (; i + 8 <= text.n; i += 8) {
		memcpy(&word, text.p + i, 8);
		seen |= odd_bytes(word);
	}
	if (i < text.n)
		seen |= odd_bytes(word_at(text, i, each_byte * ' '));
	return (seen & each_byte * 0x80) == 0;
}

void
recipients_each(const struct spool_journal *j, recipient_fn *fn, void *arg)
{
	const struct spool_message *m = j->message;

	if (j->rids == NULL) {
		for (size_t i = 0; i < m->n_recipients; i++)
			fn(arg, &m->recipients[i]);
		return;
	}
	for (const char *p = j->rids; *p >= '0' && *p <= '9';) {
		char *end;
		unsigned long rid = strtoul(p, &end, 10);
		if (rid < m->n_recipients)
			fn(arg, &m->recipients[rid]);
		p = *end == ',' ? end + 1 : end;
	}
}

static void
write_line(struct buf *out, const char *name, const char *value)
{
	buf_append_text(out, name);
	buf_append_byte(out, ':');
	if (value != NULL && value[0] != '\0') {
		buf_append_byte(out, ' ');
		clean_text_append(out, span_of(value));
	}
	buf_append_text(out, "\r\n");
}

struct sources {
	struct buf *out;
	size_t recipients, from_header;
};

static void
write_recipient(void *arg, const struct message_recipient *r)
{
	struct sources *s = arg;

	write_line(s->out, "Recipient", r->address);
	s->recipients++;
	s->from_header += r->source == RECIPIENT_FROM_HEADER;
}

static void
write_source(void *arg, const struct message_recipient *r)
{
	struct sources *s = arg;

	if (r->source != RECIPIENT_FROM_HEADER)
		return;
	buf_append_text(s->out, "Recipient-Source: header; ");
	clean_text_append(s->out, span_of(r->address));
	buf_append_text(s->out, "\r\n");
}

void
report_write(const struct spool_journal *j, struct buf *out)
{
	const struct spool_message *m = j->message;
	struct sources s = { .out = out };

	write_line(out, "Sender",
		   m->sender == NULL || m->sender[0] == '\0' ? "<>" : m->sender);
	write_line(out, "Subject", m->subject);
	write_line(out, "Message-ID", m->message_id);
	recipients_each(j, write_recipient, &s);
	if (s.from_header == 0)
		return;
	if (s.from_header == s.recipients)
		write_line(out, "Recipient-Source", "header");
	else
		recipients_each(j, write_source, &s);
}

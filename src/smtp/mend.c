/*
 * mend.c - MAIL and RCPT lines with bytes that no address may hold.
 *
 * A refusal would not make the feeder better: it would make the copy disappear. What is
 * kept has one meaning, is plain text, and nothing that is left can divide a line.
 */
#include "tdc/smtp/command.h"

static bool
is_control(unsigned char c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

static bool
has_envelope_verb(struct span line)
{
	return line.n > 4 && (line.p[4] == ' ' || line.p[4] == '\t') &&
	       (span_starts_nocase(line, span_of("MAIL")) ||
		span_starts_nocase(line, span_of("RCPT")));
}

static bool
has_line_breaker(struct span line)
{
	return memchr(line.p, '\0', line.n) != NULL ||
	       memchr(line.p, '\r', line.n) != NULL ||
	       memchr(line.p, '\n', line.n) != NULL;
}

/* Length of the character at the start of `text`; 0: none, or a control byte. */
static size_t
character_length(struct span text)
{
	if ((unsigned char)text.p[0] < 0x80)
		return is_control((unsigned char)text.p[0]) ? 0 : 1;
	for (size_t n = 2; n <= 4 && n <= text.n; n++)
		if (smtp_utf8_is_valid(span_make(text.p, n)))
			return n;
	return 0;
}

bool
smtp_command_mend(struct span line, struct buf *ret)
{
	bool is_mended = false;

	if (!has_envelope_verb(line) || has_line_breaker(line))
		return false;
	while (line.n > 0) {
		size_t n = character_length(line);
		if (n == 0) {
			buf_append_byte(ret, '?');
			is_mended = true;
			n = 1;
		} else {
			buf_append(ret, line.p, n);
		}
		line = span_skip(line, n);
	}
	return is_mended && !ret->failed;
}

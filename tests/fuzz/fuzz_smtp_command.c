/*
 * fuzz_smtp_command.c - lines and commands: what comes out lies within the line and holds
 * no control byte, and a stream of lines is the same however it arrives.
 */
#include "tdc/base/check.h"
#include "tdc/smtp/command.h"
#include "tdc/smtp/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_MAXIMUM = 200 };

static void
check_within(struct span inner, struct span line)
{
	check(inner.n == 0 ||
	      (inner.p >= line.p && inner.p + inner.n <= line.p + line.n));
}

static void
check_clean(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		check(((unsigned char)text.p[i] >= ' ' || text.p[i] == '\t') &&
		      text.p[i] != 0x7f);
}

static void
check_command(struct span line)
{
	struct smtp_command c;
	struct smtp_command_error e;
	enum smtp_command_result r = smtp_command_parse(line, &c, &e);

	check_within(e.detail_span, line);
	check_within(c.argument, line);
	if (r != SMTP_COMMAND_OK)
		return;
	check(c.verb != SMTP_UNKNOWN && e.detail_span.n == 0);
	check_clean(line);
	check_within(c.address.whole, line);
	check_within(c.envid, line);
	check_within(c.orcpt, line);
	check(c.address.whole.n <= SMTP_ADDRESS_MAX);
	check((c.notify & SMTP_NOTIFY_NEVER) == 0 || c.notify == SMTP_NOTIFY_NEVER);
	check((c.parameters & SMTP_PARAMETER_SIZE) != 0 || c.size == 0);
	check(c.verb == SMTP_MAIL || c.verb == SMTP_RCPT || c.parameters == 0);
	check(c.verb != SMTP_RCPT || c.address.local.n > 0);
}

static void
check_attributes(struct span text)
{
	char value[SMTP_XFORWARD_VALUE_MAX + 1];
	enum smtp_xforward a;

	for (struct span before = text; smtp_xforward_take(&text, &a, value) == 1;
	     before = text) {
		check(text.n < before.n && a < SMTP_XFORWARD_COUNT);
		check(strlen(value) <= SMTP_XFORWARD_VALUE_MAX);
		check_clean(span_of(value));
	}
}

static void
check_line_by_bytes(struct span input)
{
	struct span whole = { 0 }, line = { 0 };
	size_t whole_used = 0, used = 0, scanned = 0;
	enum smtp_line_result want =
		smtp_line_take(input, LINE_MAXIMUM, &scanned, &whole, &whole_used);
	enum smtp_line_result got = SMTP_LINE_MORE;

	scanned = 0;
	for (size_t n = 0; n <= input.n && got == SMTP_LINE_MORE; n++)
		got = smtp_line_take(span_make(input.p, n), LINE_MAXIMUM, &scanned, &line,
				     &used);
	check(got == want && used == whole_used && span_equal(line, whole));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_make(data, size), line;
	size_t scanned = 0, used;

	check_line_by_bytes(rest);
	check_attributes(rest);
	while (smtp_line_take(rest, LINE_MAXIMUM * 10, &scanned, &line, &used) ==
	       SMTP_LINE_OK) {
		check_command(line);
		rest = span_skip(rest, used);
	}
	check_command(rest);
	return 0;
}

/*
 * fuzz_smtp_reply.c - replies are read the same however they arrive, and what is written
 * is read back as one reply.
 */
#include "tdc/base/check.h"
#include "tdc/smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum smtp_reply_result result;
	size_t taken;
	struct smtp_reply reply;
};

/* Offers `step` more bytes each time, together with what was not used before. */
static void
parse(struct span input, size_t step, struct outcome *ret)
{
	struct smtp_reply_parser p;
	size_t offered = 0;

	smtp_reply_parser_init(&p);
	ret->result = SMTP_REPLY_MORE;
	ret->taken = 0;
	while (ret->result == SMTP_REPLY_MORE && offered < input.n) {
		size_t used;
		offered = input.n - offered < step ? input.n : offered + step;
		ret->result = smtp_reply_parse(
			&p, span_make(input.p + ret->taken, offered - ret->taken), &used);
		ret->taken += used;
		check(ret->taken <= offered);
	}
	ret->reply = p.reply;
}

static void
check_reading(struct span input)
{
	struct outcome whole, bytes, some;

	parse(input, input.n, &whole);
	parse(input, 1, &bytes);
	parse(input, 7, &some);
	check(whole.result == bytes.result && whole.result == some.result);
	if (whole.result != SMTP_REPLY_DONE)
		return;
	check(whole.taken == bytes.taken && whole.taken == some.taken);
	check(whole.reply.code >= 200 && whole.reply.code <= 599);
	check(whole.reply.code == bytes.reply.code);
	check(strcmp(whole.reply.text, bytes.reply.text) == 0);
	check(strcmp(whole.reply.text, some.reply.text) == 0);
	check(strcmp(whole.reply.enhanced, bytes.reply.enhanced) == 0);
	check(strpbrk(whole.reply.text, "\r\n") == NULL);
}

static void
check_writing(struct span input)
{
	struct buf text, out;
	struct outcome again;

	buf_init(&text, 1024);
	buf_init(&out, 65536);
	buf_append(&text, input.p, input.n < 1000 ? input.n : 1000);
	const char *c_text = buf_text(&text);
	size_t lines = 1;
	for (const char *p = c_text; *p != '\0'; p++)
		lines += *p == '\n';
	check(smtp_reply_format(&out, 250, "2.0.0", c_text) == 0);
	if (lines <= SMTP_REPLY_LINES_MAX) {
		parse(buf_span(&out), out.n, &again);
		check(again.result == SMTP_REPLY_DONE && again.taken == out.n);
		check(again.reply.code == 250 &&
		      strcmp(again.reply.enhanced, "2.0.0") == 0);
	}
	buf_done(&text);
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_make(data, size);
	struct smtp_capabilities c = { 0 };

	check_reading(input);
	check_writing(input);
	smtp_capabilities_add(&c, input);
	return 0;
}

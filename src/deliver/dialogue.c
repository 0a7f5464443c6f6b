/*
 * dialogue.c - the queue of owed replies, and the only place that reads them.
 */
#include "dialogue.h"

#include "tdc/base/check.h"
#include "tdc/base/format.h"

static const char *const names[COMMAND_COUNT] = {
	[COMMAND_GREETING] = "greeting", [COMMAND_EHLO] = "EHLO",
	[COMMAND_STARTTLS] = "STARTTLS", [COMMAND_MAIL] = "MAIL",
	[COMMAND_RCPT] = "RCPT",         [COMMAND_DATA] = "DATA",
	[COMMAND_BDAT] = "BDAT",         [COMMAND_CONTENT] = "end of data",
	[COMMAND_QUIT] = "QUIT",
};

const char *
command_name(enum command c)
{
	check(c < COMMAND_COUNT);
	return names[c];
}

void
dialogue_begin(struct dialogue *d, struct stream *s, const struct dialogue_events *events,
	       void *arg)
{
	d->stream = s;
	d->events = events;
	d->arg = arg;
	d->on_line = NULL;
	d->is_mid_reply = d->is_blocked = d->is_lossy = false;
	d->first = d->count = 0;
	smtp_reply_parser_init(&d->parser);
}

void
dialogue_end(struct dialogue *d)
{
	d->stream = NULL;
	d->count = 0;
}

void
dialogue_expect(struct dialogue *d, enum command c)
{
	check(d->count < DIALOGUE_IN_FLIGHT_MAX);
	d->in_flight[(d->first + d->count) % DIALOGUE_IN_FLIGHT_MAX] = (unsigned char)c;
	d->count++;
}

void
dialogue_send(struct dialogue *d, enum command c, const char *line, size_t n)
{
	if (d->count == 0 && !dialogue_is_clean(d)) {
		d->is_blocked = true; /* dialogue_input() breaks it */
		return;
	}
	dialogue_expect(d, c);
	if (stream_write(d->stream, line, n) != 0)
		d->is_lossy = true;
}

void
dialogue_send_line(struct dialogue *d, enum command c, const struct dialogue_line *l)
{
	dialogue_send(d, c, l->text, l->n);
}

void
line_begin(struct dialogue_line *l, const char *text)
{
	l->n = 0;
	line_add(l, text);
}

void
line_add(struct dialogue_line *l, const char *text)
{
	size_t n = strlen(text);

	if (n > sizeof(l->text) - l->n)
		n = sizeof(l->text) - l->n;
	memcpy(l->text + l->n, text, n);
	l->n += n;
}

void
line_add_number(struct dialogue_line *l, uint64_t number)
{
	char digits[FORMAT_NUMBER_MAX];

	format_number(number, digits);
	line_add(l, digits);
}

enum command
dialogue_next(const struct dialogue *d)
{
	return d->count == 0 ? COMMAND_COUNT : (enum command)d->in_flight[d->first];
}

bool
dialogue_is_clean(const struct dialogue *d)
{
	return !d->is_mid_reply && stream_input(d->stream).n == 0;
}

static enum command
take_next(struct dialogue *d)
{
	enum command c = dialogue_next(d);

	d->first = (d->first + 1) % DIALOGUE_IN_FLIGHT_MAX;
	d->count--;
	return c;
}

static void
tell_surplus(struct dialogue *d, int code, const char *text)
{
	struct err e;

	err_set(&e, ERR_PROTOCOL, 0, "a reply that nothing asked for: %d %.200s", code,
		text);
	d->events->on_broken(d->arg, &e, code == 421 ? &d->parser.reply : NULL);
}

static void
reply_read(struct dialogue *d)
{
	struct smtp_reply *reply = &d->parser.reply;

	d->is_mid_reply = false;
	if (d->count > 0)
		d->events->on_reply(d->arg, take_next(d), reply);
	else
		tell_surplus(d, reply->code, reply->text);
}

static void
tell_malformed(struct dialogue *d)
{
	struct err e;

	err_set(&e, ERR_PROTOCOL, 0, "a malformed reply%s%s", d->count == 0 ? "" : " to ",
		d->count == 0 ? "" : command_name(dialogue_next(d)));
	d->events->on_broken(d->arg, &e, NULL);
}

bool
dialogue_input(struct dialogue *d)
{
	bool is_any_whole = false;

	while (d->stream != NULL) {
		struct span input = stream_input(d->stream);
		size_t used = 0;
		if (input.n == 0)
			break;
		d->parser.on_line = d->on_line;
		d->parser.arg = d->arg;
		enum smtp_reply_result r = smtp_reply_parse(&d->parser, input, &used);
		stream_consume(d->stream, used);
		switch (r) {
		case SMTP_REPLY_DONE:
			is_any_whole = true;
			reply_read(d);
			break;
		case SMTP_REPLY_MORE:
			d->is_mid_reply = true;
			if (d->is_blocked)
				tell_surplus(d, 0, "unfinished");
			return is_any_whole;
		case SMTP_REPLY_MALFORMED:
			tell_malformed(d);
			return is_any_whole;
		}
	}
	return is_any_whole;
}

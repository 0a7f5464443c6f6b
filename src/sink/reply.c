/*
 * reply.c - replies and their faults.
 */
#include "sink.h"

#include <stdio.h>

static void
count_fault(struct session *s)
{
	s->sink->counts.n[SINK_FAULTS]++;
}

static struct reply
cut_reply(struct session *s, enum sink_stage stage)
{
	count_fault(s);
	session_cut(s);
	return (struct reply){ .stage = stage, .is_cut = true };
}

static struct reply
fault_reply(struct session *s, const struct fault *f)
{
	count_fault(s);
	buf_clear(&s->reply);
	buf_printf(&s->reply, "%s\r\n", f->text);
	return (struct reply){ .stage = f->stage, .code = f->code };
}

struct reply
reply_choose_lines(struct session *s, enum sink_stage stage, int code, const char *lines)
{
	struct faults *faults = &s->sink->faults;

	if (!list_is_empty(&faults->all)) {
		if (faults_due(faults, FAULT_DROP, stage) != NULL)
			return cut_reply(s, stage);
		const struct fault *f = faults_due(faults, FAULT_REPLY, stage);
		if (f != NULL)
			return fault_reply(s, f);
	}
	buf_clear(&s->reply);
	buf_append_text(&s->reply, lines);
	return (struct reply){ .stage = stage, .code = code };
}

static void
format_line(const struct session *s, char *line, size_t n, int code, const char *enhanced,
	    const char *text)
{
	bool is_plain = enhanced[0] == '\0' ||
			s->sink->options.lacks[EXTENSION_ENHANCEDSTATUSCODES];

	snprintf(line, n, "%d %s%s%s\r\n", code, is_plain ? "" : enhanced,
		 is_plain ? "" : " ", text);
}

struct reply
reply_choose(struct session *s, enum sink_stage stage, int code, const char *enhanced,
	     const char *text)
{
	char line[512];

	format_line(s, line, sizeof(line), code, enhanced, text);
	return reply_choose_lines(s, stage, code, line);
}

static void
run_after(struct session *s, enum session_after after)
{
	s->after = AFTER_NOTHING;
	switch (after) {
	case AFTER_NOTHING:
		return;
	case AFTER_STARTTLS:
		session_start_tls(s);
		return;
	case AFTER_CLOSE:
		stream_flush(s->stream);
		stream_close_after_output(s->stream, 5000);
		s->stream = NULL;
		session_cut(s);
		return;
	case AFTER_CUT:
		stream_flush(s->stream);
		session_cut(s);
		return;
	}
}

/* Puts s->reply on the stream, behind what was held back before. */
static void
write_reply(struct session *s)
{
	if (s->late.n > 0)
		stream_write(s->stream, buf_span(&s->late).p, s->late.n);
	buf_clear(&s->late);
	stream_write(s->stream, buf_span(&s->reply).p, s->reply.n);
	s->has_spoken = true;
}

void
reply_delay_is_over(void *session)
{
	struct session *s = session;

	s->is_waiting = false;
	write_reply(s);
	run_after(s, s->after);
	if (!s->is_over)
		session_run(s);
}

bool
reply_send(struct session *s, const struct reply *r, enum session_after after)
{
	struct faults *faults = &s->sink->faults;
	const struct fault *delay = NULL;
	bool is_late = false;

	if (r->is_cut)
		return false;
	bool is_positive = r->code < 400;
	if (!is_positive)
		after = AFTER_NOTHING;
	if (r->code == 421 || r->code == 221)
		after = AFTER_CLOSE;
	if (!list_is_empty(&faults->all)) {
		delay = faults_due(faults, FAULT_DELAY, r->stage);
		is_late = faults_due(faults, FAULT_LATE, r->stage) != NULL;
		if (faults_due(faults, FAULT_DUPLICATE, r->stage) != NULL) {
			char again[SESSION_LINE_MAX];
			size_t n =
				s->reply.n < sizeof(again) ? s->reply.n : sizeof(again);

			count_fault(s);
			memcpy(again, buf_span(&s->reply).p, n);
			buf_append(&s->reply, again, n);
		}
	}
	if (is_late && after == AFTER_NOTHING) {
		count_fault(s);
		buf_append_span(&s->late, buf_span(&s->reply));
		return is_positive;
	}
	if (delay != NULL) {
		count_fault(s);
		s->is_waiting = true;
		s->after = after;
		timer_set(&s->delay, delay->delay_ms);
		return is_positive;
	}
	write_reply(s);
	run_after(s, after);
	return is_positive;
}

bool
reply_now(struct session *s, enum sink_stage stage, int code, const char *enhanced,
	  const char *text)
{
	struct reply r = reply_choose(s, stage, code, enhanced, text);
	return reply_send(s, &r, AFTER_NOTHING);
}

void
reply_plain(struct session *s, int code, const char *enhanced, const char *text,
	    enum session_after after)
{
	char line[512];

	format_line(s, line, sizeof(line), code, enhanced, text);
	buf_clear(&s->reply);
	buf_append_text(&s->reply, line);
	write_reply(s);
	run_after(s, after);
}

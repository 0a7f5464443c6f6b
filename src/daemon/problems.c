/*
 * problems.c - the lines that a configuration got: logged when there is a log, and kept
 * for those who ask what became of it.
 */
#include "daemon.h"

#include "tdc/base/log.h"

#include <stdio.h>
#include <string.h>

/* The configuration's reader reports 200 of them. */
enum { PROBLEMS_TEXT_MAX = 1 << 20 };

static const char more[] = "and more, which are in the log\n";

void
problems_init(struct problems *p)
{
	*p = (struct problems){ 0 };
	buf_init(&p->error_lines, PROBLEMS_TEXT_MAX);
	buf_init(&p->warning_lines, PROBLEMS_TEXT_MAX);
}

void
problems_done(struct problems *p)
{
	buf_done(&p->error_lines);
	buf_done(&p->warning_lines);
}

void
problems_keep(void *arg, bool is_error, const char *line)
{
	struct problems *p = arg;
	struct buf *lines = is_error ? &p->error_lines : &p->warning_lines;

	if (is_error && p->errors++ == 0)
		snprintf(p->first, sizeof(p->first), "%s", line);
	if (buf_room(lines) > strlen(line) + sizeof(more))
		buf_printf(lines, "%s\n", line);
	else
		lines->failed = true;
}

void
problems_report(void *arg, bool is_error, const char *line)
{
	problems_keep(arg, is_error, line);
	if (is_error)
		log_event(LOG_DAEMON, ERROR, "config.error", F(LF_TEXT("line", line)),
			  "%s", line);
	else
		log_event(LOG_DAEMON, WARNING, "config.warning", F(LF_TEXT("line", line)),
			  "%s", line);
}

/* Room for the last line is left; without memory there is nothing but it. */
const char *
problems_lines(struct buf *lines)
{
	if (lines->failed) {
		lines->failed = false;
		buf_append_text(lines, more);
	}
	const char *text = buf_text(lines);
	return text == NULL ? more : text;
}

void
problems_log_errors(struct problems *p)
{
	const char *line = problems_lines(&p->error_lines);

	for (size_t n; (n = strcspn(line, "\n")) > 0; line += n + 1) {
		const struct span s = span_make(line, n);
		log_event(LOG_DAEMON, ERROR, "config.error", F(LF_SPAN("line", s)),
			  "%.*s", (int)s.n, s.p);
	}
}

void
problems_log_warnings(struct problems *p)
{
	const char *line = problems_lines(&p->warning_lines);

	for (size_t n; (n = strcspn(line, "\n")) > 0; line += n + 1) {
		const struct span s = span_make(line, n);
		log_event(LOG_DAEMON, WARNING, "config.warning", F(LF_SPAN("line", s)),
			  "%.*s", (int)s.n, s.p);
	}
	buf_clear(&p->warning_lines);
}

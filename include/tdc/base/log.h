/*
 * log.h - the mail log.
 *
 * One event is one line. The text form is the field's ("Mon Apr 17 19:56:22 2003 Info:
 * MID 6 queued for delivery"); the JSON form carries the event word, the subsystem and
 * the typed fields of the same event, and the text. What peers sent is escaped here, for
 * all: control bytes and invalid UTF-8 come out as \xNN, so no value can start a new
 * line. Message content is never logged.
 *
 * Levels: error = someone must act; warning = we coped, and how; info = custody; debug =
 * dialogue. The loop's lines are gathered and written by log_flush() once a turn;
 * warnings, errors and lines from other threads are written at once. Only floor 4 and
 * above log. Any thread.
 */
#ifndef TDC_BASE_LOG_H
#define TDC_BASE_LOG_H

#include "tdc/base/buf.h"
#include "tdc/base/err.h"
#include "tdc/base/span.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

enum log_subsystem {
	LOG_DAEMON,
	LOG_SERVER,
	LOG_STORE,
	LOG_DELIVER,
	LOG_ADMIN,
	LOG_SUBSYSTEM_COUNT
};

enum log_target { LOG_TO_STDERR, LOG_TO_FILE, LOG_TO_SYSLOG, LOG_TO_JOURNALD };
enum log_form { LOG_FORM_TEXT, LOG_FORM_JSON };

struct log_settings {
	enum log_target target;
	enum log_form form;
	enum log_level level;
	const char *path; /* of LOG_TO_FILE; copied */
};

struct log_field {
	const char *key;
	enum { LOG_FIELD_INT, LOG_FIELD_TEXT } type;
	int64_t number;
	struct span text;
};

#define LF_INT(k, v)                                                                     \
	((struct log_field){ .key = (k), .type = LOG_FIELD_INT, .number = (int64_t)(v) })
#define LF_TEXT(k, v)                                                                    \
	((struct log_field){ .key = (k), .type = LOG_FIELD_TEXT, .text = span_of(v) })
#define LF_SPAN(k, v)                                                                    \
	((struct log_field){ .key = (k), .type = LOG_FIELD_TEXT, .text = (v) })

/* Before the first log_open() lines go to stderr as text, level info. Reconfigures in
 * place. */
int log_open(const struct log_settings *s, struct err *e);
/* The same in two steps, so that a file is opened where one may wait for it, and what
 * cannot be opened is known before anything changes. */
struct log_change; /* a target that is open and not yet in use */
int log_change_new(const struct log_settings *s, struct log_change **ret, struct err *e);
/* Why lines go to stderr, since journald is not there; NULL = they do not. It is logged
 * when the change is taken. Valid until then. */
const char *log_change_fallback(const struct log_change *c);
void log_change_take(struct log_change *c); /* takes it; cannot fail */
void log_change_free(struct log_change *c); /* NULL is fine */
int log_reopen(struct err *e);              /* SIGUSR1: the file again by its name */
/* 0, or -1 and what is in the way of this target. No file is made or changed. */
int log_look(const struct log_settings *s, struct err *e);
void log_close(void);
void log_flush(void);
/* Call once from the loop's thread: its info lines are gathered from then on.
 * `on_first` runs when there is something to flush at the end of this turn; it must
 * not log. */
void log_gather_here(void (*on_first)(void *arg), void *arg);
void log_gather_nowhere(void); /* every line at once again; before the loop goes */

/* The escaping of the log, for others that print what peers sent (a terminal, a
 * report). */
int log_escape(struct buf *out, struct span s);

bool log_is_on(enum log_subsystem sub, enum log_level level);
void log_set_level(enum log_subsystem sub, enum log_level level);
const char *log_subsystem_name(enum log_subsystem sub);

void log_line(enum log_subsystem sub, enum log_level level, const char *event,
	      const struct log_field *fields, size_t n_fields, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/*
 *	log_event(LOG_SERVER, INFO, "mid.ready",
 *		  F(LF_INT("mid", mid), LF_INT("bytes", n)),
 *		  "MID %" PRIu64 " ready %" PRIu64 " bytes from <%s>", mid, n, sender);
 * Arguments are not evaluated when the level is off.
 */
#define F(...)                                                                           \
	((const struct log_field[]){ __VA_ARGS__ }),                                     \
		(sizeof((const struct log_field[]){ __VA_ARGS__ }) /                     \
		 sizeof(struct log_field))
#define F0 NULL, 0
#define log_event(sub, level, event, ...)                                                \
	do {                                                                             \
		if (log_is_on((sub), LOG_LEVEL_##level))                                 \
			log_line((sub), LOG_LEVEL_##level, (event), __VA_ARGS__);        \
	} while (0)

#endif

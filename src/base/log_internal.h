/*
 * log_internal.h - the parts of the log: a record, its printed forms, and where the bytes
 * go.
 *
 * Nothing here locks; log.c holds the one lock around all of it.
 */
#ifndef TDC_BASE_LOG_INTERNAL_H
#define TDC_BASE_LOG_INTERNAL_H

#include "tdc/base/buf.h"
#include "tdc/base/log.h"

enum {
	LOG_MESSAGE_MAX = 4096,       /* of the text of one event, before escaping */
	LOG_VALUE_MAX = 1024,         /* of one field                              */
	LOG_GATHERED_MAX = 256 << 10, /* lines of one turn; more is written sooner */
};
#define LOG_JOURNALD_SOCKET "/run/systemd/journal/socket"

struct log_record {
	int64_t wall_ms;
	enum log_subsystem subsystem;
	enum log_level level;
	const char *event;
	const struct log_field *fields;
	size_t n_fields;
	struct span text;
};

/* Escaped bytes of `s`, cut after `max` bytes (never inside a character) with "..."
 * behind. */
int log_escape_cut(struct buf *out, struct span s, size_t max);
/* The same inside a JSON string: quotes and backslashes get their backslash. */
int log_escape_json(struct buf *out, struct span s, size_t max);

/* One line with its line feed. */
int log_encode_text(struct buf *out, const struct log_record *r);
int log_encode_json(struct buf *out, const struct log_record *r);
int log_encode(struct buf *out, enum log_form form,
	       const struct log_record *r); /* either */
/* One datagram of journald's native protocol; values hold no line feed after escaping. */
int log_encode_journald(struct buf *out, const struct log_record *r);

/* Where lines go. Files and stderr take runs of lines, the others one record at a
 * time. */
struct log_sink {
	enum log_target target;
	enum log_form form;
	int fd;         /* of a file or of journald's socket; -1 otherwise          */
	char *path;     /* of the file, or of the socket                            */
	bool is_torn;   /* the last write ended inside a line                       */
	uint64_t lost;  /* lines that could not be written since it failed          */
	bool is_failed; /* it was said once on stderr                               */
	int64_t rests_until; /* monotonic; its reader is not waited for before it    */
};
void log_sink_init(struct log_sink *s); /* stderr */
int log_sink_open(struct log_sink *s, enum log_target target, enum log_form form,
		  const char *path, struct err *e);
/* Opens the file anew by its name; keeps the old one on failure. */
int log_sink_reopen(struct log_sink *s, struct err *e);
void log_sink_close(struct log_sink *s);
bool log_sink_takes_records(const struct log_sink *s);
/* Counts and says once what cannot be written; says how much was lost when it works
 * again. Blocks for 200 ms at most, and not again soon, when nobody reads. */
void log_sink_write(struct log_sink *s, struct span lines);
/* One datagram to journald; when it cannot take it, the line goes to stderr. */
void log_sink_send(struct log_sink *s, struct span datagram, struct span line);

/* syslog(3) has a file of its own: its header defines macros with the names of our
 * subsystems. */
void log_syslog_open(void);
void log_syslog_close(void);
void log_syslog_send(int level, const char *text); /* level: enum log_level */

/* log_open() with journald's socket elsewhere; for tests. */
int log_open_with_socket(const struct log_settings *s, const char *journald,
			 struct err *e);

#endif

/*
 * log_internal.h - the parts of the log: a record, its printed forms, and where the bytes
 * go.
 *
 * Nothing here locks; log.c holds the one lock around all of it.
 */
#ifndef TDC_BASE_LOG_INTERNAL_H
#define TDC_BASE_LOG_INTERNAL_H

#include "tdc/base/buf.h"
#include "tdc/base/clock.h"
#include "tdc/base/log.h"

enum {
	LOG_MESSAGE_MAX = 4096,       /* of the text of one event, before escaping */
	LOG_VALUE_MAX = 1024,         /* of one field                              */
	LOG_GATHERED_MAX = 256 << 10, /* lines of one turn; more is written sooner */
};
enum { LOG_READER_WAIT_MS = 200 }; /* for a reader that does not read */
#define LOG_JOURNALD_SOCKET "/run/systemd/journal/socket"
#define LOG_SYSLOG_SOCKET   "/dev/log"

/* The printed time of the line before, for those that follow at once. */
struct log_stamp {
	int64_t at; /* the second, or the millisecond where it is printed */
	void (*format)(int64_t wall_ms, char *text); /* NULL: nothing kept yet */
	char text[CLOCK_TEXT_MAX];
};

struct log_record {
	int64_t wall_ms;
	struct log_stamp *stamp; /* borrowed for the call; NULL: none is kept */
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
/* One datagram of syslog's local form, "<PRIORITY>tdcd[PID]: text", facility mail. The
 * time is the receiver's to add. */
int log_encode_syslog(struct buf *out, enum log_form form, const struct log_record *r);

/* The record that tells of the lost lines. */
struct log_lost {
	char text[160];
	struct log_field field;
	struct log_record record;
};
void log_lost_init(struct log_lost *l, uint64_t lost);

/* Where lines go. Files and stderr take runs of lines, the others one record at a
 * time. */
struct log_sink {
	enum log_target target;
	enum log_form form;
	int fd;         /* of the file or of our socket; -1 otherwise               */
	char *path;     /* of the file, or of the socket                            */
	bool is_torn;   /* the last write ended inside a line                       */
	uint64_t lost;  /* lines that could not be written since it failed          */
	bool is_failed; /* it was said once on stderr                               */
	int64_t rests_until; /* monotonic; its reader is not waited for before it    */
};
void log_sink_init(struct log_sink *s); /* stderr */
int log_sink_open(struct log_sink *s, enum log_target target, enum log_form form,
		  const char *path, struct err *e);
/* What opening the file would fail with; nothing is touched. */
int log_file_look(const char *path, struct err *e);
/* Opens the file anew by its name; keeps the old one on failure. */
int log_sink_reopen(struct log_sink *s, struct err *e);
void log_sink_close(struct log_sink *s);
bool log_sink_takes_records(const struct log_sink *s);
/* Counts and says once what cannot be written; says how much was lost when it works
 * again. Blocks for 200 ms at most, and not again soon, when nobody reads. */
void log_sink_write(struct log_sink *s, struct span lines);

/* ---- log_target.c, for log_datagram.c */
/* How long the target is worth a wait: not while it fails, nor soon after it did. */
int64_t log_sink_wait_ms(const struct log_sink *s);
/* `lines` more are lost, by the error `os`; the first time is said on stderr. */
void log_sink_failed(struct log_sink *s, uint64_t lines, int os);
/* An error number, or 0. */
int log_write(int fd, struct span bytes, int64_t wait_ms, size_t *written);

/* ---- log_datagram.c */
int log_socket_open(enum log_target target, const char *path, struct err *e);
int log_encode_datagram(struct buf *out, const struct log_sink *s,
			const struct log_record *r);
/* 0, or -1: not taken. What was for syslog is lost then, and counted; what was for
 * journald may go elsewhere. */
int log_sink_send(struct log_sink *s, struct span datagram);
/* To stderr, where a service manager may read it. */
void log_sink_send_elsewhere(struct log_sink *s, struct span line);
/* log_open() with the socket of journald or syslog elsewhere; for tests. */
int log_open_with_socket(const struct log_settings *s, const char *path, struct err *e);

#endif

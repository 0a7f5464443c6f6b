/*
 * dialogue.h - commands in flight: every reply is matched to its command.
 *
 * The queue holds what a reply is owed for, in order. A reply that none is owed for, or
 * that cannot be read, breaks the dialogue: it never stands for another.
 */
#ifndef TDC_DELIVER_DIALOGUE_H
#define TDC_DELIVER_DIALOGUE_H

#include "tdc/base/err.h"
#include "tdc/loop/stream.h"
#include "tdc/smtp/reply.h"

#include <stdbool.h>
#include <stdint.h>

enum command {
	COMMAND_GREETING, /* the reply that comes unasked */
	COMMAND_EHLO,
	COMMAND_STARTTLS,
	COMMAND_MAIL,
	COMMAND_RCPT,
	COMMAND_DATA,
	COMMAND_BDAT,    /* the chunk that is also the last */
	COMMAND_CONTENT, /* the final dot */
	COMMAND_QUIT,
	COMMAND_COUNT
};
const char *command_name(enum command c); /* "MAIL", "end of data", ... */

enum { DIALOGUE_IN_FLIGHT_MAX = 8, DIALOGUE_LINE_MAX = 4096 };

/* A line being put together. What would be too long is cut; the callers' sizes are not. */
struct dialogue_line {
	size_t n;
	char text[DIALOGUE_LINE_MAX];
};
void line_begin(struct dialogue_line *l, const char *text);
void line_add(struct dialogue_line *l, const char *text);
void line_add_number(struct dialogue_line *l, uint64_t number);

struct dialogue_events {
	/* The dialogue may be ended inside; it looks at `stream` afterwards. */
	void (*on_reply)(void *arg, enum command c, const struct smtp_reply *reply);
	/*
	 * Malformed or surplus. `goodbye`: a surplus 421, the peer's way to say that it
	 * closes.
	 */
	void (*on_broken)(void *arg, const struct err *e,
			  const struct smtp_reply *goodbye);
};
struct dialogue {
	struct stream *stream; /* borrowed; NULL = ended */
	const struct dialogue_events *events;
	void *arg;
	struct smtp_reply_parser parser;
	/* Lines of a reply, one by one; set while an EHLO's is awaited. */
	void (*on_line)(void *arg, int line, struct span text);
	bool is_mid_reply; /* a part of one is there */
	/* Memory failed: bytes are missing in what was sent. Nothing may follow them. */
	bool is_lossy;
	bool is_blocked; /* something should be sent, but an unasked reply waits */
	unsigned first, count;
	unsigned char in_flight[DIALOGUE_IN_FLIGHT_MAX]; /* enum command */
};

void dialogue_begin(struct dialogue *d, struct stream *s,
		    const struct dialogue_events *events, void *arg);
void dialogue_end(struct dialogue *d);
/* Owes a reply for something that is not sent here. */
void dialogue_expect(struct dialogue *d, enum command c);
/*
 * Queues the line with its CRLF, and owes its reply. Nothing is said while a reply waits
 * that nothing asked for: the dialogue breaks then. Without memory it is lossy.
 */
void dialogue_send(struct dialogue *d, enum command c, const char *line, size_t n);
void dialogue_send_line(struct dialogue *d, enum command c,
			const struct dialogue_line *l);
/* The command whose reply is next; COMMAND_COUNT: none. */
enum command dialogue_next(const struct dialogue *d);
/* Takes what the stream has. True: a whole reply was among it. */
bool dialogue_input(struct dialogue *d);
/* No byte of a reply is there that nothing asked for. */
bool dialogue_is_clean(const struct dialogue *d);

#endif

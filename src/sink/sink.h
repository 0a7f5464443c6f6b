/*
 * sink.h - the simulator as a whole, and its sessions.
 *
 *	COMMAND --DATA/354--> DATA --final dot--> COMMAND
 *	    \----BDAT n----> CHUNK --n octets--> COMMAND
 *
 * A session waits (takes no input) while a reply is delayed and while a handshake runs.
 */
#ifndef TDC_SINK_SINK_H
#define TDC_SINK_SINK_H

#include "content.h"
#include "counts.h"
#include "faults.h"
#include "options.h"
#include "store.h"
#include "tdc/base/buf.h"
#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"
#include "tdc/tls/tls.h"

struct sink {
	struct loop *loop;
	struct options options;
	struct faults faults;
	struct store store;
	struct sink_counts counts;
	struct tls_context *tls;
	struct listener *listener;
	struct list sessions;
};

enum session_mode { MODE_COMMAND, MODE_DATA, MODE_CHUNK };
/* What happens once a reply is out. */
enum session_after { AFTER_NOTHING, AFTER_STARTTLS, AFTER_CLOSE, AFTER_CUT };
enum body_type { BODY_7BIT, BODY_8BIT, BODY_BINARY };

enum { SESSION_LINE_MAX = 4096 };

struct session {
	struct list_node node;
	struct sink *sink;
	struct stream *stream;
	uint64_t number;
	enum session_mode mode;
	bool is_over, is_waiting, is_shaking_hands, is_greeted, has_tls;
	bool has_spoken; /* the greeting is out */
	struct tls_facts facts;
	char helo[256];
	uint64_t messages;

	/* replies */
	struct buf reply; /* being made or delayed                    */
	struct buf late;  /* held back until the next command         */
	struct timer delay;
	enum session_after after;

	/* the transaction */
	bool is_mail, is_utf8;
	enum body_type body;
	struct buf from;       /* "address\0parameters\0" */
	struct buf recipients; /* the same, one after the other */
	uint64_t recipient_count;
	struct draft draft;
	struct content content;
	bool is_chunked, is_last_chunk, is_chunk_refused, is_mid_passed;
	uint64_t chunk_left, chunk_size;

	struct buf raw; /* what came before TLS */
};

/* session.c: life */
int session_new(struct sink *k, int fd, struct err *e);
void session_cut(struct session *s); /* without a word, TLS's included */
void session_run(struct session *s); /* takes what input there is */
void session_take(struct session *s,
		  struct span bytes); /* records if before TLS, and consumes */
void session_violation(struct session *s, const char *what);
void session_end_transaction(struct session *s);

/* reply.c: what is said, and what goes wrong with it */
struct reply {
	enum sink_stage stage;
	int code;
	bool is_cut; /* the connection was cut instead */
};
/* Puts a reply into s->reply as the faults of its stage will have it. */
struct reply reply_choose(struct session *s, enum sink_stage stage, int code,
			  const char *enhanced, const char *text);
/* The same for a text that is complete, CRLF and all. */
struct reply reply_choose_lines(struct session *s, enum sink_stage stage, int code,
				const char *lines);
/* Sends it, now or later. True if it is positive: the session may go on as asked. */
bool reply_send(struct session *s, const struct reply *r, enum session_after after);
bool reply_now(struct session *s, enum sink_stage stage, int code, const char *enhanced,
	       const char *text);
/* For replies that no fault is about. */
void reply_plain(struct session *s, int code, const char *enhanced, const char *text,
		 enum session_after after);
void reply_delay_is_over(void *session); /* a timer's function */

/* verbs.c: commands. The line has no CRLF; `has_more` says that input follows it already. */
void verbs_run(struct session *s, struct span line, bool has_more);

/* message.c: DATA and BDAT. Each takes from the input and returns how much, 0 = more is needed. */
size_t message_take_data(struct session *s, struct span in);
size_t message_take_chunk(struct session *s, struct span in);
void message_begin(struct session *s);
void message_end_chunk(struct session *s); /* all its octets are there */

/* session.c again: a handshake is due */
void session_start_tls(struct session *s);

#endif

/*
 * reply.h - replies: writing them (server) and reading them strictly (client).
 */
#ifndef TDC_SMTP_REPLY_H
#define TDC_SMTP_REPLY_H

#include "tdc/base/buf.h"
#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SMTP_REPLY_LINE_MAX = 2048, /* RFC 5321 says 512; real ones are longer */
	SMTP_REPLY_LINES_MAX = 128,
	SMTP_REPLY_TEXT_MAX = 1024, /* kept of the whole reply, lines joined by " / " */
};

struct smtp_reply {
	int code;          /* 200-599 */
	char enhanced[12]; /* "2.0.0", or "" when absent or of another class */
	/* without codes; raw bytes, no NUL, CR or LF */
	char text[SMTP_REPLY_TEXT_MAX + 1];
};

/* Reads one reply. Embedded in its owner; no allocation. */
struct smtp_reply_parser {
	struct smtp_reply reply;
	size_t text_n;
	int lines;
	size_t scanned;
	/* Each line of an EHLO reply is wanted apart: called with the line's text. May be NULL. */
	void (*on_line)(void *arg, int line, struct span text);
	void *arg;
};

enum smtp_reply_result {
	SMTP_REPLY_DONE,      /* parser->reply is complete; *used bytes belong to it */
	SMTP_REPLY_MORE,      /* *used bytes are taken; feed the rest with more */
	SMTP_REPLY_MALFORMED, /* not "ddd[ -]text CRLF", codes differ between lines, too long:
			       * the connection cannot be trusted any more */
};

void smtp_reply_parser_init(struct smtp_reply_parser *p);
/* Bare LF at a reply's end is malformed. *used is always set. */
enum smtp_reply_result smtp_reply_parse(struct smtp_reply_parser *p, struct span input,
					size_t *used);

/* "250 2.1.0 text\r\n"; `enhanced` may be NULL. '\n' in text makes a multi-line reply. Bytes that
 * could break a line are written as '?'. */
int smtp_reply_format(struct buf *out, int code, const char *enhanced, const char *text);

/* Extensions that a peer offers: bits, and values where they have one. */
enum smtp_extension {
	SMTP_EXT_PIPELINING = 1 << 0,
	SMTP_EXT_SIZE = 1 << 1,
	SMTP_EXT_8BITMIME = 1 << 2,
	SMTP_EXT_SMTPUTF8 = 1 << 3,
	SMTP_EXT_ENHANCEDSTATUSCODES = 1 << 4,
	SMTP_EXT_DSN = 1 << 5,
	SMTP_EXT_CHUNKING = 1 << 6,
	SMTP_EXT_BINARYMIME = 1 << 7,
	SMTP_EXT_STARTTLS = 1 << 8,
	SMTP_EXT_REQUIRETLS = 1 << 9,
	SMTP_EXT_LIMITS = 1 << 10,
	SMTP_EXT_AUTH = 1 << 11,
	SMTP_EXT_XFORWARD = 1 << 12,
};
struct smtp_capabilities {
	unsigned extensions;
	uint64_t size_max; /* of SIZE, 0 = no limit stated */
	unsigned mail_max; /* of LIMITS MAILMAX (RFC 9422), 0 = none */
	unsigned rcpt_max; /* of LIMITS RCPTMAX */
};
/* One line of an EHLO reply (not the first). Unknown keywords are ignored. */
void smtp_capabilities_add(struct smtp_capabilities *c, struct span line);

#endif

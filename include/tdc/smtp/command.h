/*
 * command.h - parsing of SMTP, ESMTP and LMTP command lines into values.
 *
 * Pure. What is returned points into the line. The verbs and parameters are tables; whether
 * a verb is legal now, and whether a parameter was offered, is the session's business.
 */
#ifndef TDC_SMTP_COMMAND_H
#define TDC_SMTP_COMMAND_H

#include "tdc/smtp/address.h"

#include <stdbool.h>
#include <stdint.h>

enum smtp_verb {
	SMTP_UNKNOWN,
	SMTP_HELO,
	SMTP_EHLO,
	SMTP_LHLO,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_BDAT,
	SMTP_RSET,
	SMTP_NOOP,
	SMTP_QUIT,
	SMTP_VRFY,
	SMTP_EXPN,
	SMTP_HELP,
	SMTP_STARTTLS,
	SMTP_XFORWARD,
	SMTP_XCLIENT,
	SMTP_AUTH,
	SMTP_TURN,
	SMTP_ETRN,
	SMTP_VERB_COUNT
};
const char *smtp_verb_name(enum smtp_verb v); /* "MAIL"; "?" for unknown */

enum smtp_body_type { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };

/* ESMTP parameters seen (bit set), RFC 1870, 6152, 3030, 6531, 3461, 8689, 4954. */
enum smtp_parameter {
	SMTP_PARAMETER_SIZE = 1 << 0,
	SMTP_PARAMETER_BODY = 1 << 1,
	SMTP_PARAMETER_SMTPUTF8 = 1 << 2,
	SMTP_PARAMETER_RET = 1 << 3,
	SMTP_PARAMETER_ENVID = 1 << 4,
	SMTP_PARAMETER_NOTIFY = 1 << 5,
	SMTP_PARAMETER_ORCPT = 1 << 6,
	SMTP_PARAMETER_REQUIRETLS = 1 << 7,
	SMTP_PARAMETER_AUTH = 1 << 8,
};

enum smtp_notify {
	SMTP_NOTIFY_NEVER = 1 << 0,
	SMTP_NOTIFY_SUCCESS = 1 << 1,
	SMTP_NOTIFY_FAILURE = 1 << 2,
	SMTP_NOTIFY_DELAY = 1 << 3,
};

struct smtp_command {
	enum smtp_verb verb;
	struct span argument; /* everything behind the verb, trimmed */

	/* MAIL, RCPT */
	struct smtp_address address;
	unsigned parameters; /* enum smtp_parameter bits */
	uint64_t size;       /* SIZE= */
	enum smtp_body_type body;
	bool ret_full;     /* RET=FULL; otherwise HDRS */
	struct span envid; /* still xtext */
	unsigned notify;   /* enum smtp_notify bits */
	struct span orcpt; /* "type;xtext", still encoded */

	/* BDAT */
	uint64_t chunk_size;
	bool chunk_is_last;
};

enum smtp_command_result {
	SMTP_COMMAND_OK,
	SMTP_COMMAND_UNKNOWN,     /* 500 5.5.2 */
	SMTP_COMMAND_SYNTAX,      /* 501 5.5.4, `detail` says what is wrong with it */
	SMTP_COMMAND_BAD_ADDRESS, /* 501 5.1.7 (MAIL) / 5.1.3 (RCPT) */
	SMTP_COMMAND_UNKNOWN_PARAMETER, /* 555 5.5.4, `detail_span` is the parameter */
	/* 501 5.5.4: known, with a malformed or repeated value */
	SMTP_COMMAND_BAD_PARAMETER,
	/* 500 5.5.2: NUL, bare CR or LF, other control bytes; the verb is set */
	SMTP_COMMAND_CONTROL,
};

struct smtp_command_error {
	const char *detail;      /* static text, may be NULL */
	struct span detail_span; /* into the line, may be empty */
};

/*
 * Spaces are taken where real clients put them ("MAIL FROM: <a@b>"); the verb alone is legal for
 * those without arguments, and they refuse one (501).
 */
enum smtp_command_result smtp_command_parse(struct span line, struct smtp_command *ret,
					    struct smtp_command_error *error);

/*
 * Mail servers hand on envelopes that no standard has. Copies a MAIL or RCPT line with
 * '?' in place of control bytes and of bytes that are not UTF-8. False: it is another
 * line, or holds none of them, or a NUL, CR or LF, which no line is mended from.
 */
bool smtp_command_mend(struct span line, struct buf *ret);

/* XFORWARD and XCLIENT attributes: "NAME=value ADDR=[UNAVAILABLE] ...". */
enum smtp_xforward {
	SMTP_XFORWARD_NAME,
	SMTP_XFORWARD_ADDR,
	SMTP_XFORWARD_PORT,
	SMTP_XFORWARD_PROTO,
	SMTP_XFORWARD_HELO,
	SMTP_XFORWARD_IDENT,
	SMTP_XFORWARD_SOURCE,
	SMTP_XFORWARD_COUNT
};
const char *smtp_xforward_name(enum smtp_xforward a);
enum { SMTP_XFORWARD_VALUE_MAX = 255 };
/* Takes one attribute from *text, decoded into `value` (empty for [UNAVAILABLE]/[TEMPUNAVAIL], cut
 * when it is longer).
 * 1 = one taken, 0 = end, -1 = malformed or unknown. */
int smtp_xforward_take(struct span *text, enum smtp_xforward *attribute,
		       char value[SMTP_XFORWARD_VALUE_MAX + 1]);

#endif

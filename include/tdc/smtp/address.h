/*
 * address.h - addresses of the envelope: RFC 5321 4.1.2, RFC 6531 3.3, xtext of RFC 3461 4.
 *
 * Pure: bytes in, spans into those bytes out.
 */
#ifndef TDC_SMTP_ADDRESS_H
#define TDC_SMTP_ADDRESS_H

#include "tdc/base/buf.h"
#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	/* RFC 5321 4.5.3.1.1; more is taken up to ADDRESS_MAX, as real senders do it and
	 * a copy must not be lost */
	SMTP_LOCAL_PART_MAX = 64,
	SMTP_DOMAIN_MAX = 255, /* 4.5.3.1.2 */
	SMTP_ADDRESS_MAX =
		3072, /* of ours: local part, @ and domain together. Postfix hands on
				    * what fits into its own command line of 2 KiB, quoted anew:
				    * whoever may choose the sender must not be able to have the
				    * copy refused */
};

struct smtp_address {
	/* local@domain as it was written, without source route and <>; empty = <> */
	struct span whole;
	struct span local; /* quotes included */
	/* without @; a literal keeps its []; empty for "postmaster" alone */
	struct span domain;
	bool is_utf8; /* holds bytes over 127 (valid UTF-8) */
};

enum smtp_address_result {
	SMTP_ADDRESS_OK,
	SMTP_ADDRESS_SYNTAX,   /* 501 5.1.3 / 5.1.7 */
	SMTP_ADDRESS_TOO_LONG, /* 501 5.1.3 */
	SMTP_ADDRESS_NOT_UTF8, /* bytes over 127 that are not UTF-8 */
};

/*
 * Parses "<...>" at the start of *text, and moves *text behind it. A source route is skipped.
 * Null is allowed ("<>"), and so is "<postmaster>" without a domain. No control characters,
 * ever, also not within quotes.
 */
enum smtp_address_result smtp_path_parse(struct span *text, struct smtp_address *ret);
/* The same for MAIL, where nobody is served by a refusal: the domain may be missing, empty, or none. */
enum smtp_address_result smtp_sender_parse(struct span *text, struct smtp_address *ret);
/* The same without the angle brackets; all of `text` must be the address. */
enum smtp_address_result smtp_address_parse(struct span text, struct smtp_address *ret);

/* The local part without quotes and backslashes. */
int smtp_local_part_unquote(struct span local, struct buf *ret);
/* ASCII lower case of a domain, trailing dot removed. */
int smtp_domain_normalize(struct span domain, struct buf *ret);

/*
 * `user=domain@queue` -> `user@domain` (what recipient_bcc_maps writes): the last '=' of the
 * unquoted local part divides. 0, or -1 when it is not of that form.
 */
int smtp_address_decode_copy(const struct smtp_address *a, struct buf *ret);

/* xtext: RFC 3461 4. Decoding refuses malformed input and control characters: -1. */
int smtp_xtext_decode(struct span text, struct buf *ret);
bool smtp_xtext_is_valid(struct span text); /* would be decoded */
int smtp_xtext_encode(struct span bytes, struct buf *ret);

bool smtp_utf8_is_valid(struct span bytes);

#endif

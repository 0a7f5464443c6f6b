/*
 * journal.h - the journal message: bytes = f(row, render profile).
 *
 * A profile is a line of text: version of the renderer, format, header settings, and what
 * the hop can carry. The same row and profile give the same bytes for ever, in the spool
 * that the row is in (a released renderer version never changes its output). Constant
 * memory: head and tail are small, the body streams between them untouched or as base64.
 * Any one thread.
 */
#ifndef TDC_JOURNAL_JOURNAL_H
#define TDC_JOURNAL_JOURNAL_H

#include "tdc/base/buf.h"
#include "tdc/base/err.h"
#include "tdc/smtp/command.h"
#include "tdc/smtp/reply.h"
#include "tdc/store/message.h"

#include <stdbool.h>
#include <stdint.h>

enum journal_format {
	JOURNAL_FORMAT_JOURNAL,
	JOURNAL_FORMAT_EXCHANGE,
	JOURNAL_FORMAT_BCC,
};
enum journal_choice {
	JOURNAL_CHOICE_DEFAULT,
	JOURNAL_CHOICE_ATTACH,
	JOURNAL_CHOICE_HOLD,
};

/* Each row of the table "What the next hop cannot carry" has its choice. */
struct journal_settings {
	const char *hostname; /* right side of Message-ID, Received by */
	enum journal_format format;
	const char *mail_from;   /* "" = <> */
	const char *header_from; /* of From:; NULL = postmaster@hostname */
	/*
	 * of To:; NULL = undisclosed-recipients:;. It belongs to the profile, as all that is in
	 * the bytes: an intake corrected later must not change what is sent again.
	 */
	const char *header_to;
	const char *client_ip_field;     /* "X-IronPort-RemoteIP"; "" = left out */
	bool has_cse_fields;             /* X-CSE-* */
	enum journal_choice eight_bit;   /* 8-bit bytes, hop without 8BITMIME */
	enum journal_choice utf8_header; /* UTF-8 header fields, hop without SMTPUTF8 */
	enum journal_choice long_lines;  /* lines over 998, hop without BINARYMIME */
	enum journal_choice bare_line_ends; /* bare CR, LF or NUL, hop without both */
};

/*
 * The text of the profile: settings and the hop's extensions (enum smtp_extension bits).
 */
int journal_profile_write(const struct journal_settings *s, unsigned extension_bits,
			  struct buf *ret);

enum journal_body_form { JOURNAL_BODY_AS_IS, JOURNAL_BODY_BASE64 };
enum { JOURNAL_MARK_MAX = 64 };
struct journal_rendering {
	struct buf head, tail; /* around the body */
	enum journal_body_form form;
	uint64_t size;            /* of the whole message, before dot stuffing */
	bool must_use_bdat;       /* binary: DATA would not carry it */
	enum smtp_body_type body; /* for BODY= */
	bool needs_smtputf8;
	char mail_from[SMTP_ADDRESS_MAX + 1];
	bool is_held; /* nothing rendered: the configuration says hold */
	/* "", "attach: why", "hold: why", "opaque: why", "binary: nul, bare-cr", ... */
	char mark[JOURNAL_MARK_MAX];
};
/*
 * What renderings have in common and is made once: the key of the loop mark, the profiles
 * of late, parsed, and room to write in. The bytes do not depend on what it remembers.
 * `secret` is the spool's, of HMAC_KEY_BYTES: by the loop mark that it makes, the spool
 * knows its own journals again.
 */
struct journal_renderer;
int journal_renderer_new(const uint8_t *secret, struct journal_renderer **ret,
			 struct err *e);
void journal_renderer_free(struct journal_renderer *w); /* NULL is fine */
/*
 * `recipients` of the row's rids are named in the report. -1: ERR_SYNTAX for a profile of
 * an unknown version, ERR_MEMORY. The intake, RCPT TO's address, is not in the
 * bytes; it decides only whether SMTPUTF8 is needed.
 */
int journal_render(struct journal_renderer *w, const char *profile,
		   const struct spool_journal *j, const char *intake,
		   struct journal_rendering *ret, struct err *e);
void journal_rendering_done(struct journal_rendering *r);

/* "<uid@hostname>", as it stands in the journal's Message-ID field. */
int journal_message_id(const struct spool_journal *j, const char *hostname,
		       struct buf *ret);

#endif

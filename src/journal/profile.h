/*
 * profile.h - the render profile as values, and its one line of text.
 *
 * Owned by src/journal. The text is what the spool keeps; it is parsed again at each
 * rendering, so that the bytes depend on nothing else than the row and this line.
 */
#ifndef TDC_JOURNAL_PROFILE_H
#define TDC_JOURNAL_PROFILE_H

#include "tdc/journal/journal.h"

enum {
	PROFILE_NAME_MAX = 255,  /* host name, name of a header field   */
	PROFILE_TEXT_MAX = 8192, /* the whole line                      */
};

/* Versions of the renderer: what each began with. The latest is written. */
enum {
	PROFILE_FIRST = 1,
	PROFILE_MARKS_BINARY = 2, /* X-TDC-Mark names the bytes that need BDAT */
	PROFILE_LATEST = PROFILE_MARKS_BINARY,
};

/* The extensions that change the bytes; others never stand in a profile. */
enum {
	PROFILE_EXTENSIONS = SMTP_EXT_8BITMIME | SMTP_EXT_SMTPUTF8 | SMTP_EXT_CHUNKING |
			     SMTP_EXT_BINARYMIME,
};

struct profile {
	int version;
	int format; /* enum journal_format: an int, as the table of keys stores it */
	unsigned extensions;
	int has_cse_fields;
	int eight_bit, utf8_header, long_lines, bare_line_ends; /* enum journal_choice */
	char hostname[PROFILE_NAME_MAX + 1];
	char client_ip_field[PROFILE_NAME_MAX + 1];
	char mail_from[SMTP_ADDRESS_MAX + 1];
	char header_from[SMTP_ADDRESS_MAX + 1];
	char header_to[SMTP_ADDRESS_MAX + 1]; /* "" = nobody is named */
};

int profile_write(const struct profile *p, struct buf *ret);
/* An operator released the journal: what would be held is treated as by default. */
void profile_let_go(struct profile *p);
/* ERR_SYNTAX: another version, an unknown key or value, a key missing or twice. */
int profile_parse(const char *text, struct profile *ret, struct err *e);

#endif

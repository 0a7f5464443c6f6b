/*
 * scan.h - one pass over a message as it arrives: what must be known to carry it faithfully, and
 * the few header fields that the journal reports.
 *
 * Tolerant: there is no malformed message, only one whose fields cannot be read (`is_opaque`). All
 * limits are of this scanner, not of the message. Chunk boundaries do not matter. Pure; memory is
 * bounded by MIME_FIELD_MAX per wanted field.
 */
#ifndef TDC_MIME_SCAN_H
#define TDC_MIME_SCAN_H

#include "tdc/base/buf.h"
#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	MIME_FIELD_MAX = 8192,           /* kept of one field's value */
	MIME_ADDRESS_FIELDS_MAX = 65536, /* kept of To, Cc, ... together */
	MIME_NAME_MAX = 64,              /* of a field's name            */
	MIME_NAMES_MAX = 8192,           /* kept of all names            */
};

enum mime_fact {
	MIME_HAS_8BIT = 1 << 0,        /* bytes over 127 anywhere */
	MIME_HAS_UTF8_HEADER = 1 << 1, /* bytes over 127 in the header, all valid UTF-8 */
	MIME_HAS_8BIT_HEADER = 1 << 2, /* bytes over 127 in the header, not UTF-8 */
	MIME_HAS_NUL = 1 << 3,
	MIME_HAS_BARE_CR = 1 << 4,
	MIME_HAS_BARE_LF = 1 << 5,
	MIME_HAS_LONG_LINE = 1 << 6, /* a line over 998 octets (RFC 5322 2.1.1) */
	MIME_HAS_NO_FINAL_CRLF = 1 << 7,
	MIME_IS_OPAQUE = 1 << 8, /* no header could be read: not "Name: value" lines */
	/* the loop mark's field; whose it is the value tells */
	MIME_HAS_LOOP_MARK = 1 << 9,
	MIME_IS_JOURNAL_REPORT = 1 << 10, /* X-MS-Journal-Report */
	MIME_IS_EMPTY = 1 << 11,
	/* header passed header_max: fields beyond it were not read */
	MIME_HEADER_TOO_LARGE = 1 << 12,
};
enum { MIME_FACT_COUNT = 13 };
/* "8-bit", "long-lines", ...: of the bit 1 << i. They stand in journals and never change. */
const char *mime_fact_name(unsigned i);

/* First occurrence of each; value unfolded (CRLF before space removed), trimmed, cut at MIME_FIELD_MAX. */
enum mime_field {
	MIME_SUBJECT,
	MIME_MESSAGE_ID,
	MIME_FROM,
	MIME_DATE,
	MIME_LOOP_MARK,
	MIME_FIELD_COUNT
};

struct mime_scan; /* heap, reusable */
int mime_scan_new(uint64_t header_max, struct mime_scan **ret);
void mime_scan_free(struct mime_scan *s);
void mime_scan_start(struct mime_scan *s);
void mime_scan_feed(struct mime_scan *s, const char *p, size_t n);
void mime_scan_finish(struct mime_scan *s);

/* After mime_scan_finish(), until the next start: */
unsigned mime_scan_facts(const struct mime_scan *s);
uint64_t mime_scan_size(const struct mime_scan *s);
/* up to and with the empty line */
uint64_t mime_scan_header_size(const struct mime_scan *s);
/* octets without CRLF; UINT32_MAX at most */
uint32_t mime_scan_longest_line(const struct mime_scan *s);
/* The names of the header's fields as they came, in order, each with a NUL behind it; one that
 * comes several times in a row stands once. is_cut: there are others, beyond MIME_NAMES_MAX
 * bytes or header_max, or longer than MIME_NAME_MAX. */
struct mime_names {
	struct span text;
	bool is_cut;
};
struct mime_names mime_scan_names(const struct mime_scan *s);
/* Received: fields, the loop limit's measure */
unsigned mime_scan_received_count(const struct mime_scan *s);
struct span mime_scan_field(const struct mime_scan *s, enum mime_field f);
/* To, Cc, Bcc, X-Original-To, Delivered-To, Apparently-To: addresses found, in order, without
 * duplicates, at most 1000. */
size_t mime_scan_recipient_count(const struct mime_scan *s);
struct span mime_scan_recipient(const struct mime_scan *s, size_t i);
/* Values of all Received: fields, newest first, at most 30. */
size_t mime_scan_received_values(const struct mime_scan *s, const struct span **ret);

/* Memory failed: facts, sizes and counts stand, but values or recipients may be missing. */
bool mime_scan_failed(const struct mime_scan *s);

/* The name of the loop mark's header field: "X-TDC-Journal". */
extern const char mime_loop_mark[];

#endif

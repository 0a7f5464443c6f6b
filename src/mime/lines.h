/*
 * lines.h - what the lines of a message are like: bare line ends, the longest one, the
 * last one.
 *
 * A line ends with CRLF and nothing else. Chunk boundaries do not matter.
 */
#ifndef TDC_SRC_MIME_LINES_H
#define TDC_SRC_MIME_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mime_lines {
	uint64_t line_n; /* octets of the line that is not ended, with a CR at its end */
	uint64_t longest;
	bool is_behind_cr;
	bool has_bare_cr, has_bare_lf;
};

/* What a chunk holds; `is_uneven`: within it, a CR or LF that is not one of a CRLF. A
 * pair that a boundary divides is not looked at. */
struct mime_bytes {
	bool has_8bit, has_nul, is_uneven;
};
struct mime_bytes mime_bytes_look(const char *p, size_t n);

/* `is_uneven` of the chunk: lines of an even one need not be looked at for a CR. */
void mime_lines_feed(struct mime_lines *l, const char *p, size_t n, bool is_uneven);
/* The last line counts also when it has no CRLF; line_n says whether there is one. */
void mime_lines_finish(struct mime_lines *l);

/* Any byte over 127? */
bool mime_has_8bit(const char *p, size_t n);

#endif

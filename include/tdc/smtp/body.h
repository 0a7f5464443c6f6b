/*
 * body.h - message data on the wire: dot transparency, the strict end of data, BDAT.
 *
 * RFC 5321 4.5.2, 2.3.8, 4.1.1.4. Only CRLF.CRLF ends data (the CRLF in front may be that of the DATA
 * command). Bare CR, bare LF and NUL are data, kept byte for byte and marked, and never an end. The
 * result does not depend on how the input is cut into chunks. Pure, no allocation, one pass.
 */
#ifndef TDC_SMTP_BODY_H
#define TDC_SMTP_BODY_H

#include "tdc/base/buf.h"
#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* -- receiving -- */
struct smtp_data_decoder {
	int state;
	bool has_bare_cr, has_bare_lf; /* seen so far */
};
typedef void smtp_data_fn(void *arg, const char *p, size_t n);

void smtp_data_decoder_init(struct smtp_data_decoder *d);
/*
 * Hands decoded runs (pointing into `input` where possible; at most one or two bytes held back from an
 * earlier call come from static memory) to `sink`. Returns the number of input bytes used; *ended
 * is true when the end of data was among them, and what follows belongs to the next command.
 */
size_t smtp_data_decode(struct smtp_data_decoder *d, struct span input,
			smtp_data_fn *sink, void *arg, bool *ended);

/* -- sending -- */
struct smtp_data_encoder {
	int state;
};
void smtp_data_encoder_init(struct smtp_data_encoder *n);
/*
 * Dot-stuffs `input`, handing runs to `sink`. Bare CR or LF never come here (journal chooses
 * `attach` for those): if one does, it returns -1 and the caller breaks off the connection rather
 * than let a message end early. Otherwise 0.
 */
int smtp_data_encode(struct smtp_data_encoder *n, struct span input, smtp_data_fn *sink,
		     void *arg);
/* "." CRLF, with a CRLF in front when the last line was not ended. */
int smtp_data_encode_end(struct smtp_data_encoder *n, smtp_data_fn *sink, void *arg);

#endif

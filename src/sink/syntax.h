/*
 * syntax.h - the strict grammar of command arguments (RFC 5321 4.1.2), apart from the
 * daemon's own.
 */
#ifndef TDC_SINK_SYNTAX_H
#define TDC_SINK_SYNTAX_H

#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Local-part@domain or local-part@[literal]; UTF-8 beyond ASCII only if allowed. */
bool syntax_is_mailbox(struct span s, bool utf8);
/* A domain or an address literal, as in EHLO. */
bool syntax_is_host(struct span s, bool utf8);
/* Splits "FROM:<path>[ parameters]". False unless it is just that, with nothing between. */
bool syntax_split_path(struct span argument, const char *keyword, struct span *path,
		       struct span *parameters);
/* Takes the next parameter off the front; false at the end or if malformed (then *rest is not empty). */
bool syntax_next_parameter(struct span *rest, struct span *name, struct span *value);
bool syntax_number(struct span s, uint64_t *ret);

#endif

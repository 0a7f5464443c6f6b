/*
 * pack.h - the recipients of a message as one text column.
 *
 * One line per recipient, its fields divided by TAB: source, notify, address and, if
 * there is one, orcpt. Within a field a backslash, TAB, LF and CR are written \\ \t \n
 * \r.
 */
#ifndef TDC_STORE_PACK_H
#define TDC_STORE_PACK_H

#include "tdc/base/buf.h"
#include "tdc/store/message.h"

enum { PACK_RECIPIENTS_MAX = 64 * 1024 * 1024 };

int pack_recipients(const struct spool_message *m, struct buf *ret); /* -1: no memory */

enum unpack { UNPACK_OK, UNPACK_CORRUPT, UNPACK_MEMORY };
enum unpack unpack_recipients(struct span text, struct spool_message *m); /* adds to m */

#endif

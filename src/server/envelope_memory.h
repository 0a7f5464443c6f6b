/*
 * envelope_memory.h - what the envelopes of all sessions may take together.
 *
 * Bodies have a budget in the spool; recipients had none but a number for each message.
 * One object for the whole server, borrowed by its sessions. Loop thread only.
 */
#ifndef SERVER_ENVELOPE_MEMORY_H
#define SERVER_ENVELOPE_MEMORY_H

#include "tdc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct session;

struct envelope_memory {
	uint64_t used, max;
};

/*
 * Charges one more recipient to the session's transaction; its end gives it back. False:
 * there is no room. The first recipient of a transaction is charged and has room in any
 * case, so that nobody who hoards recipients can keep others from sending.
 */
bool envelope_memory_take(struct session *s, struct span address, struct span orcpt);
void envelope_memory_give_back(struct session *s);

#endif

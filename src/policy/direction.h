/*
 * direction.h - whether mail comes in, as far as can be told.
 *
 * The first that says anything decides: the listener; XFORWARD SOURCE, of which LOCAL is
 * mail that began inside; the domains of the recipient and, where no SOURCE tells that the
 * client was a stranger, of the sender. A stranger may write any sender, ours as well: such
 * mail is what a scanner is for. Recipients that were read from the header are not those
 * of the envelope, and their domains say nothing.
 */
#ifndef POLICY_DIRECTION_H
#define POLICY_DIRECTION_H

#include "set.h"

/* What is the same for all recipients. */
struct direction {
	struct policy_set *set;
	const char *outside; /* why none is incoming; static, NULL = some may be */
	bool asks_domains;   /* of the recipients */
};
void direction_begin(struct direction *d, struct policy_set *set,
		     const struct spool_message *m);
/* NULL: mail for the recipient is incoming; else why not, static. */
const char *direction_of(const struct direction *d, const struct message_recipient *r);

#endif

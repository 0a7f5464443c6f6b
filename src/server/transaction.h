/*
 * transaction.h - one mail transaction: from an accepted MAIL to the final reply.
 *
 * The middle one of three nested lifetimes: a connection has at most one transaction,
 * which has recipients. Objects are taken from a listener's pool, so that an idle
 * connection costs nothing and a message costs no set-up. Loop thread only.
 */
#ifndef SERVER_TRANSACTION_H
#define SERVER_TRANSACTION_H

#include "ingest.h"

#include "tdc/base/buf.h"
#include "tdc/base/list.h"
#include "tdc/smtp/body.h"
#include "tdc/smtp/command.h"
#include "tdc/store/spool.h"

struct session;

struct transaction {
	struct list_node node;         /* of the pool, while it waits there        */
	struct spool_message *message; /* owned reference                          */
	struct ingest ingest;
	struct smtp_data_decoder decoder;
	unsigned accepted;       /* RCPT commands: LMTP owes so many replies */
	uint64_t envelope_bytes; /* charged: envelope_memory.h               */
	struct buf copy_address; /* the bare copy address, if one was given  */
	bool is_forwarded;       /* client facts are XFORWARD's              */
	/* replies to it: whether it ends as a message that was refused */
	bool has_deferral, has_refusal, is_data_refused;
	enum smtp_body_type body;
	struct body_facts facts; /* from the end of data on, as all below    */
	struct spool_plan plans[SPOOL_PLANS_MAX];
	size_t n_plans;
	bool is_answered_early; /* by the negative control only             */
};

struct transaction_pool {
	struct list idle;
};
void transaction_pool_init(struct transaction_pool *p);
void transaction_pool_done(struct transaction_pool *p); /* all have been ended */

/* Begins the session's transaction from a MAIL command: takes a MID, makes a draft. */
int transaction_begin(struct session *s, const struct smtp_command *c, struct err *e);
/* Gives it back; a draft that was not committed is abandoned. `why` the message was not
 * accepted, for the log; NULL = it was, or its commit may still be. Without a transaction
 * nothing happens. */
void transaction_end(struct session *s, const char *why);
/* A message is refused, and counted so once, when it is over and not accepted, and its
 * data was refused, or every recipient; not where one was deferred, for then it comes
 * again. */
void transaction_note_reply(struct transaction *t, enum smtp_verb verb, bool is_of_data,
			    int code);

#endif

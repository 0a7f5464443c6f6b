/*
 * message.h - the three things that custody keeps apart, as values in memory.
 *
 *	body     the bytes as they arrived, stored once
 *	message  one acceptance: envelope, client facts, recipients
 *	journal  one obligation to deliver: n per message, with an id and a state of its own
 *
 * Objects are counted by reference and do not change after the commit, but for the fields of a journal
 * that an outcome moves. Loop thread only, except while they are part of a job of the store.
 */
#ifndef TDC_STORE_MESSAGE_H
#define TDC_STORE_MESSAGE_H

#include "tdc/base/err.h"
#include "tdc/base/list.h"
#include "tdc/base/span.h"
#include "tdc/base/uid.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the knowledge of a recipient comes from (DESIGN: "Where the envelope comes from"). */
enum recipient_source {
	RECIPIENT_FROM_ENVELOPE, /* RCPT TO outside the queue domain */
	RECIPIENT_FROM_COPY,     /* user=domain@the.tdc.queue */
	RECIPIENT_FROM_HEADER,   /* read from header fields */
};
enum message_source {
	MESSAGE_FROM_SMTP,
	MESSAGE_FROM_LMTP,
	MESSAGE_FROM_MILTER,
	MESSAGE_FROM_REPLAY,
	MESSAGE_FROM_FORWARD,
	MESSAGE_SOURCE_COUNT
};
enum journal_kind { JOURNAL_KIND_JOURNAL, JOURNAL_KIND_REPLAY, JOURNAL_KIND_FORWARD };

/* RET of the MAIL command (RFC 3461 4.3); we never send a DSN. */
enum message_ret {
	MESSAGE_RET_NONE,
	MESSAGE_RET_HDRS,
	MESSAGE_RET_FULL,
	MESSAGE_RET_COUNT
};

/* The states that a row can have; docs/spool.md has the custody table. */
enum journal_state {
	JOURNAL_WAITING,
	JOURNAL_UNCERTAIN,
	JOURNAL_HELD,
	JOURNAL_DELIVERED,
	JOURNAL_DEAD,
	JOURNAL_QUARANTINED,
	JOURNAL_STATE_COUNT
};
/* "waiting", ... as in the database */
const char *journal_state_name(enum journal_state s);
int journal_state_parse(struct span text, enum journal_state *ret);
const char *journal_kind_name(enum journal_kind k);
const char *message_source_name(enum message_source s);
const char *message_ret_name(enum message_ret r); /* "hdrs", "full"; NULL for NONE */
/* "envelope", "copy", "header" */
const char *recipient_source_name(enum recipient_source s);

struct message_recipient { /* RID is its index */
	char *address;
	char *orcpt;     /* decoded "rfc822;a@b" or NULL */
	unsigned notify; /* as given; we never send a DSN */
	enum recipient_source source;
};

/* All strings are owned by the message; NULL = not known. */
struct spool_message {
	unsigned refs;
	uint64_t mid;
	enum message_source source;
	int64_t accepted_at; /* wall ms */
	char *sender;        /* "" is the null sender */
	char *envid;         /* DSN ENVID, decoded */
	enum message_ret ret;
	struct message_recipient *recipients;
	size_t n_recipients;
	uint64_t icid;
	char *listener;       /* name */
	char *client_address; /* host only; XFORWARD ADDR wins */
	char *client_name;
	char *helo;
	char *protocol;       /* "ESMTPS", "LMTP", ...: RFC 3848 */
	char *queue_id;       /* XFORWARD IDENT */
	char *forward_source; /* XFORWARD SOURCE: "LOCAL" or "REMOTE" */
	char *subject;        /* decoded to UTF-8, cut */
	char *message_id;     /* of the original, with its brackets */
	char *header_from;
	bool is_smtputf8, is_binarymime, is_8bitmime, is_requiretls;
};
struct spool_message *spool_message_new(void); /* NULL: no memory; refs = 1 */
struct spool_message *spool_message_ref(struct spool_message *m);
void spool_message_unref(struct spool_message *m);
/* Copies the strings. -1: no memory. */
int spool_message_add_recipient(struct spool_message *m, struct span address,
				struct span orcpt, unsigned notify,
				enum recipient_source source);
int spool_message_set(char **field, struct span value); /* copy; replaces */

enum body_place { BODY_INLINE, BODY_SEGMENT, BODY_FILE };
const char *body_place_name(enum body_place p);

/* What was learned of the bytes on their way in. */
struct body_facts {
	uint8_t sha256[32];
	uint8_t checksum[16]; /* XXH3: of what is read back it is checked, being cheap */
	uint64_t size;
	unsigned facts; /* enum mime_fact bits, kept as a number */
	uint64_t header_size;
	uint32_t longest_line;
};

struct spool_body; /* opaque: bytes in memory ("hot"), or a place on disk */
struct spool_body *spool_body_ref(struct spool_body *b);
void spool_body_unref(struct spool_body *b);
const struct body_facts *spool_body_facts(const struct spool_body *b);
enum body_place spool_body_place(const struct spool_body *b);

struct spool_journal {
	struct list_node node; /* of whoever holds it now (the scheduler) */
	uint64_t mid;          /* its own, other than its message's */
	struct uid uid;        /* unique across machines; in the Message-ID */
	enum journal_kind kind;
	char *policy; /* name, looked up at each attempt */
	enum journal_state state;
	uint32_t attempts;  /* MAIL commands sent for it */
	int64_t created_at; /* wall ms */
	int64_t next_at;    /* wall ms; 0 = whenever its destination can */
	char *profile;      /* render profile to use again; NULL = choose */
	char *last_reply;   /* of the latest attempt, or NULL */
	char *tls;          /* evidence of the latest attempt, or NULL */
	char *rids;         /* NULL = all recipients of the message; else "0,3,7" */
	char *destination;  /* of the latest attempt, or NULL */
	char *reason;       /* why it is dead, held or quarantined, or NULL */
	int64_t ended_at;   /* wall ms when it was delivered or died; 0 */
	/* by an operator, since it was held: no choice of the configuration holds it again */
	bool is_released;
	struct spool_message *message; /* owned reference */
	struct spool_body *body;       /* owned reference */
};
void spool_journal_free(struct spool_journal *j);
/* About the bytes of memory that it takes with its message; the body's are not counted. */
size_t spool_journal_memory(const struct spool_journal *j);

#endif

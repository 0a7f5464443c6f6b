/*
 * connection.h - one SMTP session with a hop: how it is made, its commands in flight, its
 * end.
 *
 *	RESOLVING -> CONNECTING -> GREETING -> EHLO -> STARTTLS -> HANDSHAKE -> EHLO_TLS
 *	    ^____________|____________|_________|_________|___________|___________|
 *	EHLO_TLS -> PROFILE -> IDLE <-> BUSY                     (back: the next address)
 *	             ^__________/
 *	IDLE, BUSY, PROFILE -> QUITTING -> CLOSED                every state -> CLOSED
 *
 * A connection belongs to its destination and takes one journal at a time. Nothing but
 * EHLO and STARTTLS is said before HANDSHAKE succeeded.
 */
#ifndef TDC_DELIVER_CONNECTION_H
#define TDC_DELIVER_CONNECTION_H

#include "dialogue.h"
#include "inside.h"

#include "tdc/digest/checksum.h"
#include "tdc/dns/dns.h"
#include "tdc/mime/text.h"
#include "tdc/smtp/body.h"

enum connection_state {
	CONNECTION_RESOLVING,
	CONNECTION_CONNECTING,
	CONNECTION_GREETING,
	CONNECTION_EHLO,
	CONNECTION_STARTTLS,
	CONNECTION_HANDSHAKE,
	CONNECTION_EHLO_TLS,
	CONNECTION_PROFILE,
	CONNECTION_IDLE,
	CONNECTION_BUSY,
	CONNECTION_QUITTING,
	CONNECTION_CLOSED,
	CONNECTION_STATE_COUNT
};
const char *connection_state_name(enum connection_state s);
bool connection_edge_is_legal(enum connection_state from, enum connection_state to);

enum { ATTEMPT_HOPS_MAX = 8, ATTEMPT_ADDRESSES_MAX = 8 };
struct attempt_hop {
	char host[DELIVER_NAME_MAX + 1];
	uint16_t port;
};
/* The hops of a route in the order of this attempt, and where it is now. */
struct attempt {
	struct attempt_hop hops[ATTEMPT_HOPS_MAX];
	size_t n_hops, hop;
	struct socket_address addresses[ATTEMPT_ADDRESSES_MAX];
	size_t n_addresses, address; /* the next one */
	size_t tries;
	bool was_only_refused; /* all of them said no for good */
	struct err error;      /* of the latest                */
};

/* One journal on its way. Lives in the connection; buffers are kept for the next. */
struct transaction {
	struct item *item; /* NULL: none. Ours until an outcome or a way back */
	struct deliver_content content;
	bool has_content;
	char intake[SMTP_ADDRESS_MAX + 1];
	struct buf profile; /* that it is rendered with */
	struct spool_body_reader *reader;
	struct checksum *checksum;
	struct buf scratch; /* base64 */
	struct mime_base64 base64;
	struct smtp_data_encoder encoder;
	uint64_t body_left;
	bool uses_bdat;
	bool has_codes;       /* enhanced codes tell the content's reply from RCPT's    */
	bool is_trial;        /* the first that goes by BDAT there                    */
	bool is_pipelined;    /* all commands of the envelope in one flight           */
	bool is_content_open; /* it may be sent                                        */
	bool is_head_sent;
	bool is_reading;    /* the body's next run is awaited                        */
	bool is_all_queued; /* the final dot or the last octet is in the stream      */
	bool is_one_flight; /* the content follows the envelope without waiting       */
	bool must_keep_profile;     /* an earlier life may have sent it with this one */
	bool is_proof_awaited;      /* QUIT's reply shall prove the one that BDAT got */
	struct smtp_reply unproven; /* that one                                   */
};

struct connection {
	struct list_node node; /* destination->idle or ->busy */
	struct deliver *deliver;
	struct destination *destination;
	enum connection_state state;
	uint64_t dcid;
	unsigned generation;
	unsigned failures_then; /* of its destination, as it or its journal was begun */
	struct attempt attempt;
	struct dns_query *query;
	struct connecting *connecting;
	struct stream *stream;
	struct dialogue dialogue;
	struct smtp_capabilities capabilities;
	char host[DELIVER_NAME_MAX + 1];
	char remote[SOCKET_TEXT_MAX], local[SOCKET_TEXT_MAX];
	uint16_t port;
	struct tls_facts tls_facts;
	char tls[TLS_TEXT_MAX * 2];
	char *profile; /* what this hop makes of the settings; NULL before EHLO_TLS */
	unsigned messages;
	struct transaction transaction;
};

enum connection_stop { STOP_BEGINS, STOP_IS_OVER };

/* The one setter of the state; moves the connection between its destination's lists. */
void connection_enter(struct connection *c, enum connection_state to);
/* Opens one for the destination; that may fail at once. */
void connection_open(struct destination *x);
/*
 * At once: what was sent stays sent, nothing more is. Its journal was dealt with before.
 */
void connection_close(struct connection *c);
/* The polite way, when no reply is owed. */
void connection_quit(struct connection *c);
/* QUIT, and its reply is owed. */
void connection_say_quit(struct connection *c);
/*
 * Ready for a journal, or (its messages are used up, the configuration is new, we stop)
 * for the end.
 */
void connection_ready(struct connection *c);
/* Made for a configuration of the past, or with BDAT that the hop refused meanwhile. */
bool connection_is_outdated(const struct connection *c);
/*
 * Its end says something of its destination as it is now: it goes the present way, and
 * it, or its journal, was begun after the latest failure.
 */
bool connection_is_current(const struct connection *c);
/* In state PROFILE: may it go on now? */
void connection_profile_turn(struct connection *c);
/* Sets the deadline that belongs to what is awaited now. */
void connection_arm(struct connection *c);
void connection_set_tls_text(struct connection *c);
/* How many journals it may carry in all. */
unsigned connection_messages_max(const struct connection *c);

/* ---- parting.c */
/* What that means for its destination. */
void connection_lost(struct connection *c, enum failure f, const struct err *why);
/* It broke: the journal, the destination and the connection get what each deserves. */
void connection_broke(struct connection *c, enum failure f, const struct err *why);
/* A reply before the content refused: no journal is to blame. */
void connection_refused(struct connection *c, enum failure f, const struct err *why);
/* We stop. A journal whose final reply is awaited may stay until the grace is over. */
void connection_wind_down(struct connection *c, enum connection_stop when);

/* ---- attempt.c: hops and addresses, one after the other */
void attempt_begin(struct connection *c);
/* This address failed; the next one, or the end. */
void attempt_failed(struct connection *c, enum failure f, const struct err *why);
/* ---- establish.c: up to the ready connection; takes the socket in every case */
void establish_begin(struct connection *c, int fd);
void establish_reply(struct connection *c, enum command command,
		     const struct smtp_reply *reply);

/* ---- transaction.c */
void transaction_init(struct transaction *t);
void transaction_done(struct transaction *t);
/*
 * Takes the item: begins to send it, or decides about it at once (held, too large, ...).
 */
void transaction_send(struct connection *c, struct item *i);
void transaction_send_rcpt(struct connection *c);
void transaction_send_data(struct connection *c);
/* True when the final dot may have reached the peer: only its reply can tell. */
bool transaction_is_uncertain(const struct connection *c);
/* Ends it; the item is the caller's again. */
struct item *transaction_finish(struct connection *c);
/* Breaks it off when bytes of it were lost; the journal goes back. */
void transaction_check_memory(struct connection *c);
/* The body may be read, or output has drained. */
void transaction_go_on(struct connection *c);

/* ---- replies.c */
void transaction_reply(struct connection *c, enum command command,
		       const struct smtp_reply *reply);

/* ---- content.c */
enum content_result { CONTENT_LATER, CONTENT_QUEUED, CONTENT_CORRUPT, CONTENT_FAILED };
/* Sends as much as the stream takes. LATER: on_drain or the body's reader goes on. */
enum content_result content_pump(struct connection *c, struct err *e);
int content_begin(struct transaction *t, const struct spool_journal *j, struct spool *sp,
		  struct err *e);
void content_end(struct transaction *t);

#endif

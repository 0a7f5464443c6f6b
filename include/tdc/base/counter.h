/*
 * counter.h - what is counted since the start, as one table.
 *
 * To add a counter, add a row. Counters only rise; they are for rates and metrics, not for
 * the account, which is durable and lives in the spool. Any thread.
 */
#ifndef TDC_BASE_COUNTER_H
#define TDC_BASE_COUNTER_H

#include <stdint.h>

/* name of the constant, printed name, what it counts */
#define COUNTERS(X)                                                                      \
	X(CONNECTIONS_IN, "connections_in", "incoming connections accepted")             \
	X(CONNECTIONS_REFUSED, "connections_refused",                                    \
	  "incoming connections turned away (421, 554)")                                 \
	X(MESSAGES_IN, "messages_in", "messages answered with 250 after the data")       \
	X(BYTES_IN, "bytes_in", "bytes of accepted messages")                            \
	X(REFUSED, "refused", "messages refused with a 5xx")                             \
	X(DEFERRED_IN, "deferred_in", "4xx replies after MAIL")                          \
	X(COMMITS, "commits", "transactions committed by the store thread")              \
	X(COMMITTED_MESSAGES, "committed_messages", "messages in those transactions")    \
	X(SYNCS, "syncs", "times that data was forced to disk")                          \
	X(CONNECTIONS_OUT, "connections_out", "delivery connections attempted")          \
	X(CONNECTIONS_OUT_FAILED, "connections_out_failed",                              \
	  "delivery connections that failed before MAIL")                                \
	X(TLS_FULL, "tls_handshakes_full", "full TLS handshakes with next hops")         \
	X(TLS_RESUMED, "tls_handshakes_resumed",                                         \
	  "resumed TLS handshakes with next hops")                                       \
	X(TLS_FAILED, "tls_handshakes_failed", "failed TLS handshakes with next hops")   \
	X(TLS_INJECTION, "tls_injections", "plaintext found behind a STARTTLS reply")    \
	X(DELIVERED, "delivered", "journals delivered")                                  \
	X(BYTES_OUT, "bytes_out", "bytes of delivered journals")                         \
	X(SOFT_BOUNCED, "soft_bounced", "attempts answered with 4xx")                    \
	X(HARD_BOUNCED, "hard_bounced", "journals that became dead letters")             \
	X(UNCERTAIN, "uncertain", "attempts whose final reply was not received")         \
	X(QUARANTINED, "quarantined", "rows or bodies found corrupt")                    \
	X(IN_TRANSACTION, "transactions_in", "MAIL commands accepted")                   \
	X(RELOADS, "reloads", "configurations taken into use")                           \
	X(RELOADS_FAILED, "reloads_failed", "new configurations that were refused")

enum counter {
#define X(id, name, help) COUNTER_##id,
	COUNTERS(X)
#undef X
		COUNTER_COUNT
};

void counter_add(enum counter c, uint64_t n);
uint64_t counter_get(enum counter c);
const char *counter_name(enum counter c);
const char *counter_help(enum counter c);

#endif

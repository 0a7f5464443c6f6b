/*
 * counts.h - what the simulator counts. To add a count, add a row.
 */
#ifndef TDC_SINK_COUNTS_H
#define TDC_SINK_COUNTS_H

#include <jansson.h>
#include <stdint.h>

#define SINK_COUNTS(X)                                                                   \
	X(CONNECTIONS, "connections")                                                    \
	X(OPEN, "open_connections")                                                      \
	X(MOST_OPEN, "most_open_connections")                                            \
	X(TURNED_AWAY, "connections_turned_away")                                        \
	X(HANDSHAKES_FULL, "handshakes_full")                                            \
	X(HANDSHAKES_RESUMED, "handshakes_resumed")                                      \
	X(HANDSHAKES_FAILED, "handshakes_failed")                                        \
	X(COMMANDS, "commands")                                                          \
	X(TRANSACTIONS, "transactions")                                                  \
	X(RECIPIENTS, "recipients")                                                      \
	X(BDAT_CHUNKS, "bdat_chunks")                                                    \
	X(MESSAGES, "messages")                                                          \
	X(BYTES, "bytes")                                                                \
	X(CUT_AFTER_STORING, "messages_without_final_reply")                             \
	X(ABORTED, "aborted_transactions")                                               \
	X(FAULTS, "faults")                                                              \
	X(LONG_LINES, "lines_over_998")                                                  \
	X(EIGHT_BIT, "messages_8bit_unannounced")                                        \
	X(VIOLATIONS, "violations")

enum sink_count {
#define X(id, name) SINK_##id,
	SINK_COUNTS(X)
#undef X
		SINK_COUNT_END
};

struct sink_counts {
	uint64_t n[SINK_COUNT_END];
	char last_violation[160];
};

json_t *sink_counts_json(const struct sink_counts *c); /* NULL without memory */

#endif

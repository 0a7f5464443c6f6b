/*
 * states.h - the states of a session and the edges between them.
 *
 *                          EHLO, HELO, LHLO
 *    connect --> START ----------------------> IDLE <---------------------------+
 *                  ^                           |  |                             |
 *                  |   handshake done          |  | MAIL       RSET, EHLO       |
 *                  +------------ TLS <---------+  v      (from every state      |
 *                                    STARTTLS    MAIL    that reads commands)   |
 *                                                 | RCPT                        |
 *                                                 v                             |
 *                                     RCPT +---> RCPT                           |
 *                                          +-----|  |                           |
 *                                           DATA |  | BDAT                      |
 *                                                v  v                           |
 *                                             DATA  CHUNK <--+ BDAT             |
 *                                      CRLF.CRLF |  | |      |                  |
 *                                                |  | +--> BDAT (more to come)  |
 *                                                v  v LAST                      |
 *                                               COMMIT -------------------------+
 *                                                     the spool has answered
 *
 *    SKIP     reads away the octets of a BDAT that was refused, then goes back
 *    CLOSED   from everywhere: QUIT, 421, the client is gone
 *
 * DATA and CHUNK also go to IDLE, when the message is refused or deferred at its end.
 */
#ifndef SERVER_STATES_H
#define SERVER_STATES_H

#include <stdbool.h>

enum session_state {
	ST_START,  /* no greeting from the client yet                     */
	ST_IDLE,   /* no transaction                                      */
	ST_MAIL,   /* a sender, no recipient                              */
	ST_RCPT,   /* at least one recipient                              */
	ST_BDAT,   /* between two chunks                                  */
	ST_DATA,   /* receiving, dot-stuffed                              */
	ST_CHUNK,  /* receiving counted octets                            */
	ST_SKIP,   /* discarding counted octets                           */
	ST_COMMIT, /* all is here; the answer is the spool's              */
	ST_TLS,    /* handshake                                           */
	ST_CLOSED, /* nothing is read any more                            */
	ST_COUNT
};

#define IN(state) (1u << (state))

/* Which of the listener's time-outs runs. */
enum state_clock { CLOCK_IDLE, CLOCK_COMMAND, CLOCK_DATA, CLOCK_NONE };

const char *state_name(enum session_state s);
bool state_edge_exists(enum session_state from, enum session_state to);
bool state_reads_commands(enum session_state s);
enum state_clock state_clock(enum session_state s);

#endif

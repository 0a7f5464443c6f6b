/*
 * states.c - the table behind states.h: one row a state.
 */
#include "states.h"

#define TO_IDLE   IN(ST_IDLE)
#define TO_CLOSED IN(ST_CLOSED)

/* clang-format off */
static const struct {
	const char *name;
	bool reads_commands;
	enum state_clock clock;
	unsigned edges;
} states[ST_COUNT] = {
	/*              name      commands  clock          leads to */
	[ST_START]  = { "start",  true,  CLOCK_IDLE,    TO_CLOSED | TO_IDLE | IN(ST_START) | IN(ST_SKIP) },
	[ST_IDLE]   = { "idle",   true,  CLOCK_IDLE,    TO_CLOSED | TO_IDLE | IN(ST_MAIL) | IN(ST_TLS) |
							IN(ST_SKIP) },
	[ST_MAIL]   = { "mail",   true,  CLOCK_COMMAND, TO_CLOSED | TO_IDLE | IN(ST_RCPT) | IN(ST_SKIP) },
	[ST_RCPT]   = { "rcpt",   true,  CLOCK_COMMAND, TO_CLOSED | TO_IDLE | IN(ST_RCPT) | IN(ST_DATA) |
							IN(ST_CHUNK) },
	[ST_BDAT]   = { "bdat",   true,  CLOCK_COMMAND, TO_CLOSED | TO_IDLE | IN(ST_CHUNK) },
	[ST_DATA]   = { "data",   false, CLOCK_DATA,    TO_CLOSED | TO_IDLE | IN(ST_COMMIT) },
	[ST_CHUNK]  = { "chunk",  false, CLOCK_DATA,    TO_CLOSED | TO_IDLE | IN(ST_BDAT) | IN(ST_COMMIT) },
	[ST_SKIP]   = { "skip",   false, CLOCK_DATA,    TO_CLOSED | TO_IDLE | IN(ST_START) | IN(ST_MAIL) },
	[ST_COMMIT] = { "commit", false, CLOCK_NONE,    TO_CLOSED | TO_IDLE },
	[ST_TLS]    = { "tls",    false, CLOCK_COMMAND, TO_CLOSED | IN(ST_START) },
	[ST_CLOSED] = { "closed", false, CLOCK_NONE,    0 },
};
/* clang-format on */

const char *
state_name(enum session_state s)
{
	return states[s].name;
}

bool
state_edge_exists(enum session_state from, enum session_state to)
{
	return (states[from].edges & IN(to)) != 0;
}

bool
state_reads_commands(enum session_state s)
{
	return states[s].reads_commands;
}

enum state_clock
state_clock(enum session_state s)
{
	return states[s].clock;
}

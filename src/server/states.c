/*
 * states.c - the table behind states.h: one row a state.
 */
#include "states.h"

/* clang-format off */
static const struct {
	const char *name;
	bool reads_commands;
	enum state_clock clock;
	unsigned edges; /* but for ST_CLOSED, which all lead to */
} states[ST_COUNT] = {
	/*              name      commands clock          edges */
	[ST_START]  = { "start",  true,    CLOCK_IDLE,
			IN(ST_START) | IN(ST_IDLE) | IN(ST_SKIP) },
	[ST_IDLE]   = { "idle",   true,    CLOCK_IDLE,
			IN(ST_IDLE) | IN(ST_MAIL) | IN(ST_TLS) | IN(ST_SKIP) },
	[ST_MAIL]   = { "mail",   true,    CLOCK_COMMAND,
			IN(ST_IDLE) | IN(ST_RCPT) | IN(ST_SKIP) },
	[ST_RCPT]   = { "rcpt",   true,    CLOCK_COMMAND,
			IN(ST_IDLE) | IN(ST_RCPT) | IN(ST_DATA) | IN(ST_CHUNK) },
	[ST_BDAT]   = { "bdat",   true,    CLOCK_COMMAND, IN(ST_IDLE) | IN(ST_CHUNK) },
	[ST_DATA]   = { "data",   false,   CLOCK_DATA,    IN(ST_IDLE) | IN(ST_COMMIT) },
	[ST_CHUNK]  = { "chunk",  false,   CLOCK_DATA,
			IN(ST_IDLE) | IN(ST_BDAT) | IN(ST_COMMIT) },
	[ST_SKIP]   = { "skip",   false,   CLOCK_DATA,
			IN(ST_START) | IN(ST_IDLE) | IN(ST_MAIL) },
	[ST_COMMIT] = { "commit", false,   CLOCK_NONE,    IN(ST_IDLE) },
	[ST_TLS]    = { "tls",    false,   CLOCK_COMMAND, IN(ST_START) },
	[ST_CLOSED] = { "closed", false,   CLOCK_NONE,    0 },
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
	if (to == ST_CLOSED)
		return from != ST_CLOSED;
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

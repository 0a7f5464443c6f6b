/*
 * test_states.c - every pair of states of a connection: which edges there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/connection.h"

#include <string.h>

static void
every_pair_of_states_is_an_edge_or_is_not(void **state)
{
	static const struct {
		const char *name, *want; /* the states that may follow */
	} rows[] = {
		{ "resolving", "resolving connecting closed " },
		{ "connecting", "resolving connecting greeting closed " },
		{ "greeting", "resolving connecting ehlo closed " },
		{ "ehlo", "resolving connecting starttls closed " },
		{ "starttls", "resolving connecting handshake closed " },
		{ "handshake", "resolving connecting ehlo-tls closed " },
		{ "ehlo-tls", "resolving connecting profile quitting closed " },
		{ "profile", "idle quitting closed " },
		{ "idle", "profile busy quitting closed " },
		{ "busy", "profile idle quitting closed " },
		{ "quitting", "closed " },
		{ "closed", "" },
	};

	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), CONNECTION_STATE_COUNT);
	for (int from = 0; from < CONNECTION_STATE_COUNT; from++) {
		char got[256] = "";
		assert_string_equal(connection_state_name((enum connection_state)from),
				    rows[from].name);
		for (int to = 0; to < CONNECTION_STATE_COUNT; to++) {
			if (!connection_edge_is_legal((enum connection_state)from,
						      (enum connection_state)to))
				continue;
			strcat(got, connection_state_name((enum connection_state)to));
			strcat(got, " ");
		}
		if (strcmp(got, rows[from].want) != 0)
			fail_msg("from %s: got %s, want %s", rows[from].name, got,
				 rows[from].want);
	}
}

/* Nothing can be sent by a connection that has not been through the handshake. */
static void
no_way_leads_around_the_handshake(void **state)
{
	unsigned reached = 1u << CONNECTION_RESOLVING, before = 0;

	(void)state;
	while (reached != before) {
		before = reached;
		for (int from = 0; from < CONNECTION_STATE_COUNT; from++)
			for (int to = 0; to < CONNECTION_STATE_COUNT; to++)
				if ((reached & 1u << from) != 0 &&
				    to != CONNECTION_HANDSHAKE &&
				    connection_edge_is_legal((enum connection_state)from,
							     (enum connection_state)to))
					reached |= 1u << to;
	}
	assert_int_equal(reached & (1u << CONNECTION_BUSY | 1u << CONNECTION_IDLE), 0);
	assert_int_not_equal(reached & 1u << CONNECTION_STARTTLS, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_states_is_an_edge_or_is_not),
		cmocka_unit_test(no_way_leads_around_the_handshake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

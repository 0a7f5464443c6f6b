/*
 * test_verbs.c - every (state, verb) pair, and every edge, against tables written out here.
 */
#include "dialog/server/fake_host.h"

#include "server/states.h"
#include "server/verbs.h"

enum { COMMAND_STATES = 5 };

/* How a session gets into each state that reads commands; %s is the greeting's verb. */
static const char *const way_in[COMMAND_STATES][6] = {
	{ NULL },
	{ "%s c.example\r\n", NULL },
	{ "%s c.example\r\n", "MAIL FROM:<s@x>\r\n", NULL },
	{ "%s c.example\r\n", "MAIL FROM:<s@x>\r\n", "RCPT TO:<r@y>\r\n", NULL },
	{ "%s c.example\r\n", "MAIL FROM:<s@x>\r\n", "RCPT TO:<r@y>\r\n", "BDAT 1\r\nx",
	  NULL },
};
static const char *const column[COMMAND_STATES] = { "start", "idle", "mail", "rcpt",
						    "bdat" };

/* clang-format off */
/* What each command is answered with in each state, and where it leads. */
static const struct row {
	enum smtp_verb verb;
	const char *line;
	const char *want[COMMAND_STATES];
} smtp_rows[] = {
	/*                            start        idle         mail         rcpt         bdat      */
	{ SMTP_UNKNOWN, "FROBNICATE", { "500 start", "500 idle", "500 mail", "500 rcpt", "500 bdat" } },
	{ SMTP_EHLO, "EHLO c", { "250 idle", "250 idle", "250 idle", "250 idle", "250 idle" } },
	{ SMTP_HELO, "HELO c", { "250 idle", "250 idle", "250 idle", "250 idle", "250 idle" } },
	{ SMTP_LHLO, "LHLO c", { "502 start", "502 idle", "502 mail", "502 rcpt", "502 bdat" } },
	{ SMTP_MAIL, "MAIL FROM:<s@x>", { "503 start", "250 mail", "503 mail", "503 rcpt", "503 bdat" } },
	{ SMTP_RCPT, "RCPT TO:<r@y>", { "503 start", "503 idle", "250 rcpt", "250 rcpt", "503 bdat" } },
	{ SMTP_DATA, "DATA", { "503 start", "503 idle", "503 mail", "354 data", "503 bdat" } },
	{ SMTP_BDAT, "BDAT 0", { "503 start", "503 idle", "503 mail", "250 bdat", "250 bdat" } },
	{ SMTP_RSET, "RSET", { "250 start", "250 idle", "250 idle", "250 idle", "250 idle" } },
	{ SMTP_NOOP, "NOOP", { "250 start", "250 idle", "250 mail", "250 rcpt", "250 bdat" } },
	{ SMTP_QUIT, "QUIT", { "221 closed", "221 closed", "221 closed", "221 closed", "221 closed" } },
	{ SMTP_VRFY, "VRFY a", { "252 start", "252 idle", "252 mail", "252 rcpt", "252 bdat" } },
	{ SMTP_EXPN, "EXPN a", { "502 start", "502 idle", "502 mail", "502 rcpt", "502 bdat" } },
	{ SMTP_HELP, "HELP", { "214 start", "214 idle", "214 mail", "214 rcpt", "214 bdat" } },
	{ SMTP_STARTTLS, "STARTTLS", { "503 start", "220 tls", "503 mail", "503 rcpt", "503 bdat" } },
	{ SMTP_XFORWARD, "XFORWARD NAME=n", { "503 start", "250 idle", "503 mail", "503 rcpt", "503 bdat" } },
	{ SMTP_XCLIENT, "XCLIENT NAME=n", { "502 start", "502 idle", "502 mail", "502 rcpt", "502 bdat" } },
	{ SMTP_AUTH, "AUTH PLAIN", { "502 start", "502 idle", "502 mail", "502 rcpt", "502 bdat" } },
	{ SMTP_TURN, "TURN", { "502 start", "502 idle", "502 mail", "502 rcpt", "502 bdat" } },
	{ SMTP_ETRN, "ETRN x", { "502 start", "502 idle", "502 mail", "502 rcpt", "502 bdat" } },
};

/* Where LMTP differs. */
static const struct row lmtp_rows[] = {
	{ SMTP_LHLO, "LHLO c", { "250 idle", "250 idle", "250 idle", "250 idle", "250 idle" } },
	{ SMTP_EHLO, "EHLO c", { "500 start", "500 idle", "500 mail", "500 rcpt", "500 bdat" } },
	{ SMTP_HELO, "HELO c", { "500 start", "500 idle", "500 mail", "500 rcpt", "500 bdat" } },
};
/* clang-format on */

static const struct row *
row_find(const struct row *rows, size_t n, enum smtp_verb v)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].verb == v)
			return &rows[i];
	return NULL;
}

static void
enter(struct fake *f, enum server_protocol p, size_t state)
{
	struct server_listener_settings s = { .protocol = p, .tls = FAKE_TLS };
	char line[128];

	memset(f, 0, sizeof(*f));
	f->is_tls_late = true;
	fake_open(f, &s);
	for (size_t i = 0; way_in[state][i] != NULL; i++) {
		if (i == 0)
			snprintf(line, sizeof(line), "%s c.example\r\n",
				 p == SERVER_LMTP ? "LHLO" : "EHLO");
		else
			snprintf(line, sizeof(line), "%s", way_in[state][i]);
		fake_say(f, line);
	}
	assert_string_equal(session_state_name(f->session), column[state]);
	fake_forget(f);
}

static int
walk(enum server_protocol p, const struct row *row, size_t state)
{
	struct fake f;
	char got[64], line[64];
	struct buf codes;

	enter(&f, p, state);
	snprintf(line, sizeof(line), "%s\r\n", row->line);
	fake_say(&f, line);
	snprintf(got, sizeof(got), "%.3s %s", fake_codes(&f, &codes),
		 session_state_name(f.session));
	int failed = strcmp(got, row->want[state]) != 0;
	if (failed)
		print_error("%s in state %s: got %s, want %s\n", row->line, column[state],
			    got, row->want[state]);
	buf_done(&codes);
	fake_close(&f);
	return failed;
}

static void
test_every_pair_of_state_and_verb(void **state)
{
	const size_t n_smtp = sizeof(smtp_rows) / sizeof(smtp_rows[0]);
	const size_t n_lmtp = sizeof(lmtp_rows) / sizeof(lmtp_rows[0]);
	int failed = 0;

	(void)state;
	for (int p = SERVER_SMTP; p <= SERVER_LMTP; p++)
		for (int v = SMTP_UNKNOWN; v < SMTP_VERB_COUNT; v++) {
			const struct row *row =
				row_find(smtp_rows, n_smtp, (enum smtp_verb)v);
			const struct row *other =
				row_find(lmtp_rows, n_lmtp, (enum smtp_verb)v);
			if (p == SERVER_LMTP && other != NULL)
				row = other;
			assert_non_null(row); /* a new verb needs a row here */
			for (size_t s = 0; s < COMMAND_STATES; s++)
				failed += walk((enum server_protocol)p, row, s);
		}
	assert_int_equal(failed, 0);
}

static void
test_no_verb_is_legal_where_no_command_is_read(void **state)
{
	int failed = 0;

	(void)state;
	for (int p = SERVER_SMTP; p <= SERVER_LMTP; p++)
		for (size_t i = 0; verb_at((enum server_protocol)p, i) != NULL; i++)
			for (int s = 0; s < ST_COUNT; s++) {
				const struct verb *v =
					verb_at((enum server_protocol)p, i);
				if (state_reads_commands((enum session_state)s) ||
				    !verb_is_legal(v, (enum session_state)s))
					continue;
				print_error("%s is legal in %s\n",
					    smtp_verb_name(v->verb),
					    state_name((enum session_state)s));
				failed++;
			}
	assert_int_equal(failed, 0);
}

static void
test_every_verb_leads_over_an_edge(void **state)
{
	int failed = 0;

	(void)state;
	for (int p = SERVER_SMTP; p <= SERVER_LMTP; p++)
		for (size_t i = 0; verb_at((enum server_protocol)p, i) != NULL; i++)
			for (int s = 0; s < ST_COUNT; s++) {
				const struct verb *v =
					verb_at((enum server_protocol)p, i);
				if (!verb_is_legal(v, (enum session_state)s) ||
				    v->next == ST_SAME)
					continue;
				if (state_edge_exists((enum session_state)s,
						      (enum session_state)v->next))
					continue;
				print_error("%s: no edge from %s to %s\n",
					    smtp_verb_name(v->verb),
					    state_name((enum session_state)s),
					    state_name((enum session_state)v->next));
				failed++;
			}
	assert_int_equal(failed, 0);
}

/* The diagram of states.h, written as words. */
static const char *const edges[ST_COUNT] = {
	[ST_START] = "start idle skip closed",
	[ST_IDLE] = "idle mail skip tls closed",
	[ST_MAIL] = "idle rcpt skip closed",
	[ST_RCPT] = "idle rcpt data chunk closed",
	[ST_BDAT] = "idle chunk closed",
	[ST_DATA] = "idle commit closed",
	[ST_CHUNK] = "idle bdat commit closed",
	[ST_SKIP] = "start idle mail closed",
	[ST_COMMIT] = "idle closed",
	[ST_TLS] = "start closed",
	[ST_CLOSED] = "",
};

static void
test_the_edges_are_these_and_no_others(void **state)
{
	int failed = 0;

	(void)state;
	for (int from = 0; from < ST_COUNT; from++) {
		char got[128] = "";
		for (int to = 0; to < ST_COUNT; to++)
			if (state_edge_exists((enum session_state)from,
					      (enum session_state)to))
				snprintf(got + strlen(got), sizeof(got) - strlen(got),
					 "%s%s", got[0] == '\0' ? "" : " ",
					 state_name((enum session_state)to));
		/* Compared as sets: the order of the words is that of the enum. */
		size_t want = 0, found = 0;
		char copy[128], *rest = copy, *word;
		snprintf(copy, sizeof(copy), "%s", edges[from]);
		while ((word = strsep(&rest, " ")) != NULL && *word != '\0') {
			want++;
			for (int to = 0; to < ST_COUNT; to++)
				if (strcmp(state_name((enum session_state)to), word) ==
					    0 &&
				    state_edge_exists((enum session_state)from,
						      (enum session_state)to))
					found++;
		}
		size_t have = got[0] == '\0' ? 0 : 1;
		for (const char *p = got; *p != '\0'; p++)
			have += *p == ' ';
		if (want == found && have == want)
			continue;
		print_error("edges from %s: got \"%s\", want \"%s\"\n",
			    state_name((enum session_state)from), got, edges[from]);
		failed++;
	}
	assert_int_equal(failed, 0);
}

/* Bytes that look like a command are none while something else is awaited. */
static const struct {
	const char *sentence;
	const char *way;
	const char *state;
	size_t used; /* of "NOOP CRLF" */
} not_read[] = {
	{ "in data a command is data", "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n",
	  "data", 6 },
	{ "in a chunk a command is octets",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nBDAT 99\r\n", "chunk", 6 },
	{ "octets of a refused chunk are skipped", "BDAT 99\r\n", "skip", 6 },
	{ "while the commit runs nothing is read",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nBDAT 1 LAST\r\nx", "commit", 0 },
	{ "during the handshake nothing is read", "STARTTLS\r\n", "tls", 0 },
	{ "after QUIT nothing is read", "QUIT\r\n", "closed", 0 },
};

static void
test_commands_are_not_read_elsewhere(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(not_read) / sizeof(not_read[0]); i++) {
		struct fake f;
		enter(&f, SERVER_SMTP, 1);
		f.is_commit_late = true;
		fake_say(&f, not_read[i].way);
		fake_forget(&f);
		size_t used = session_input(f.session, span_of("NOOP\r\n"));
		if (strcmp(session_state_name(f.session), not_read[i].state) != 0 ||
		    used != not_read[i].used || session_output(f.session)->n != 0) {
			print_error("%s: got state %s, %zu used; want %s, %zu\n",
				    not_read[i].sentence, session_state_name(f.session),
				    used, not_read[i].state, not_read[i].used);
			failed++;
		}
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair_of_state_and_verb),
		cmocka_unit_test(test_no_verb_is_legal_where_no_command_is_read),
		cmocka_unit_test(test_every_verb_leads_over_an_edge),
		cmocka_unit_test(test_the_edges_are_these_and_no_others),
		cmocka_unit_test(test_commands_are_not_read_elsewhere),
	};

	return cmocka_run_group_tests(tests, fake_quiet, fake_loud);
}

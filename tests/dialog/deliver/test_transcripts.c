/*
 * test_transcripts.c - what is said to an intake, word by word, for each set of
 * extensions.
 */
#include "world.h"

enum { LARGE = 300 * 1024 };

struct row {
	const char *name;
	const char *ehlo_tls;
	struct fake_content content;
	bool is_large, is_cold;
	const char *want; /* commands; '|' ends a line */
};

#define EHLO "EHLO me.example|"
#define RCPT "RCPT TO:<tenant@intake.example>"

static const struct row rows[] = {
	{ "nothing offered: step by step",
	  "250 peer\r\n",
	  { 0 },
	  false,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|DATA|" },
	{ "PIPELINING",
	  "250-peer\r\n250 PIPELINING\r\n",
	  { 0 },
	  false,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|DATA|" },
	{ "SIZE and DSN",
	  "250-peer\r\n250-SIZE\r\n250 DSN\r\n",
	  { 0 },
	  false,
	  false,
	  EHLO "MAIL FROM:<> SIZE=91|" RCPT " NOTIFY=NEVER|DATA|" },
	{ "8-bit content",
	  "250-peer\r\n250 8BITMIME\r\n",
	  { .body = SMTP_BODY_8BITMIME },
	  false,
	  false,
	  EHLO "MAIL FROM:<> BODY=8BITMIME|" RCPT "|DATA|" },
	{ "7-bit content says nothing about it",
	  "250-peer\r\n250 8BITMIME\r\n",
	  { 0 },
	  false,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|DATA|" },
	{ "SMTPUTF8",
	  "250-peer\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
	  { .body = SMTP_BODY_8BITMIME, .needs_smtputf8 = true },
	  false,
	  false,
	  EHLO "MAIL FROM:<> BODY=8BITMIME SMTPUTF8|" RCPT "|DATA|" },
	{ "CHUNKING and enhanced codes without PIPELINING",
	  "250-peer\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n",
	  { 0 },
	  false,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|BDAT 91 LAST|" },
	{ "CHUNKING without enhanced codes is not used",
	  "250-peer\r\n250 CHUNKING\r\n",
	  { 0 },
	  false,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|DATA|" },
	{ "CHUNKING and PIPELINING without enhanced codes: DATA",
	  "250-peer\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
	  { 0 },
	  false,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|DATA|" },
	{ "CHUNKING, PIPELINING and enhanced codes",
	  "250-peer\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n",
	  { 0 },
	  false,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|BDAT 91 LAST|" },
	{ "binary content",
	  "250-peer\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 "
	  "BINARYMIME\r\n",
	  { .body = SMTP_BODY_BINARYMIME, .must_use_bdat = true },
	  false,
	  false,
	  EHLO "MAIL FROM:<> BODY=BINARYMIME|" RCPT "|BDAT 91 LAST|QUIT|" },
	{ "binary content, with enhanced codes",
	  "250-peer\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
	  "250-ENHANCEDSTATUSCODES\r\n250 BINARYMIME\r\n",
	  { .body = SMTP_BODY_BINARYMIME, .must_use_bdat = true },
	  false,
	  false,
	  EHLO "MAIL FROM:<> BODY=BINARYMIME|" RCPT "|BDAT 91 LAST|" },
	{ "a large body by DATA",
	  "250-peer\r\n250 PIPELINING\r\n",
	  { 0 },
	  true,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|DATA|" },
	{ "a large body by BDAT",
	  "250-peer\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n",
	  { 0 },
	  true,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|BDAT 307265 LAST|" },
	{ "base64",
	  "250 peer\r\n",
	  { .is_base64 = true },
	  false,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|DATA|" },
	{ "a large body in base64 by BDAT",
	  "250-peer\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n",
	  { .is_base64 = true },
	  true,
	  false,
	  EHLO "MAIL FROM:<>|" RCPT "|BDAT 420445 LAST|" },
	{ "a body that is read from disk",
	  "250-peer\r\n250 PIPELINING\r\n",
	  { 0 },
	  true,
	  true,
	  EHLO "MAIL FROM:<>|" RCPT "|DATA|" },
	{ "a small body that is read from disk, in one flight",
	  "250-peer\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n",
	  { 0 },
	  false,
	  true,
	  EHLO "MAIL FROM:<>|" RCPT "|BDAT 91 LAST|" },
};

static void
make_large(struct world *w)
{
	char *p = malloc(LARGE);

	assert_non_null(p);
	/* Lines of all lengths, dots at their beginnings, and no line end at the last. */
	for (size_t i = 0, line = 0; i < LARGE; i++, line++) {
		p[i] = line % 7 == 0 ? '.' : (char)('a' + i % 26);
		if (line > i % 97 && i + 2 < LARGE) {
			p[i++] = '\r';
			p[i] = '\n';
			line = (size_t)-1;
		}
	}
	spool_body_unref(w->spool.body);
	w->spool.body = fake_body(p, LARGE);
	free(p);
}

/* Head, body (or its base64) and tail, as the renderer of the test makes them. */
static void
expected(struct world *w, const struct row *row, struct buf *ret)
{
	const struct spool_body *b = w->spool.body;
	struct spool_journal j = { .mid = 1, .body = w->spool.body };
	struct deliver_content content;
	struct mime_base64 base64;
	struct err e;
	const char *profile =
		strstr(row->ehlo_tls, "8BITMIME") != NULL ? "profile-4" : "profile-0";

	assert_int_equal(
		world_render(w, profile, &j, "tenant@intake.example", &content, &e), 0);
	buf_append_span(ret, buf_span(&content.head));
	if (row->content.is_base64) {
		mime_base64_init(&base64);
		mime_base64_encode(&base64, span_make(b->data, b->n), ret);
		mime_base64_finish(&base64, ret);
	} else {
		buf_append(ret, b->data, b->n);
	}
	buf_append_span(ret, buf_span(&content.tail));
	assert_int_equal(ret->n, content.size);
	buf_done(&content.head);
	buf_done(&content.tail);
}

static bool
is_said(const struct row *row)
{
	struct world w;
	struct buf want;

	world_init(&w);
	world_rows(&w, 1);
	w.peer.scripts[0].ehlo_tls = row->ehlo_tls;
	w.content = row->content;
	if (row->is_large)
		make_large(&w);
	w.spool.body->is_cold = row->is_cold;
	world_start(&w);
	world_settle(&w);
	buf_init(&want, SIZE_MAX);
	expected(&w, row, &want);
	bool is_right = strcmp(buf_text(&w.peer.commands), row->want) == 0;
	if (!is_right)
		print_error("%s:\n got  %s\n want %s\n", row->name,
			    buf_text(&w.peer.commands), row->want);
	if (w.peer.n_messages != 1 ||
	    !span_equal(buf_span(&w.peer.messages[0]), buf_span(&want))) {
		print_error("%s: got another message (%zu bytes of %zu)\n", row->name,
			    w.peer.n_messages == 0 ? 0 : w.peer.messages[0].n, want.n);
		is_right = false;
	}
	buf_done(&want);
	world_done(&w);
	return is_right;
}

static void
each_set_of_extensions_has_its_dialogue(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wrong += !is_said(&rows[i]);
	assert_int_equal(wrong, 0);
}

static void
a_connection_carries_ten_journals_then_says_quit(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 1;
	world_run(w, 12);
	assert_int_equal(w->spool.outcomes, 12);
	assert_int_equal(w->peer.connections, 2);
	assert_int_equal(w->peer.most_open, 1);
	const char *commands = world_commands(w);
	const char *quit = strstr(commands, "QUIT|EHLO me.example|MAIL");
	assert_non_null(quit);
	unsigned mails = 0;
	for (const char *p = commands; (p = strstr(p, "MAIL ")) != NULL && p < quit; p++)
		mails++;
	assert_int_equal(mails, 10);
}

static void
mailmax_of_the_peer_counts_if_it_is_less(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].ehlo_tls = "250-peer\r\n250 LIMITS MAILMAX=2\r\n";
	world_run(w, 4);
	assert_int_equal(w->spool.outcomes, 4);
	assert_int_equal(w->peer.connections, 2);
}

static void
an_idle_connection_is_used_again_and_ends_with_quit(void **state)
{
	struct world *w = *state;

	world_run(w, 1);
	assert_int_equal(w->peer.n_messages, 1);
	world_pass(w, 20000);
	assert_int_equal(w->peer.open, 1);
	world_offer(w, 50);
	world_settle(w);
	assert_int_equal(w->peer.n_messages, 2);
	assert_int_equal(w->peer.connections, 1);
	world_pass(w, 29000);
	assert_int_equal(w->peer.open, 1);
	world_pass(w, 2000);
	assert_int_equal(w->peer.open, 0);
	assert_non_null(strstr(world_commands(w), "QUIT|"));
}

static void
a_refused_data_ends_the_connection_and_touches_no_row(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].data = "554 5.6.0 no\r\n";
	world_run(w, 2);
	assert_string_equal(
		world_commands(w),
		"EHLO me.example|MAIL FROM:<> SIZE=91|RCPT TO:<tenant@intake.example> "
		"NOTIFY=NEVER|DATA|QUIT|");
	assert_int_equal(w->spool.outcomes, 0);
}

/* Its replies are honest but cannot be told from RCPT's; after the first all are waited for. */
static void
a_vague_final_reply_costs_one_copy_and_no_more(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].ehlo_tls = "250-peer\r\n250-PIPELINING\r\n250-CHUNKING\r\n"
				      "250 ENHANCEDSTATUSCODES\r\n";
	for (size_t i = 0; i < sizeof(w->peer.scripts[0].content) / sizeof(char *); i++)
		w->peer.scripts[0].content[i] = "250 fine\r\n";
	world_run(w, 2);
	for (int i = 0; i < 20; i++)
		world_pass(w, 120000);
	assert_int_equal(w->peer.n_messages_in_all, 3);
	assert_non_null(strstr(world_log(w), "1 uncertain"));
	assert_non_null(strstr(world_log(w), "1 delivered"));
	assert_non_null(strstr(world_log(w), "2 delivered"));
}

static void
a_peer_that_closes_after_a_few_is_not_to_blame(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 1;
	/*
	 * The first content is taken; the reply to the next MAIL is 421, as some limits
	 * are told.
	 */
	w->peer.scripts[0].content[0] = "250 2.0.0 taken\r\n421 4.7.0 enough\r\n";
	peer_script_then(&w->peer);
	world_run(w, 3);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n"
					  "2 delivered attempts=1 250 2.0.0 taken\n"
					  "3 delivered attempts=1 250 2.0.0 taken\n");
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	assert_int_equal(w->peer.connections, 2);
}

static void
a_session_is_resumed(void **state)
{
	uint64_t resumed = counter_get(COUNTER_TLS_RESUMED);
	struct world *w = *state;

	w->policies.controls.concurrency = 1;
	world_run(w, 12);
	assert_int_equal(w->spool.outcomes, 12);
	assert_int_equal(counter_get(COUNTER_TLS_RESUMED), resumed + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_set_of_extensions_has_its_dialogue),
		WORLD_TEST(a_connection_carries_ten_journals_then_says_quit),
		WORLD_TEST(mailmax_of_the_peer_counts_if_it_is_less),
		WORLD_TEST(an_idle_connection_is_used_again_and_ends_with_quit),
		WORLD_TEST(a_refused_data_ends_the_connection_and_touches_no_row),
		WORLD_TEST(a_vague_final_reply_costs_one_copy_and_no_more),
		WORLD_TEST(a_peer_that_closes_after_a_few_is_not_to_blame),
		WORLD_TEST(a_session_is_resumed),
	};

	return WORLD_RUN_TESTS(tests);
}

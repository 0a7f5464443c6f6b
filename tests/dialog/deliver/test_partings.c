/*
 * test_partings.c - a peer that leaves between two journals, while the next one is on its
 * way in one flight: in order (close_notify), or by a cut.
 *
 * A row: what the peer does with the second journal of a connection; what became of the
 * journals, of the destination, and how many messages the peer got in all. What it got
 * twice must be the same bytes.
 */
#include "world.h"

static const char one_flight[] = "250-peer\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
				 "250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n";
static const char without_8bit[] = "250-peer\r\n250-PIPELINING\r\n"
				   "250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n";

struct row {
	const char *name;
	struct peer_script bad; /* what differs from a good one                     */
	const char *next_ehlo;  /* of the next connection, NULL = the same          */
	const char *outcomes;
	enum destination_state state;
	unsigned connections;
	unsigned long messages;
};

#define FIRST  "1 delivered attempts=1 250 2.0.0 taken\n"
#define SECOND "2 delivered attempts=1 250 2.0.0 taken\n"
#define AGAIN  "2 delivered attempts=2 250 2.0.0 taken\n"
#define UNCERTAIN                                                                        \
	"2 uncertain attempts=1 the connection was closed instead of a reply to "

static const struct row rows[] = {
	{ "an end in order instead of a reply to MAIL: again at once, and nobody is "
	  "blamed",
	  { .mail_later = CLOSE },
	  NULL,
	  FIRST UNCERTAIN "MAIL\n" AGAIN,
	  DESTINATION_UP,
	  2,
	  2 },
	{ "a cut instead of a reply to MAIL: uncertain",
	  { .mail_later = CUT },
	  NULL,
	  FIRST UNCERTAIN "MAIL\n",
	  DESTINATION_BACKED_OFF,
	  1,
	  1 },
	{ "a part of a reply before an end in order: uncertain",
	  { .mail_later = "250 2.1.0 o" CLOSE },
	  NULL,
	  FIRST UNCERTAIN "MAIL\n",
	  DESTINATION_BACKED_OFF,
	  1,
	  1 },
	{ "a line of a longer reply before an end in order: uncertain",
	  { .mail_later = "250-2.1.0 ok\r\n" CLOSE },
	  NULL,
	  FIRST UNCERTAIN "MAIL\n",
	  DESTINATION_BACKED_OFF,
	  1,
	  1 },
	{ "a reply to MAIL before an end in order: uncertain",
	  { .mail_later = "250 2.1.0 ok\r\n" CLOSE },
	  NULL,
	  FIRST UNCERTAIN "RCPT\n",
	  DESTINATION_BACKED_OFF,
	  1,
	  1 },
	{ "421 before an end in order: again at once",
	  { .mail_later = "421 4.7.0 enough\r\n" CLOSE },
	  NULL,
	  FIRST SECOND,
	  DESTINATION_UP,
	  2,
	  2 },
	{ "all replies at once, then an end in order: delivered, once",
	  { .holds_envelope_replies = true, .drop = DROP_AFTER_REPLY },
	  NULL,
	  FIRST SECOND,
	  DESTINATION_UP,
	  1,
	  2 },
	{ "taken without a word, then an end in order: again at once",
	  { .holds_envelope_replies = true, .drop = DROP_AFTER_CONTENT },
	  NULL,
	  FIRST UNCERTAIN "MAIL\n" AGAIN,
	  DESTINATION_UP,
	  2,
	  3 },
	{ "and with the same bytes over a hop that would make others",
	  { .holds_envelope_replies = true, .drop = DROP_AFTER_CONTENT },
	  without_8bit,
	  FIRST UNCERTAIN "MAIL\n" AGAIN,
	  DESTINATION_UP,
	  2,
	  3 },
};

static void
make_bad(struct peer_script *s, const struct peer_script *bad)
{
	s->ehlo_tls = one_flight;
	s->mail_later = bad->mail_later;
	s->holds_envelope_replies = bad->holds_envelope_replies;
	s->drop = bad->drop;
	s->good_messages = 1;
}

static bool
is_equal_wherever_sent_twice(struct world *w)
{
	return w->peer.n_messages < 3 ||
	       span_equal(buf_span(&w->peer.messages[1]), buf_span(&w->peer.messages[2]));
}

static bool
is_as_documented(const struct row *row)
{
	struct world w;

	world_init(&w);
	w.policies.controls.concurrency = 1;
	make_bad(&w.peer.scripts[0], &row->bad);
	peer_script_then(&w.peer)->ehlo_tls =
		row->next_ehlo == NULL ? one_flight : row->next_ehlo;
	world_run(&w, 2);
	world_pass_often(&w, 3, 600);
	enum destination_state state = world_destination(&w).state;
	bool is_right = strcmp(world_log(&w), row->outcomes) == 0 &&
			state == row->state && w.peer.connections == row->connections &&
			w.peer.n_messages_in_all == row->messages &&
			is_equal_wherever_sent_twice(&w);
	if (!is_right)
		print_error("%s:\n got  %s, %u connections, %lu messages%s\n%s"
			    " want %s, %u connections, %lu messages\n%s",
			    row->name, destination_state_name(state), w.peer.connections,
			    w.peer.n_messages_in_all,
			    is_equal_wherever_sent_twice(&w) ? "" : " that differ",
			    world_log(&w), destination_state_name(row->state),
			    row->connections, row->messages, row->outcomes);
	world_done(&w);
	return is_right;
}

static void
each_way_to_leave_has_its_outcome(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wrong += !is_as_documented(&rows[i]);
	assert_int_equal(wrong, 0);
}

static void
before_anything_was_carried_an_end_in_order_is_uncertain(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].ehlo_tls = one_flight;
	w->peer.scripts[0].mail = CLOSE;
	world_run(w, 1);
	assert_int_equal(w->peer.connections, 1); /* it was not sent again at once */
	assert_string_equal(world_log(w),
			    "1 uncertain attempts=1 the connection was closed instead of "
			    "a reply to MAIL\n");
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
}

/* The end and the flight cross each other: the peer's kernel has bytes that nobody reads. */
static void
an_end_in_order_crosses_the_flight(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].ehlo_tls = one_flight;
	world_run(w, 1);
	struct peer_session *s = world_session(w, 0);
	stream_pause(s->stream);
	w->spool.rows[0] = (struct fake_row){ .mid = 2, .policy = "DEFAULT" };
	w->spool.rows[0].created_at = w->clock.wall;
	world_offer(w, 2);
	world_settle(w);
	assert_int_equal(world_destination(w).in_flight, 1);
	peer_session_close(s);
	world_pass_often(w, 3, 600);
	assert_string_equal(world_log(w), FIRST UNCERTAIN "MAIL\n" AGAIN);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	assert_int_equal(w->peer.connections, 2);
	assert_int_equal(w->peer.n_messages_in_all, 2);
}

static void
a_content_that_is_left_behind_again_and_again_waits(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].ehlo_tls = one_flight;
	w->peer.keeps_messages = false;
	w->policies.controls.messages_per_connection = 100;
	world_run(w, 60);
	assert_int_equal(w->peer.open, 5);
	unsigned long before = w->peer.n_messages_in_all;
	/* Now each connection takes what comes, and leaves without a word. */
	w->peer.scripts[0].holds_envelope_replies = true;
	w->peer.scripts[0].drop = DROP_AFTER_CONTENT;
	w->spool.rows[0] = (struct fake_row){ .mid = 101, .policy = "DEFAULT" };
	w->spool.rows[0].created_at = w->clock.wall;
	world_offer(w, 101);
	world_pass_often(w, 10, 600);
	assert_int_equal(w->peer.n_messages_in_all - before, 4);
	assert_non_null(strstr(world_log(w), "101 uncertain attempts=4 "));
	assert_true(w->spool.rows[0].next_at > w->clock.wall + 800000);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
}

/* The second journal was taken without a word; then the intake is away. */
static void
leave_in_doubt(struct world *w)
{
	struct peer_script *s = &w->peer.scripts[0];

	w->policies.controls.concurrency = 1;
	s->ehlo_tls = one_flight;
	s->holds_envelope_replies = true;
	s->drop = DROP_AFTER_CONTENT;
	s->good_messages = 1;
	peer_script_then(&w->peer)->greeting = "421 4.3.2 later\r\n";
	peer_script_then(&w->peer)->ehlo_tls = without_8bit;
	world_run(w, 2);
	world_pass_often(w, 3, 600);
	assert_int_equal(w->peer.n_messages, 2);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
}

static void
expect_the_same_bytes(struct world *w)
{
	world_pass_often(w, 3, 20000);
	assert_int_equal(w->peer.n_messages, 3);
	assert_string_equal(buf_text(&w->peer.messages[2]),
			    buf_text(&w->peer.messages[1]));
}

static void
the_doubt_outlives_hold_and_release(void **state)
{
	struct world *w = *state;
	uint64_t dcid;

	leave_in_doubt(w);
	assert_false(deliver_withdraw(w->deliver, 2, &dcid));
	deliver_give_back(w->deliver, 2);
	expect_the_same_bytes(w);
}

static void
the_doubt_outlives_a_stop_in_order(void **state)
{
	struct world *w = *state;

	leave_in_doubt(w);
	world_stop(w, 1000);
	world_settle(w);
	assert_int_equal(w->stopped, 1);
	deliver_free(w->deliver);
	world_start(w);
	expect_the_same_bytes(w);
}

/* Nothing is recorded twice where peers end connections between journals. */
static void
an_end_between_journals_leaves_no_doubt(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->peer.scripts[0].ehlo_tls = one_flight;
	w->peer.scripts[0].drop = DROP_AFTER_REPLY;
	w->peer.scripts[0].good_messages = 3;
	world_run(w, 400);
	assert_int_equal(w->spool.outcomes, 400);
	assert_int_equal(w->peer.n_messages_in_all, 400);
	assert_null(strstr(world_log(w), "uncertain"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_to_leave_has_its_outcome),
		WORLD_TEST(before_anything_was_carried_an_end_in_order_is_uncertain),
		WORLD_TEST(an_end_in_order_crosses_the_flight),
		WORLD_TEST(a_content_that_is_left_behind_again_and_again_waits),
		WORLD_TEST(the_doubt_outlives_hold_and_release),
		WORLD_TEST(the_doubt_outlives_a_stop_in_order),
		WORLD_TEST(an_end_between_journals_leaves_no_doubt),
	};

	return WORLD_RUN_TESTS(tests);
}

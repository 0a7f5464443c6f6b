/*
 * test_backoff.c - who is to blame when connections end, and what may go out meanwhile.
 */
#include "world.h"

#include <errno.h>
#include <sys/socket.h>

static void
connections_that_fall_together_are_one_failure(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].content[0] = "250 2.0.0 taken\r\n";
	w->peer.scripts[0].content[1] = NULL;
	w->peer.keeps_messages = false;
	world_run(w, 60);
	assert_int_equal(w->spool.outcomes, 60);
	/* Five connections, and a journal without a final reply on each. */
	w->peer.scripts[0].content[0] = NULL;
	world_offer_all(w, 101, 125);
	world_settle(w);
	assert_int_equal(world_destination(w).in_flight, 5);
	for (struct list_node *n = list_first(&w->peer.sessions); n != NULL;
	     n = list_next(&w->peer.sessions, n))
		peer_session_close(list_entry(n, struct peer_session, node));
	world_settle(w);
	struct destination_status s = world_destination(w);
	assert_int_equal(s.in_flight, 0);
	assert_int_equal(s.state, DESTINATION_BACKED_OFF);
	assert_in_range(s.next_probe_at - w->clock.wall, 13500, 16500);
}

static void
after_a_failure_connections_grow_from_one(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	world_run(w, 60);
	assert_int_equal(w->peer.most_open, 5);
	world_pass(w, 31000); /* all of them time out */
	assert_int_equal(w->peer.open, 0);
	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	world_offer_all(w, 101, 140);
	world_settle(w);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	/* The probe's recipient is accepted; its content is not answered yet. */
	w->peer.scripts[0] = peer_script_good();
	w->peer.scripts[0].content[0] = NULL;
	clock_manual_advance(&w->clock, 17000);
	for (int i = 0; i < 2000 && world_destination(w).state != DESTINATION_UP; i++)
		world_turn(w, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	assert_in_range(world_destination(w).connections, 1, 2);
}

static void
a_probe_is_one_journal_whatever_connections_are_idle(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->policies.controls.messages_per_connection = 100;
	world_run(w, 60);
	assert_int_equal(w->peer.open, 5);
	w->peer.scripts[0].rcpt = "450 4.2.1 busy\r\n";
	world_offer(w, 101);
	world_settle(w);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	assert_int_equal(w->peer.open, 4);
	world_offer_all(w, 102, 110);
	world_settle(w);
	unsigned before = world_count(w, "MAIL ");
	world_pass(w, 17000);
	assert_int_equal(world_count(w, "MAIL ") - before, 1);
}

/* The intake takes recipients, and no content. */
static void
waits_double_until_a_content_is_answered(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].data = "451 4.3.0 later\r\n";
	world_run(w, 100);
	for (int minute = 0; minute < 60; minute++) {
		unsigned before = w->peer.connections;
		for (int second = 0; second < 60; second += 15)
			world_pass(w, 15000);
		assert_in_range(w->peer.connections - before, 0, 4);
	}
	assert_in_range(w->peer.connections, 10, 20);
	w->peer.scripts[0] = peer_script_good();
	world_pass(w, 330000);
	assert_int_equal(w->spool.outcomes, 100);
	/* That is over: the next wait is the first again. */
	w->peer.scripts[0].data = "451 4.3.0 later\r\n";
	world_offer(w, 101);
	world_settle(w);
	assert_in_range(world_destination(w).next_probe_at - w->clock.wall, 13500, 16500);
}

static void
nor_do_connections_grow_until_then(void **state)
{
	struct world *w = *state;

	w->policies.controls.concurrency = 20;
	w->peer.scripts[0].data = NULL;
	world_run(w, 200);
	assert_int_equal(w->peer.open, 20);
	world_say_to_all(w, "451 4.3.0 later\r\n");
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	world_pass(w, 17000);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	/* Two: the first may be one that never ends. */
	assert_int_equal(w->peer.open, 2);
	world_say_to_all(w, "451 4.3.0 later\r\n");
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	w->peer.scripts[0] = peer_script_good();
	w->peer.keeps_messages = false;
	w->peer.most_open = 0;
	world_pass(w, 34000);
	assert_int_equal(w->spool.outcomes, 200);
	assert_in_range(w->peer.most_open, 3, 20);
}

static void
an_attempt_that_fails_at_once_is_one_attempt(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	world_run(w, 60);
	world_pass(w, 31000);
	assert_int_equal(w->peer.open, 0);
	w->dns.refuses = true;
	unsigned before = w->dns.queries;
	world_offer_all(w, 101, 140);
	world_settle(w);
	assert_int_equal(w->dns.queries - before, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
}

/* Five connections, and a journal that hangs on each. */
static void
hang(struct world *w)
{
	w->peer.keeps_messages = false;
	world_run(w, 60);
	w->peer.scripts[0].rcpt = w->peer.scripts[0].data = NULL;
	world_offer_all(w, 101, 125);
	world_settle(w);
	assert_int_equal(world_destination(w).in_flight, 5);
}

static void
what_hangs_since_before_the_failure_holds_up_no_probe(void **state)
{
	struct world *w = *state;

	hang(w);
	world_say(w, -1, "450 4.2.1 busy\r\n");
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	w->peer.scripts[0] = peer_script_good();
	world_pass(w, 17000);
	assert_int_equal(w->spool.outcomes, 60 + 25 - 4);
	/* Nor does its end say anything new. */
	world_pass(w, 300000);
	assert_int_equal(w->spool.outcomes, 60 + 25);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
}

/* Nor does a connection that gets no greeting: five minutes. */
static void
nor_does_an_attempt_that_hangs(void **state)
{
	struct world *w = *state;
	uint64_t dcid;

	w->peer.keeps_messages = false;
	world_run(w, 60);
	world_pass(w, 31000);
	w->peer.scripts[0].greeting = NULL;
	world_offer_all(w, 101, 105);
	world_settle(w);
	assert_int_equal(w->peer.open, 2);
	world_say(w, -1, "450 4.3.2 busy\r\n");
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	/* The one that is left would do for what waits. */
	assert_int_equal(deliver_withdraw(w->deliver, 105, &dcid), WITHDRAWAL_DONE);
	w->peer.scripts[0] = peer_script_good();
	world_pass(w, 17000);
	assert_int_equal(w->spool.outcomes, 64);
	deliver_give_back(w->deliver, 105);
}

static void
nor_does_it_end_a_suspension(void **state)
{
	struct world *w = *state;

	hang(w);
	world_pass(w, 200000);
	world_say(w, -1, "550 5.7.1 denied\r\n");
	assert_int_equal(world_destination(w).state, DESTINATION_SUSPENDED);
	unsigned before = w->peer.connections;
	world_pass_often(w, 30, 10000); /* the others had no reply in time */
	assert_int_equal(world_destination(w).in_flight, 0);
	assert_int_equal(world_destination(w).state, DESTINATION_SUSPENDED);
	assert_int_equal(w->peer.connections, before);
}

static void
a_used_connection_that_ends_is_not_to_blame(void **state)
{
	static const char *const ends[] = { "421 4.7.0 enough\r\n", CLOSE };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world w;
		world_init(&w);
		world_rows(&w, 4);
		w.policies.controls.concurrency = 1;
		w.peer.scripts[0].mail_later = ends[i];
		world_start(&w);
		world_settle(&w);
		assert_int_equal(w.spool.outcomes, 4);
		assert_int_equal(w.peer.connections, 4);
		assert_int_equal(world_destination(&w).state, DESTINATION_UP);
		world_done(&w);
	}
}

static void
who_refuses_bdat_as_a_command_gets_data(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->peer.scripts[0].ehlo_tls = "250-peer\r\n250-PIPELINING\r\n250-CHUNKING\r\n"
				      "250 ENHANCEDSTATUSCODES\r\n";
	world_run(w, 50); /* idle connections that offer it */
	assert_int_equal(w->spool.outcomes, 50);
	w->peer.scripts[0].bdat = "502 5.5.1 not implemented\r\n";
	world_offer_all(w, 101, 150);
	world_settle(w);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	unsigned before = world_count(w, "|BDAT ");
	world_pass(w, 17000);
	assert_int_equal(w->spool.outcomes, 100);
	assert_null(strstr(world_log(w), "dead"));
	assert_int_equal(world_count(w, "|BDAT "), before);
	assert_int_equal(world_count(w, "|DATA|"), 50);
}

/* Takes what the kernel has, past the session's TLS; returns how much until nothing comes. */
static size_t
drain(int fd)
{
	char waste[8192];
	size_t all = 0;

	for (int quiet = 0; quiet < 20;) {
		ssize_t n = recv(fd, waste, sizeof(waste), MSG_DONTWAIT);
		if (n > 0) {
			all += (size_t)n;
			quiet = 0;
			continue;
		}
		if (n == 0 || errno != EAGAIN)
			break;
		quiet++;
		usleep(1000);
	}
	return all;
}

static void
what_is_broken_off_never_becomes_whole(void **state)
{
	enum { SIZE = 3 * FAKE_RUN_MAX }; /* all of it is queued at once */
	char *p = malloc(SIZE);
	struct world *w = *state;

	assert_non_null(p);
	memset(p, 'x', SIZE);
	spool_body_unref(w->spool.body);
	w->spool.body = fake_body(p, SIZE);
	free(p);
	/* The peer stops reading, and its kernel takes little: the end waits in our queue. */
	w->peer.takes_little = true;
	w->peer.scripts[0].is_deaf_in_content = true;
	world_run(w, 1);
	assert_int_equal(world_destination(w).in_flight, 1);
	/* Now there is room on the way, and just then we stop. */
	int fd = dup(stream_fd(world_session(w, 0)->stream));
	assert_true(fd >= 0);
	size_t got = drain(fd);
	assert_in_range(got, 1, SIZE - 40000); /* the rest is ours to send, or not */
	peer_set_other_end(fd, 4 << 20);
	world_stop(w, 0);
	assert_int_equal(drain(fd), 0); /* not one byte more */
	world_pass(w, 1);
	assert_int_equal(w->stopped, 1);
	assert_string_equal(world_log(w), ""); /* nor is there any doubt about it */
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(connections_that_fall_together_are_one_failure),
		WORLD_TEST(after_a_failure_connections_grow_from_one),
		WORLD_TEST(a_probe_is_one_journal_whatever_connections_are_idle),
		WORLD_TEST(waits_double_until_a_content_is_answered),
		WORLD_TEST(nor_do_connections_grow_until_then),
		WORLD_TEST(an_attempt_that_fails_at_once_is_one_attempt),
		WORLD_TEST(what_hangs_since_before_the_failure_holds_up_no_probe),
		WORLD_TEST(nor_does_an_attempt_that_hangs),
		WORLD_TEST(nor_does_it_end_a_suspension),
		cmocka_unit_test(a_used_connection_that_ends_is_not_to_blame),
		WORLD_TEST(who_refuses_bdat_as_a_command_gets_data),
		WORLD_TEST(what_is_broken_off_never_becomes_whole),
	};

	return WORLD_RUN_TESTS(tests);
}

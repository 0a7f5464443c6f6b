/*
 * test_backoff.c - who is to blame when connections end, and what may go out meanwhile.
 */
#include "world.h"

#include <errno.h>
#include <sys/socket.h>

static void
offer(struct world *w, uint64_t mid)
{
	struct fake_row fresh = { .mid = mid,
				  .policy = "DEFAULT",
				  .created_at = w->clock.wall };

	w->spool.accepted(w->spool.accepted_arg, fake_journal(&w->spool, &fresh));
}

static unsigned
count(const struct buf *commands, const char *word)
{
	struct span s = buf_span(commands);
	size_t n = strlen(word);
	unsigned found = 0;

	for (size_t i = 0; i + n <= s.n; i++)
		found += memcmp(s.p + i, word, n) == 0;
	return found;
}

static struct peer_session *
first_session(struct world *w)
{
	return list_entry(list_first(&w->peer.sessions), struct peer_session, node);
}

static void
connections_that_fall_together_are_one_failure(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 60);
	w.peer.scripts[0].content[0] = "250 2.0.0 taken\r\n";
	w.peer.scripts[0].content[1] = NULL;
	w.peer.keeps_messages = false;
	world_start(&w);
	world_settle(&w);
	assert_int_equal(w.spool.outcomes, 60);
	/* Five connections, and a journal without a final reply on each. */
	w.peer.scripts[0].content[0] = NULL;
	for (uint64_t mid = 101; mid <= 125; mid++)
		offer(&w, mid);
	world_settle(&w);
	assert_int_equal(world_destination(&w).in_flight, 5);
	for (struct list_node *n = list_first(&w.peer.sessions); n != NULL;
	     n = list_next(&w.peer.sessions, n))
		peer_session_close(list_entry(n, struct peer_session, node));
	world_settle(&w);
	struct destination_status s = world_destination(&w);
	assert_int_equal(s.in_flight, 0);
	assert_int_equal(s.state, DESTINATION_BACKED_OFF);
	assert_in_range(s.next_probe_at - w.clock.wall, 13500, 16500);
	world_done(&w);
}

static void
after_a_failure_connections_grow_from_one(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 60);
	w.peer.keeps_messages = false;
	world_start(&w);
	world_settle(&w);
	assert_int_equal(w.peer.most_open, 5);
	world_pass(&w, 31000); /* all of them time out */
	assert_int_equal(w.peer.open, 0);
	w.peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	for (uint64_t mid = 101; mid <= 140; mid++)
		offer(&w, mid);
	world_settle(&w);
	assert_int_equal(world_destination(&w).state, DESTINATION_BACKED_OFF);
	/* The probe's recipient is accepted; its content is not answered yet. */
	w.peer.scripts[0] = peer_script_good();
	w.peer.scripts[0].content[0] = NULL;
	clock_manual_advance(&w.clock, 17000);
	for (int i = 0; i < 2000 && world_destination(&w).state != DESTINATION_UP; i++)
		world_turn(&w, 1);
	assert_int_equal(world_destination(&w).state, DESTINATION_UP);
	assert_in_range(world_destination(&w).connections, 1, 2);
	world_done(&w);
}

static void
a_probe_is_one_journal_whatever_connections_are_idle(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_rows(&w, 60);
	w.peer.keeps_messages = false;
	w.policies.controls.messages_per_connection = 100;
	world_start(&w);
	world_settle(&w);
	assert_int_equal(w.peer.open, 5);
	w.peer.scripts[0].rcpt = "450 4.2.1 busy\r\n";
	offer(&w, 101);
	world_settle(&w);
	assert_int_equal(world_destination(&w).state, DESTINATION_BACKED_OFF);
	assert_int_equal(w.peer.open, 4);
	for (uint64_t mid = 102; mid <= 110; mid++)
		offer(&w, mid);
	world_settle(&w);
	unsigned before = count(&w.peer.commands, "MAIL ");
	world_pass(&w, 17000);
	assert_int_equal(count(&w.peer.commands, "MAIL ") - before, 1);
	world_done(&w);
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
on_stopped(void *arg)
{
	((struct world *)arg)->stopped++;
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
	struct world w;

	(void)state;
	assert_non_null(p);
	memset(p, 'x', SIZE);
	world_init(&w);
	world_rows(&w, 1);
	spool_body_unref(w.spool.body);
	w.spool.body = fake_body(p, SIZE);
	free(p);
	/* The peer stops reading, and its kernel takes little: the end waits in our queue. */
	w.peer.takes_little = true;
	w.peer.scripts[0].is_deaf_in_content = true;
	world_start(&w);
	world_settle(&w);
	assert_int_equal(world_destination(&w).in_flight, 1);
	/* Now there is room on the way, and just then we stop. */
	int fd = dup(stream_fd(first_session(&w)->stream));
	assert_true(fd >= 0);
	size_t got = drain(fd);
	assert_in_range(got, 1, SIZE - 40000); /* the rest is ours to send, or not */
	peer_set_other_end(fd, 4 << 20);
	deliver_stop(w.deliver, 0, on_stopped, &w);
	assert_int_equal(drain(fd), 0); /* not one byte more */
	world_pass(&w, 1);
	assert_int_equal(w.stopped, 1);
	assert_string_equal(world_log(&w), ""); /* nor is there any doubt about it */
	close(fd);
	world_done(&w);
}

int
main(void)
{
	const struct log_settings quiet = { .target = LOG_TO_FILE, .path = "/dev/null" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_that_fall_together_are_one_failure),
		cmocka_unit_test(after_a_failure_connections_grow_from_one),
		cmocka_unit_test(a_probe_is_one_journal_whatever_connections_are_idle),
		cmocka_unit_test(a_used_connection_that_ends_is_not_to_blame),
		cmocka_unit_test(what_is_broken_off_never_becomes_whole),
	};
	struct err e;

	if (log_open(&quiet, &e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, world_setup_certificates,
				      world_remove_certificates);
}

/*
 * test_reload.c - a new configuration while journals wait and are on their way.
 */
#include "world.h"

static void
a_reload_that_changes_the_route_ends_the_back_off(void **state)
{
	struct world *w = *state;

	w->dns.missing = "intake.example";
	world_run(w, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_SUSPENDED);
	w->policies.hops[0].host = "127.0.0.1";
	w->policies.controls.tls_name = "intake.example";
	world_reload(w);
	world_pass(w, 1000);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n");
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
}

/* Whatever was wrong may have been put right where no setting shows it. */
static void
any_reload_probes_once_what_is_down(void **state)
{
	static const char *const replies[] = { "450 4.2.1 busy\r\n",
					       "550 5.1.1 unknown\r\n" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world w;
		world_init(&w);
		w.peer.scripts[0].rcpt = replies[i];
		world_run(&w, 40);
		assert_int_equal(w.peer.connections, 1);
		world_reload(&w);
		world_pass_often(&w, 5, 1000);
		assert_int_equal(w.peer.connections, 2);
		assert_string_equal(world_log(&w), "");
		w.peer.scripts[0] = peer_script_good();
		world_reload(&w);
		world_settle(&w);
		assert_int_equal(w.spool.outcomes, 40);
		assert_int_equal(world_destination(&w).state, DESTINATION_UP);
		world_done(&w);
	}
}

static void
a_corrected_intake_ends_the_suspension(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].rcpt = "550 5.1.1 no such user\r\n";
	peer_script_then(&w->peer);
	world_run(w, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_SUSPENDED);
	w->policies.intakes[0] = "right@intake.example";
	world_reload(w);
	world_settle(w);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n");
}

/* It goes on over the old route, and what it says of that is not held against the new. */
static void
a_journal_that_hangs_on_the_old_route_holds_up_no_probe(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	peer_script_then(&w->peer)->mail = NULL;
	w->peer.scripts[1].ehlo_tls = "250-peer\r\n250 8BITMIME\r\n";
	peer_script_then(&w->peer);
	world_run(w, 2);
	world_pass(w, 17000);
	assert_int_equal(world_destination(w).in_flight, 1);
	world_reload(w);
	world_settle(w);
	assert_string_equal(world_log(w), "2 delivered attempts=1 250 2.0.0 taken\n");
	assert_int_equal(world_destination(w).in_flight, 1);
	world_say(w, 1, "550 5.7.1 denied\r\n");
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	assert_string_equal(world_log(w), "2 delivered attempts=1 250 2.0.0 taken\n"
					  "1 delivered attempts=1 250 2.0.0 taken\n");
}

/* Nor is what the old route says taken for a word of the new one. */
static void
a_recipient_that_the_old_route_takes_is_no_recovery(void **state)
{
	struct world *w = *state;
	const char one_by_one[] = "250-peer\r\n250 8BITMIME\r\n";

	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	peer_script_then(&w->peer)->rcpt = NULL;
	w->peer.scripts[1].ehlo_tls = one_by_one;
	peer_script_then(&w->peer)->greeting = "421 4.3.2 not now\r\n";
	world_run(w, 20);
	world_pass(w, 17000);
	assert_int_equal(world_destination(w).in_flight, 1);
	world_reload(w);
	world_settle(w);
	assert_int_equal(w->peer.connections, 3);
	world_say(w, 1, "250 2.1.5 ok\r\n");
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n");
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	assert_int_equal(w->peer.connections, 3);
}

static void
a_ca_file_that_cannot_be_read_is_told_when_contexts_are_made(void **state)
{
	struct tls_client_settings broken = { .ca_file = "/nonexistent" };
	struct world *w = *state;
	struct deliver_tls *tls;
	struct err e = { 0 };

	assert_int_equal(deliver_tls_new(&broken, &tls, &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent"));
	e = (struct err){ 0 };
	tls = world_tls(w);
	assert_int_equal(deliver_tls_add(tls, "/nonexistent", &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent"));
	/* It has what it had before. */
	world_rows(w, 1);
	world_start_with(w, tls);
	world_settle(w);
	assert_int_equal(w->spool.outcomes, 1);
}

/* A copy that only the making of contexts sees. */
static void
copy_file(const char *to, const char *from)
{
	char bytes[8192];
	FILE *f = fopen(from, "r");

	assert_non_null(f);
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	assert_true(n > 0 && n < sizeof(bytes));
	fclose(f);
	f = fopen(to, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

enum { OF_SETTINGS = 1, OF_CONTROLS = 2, BY_RELOAD = 4 };
static const struct {
	const char *name;
	unsigned how;
} gone[] = {
	{ "the settings' file", OF_SETTINGS },
	{ "the settings' file after a reload", OF_SETTINGS | BY_RELOAD },
	{ "the controls' file", OF_CONTROLS },
	{ "the controls' file after a reload", OF_CONTROLS | BY_RELOAD },
	{ "one file for both", OF_SETTINGS | OF_CONTROLS },
};

static void
no_ca_file_is_read_after_contexts_were_made(void **state)
{
	struct world *w = *state;
	const char *right = w->tls.ca_file;
	char path[128];

	world_path(path, "gone.pem");
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		copy_file(path, right);
		w->tls.ca_file = (gone[i].how & OF_SETTINGS) != 0 ? path : right;
		w->policies.controls.ca_file =
			(gone[i].how & OF_CONTROLS) != 0 ? path : NULL;
		if (w->deliver == NULL) {
			world_start(w);
		} else if ((gone[i].how & BY_RELOAD) != 0) {
			world_reload(w);
		} else {
			deliver_free(w->deliver);
			world_start(w);
		}
		remove(path);
		world_offer(w, i + 1);
		world_settle(w);
		if (w->spool.outcomes != i + 1)
			fail_msg("%s: got %zu deliveries, want %zu", gone[i].name,
				 (size_t)w->spool.outcomes, i + 1);
	}
}

static void
a_reload_ends_idle_connections_of_the_old_configuration(void **state)
{
	struct world *w = *state;

	world_run(w, 1);
	assert_int_equal(w->peer.open, 1);
	world_reload(w);
	world_settle(w);
	assert_int_equal(w->peer.open, 0);
	assert_non_null(strstr(world_commands(w), "|QUIT|"));
}

static void
the_next_connection_says_the_new_name(void **state)
{
	struct world *w = *state;

	world_run(w, 1);
	w->settings.hostname = "other.example";
	world_reload(w);
	world_settle(w);
	world_offer(w, 2);
	world_settle(w);
	assert_int_equal(w->spool.outcomes, 2);
	assert_string_equal(buf_text(&w->peer.clear),
			    "EHLO me.example|STARTTLS|EHLO other.example|STARTTLS|");
	assert_non_null(strstr(world_commands(w), "QUIT|EHLO other.example|"));
}

static void
a_new_name_ends_the_back_off(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].ehlo = "550 5.7.1 not with that name\r\n";
	peer_script_then(&w->peer);
	world_run(w, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_SUSPENDED);
	w->settings.hostname = "other.example";
	world_reload(w);
	world_settle(w);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n");
}

static void
so_does_another_ca_file(void **state)
{
	struct world *w = *state;
	const char *right = w->tls.ca_file;
	char wrong[128];

	world_path(wrong, "other.pem");
	w->tls.ca_file = wrong;
	world_run(w, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	w->tls.ca_file = right;
	world_reload(w);
	world_settle(w);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n");
}

static void
so_does_another_ca_in_the_same_file(void **state)
{
	struct world *w = *state;
	const char *right = w->tls.ca_file;
	char path[128], other[128];

	world_path(path, "mine.pem");
	world_path(other, "other.pem");
	copy_file(path, other);
	w->tls.ca_file = path;
	world_run(w, 1);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	copy_file(path, right);
	world_reload(w);
	world_settle(w);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n");
}

/* Those that carry a journal are not broken off: they end after it. */
static void
fewer_connections_are_reached_as_journals_end(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 200);
	assert_int_equal(w->peer.open, 5);
	w->settings.connections_max = 2;
	world_reload(w);
	world_settle(w);
	assert_int_equal(w->peer.open, 5);
	assert_int_equal(world_destination(w).in_flight, 5);
	/* Each reply ends one; a new one comes only when they are fewer than two. */
	w->peer.scripts[0] = peer_script_good();
	unsigned open = 5, made = w->peer.connections;
	for (int i = 0; open > 2; i++) {
		world_say(w, i, "250 2.0.0 taken\r\n");
		assert_int_equal(w->peer.open, --open);
		assert_int_equal(w->peer.connections, made);
	}
	w->peer.most_open = 0;
	world_say_to_all(w, "250 2.0.0 taken\r\n");
	assert_int_equal(w->spool.outcomes, 200);
	assert_int_equal(w->peer.most_open, 2);
}

static void
more_connections_are_used_at_once(void **state)
{
	struct world *w = *state;

	w->peer.scripts[0].content[0] = NULL;
	w->settings.connections_max = 1;
	world_run(w, 40);
	assert_int_equal(w->peer.open, 1);
	w->settings.connections_max = 4;
	world_reload(w);
	world_settle(w);
	assert_int_equal(w->peer.open, 4);
}

/* How many journals wait in memory: each has the body, one in flight twice (to read it). */
static size_t
window_of(struct world *w)
{
	return w->spool.body->refs - 1 - 2 * world_destination(w).in_flight;
}

static void
a_larger_window_is_filled(void **state)
{
	struct world *w = *state;

	w->settings.window = 40;
	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].content[0] = NULL; /* one is in flight, the others wait */
	world_run(w, 600);
	assert_in_range(window_of(w), 1, 20);
	w->settings.window = 400;
	world_reload(w);
	world_settle(w);
	assert_int_equal(window_of(w), 200);
}

static void
a_smaller_window_lets_go_and_loses_nothing(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].content[0] = NULL;
	w->settings.window = 500;
	world_run(w, 600);
	assert_in_range(window_of(w), 240, 250);
	w->settings.window = 40;
	world_reload(w);
	world_settle(w);
	assert_int_equal(window_of(w), 20);
	w->peer.scripts[0] = peer_script_good();
	peer_say(world_session(w, 0), "250 2.0.0 taken\r\n");
	world_pass_often(w, 20, 1000);
	assert_int_equal(w->spool.outcomes, 600);
	assert_int_equal(w->peer.n_messages_in_all, 600);
}

/* The memory is what bounds it here: so many are some hundred bytes each, no more. */
static void
memory_bounds_the_window_and_loses_nothing(void **state)
{
	struct world *w = *state;

	w->peer.keeps_messages = false;
	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].content[0] = NULL;
	w->settings.window_memory = 64 * 1024;
	world_run(w, 1200);
	assert_in_range(window_of(w), 8, 32 * 1024 / sizeof(struct spool_journal) + 1);
	/* With none at all a few wait all the same. */
	w->settings.window_memory = 1;
	world_reload(w);
	world_settle(w);
	assert_in_range(window_of(w), 1, 4);
	w->peer.scripts[0] = peer_script_good();
	peer_say(world_session(w, 0), "250 2.0.0 taken\r\n");
	world_pass_often(w, 200, 1000);
	assert_int_equal(w->spool.outcomes, 1200);
	assert_int_equal(w->peer.n_messages_in_all, 1200);
}

/* 20 KB of memory each. */
static struct spool_message *
large_envelope(void)
{
	char name[64];
	struct spool_message *m = spool_message_new();

	assert_non_null(m);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "recipient.number.%04d@inside.example", i);
		assert_int_equal(spool_message_add_recipient(m, span_of(name),
							     span_make(NULL, 0), 0,
							     RECIPIENT_FROM_ENVELOPE),
				 0);
	}
	return m;
}

/* Each of them takes the memory of many. */
static void
large_envelopes_push_out_as_many_as_they_need(void **state)
{
	struct world *w = *state;
	struct spool_message *large = large_envelope(), *small = w->spool.message;

	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].content[0] = NULL;
	w->settings.window_memory = 64 * 1024;
	world_run(w, 1);
	world_offer_all(w, 1001, 1400);
	size_t before = window_of(w);
	assert_in_range(before, 50, 400);
	w->spool.message = large;
	world_offer_all(w, 2001, 2100);
	assert_in_range(window_of(w), 1, 4);
	w->spool.message = small;
	spool_message_unref(large);
}

/* A page of them is more than there is room for: nothing of it is passed over. */
static void
large_envelopes_go_out_in_their_order(void **state)
{
	enum { ROWS = 60 };
	struct world *w = *state;
	struct spool_message *large = large_envelope();
	unsigned long last = 0;

	w->peer.keeps_messages = false;
	w->policies.controls.concurrency = 1;
	w->settings.window_memory = 64 * 1024;
	world_rows(w, ROWS);
	for (size_t i = 0; i < ROWS; i++)
		w->spool.rows[i].message = large;
	world_start(w);
	world_settle(w);
	assert_int_equal(w->spool.outcomes, ROWS);
	for (const char *p = world_log(w); *p != '\0'; p = strchr(p, '\n') + 1) {
		assert_true(strtoul(p, NULL, 10) == last + 1);
		last++;
	}
	assert_int_equal(last, ROWS);
	spool_message_unref(large);
}

/* The memory is for those that can be sent. */
static void
a_policy_without_an_intake_holds_no_memory(void **state)
{
	struct world *w = *state;
	const char *intake = w->policies.intakes[0];

	w->peer.keeps_messages = false;
	w->policies.controls.concurrency = 1;
	w->peer.scripts[0].content[0] = NULL;
	world_run(w, 600);
	assert_in_range(window_of(w), 500, 600);
	w->policies.intakes[0] = NULL;
	world_reload(w);
	world_offer_all(w, 5001, 5100);
	world_settle(w);
	assert_int_equal(window_of(w), 0);
	w->policies.intakes[0] = intake;
	world_reload(w);
	w->peer.scripts[0] = peer_script_good();
	peer_say(world_session(w, 0), "250 2.0.0 taken\r\n");
	world_pass_often(w, 20, 1000);
	assert_int_equal(w->spool.outcomes, 600);
	assert_int_equal(w->peer.n_messages_in_all, 600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_reload_that_changes_the_route_ends_the_back_off),
		cmocka_unit_test(any_reload_probes_once_what_is_down),
		WORLD_TEST(a_corrected_intake_ends_the_suspension),
		WORLD_TEST(a_journal_that_hangs_on_the_old_route_holds_up_no_probe),
		WORLD_TEST(a_recipient_that_the_old_route_takes_is_no_recovery),
		WORLD_TEST(a_ca_file_that_cannot_be_read_is_told_when_contexts_are_made),
		WORLD_TEST(no_ca_file_is_read_after_contexts_were_made),
		WORLD_TEST(a_reload_ends_idle_connections_of_the_old_configuration),
		WORLD_TEST(the_next_connection_says_the_new_name),
		WORLD_TEST(a_new_name_ends_the_back_off),
		WORLD_TEST(so_does_another_ca_file),
		WORLD_TEST(so_does_another_ca_in_the_same_file),
		WORLD_TEST(fewer_connections_are_reached_as_journals_end),
		WORLD_TEST(more_connections_are_used_at_once),
		WORLD_TEST(a_larger_window_is_filled),
		WORLD_TEST(a_smaller_window_lets_go_and_loses_nothing),
		WORLD_TEST(memory_bounds_the_window_and_loses_nothing),
		WORLD_TEST(large_envelopes_push_out_as_many_as_they_need),
		WORLD_TEST(large_envelopes_go_out_in_their_order),
		WORLD_TEST(a_policy_without_an_intake_holds_no_memory),
	};

	return WORLD_RUN_TESTS(tests);
}

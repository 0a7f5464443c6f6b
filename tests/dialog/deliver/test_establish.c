/*
 * test_establish.c - a connection that is still being made: what it tells the hop, how
 * long it waits, and what a reload or the operator's hand does to it.
 */
#include "world.h"

#include <poll.h>
#include <sys/socket.h>

/* A port whose queue is full: who connects hears nothing. */
struct silence {
	int fds[8];
	size_t n;
	struct socket_address address;
};

static void
silence_open(struct silence *s)
{
	struct sockaddr *name = (struct sockaddr *)&s->address.storage;
	bool is_answered = true;
	struct err e;

	s->n = 0;
	assert_int_equal(socket_address_parse("127.0.0.1:0", &s->address, &e), 0);
	int fd = s->fds[s->n++] = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, name, s->address.length), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, name, &s->address.length), 0);
	while (is_answered) {
		assert_in_range(s->n, 1, 7);
		fd = s->fds[s->n++] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		(void)connect(fd, name, s->address.length);
		is_answered = poll(&p, 1, 50) > 0;
	}
}

static void
silence_close(struct silence *s)
{
	while (s->n > 0)
		close(s->fds[--s->n]);
}

static void
a_hop_that_does_not_answer_is_given_its_time(void **state)
{
	struct world *w = *state;
	struct silence silence;

	silence_open(&silence);
	w->dns.found.address[0] = silence.address;
	world_run(w, 1);
	world_pass(w, 29000);
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	world_pass(w, 1001);
	struct destination_status s = world_destination(w);
	assert_int_equal(s.state, DESTINATION_BACKED_OFF);
	if (strstr(s.last_error, "within 30000 ms") == NULL)
		fail_msg("got %s", s.last_error);
	assert_string_equal(world_log(w), "");
	silence_close(&silence);
}

/* Nothing else of the client's first message holds a name. */
static void
the_peer_is_told_the_name_that_is_verified(void **state)
{
	static const char *const names[] = { NULL, "another.example" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world w;
		world_init(&w);
		w.policies.controls.tls_name = names[i];
		w.peer.scripts[0].never_shakes_hands = true;
		world_run(&w, 1);
		struct span hello = stream_input(world_session(&w, 0)->stream);
		const char *want = names[i] == NULL ? "intake.example" : names[i];
		if (hello.n == 0 || memmem(hello.p, hello.n, want, strlen(want)) == NULL)
			fail_msg("no %s in %zu bytes", want, hello.n);
		world_done(&w);
	}
}

/* ------------------------------------------------------------------ begun anew */

static void
stick_resolving(struct world *w, struct peer_script *s, const struct silence *silence)
{
	(void)silence;
	*s = peer_script_good();
	w->dns.is_silent = true;
}

static void
stick_connecting(struct world *w, struct peer_script *s, const struct silence *silence)
{
	*s = peer_script_good();
	w->dns.found.address[0] = silence->address;
}

#define STICK(name, change)                                                              \
	static void stick_##name(struct world *w, struct peer_script *s,                 \
				 const struct silence *silence)                          \
	{                                                                                \
		(void)w;                                                                 \
		(void)silence;                                                           \
		s->change;                                                               \
	}
STICK(greeting, greeting = NULL)
STICK(ehlo, ehlo = NULL)
STICK(starttls, starttls = NULL)
STICK(handshake, never_shakes_hands = true)
STICK(ehlo_tls, ehlo_tls = NULL)

static const struct {
	const char *name;
	void (*stick)(struct world *w, struct peer_script *s,
		      const struct silence *silence);
} stages[] = {
	{ "the look-up", stick_resolving },    { "the connection", stick_connecting },
	{ "the greeting", stick_greeting },    { "EHLO", stick_ehlo },
	{ "STARTTLS", stick_starttls },        { "the handshake", stick_handshake },
	{ "the second EHLO", stick_ehlo_tls },
};
enum { WAS_DOWN = 1, BY_HAND = 2 };
static const struct {
	const char *name;
	unsigned how;
} ways[] = {
	{ "a reload", 0 },
	{ "a reload of what is down", WAS_DOWN },
	{ "the operator's hand", WAS_DOWN | BY_HAND },
};

/* Up to where nothing is heard any more. */
static void
run_into(struct world *w, size_t stage, unsigned how, const struct silence *silence)
{
	world_rows(w, 3);
	if ((how & WAS_DOWN) == 0) {
		stages[stage].stick(w, &w->peer.scripts[0], silence);
		peer_script_then(&w->peer);
		world_start(w);
		world_settle(w);
		return;
	}
	w->peer.scripts[0].greeting = "421 4.3.2 not now\r\n";
	struct peer_script *second = peer_script_then(&w->peer);
	peer_script_then(&w->peer);
	world_start(w);
	world_settle(w);
	assert_int_equal(world_destination(w).state, DESTINATION_BACKED_OFF);
	stages[stage].stick(w, second, silence);
	world_pass(w, 17000);
}

static bool
begins_anew(size_t stage, size_t way, const struct silence *silence)
{
	struct world w;

	world_init(&w);
	struct socket_address right = w.dns.found.address[0];
	run_into(&w, stage, ways[way].how, silence);
	unsigned connections = world_destination(&w).connections;
	w.dns.is_silent = false;
	w.dns.found.address[0] = right;
	if ((ways[way].how & BY_HAND) != 0)
		deliver_now(w.deliver, 0);
	else
		world_reload(&w);
	world_settle(&w); /* no time passes */
	struct destination_status s = world_destination(&w);
	bool is_right = connections == 1 && w.spool.outcomes == 3 &&
			s.state == DESTINATION_UP &&
			((ways[way].how & WAS_DOWN) != 0 || s.last_error[0] == '\0');
	if (!is_right)
		print_error("%s, then %s: %u connections before, %lu deliveries, %s, "
			    "%s\n",
			    stages[stage].name, ways[way].name, connections,
			    w.spool.outcomes, destination_state_name(s.state),
			    s.last_error);
	world_done(&w);
	return is_right;
}

static void
what_is_being_made_is_begun_anew_and_nobody_is_blamed(void **state)
{
	struct silence silence;
	unsigned wrong = 0;

	(void)state;
	silence_open(&silence);
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++)
			wrong += !begins_anew(i, k, &silence);
	silence_close(&silence);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_hop_that_does_not_answer_is_given_its_time),
		cmocka_unit_test(the_peer_is_told_the_name_that_is_verified),
		cmocka_unit_test(what_is_being_made_is_begun_anew_and_nobody_is_blamed),
	};

	return WORLD_RUN_TESTS(tests);
}

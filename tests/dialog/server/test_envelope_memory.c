/*
 * test_envelope_memory.c - what the envelopes of all sessions may take together.
 *
 * A client that names recipients without end, each with an ORCPT as long as the line allows,
 * gets 452 when the memory is taken; another one still gets its message through.
 */
#include "world.h"

enum {
	MEMORY = 64 * 1024,
	ORCPT = 1000,     /* octets of it            */
	RECIPIENTS = 500, /* far more than fit       */
	FITTING = MEMORY / ORCPT,
};

static unsigned
count(struct client *c, const char *what)
{
	unsigned n = 0;

	for (const char *p = buf_text(&c->got); (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* Waits for an answer that comes behind all others. */
static void
say_and_wait(struct world *w, struct client *c, const char *text)
{
	buf_clear(&c->got);
	client_say(c, text);
	client_say(c, "NOOP\r\n");
	client_wait(w, c, "250 2.0.0 Ok\r\n");
}

static void
say_recipients(struct world *w, struct client *c, unsigned n)
{
	char orcpt[ORCPT + 1];
	struct buf say;

	memset(orcpt, 'o', ORCPT);
	orcpt[ORCPT] = '\0';
	buf_init(&say, 1 << 20);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&say, "RCPT TO:<r%u@y.example> ORCPT=rfc822;%s\r\n", i, orcpt);
	assert_false(say.failed);
	say_and_wait(w, c, buf_text(&say));
	buf_done(&say);
}

static void
open_world(struct world *w, uint64_t memory)
{
	world_open(w);
	w->settings.envelope_memory_max = memory;
	world_start(w);
}

/* One that has all of the memory, or as much as it gets. */
static void
open_greedy(struct world *w, struct client *c)
{
	client_open(w, c, 0);
	say_and_wait(w, c, "EHLO c\r\nMAIL FROM:<s@x>\r\n");
	say_recipients(w, c, RECIPIENTS);
}

static void
test_recipients_without_end(void **state)
{
	struct world w;
	struct client greedy, other;

	(void)state;
	open_world(&w, MEMORY);
	open_greedy(&w, &greedy);
	unsigned taken = count(&greedy, "250 2.1.5 ");
	assert_int_equal(count(&greedy, "452 4.3.1 ") + taken, RECIPIENTS);
	assert_in_range(taken, FITTING / 2, FITTING);

	/* The first recipient of a message is taken in any case, and the message too. */
	client_open(&w, &other, 0);
	say_and_wait(&w, &other, "EHLO d\r\nMAIL FROM:<s@x>\r\n");
	say_recipients(&w, &other, 2);
	assert_int_equal(count(&other, "250 2.1.5 "), 1);
	assert_int_equal(count(&other, "452 4.3.1 "), 1);
	client_say(&other, MESSAGE);
	client_wait(&w, &other, QUEUED);

	/* What was taken of the greedy one is its message's. */
	client_say(&greedy, MESSAGE);
	client_wait(&w, &greedy, QUEUED);
	wait_messages(&w, 2);
	client_close(&greedy);
	client_close(&other);
	world_close(&w);
}

static const struct {
	const char *sentence;
	const char *says; /* NULL: the connection breaks */
	const char *want;
} ends[] = {
	{ "a message that is taken gives the memory back", MESSAGE, QUEUED },
	{ "a reset does", "RSET\r\n", "250 2.0.0 Reset" },
	{ "a greeting does", "EHLO c\r\n", "250 " },
	{ "QUIT does", "QUIT\r\n", "221 " },
	{ "a broken connection does", NULL, NULL },
};

static void
test_the_memory_comes_back(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct world w;
		struct client greedy, other;
		open_world(&w, MEMORY);
		open_greedy(&w, &greedy);
		buf_clear(&greedy.got);
		if (ends[i].says != NULL) {
			client_say(&greedy, ends[i].says);
			client_wait(&w, &greedy, ends[i].want);
		} else {
			client_close(&greedy);
			wait_connections(&w, 0);
		}
		client_open(&w, &other, 0);
		say_and_wait(&w, &other, "EHLO d\r\nMAIL FROM:<s@x>\r\n");
		say_recipients(&w, &other, FITTING / 2);
		unsigned taken = count(&other, "250 2.1.5 ");
		if (taken != FITTING / 2 && ++failed)
			print_error("%s\n  got  %u\n  want %u\n", ends[i].sentence, taken,
				    (unsigned)FITTING / 2);
		if (ends[i].says != NULL)
			client_close(&greedy);
		client_close(&other);
		world_close(&w);
	}
	assert_int_equal(failed, 0);
}

static void
test_a_reload_changes_it_for_open_sessions(void **state)
{
	struct world w;
	struct client c;
	struct err e;

	(void)state;
	open_world(&w, MEMORY);
	open_greedy(&w, &c);
	say_recipients(&w, &c, 1);
	assert_int_equal(count(&c, "452 4.3.1 "), 1);
	w.settings.envelope_memory_max = 2 * MEMORY;
	assert_int_equal(server_reload(w.server, &w.settings, w.policy, &e), 0);
	say_recipients(&w, &c, 1);
	assert_int_equal(count(&c, "250 2.1.5 "), 1);
	client_close(&c);
	world_close(&w);
}

static void
test_the_default_holds_ordinary_lists(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	open_world(&w, 0);
	open_greedy(&w, &c);
	assert_int_equal(count(&c, "250 2.1.5 "), RECIPIENTS);
	client_close(&c);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipients_without_end),
		cmocka_unit_test(test_the_memory_comes_back),
		cmocka_unit_test(test_a_reload_changes_it_for_open_sessions),
		cmocka_unit_test(test_the_default_holds_ordinary_lists),
	};

	return cmocka_run_group_tests(tests, quiet, loud);
}

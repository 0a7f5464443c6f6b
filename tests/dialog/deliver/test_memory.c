/*
 * test_memory.c - memory that fails while a journal is sent: what is missing is never
 * followed by the final dot.
 *
 * The parts that write to the stream, or keep items, are compiled here, with a stream
 * that refuses bytes and memory that is not there.
 */
#include "world.h"

/* Calls that succeed before one fails; negative: all do. */
static int writes_left = -1;

static int
failing_write(struct stream *s, const void *p, size_t n)
{
	if (writes_left == 0) {
		writes_left = -1;
		return -1;
	}
	if (writes_left > 0)
		writes_left--;
	return stream_write(s, p, n);
}

static bool has_no_memory;

static void *
failing_calloc(size_t n, size_t size)
{
	return has_no_memory ? NULL : calloc(n, size);
}

#define calloc failing_calloc
#include "../../../src/deliver/destination.c"
#include "../../../src/deliver/item.c"
#undef calloc
#define stream_write failing_write
#include "../../../src/deliver/content.c"
#include "../../../src/deliver/dialogue.c"
#undef stream_write

struct row {
	const char *name, *ehlo_tls;
	bool is_base64, must_use_bdat;
};
static const struct row rows[] = {
	{ "DATA", "250-peer\r\n250 ENHANCEDSTATUSCODES\r\n", false, false },
	{ "DATA, pipelined", "250-peer\r\n250 PIPELINING\r\n", false, false },
	{ "DATA in base64", "250 peer\r\n", true, false },
	{ "BDAT", "250-peer\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n", false,
	  false },
	{ "BDAT in one flight",
	  "250-peer\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n",
	  false, false },
	{ "BDAT that QUIT proves", "250-peer\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
	  false, true },
};

static unsigned long
wait_for_messages(struct world *w)
{
	for (int i = 0; i < 4 && w->spool.outcomes == 0; i++)
		world_pass(w, 400 * 1000);
	return w->peer.n_messages_in_all;
}

/* True: there was no such write. */
static bool
send_without(const struct row *row, int nth, unsigned *wrong)
{
	struct world w;

	world_init(&w);
	world_rows(&w, 1);
	w.peer.scripts[0].ehlo_tls = row->ehlo_tls;
	w.content.is_base64 = row->is_base64;
	w.content.must_use_bdat = row->must_use_bdat;
	writes_left = nth;
	world_start(&w);
	world_settle(&w);
	bool is_beyond = writes_left >= 0;
	writes_left = -1;
	unsigned long messages = wait_for_messages(&w);
	bool is_first_whole = is_beyond || w.peer.connections > 1;
	/* Without QUIT it is whole, and not proven. */
	bool is_proven = !row->must_use_bdat || is_beyond || w.peer.connections > 1;
	if (messages != 1 || w.spool.outcomes != 1 || (is_proven && !is_first_whole) ||
	    w.spool.rows[0].state !=
		    (is_proven ? JOURNAL_DELIVERED : JOURNAL_UNCERTAIN) ||
	    strstr(buf_text(&w.peer.messages[0]), "\r\ntail\r\n") == NULL) {
		print_error("%s, without write %d: %lu messages, %u connections, %s",
			    row->name, nth, messages, w.peer.connections, world_log(&w));
		++*wrong;
	}
	world_done(&w);
	return is_beyond;
}

static void
a_write_that_fails_breaks_off_and_the_journal_comes_again_whole(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int nth = 0;
		while (nth < 100 && !send_without(&rows[i], nth, &wrong))
			nth++;
		assert_in_range(nth, 5, 99);
	}
	assert_int_equal(wrong, 0);
}

static void
a_withdrawal_that_cannot_be_remembered_says_so(void **state)
{
	struct world *w = *state;
	uint64_t dcid = 9;

	w->peer.scripts[0].greeting = NULL;
	world_run(w, 1);
	has_no_memory = true;
	assert_int_equal(deliver_withdraw(w->deliver, 1, &dcid), WITHDRAWAL_NO_MEMORY);
	has_no_memory = false;
	assert_int_equal(dcid, 0);
	assert_int_equal(deliver_withdraw(w->deliver, 1, &dcid), WITHDRAWAL_DONE);
	deliver_give_back(w->deliver, 1);
}

static void
a_destination_that_finds_no_memory_is_looked_for_again(void **state)
{
	struct world *w = *state;

	has_no_memory = true;
	world_run(w, 1);
	assert_int_equal(w->peer.connections, 0);
	has_no_memory = false;
	world_pass(w, 60000);
	assert_string_equal(world_log(w), "1 delivered attempts=1 250 2.0.0 taken\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_write_that_fails_breaks_off_and_the_journal_comes_again_whole),
		WORLD_TEST(a_withdrawal_that_cannot_be_remembered_says_so),
		WORLD_TEST(a_destination_that_finds_no_memory_is_looked_for_again),
	};

	return WORLD_RUN_TESTS(tests);
}

/*
 * test_replies.c - the table of replies: what the codes promise each other, and who may hear a 5xx.
 */
#include "dialog/server/fake_host.h"

#include "server/replies.h"

#include "tdc/base/counter.h"

static void
test_enhanced_codes_are_of_the_class_of_the_code(void **state)
{
	int failed = 0;

	(void)state;
	for (int r = REPLY_COUNT - 1; r >= 0; r--) {
		char line[512];
		int code = reply_code((enum reply)r);
		assert_in_range(code, 200, 599);
		reply_format((enum reply)r, "mx.example", line, sizeof(line));
		int in_line, class;
		if (sscanf(line, "%d %d.", &in_line, &class) != 2)
			continue; /* 220, 250 to EHLO, 354: none */
		if (in_line == code && class == code / 100)
			continue;
		print_error("reply %d: %s", r, line);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static void
test_trouble_of_ours_is_never_permanent(void **state)
{
	(void)state;
	for (int kind = ERR_NONE; kind <= ERR_CORRUPT; kind++) {
		struct err e = { .kind = (enum err_kind)kind };
		int want = kind == ERR_SPACE ? 452 : 451;
		if (reply_code(reply_for_trouble(&e)) != want)
			print_error("%s: want %d\n", err_kind_name(e.kind), want);
		assert_int_equal(reply_code(reply_for_trouble(&e)), want);
	}
}

static const struct {
	const char *sentence;
	const char *say;
	unsigned refused, deferred;
} rows[] = {
	{ "a refused greeting is not counted", "FROB\r\nRCPT TO:<r@y>\r\n", 0, 0 },
	{ "a refused MAIL is a message that is lost",
	  "MAIL FROM:<s@x> SIZE=999999999999\r\n", 1, 0 },
	{ "a MAIL that cannot be parsed as well", "MAIL FROM:s@x y\r\n", 1, 0 },
	{ "a message whose only recipient is refused",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<a b>\r\nRSET\r\n", 1, 0 },
	{ "however often it is said, it is one message",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<a b>\r\nRCPT TO:<c d>\r\nFROB\r\nDATA\r\nQUIT\r\n",
	  1, 0 },
	{ "a recipient that is refused beside one that is not",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<a b>\r\nRCPT TO:<r@y>\r\nDATA\r\n.\r\n", 0, 0 },
	{ "a message that is not refused and given up",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nFROB\r\nRSET\r\n", 0, 0 },
	{ "a message that asks for DATA where it needs BDAT",
	  "MAIL FROM:<s@x> BODY=BINARYMIME\r\nRCPT TO:<r@y>\r\nDATA\r\nRSET\r\n", 1, 0 },
	{ "one that then comes by BDAT",
	  "MAIL FROM:<s@x> BODY=BINARYMIME\r\nRCPT TO:<r@y>\r\nDATA\r\nBDAT 0 LAST\r\n",
	  0, 0 },
	{ "a second message is one of its own",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<a b>\r\nEHLO c\r\n"
	  "MAIL FROM:<s@x>\r\nRCPT TO:<a b>\r\nQUIT\r\n",
	  2, 0 },
	{ "a reset ends it", "MAIL FROM:<s@x>\r\nRSET\r\nFROB\r\n", 0, 0 },
	{ "one message for three recipients is one",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\na\rb\r\n.\r\n", 1, 0 },
	{ "a message that ends with 421 behind its refusals",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<a b>\r\nFROB\r\nFROB\r\nFROB\r\nFROB\r\n", 1, 1 },
	{ "what is pipelined behind a MAIL that was refused",
	  "MAIL FROM:<s@x> SIZE=999999999999\r\nRCPT TO:<r@y>\r\nDATA\r\n", 1, 0 },
	{ "too many recipients are deferred",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\n", 0,
	  1 },
};

static void
test_messages_that_are_refused_are_counted(void **state)
{
	struct server_listener_settings s = { .recipients_max = 2,
					      .errors_max = 5,
					      .bare_line_ends = BARE_REFUSE };
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f = { 0 };
		fake_open(&f, &s);
		fake_say(&f, "EHLO c\r\n");
		uint64_t refused = counter_get(COUNTER_REFUSED);
		uint64_t deferred = counter_get(COUNTER_DEFERRED_IN);
		fake_say(&f, rows[i].say);
		refused = counter_get(COUNTER_REFUSED) - refused;
		deferred = counter_get(COUNTER_DEFERRED_IN) - deferred;
		if (refused != rows[i].refused || f.refused != rows[i].refused ||
		    deferred != rows[i].deferred) {
			print_error(
				"%s: got %u counted, %u in the account, %u deferred\n",
				rows[i].sentence, (unsigned)refused, f.refused,
				(unsigned)deferred);
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
		cmocka_unit_test(test_enhanced_codes_are_of_the_class_of_the_code),
		cmocka_unit_test(test_trouble_of_ours_is_never_permanent),
		cmocka_unit_test(test_messages_that_are_refused_are_counted),
	};

	return cmocka_run_group_tests(tests, fake_quiet, fake_loud);
}

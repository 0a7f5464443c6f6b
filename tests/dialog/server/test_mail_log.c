/*
 * test_mail_log.c - the lines of the mail log, as an operator reads them.
 */
#include "fake_host.h"

#include "server/mail_log.h"

#include <unistd.h>

static char path[] = "/tmp/tdc-mail-log-XXXXXX";

static void
log_to(enum log_form form)
{
	struct log_settings s = {
		.target = LOG_TO_FILE, .form = form, .level = LOG_LEVEL_INFO, .path = path
	};
	struct err e;

	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(log_open(&s, &e), 0);
}

/* What was written, without the time in front of each line. */
static void
log_read(struct buf *ret, size_t time_n)
{
	char line[4096];

	log_flush();
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	buf_init(ret, 1 << 20);
	while (fgets(line, sizeof(line), f) != NULL) {
		assert_true(strlen(line) > time_n);
		buf_append_text(ret, line + time_n);
	}
	fclose(f);
}

static int
expect_log(const char *sentence, const char *want)
{
	struct buf got;

	log_read(&got, strlen("Mon Apr 17 19:56:22 2003 "));
	int failed = strcmp(got.n == 0 ? "" : buf_text(&got), want) != 0;
	if (failed)
		print_error("%s\n--- got\n%s--- want\n%s", sentence, buf_text(&got),
			    want);
	buf_done(&got);
	return failed;
}

#define START                                                                            \
	"Info: Start MID 1 ICID 5\n"                                                     \
	"Info: MID 1 ICID 5 From: <s@x>\n"
#define FIVE  "Received: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\n"
#define TRACE FIVE FIVE FIVE FIVE
#define POLICY                                                                           \
	"matched all recipients for per-recipient policy DEFAULT in the inbound table\n"

static const struct {
	const char *sentence;
	const char *say;
	struct fake world;
	const char *want;
} rows[] = {
	{ "one message",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nRCPT TO:<q=z@the.tdc.queue>\r\nDATA\r\n"
	  "Message-ID: <1@x>\r\nSubject: =?utf-8?Q?gr=C3=BC?=\r\n\r\n.\r\n",
	  { 0 },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Info: MID 1 ICID 5 RID 1 To: <q@z>\n"
		"Info: MID 1 Message-ID '<1@x>'\n"
		"Info: MID 1 Subject \"gr\xc3\xbc\"\n"
		"Info: MID 1 ready 52 bytes from <s@x>\n"
		"Info: MID 1 " POLICY "Info: MID 1 queued for delivery\n"
		"Info: MID 2 was generated based on MID 1\n"
		"Info: TDC: Message 2 queued for delivery.\n" },
	{ "recipients from the header are told at the end",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<j@the.tdc.queue>\r\nDATA\r\nTo: a@y\r\n\r\n.\r\n",
	  { 0 },
	  START "Info: MID 1 ICID 5 RID 0 To: <a@y>\n"
		"Info: MID 1 ready 11 bytes from <s@x>\n"
		"Info: MID 1 " POLICY "Info: MID 1 queued for delivery\n"
		"Info: MID 2 was generated based on MID 1\n"
		"Info: TDC: Message 2 queued for delivery.\n" },
	{ "a message that is dropped",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n.\r\n",
	  { .drop = DROP_POLICY },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Info: MID 1 ready 0 bytes from <s@x>\n"
		"Info: MID 1 " POLICY "Info: MID 2 was generated based on MID 1\n"
		"Info: TDC: Message 2 dropped: policy DEFAULT has intake no.\n" },
	{ "a message that is dropped while nothing is journaled",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n.\r\n",
	  { .drop = DROP_POLICY, .drop_detail = "the connector is disabled" },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Info: MID 1 ready 0 bytes from <s@x>\n"
		"Info: MID 1 " POLICY "Info: MID 2 was generated based on MID 1\n"
		"Info: TDC: Message 2 dropped: the connector is disabled.\n" },
	{ "a loop is dropped with a warning",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n"
	  "X-TDC-Journal: 000102030405060708090a0b0c0d0e0f "
	  "e91d134a3f340d732b3a7b9f0fb03295\r\n"
	  "\r\n.\r\n",
	  { .drop = DROP_LOOP },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Info: MID 1 ready 84 bytes from <s@x>\n"
		"Info: MID 1 " POLICY "Info: MID 2 was generated based on MID 1\n"
		"Warning: TDC: Message 2 dropped: loop.\n" },
	{ "a mark that is not ours, and too many trace fields, are told and journaled",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\nX-TDC-Journal: 1\r\n" TRACE TRACE
		  TRACE TRACE TRACE "Received: a\r\n\r\n.\r\n",
	  { 0 },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Warning: MID 1 ICID 5 forged or foreign loop mark\n"
		"Info: MID 1 ready 1333 bytes from <s@x>\n"
		"Warning: MID 1 ICID 5 has 101 Received fields, more than 100: perhaps a "
		"mail loop\n"
		"Info: MID 1 " POLICY "Info: MID 1 queued for delivery\n"
		"Info: MID 2 was generated based on MID 1\n"
		"Info: TDC: Message 2 queued for delivery.\n" },
	{ "a commit that failed",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n.\r\n",
	  { .commit_fails = ERR_IO },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Info: MID 1 ready 0 bytes from <s@x>\n"
		"Info: MID 1 " POLICY
		"Error: MID 1 ICID 5 could not be kept: told to fail\n"
		"Warning: MID 1 ICID 5 deferred: 451 4.3.0 Local trouble, try later\n"
		"Info: Message aborted MID 1: deferred\n" },
	{ "a message that is reset",
	  "MAIL FROM:<s@x>\r\nRSET\r\n",
	  { 0 },
	  START "Info: Message aborted MID 1: RSET\n" },
	{ "one that ends with a greeting",
	  "MAIL FROM:<s@x>\r\nHELO c\r\n",
	  { 0 },
	  START "Info: Message aborted MID 1: HELO\n" },
	{ "one that ends with the session",
	  "MAIL FROM:<s@x>\r\nQUIT\r\n",
	  { 0 },
	  START "Info: Message aborted MID 1: QUIT\n" },
	{ "one whose chunk cannot be read",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nBDAT x\r\n",
	  { 0 },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Error: MID 1 ICID 5 refused: 501 5.5.4 Syntax error: chunk size "
		"expected\n"
		"Info: Message aborted MID 1: BDAT that cannot be read\n" },
	{ "one that is refused at its data",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\na\rb\r\n.\r\n",
	  { .is_bare_refused = true },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Error: MID 1 ICID 5 refused: 550 5.6.11 Bare CR or LF in the message\n"
		"Info: Message aborted MID 1: refused\n" },
	{ "a refusal after MAIL is an error",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<>\r\n",
	  { 0 },
	  START "Error: MID 1 ICID 5 refused: 501 5.1.3 Bad recipient address: empty "
		"recipient\n" },
	{ "so is one of MAIL itself",
	  "MAIL FROM:<s@x> SIZE=999999999999\r\n",
	  { 0 },
	  "Error: ICID 5 refused: 552 5.3.4 Message over the maximum of 268435456\n" },
	{ "one of a MAIL that cannot be read, too",
	  "MAIL FROM:<s\n@x>\r\n",
	  { 0 },
	  "Error: ICID 5 refused: 500 5.5.2 Control character in it\n" },
	{ "bytes that no address may hold are told",
	  "MAIL FROM:<\"s\x01\"@x\xe4>\r\n",
	  { 0 },
	  "Warning: ICID 5 control bytes, or bytes that are not UTF-8, in MAIL: taken as "
	  "'?'\n"
	  "Info: Start MID 1 ICID 5\n"
	  "Info: MID 1 ICID 5 From: <\"s?\"@x?>\n" },
	{ "no value of a peer begins a line",
	  "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nBDAT 33 LAST\r\nSubject: "
	  "=?utf-8?Q?a=0AInfo:_b?=\r\n",
	  { 0 },
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Info: MID 1 Subject \"a Info: b\"\n"
		"Info: MID 1 ready 33 bytes from <s@x>\n"
		"Info: MID 1 " POLICY "Info: MID 1 queued for delivery\n"
		"Info: MID 2 was generated based on MID 1\n"
		"Info: TDC: Message 2 queued for delivery.\n" },
};

static void
test_lines(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f = rows[i].world;
		const struct server_listener_settings settings = {
			.bare_line_ends = f.is_bare_refused ? BARE_REFUSE : BARE_KEEP
		};
		fake_open(&f, &settings);
		fake_say(&f, "EHLO c\r\n");
		log_to(LOG_FORM_TEXT);
		fake_say(&f, rows[i].say);
		failed += expect_log(rows[i].sentence, rows[i].want);
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

static void
test_a_mail_line_that_is_too_long_is_a_refusal(void **state)
{
	char line[10000];
	struct fake f = { 0 };

	(void)state;
	snprintf(line, sizeof(line), "MAIL FROM:<s@x> ENVID=%09000d\r\n", 1);
	fake_open(&f, NULL);
	fake_say(&f, "EHLO c\r\n");
	log_to(LOG_FORM_TEXT);
	fake_say(&f, line);
	assert_int_equal(expect_log("a MAIL line that is too long",
				    "Error: ICID 5 refused: 500 5.5.2 Line too long\n"),
			 0);
	fake_close(&f);
}

static void
test_a_session_from_its_beginning_to_its_end(void **state)
{
	struct fake f = { .is_commit_late = true };
	struct err e = { .kind = ERR_NETWORK, .text = "connection reset by peer" };

	(void)state;
	fake_open(&f, NULL);
	log_to(LOG_FORM_TEXT);
	mail_log_new(f.session, "10.1.1.1");
	fake_say(&f, "EHLO c\r\nMAIL FROM:<>\r\n");
	session_lost(f.session, &e);
	mail_log_close(f.session);
	assert_int_equal(expect_log("lost in a transaction",
				    "Info: New SMTP ICID 5 interface feed (10.1.1.1) "
				    "address 10.1.1.209\n"
				    "Info: Start MID 1 ICID 5\n"
				    "Info: MID 1 ICID 5 From: <>\n"
				    "Info: Incoming connection (ICID 5) lost: connection "
				    "reset by peer\n"
				    "Info: Message aborted MID 1: connection lost\n"
				    "Info: ICID 5 close: connection lost\n"),
			 0);
	fake_close(&f);
}

/* How a session ends, and what its last lines are. */
enum ending { END_SAYS, END_TIMEOUT, END_LOST, END_STOP, END_STOP_NOW, END_ABORT };

#define INJECTION                                                                        \
	"Warning: ICID 5 address 10.1.1.209 STARTTLS injection: plaintext stood behind " \
	"STARTTLS\n"

static const struct {
	const char *sentence, *say;
	enum ending end;
	enum err_kind tls_fails;
	const char *want;
} endings[] = {
	{ "QUIT is the end that needs no reason", "QUIT\r\n", END_SAYS, ERR_NONE,
	  "Info: ICID 5 close\n" },
	{ "too many errors", "FROB\r\nFROB\r\n", END_SAYS, ERR_NONE,
	  "Info: ICID 5 close: too many errors\n" },
	{ "silence between two messages", "", END_TIMEOUT, ERR_NONE,
	  "Info: ICID 5 close: idle timeout\n" },
	{ "silence within a command", "NOO", END_TIMEOUT, ERR_NONE,
	  "Info: ICID 5 close: command timeout\n" },
	{ "silence in a transaction", "MAIL FROM:<s@x>\r\n", END_TIMEOUT, ERR_NONE,
	  START "Warning: MID 1 ICID 5 deferred: 421 4.4.2 Timeout, closing\n"
		"Info: Message aborted MID 1: command timeout\n"
		"Info: ICID 5 close: command timeout\n" },
	{ "silence in the data", "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\nx",
	  END_TIMEOUT, ERR_NONE,
	  START "Info: MID 1 ICID 5 RID 0 To: <r@y>\n"
		"Warning: MID 1 ICID 5 deferred: 421 4.4.2 Timeout, closing\n"
		"Info: Message aborted MID 1: data timeout\n"
		"Info: ICID 5 close: data timeout\n" },
	{ "a client that goes without a word", "", END_LOST, ERR_NONE,
	  "Info: ICID 5 close: closed by the client\n" },
	{ "a client that goes within a transaction", "MAIL FROM:<s@x>\r\n", END_LOST,
	  ERR_NONE,
	  START "Info: Incoming connection (ICID 5) lost: closed by the client\n"
		"Info: Message aborted MID 1: closed by the client\n"
		"Info: ICID 5 close: closed by the client\n" },
	{ "input behind STARTTLS, and whose", "STARTTLS\r\nNOOP\r\n", END_SAYS, ERR_NONE,
	  INJECTION "Info: ICID 5 close: STARTTLS injection\n" },
	{ "a handshake that fails", "STARTTLS\r\n", END_SAYS, ERR_TLS,
	  "Warning: ICID 5 TLS failed: told to fail\n"
	  "Info: ICID 5 close: TLS failed\n" },
	{ "a stop", "", END_STOP, ERR_NONE, "Info: ICID 5 close: shutting down\n" },
	{ "a stop that has waited long enough", "MAIL FROM:<s@x>\r\n", END_STOP_NOW,
	  ERR_NONE,
	  START "Warning: MID 1 ICID 5 deferred: 421 4.3.2 Shutting down, try later\n"
		"Info: Message aborted MID 1: shutting down\n"
		"Info: ICID 5 close: shutting down\n" },
	{ "a stop that does not wait", "MAIL FROM:<s@x>\r\n", END_ABORT, ERR_NONE,
	  START "Info: Message aborted MID 1: shutting down\n"
		"Info: ICID 5 close: shutting down\n" },
	{ "too many messages", "MAIL FROM:<s@x>\r\nRSET\r\nMAIL FROM:<s@x>\r\n", END_SAYS,
	  ERR_NONE,
	  START "Info: Message aborted MID 1: RSET\n"
		"Warning: ICID 5 deferred: 421 4.7.0 Too many messages, reconnect\n"
		"Info: ICID 5 close: too many messages\n" },
	{ "a BDAT that cannot be read", "BDAT\r\n", END_SAYS, ERR_NONE,
	  "Info: ICID 5 close: BDAT that cannot be read\n" },
};

static void
end_session(struct session *s, enum ending end)
{
	switch (end) {
	case END_SAYS:
		break;
	case END_TIMEOUT:
		session_timeout(s);
		break;
	case END_LOST:
		session_lost(s, NULL);
		break;
	case END_STOP:
		session_stop(s);
		break;
	case END_STOP_NOW:
		session_stop_now(s);
		break;
	case END_ABORT:
		session_abort(s);
		break;
	}
}

static void
test_every_end_has_its_reason(void **state)
{
	const struct server_listener_settings settings = {
		.tls = FAKE_TLS, .errors_max = 2, .messages_per_connection_max = 1
	};
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct fake f = { .tls_fails = endings[i].tls_fails };
		fake_open(&f, &settings);
		fake_say(&f, "EHLO c\r\n");
		log_to(LOG_FORM_TEXT);
		fake_say(&f, endings[i].say);
		end_session(f.session, endings[i].end);
		assert_int_equal(session_wants(f.session), SESSION_WANTS_CLOSE);
		mail_log_close(f.session);
		failed += expect_log(endings[i].sentence, endings[i].want);
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

/* Every line of the text form has its event word and its ids as typed fields. */
static void
test_the_same_as_json(void **state)
{
	struct fake f = { 0 };
	struct buf got;

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, "EHLO c\r\n");
	log_to(LOG_FORM_JSON);
	fake_say(&f, "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\na: b\r\n\r\n.\r\n");
	log_read(&got, 0);
	const char *text = buf_text(&got);
	static const char *const words[] = { "mid.start",  "mid.from",   "mid.to",
					     "mid.ready",  "mid.policy", "mid.queued",
					     "tdc.queued", "\"mid\":1",  "\"icid\":5",
					     "\"rid\":0",  "\"of\":1" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(text, words[i]) == NULL)
			print_error("no %s in\n%s", words[i], text);
		assert_non_null(strstr(text, words[i]));
	}
	buf_done(&got);
	fake_close(&f);
}

static int
set_up(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_close();
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_a_mail_line_that_is_too_long_is_a_refusal),
		cmocka_unit_test(test_a_session_from_its_beginning_to_its_end),
		cmocka_unit_test(test_every_end_has_its_reason),
		cmocka_unit_test(test_the_same_as_json),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/*
 * test_transcripts.c - what a client says, and what it is answered: the same however the bytes are cut.
 */
#include "fake_host.h"

enum { CUTS = 22 }; /* whole, byte by byte, twenty kinds at random */

enum option {
	O_LMTP = 1 << 0,
	O_TLS = 1 << 1, /* STARTTLS is offered */
	O_TLS_REQUIRED = 1 << 2,
	O_SMALL = 1 << 3, /* messages up to 10 octets */
	O_TWO_RECIPIENTS = 1 << 4,
	O_TWO_MESSAGES = 1 << 5,
	O_THREE_ERRORS = 1 << 6,
	O_SHORT_LINES = 1 << 7, /* command lines up to 512 */
};

#define X100                                                                             \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxx"
#define X600 X100 X100 X100 X100 X100 X100
#define MAIL "MAIL FROM:<s@x>\r\n"
#define RCPT "RCPT TO:<r@y>\r\n"
#define EHLO "EHLO c.example\r\n"
#define M_R  MAIL RCPT
#define M_OK "250 2.1.0"
#define R_OK "250 2.1.5"
#define Q_OK "250 2.0.0"

static const struct row {
	const char *sentence;
	unsigned options;
	const char *say;
	const char *want; /* behind the greeting's 220 */
} rows[] = {
	/* the ordinary way */
	{ "one message by DATA", 0,
	  EHLO M_R "DATA\r\nSubject: a\r\n\r\nb\r\n.\r\nQUIT\r\n",
	  "250|" M_OK "|" R_OK "|354|" Q_OK "|221 2.0.0" },
	{ "HELO is enough", 0, "HELO c\r\n" M_R "DATA\r\na\r\n.\r\nQUIT\r\n",
	  "250|" M_OK "|" R_OK "|354|" Q_OK "|221 2.0.0" },
	{ "verbs are taken in any case", 0,
	  "ehlo c\r\nmAiL fRoM:<s@x>\r\nrcpt to:<r@y>\r\nquit\r\n",
	  "250|" M_OK "|" R_OK "|221 2.0.0" },
	{ "the null sender", 0, EHLO "MAIL FROM:<>\r\n", "250|" M_OK },
	{ "two messages behind each other, all in one batch", 0,
	  EHLO M_R "DATA\r\na\r\n.\r\n" M_R "DATA\r\nb\r\n.\r\nQUIT\r\n",
	  "250|" M_OK "|" R_OK "|354|" Q_OK "|" M_OK "|" R_OK "|354|" Q_OK "|221 2.0.0" },
	{ "an empty message is a message", 0, EHLO M_R "DATA\r\n.\r\n",
	  "250|" M_OK "|" R_OK "|354|" Q_OK },
	{ "a greeting in the middle ends the transaction", 0, EHLO M_R EHLO RCPT MAIL,
	  "250|" M_OK "|" R_OK "|250|503 5.5.1|" M_OK },
	{ "RSET ends the transaction", 0, EHLO M_R "RSET\r\n" RCPT,
	  "250|" M_OK "|" R_OK "|250 2.0.0|503 5.5.1" },
	{ "HELP, VRFY and NOOP disturb nothing", 0,
	  EHLO MAIL "HELP\r\nVRFY a\r\nNOOP x\r\n" RCPT "DATA\r\n.\r\n",
	  "250|" M_OK "|214 2.0.0|252 2.5.0|250 2.0.0|" R_OK "|354|" Q_OK },
	{ "all DSN and size parameters", 0,
	  EHLO "MAIL FROM:<s@x> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n"
	       "RCPT TO:<r@y> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;r@y\r\n",
	  "250|" M_OK "|" R_OK },
	{ "UTF-8 addresses without SMTPUTF8 are taken", 0,
	  EHLO "MAIL FROM:<\xc3\xa4@x>\r\nRCPT TO:<\xc3\xb6@y>\r\n",
	  "250|" M_OK "|" R_OK },

	/* order */
	{ "nothing but a greeting first", 0, MAIL RCPT "DATA\r\n",
	  "503 5.5.1|503 5.5.1|503 5.5.1" },
	{ "RCPT before MAIL", 0, EHLO RCPT, "250|503 5.5.1" },
	{ "DATA before RCPT", 0, EHLO MAIL "DATA\r\n", "250|" M_OK "|503 5.5.1" },
	{ "MAIL within a transaction", 0, EHLO M_R MAIL "DATA\r\na\r\n.\r\n",
	  "250|" M_OK "|" R_OK "|503 5.5.1|354|" Q_OK },
	{ "XFORWARD within a transaction", 0, EHLO MAIL "XFORWARD NAME=n\r\n",
	  "250|" M_OK "|503 5.5.1" },
	{ "DATA when all recipients were refused", 0, EHLO MAIL "RCPT TO:<>\r\nDATA\r\n",
	  "250|" M_OK "|501 5.1.3|503 5.5.1" },

	/* syntax */
	{ "an unknown command", 0, EHLO "FROBNICATE now\r\n", "250|500 5.5.2" },
	{ "an empty line", 0, EHLO "\r\n", "250|500 5.5.2" },
	{ "known, and not here", 0,
	  EHLO "AUTH PLAIN x\r\nEXPN a\r\nTURN\r\nETRN x\r\nXCLIENT NAME=a\r\n",
	  "250|502 5.5.1|502 5.5.1|502 5.5.1|502 5.5.1|502 5.5.1" },
	{ "EHLO without a name", 0, "EHLO\r\n", "501 5.5.4" },
	{ "DATA with an argument", 0, EHLO M_R "DATA now\r\n",
	  "250|" M_OK "|" R_OK "|501 5.5.4" },
	{ "MAIL without FROM", 0, EHLO "MAIL <s@x>\r\n", "250|501 5.5.4" },
	{ "a malformed sender", 0, EHLO "MAIL FROM:<s x@y>\r\n", "250|501 5.1.7" },
	{ "a malformed recipient", 0, EHLO MAIL "RCPT TO:<r@>\r\n",
	  "250|" M_OK "|501 5.1.3" },
	{ "a sender without a domain", 0, EHLO "MAIL FROM:<root>\r\n" RCPT,
	  "250|" M_OK "|" R_OK },
	{ "addresses that are not UTF-8", 0,
	  EHLO "MAIL FROM:<\xe4@x>\r\nRCPT TO:<r\xff@y>\r\n", "250|" M_OK "|" R_OK },
	{ "addresses with control bytes", 0,
	  EHLO "MAIL FROM:<\"\x1b[m\"@x>\r\nRCPT TO:<\x01@y>\r\n", "250|" M_OK "|" R_OK },
	{ "but none that would divide a line", 0,
	  EHLO "MAIL FROM:<s\n@x>\r\nMAIL FROM:<s\r@x>\r\nMAIL FROM:<\"s\n\"@x>\r\n",
	  "250|500 5.5.2|500 5.5.2|500 5.5.2" },
	{ "an unknown parameter", 0, EHLO "MAIL FROM:<s@x> FROB=1\r\n", "250|555 5.5.4" },
	{ "parameters that are not offered", 0,
	  EHLO "MAIL FROM:<s@x> AUTH=<>\r\nMAIL FROM:<s@x> REQUIRETLS\r\n",
	  "250|555 5.5.4|555 5.5.4" },
	{ "a parameter of MAIL at RCPT", 0, EHLO MAIL "RCPT TO:<r@y> SIZE=1\r\n",
	  "250|" M_OK "|555 5.5.4" },
	{ "HELO has no parameters", 0,
	  "HELO c\r\nMAIL FROM:<s@x> SIZE=1\r\n" MAIL "RCPT TO:<r@y> NOTIFY=NEVER\r\n",
	  "250|555 5.5.4|" M_OK "|555 5.5.4" },
	{ "EHLO after HELO has them", 0, "HELO c\r\n" EHLO "MAIL FROM:<s@x> SIZE=1\r\n",
	  "250|250|" M_OK },
	{ "a malformed value", 0, EHLO "MAIL FROM:<s@x> SIZE=abc\r\n", "250|501 5.5.4" },
	{ "control characters", 0,
	  EHLO "NOOP a\x01"
	       "b\r\n",
	  "250|500 5.5.2" },
	{ "a bare LF ends no command", 0, EHLO "NOOP\nNOOP\r\n", "250|500 5.5.2" },
	{ "a bare CR ends no command", 0, EHLO "NOOP\rNOOP\r\n", "250|500 5.5.2" },
	{ "a line that is too long, once", O_SHORT_LINES,
	  EHLO "NOOP " X600 X600 "\r\nNOOP\r\n", "250|500 5.5.2|250 2.0.0" },
	{ "a long line with bare line ends in it", O_SHORT_LINES,
	  EHLO "NOOP " X600 "\r\r\n\nNOOP\rNOOP\n" X100 "\r\nNOOP\r\n",
	  "250|500 5.5.2|500 5.5.2|250 2.0.0" },

	/* limits */
	{ "a size over the maximum at MAIL", O_SMALL, EHLO "MAIL FROM:<s@x> SIZE=11\r\n",
	  "250|552 5.3.4" },
	{ "exactly the maximum", O_SMALL,
	  EHLO "MAIL FROM:<s@x> SIZE=10\r\n" RCPT "DATA\r\n12345678\r\n.\r\n",
	  "250|" M_OK "|" R_OK "|354|" Q_OK },
	{ "one octet more, found at the end", O_SMALL,
	  EHLO M_R "DATA\r\n123456789\r\n.\r\nNOOP\r\n",
	  "250|" M_OK "|" R_OK "|354|552 5.3.4|250 2.0.0" },
	{ "much more, read to its end", O_SMALL,
	  EHLO M_R "DATA\r\n" X600 "\r\n..\r\n" X600 "\r\n.\r\n" M_R "DATA\r\na\r\n.\r\n",
	  "250|" M_OK "|" R_OK "|354|552 5.3.4|" M_OK "|" R_OK "|354|" Q_OK },
	{ "too many recipients", O_TWO_RECIPIENTS, EHLO M_R RCPT RCPT "DATA\r\n.\r\n",
	  "250|" M_OK "|" R_OK "|" R_OK "|452 4.5.3|354|" Q_OK },
	{ "too many messages", O_TWO_MESSAGES,
	  EHLO MAIL "RSET\r\n" MAIL "RSET\r\n" MAIL "NOOP\r\n",
	  "250|" M_OK "|250 2.0.0|" M_OK "|250 2.0.0|421 4.7.0" },
	{ "too many errors", O_THREE_ERRORS,
	  EHLO "FROB\r\nFROB\r\nNOOP\r\nFROB\r\nNOOP\r\n",
	  "250|500 5.5.2|500 5.5.2|250 2.0.0|500 5.5.2|421 4.7.0" },

	/* BDAT */
	{ "one chunk", 0, EHLO M_R "BDAT 3 LAST\r\nabcNOOP\r\n",
	  "250|" M_OK "|" R_OK "|" Q_OK "|250 2.0.0" },
	{ "several chunks, one of them empty", 0,
	  EHLO M_R "BDAT 3\r\nabcBDAT 0\r\nBDAT 2\r\nxyBDAT 0 LAST\r\nQUIT\r\n",
	  "250|" M_OK "|" R_OK "|250 2.0.0|250 2.0.0|250 2.0.0|" Q_OK "|221 2.0.0" },
	{ "octets that look like commands", 0,
	  EHLO M_R "BDAT 12 LAST\r\nQUIT\r\n\r\n.\r\nQNOOP\r\n",
	  "250|" M_OK "|" R_OK "|" Q_OK "|250 2.0.0" },
	{ "BDAT without RCPT: its octets are swallowed", 0,
	  EHLO MAIL "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
	  "250|" M_OK "|503 5.5.1|250 2.0.0" },
	{ "BDAT before the greeting", 0, "BDAT 6\r\nQUIT\r\nNOOP\r\n",
	  "503 5.5.1|250 2.0.0" },
	{ "BDAT 0 LAST without RCPT", 0, EHLO "BDAT 0 LAST\r\nNOOP\r\n",
	  "250|503 5.5.1|250 2.0.0" },
	{ "DATA after BDAT", 0, EHLO M_R "BDAT 1\r\nxDATA\r\nBDAT 1 LAST\r\ny",
	  "250|" M_OK "|" R_OK "|250 2.0.0|503 5.5.1|" Q_OK },
	{ "RCPT after BDAT", 0, EHLO M_R "BDAT 1\r\nx" RCPT,
	  "250|" M_OK "|" R_OK "|250 2.0.0|503 5.5.1" },
	{ "RSET between chunks", 0, EHLO M_R "BDAT 1\r\nxRSET\r\nBDAT 2 LAST\r\nxy",
	  "250|" M_OK "|" R_OK "|250 2.0.0|250 2.0.0|503 5.5.1" },
	{ "BINARYMIME by DATA", 0,
	  EHLO "MAIL FROM:<s@x> BODY=BINARYMIME\r\n" RCPT "DATA\r\n"
	       "BDAT 2 LAST\r\n\r\n",
	  "250|" M_OK "|" R_OK "|503 5.5.1|" Q_OK },
	{ "a chunk over the maximum is swallowed", O_SMALL,
	  EHLO M_R "BDAT 11\r\n12345678901BDAT 1 LAST\r\nxNOOP\r\n",
	  "250|" M_OK "|" R_OK "|552 5.3.4|503 5.5.1|250 2.0.0" },
	{ "chunks that together are over the maximum", O_SMALL,
	  EHLO M_R "BDAT 8\r\n12345678BDAT 3 LAST\r\n123NOOP\r\n",
	  "250|" M_OK "|" R_OK "|250 2.0.0|552 5.3.4|250 2.0.0" },
	{ "chunks that together are exactly the maximum", O_SMALL,
	  EHLO M_R "BDAT 8\r\n12345678BDAT 2 LAST\r\n12NOOP\r\n",
	  "250|" M_OK "|" R_OK "|250 2.0.0|" Q_OK "|250 2.0.0" },
	{ "a chunk whose size cannot be read ends the session", 0,
	  EHLO M_R "BDAT many\r\nMAIL FROM:<evil@x>\r\n",
	  "250|" M_OK "|" R_OK "|501 5.5.4" },
	{ "one of a size over all numbers never ends", 0,
	  EHLO M_R "BDAT 18446744073709551616\r\nNOOP\r\n", "250|" M_OK "|" R_OK },
	{ "and one with a control character", 0, EHLO M_R "BDAT 5\x01 LAST\r\nNOOP\r\n",
	  "250|" M_OK "|" R_OK "|500 5.5.2" },

	/* LMTP */
	{ "LMTP: a reply for each recipient", O_LMTP,
	  "LHLO c\r\n" M_R RCPT RCPT "DATA\r\na\r\n.\r\nQUIT\r\n",
	  "250|" M_OK "|" R_OK "|" R_OK "|" R_OK "|354|" Q_OK "|" Q_OK "|" Q_OK
	  "|221 2.0.0" },
	{ "LMTP: only for those that were accepted", O_LMTP,
	  "LHLO c\r\n" M_R "RCPT TO:<>\r\n" RCPT "DATA\r\n.\r\n",
	  "250|" M_OK "|" R_OK "|501 5.1.3|" R_OK "|354|" Q_OK "|" Q_OK },
	{ "LMTP: BDAT as well, behind the last chunk", O_LMTP,
	  "LHLO c\r\n" M_R RCPT "BDAT 1\r\nxBDAT 1 LAST\r\ny",
	  "250|" M_OK "|" R_OK "|" R_OK "|250 2.0.0|" Q_OK "|" Q_OK },
	{ "LMTP: a refusal for each recipient", O_LMTP | O_SMALL,
	  "LHLO c\r\n" M_R RCPT "DATA\r\n12345678901\r\n.\r\nNOOP\r\n",
	  "250|" M_OK "|" R_OK "|" R_OK "|354|552 5.3.4|552 5.3.4|250 2.0.0" },
	{ "LMTP: one refusal for a chunk in front of the last one", O_LMTP | O_SMALL,
	  "LHLO c\r\n" M_R RCPT "BDAT 11\r\n12345678901NOOP\r\n",
	  "250|" M_OK "|" R_OK "|" R_OK "|552 5.3.4|250 2.0.0" },
	{ "LMTP: and for each recipient to the last one", O_LMTP | O_SMALL,
	  "LHLO c\r\n" M_R RCPT "BDAT 11 LAST\r\n12345678901NOOP\r\n",
	  "250|" M_OK "|" R_OK "|" R_OK "|552 5.3.4|552 5.3.4|250 2.0.0" },
	{ "LMTP: DATA without a recipient", O_LMTP, "LHLO c\r\n" MAIL "DATA\r\n",
	  "250|" M_OK "|503 5.5.1" },
	{ "LMTP: no EHLO and no HELO", O_LMTP, "EHLO c\r\nHELO c\r\n" MAIL,
	  "500 5.5.1|500 5.5.1|503 5.5.1" },
	{ "SMTP: no LHLO", 0, "LHLO c\r\n", "502 5.5.1" },

	/* TLS */
	{ "STARTTLS that is not offered", 0, EHLO "STARTTLS\r\n", "250|502 5.5.1" },
	{ "where TLS is required, nothing before it", O_TLS | O_TLS_REQUIRED,
	  "NOOP\r\n" EHLO MAIL
	  "VRFY a\r\nHELP\r\nXFORWARD NAME=n\r\nBDAT 6\r\nQUIT\r\nRSET\r\n"
	  "AUTH PLAIN x\r\nQUIT\r\n",
	  "250 2.0.0|250|530 5.7.0|530 5.7.0|530 5.7.0|530 5.7.0|530 5.7.0|250 2.0.0|502 "
	  "5.5.1|"
	  "221 2.0.0" },

	/* XFORWARD */
	{ "XFORWARD in two parts", 0,
	  EHLO "XFORWARD NAME=n ADDR=192.0.2.1 PORT=25\r\n"
	       "XFORWARD PROTO=ESMTP HELO=h IDENT=q SOURCE=REMOTE\r\n" MAIL,
	  "250|250 2.0.0|250 2.0.0|" M_OK },
	{ "XFORWARD with an unknown attribute", 0, EHLO "XFORWARD FROB=1\r\n",
	  "250|501 5.5.4" },
	{ "XFORWARD with an address that is none", 0, EHLO "XFORWARD ADDR=mx.example\r\n",
	  "250|501 5.5.4" },
	{ "XFORWARD of what is not known", 0,
	  EHLO "XFORWARD ADDR=[UNAVAILABLE] NAME=[UNAVAILABLE]\r\n", "250|250 2.0.0" },

	/* rude clients */
	{ "garbage", O_THREE_ERRORS, "\x80\x81\xff\r\n\x01\x02\r\n(*&^\r\n",
	  "500 5.5.2|500 5.5.2|500 5.5.2|421 4.7.0" },
	{ "a TLS client hello in the clear", O_SHORT_LINES,
	  "\x16\x03\x01\x02\x05\x01\x05\x01\xfc\x03\x03 a b c \r\n", "500 5.5.2" },
	{ "an HTTP request", O_THREE_ERRORS,
	  "GET / HTTP/1.1\r\nHost: x\r\nAccept: *\r\n\r\n",
	  "500 5.5.2|500 5.5.2|500 5.5.2|421 4.7.0" },
	{ "an endless line is one error", O_SHORT_LINES, X600 X600 X600 X600 X600 X600,
	  "500 5.5.2" },
	{ "half a command is no command", 0, EHLO "MAIL FROM:<s@x>", "250" },
	{ "CR at the very end waits", 0, EHLO "NOOP\r", "250" },
};

static void
open_with(struct fake *f, unsigned options)
{
	struct server_listener_settings s = {
		.protocol = (options & O_LMTP) != 0 ? SERVER_LMTP : SERVER_SMTP,
		.tls = (options & O_TLS) != 0 ? FAKE_TLS : NULL,
		.is_tls_required = (options & O_TLS_REQUIRED) != 0,
		.message_size_max = (options & O_SMALL) != 0 ? 10 : 0,
		.recipients_max = (options & O_TWO_RECIPIENTS) != 0 ? 2 : 0,
		.messages_per_connection_max = (options & O_TWO_MESSAGES) != 0 ? 2 : 0,
		.errors_max = (options & O_THREE_ERRORS) != 0 ? 3 : 0,
		.command_line_max = (options & O_SHORT_LINES) != 0 ? 512 : 0,
	};

	*f = (struct fake){ 0 };
	fake_open(f, &s);
}

static void
test_transcripts(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned cut = 0; cut < CUTS; cut++) {
			struct fake f;
			char want[512];
			open_with(&f, rows[i].options);
			snprintf(want, sizeof(want), "220|%s", rows[i].want);
			fake_send_cut(&f, rows[i].say, strlen(rows[i].say), cut);
			int bad = fake_expect(&f, rows[i].sentence, want);
			if (bad)
				print_error("  cut %u\n", cut);
			failed += bad;
			fake_close(&f);
			if (bad)
				break;
		}
	}
	assert_int_equal(failed, 0);
}

static void
test_the_replies_of_a_batch_go_out_at_once(void **state)
{
	struct fake f = { 0 };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, EHLO);
	unsigned before = f.writes;
	fake_say(&f, MAIL RCPT RCPT RCPT "NOOP\r\nDATA\r\n");
	assert_int_equal(f.writes, before + 1);
	fake_close(&f);
}

static void
test_what_is_offered(void **state)
{
	static const char plain[] =
		"250-mx.example\r\n"
		"250-SIZE 268435456\r\n"
		"250-PIPELINING\r\n"
		"250-8BITMIME\r\n"
		"250-SMTPUTF8\r\n"
		"250-ENHANCEDSTATUSCODES\r\n"
		"250-DSN\r\n"
		"250-CHUNKING\r\n"
		"250-BINARYMIME\r\n"
		"250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n"
		"250 HELP\r\n";
	struct fake f;

	(void)state;
	for (int lmtp = 0; lmtp <= 1; lmtp++) {
		open_with(&f, lmtp ? O_LMTP : 0);
		fake_forget(&f);
		fake_say(&f, lmtp ? "LHLO c\r\n" : EHLO);
		assert_string_equal(buf_text(&f.transcript), plain);
		fake_close(&f);
	}
	open_with(&f, O_TLS);
	assert_string_equal(buf_text(&f.transcript), "220 mx.example ESMTP tdcd\r\n");
	fake_say(&f, EHLO);
	assert_non_null(strstr(buf_text(&f.transcript), "250-HELP\r\n250 STARTTLS\r\n"));
	/* After the handshake it is not offered again, and everything begins anew. */
	fake_say(&f, "STARTTLS\r\n");
	fake_forget(&f);
	fake_say(&f, MAIL);
	assert_int_equal(fake_expect(&f, "TLS forgets the greeting", "503 5.5.1"), 0);
	fake_forget(&f);
	fake_say(&f, EHLO);
	assert_null(strstr(buf_text(&f.transcript), "STARTTLS"));
	fake_forget(&f);
	fake_say(&f, "STARTTLS\r\n");
	assert_int_equal(fake_expect(&f, "TLS within TLS is out of order", "503 5.5.1"),
			 0);
	fake_close(&f);
}

/* Whatever was pipelined behind STARTTLS in the clear is never obeyed. */
static void
test_input_behind_starttls_ends_the_session(void **state)
{
	static const char *const injections[] = {
		EHLO "STARTTLS\r\nNOOP\r\n",
		EHLO "STARTTLS\r\nX",
		EHLO "STARTTLS\r\n\r\n",
		EHLO "STARTTLS\r\n" EHLO M_R "DATA\r\nevil\r\n.\r\n",
	};
	struct fake f;

	(void)state;
	for (size_t i = 0; i < sizeof(injections) / sizeof(injections[0]); i++) {
		open_with(&f, O_TLS);
		fake_say(&f, injections[i]);
		assert_int_equal(fake_expect(&f, injections[i], "220|250|554 5.5.1"), 0);
		assert_int_equal(session_wants(f.session), SESSION_WANTS_CLOSE);
		assert_int_equal(f.commits, 0);
		fake_close(&f);
	}
}

static void
test_a_failed_handshake_ends_the_session_without_a_word(void **state)
{
	struct fake f;

	(void)state;
	open_with(&f, O_TLS);
	f.tls_fails = ERR_TLS;
	fake_say(&f, EHLO "STARTTLS\r\n");
	assert_int_equal(fake_expect(&f, "nothing behind the 220", "220|250|220 2.0.0"),
			 0);
	assert_int_equal(session_wants(f.session), SESSION_WANTS_CLOSE);
	fake_close(&f);
}

/* A client that sends without end and never reads cannot make the output grow without end. */
static void
test_a_flood_of_commands_is_served_in_bounded_batches(void **state)
{
	struct fake f = { 0 };
	struct buf flood;

	(void)state;
	fake_open(&f, NULL);
	buf_init(&flood, 1 << 20);
	for (int i = 0; i < 20000; i++)
		buf_append_text(&flood, "HELP\r\n");
	size_t used = session_input(f.session, buf_span(&flood));
	assert_in_range(used, 6, 6 * 1000);
	assert_in_range(session_output(f.session)->n, 1, 20 * 1024);
	buf_done(&flood);
	fake_collect(&f);
	fake_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transcripts),
		cmocka_unit_test(test_the_replies_of_a_batch_go_out_at_once),
		cmocka_unit_test(test_what_is_offered),
		cmocka_unit_test(test_input_behind_starttls_ends_the_session),
		cmocka_unit_test(test_a_failed_handshake_ends_the_session_without_a_word),
		cmocka_unit_test(test_a_flood_of_commands_is_served_in_bounded_batches),
	};

	return cmocka_run_group_tests(tests, fake_quiet, fake_loud);
}

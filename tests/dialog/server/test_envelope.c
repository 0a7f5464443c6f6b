/*
 * test_envelope.c - what is known of a message when it is committed: recipients, client, header, decision.
 */
#include "fake_host.h"

#include "tdc/mime/scan.h"

#define DATA(header) "DATA\r\n" header "\r\nbody\r\n.\r\n"

/* One line of all recipients: "address/source ...". */
static const char *
recipients(const struct fake *f, struct buf *ret)
{
	buf_init(ret, 1 << 16);
	for (size_t i = 0; i < f->message->n_recipients; i++)
		buf_printf(ret, "%s%s/%s", i == 0 ? "" : " ",
			   f->message->recipients[i].address,
			   recipient_source_name(f->message->recipients[i].source));
	return buf_text(ret);
}

static const struct {
	const char *sentence;
	const char *rcpt; /* addresses, blanks between them */
	const char *data;
	const char *want;
} recipient_rows[] = {
	{ "an ordinary recipient", "r@y", DATA("To: other@z\r\n"), "r@y/envelope" },
	{ "a copy that names its recipient", "r=y@the.tdc.queue", DATA("To: other@z\r\n"),
	  "r@y/copy" },
	{ "many of them", "r=y@the.tdc.queue s=y@THE.tdc.Queue", DATA(""),
	  "r@y/copy s@y/copy" },
	{ "the last = divides", "a=b=y@the.tdc.queue", DATA(""), "a=b@y/copy" },
	{ "= outside of the queue domain means nothing", "a=b@y", DATA(""),
	  "a=b@y/envelope" },
	{ "a subdomain of the queue domain is not it", "a=b@x.the.tdc.queue", DATA(""),
	  "a=b@x.the.tdc.queue/envelope" },
	{ "a bare copy address: the header is asked", "journal@the.tdc.queue",
	  DATA("To: A <a@y>\r\nCc: b@y, a@y\r\n"), "a@y/header b@y/header" },
	{ "Delivered-To as well", "journal@the.tdc.queue", DATA("Delivered-To: d@y\r\n"),
	  "d@y/header" },
	{ "when nobody is named the copy address stays", "journal@the.tdc.queue",
	  DATA("Subject: none\r\n"), "journal@the.tdc.queue/copy" },
	{ "also when there is no header", "journal@the.tdc.queue", "DATA\r\n.\r\n",
	  "journal@the.tdc.queue/copy" },
	{ "the bare address twice", "journal@the.tdc.queue j2@the.tdc.queue",
	  DATA("To: a@y\r\n"), "a@y/header" },
	{ "who is named in the envelope needs no header",
	  "journal@the.tdc.queue r=y@the.tdc.queue", DATA("To: a@y\r\n"), "r@y/copy" },
	{ "a quoted local part", "\"a=y\"@the.tdc.queue", DATA(""), "a@y/copy" },
	{ "a UTF-8 recipient", "\xc3\xa4@y", DATA(""), "\xc3\xa4@y/envelope" },
};

static void
test_recipients(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(recipient_rows) / sizeof(recipient_rows[0]); i++) {
		struct fake f = { 0 };
		struct buf got, say;
		char copy[256], *rest = copy, *word;
		buf_init(&say, 4096);
		buf_append_text(&say, "EHLO c\r\nMAIL FROM:<s@x>\r\n");
		snprintf(copy, sizeof(copy), "%s", recipient_rows[i].rcpt);
		while ((word = strsep(&rest, " ")) != NULL)
			buf_printf(&say, "RCPT TO:<%s>\r\n", word);
		buf_append_text(&say, recipient_rows[i].data);
		fake_open(&f, NULL);
		fake_say(&f, buf_text(&say));
		assert_int_equal(f.commits, 1);
		if (strcmp(recipients(&f, &got), recipient_rows[i].want) != 0) {
			print_error("%s\n  got  %s\n  want %s\n",
				    recipient_rows[i].sentence, buf_text(&got),
				    recipient_rows[i].want);
			failed++;
		}
		buf_done(&got);
		buf_done(&say);
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

static const char *
or_none(const char *text)
{
	return text == NULL ? "-" : text;
}

#define RECEIVED "Received: from h.example (n.example [192.0.2.9]) by gw with ESMTP\r\n"
#define XF(text) "XFORWARD " text "\r\n"

/* What is said before MAIL, and "address name helo protocol queue-id source" in the message. */
static const struct {
	const char *sentence;
	enum server_protocol protocol;
	const char *before;
	const char *data;
	const char *want;
} client_rows[] = {
	{ "the connection's own facts", SERVER_SMTP, "EHLO c.example\r\n", DATA(""),
	  "10.1.1.209 - c.example ESMTP - -" },
	{ "HELO is SMTP", SERVER_SMTP, "HELO c.example\r\n", DATA(""),
	  "10.1.1.209 - c.example SMTP - -" },
	{ "LMTP", SERVER_LMTP, "LHLO c.example\r\n", DATA(""),
	  "10.1.1.209 - c.example LMTP - -" },
	{ "STARTTLS shows", SERVER_SMTP, "EHLO c\r\nSTARTTLS\r\n\nEHLO d\r\n", DATA(""),
	  "10.1.1.209 - d ESMTPS - -" },
	{ "XFORWARD wins", SERVER_SMTP,
	  "EHLO gw\r\n" XF("NAME=n.example ADDR=192.0.2.1 PORT=99")
		  XF("PROTO=ESMTP HELO=h.example IDENT=4ABC SOURCE=REMOTE"),
	  DATA(RECEIVED), "192.0.2.1 n.example h.example ESMTP 4ABC REMOTE" },
	{ "an IPv6 address loses its tag", SERVER_SMTP,
	  "EHLO gw\r\n" XF("ADDR=IPV6:2001:db8::1"), DATA(""),
	  "2001:db8::1 - gw ESMTP - -" },
	{ "xtext is decoded", SERVER_SMTP, "EHLO gw\r\n" XF("HELO=a+2Bb NAME=n"),
	  DATA(""), "10.1.1.209 n a+b ESMTP - -" },
	{ "what is unavailable is not known", SERVER_SMTP,
	  "EHLO gw\r\n" XF("NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE] "
			   "SOURCE=local"),
	  DATA(""), "- - - ESMTP - LOCAL" },
	{ "a later attribute replaces an earlier one", SERVER_SMTP,
	  "EHLO gw\r\n" XF("NAME=a IDENT=1") XF("NAME=b"), DATA(""),
	  "10.1.1.209 b gw ESMTP 1 -" },
	{ "a malformed command changes nothing", SERVER_SMTP,
	  "EHLO gw\r\n" XF("NAME=a") XF("NAME=b FROB=1"), DATA(""),
	  "10.1.1.209 a gw ESMTP - -" },
	{ "it ends with the transaction", SERVER_SMTP,
	  "EHLO gw\r\n" XF("NAME=a") "MAIL FROM:<t@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n.\r\n",
	  DATA(""), "10.1.1.209 - gw ESMTP - -" },
	{ "and with a reset", SERVER_SMTP, "EHLO gw\r\n" XF("NAME=a") "RSET\r\n",
	  DATA(""), "10.1.1.209 - gw ESMTP - -" },
	{ "and with a greeting", SERVER_SMTP, "EHLO gw\r\n" XF("NAME=a") "EHLO gw\r\n",
	  DATA(""), "10.1.1.209 - gw ESMTP - -" },
	{ "without XFORWARD the feeder's trace field tells", SERVER_SMTP, "EHLO gw\r\n",
	  DATA(RECEIVED), "192.0.2.9 n.example h.example ESMTP - -" },
	{ "only the newest one", SERVER_SMTP, "EHLO gw\r\n",
	  DATA("Received: by gw (Postfix, from userid 0)\r\n" RECEIVED),
	  "10.1.1.209 - gw ESMTP - -" },
};

static void
test_client_facts(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(client_rows) / sizeof(client_rows[0]); i++) {
		struct server_listener_settings s = { .protocol = client_rows[i].protocol,
						      .tls = FAKE_TLS };
		struct fake f = { 0 };
		char got[1024], copy[1024], *rest = copy, *part;
		fake_open(&f, &s);
		/* A line feed alone divides what must not be sent in one batch. */
		snprintf(copy, sizeof(copy), "%s", client_rows[i].before);
		for (part = copy; (part = strstr(rest, "\r\n\n")) != NULL;
		     rest = part + 3) {
			fake_send(&f, rest, (size_t)(part - rest) + 2);
		}
		fake_say(&f, rest);
		fake_say(&f, "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\n");
		fake_say(&f, client_rows[i].data);
		const struct spool_message *m = f.message;
		assert_non_null(m);
		snprintf(got, sizeof(got), "%s %s %s %s %s %s",
			 or_none(m->client_address), or_none(m->client_name),
			 or_none(m->helo), or_none(m->protocol), or_none(m->queue_id),
			 or_none(m->forward_source));
		if (strcmp(got, client_rows[i].want) != 0) {
			print_error("%s\n  got  %s\n  want %s\n", client_rows[i].sentence,
				    got, client_rows[i].want);
			failed++;
		}
		assert_int_equal(m->icid, 5);
		assert_string_equal(m->listener, "feed");
		assert_int_equal(m->accepted_at, 1700000000000);
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

/* Subject, Message-ID and From as they are kept. */
static const struct {
	const char *sentence;
	const char *header;
	const char *subject, *message_id, *from;
} header_rows[] = {
	{ "plain fields", "Subject: hello\r\nMessage-ID: <1@x>\r\nFrom: A <a@x>\r\n",
	  "hello", "<1@x>", "A <a@x>" },
	{ "an encoded subject", "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\r\n",
	  "gr\xc3\xbc\xc3\x9f"
	  "e",
	  NULL, NULL },
	{ "a subject with what is no encoded word", "Subject: =?= 1=2? =\r\nFrom: =\r\n",
	  "=?= 1=2? =", NULL, "=" },
	{ "control bytes are no part of a subject", "Subject: a\tb\x01z\x7f.\r\n",
	  "a b z .", NULL, NULL },
	{ "a folded subject", "Subject: one\r\n two\r\n", "one two", NULL, NULL },
	{ "a subject in UTF-8", "Subject: \xc3\xa4\r\n", "\xc3\xa4", NULL, NULL },
	{ "a subject that is no UTF-8", "Subject: a\xe4z\r\n", "a?z", NULL, NULL },
	{ "nothing", "X: y\r\n", NULL, NULL, NULL },
};

static void
test_header_fields(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(header_rows) / sizeof(header_rows[0]); i++) {
		struct fake f = { 0 };
		fake_open(&f, NULL);
		fake_say(&f, "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n");
		fake_say(&f, header_rows[i].header);
		fake_say(&f, "\r\nbody\r\n.\r\n");
		const struct spool_message *m = f.message;
		assert_non_null(m);
		if (strcmp(or_none(m->subject), or_none(header_rows[i].subject)) != 0 ||
		    strcmp(or_none(m->message_id), or_none(header_rows[i].message_id)) !=
			    0 ||
		    strcmp(or_none(m->header_from), or_none(header_rows[i].from)) != 0) {
			print_error("%s: got %s, %s, %s\n", header_rows[i].sentence,
				    or_none(m->subject), or_none(m->message_id),
				    or_none(m->header_from));
			failed++;
		}
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

static void
test_a_long_subject_is_cut_between_characters(void **state)
{
	struct fake f = { 0 };
	struct buf say;

	(void)state;
	buf_init(&say, 1 << 16);
	buf_append_text(&say, "Subject: x");
	for (int i = 0; i < 1500; i++)
		buf_append_text(&say, "\xc3\xa4");
	buf_append_text(&say, "\r\n\r\n.\r\n");
	fake_open(&f, NULL);
	fake_say(&f, "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n");
	fake_say(&f, buf_text(&say));
	assert_non_null(f.message);
	size_t n = strlen(f.message->subject);
	assert_int_equal(n, 1023);
	assert_true(smtp_utf8_is_valid(span_make(f.message->subject, n)));
	buf_done(&say);
	fake_close(&f);
}

static void
test_parameters_are_kept(void **state)
{
	struct fake f = { 0 };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, "EHLO c\r\n"
		     "MAIL FROM:<s@x> BODY=8BITMIME ENVID=a+2Bb RET=HDRS\r\n"
		     "RCPT TO:<r@y> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;r+2Bx@y\r\n"
		     "RCPT TO:<q@y> NOTIFY=NEVER\r\n" DATA(""));
	const struct spool_message *m = f.message;
	assert_non_null(m);
	assert_string_equal(m->sender, "s@x");
	assert_string_equal(m->envid, "a+b");
	assert_int_equal(m->ret, MESSAGE_RET_HDRS);
	assert_true(m->is_8bitmime);
	assert_false(m->is_binarymime);
	assert_false(m->is_smtputf8);
	assert_string_equal(m->recipients[0].orcpt, "rfc822;r+x@y");
	assert_int_equal(m->recipients[0].notify,
			 SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
	assert_null(m->recipients[1].orcpt);
	assert_int_equal(m->recipients[1].notify, SMTP_NOTIFY_NEVER);
	fake_say(&f, "MAIL FROM:<> BODY=BINARYMIME SMTPUTF8\r\nRCPT TO:<r@y>\r\nBDAT 1 "
		     "LAST\r\nx");
	assert_string_equal(f.message->sender, "");
	assert_int_equal(f.message->ret, MESSAGE_RET_NONE);
	assert_true(f.message->is_binarymime && f.message->is_smtputf8);
	fake_say(&f, "MAIL FROM:<s@x>\r\nRCPT TO:<\xc3\xa4@y>\r\n" DATA(""));
	assert_true(f.message->is_smtputf8);
	fake_say(&f, "MAIL FROM:<s@x> RET=FULL\r\nRCPT TO:<r@y>\r\n" DATA(""));
	assert_int_equal(f.message->ret, MESSAGE_RET_FULL);
	assert_int_equal(f.commits, 4);
	fake_close(&f);
}

/* Whoever may choose a sender or an ENVID must not be able to have the copy refused. */
static void
test_long_envelopes_are_kept_whole(void **state)
{
	char sender[2101], envid[901];
	struct fake f = { 0 };

	(void)state;
	memset(sender, 's', sizeof(sender) - 3);
	memcpy(sender + sizeof(sender) - 3, "@x", 3);
	memset(envid, 'e', sizeof(envid) - 1);
	envid[sizeof(envid) - 1] = '\0';
	fake_open(&f, NULL);
	fake_say(&f, "EHLO c\r\nMAIL FROM:<");
	fake_say(&f, sender);
	fake_say(&f, "> ENVID=");
	fake_say(&f, envid);
	fake_say(&f, "+2B\r\nRCPT TO:<r@y> ORCPT=rfc822;");
	fake_say(&f, sender);
	fake_say(&f, "\r\n" DATA(""));
	assert_non_null(f.message);
	assert_string_equal(f.message->sender, sender);
	assert_memory_equal(f.message->envid, envid, 900);
	assert_string_equal(f.message->envid + 900, "+");
	assert_string_equal(f.message->recipients[0].orcpt + strlen("rfc822;"), sender);
	fake_close(&f);
}

static void
test_every_journal_has_an_id_of_its_own(void **state)
{
	struct fake f = { .n_plans = 3 };

	(void)state;
	fake_open(&f, NULL);
	fake_say(&f, "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\n" DATA(""));
	assert_int_equal(f.message->mid, 1);
	assert_int_equal(f.n_committed_plans, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(f.plans[i].mid, 2 + i);
		assert_int_equal(f.plans[i].drop, DROP_NONE);
	}
	assert_non_null(strstr(buf_text(&f.transcript), "queued as 1\r\n"));
	fake_close(&f);
}

/* A sender can write trace fields: one over the limit changes nothing but the log. */
static void
test_many_trace_fields_are_journaled(void **state)
{
	struct server_listener_settings limits[] = { { .received_max = 3 }, { 0 } };
	unsigned counts[] = { 4, 101 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fake f = { .n_plans = 2 };
		fake_open(&f, &limits[i]);
		fake_say(&f, "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n");
		for (unsigned k = 0; k < counts[i]; k++)
			fake_say(&f, "Received: by x; date\r\n");
		fake_forget(&f);
		fake_say(&f, "\r\n.\r\n");
		assert_int_equal(fake_expect(&f, "accepted", "250 2.0.0"), 0);
		assert_int_equal(f.n_committed_plans, 2);
		for (size_t k = 0; k < 2; k++)
			assert_int_equal(f.plans[k].drop, DROP_NONE);
		fake_close(&f);
	}
}

#define ID  "000102030405060708090a0b0c0d0e0f"
#define TAG "e91d134a3f340d732b3a7b9f0fb03295" /* of ID under FAKE_SECRET */

static const struct {
	const char *sentence, *header;
	bool is_ours;
} marks[] = {
	{ "our own mark", "X-TDC-Journal: " ID " " TAG, true },
	{ "our own mark, folded", "X-TDC-Journal: " ID "\r\n " TAG, true },
	{ "our own mark, folded by others", "x-tdc-journal:\r\n\t" ID "\r\n\t  " TAG " ",
	  true },
	{ "no mark at all", "Subject: " ID " " TAG, false },
	{ "an empty mark", "X-TDC-Journal:", false },
	{ "a mark without a tag", "X-TDC-Journal: " ID, false },
	{ "a tag alone", "X-TDC-Journal: " TAG, false },
	{ "another digit in the tag",
	  "X-TDC-Journal: " ID " f91d134a3f340d732b3a7b9f0fb03295", false },
	{ "another last digit in the tag",
	  "X-TDC-Journal: " ID " e91d134a3f340d732b3a7b9f0fb03294", false },
	{ "a tag that is cut", "X-TDC-Journal: " ID " e91d134a3f340d732b3a7b9f0fb0329",
	  false },
	{ "more behind the tag", "X-TDC-Journal: " ID " " TAG " x", false },
	{ "the tag of another journal",
	  "X-TDC-Journal: 000102030405060708090a0b0c0d0e00 " TAG, false },
	{ "the tag of nothing", "X-TDC-Journal: 796cd3078af14636753d26b3b5555422",
	  false },
	{ "a mark of another spool",
	  "X-TDC-Journal: " ID " 634cf4916902621567ed6af75e74df38", false },
	{ "a forged mark in front of ours",
	  "X-TDC-Journal: 1\r\nX-TDC-Journal: " ID " " TAG, false },
	{ "our mark in front of a forged one",
	  "X-TDC-Journal: " ID " " TAG "\r\nX-TDC-Journal: 1", true },
};

static void
test_a_loop_mark_counts_only_when_it_is_ours(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		struct fake f = { 0 };
		fake_open(&f, NULL);
		fake_say(
			&f,
			"EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\nA: b\r\n");
		fake_forget(&f);
		fake_say(&f, marks[i].header);
		fake_say(&f, "\r\n\r\nbody\r\n.\r\n");
		failed += fake_expect(&f, marks[i].sentence, "250 2.0.0");
		bool is_ours = (f.facts.facts & MIME_HAS_LOOP_MARK) != 0;
		if (is_ours != marks[i].is_ours)
			print_error("%s\n  got  %s\n  want %s\n", marks[i].sentence,
				    is_ours ? "ours" : "not ours",
				    marks[i].is_ours ? "ours" : "not ours");
		failed += is_ours != marks[i].is_ours;
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_client_facts),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_a_long_subject_is_cut_between_characters),
		cmocka_unit_test(test_parameters_are_kept),
		cmocka_unit_test(test_long_envelopes_are_kept_whole),
		cmocka_unit_test(test_every_journal_has_an_id_of_its_own),
		cmocka_unit_test(test_many_trace_fields_are_journaled),
		cmocka_unit_test(test_a_loop_mark_counts_only_when_it_is_ours),
	};

	return cmocka_run_group_tests(tests, fake_quiet, fake_loud);
}

/*
 * test_log.c - the mail log's lines of a delivery, as an administrator reads them.
 */
#include "world.h"

static char log_path[128];

/*
 * The lines since the last call, without their time, the cipher and the jitter; compared
 * with `want`.
 */
static void
expect_log(const char *want)
{
	struct buf got;
	char line[2048];
	struct err e;

	log_flush();
	FILE *f = fopen(log_path, "r");
	assert_non_null(f);
	buf_init(&got, 1 << 20);
	while (fgets(line, sizeof(line), f) != NULL) {
		/* "Thu Apr 17 19:56:22 2003 Info: " */
		char *text = strlen(line) > 25 ? line + 25 : line;
		char *cipher = strstr(text, " cipher ");
		char *end =
			cipher == NULL ? NULL : cipher + 8 + strcspn(cipher + 8, " \n)");
		char *probe = strstr(text, "probed in "); /* jitter */
		if (probe != NULL)
			memcpy(probe + 10, "NNN", 3);
		buf_append(&got, text,
			   cipher == NULL ? strlen(text) : (size_t)(cipher + 8 - text));
		if (cipher != NULL)
			buf_printf(&got, "X%s", end);
	}
	fclose(f);
	assert_int_equal(truncate(log_path, 0), 0);
	assert_int_equal(log_reopen(&e), 0);
	if (strcmp(buf_text(&got), want) != 0)
		fail_msg("got:\n%swant:\n%s", buf_text(&got), want);
	buf_done(&got);
}

static void
add_recipient(struct world *w)
{
	assert_int_equal(spool_message_add_recipient(w->spool.message, span_of("r@y"),
						     (struct span){ 0 }, 0,
						     RECIPIENT_FROM_ENVELOPE),
			 0);
}

static void
begin(struct world *w)
{
	world_init(w);
	add_recipient(w);
	world_rows(w, 1);
}

static void
a_delivery(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	world_start(&w);
	world_settle(&w);
	world_pass(&w, 31000);
	expect_log("Info: New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port 25\n"
		   "Info: DCID 1 TLS success protocol TLSv1.3 cipher X\n"
		   "Info: Delivery start DCID 1 MID 1 to RID [0]\n"
		   "Info: Message done DCID 1 MID 1 to RID [0]\n"
		   "Info: MID 1 RID [0] Response '250 2.0.0 taken'\n"
		   "Info: TDC: Message 1 delivered to tenant@intake.example: '250 2.0.0 "
		   "taken' "
		   "(protocol TLSv1.3 cipher X verified intake.example)\n"
		   "Info: Message finished MID 1 done\n"
		   "Info: DCID 1 close\n");
	world_done(&w);
}

static void
a_soft_bounce(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.peer.scripts[0].content[0] = "452 4.3.1 full\r\n";
	world_start(&w);
	world_settle(&w);
	expect_log("Info: New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port 25\n"
		   "Info: DCID 1 TLS success protocol TLSv1.3 cipher X\n"
		   "Info: Delivery start DCID 1 MID 1 to RID [0]\n"
		   "Warning: Delayed: DCID 1 MID 1 to RID 0 - 4.3.1 - Mail system error "
		   "('452', "
		   "['452 4.3.1 full'])[]\n"
		   "Info: Message 1 to RID [0] pending till Thu Apr 17 19:57:22 2003\n");
	world_done(&w);
	expect_log("Info: DCID 1 close\n");
}

static void
a_hard_bounce(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.peer.scripts[0].content[0] = "554 5.7.1 spam\r\n";
	world_start(&w);
	world_settle(&w);
	expect_log("Info: New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port 25\n"
		   "Info: DCID 1 TLS success protocol TLSv1.3 cipher X\n"
		   "Info: Delivery start DCID 1 MID 1 to RID [0]\n"
		   "Error: Bounced: DCID 1 MID 1 to RID 0 - 5.7.1 - Refused by policy "
		   "('554', "
		   "['554 5.7.1 spam']) []\n"
		   "Error: TDC: Message 1 delivery failed to tenant@intake.example: Hard "
		   "bounced "
		   "(content). 554 5.7.1 spam; kept as a dead letter\n");
	world_done(&w);
	expect_log("Info: DCID 1 close\n");
}

static void
an_expired_journal(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.spool.rows[0].created_at -= 259200000;
	w.peer.scripts[0].content[0] = "452 4.3.1 full\r\n";
	world_start(&w);
	world_settle(&w);
	expect_log("Info: New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port 25\n"
		   "Info: DCID 1 TLS success protocol TLSv1.3 cipher X\n"
		   "Info: Delivery start DCID 1 MID 1 to RID [0]\n"
		   "Error: Bounced: DCID 1 MID 1 to RID 0 - 5.4.7 - Delivery expired "
		   "(message too old) "
		   "('452', ['452 4.3.1 full']) []\n"
		   "Error: TDC: Message 1 delivery failed to tenant@intake.example: Hard "
		   "bounced "
		   "(expired). 452 4.3.1 full; kept as a dead letter\n");
	world_done(&w);
	expect_log("Info: DCID 1 close\n");
}

/* Nobody refused anything. It is a warning, as it is for health. */
static void
a_name_that_does_not_exist(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.dns.missing = "intake.example";
	world_start(&w);
	world_settle(&w);
	world_pass(&w, 1000);
	expect_log("Warning: TDC: Message 1 delivery failed to tenant@intake.example: "
		   "DNS Error. "
		   "intake.example: no such host\n"
		   "Warning: TDC: Destination intake.example is suspended: its name does "
		   "not exist: DNS Error. "
		   "intake.example: no such host; probed in NNN s\n");
	world_done(&w);
}

static void
an_outage_of_more_than_the_time_in_queue(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.policies.controls.bounce.max_time_in_queue_ms = 100000;
	w.dns.missing = "intake.example";
	world_start(&w);
	world_settle(&w);
	world_pass(&w, 1000);
	log_flush();
	assert_int_equal(truncate(log_path, 0), 0);
	expect_log("");
	world_pass(&w, 99000);
	world_pass_often(&w, 20, 60000);
	expect_log("Warning: TDC: Destination intake.example has been down for 100 s, "
		   "longer than max_time_in_queue: intake.example: no such host; its "
		   "mail waits, and is tried once more when it is back\n");
	world_done(&w);
}

static void
a_journal_of_more_recipients(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	add_recipient(&w);
	add_recipient(&w);
	world_start(&w);
	world_settle(&w);
	log_flush();
	FILE *f = fopen(log_path, "r");
	char line[2048];
	unsigned found = 0;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		found += strstr(line, "Delivery start DCID 1 MID 1 to RID [0,1,2]\n") !=
			 NULL;
		found += strstr(line, "Message done DCID 1 MID 1 to RID [0,1,2]\n") !=
			 NULL;
		found += strstr(line, "MID 1 RID [0,1,2] Response ") != NULL;
	}
	fclose(f);
	assert_int_equal(found, 3);
	world_done(&w);
	struct err e;
	assert_int_equal(truncate(log_path, 0), 0);
	assert_int_equal(log_reopen(&e), 0);
}

static void
an_outage_is_told_once_and_its_end(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.policies.controls.tls_name = "another.example";
	w.policies.controls.probe_longest_ms = 15000;
	world_start(&w);
	world_settle(&w);
	for (int i = 0; i < 10; i++)
		world_pass(&w, 20000);
	log_flush();
	FILE *f = fopen(log_path, "r");
	char line[2048];
	unsigned lines = 0;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		static const char want[] =
			"TDC: Message 1 delivery failed to tenant@intake.example: TLS "
			"Error. intake.example [127.0.0.1]:25: ";
		if (lines++ == 0 && strstr(line, want) == NULL)
			fail_msg("got %s", line);
	}
	fclose(f);
	/* The message's line and the destination's; eleven attempts were made. */
	assert_int_equal(lines, 2);
	assert_in_range(w.peer.connections, 9, 12);
	world_done(&w);
	struct err e;
	assert_int_equal(truncate(log_path, 0), 0);
	assert_int_equal(log_reopen(&e), 0);
}

static void
an_injection_is_an_error_of_its_own(void **state)
{
	uint64_t injections = counter_get(COUNTER_TLS_INJECTION);
	struct world w;

	(void)state;
	begin(&w);
	w.peer.scripts[0].injected = "250 evil\r\n";
	world_start(&w);
	world_settle(&w);
	assert_int_equal(counter_get(COUNTER_TLS_INJECTION), injections + 1);
	log_flush();
	FILE *f = fopen(log_path, "r");
	char line[2048] = "";
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	if (strstr(line, "Error: TDC: STARTTLS injection: 10 bytes of plaintext") == NULL)
		fail_msg("got %s", line);
	world_done(&w);
	struct err e;
	assert_int_equal(truncate(log_path, 0), 0);
	assert_int_equal(log_reopen(&e), 0);
}

int
main(void)
{
	const struct log_settings to_file = { .target = LOG_TO_FILE,
					      .form = LOG_FORM_TEXT,
					      .level = LOG_LEVEL_INFO,
					      .path = log_path };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delivery),
		cmocka_unit_test(a_soft_bounce),
		cmocka_unit_test(a_hard_bounce),
		cmocka_unit_test(an_expired_journal),
		cmocka_unit_test(a_name_that_does_not_exist),
		cmocka_unit_test(an_outage_of_more_than_the_time_in_queue),
		cmocka_unit_test(a_journal_of_more_recipients),
		cmocka_unit_test(an_outage_is_told_once_and_its_end),
		cmocka_unit_test(an_injection_is_an_error_of_its_own),
	};
	struct err e;

	setenv("TZ", "UTC", 1);
	snprintf(log_path, sizeof(log_path), "/tmp/tdc-deliver-log-%d", (int)getpid());
	if (log_open(&to_file, &e) != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, world_setup_certificates,
					    world_remove_certificates);
	log_close();
	unlink(log_path);
	return failed;
}

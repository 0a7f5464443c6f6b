/*
 * test_data.c - the bytes: what arrives is what is kept, and nothing but CRLF.CRLF ends it.
 */
#include "fake_host.h"

#include "tdc/digest/sha256.h"
#include "tdc/mime/scan.h"

#define ENVELOPE "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\n"
#define HEADER   "Subject: a\r\n\r\n"

enum { CUTS = 22 };

/* The committed bytes, their digest and their size are those of `want`. */
static int
expect_body(struct fake *f, const char *sentence, struct span want)
{
	struct sha256 *h;
	uint8_t digest[SHA256_BYTES];
	struct err e;

	assert_int_equal(sha256_new(&h, &e), 0);
	sha256_start(h);
	sha256_update(h, want.p, want.n);
	sha256_finish(h, digest);
	sha256_free(h);
	if (span_equal(buf_span(&f->body), want) && f->facts.size == want.n &&
	    memcmp(digest, f->facts.sha256, sizeof(digest)) == 0)
		return 0;
	print_error("%s\n  got  %zu bytes \"%s\"\n  want %zu bytes \"%.*s\"\n", sentence,
		    f->body.n, buf_text(&f->body), want.n, (int)want.n, want.p);
	return 1;
}

/* -- smuggling: each sequence stands in the middle of a message, a command behind it -- */

static const struct {
	const char *p;
	size_t n;
	bool is_transparent; /* a dot at a line's start, which stuffing has doubled */
} smuggling[] = {
	{ "\n.\n", 3, false },       { "\r.\r", 3, false },
	{ "\r.\n", 3, false },       { "\n.\r", 3, false },
	{ "\n.\r\n", 4, false },     { "\r.\r\n", 4, false },
	{ "\r\n\0.\r\n", 6, false }, { "\r\r\n\r\n", 5, false },
	{ "\n\n.\n\n", 5, false },   { "\r\n..\n", 5, true },
	{ "\r\n..\r", 5, true },     { "\r\n..\0\r\n", 7, true },
	{ "\r\n..\r\r\n", 7, true }, { "\r\r\n..\r\r\n", 8, true },
};

static void
test_smuggling_ends_no_message(void **state)
{
	static const char evil[] =
		"MAIL FROM:<evil@x>\r\nRCPT TO:<v@y>\r\nDATA\r\nevil\r\n";
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(smuggling) / sizeof(smuggling[0]); i++)
		for (unsigned cut = 0; cut < CUTS; cut++) {
			struct fake f = { 0 };
			struct buf wire, want;
			buf_init(&wire, 4096);
			buf_init(&want, 4096);
			buf_append_text(&want, HEADER "before");
			for (size_t k = 0; k < smuggling[i].n; k++)
				if (!smuggling[i].is_transparent || k == 0 ||
				    smuggling[i].p[k] != '.' ||
				    smuggling[i].p[k - 1] == '.')
					buf_append_byte(&want, smuggling[i].p[k]);
			buf_append_text(&want, evil);
			buf_append_text(&wire, ENVELOPE "DATA\r\n" HEADER "before");
			buf_append(&wire, smuggling[i].p, smuggling[i].n);
			buf_append_text(&wire, evil);
			buf_append_text(&wire, ".\r\nQUIT\r\n");
			fake_open(&f, NULL);
			fake_send_cut(&f, buf_span(&wire).p, wire.n, cut);
			char sentence[64];
			snprintf(sentence, sizeof(sentence), "sequence %zu, cut %u", i,
				 cut);
			failed += fake_expect(
				&f, sentence,
				"220|250|250 2.1.0|250 2.1.5|354|250 2.0.0|221 2.0.0");
			failed += f.commits != 1;
			failed += expect_body(&f, sentence, buf_span(&want));
			fake_close(&f);
			buf_done(&wire);
			buf_done(&want);
		}
	assert_int_equal(failed, 0);
}

/* These are sent as they are, by a client that does not stuff: a dot that begins a line is taken
 * away, and what is not CRLF.CRLF is still no end. */
static void
test_unstuffed_dots_end_no_message(void **state)
{
	static const struct {
		const char *sentence;
		const char *p;
		size_t n;
	} rows[] = {
		{ "CRLF dot LF", "a\r\n.\nb", 6 },
		{ "CRLF dot CR", "a\r\n.\rb", 6 },
		{ "CRLF dot NUL CRLF", "a\r\n.\0\r\nb", 8 },
		{ "CRLF dot CR CRLF", "a\r\n.\r\r\nb", 8 },
		{ "CR CRLF dot CR CRLF", "a\r\r\n.\r\r\nb", 9 },
	};
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned cut = 0; cut < CUTS; cut++) {
			struct fake f = { 0 };
			fake_open(&f, NULL);
			fake_say(&f, ENVELOPE "DATA\r\n");
			fake_send_cut(&f, rows[i].p, rows[i].n, cut);
			failed += fake_expect(&f, rows[i].sentence,
					      "220|250|250 2.1.0|250 2.1.5|354");
			fake_say(&f, "\r\n.\r\n");
			failed +=
				fake_expect(&f, rows[i].sentence,
					    "220|250|250 2.1.0|250 2.1.5|354|250 2.0.0");
			fake_close(&f);
		}
	assert_int_equal(failed, 0);
}

/* -- bare line ends: two options, and BDAT -- */

static const struct {
	const char *sentence;
	enum bare_line_ends option;
	const char *how; /* "DATA" or "BDAT" */
	const char *body;
	const char *want;
	unsigned facts;
} bare_rows[] = {
	{ "a bare LF is kept and marked", BARE_KEEP, "DATA", "a: b\r\n\r\nx\ny\r\n",
	  "250 2.0.0", MIME_HAS_BARE_LF },
	{ "a bare CR is kept and marked", BARE_KEEP, "DATA", "a: b\r\n\r\nx\ry\r\n",
	  "250 2.0.0", MIME_HAS_BARE_CR },
	{ "a bare LF is refused by option", BARE_REFUSE, "DATA", "a: b\r\n\r\nx\ny\r\n",
	  "550 5.6.11", 0 },
	{ "a bare CR is refused by option", BARE_REFUSE, "DATA", "a: b\r\n\r\nx\ry\r\n",
	  "550 5.6.11", 0 },
	{ "clean mail is not refused by that option", BARE_REFUSE, "DATA",
	  "a: b\r\n\r\nx\r\n", "250 2.0.0", 0 },
	{ "BDAT keeps a bare LF under either option", BARE_REFUSE, "BDAT",
	  "a: b\r\n\r\nx\ny\r\n", "250 2.0.0", MIME_HAS_BARE_LF },
	{ "BDAT keeps a bare CR under either option", BARE_REFUSE, "BDAT",
	  "a: b\r\n\r\nx\ry\r\n", "250 2.0.0", MIME_HAS_BARE_CR },
	{ "BDAT needs no final line end", BARE_KEEP, "BDAT", "a: b\r\n\r\nx", "250 2.0.0",
	  MIME_HAS_NO_FINAL_CRLF },
	{ "BDAT does not unstuff", BARE_KEEP, "BDAT", "a: b\r\n\r\n..x\r\n.\r\n",
	  "250 2.0.0", 0 },
};

/* Fields beyond the limit are carried, and not looked at. */
static void
test_a_header_over_its_limit_is_no_reason_to_refuse(void **state)
{
	struct server_listener_settings s = { .header_size_max = 40 };
	struct fake f = { 0 };
	struct span body = span_of("Subject: seen\r\nX: 0123456789012345678901234\r\n"
				   "Message-ID: <unseen@x>\r\n\r\nx\r\n");

	(void)state;
	fake_open(&f, &s);
	fake_say(&f, ENVELOPE "DATA\r\n");
	fake_forget(&f);
	fake_send(&f, body.p, body.n);
	fake_say(&f, ".\r\n");
	assert_int_equal(fake_expect(&f, "a header over its limit", "250 2.0.0"), 0);
	assert_int_equal(expect_body(&f, "a header over its limit", body), 0);
	assert_true((f.facts.facts & MIME_HEADER_TOO_LARGE) != 0);
	assert_string_equal(f.message->subject, "seen");
	assert_null(f.message->message_id);
	fake_close(&f);
}

static void
test_bare_line_ends(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bare_rows) / sizeof(bare_rows[0]); i++)
		for (unsigned cut = 0; cut < CUTS; cut++) {
			struct server_listener_settings s = {
				.bare_line_ends = bare_rows[i].option
			};
			struct fake f = { 0 };
			struct span body = span_of(bare_rows[i].body);
			struct buf wire;
			fake_open(&f, &s);
			fake_say(&f, ENVELOPE);
			fake_forget(&f);
			buf_init(&wire, 4096);
			if (strcmp(bare_rows[i].how, "BDAT") == 0)
				buf_printf(&wire, "BDAT %zu LAST\r\n%s", body.n, body.p);
			else
				buf_printf(&wire, "%s.\r\n", body.p);
			if (strcmp(bare_rows[i].how, "DATA") == 0) {
				fake_say(&f, "DATA\r\n");
				fake_forget(&f);
			}
			fake_send_cut(&f, buf_span(&wire).p, wire.n, cut);
			int bad =
				fake_expect(&f, bare_rows[i].sentence, bare_rows[i].want);
			if (!bad && f.commits > 0)
				bad = expect_body(&f, bare_rows[i].sentence, body) ||
				      (f.facts.facts & bare_rows[i].facts) !=
					      bare_rows[i].facts;
			/* The session is as usable as before. */
			fake_forget(&f);
			fake_say(&f, "NOOP\r\n");
			bad += fake_expect(&f, bare_rows[i].sentence, "250 2.0.0");
			failed += bad;
			buf_done(&wire);
			fake_close(&f);
		}
	assert_int_equal(failed, 0);
}

/* -- nothing in the content is a reason for a 5xx -- */

static void
test_no_content_is_refused(void **state)
{
	static const struct {
		const char *sentence;
		const char *p;
		size_t n;
	} rows[] = {
		{ "nothing", "", 0 },
		{ "no header", "just text\r\n", 11 },
		{ "a header that is none", ": : :\r\n\r\n\r\n", 11 },
		{ "NUL", "a\0b: c\r\n", 8 },
		{ "8-bit header that is not UTF-8", "Subject: \xff\xfe\r\n\r\nx\r\n",
		  19 },
		{ "only line ends", "\r\n\r\n\r\n", 6 },
		{ "a Subject that is garbage", "Subject: =?utf-8?B?////?=\r\n\r\n", 29 },
		{ "a To that is garbage", "To: <<<>>>,,,;;@@\r\n\r\n", 21 },
	};
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f = { 0 };
		char command[64];
		fake_open(&f, NULL);
		fake_say(&f, ENVELOPE);
		fake_forget(&f);
		snprintf(command, sizeof(command), "BDAT %zu LAST\r\n", rows[i].n);
		fake_say(&f, command);
		fake_send(&f, rows[i].p, rows[i].n);
		failed += fake_expect(&f, rows[i].sentence, "250 2.0.0");
		failed += expect_body(&f, rows[i].sentence,
				      span_make(rows[i].p, rows[i].n));
		fake_close(&f);
	}
	assert_int_equal(failed, 0);
}

/* Whatever the cuts, what is kept of a large message is the message, and nothing of it piles up. */
static void
test_a_large_message_by_data_and_by_bdat(void **state)
{
	enum { LINES = 4000 };
	struct buf body, wire;

	(void)state;
	buf_init(&body, 1 << 22);
	buf_init(&wire, 1 << 22);
	buf_append_text(&body, "Subject: large\r\n\r\n");
	buf_append_text(&wire, "Subject: large\r\n\r\n");
	for (int i = 0; i < LINES; i++) {
		buf_printf(&body,
			   "%s line %d of many, and what it says is of no matter\r\n",
			   i % 7 == 0 ? "." : "", i);
		buf_printf(&wire,
			   "%s line %d of many, and what it says is of no matter\r\n",
			   i % 7 == 0 ? ".." : "", i);
	}
	buf_append_text(&wire, ".\r\n");
	for (unsigned cut = 0; cut < 5; cut++) {
		struct fake f = { 0 };
		fake_open(&f, NULL);
		fake_say(&f, ENVELOPE "DATA\r\n");
		fake_send_cut(&f, buf_span(&wire).p, wire.n, cut);
		assert_int_equal(f.commits, 1);
		assert_int_equal(expect_body(&f, "by DATA", buf_span(&body)), 0);
		fake_say(&f, "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\n");
		char command[64];
		snprintf(command, sizeof(command), "BDAT %zu\r\n", body.n - 10);
		fake_say(&f, command);
		fake_send_cut(&f, buf_span(&body).p, body.n - 10, cut);
		fake_say(&f, "BDAT 10 LAST\r\n");
		fake_send_cut(&f, buf_span(&body).p + body.n - 10, 10, cut);
		assert_int_equal(f.commits, 2);
		assert_int_equal(expect_body(&f, "by BDAT", buf_span(&body)), 0);
		fake_close(&f);
	}
	buf_done(&body);
	buf_done(&wire);
}

/* A chunk that cannot fit is not stored, not even in part. */
static void
test_what_is_too_large_is_not_stored(void **state)
{
	struct server_listener_settings s = { .message_size_max = 1000 };
	struct fake f = { 0 };
	char *octets = calloc(1, 1 << 20);

	(void)state;
	assert_non_null(octets);
	fake_open(&f, &s);
	fake_say(&f, ENVELOPE "BDAT 1048576 LAST\r\n");
	assert_int_equal(f.drafts_open, 0);
	fake_send(&f, octets, 1 << 20);
	assert_int_equal(f.largest_draft, 0);
	fake_say(&f, "MAIL FROM:<s@x>\r\nRCPT TO:<r@y>\r\nDATA\r\n");
	fake_send(&f, octets, 1 << 20);
	assert_int_equal(f.drafts_open, 0);
	assert_in_range(f.largest_draft, 0, 1000);
	fake_say(&f, "\r\n.\r\n");
	assert_int_equal(
		fake_expect(&f, "both are refused",
			    "220|250|250 2.1.0|250 2.1.5|552 5.3.4|250 2.1.0|250 2.1.5|"
			    "354|552 5.3.4"),
		0);
	assert_int_equal(f.refused, 2);
	fake_close(&f);
	free(octets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smuggling_ends_no_message),
		cmocka_unit_test(test_unstuffed_dots_end_no_message),
		cmocka_unit_test(test_a_header_over_its_limit_is_no_reason_to_refuse),
		cmocka_unit_test(test_bare_line_ends),
		cmocka_unit_test(test_no_content_is_refused),
		cmocka_unit_test(test_a_large_message_by_data_and_by_bdat),
		cmocka_unit_test(test_what_is_too_large_is_not_stored),
	};

	return cmocka_run_group_tests(tests, fake_quiet, fake_loud);
}

/*
 * test_message.c - words, values and the packed list of recipients.
 */
#include "spool_fixture.h"

#include "store/pack.h"

static void
names_are_those_of_the_database(void **state)
{
	(void)state;
	for (int i = 0; i < JOURNAL_STATE_COUNT; i++) {
		enum journal_state s;
		const char *name = journal_state_name((enum journal_state)i);
		assert_int_equal(journal_state_parse(span_of(name), &s), 0);
		assert_int_equal(s, i);
	}
	enum journal_state s = JOURNAL_DEAD;
	assert_int_equal(journal_state_parse(span_of("Waiting"), &s), -1);
	assert_int_equal(journal_state_parse(span_of(""), &s), -1);
	assert_int_equal(s, JOURNAL_DEAD);
}

static void
what_dsn_is_to_return_has_its_words(void **state)
{
	(void)state;
	assert_null(message_ret_name(MESSAGE_RET_NONE));
	assert_string_equal(message_ret_name(MESSAGE_RET_HDRS), "hdrs");
	assert_string_equal(message_ret_name(MESSAGE_RET_FULL), "full");
}

static const struct {
	const char *name;
	const char *address, *orcpt;
	enum recipient_source source;
	unsigned notify;
	const char *packed;
} packs[] = {
	{ "a plain recipient", "a@b.example", NULL, RECIPIENT_FROM_ENVELOPE, 0,
	  "envelope\t0\ta@b.example\n" },
	{ "one with orcpt and notify", "a@b", "rfc822;c@d", RECIPIENT_FROM_COPY, 6,
	  "copy\t6\ta@b\trfc822;c@d\n" },
	{ "an empty orcpt is not a missing one", "a@b", "", RECIPIENT_FROM_HEADER, 0,
	  "header\t0\ta@b\t\n" },
	{ "an empty address", "", NULL, RECIPIENT_FROM_HEADER, 0, "header\t0\t\n" },
	{ "separators within a field are escaped", "a\tb\nc\rd\\e", "\\n\n",
	  RECIPIENT_FROM_COPY, 1, "copy\t1\ta\\tb\\nc\\rd\\\\e\t\\\\n\\n\n" },
	{ "bytes that are no UTF-8 stay", "\xff\x80@b", NULL, RECIPIENT_FROM_COPY, 0,
	  "copy\t0\t\xff\x80@b\n" },
};

static void
recipients_come_back_as_they_were(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(packs) / sizeof(packs[0]); i++) {
		struct spool_message *m = spool_message_new(),
				     *back = spool_message_new();
		struct buf b;
		struct span orcpt = packs[i].orcpt == NULL ? span_make(NULL, 0)
							   : span_of(packs[i].orcpt);
		buf_init(&b, 4096);
		assert_int_equal(spool_message_add_recipient(m, span_of(packs[i].address),
							     orcpt, packs[i].notify,
							     packs[i].source),
				 0);
		assert_int_equal(pack_recipients(m, &b), 0);
		if (!span_equal(buf_span(&b), span_of(packs[i].packed)))
			fail_msg("%s: got %s, want %s", packs[i].name, buf_text(&b),
				 packs[i].packed);
		assert_int_equal(unpack_recipients(buf_span(&b), back), UNPACK_OK);
		assert_int_equal(back->n_recipients, 1);
		const struct message_recipient *r = &back->recipients[0];
		if (strcmp(r->address, packs[i].address) != 0 ||
		    (r->orcpt == NULL) != (packs[i].orcpt == NULL) ||
		    (r->orcpt != NULL && strcmp(r->orcpt, packs[i].orcpt) != 0) ||
		    r->notify != packs[i].notify || r->source != packs[i].source)
			fail_msg("%s: came back as %s %s", packs[i].name, r->address,
				 r->orcpt == NULL ? "-" : r->orcpt);
		buf_done(&b);
		spool_message_unref(m);
		spool_message_unref(back);
	}
}

static void
many_recipients_keep_their_order(void **state)
{
	struct spool_message *m = spool_message_new(), *back = spool_message_new();
	struct buf b;
	char address[32];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "r%u@b", i);
		spool_message_add_recipient(m, span_of(address), span_make(NULL, 0), i,
					    RECIPIENT_FROM_COPY);
	}
	buf_init(&b, PACK_RECIPIENTS_MAX);
	assert_int_equal(pack_recipients(m, &b), 0);
	assert_int_equal(unpack_recipients(buf_span(&b), back), UNPACK_OK);
	assert_int_equal(back->n_recipients, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(back->recipients[i].notify, i);
	buf_done(&b);
	spool_message_unref(m);
	spool_message_unref(back);
}

static const struct {
	const char *name, *text;
	size_t n;
} damaged[] = {
	{ "no final line feed", "copy\t0\ta@b", 10 },
	{ "too few fields", "copy\t0\n", 7 },
	{ "too many fields", "copy\t0\ta\tb\tc\n", 13 },
	{ "an unknown source", "cop\t0\ta@b\n", 10 },
	{ "a notify that is no number", "copy\tx\ta@b\n", 11 },
	{ "a notify without digits", "copy\t\ta@b\n", 10 },
	{ "an escape that is not ours", "copy\t0\ta\\x\n", 11 },
	{ "a backslash at the end of a field", "copy\t0\ta\\\n", 10 },
	{ "a NUL in an address", "copy\t0\ta\0b\n", 11 },
};

static void
a_damaged_list_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct spool_message *m = spool_message_new();
		enum unpack got =
			unpack_recipients(span_make(damaged[i].text, damaged[i].n), m);
		if (got != UNPACK_CORRUPT)
			fail_msg("%s: got %d, want %d", damaged[i].name, got,
				 UNPACK_CORRUPT);
		spool_message_unref(m);
	}
}

static void
terms_have_names_of_their_own(void **state)
{
	char a[ACCOUNT_TERM_MAX], b[ACCOUNT_TERM_MAX];

	(void)state;
	for (unsigned i = 0; i < TERM_COUNT; i++)
		for (unsigned j = 0; j < i; j++) {
			account_term_name(i, a);
			account_term_name(j, b);
			assert_string_not_equal(a, b);
		}
	account_term_name(TERM_STATE + JOURNAL_UNCERTAIN, a);
	assert_string_equal(a, "state.uncertain");
	account_term_name(TERM_DROPPED + DROP_LOOP, a);
	assert_string_equal(a, "dropped.loop");
}

static void
the_gap_is_what_is_missing(void **state)
{
	struct spool_account a = { .created = { 5, 4, 3, 2, 1 }, .deleted = 2 };

	(void)state;
	a.state[JOURNAL_DELIVERED] = 6;
	a.state[JOURNAL_WAITING] = 3;
	a.dropped[DROP_POLICY] = 4;
	assert_int_equal(spool_account_gap(&a), 0);
	a.state[JOURNAL_DEAD] = 1;
	assert_int_equal(spool_account_gap(&a), -1);
	a.deleted = 0;
	assert_int_equal(spool_account_gap(&a), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_database),
		cmocka_unit_test(what_dsn_is_to_return_has_its_words),
		cmocka_unit_test(recipients_come_back_as_they_were),
		cmocka_unit_test(many_recipients_keep_their_order),
		cmocka_unit_test(a_damaged_list_is_refused),
		cmocka_unit_test(terms_have_names_of_their_own),
		cmocka_unit_test(the_gap_is_what_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

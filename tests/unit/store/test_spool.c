/*
 * test_spool.c - acceptance, the due queue and outcomes, in all three places of a body.
 */
#include "spool_fixture.h"

static const struct place_row {
	const char *name;
	size_t size;
	enum body_place place;
} places[] = {
	{ "an empty body is inline", 0, BODY_INLINE },
	{ "one byte is inline", 1, BODY_INLINE },
	{ "the last inline size", 16 * 1024, BODY_INLINE },
	{ "the first segment size", 16 * 1024 + 1, BODY_SEGMENT },
	{ "a middle body is in a segment", 100000, BODY_SEGMENT },
	{ "the last segment size", 256 * 1024, BODY_SEGMENT },
	{ "the first file size", 256 * 1024 + 1, BODY_FILE },
	{ "a large body has a file of its own", 3000001, BODY_FILE },
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static void
assert_same_journal(const char *row, const struct spool_journal *got,
		    const struct spool_journal *want)
{
	if (got->mid != want->mid || memcmp(&got->uid, &want->uid, UID_BYTES) != 0 ||
	    got->kind != want->kind || got->state != want->state ||
	    got->attempts != want->attempts || got->created_at != want->created_at ||
	    strcmp(got->policy, want->policy) != 0)
		fail_msg("%s: the journal's row came back different", row);
	if (memcmp(spool_body_facts(got->body), spool_body_facts(want->body),
		   sizeof(struct body_facts)) != 0)
		fail_msg("%s: the facts of the body came back different", row);
	if (strcmp(got->message->sender, want->message->sender) != 0 ||
	    got->message->mid != want->message->mid)
		fail_msg("%s: the message came back different", row);
}

static void
bodies_come_back_byte_for_byte(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < PLACES; i++) {
		accept_one(&f, "DEFAULT", i, places[i].size);
		struct spool_journal *j = f.fresh[f.n_fresh - 1];
		if (spool_body_place(j->body) != places[i].place)
			fail_msg("%s: got %s", places[i].name,
				 body_place_name(spool_body_place(j->body)));
		assert_body(&f, places[i].name, j->body, i, places[i].size); /* hot */
	}
	fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 100, 1u << 30);
	assert_int_equal(f.n_rows, PLACES);
	assert_true(f.due.is_end);
	for (size_t i = 0; i < PLACES; i++) {
		assert_same_journal(places[i].name, f.rows[i], f.fresh[i]);
		assert_body(&f, places[i].name, f.rows[i]->body, i,
			    places[i].size); /* read */
	}
	for (size_t i = 0; i < PLACES; i++) { /* cold: without data in memory */
		struct spool_journal *j = fetch_one(&f, f.fresh[i]->mid);
		assert_non_null(j);
		assert_null(j->body->data);
		assert_body(&f, places[i].name, j->body, i, places[i].size);
	}
	assert_account(&f, "after acceptance");
	fixture_done(&f);
}

static void
everything_is_found_after_a_restart(void **state)
{
	struct fixture f;
	uint64_t mids[PLACES];

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < PLACES; i++)
		mids[i] = accept_one(&f, "DEFAULT", i, places[i].size);
	close_spool(&f);
	open_spool(&f);
	assert_true(f.recovery.was_clean);
	assert_int_equal(f.recovery.waiting, PLACES);
	assert_int_equal(f.recovery.orphan_files, 0);
	for (size_t i = 0; i < PLACES; i++) {
		struct spool_journal *j = fetch_one(&f, mids[i]);
		assert_non_null(j);
		assert_body(&f, places[i].name, j->body, i, places[i].size);
	}
	assert_account(&f, "after a restart");
	fixture_done(&f);
}

static void
delivered_bodies_leave_nothing_behind(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < PLACES; i++)
		record(&f, OUTCOME_DELIVERED,
		       accept_one(&f, "DEFAULT", i, places[i].size));
	assert_account(&f, "after delivery");
	assert_int_equal(spool_account(f.sp)->state[JOURNAL_DELIVERED], PLACES);
	assert_int_equal(spool_account(f.sp)->oldest_waiting_at, 0);
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM journal"), 0);
	assert_int_equal(ask(&f, "SELECT count(*) FROM message"), 0);
	assert_int_equal(ask(&f, "SELECT count(*) FROM body"), 0);
	open_spool(&f); /* which closes the segment that was open */
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM segment"), 0);
	assert_int_equal(count_files(&f), 0);
	fixture_done(&f);
}

static void
one_body_serves_many_journals(void **state)
{
	struct fixture f;
	struct spool_plan plans[5] = {
		{ .policy = "one", .rids = "0,2" },
		{ .policy = "two", .kind = JOURNAL_KIND_FORWARD },
		{ .policy = "three", .drop = DROP_POLICY },
		{ .policy = "four", .drop = DROP_LOOP },
		{ .policy = "five" },
	};

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_int_equal(begin_accept(&f, 7, 5000, plans, 5), 0);
	AWAIT(&f, f.done == 1);
	assert_int_equal(f.failed, 0);
	assert_int_equal(f.n_fresh, 3);
	assert_string_equal(f.fresh[0]->rids, "0,2");
	assert_int_equal(f.fresh[1]->kind, JOURNAL_KIND_FORWARD);
	assert_ptr_equal(f.fresh[0]->body, f.fresh[2]->body);
	const struct spool_account *a = settle(&f);
	assert_int_equal(a->messages, 1);
	assert_int_equal(a->created[MESSAGE_FROM_SMTP], 5);
	assert_int_equal(a->dropped[DROP_POLICY], 1);
	assert_int_equal(a->dropped[DROP_LOOP], 1);
	assert_int_equal(a->state[JOURNAL_WAITING], 3);
	assert_account(&f, "five plans");
	record(&f, OUTCOME_DELIVERED, plans[0].mid);
	record(&f, OUTCOME_DELIVERED, plans[4].mid);
	settle(&f);
	/* The last one still has its bytes. */
	struct spool_journal *j = fetch_one(&f, plans[1].mid);
	assert_non_null(j);
	assert_body(&f, "the last of three journals", j->body, 7, 5000);
	record(&f, OUTCOME_DROPPED, plans[1].mid);
	assert_account(&f, "after the last");
	assert_int_equal(spool_account(f.sp)->dropped[DROP_ROUTE], 1);
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM body"), 0);
	fixture_done(&f);
}

static void
a_message_of_drops_alone_is_only_accounted(void **state)
{
	struct fixture f;
	struct spool_plan plans[2] = { { .policy = "a", .drop = DROP_DIRECTION },
				       { .policy = "b", .drop = DROP_DUPLICATE } };

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < PLACES; i++)
		assert_int_equal(begin_accept(&f, i, places[i].size, plans, 2), 0);
	AWAIT(&f, f.done == PLACES);
	assert_int_equal(f.failed, 0);
	assert_int_equal(f.n_fresh, 0);
	assert_account(&f, "drops");
	assert_int_equal(spool_account(f.sp)->messages, PLACES);
	assert_int_equal(spool_account(f.sp)->dropped[DROP_DUPLICATE], PLACES);
	close_spool(&f);
	assert_int_equal(ask(&f, "SELECT count(*) FROM body"), 0);
	assert_int_equal(count_files(&f), 0);
	fixture_done(&f);
}

static void
the_envelope_comes_back_whole(void **state)
{
	struct fixture f;
	struct spool_draft *d;
	struct body_facts facts = make_facts(1, 3);
	struct spool_plan plan = { .policy = "DEFAULT" };

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	struct spool_message *m = make_message(&f);
	spool_message_add_recipient(m, span_of("b@y"), span_of("rfc822;b+c@y"), 3,
				    RECIPIENT_FROM_COPY);
	spool_message_add_recipient(m, span_of("c\t@y"), span_make(NULL, 0), 0,
				    RECIPIENT_FROM_HEADER);
	char **fields[] = { &m->envid,       &m->listener,       &m->client_address,
			    &m->client_name, &m->helo,           &m->protocol,
			    &m->queue_id,    &m->forward_source, &m->subject,
			    &m->message_id };
	for (size_t i = 0; i < 10; i++) {
		char text[32];
		snprintf(text, sizeof(text), "field %zu \xc3\xa9\n", i);
		spool_message_set(fields[i], span_of(text));
	}
	m->source = MESSAGE_FROM_LMTP;
	m->ret = MESSAGE_RET_FULL;
	m->icid = 99;
	m->is_smtputf8 = m->is_requiretls = true;
	assert_int_equal(spool_draft_new(f.sp, 3, &d, &f.error), 0);
	assert_int_equal(spool_draft_append(d, "abc", 3, &f.error), 0);
	plan.mid = spool_next_mid(f.sp);
	spool_commit(d, m, &facts, &plan, 1, on_done, &f);
	AWAIT(&f, f.done == 1);
	struct spool_journal *j = fetch_one(&f, plan.mid);
	assert_non_null(j);
	struct spool_message *got = j->message;
	assert_int_equal(got->n_recipients, 3);
	assert_string_equal(got->recipients[1].orcpt, "rfc822;b+c@y");
	assert_string_equal(got->recipients[2].address, "c\t@y");
	assert_null(got->recipients[2].orcpt);
	char **back[] = { &got->envid,       &got->listener,       &got->client_address,
			  &got->client_name, &got->helo,           &got->protocol,
			  &got->queue_id,    &got->forward_source, &got->subject,
			  &got->message_id };
	for (size_t i = 0; i < 10; i++)
		assert_string_equal(*back[i], *fields[i]);
	assert_null(got->header_from);
	assert_int_equal(got->source, MESSAGE_FROM_LMTP);
	assert_int_equal(got->ret, MESSAGE_RET_FULL);
	assert_int_equal(got->icid, 99);
	assert_true(got->is_smtputf8 && got->is_requiretls && !got->is_8bitmime &&
		    !got->is_binarymime);
	assert_int_equal(got->accepted_at, T0);
	spool_message_unref(m);
	fixture_done(&f);
}

/* -- the due queue -- */

static void
the_due_queue_is_in_order_and_pages_meet(void **state)
{
	struct fixture f;
	uint64_t mids[20];
	struct spool_cursor after = { 0, 0 };
	size_t seen = 0;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < 20; i++) {
		mids[i] = accept_one(&f, i % 2 == 0 ? "even" : "odd", i, 100 + i);
		if (i % 4 ==
		    0) { /* a time of its own: 0 4 8 12 16, the later ones earlier */
			struct spool_outcome o = { .kind = OUTCOME_SOFT,
						   .mid = mids[i],
						   .attempts = 1,
						   .next_at = T0 + 1000 - (int64_t)i };
			spool_record(f.sp, &o);
		}
	}
	settle(&f);
	/* Nothing with a time of its own is due yet. */
	fetch_due(&f, "even", after, 100, 1u << 20);
	assert_int_equal(f.n_rows, 5);
	assert_int_equal(f.due.earliest_at, T0 + 1000 - 16);
	clock_manual_advance(&f.clock, 2000);
	const size_t want[] = { 2, 6, 10, 14, 18, 16, 12, 8, 4, 0 };
	do {
		fetch_due(&f, "even", after, 3, 1u << 20);
		for (size_t i = 0; i < f.n_rows; i++, seen++)
			if (seen >= 10 || f.rows[i]->mid != mids[want[seen]])
				fail_msg("row %zu is MID %" PRIu64
					 ", want that of message %zu",
					 seen, f.rows[i]->mid,
					 seen < 10 ? want[seen] : 99);
		after = f.due.next;
	} while (!f.due.is_end);
	assert_int_equal(seen, 10);
	assert_int_equal(f.due.earliest_at, 0);
	/* Beyond the end there is nothing, and an unknown policy has nothing. */
	fetch_due(&f, "even", after, 3, 1u << 20);
	assert_int_equal(f.n_rows, 0);
	assert_true(f.due.is_end);
	fetch_due(&f, "nobody", (struct spool_cursor){ 0, 0 }, 3, 100);
	assert_int_equal(f.n_rows, 0);
	assert_true(f.due.is_end);
	fixture_done(&f);
}

static void
a_page_is_bounded_by_bytes(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < 10; i++)
		accept_one(&f, "DEFAULT", i, 1000);
	fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 100, 2500);
	assert_int_equal(f.n_rows, 3);
	assert_false(f.due.is_end);
	/*
	 * One row comes in any case: a page without progress would be asked for for ever.
	 */
	fetch_due(&f, "DEFAULT", f.due.next, 100, 1);
	assert_int_equal(f.n_rows, 1);
	fixture_done(&f);
}

/* Who looks at rows alone walks them in few steps, and reads no body. */
static void
a_page_without_bodies_is_bounded_by_rows_alone(void **state)
{
	enum { ROWS = 25, PAGE = 10 };
	struct spool_cursor after = { 0, 0 };
	struct spool_status s;
	struct fixture f;
	unsigned fetches = 0, seen = 0;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < ROWS; i++)
		accept_one(&f, "DEFAULT", i, 10000);
	close_spool(&f);
	open_spool(&f); /* nothing is hot */
	do {
		fetch_due(&f, "DEFAULT", after, PAGE, 0);
		for (size_t i = 0; i < f.n_rows; i++)
			assert_null(f.rows[i]->body->data);
		seen += (unsigned)f.n_rows;
		after = f.due.next;
		fetches++;
	} while (!f.due.is_end);
	assert_int_equal(seen, ROWS);
	assert_int_equal(fetches, 3);
	spool_status(f.sp, &s);
	assert_int_equal(s.hot_bytes, 0);
	fixture_done(&f);
}

static void
waiting_policies_are_known(void **state)
{
	struct fixture f;
	const char *names[4];

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t a = accept_one(&f, "a", 1, 10);
	accept_one(&f, "b", 1, 10);
	assert_int_equal(spool_waiting_policies(f.sp, names, 4), 2);
	assert_int_equal(spool_waiting_policies(f.sp, names, 1), 1);
	record(&f, OUTCOME_DELIVERED, a);
	settle(&f);
	assert_int_equal(spool_waiting_policies(f.sp, names, 4), 1);
	assert_string_equal(names[0], "b");
	close_spool(&f);
	open_spool(&f);
	assert_int_equal(spool_waiting_policies(f.sp, names, 4), 1);
	assert_string_equal(names[0], "b");
	fixture_done(&f);
}

/* -- outcomes -- */

static const struct {
	const char *name;
	enum outcome_kind kind;
	bool is_there;
	enum journal_state state;
	bool has_next, has_profile, is_ended;
} outcomes[] = {
	{ "delivered goes at once", OUTCOME_DELIVERED, false, JOURNAL_DELIVERED, false,
	  false, false },
	{ "a soft bounce waits", OUTCOME_SOFT, true, JOURNAL_WAITING, true, false,
	  false },
	{ "uncertain keeps its profile", OUTCOME_UNCERTAIN, true, JOURNAL_UNCERTAIN, true,
	  true, false },
	{ "a dead letter stays", OUTCOME_DEAD, true, JOURNAL_DEAD, false, false, true },
	{ "held stays", OUTCOME_HELD, true, JOURNAL_HELD, false, false, false },
	{ "quarantined stays", OUTCOME_QUARANTINED, true, JOURNAL_QUARANTINED, false,
	  false, false },
	{ "dropped goes", OUTCOME_DROPPED, false, JOURNAL_DELIVERED, false, false,
	  false },
};

static void
outcomes_move_rows(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		const char *name = outcomes[i].name;
		uint64_t mid = accept_one(&f, "DEFAULT", i, 50);
		record(&f, outcomes[i].kind, mid);
		assert_account(&f, name);
		struct spool_journal *j = fetch_one(&f, mid);
		if ((j != NULL) != outcomes[i].is_there)
			fail_msg("%s: the row is %s", name, j != NULL ? "there" : "gone");
		if (j == NULL)
			continue;
		if (j->state != outcomes[i].state)
			fail_msg("%s: got %s", name, journal_state_name(j->state));
		if (j->attempts != 1 || strcmp(j->last_reply, "250 2.0.0 fine") != 0 ||
		    strcmp(j->tls, "TLSv1.3") != 0 ||
		    strcmp(j->destination, "intake.example") != 0)
			fail_msg("%s: the evidence of the attempt is not there", name);
		if ((j->next_at == T0 + 60000) != outcomes[i].has_next ||
		    (j->profile != NULL) != outcomes[i].has_profile ||
		    (j->ended_at == T0) != outcomes[i].is_ended)
			fail_msg("%s: next_at %" PRId64 ", profile %s, ended_at %" PRId64,
				 name, j->next_at, j->profile == NULL ? "-" : j->profile,
				 j->ended_at);
	}
	fixture_done(&f);
}

static void
an_outcome_leaves_a_row_alone_that_is_no_longer_its_own(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t mid = accept_one(&f, "DEFAULT", 1, 50);
	assert_int_equal(change(&f, CHANGE_HOLD, mid), 1);
	record(&f, OUTCOME_SOFT, mid); /* what wins over held is in test_change.c */
	record(&f, OUTCOME_DEAD, mid);
	record(&f, OUTCOME_DELIVERED, 123456789); /* no such row */
	assert_int_equal(spool_outcomes_recorded(f.sp), 3);
	assert_account(&f, "outcomes of a held row");
	assert_int_equal(spool_outcomes_committed(f.sp), 3);
	assert_int_equal(fetch_one(&f, mid)->state, JOURNAL_HELD);
	fixture_done(&f);
}

static void
an_uncertain_row_keeps_its_bytes_through_a_soft_bounce(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	uint64_t mid = accept_one(&f, "DEFAULT", 1, 50);
	record(&f, OUTCOME_UNCERTAIN, mid);
	record(&f, OUTCOME_SOFT, mid);
	settle(&f);
	struct spool_journal *j = fetch_one(&f, mid);
	assert_int_equal(j->state, JOURNAL_WAITING);
	assert_string_equal(j->profile, "journal;1");
	fixture_done(&f);
}

static void
an_outcome_is_synced_within_a_second(void **state)
{
	struct fixture f;
	struct spool_status s;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	record(&f, OUTCOME_SOFT, accept_one(&f, "DEFAULT", 1, 50));
	AWAIT(&f, (spool_status(f.sp, &s), s.unsynced_outcomes == 1));
	int64_t since = now_ms();
	AWAIT(&f, (spool_status(f.sp, &s), s.unsynced_outcomes == 0));
	assert_true(now_ms() - since < 1500);
	fixture_done(&f);
}

/* -- identity, profiles, instances -- */

static void
mids_are_never_given_twice(void **state)
{
	struct fixture f;
	uint64_t last = 0;

	(void)state;
	fixture_init(&f);
	for (int round = 0; round < 3; round++) {
		open_spool(&f);
		for (int i = 0; i < 25000; i++) {
			uint64_t mid = spool_next_mid(f.sp);
			if (mid <= last)
				fail_msg("MID %" PRIu64 " after %" PRIu64, mid, last);
			last = mid;
			if (i % 1000 == 0)
				loop_run_once(f.loop, 1, NULL);
		}
		close_spool(&f);
	}
	/* After an orderly stop no number is wasted. */
	open_spool(&f);
	assert_int_equal(spool_next_mid(f.sp), last + 1);
	assert_int_equal(spool_unclean_mid(f.sp), 0);
	fixture_done(&f);
}

static void
destination_profiles_survive(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_null(spool_destination_profile(f.sp, "a.example"));
	spool_set_destination_profile(f.sp, "a.example", "p1", on_done, &f);
	spool_set_destination_profile(f.sp, "b.example", "p1", on_done, &f);
	AWAIT(&f, f.done == 2);
	spool_set_destination_profile(f.sp, "a.example", "p2", on_done, &f);
	AWAIT(&f, f.done == 3);
	assert_int_equal(f.failed, 0);
	assert_string_equal(spool_destination_profile(f.sp, "a.example"), "p2");
	close_spool(&f);
	open_spool(&f);
	assert_string_equal(spool_destination_profile(f.sp, "a.example"), "p2");
	assert_string_equal(spool_destination_profile(f.sp, "b.example"), "p1");
	fixture_done(&f);
}

static void
a_second_instance_is_refused(void **state)
{
	struct fixture f;
	struct spool *other = NULL;
	struct err e;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_int_equal(spool_open(f.loop, &f.settings, &other, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_BUSY);
	close_spool(&f);
	open_spool(&f);
	fixture_done(&f);
}

static const struct {
	const char *name, *sql;
	enum err_kind kind;
} unusable[] = {
	{ "a newer schema", "PRAGMA user_version=999", ERR_CONFIG },
	{ "a database of another program", "PRAGMA application_id=77", ERR_CORRUPT },
};

static void
a_database_that_is_not_ours_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
		struct fixture f;
		struct err e;
		fixture_init(&f);
		open_spool(&f);
		close_spool(&f);
		tamper(&f, unusable[i].sql);
		assert_int_equal(try_open(&f, &e), -1);
		if (e.kind != unusable[i].kind)
			fail_msg("%s: got %s (%s)", unusable[i].name,
				 err_kind_name(e.kind), e.text);
		fixture_done(&f);
	}
}

/* -- manners of drafts -- */

static void
an_abandoned_draft_leaves_nothing(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < PLACES; i++) {
		struct spool_draft *d;
		char *p = make_bytes(i, places[i].size);
		assert_int_equal(spool_draft_new(f.sp, places[i].size, &d, &f.error), 0);
		assert_int_equal(spool_draft_append(d, p, places[i].size, &f.error), 0);
		spool_draft_free(d);
		free(p);
	}
	close_spool(&f);
	assert_int_equal(count_files(&f), 0);
	fixture_done(&f);
}

static void
a_body_beyond_the_maximum_is_refused(void **state)
{
	struct fixture f;
	struct spool_draft *d;
	struct spool_plan plan = { .policy = "DEFAULT" };
	char *p = make_bytes(1, 2000);

	(void)state;
	fixture_init(&f);
	f.settings.body_size_max = 1000;
	open_spool(&f);
	assert_int_equal(spool_draft_new(f.sp, 1001, &d, &f.error), -1);
	assert_int_equal(f.error.kind, ERR_SIZE);
	assert_int_equal(spool_draft_new(f.sp, 0, &d, &f.error), 0);
	assert_int_equal(spool_draft_append(d, p, 1000, &f.error), 0);
	assert_int_equal(spool_draft_append(d, p, 1, &f.error), -1);
	assert_int_equal(f.error.kind, ERR_SIZE);
	/* Even committed, it fails, and with the same word. */
	struct spool_message *m = make_message(&f);
	struct body_facts facts = make_facts(1, 1000);
	plan.mid = spool_next_mid(f.sp);
	spool_commit(d, m, &facts, &plan, 1, on_done, &f);
	spool_message_unref(m);
	AWAIT(&f, f.done == 1);
	assert_int_equal(f.failed, 1);
	assert_int_equal(f.error.kind, ERR_SIZE);
	assert_account(&f, "a spoiled draft");
	assert_int_equal(spool_account(f.sp)->messages, 0);
	free(p);
	fixture_done(&f);
}

static void
a_large_draft_is_bounded_in_memory(void **state)
{
	struct fixture f;
	struct spool_draft *d;
	struct spool_status s;
	uint64_t most = 0;
	unsigned waits = 0;
	size_t size = 24u << 20;
	struct spool_plan plan = { .policy = "DEFAULT" };
	char *p = make_bytes(3, size);

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_int_equal(spool_draft_new(f.sp, size, &d, &f.error), 0);
	for (size_t at = 0; at < size; at += 65536) {
		assert_int_equal(spool_draft_append(d, p + at, 65536, &f.error), 0);
		spool_status(f.sp, &s);
		most = s.in_flight_bytes > most ? s.in_flight_bytes : most;
		if (spool_draft_is_full(d)) {
			bool has_room = false;
			waits++;
			spool_draft_when_room(d, room, &has_room);
			AWAIT(&f, has_room);
		}
	}
	if (most > 6u * DRAFT_CHUNK)
		fail_msg("%" PRIu64 " bytes in memory, want at most %d", most,
			 6 * DRAFT_CHUNK);
	assert_true(waits > 0);
	struct spool_message *m = make_message(&f);
	struct body_facts facts = make_facts(3, size);
	plan.mid = spool_next_mid(f.sp);
	spool_commit(d, m, &facts, &plan, 1, on_done, &f);
	spool_message_unref(m);
	AWAIT(&f, f.done == 1);
	assert_int_equal(f.failed, 0);
	spool_status(f.sp, &s);
	assert_int_equal(s.in_flight_bytes, 0);
	assert_body(&f, "24 MiB", f.fresh[0]->body, 3, size);
	free(p);
	fixture_done(&f);
}

static void
small_drafts_spill_when_memory_is_short(void **state)
{
	struct fixture f;
	enum { DRAFTS = 20 };
	struct spool_draft *d[DRAFTS];
	struct spool_status s;

	(void)state;
	fixture_init(&f);
	f.settings.in_flight_max = 256 * 1024;
	open_spool(&f);
	for (int i = 0; i < DRAFTS; i++) {
		assert_int_equal(spool_draft_new(f.sp, 0, &d[i], &f.error), 0);
		assert_int_equal(fill_draft(&f, d[i], (uint64_t)i, 200 * 1024, &f.error),
				 0);
		spool_status(f.sp, &s);
		if (s.in_flight_bytes > 256 * 1024 + (uint64_t)DRAFTS * 16 * 1024)
			fail_msg("%" PRIu64 " bytes in flight", s.in_flight_bytes);
	}
	for (int i = 0; i < DRAFTS; i++) {
		struct spool_plan plan = { .policy = "DEFAULT",
					   .mid = spool_next_mid(f.sp) };
		struct spool_message *m = make_message(&f);
		struct body_facts facts = make_facts((uint64_t)i, 200 * 1024);
		spool_commit(d[i], m, &facts, &plan, 1, on_done, &f);
		spool_message_unref(m);
	}
	AWAIT(&f, f.done == DRAFTS);
	assert_int_equal(f.failed, 0);
	for (int i = 0; i < DRAFTS; i++) {
		uint64_t seed = spool_body_facts(f.fresh[i]->body)->sha256[0];
		assert_body(&f, "a spilled body", f.fresh[i]->body, seed, 200 * 1024);
	}
	fixture_done(&f);
}

static void
hot_bodies_stay_within_their_budget(void **state)
{
	struct fixture f;
	struct spool_status s;

	(void)state;
	fixture_init(&f);
	f.settings.hot_max = 100000;
	open_spool(&f);
	for (uint64_t i = 0; i < 30; i++) {
		accept_one(&f, "DEFAULT", i, 10000);
		spool_status(f.sp, &s);
		assert_true(s.hot_bytes <= 100000);
	}
	for (uint64_t i = 0; i < 30; i++) /* cold and hot ones alike */
		assert_body(&f, "within the budget", f.fresh[i]->body, i, 10000);
	spool_status(f.sp, &s);
	assert_true(s.hot_bytes <= 100000);
	fixture_done(&f);
}

static void
a_forgotten_commit_goes_on(void **state)
{
	struct fixture f;
	struct spool_draft *d;
	struct body_facts facts = make_facts(1, 3);

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_int_equal(spool_draft_new(f.sp, 3, &d, &f.error), 0);
	assert_int_equal(spool_draft_append(d, "abc", 3, &f.error), 0);
	struct spool_plan plan = { .policy = "DEFAULT", .mid = spool_next_mid(f.sp) };
	struct spool_message *m = make_message(&f);
	spool_commit_forget(spool_commit(d, m, &facts, &plan, 1, on_done, &f));
	spool_message_unref(m);
	AWAIT(&f, f.n_fresh == 1);
	assert_int_equal(f.done, 0);
	assert_int_equal(count_state(&f, JOURNAL_WAITING), 1);
	fixture_done(&f);
}

static void
what_is_queued_is_committed_by_closing(void **state)
{
	struct fixture f;
	struct spool_plan plan = { .policy = "DEFAULT" };

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	for (size_t i = 0; i < PLACES; i++)
		assert_int_equal(begin_accept(&f, i, places[i].size, &plan, 1), 0);
	struct spool *sp = f.sp;
	f.sp = NULL;
	spool_close(sp);
	assert_int_equal(f.done, PLACES); /* answered within the call */
	assert_int_equal(f.failed, 0);
	forget_fresh(&f);
	open_spool(&f);
	assert_int_equal(f.recovery.waiting, PLACES);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_come_back_byte_for_byte),
		cmocka_unit_test(everything_is_found_after_a_restart),
		cmocka_unit_test(delivered_bodies_leave_nothing_behind),
		cmocka_unit_test(one_body_serves_many_journals),
		cmocka_unit_test(a_message_of_drops_alone_is_only_accounted),
		cmocka_unit_test(the_envelope_comes_back_whole),
		cmocka_unit_test(the_due_queue_is_in_order_and_pages_meet),
		cmocka_unit_test(a_page_is_bounded_by_bytes),
		cmocka_unit_test(a_page_without_bodies_is_bounded_by_rows_alone),
		cmocka_unit_test(waiting_policies_are_known),
		cmocka_unit_test(outcomes_move_rows),
		cmocka_unit_test(an_outcome_leaves_a_row_alone_that_is_no_longer_its_own),
		cmocka_unit_test(an_uncertain_row_keeps_its_bytes_through_a_soft_bounce),
		cmocka_unit_test(an_outcome_is_synced_within_a_second),
		cmocka_unit_test(mids_are_never_given_twice),
		cmocka_unit_test(destination_profiles_survive),
		cmocka_unit_test(a_second_instance_is_refused),
		cmocka_unit_test(a_database_that_is_not_ours_is_refused),
		cmocka_unit_test(an_abandoned_draft_leaves_nothing),
		cmocka_unit_test(a_body_beyond_the_maximum_is_refused),
		cmocka_unit_test(a_large_draft_is_bounded_in_memory),
		cmocka_unit_test(small_drafts_spill_when_memory_is_short),
		cmocka_unit_test(hot_bodies_stay_within_their_budget),
		cmocka_unit_test(a_forgotten_commit_goes_on),
		cmocka_unit_test(what_is_queued_is_committed_by_closing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_spool.c - acceptance in all three places of a body, and the manners of drafts.
 */
#include "spool_fixture.h"

static const struct place_row {
	const char *name;
	size_t size;
	enum body_place place;
} places[] = {
	{ "an empty body is inline", 0, BODY_INLINE },
	{ "one byte is inline", 1, BODY_INLINE },
	{ "the last inline size", 8 * 1024, BODY_INLINE },
	{ "the first segment size", 8 * 1024 + 1, BODY_SEGMENT },
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

/* Counting it would be a lock around each allocation of both threads. */
static void
sqlite_does_not_count_its_memory(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	accept_one(&f, "DEFAULT", 1, 100);
	assert_int_equal(sqlite3_memory_used(), 0);
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
		cmocka_unit_test(sqlite_does_not_count_its_memory),
		cmocka_unit_test(everything_is_found_after_a_restart),
		cmocka_unit_test(delivered_bodies_leave_nothing_behind),
		cmocka_unit_test(one_body_serves_many_journals),
		cmocka_unit_test(a_message_of_drops_alone_is_only_accounted),
		cmocka_unit_test(the_envelope_comes_back_whole),
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

/*
 * test_corrupt.c - damaged rows, bodies and databases: reported by name, never in the way
 * of the rest.
 */
#include "spool_fixture.h"

#include "tdc/base/counter.h"

#include <fcntl.h>

/* Three messages; the middle one is damaged while the spool is closed. */
static const struct {
	const char *name, *sql;
} damages[] = {
	{ "a uid of the wrong length", "UPDATE journal SET uid = x'00' WHERE mid = @" },
	{ "an unknown kind", "UPDATE journal SET kind = 'joke' WHERE mid = @" },
	{ "a policy that does not exist",
	  "UPDATE journal SET policy = 999 WHERE mid = @" },
	{ "a message that does not exist",
	  "UPDATE journal SET message = 77777 WHERE mid = @" },
	{ "a list of recipients that is none",
	  "UPDATE message SET recipients = 'x' WHERE mid = (SELECT message FROM journal "
	  "WHERE mid = @)" },
	{ "a message without a body", "UPDATE message SET body = 4711 WHERE mid = "
				      "(SELECT message FROM journal WHERE mid = @)" },
	{ "an unknown source", "UPDATE message SET source = 'fax' WHERE mid = (SELECT "
			       "message FROM journal WHERE mid = @)" },
	{ "a digest of the wrong length",
	  "UPDATE body SET sha256 = x'01' WHERE id = (SELECT body FROM message WHERE mid "
	  "="
	  " (SELECT message FROM journal WHERE mid = @))" },
	{ "a checksum of the wrong length",
	  "UPDATE body SET checksum = x'01' WHERE id = (SELECT body FROM message WHERE "
	  "mid "
	  "="
	  " (SELECT message FROM journal WHERE mid = @))" },
	{ "an inline body that is too short",
	  "UPDATE body SET data = x'0102' WHERE id = (SELECT body FROM message WHERE mid "
	  "="
	  " (SELECT message FROM journal WHERE mid = @))" },
	{ "an unknown place", "UPDATE body SET place = 'cloud', data = NULL WHERE id = "
			      "(SELECT body FROM message WHERE mid ="
			      " (SELECT message FROM journal WHERE mid = @))" },
};

static void
damage(struct fixture *f, const char *sql, uint64_t mid)
{
	char text[1024];
	const char *at = strchr(sql, '@');

	snprintf(text, sizeof(text),
		 "PRAGMA ignore_check_constraints=ON; %.*s%" PRIu64 "%s", (int)(at - sql),
		 sql, mid, at + 1);
	tamper(f, text);
}

/* Whoever would retry it hears what is damaged, unless it is the inline body alone. */
static void
check_soundness(struct fixture *f, size_t i, uint64_t damaged, uint64_t sound)
{
	bool is_of_body = strstr(damages[i].name, "inline body") != NULL;

	f->is_answered = false;
	forget_rows(f);
	spool_fetch_sound(f->sp, damaged, on_due, f);
	AWAIT(f, f->is_answered);
	if (f->error.kind != (is_of_body ? ERR_NONE : ERR_CORRUPT) ||
	    f->n_rows != (is_of_body ? 1 : 0))
		fail_msg("%s: got %zu rows and \"%s\"", damages[i].name, f->n_rows,
			 f->error.text);
	if (!is_of_body)
		assert_non_null(strstr(f->error.text, " is damaged"));
	f->is_answered = false;
	forget_rows(f);
	spool_fetch_sound(f->sp, sound, on_due, f);
	AWAIT(f, f->is_answered);
	assert_int_equal(f->n_rows, 1);
	forget_rows(f);
}

static void
a_corrupt_row_is_quarantined_and_the_rest_comes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct fixture f;
		uint64_t mids[3];
		uint64_t counted = counter_get(COUNTER_QUARANTINED);

		fixture_init(&f);
		open_spool(&f);
		for (int k = 0; k < 3; k++)
			mids[k] = accept_one(&f, "DEFAULT", (uint64_t)k, 200);
		close_spool(&f);
		damage(&f, damages[i].sql, mids[1]);
		open_spool(&f);
		fetch_due(&f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 10, 1u << 20);
		if (f.n_rows != 2 || f.rows[0]->mid != mids[0] ||
		    f.rows[1]->mid != mids[2])
			fail_msg("%s: got %zu rows, want the two sound ones",
				 damages[i].name, f.n_rows);
		assert_account(&f, damages[i].name);
		if (spool_account(f.sp)->state[JOURNAL_QUARANTINED] != 1)
			fail_msg("%s: it is not quarantined", damages[i].name);
		assert_int_equal(counter_get(COUNTER_QUARANTINED), counted + 1);
		/* It is shown, as far as it can be read, and can be deleted. */
		list_rows(&f, JOURNAL_QUARANTINED, 0, 10);
		assert_int_equal(f.n_rows, 1);
		assert_int_equal(f.rows[0]->mid, mids[1]);
		assert_non_null(f.rows[0]->message);
		assert_string_equal(f.rows[0]->reason, "corrupt");
		check_soundness(&f, i, mids[1], mids[2]);
		assert_int_equal(change(&f, CHANGE_DELETE, mids[1]), 1);
		assert_account(&f, damages[i].name);
		fixture_done(&f);
	}
}

/* -- bodies outside the database -- */

static char found_path[512];

static int
find_outside(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_F &&
	    (strstr(path, ".body") != NULL || strstr(path, ".segment") != NULL))
		snprintf(found_path, sizeof(found_path), "%s", path);
	return 0;
}

static const struct {
	const char *name;
	size_t size;
	off_t keep; /* bytes that are left of the file; -1: it is gone */
} losses[] = {
	{ "a segment that was cut", 60000, 59999 },
	{ "a segment that is gone", 60000, -1 },
	{ "a body's file that was cut", 400000, 131072 },
	{ "a body's file that is empty", 400000, 0 },
	{ "a body's file that is gone", 400000, -1 },
};

/* New is what was not told, in whichever run it was found. */
static void
a_start_says_how_many_are_new_in_quarantine(void **state)
{
	static const struct {
		uint64_t found;
		bool is_told, is_deleted; /* all of them, and that is not told any more */
		uint64_t want;            /* at the next start */
	} runs[] = {
		{ 1, false, false, 1 }, { 0, false, false, 1 }, { 0, true, false, 0 },
		{ 1, true, false, 0 },  { 1, false, false, 1 }, { 0, true, false, 0 },
		{ 0, false, true, 0 },  { 2, false, false, 2 }, { 0, true, false, 0 },
	};
	enum { ROWS = 5 };
	struct fixture f;
	uint64_t mids[ROWS], kept = 0;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_int_equal(f.recovery.newly_quarantined, 0);
	for (uint64_t i = 0; i < ROWS; i++)
		mids[i] = accept_one(&f, "DEFAULT", i, 100);
	for (size_t i = 0, k = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		for (uint64_t n = 0; n < runs[i].found; n++, kept++)
			record(&f, OUTCOME_QUARANTINED, mids[k++]);
		if (runs[i].is_told)
			spool_quarantine_told(f.sp, kept);
		if (runs[i].is_deleted) {
			for (size_t n = 0; n < k; n++)
				assert_int_equal(change(&f, CHANGE_DELETE, mids[n]), 1);
			kept = 0;
		}
		close_spool(&f);
		open_spool(&f);
		assert_int_equal(f.recovery.quarantined, kept);
		if (f.recovery.newly_quarantined != runs[i].want)
			fail_msg("run %zu: got %" PRIu64 " new, want %" PRIu64, i,
				 f.recovery.newly_quarantined, runs[i].want);
	}
	fixture_done(&f);
}

/* Numbers that cannot be: what is told of a start is no more than there is. */
static const struct {
	const char *name, *sql;
	uint64_t quarantined, new;
} numbers[] = {
	{ "less than nothing is in quarantine",
	  "UPDATE account SET n = -7 WHERE term = 'state.quarantined'", 0, 0 },
	{ "less than nothing was told",
	  "UPDATE meta SET value = -7 WHERE key = 'quarantined'", 2, 2 },
	{ "more was told than there is",
	  "UPDATE meta SET value = 7 WHERE key = 'quarantined'", 2, 0 },
	{ "what was told is no number",
	  "UPDATE meta SET value = x'00' WHERE key = 'quarantined'", 2, 2 },
};

static void
a_start_says_nothing_that_cannot_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct fixture f;

		fixture_init(&f);
		open_spool(&f);
		for (uint64_t k = 0; k < 2; k++)
			record(&f, OUTCOME_QUARANTINED,
			       accept_one(&f, "DEFAULT", k, 100));
		spool_quarantine_told(f.sp, 1);
		close_spool(&f);
		tamper(&f, numbers[i].sql);
		open_spool(&f);
		if (f.recovery.quarantined != numbers[i].quarantined ||
		    f.recovery.newly_quarantined != numbers[i].new)
			fail_msg("%s: got %" PRIu64 ", %" PRIu64 " new", numbers[i].name,
				 f.recovery.quarantined, f.recovery.newly_quarantined);
		fixture_done(&f);
	}
}

static void
a_lost_body_is_corrupt_and_said_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct fixture f;
		size_t n;

		fixture_init(&f);
		open_spool(&f);
		uint64_t mid = accept_one(&f, "DEFAULT", 1, losses[i].size);
		uint64_t sound = accept_one(&f, "DEFAULT", 2, 100);
		close_spool(&f);
		nftw(f.directory, find_outside, 16, FTW_PHYS);
		if (losses[i].keep < 0)
			assert_int_equal(unlink(found_path), 0);
		else
			assert_int_equal(truncate(found_path, losses[i].keep), 0);
		open_spool(&f);
		struct spool_journal *j = fetch_one(&f, mid);
		assert_non_null(j);
		char *p = read_body(&f, j->body, &n);
		if (p != NULL || f.error.kind != ERR_CORRUPT)
			fail_msg("%s: got %s", losses[i].name,
				 p != NULL ? "bytes" : err_kind_name(f.error.kind));
		record(&f, OUTCOME_QUARANTINED, mid);
		assert_account(&f, losses[i].name);
		assert_int_equal(spool_account(f.sp)->state[JOURNAL_QUARANTINED], 1);
		assert_body(&f, losses[i].name, fetch_one(&f, sound)->body, 2, 100);
		assert_int_equal(change(&f, CHANGE_DELETE, 0), 2);
		assert_account(&f, losses[i].name);
		fixture_done(&f);
	}
}

/* -- the database -- */

static const struct {
	const char *name;
	const char *bytes;
	off_t offset, keep; /* keep > 0: cut to that many bytes */
} files[] = {
	{ "no database at all", "this is a text file, and not a small one", 0, 0 },
	{ "a header that was overwritten", "\1\2\3\4\5\6\7\10", 16, 0 },
	{ "a file that was cut in its first page", "", 0, 1000 },
	{ "a root page that was overwritten",
	  "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 100, 0 },
};

static void
an_unusable_database_is_said_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct fixture f;
		struct err e = { .kind = ERR_NONE };
		char path[300];

		fixture_init(&f);
		open_spool(&f);
		accept_one(&f, "DEFAULT", 1, 100);
		close_spool(&f);
		snprintf(path, sizeof(path), "%s/spool.tdc.queue", f.directory);
		int fd = open(path, O_WRONLY);
		assert_true(fd >= 0);
		size_t n = strlen(files[i].bytes);
		assert_int_equal(pwrite(fd, files[i].bytes, n, files[i].offset), n);
		if (files[i].keep > 0)
			assert_int_equal(ftruncate(fd, files[i].keep), 0);
		close(fd);
		if (try_open(&f, &e) == 0)
			fail_msg("%s: it was opened", files[i].name);
		if (e.kind != ERR_CORRUPT || strstr(e.text, "docs/spool.md") == NULL)
			fail_msg("%s: got %s: %s", files[i].name, err_kind_name(e.kind),
				 e.text);
		fixture_done(&f);
	}
}

/* -- any page -- */

enum { DAMAGE_ROUNDS = 20, DAMAGE_ROWS = 40 };

static char *
read_database(struct fixture *f, size_t *n)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f->directory);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*n = (size_t)ftell(file);
	rewind(file);
	char *p = malloc(*n);
	assert_int_equal(fread(p, 1, *n, file), *n);
	fclose(file);
	return p;
}

static void
write_database(struct fixture *f, const char *p, size_t n)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/spool.tdc.queue", f->directory);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(p, 1, n, file), n);
	fclose(file);
}

/*
 * Everything that a daemon would do. Every call answers; what it answers is not promised.
 */
static void
use_everything(struct fixture *f)
{
	struct spool_plan plan = { .policy = "DEFAULT" };
	unsigned done = f->done;

	fetch_due(f, "DEFAULT", (struct spool_cursor){ 0, 0 }, 100, 1u << 20);
	for (size_t i = 0; i < f->n_rows; i++) {
		size_t n;
		free(read_body(f, f->rows[i]->body, &n));
		record(f, i % 2 == 0 ? OUTCOME_DELIVERED : OUTCOME_DEAD, f->rows[i]->mid);
	}
	list_rows(f, JOURNAL_STATE_COUNT, 0, 100);
	list_rows(f, JOURNAL_QUARANTINED, 0, 100);
	if (begin_accept(f, 1, 3000, &plan, 1) == 0) {
		AWAIT(f, f->done > done);
		if (f->failed > 0 && !err_is_temporary(&f->error))
			fail_msg("a mail was refused for good: %s", f->error.text);
	}
	change(f, CHANGE_HOLD, 0);
	change(f, CHANGE_DELETE, 0);
}

static void
no_damaged_page_brings_the_daemon_down(void **state)
{
	struct fixture f;
	size_t n;
	const char *given = getenv("STORE_SEED");
	unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)getpid(),
		 opened = 0;

	(void)state;
	srand(seed);
	print_message("STORE_SEED=%u\n", seed);
	fixture_init(&f);
	open_spool(&f);
	for (uint64_t i = 0; i < DAMAGE_ROWS; i++)
		accept_one(&f, "DEFAULT", i, i * 400);
	close_spool(&f);
	char *sound = read_database(&f, &n);
	char *damaged = malloc(n);
	for (int round = 0; round < DAMAGE_ROUNDS; round++) {
		struct err e;
		size_t page = 1 + (size_t)rand() % (n / 4096 - 1);
		size_t from = (size_t)rand() % 4096,
		       length = 1 + (size_t)rand() % (4096 - from);
		memcpy(damaged, sound, n);
		for (size_t i = 0; i < length; i++)
			damaged[page * 4096 + from + i] ^= (char)rand();
		write_database(&f, damaged, n);
		f.done = f.failed = 0;
		if (try_open(&f, &e) != 0)
			continue;
		opened++;
		use_everything(&f);
		close_spool(&f);
	}
	/* Pages of bodies are most of them: the damage was not all at the door. */
	assert_true(opened > DAMAGE_ROUNDS / 4);
	free(sound);
	free(damaged);
	fixture_done(&f);
}

/* -- spool_check -- */

/* A hash that is good enough to notice: the digest is the sum of the bytes, spread. */
static void
sum_hash(void *arg, const void *p, size_t n, bool is_last, uint8_t digest[32],
	 uint8_t checksum[16])
{
	uint64_t *sum = arg;

	for (size_t i = 0; i < n; i++)
		*sum = *sum * 31 + ((const uint8_t *)p)[i];
	if (!is_last)
		return;
	memset(digest, 0, 32);
	memcpy(digest, sum, sizeof(*sum));
	memcpy(checksum, digest, 16);
	*sum = 0;
}

struct findings {
	char text[4096];
};

static void
on_finding(void *arg, const char *line)
{
	struct findings *f = arg;
	size_t n = strlen(f->text);
	snprintf(f->text + n, sizeof(f->text) - n, "%s\n", line);
}

static int
check_it(const struct fixture *f, struct findings *findings, struct err *e)
{
	uint64_t sum = 0;

	findings->text[0] = '\0';
	return spool_check(&f->settings, sum_hash, &sum, on_finding, findings, e);
}

static void
accept_hashed(struct fixture *f, uint64_t seed, size_t size)
{
	struct spool_draft *d;
	struct body_facts facts = make_facts(seed, size);
	struct spool_plan plan = { .policy = "DEFAULT" };
	char *p = make_bytes(seed, size);
	uint64_t sum = 0;
	unsigned done = f->done;

	sum_hash(&sum, p, size, true, facts.sha256, facts.checksum);
	assert_int_equal(spool_draft_new(f->sp, 0, &d, &f->error), 0);
	assert_int_equal(fill_draft(f, d, seed, size, &f->error), 0);
	struct spool_message *m = make_message(f);
	plan.mid = spool_next_mid(f->sp);
	spool_commit(d, m, &facts, &plan, 1, on_done, f);
	spool_message_unref(m);
	AWAIT(f, f->done > done);
	free(p);
}

static const struct {
	const char *name, *sql, *finding;
} flaws[] = {
	{ "a sound spool has no findings", "SELECT 1", NULL },
	{ "a bit that flipped in an inline body",
	  "UPDATE body SET data = zeroblob(size) WHERE place = 'inline'", "SHA-256" },
	{ "a digest of another body",
	  "UPDATE body SET sha256 = zeroblob(32) WHERE place = 'file'", "SHA-256" },
	{ "a checksum of another body",
	  "UPDATE body SET checksum = zeroblob(16) WHERE place = 'file'", "checksum" },
	{ "a segment body at another offset",
	  "UPDATE body SET offset = 1 WHERE place = 'segment'", "body" },
	{ "a file of another size",
	  "UPDATE body SET size = size - 1 WHERE place = 'file'", "bytes" },
	{ "a file that is not there",
	  "UPDATE body SET file = zeroblob(16) WHERE place = 'file'", "No such file" },
	{ "a term with a wrong number",
	  "UPDATE account SET n = n + 1 WHERE term = 'state.waiting'", "state.waiting" },
	{ "a term that does not exist", "INSERT INTO account VALUES ('state.lost', 1)",
	  "do not exist" },
	{ "a gap", "UPDATE account SET n = n + 1 WHERE term = 'created.smtp'",
	  "gap of 1" },
	{ "a policy with a wrong number", "UPDATE policy SET waiting = waiting + 1",
	  "policies" },
	{ "live bytes of a segment", "UPDATE segment SET live_bytes = 1", "live bytes" },
	{ "references of a body", "UPDATE body SET refs = 5 WHERE place = 'file'",
	  "references" },
	{ "a message without a journal",
	  "DELETE FROM journal WHERE mid = (SELECT min(mid) FROM journal)",
	  "no journal" },
	{ "a row that cannot be read", "UPDATE message SET recipients = 'x'",
	  "recipients" },
};

static void
a_check_finds_each_flaw(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		struct fixture f;
		struct findings findings;
		struct err e;

		fixture_init(&f);
		open_spool(&f);
		accept_hashed(&f, 1, 100);
		accept_hashed(&f, 2, 50000);
		accept_hashed(&f, 3, 300000);
		close_spool(&f);
		tamper(&f, flaws[i].sql);
		int n = check_it(&f, &findings, &e);
		if (n < 0)
			fail_msg("%s: %s", flaws[i].name, e.text);
		if (flaws[i].finding == NULL && n != 0)
			fail_msg("%s: got %s", flaws[i].name, findings.text);
		if (flaws[i].finding != NULL &&
		    (n == 0 || strstr(findings.text, flaws[i].finding) == NULL))
			fail_msg("%s: got \"%s\", want \"%s\"", flaws[i].name,
				 findings.text, flaws[i].finding);
		fixture_done(&f);
	}
}

static void
a_check_needs_the_spool_for_itself(void **state)
{
	struct fixture f;
	struct findings findings;
	struct err e;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	assert_int_equal(check_it(&f, &findings, &e), -1);
	assert_int_equal(e.kind, ERR_BUSY);
	fixture_done(&f);
}

static void
a_check_of_a_short_body_says_nothing_of_the_next(void **state)
{
	struct fixture f;
	struct findings findings;
	struct err e;

	(void)state;
	fixture_init(&f);
	open_spool(&f);
	accept_hashed(&f, 1, 300000);
	accept_hashed(&f, 2, 100);
	close_spool(&f);
	tamper(&f, "UPDATE body SET size = size + 1 WHERE place = 'file'");
	assert_int_equal(check_it(&f, &findings, &e), 2);
	assert_non_null(strstr(findings.text, "300000 bytes, its row says 300001"));
	assert_non_null(strstr(findings.text, "shorter than its row says"));
	fixture_done(&f);
}

static void
a_check_makes_no_spool(void **state)
{
	struct fixture f;
	struct findings findings;
	char path[300];
	struct err e;

	(void)state;
	fixture_init(&f);
	snprintf(path, sizeof(path), "%s/nothing", f.directory);
	f.settings.directory = path;
	assert_int_equal(check_it(&f, &findings, &e), -1);
	assert_int_equal(e.kind, ERR_NOT_FOUND);
	assert_non_null(strstr(e.text, "nothing/spool.tdc.queue"));
	assert_int_equal(access(path, F_OK), -1);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_corrupt_row_is_quarantined_and_the_rest_comes),
		cmocka_unit_test(a_start_says_how_many_are_new_in_quarantine),
		cmocka_unit_test(a_start_says_nothing_that_cannot_be),
		cmocka_unit_test(a_lost_body_is_corrupt_and_said_so),
		cmocka_unit_test(an_unusable_database_is_said_so),
		cmocka_unit_test(no_damaged_page_brings_the_daemon_down),
		cmocka_unit_test(a_check_finds_each_flaw),
		cmocka_unit_test(a_check_needs_the_spool_for_itself),
		cmocka_unit_test(a_check_of_a_short_body_says_nothing_of_the_next),
		cmocka_unit_test(a_check_makes_no_spool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

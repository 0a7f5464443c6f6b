/*
 * test_schema.c - the schema's text, its steps, the plans of every statement, the custody
 * table of the documentation.
 */
#include "spool_fixture.h"

#include "store/migrate.h"
#include "store/schema.h"

static char *
read_source(const char *path)
{
	const char *root = getenv("TDC_SOURCE_DIR");
	char full[512];
	FILE *file;
	long n;

	if (root == NULL)
		fail_msg("TDC_SOURCE_DIR is not set");
	snprintf(full, sizeof(full), "%s/%s", root, path);
	file = fopen(full, "rb");
	if (file == NULL)
		fail_msg("%s cannot be read", full);
	fseek(file, 0, SEEK_END);
	n = ftell(file);
	rewind(file);
	char *text = calloc(1, (size_t)n + 1);
	assert_int_equal(fread(text, 1, (size_t)n, file), n);
	fclose(file);
	return text;
}

static void
the_steps_are_the_files(void **state)
{
	(void)state;
	for (int i = 0; i < SCHEMA_VERSION; i++) {
		char path[128];
		snprintf(path, sizeof(path), "schema/%s", schema_steps[i].file);
		char *text = read_source(path);
		if (strcmp(text, schema_steps[i].sql) != 0)
			fail_msg("%s differs from src/store/schema.c", path);
		free(text);
	}
}

static void
open_memory(struct db *db)
{
	const struct db_settings s = { .mode = DB_WRITE, .cache_kib = 1024 };
	struct err e;

	if (db_open(db, ":memory:", &s, &e) != 0 || migrate(db, &e) != 0)
		fail_msg("%s", e.text);
}

static void
a_second_migration_changes_nothing(void **state)
{
	struct db db;
	int64_t before, after;
	struct err e;

	(void)state;
	open_memory(&db);
	assert_int_equal(db_ask(&db, "PRAGMA schema_version", 0, &before, &e), 0);
	assert_int_equal(migrate(&db, &e), 0);
	assert_int_equal(db_ask(&db, "PRAGMA schema_version", 0, &after, &e), 0);
	assert_int_equal(before, after);
	db_close(&db);
}

static void
every_column_is_checked_by_strict_tables(void **state)
{
	struct db db;
	int64_t loose;
	struct err e;

	(void)state;
	open_memory(&db);
	assert_int_equal(
		db_ask(&db,
		       "SELECT count(*) FROM pragma_table_list WHERE schema = 'main'"
		       " AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
		       -1, &loose, &e),
		0);
	assert_int_equal(loose, 0);
	db_close(&db);
}

/* The lines of a plan, joined; and whether one of them walks a table. */
static bool
scans(struct db *db, enum statement s, char *plan, size_t max)
{
	char sql[4096];
	sqlite3_stmt *st;
	bool is_scan = false;

	snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", statement_sql(s));
	if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", statement_name(s), sqlite3_errmsg(db->sql));
	plan[0] = '\0';
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(st, 3);
		size_t n = strlen(plan);
		snprintf(plan + n, max - n, "%s; ", line);
		/* A walk of the rows of a subquery is not one of a table. */
		if (strncmp(line, "SCAN ", 5) == 0 && strncmp(line, "SCAN (", 6) != 0)
			is_scan = true;
		if (strstr(line, "TEMP B-TREE") != NULL)
			is_scan = true;
	}
	sqlite3_finalize(st);
	return is_scan;
}

static void
no_statement_of_the_normal_flow_scans(void **state)
{
	struct db db;
	char plan[2048];
	unsigned allowed = 0;

	(void)state;
	open_memory(&db);
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		enum statement s = (enum statement)i;
		bool is_scan = scans(&db, s, plan, sizeof(plan));
		if (is_scan && !statement_scans(s))
			fail_msg("%s scans: %s", statement_name(s), plan);
		allowed += is_scan;
	}
	/* The test itself can see a scan. */
	assert_true(allowed > 0);
	assert_true(scans(&db, STATEMENT_COUNT_STATES, plan, sizeof(plan)));
	db_close(&db);
}

static const struct {
	enum statement s;
	const char *part;
} plans[] = {
	{ STATEMENT_DUE_SAME, "INDEX journal_due (policy=? AND next_at=? AND rowid>?)" },
	{ STATEMENT_DUE_LATER,
	  "INDEX journal_due (policy=? AND next_at>? AND next_at<?)" },
	{ STATEMENT_DUE_NEXT, "INDEX journal_due (policy=? AND next_at>?)" },
	{ STATEMENT_COUNT_POLICIES, "SCAN journal USING INDEX journal_due" },
	{ STATEMENT_STRAYS, "INDEX journal_due (policy=?)" },
	{ STATEMENT_WALK_STATE, "INDEX journal_state (state=? AND rowid>?)" },
	{ STATEMENT_WALK_MESSAGE, "INDEX journal_message (message=? AND rowid>?)" },
	{ STATEMENT_ENDED, "INDEX journal_ended (ended_at<?)" },
	{ STATEMENT_JOURNAL_OF_MESSAGE, "INDEX journal_message (message=?)" },
	{ STATEMENT_SEGMENT_BODIES, "INDEX body_segment (segment=?)" },
	{ STATEMENT_BODY_OF_FILE, "INDEX body_file (file=?)" },
};

static void
ranges_are_found_by_their_index(void **state)
{
	struct db db;
	char plan[2048];

	(void)state;
	open_memory(&db);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		scans(&db, plans[i].s, plan, sizeof(plan));
		if (strstr(plan, plans[i].part) == NULL)
			fail_msg("%s: got %s, want %s", statement_name(plans[i].s), plan,
				 plans[i].part);
	}
	db_close(&db);
}

/* The first cell of each row of the custody table: "| `waiting` | ...". */
static void
the_custody_table_has_our_states(void **state)
{
	char *text = read_source("docs/spool.md");
	unsigned seen[JOURNAL_STATE_COUNT] = { 0 };
	char *p = strstr(text, "<!-- custody table -->");
	char *end = strstr(text, "<!-- end of custody table -->");

	(void)state;
	if (p == NULL || end == NULL)
		fail_msg("docs/spool.md has no marked custody table");
	for (; (p = strstr(p, "\n| `")) != NULL && p < end; p++) {
		char word[32] = { 0 };
		enum journal_state s;
		sscanf(p, "\n| `%31[a-z ]`", word);
		if (strcmp(word, "draft") == 0 || strcmp(word, "accepted") == 0 ||
		    strcmp(word, "in flight") == 0)
			continue; /* never in a row */
		if (journal_state_parse(span_of(word), &s) != 0)
			fail_msg("the table knows a state \"%s\", the code does not",
				 word);
		seen[s]++;
	}
	for (int i = 0; i < JOURNAL_STATE_COUNT; i++)
		if (seen[i] != 1)
			fail_msg("state %s stands %u times in the table, want once",
				 journal_state_name((enum journal_state)i), seen[i]);
	free(text);
}

static const char *const crash_points[] = {
	"store.body-written",         "store.segment-appended",
	"store.before-commit",        "store.after-commit",
	"store.before-answer",        "store.outcome-before-commit",
	"store.outcome-after-commit", "store.synchronous-off",
};

static void
crash_points_are_documented(void **state)
{
	char *text = read_source("docs/spool.md");

	(void)state;
	for (size_t i = 0; i < sizeof(crash_points) / sizeof(crash_points[0]); i++)
		if (strstr(text, crash_points[i]) == NULL)
			fail_msg("docs/spool.md does not know %s", crash_points[i]);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_steps_are_the_files),
		cmocka_unit_test(a_second_migration_changes_nothing),
		cmocka_unit_test(every_column_is_checked_by_strict_tables),
		cmocka_unit_test(no_statement_of_the_normal_flow_scans),
		cmocka_unit_test(ranges_are_found_by_their_index),
		cmocka_unit_test(the_custody_table_has_our_states),
		cmocka_unit_test(crash_points_are_documented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_look.c - whether a spool could be opened is known without opening it, in the words
 * of the opening.
 */
#include "spool_fixture.h"

enum { NOBODY = 65534 };

/* A spool of nobody's, and what became of it. */
static const struct row {
	const char *name;
	const char *directory; /* below the fixture's; "" = that itself */
	const char *broken;    /* what root takes away from nobody; NULL = nothing */
	enum err_kind kind;
	const char *before, *after; /* the fixture's directory in the text */
} rows[] = {
	{ "a spool that was there", "", NULL, ERR_NONE, NULL, NULL },
	{ "one that is to be made", "new", NULL, ERR_NONE, NULL, NULL },
	{ "two levels that are to be made", "new/spool", NULL, ERR_NOT_FOUND,
	  "directory ", "/new/spool: No such file or directory" },
	{ "a link to what is not there, such as a volume", "link", NULL, ERR_NOT_FOUND,
	  "directory ", "/link: No such file or directory" },
	{ "a file", "spool.lock", NULL, ERR_IO, "directory ",
	  "/spool.lock: Not a directory" },
	{ "another's directory", "", ".", ERR_DENIED, "directory ",
	  ": Permission denied" },
	{ "another's lock", "", "spool.lock", ERR_DENIED, "",
	  "/spool.lock: Permission denied" },
	{ "another's database", "", "spool.tdc.queue", ERR_DENIED, "",
	  "/spool.tdc.queue: Permission denied" },
};

static void
take_away(const struct fixture *f, const char *what)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", f->directory, what);
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(path, strcmp(what, ".") == 0 ? 0700 : 0600), 0);
}

static void
make_link(const struct fixture *f)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/link", f->directory);
	assert_int_equal(symlink("nowhere", path), 0);
}

static void
look_at(struct fixture *f, const struct row *row)
{
	char directory[512], want[ERR_TEXT_MAX] = "";
	struct err looked = { 0 }, opened = { 0 };

	snprintf(directory, sizeof(directory), "%s%s%s", f->directory,
		 row->directory[0] == '\0' ? "" : "/", row->directory);
	if (row->kind != ERR_NONE)
		snprintf(want, sizeof(want), "%s%s%s", row->before, f->directory,
			 row->after);
	f->settings.directory = directory;
	bool was_there = access(directory, F_OK) == 0;
	int r = spool_look(&f->settings, &looked);
	bool was_made = (access(directory, F_OK) == 0) != was_there;
	int s = try_open(f, &opened);
	close_spool(f);
	if (was_made || r != s || looked.kind != row->kind ||
	    strcmp(looked.text, want) != 0 || (r != 0 && strcmp(opened.text, want) != 0))
		fail_msg("%s: looked \"%s\" (%d), opened \"%s\" (%d), want \"%s\"%s",
			 row->name, looked.text, r, opened.text, s, want,
			 was_made ? ", and it was made" : "");
	f->settings.directory = f->directory;
}

static void
test_rows(void **state)
{
	(void)state;
	assert_int_equal(geteuid(), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		fixture_init(&f);
		assert_int_equal(chown(f.directory, NOBODY, 0), 0);
		assert_int_equal(seteuid(NOBODY), 0);
		open_spool(&f);
		close_spool(&f);
		make_link(&f);
		assert_int_equal(seteuid(0), 0);
		if (rows[i].broken != NULL)
			take_away(&f, rows[i].broken);
		assert_int_equal(seteuid(NOBODY), 0);
		look_at(&f, &rows[i]);
		assert_int_equal(seteuid(0), 0);
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

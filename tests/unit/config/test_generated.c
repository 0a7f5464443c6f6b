/*
 * test_generated.c - the files that are printed from the schema table are those that are
 * checked in.
 *
 * TDC_REGENERATE=1 writes them instead of comparing. TDC_SOURCE_DIR names the tree.
 */
#include "problems.h"

#include <stdlib.h>

enum { FILE_MAX_BYTES = 1 << 20 };

static void
source_path(const char *name, char path[4096])
{
	const char *root = getenv("TDC_SOURCE_DIR");
	snprintf(path, 4096, "%s/%s", root == NULL ? "." : root, name);
}

static void
read_source(const char *name, struct buf *ret)
{
	char path[4096];
	source_path(name, path);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return; /* as good as empty: the comparison says so */
	char *p = buf_reserve(ret, FILE_MAX_BYTES);
	assert_non_null(p);
	buf_commit(ret, fread(p, 1, FILE_MAX_BYTES, f));
	fclose(f);
}

static void
write_source(const char *name, const char *text)
{
	char path[4096];
	source_path(name, path);
	FILE *f = fopen(path, "w");
	if (f == NULL || fputs(text, f) == EOF || fclose(f) != 0)
		fail_msg("cannot write %s", path);
}

static void
compare_or_write(const char *name, struct buf *want)
{
	struct buf got;
	const char *text = buf_text(want);
	assert_false(want->failed);
	assert_non_null(text);
	if (getenv("TDC_REGENERATE") != NULL)
		write_source(name, text);
	buf_init(&got, 2 * FILE_MAX_BYTES);
	read_source(name, &got);
	const char *file = buf_text(&got);
	size_t line = 1, i = 0;
	for (; file[i] != '\0' && file[i] == text[i]; i++)
		line += file[i] == '\n';
	if (file[i] != text[i])
		fail_msg("%s differs from the schema table from line %zu on; run this "
			 "test with "
			 "TDC_REGENERATE=1 and commit the file",
			 name, line);
	buf_done(&got);
}

static void
test_json_schema(void **state)
{
	struct buf want;
	(void)state;
	buf_init(&want, FILE_MAX_BYTES);
	assert_int_equal(config_print_json_schema(&want), 0);
	compare_or_write("schema/tdc.schema.json", &want);
	buf_done(&want);
}

static void
test_example(void **state)
{
	struct buf want;
	(void)state;
	buf_init(&want, FILE_MAX_BYTES);
	assert_int_equal(config_print_example(&want), 0);
	compare_or_write("config/everything.yaml", &want);
	buf_done(&want);
}

static void
test_man_page(void **state)
{
	static const char mark[] = "@KEYS@\n";
	struct buf frame, want;
	(void)state;
	buf_init(&frame, 2 * FILE_MAX_BYTES);
	buf_init(&want, FILE_MAX_BYTES);
	read_source("docs/man/tdc.yaml.5.in", &frame);
	const char *text = buf_text(&frame);
	const char *keys = strstr(text, mark);
	assert_non_null(keys);
	buf_append(&want, text, (size_t)(keys - text));
	assert_int_equal(config_print_man(&want), 0);
	buf_append_text(&want, keys + strlen(mark));
	compare_or_write("docs/man/tdc.yaml.5", &want);
	buf_done(&want);
	buf_done(&frame);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_schema),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_man_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_schema.c - the schema table says nothing that its readers could stumble over.
 */
#include "problems.h"

#include "config/schema.h"

/* What must hold for every row: NULL, or what is wrong. */
static const char *
row_parent_is_wrong(const struct schema_row *row)
{
	const struct schema_row *parent = row;
	unsigned depth = schema_depth(row);
	if (depth == 0)
		return row == schema ? NULL : "a second root";
	while (parent > schema && schema_depth(parent) >= depth)
		parent--;
	size_t n = strlen(parent->path);
	if (schema_depth(parent) != depth - 1 || strncmp(row->path, parent->path, n) != 0)
		return "its parent does not stand before it";
	bool is_element = strchr("[{", row->path[n]) != NULL && row->path[n] != '\0';
	if (is_element && parent->type != (row->path[n] == '[' ? TYPE_LIST : TYPE_NAMED))
		return "an element below what is no list";
	if (!is_element && parent->type != TYPE_MAP)
		return "a key below what is no mapping";
	return NULL;
}

static const char *
row_default_is_wrong(const struct schema_row *row)
{
	int64_t number;
	bool is_number = row->type <= TYPE_DURATION;
	if (row->is_required && row->fallback != NULL)
		return "required, and with a default";
	if (is_number && row->fallback == NULL && !row->is_required)
		return "a number without a default";
	if (is_number && row->fallback != NULL &&
	    schema_parse_number(row, row->fallback, &number) != 0)
		return "a default out of its own range";
	if (is_number && row->type != TYPE_BOOL && row->min > row->max)
		return "a range upside down";
	if (row->type == TYPE_WORD && row->words == NULL)
		return "a word without words";
	if (row->type == TYPE_WORD && row->fallback != NULL &&
	    !schema_has_word(row, row->fallback))
		return "a default that is none of its words";
	if (row->type == TYPE_TEXT && row->form != NULL && row->fallback != NULL &&
	    !row->form->is_ok(row->fallback))
		return "a default not of its own form";
	if (row->type == TYPE_TEXT && row->form != NULL && row->example != NULL &&
	    !row->form->is_ok(row->example))
		return "an example not of its own form";
	if (row->is_required && !schema_is_container(row) && row->example == NULL)
		return "required, and without an example";
	return NULL;
}

static const char *
row_doc_is_wrong(const struct schema_row *row)
{
	size_t n = strlen(row->doc);
	bool is_element =
		row->path[0] == '\0' || strchr("[{", schema_key(row)[0]) != NULL;
	if (is_element)
		return n == 0 ? NULL : "an element with a documentation of its own";
	if (n == 0 || row->doc[n - 1] != '.')
		return "its documentation is no sentence";
	if (strstr(row->doc, "  ") != NULL || strchr(row->doc, '\n') != NULL)
		return "its documentation is not plain running text";
	return NULL;
}

static const char *
row_is_twin(const struct schema_row *row)
{
	for (const struct schema_row *other = schema; other < row; other++) {
		if (strcmp(other->path, row->path) == 0)
			return "it stands twice";
	}
	return NULL;
}

static void
test_rows(void **state)
{
	static const char *(*const rules[])(const struct schema_row *) = {
		row_parent_is_wrong,
		row_default_is_wrong,
		row_doc_is_wrong,
		row_is_twin,
	};
	(void)state;
	for (size_t i = 0; i < schema_count; i++) {
		for (size_t j = 0; j < sizeof(rules) / sizeof(rules[0]); j++) {
			const char *wrong = rules[j](&schema[i]);
			if (wrong != NULL)
				fail_msg("%s: %s", schema[i].path, wrong);
		}
	}
	/* The walk over children reaches every row. */
	size_t reached = 1;
	for (size_t i = 0; i < schema_count; i++) {
		for (const struct schema_row *c = schema_first_child(&schema[i]);
		     c != NULL; c = schema_next_sibling(c))
			reached++;
	}
	assert_int_equal(reached, schema_count);
}

static const struct {
	const char *name, *parent, *key, *want; /* NULL = nothing is near */
} suggestions[] = {
	{ "one letter is missing", "", "hostnam", "hostname" },
	{ "two letters changed places", "spool", "resevre", "reserve" },
	{ "one letter is too much", "connector", "enabledd", "enabled" },
	{ "a hyphen in place of an underline", "connector", "message-intake-address",
	  "message_intake_address" },
	{ "the plural was forgotten", "", "listener", "listeners" },
	{ "a key of another section", "connector", "retention", "spool.retention" },
	{ "two letters of three changed places", "", "dsn", "dns" },
	{ "one letter of three is another", "", "lag", "log" },
	{ "one letter of three is left", "", "foo", NULL },
	{ "half of the letters are others", "spool", "nice", NULL },
	{ "nothing is near", "", "zzzzzz", NULL },
	{ "an empty key is near to nothing", "", "", NULL },
	{ "a very long key is near to nothing", "",
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
	{ "the sign of a list is no key", "", "[]", NULL },
};

static void
test_suggestions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(suggestions) / sizeof(suggestions[0]); i++) {
		const struct schema_row *parent = schema_root();
		if (suggestions[i].parent[0] != '\0')
			parent = schema_child(parent, suggestions[i].parent);
		struct buf got;
		buf_init(&got, 256);
		bool is_near = schema_suggest(parent, suggestions[i].key, &got);
		const char *want = suggestions[i].want;
		if (is_near != (want != NULL) ||
		    (is_near && strcmp(buf_text(&got), want) != 0))
			fail_msg("%s: got %s want %s", suggestions[i].name,
				 is_near ? buf_text(&got) : "nothing",
				 want == NULL ? "nothing" : want);
		buf_done(&got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_suggestions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_list.c - intrusive lists, spans, counters and the scope guards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/cleanup.h"
#include "tdc/base/counter.h"
#include "tdc/base/list.h"
#include "tdc/base/span.h"

#include <fcntl.h>
#include <string.h>

struct item {
	char name;
	struct list_node node;
};

static const char *
list_names(const struct list *l, char text[16])
{
	size_t n = 0;

	for (const struct list_node *i = list_first(l); i != NULL; i = list_next(l, i))
		text[n++] = list_entry(i, struct item, node)->name;
	text[n] = '\0';
	return text;
}

static void
a_list_keeps_its_order_and_its_count(void **state)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };
	struct list l;
	char text[16];

	(void)state;
	list_init(&l);
	assert_true(list_is_empty(&l));
	assert_null(list_first(&l));
	list_append(&l, &b.node);
	list_append(&l, &c.node);
	list_prepend(&l, &a.node);
	assert_string_equal(list_names(&l, text), "abc");
	assert_int_equal(l.count, 3);
	assert_true(list_node_is_linked(&b.node));
	list_remove(&l, &b.node);
	assert_false(list_node_is_linked(&b.node));
	assert_string_equal(list_names(&l, text), "ac");
	list_remove(&l, &a.node);
	list_append(&l, &a.node);
	assert_string_equal(list_names(&l, text), "ca");
	list_remove(&l, &a.node);
	list_remove(&l, &c.node);
	assert_true(list_is_empty(&l));
	assert_int_equal(l.count, 0);
}

static void
spans_compare_skip_and_trim(void **state)
{
	(void)state;
	assert_true(span_equal(span_of("a"), span_of("a")));
	assert_false(span_equal(span_of("a"), span_of("A")));
	assert_false(span_equal(span_of("a"), span_of("ab")));
	assert_true(span_equal(span_of(NULL), span_of("")));
	assert_true(span_equal_nocase(span_of("Mail"), span_of("mAIL")));
	assert_false(span_equal_nocase(span_of("Mai"), span_of("mAIL")));
	assert_true(span_starts_nocase(span_of("MAIL FROM:<>"), span_of("mail from:")));
	assert_false(span_starts_nocase(span_of("MAI"), span_of("mail")));
	assert_true(span_equal(span_skip(span_of("abc"), 1), span_of("bc")));
	assert_int_equal(span_skip(span_of("abc"), 9).n, 0);
	assert_true(span_equal(span_trim(span_of(" \t a b\t ")), span_of("a b")));
	assert_int_equal(span_trim(span_of(" \t ")).n, 0);
}

static void
counters_rise_and_have_names_of_their_own(void **state)
{
	uint64_t before = counter_get(COUNTER_BYTES_IN);

	(void)state;
	counter_add(COUNTER_BYTES_IN, 40);
	counter_add(COUNTER_BYTES_IN, 2);
	assert_int_equal(counter_get(COUNTER_BYTES_IN), before + 42);
	for (int a = 0; a < COUNTER_COUNT; a++) {
		assert_true(counter_help((enum counter)a)[0] != '\0');
		for (int b = a + 1; b < COUNTER_COUNT; b++)
			assert_string_not_equal(counter_name((enum counter)a),
						counter_name((enum counter)b));
	}
}

static void
a_scope_cleans_up_unless_its_owner_passed_on(void **state)
{
	char *kept = NULL;
	int fd, kept_fd;

	(void)state;
	{
		SCOPED(free_ptr) char *gone = malloc(10);
		SCOPED(free_ptr) char *passed = malloc(10);
		SCOPED(close_fd) int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
		SCOPED(close_fd) int open_still = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_non_null(gone);
		kept = TAKE_PTR(passed);
		assert_null(passed);
		fd = closed;
		kept_fd = TAKE_FD(&open_still);
		assert_int_equal(open_still, -1);
	}
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(fcntl(kept_fd, F_GETFD) >= 0);
	close(kept_fd);
	free(kept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_keeps_its_order_and_its_count),
		cmocka_unit_test(spans_compare_skip_and_trim),
		cmocka_unit_test(counters_rise_and_have_names_of_their_own),
		cmocka_unit_test(a_scope_cleans_up_unless_its_owner_passed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_items.c - the set of MIDs: found, not found, removed, many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/item.h"

#include <stdlib.h>

static void
many_mids_are_found_until_they_are_removed(void **state)
{
	enum { MANY = 10000 };
	struct item **items = calloc(MANY, sizeof(struct item *));
	struct item_set set;

	(void)state;
	assert_non_null(items);
	item_set_init(&set);
	assert_null(item_set_find(&set, 1));
	for (uint64_t i = 0; i < MANY; i++) {
		items[i] = item_new_mark(&set, NULL,
					 i * 10000); /* as a spool gives them in blocks */
		assert_non_null(items[i]);
	}
	assert_int_equal(set.count, MANY);
	for (uint64_t i = 0; i < MANY; i++)
		assert_ptr_equal(item_set_find(&set, i * 10000), items[i]);
	assert_null(item_set_find(&set, 5));
	for (uint64_t i = 0; i < MANY; i += 2)
		item_free(&set, items[i]);
	for (uint64_t i = 0; i < MANY; i++) {
		struct item *want = i % 2 == 0 ? NULL : items[i];
		assert_ptr_equal(item_set_find(&set, i * 10000), want);
	}
	for (uint64_t i = 1; i < MANY; i += 2)
		item_free(&set, items[i]);
	assert_int_equal(set.count, 0);
	item_set_done(&set);
	free(items);
}

static void
chains_stay_short(void **state)
{
	struct item_set set;
	size_t longest = 0;

	(void)state;
	item_set_init(&set);
	for (uint64_t mid = 1; mid <= 4096; mid++)
		assert_non_null(item_new_mark(&set, NULL, mid));
	for (size_t k = 0; k < set.n_slots; k++) {
		size_t n = 0;
		for (struct item *i = set.slots[k]; i != NULL; i = i->hash_next)
			n++;
		longest = n > longest ? n : longest;
	}
	assert_in_range(longest, 1, 8);
	for (uint64_t mid = 1; mid <= 4096; mid++)
		item_free(&set, item_set_find(&set, mid));
	item_set_done(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_mids_are_found_until_they_are_removed),
		cmocka_unit_test(chains_stay_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_body_reader.c - readers of bodies that go away while somebody still reads for
 * them.
 */
#include "spool_fixture.h"

static const struct {
	const char *name;
	size_t size;
} bodies[] = {
	{ "in its row", 3000 },
	{ "in a segment", 30000 },
	{ "in a file", 300000 },
};

/*
 * A delivery that breaks off lets go of its reader, and often of the journal, too: the
 * thread that reads has the request still.
 */
static void
a_reader_may_go_while_its_bytes_are_on_their_way(void **state)
{
	enum { ROUNDS = 300 };
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct fixture f;

		fixture_init(&f);
		open_spool(&f);
		uint64_t mid = accept_one(&f, "DEFAULT", i, bodies[i].size);
		forget_fresh(&f);
		for (unsigned round = 0; round < ROUNDS; round++) {
			struct spool_body_reader *r;
			struct span run;
			bool is_ready = false;

			if (round % 50 == 0 || bodies[i].size > 8192)
				assert_non_null(fetch_one(&f, mid));
			struct spool_journal *j = f.rows[0];
			assert_int_equal(spool_body_reader_new(f.sp, j->body, &r, NULL),
					 0);
			enum spool_read what =
				spool_body_read(r, &run, ready, &is_ready, NULL);
			if (what != SPOOL_READ_LATER)
				fail_msg("%s: it is not cold", bodies[i].name);
			spool_body_reader_free(r);
			if (round % 50 == 49)
				forget_rows(&f);
		}
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_may_go_while_its_bytes_are_on_their_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * many_rows.h - many rows by the back door. Included once by each test program.
 */
#ifndef MANY_ROWS_H
#define MANY_ROWS_H

#include "spool_fixture.h"

/* So that a change of all needs several steps, and a list several pages. One in three is held. */
static void
make_many(struct fixture *f, unsigned n)
{
	char sql[1024];

	accept_one(f, "DEFAULT", 1, 10);
	close_spool(f);
	snprintf(sql, sizeof(sql),
		 "BEGIN; WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c "
		 "WHERE i < %u)"
		 " INSERT INTO journal (mid, uid, message, kind, policy, state, "
		 "created_at)"
		 " SELECT 100000 + i, randomblob(16), (SELECT mid FROM message), "
		 "'journal', 1,"
		 " CASE WHEN i %% 3 = 0 THEN 'held' ELSE 'waiting' END, %" PRId64
		 " FROM c;"
		 " UPDATE account SET n = n + %u WHERE term = 'created.smtp';"
		 " UPDATE account SET n = n + %u WHERE term = 'state.waiting';"
		 " INSERT INTO account VALUES ('state.held', %u);"
		 " UPDATE policy SET waiting = waiting + %u;"
		 " UPDATE meta SET value = 300000 WHERE key = 'mid_reserved'; COMMIT",
		 n, T0, n, n - n / 3, n / 3, n - n / 3);
	tamper(f, sql);
	open_spool(f);
}

#endif

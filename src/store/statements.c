/*
 * statements.c - the table of statements, as data.
 */
#include "store/statements.h"

enum { SCANS = 1 };

static const struct {
	const char *name;
	int flags;
	const char *sql;
} table[] = {
#define X(id, flags, sql) { #id, flags, sql },
	STATEMENTS(X)
#undef X
};

const char *
statement_sql(enum statement s)
{
	return table[s].sql;
}

const char *
statement_name(enum statement s)
{
	return table[s].name;
}

bool
statement_scans(enum statement s)
{
	return (table[s].flags & SCANS) != 0;
}

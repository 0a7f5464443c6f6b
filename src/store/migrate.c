/*
 * migrate.c - schema steps, one transaction each; never backwards.
 */
#include "store/migrate.h"

#include "store/schema.h"

#include <inttypes.h>
#include <stdio.h>

static int
migrate_step(struct db *db, int64_t version, struct err *e)
{
	char end[128];

	snprintf(end, sizeof(end),
		 "PRAGMA application_id=%d; PRAGMA user_version=%" PRId64 "; COMMIT;",
		 SCHEMA_APPLICATION_ID, version);
	if (db_exec(db, "BEGIN IMMEDIATE", e) == 0 &&
	    db_exec(db, schema_steps[version - 1].sql, e) == 0 &&
	    db_exec(db, end, e) == 0)
		return 0;
	db_exec(db, "ROLLBACK", NULL);
	return err_wrap(e, "schema step %s", schema_steps[version - 1].file);
}

int
migrate(struct db *db, struct err *e)
{
	int64_t version, application, objects;

	if (db_ask(db, "PRAGMA user_version", 0, &version, e) != 0 ||
	    db_ask(db, "PRAGMA application_id", 0, &application, e) != 0 ||
	    db_ask(db, "SELECT count(*) FROM sqlite_schema", 0, &objects, e) != 0)
		return -1;
	if (objects > 0 && application != SCHEMA_APPLICATION_ID)
		return err_set(e, ERR_CORRUPT, 0, "this database is not a spool");
	if (version > SCHEMA_VERSION)
		return err_set(e, ERR_CONFIG, 0,
			       "the spool has schema %" PRId64
			       ", this program knows schema %d: "
			       "start the newer program that wrote it",
			       version, SCHEMA_VERSION);
	for (int64_t v = version + 1; v <= SCHEMA_VERSION; v++)
		if (migrate_step(db, v, e) != 0)
			return -1;
	return 0;
}

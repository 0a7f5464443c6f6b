/*
 * reader.c - the reader's thread: one request after the other.
 */
#include "store/reader.h"

#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <signal.h>

/*
 * After a failure of the disk the connection is made anew; nothing else reads it
 * meanwhile.
 */
static int
reader_open(struct reader *r, struct err *e)
{
	const struct db_settings s = { .mode = DB_READ,
				       .cache_kib = READER_CACHE_KIB,
				       .busy_ms = 2000 };
	struct db fresh;

	if (db_open(&fresh, r->spool->database, &s, e) != 0)
		return -1;
	db_keep_log(&fresh); /* the log is the store thread's affair */
	pthread_mutex_lock(&r->lock);
	r->db = fresh;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static void
reader_close(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	db_close(&r->db);
	pthread_mutex_unlock(&r->lock);
}

static void *
reader_main(void *arg)
{
	struct reader *r = arg;
	bool is_closed = false;

	while (!is_closed) {
		struct work_job *chain = work_queue_take_all(r->queue, -1, &is_closed);
		while (chain != NULL) {
			struct read_op *op = (struct read_op *)chain;
			chain = chain->next;
			if (r->db.sql != NULL || reader_open(r, &op->error) == 0)
				op->read(r, op);
			if (op->error.kind == ERR_IO)
				reader_close(r);
			op->completion.next = NULL;
			completions_post(&r->spool->completions, &op->completion);
		}
	}
	return NULL;
}

int
reader_start(struct reader *r, struct spool *sp, struct err *e)
{
	sigset_t all, before;

	r->spool = sp;
	pthread_mutex_init(&r->lock, NULL);
	if (work_queue_new(&r->queue, e) != 0 || reader_open(r, e) != 0)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&r->thread, NULL, reader_main, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, err_kind_of_errno(rc), rc,
			       "cannot start the reader's thread");
	pthread_setname_np(r->thread, "tdc-reader");
	r->has_thread = true;
	return 0;
}

void
reader_stop(struct reader *r)
{
	if (r->spool == NULL)
		return;
	if (r->has_thread) {
		work_queue_close(r->queue);
		pthread_join(r->thread, NULL);
	}
	r->has_thread = false;
	if (r->queue != NULL)
		work_queue_free(r->queue);
	r->queue = NULL;
	db_close(&r->db);
	pthread_mutex_destroy(&r->lock);
	r->spool = NULL;
}

void
reader_interrupt(struct reader *r)
{
	if (r->spool == NULL)
		return; /* stopped */
	pthread_mutex_lock(&r->lock);
	if (r->db.sql != NULL)
		sqlite3_interrupt(r->db.sql);
	pthread_mutex_unlock(&r->lock);
}

void
reader_submit(struct reader *r, struct read_op *op)
{
	work_queue_push(r->queue, &op->job);
}

static int
run(struct reader *r, enum statement which, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&r->db, which, e);
	return st == NULL ? -1 : db_run(&r->db, st, e);
}

static int
read_row(struct reader *r, enum statement which)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(&r->db, which, NULL);
	if (st == NULL)
		return -1;
	if (which == STATEMENT_WALK)
		db_bind_int(st, 2, 1);
	return db_step(&r->db, st, NULL);
}

bool
reader_is_well(struct reader *r)
{
	reader_close(r);
	return reader_open(r, NULL) == 0 && read_row(r, STATEMENT_WALK) >= 0 &&
	       read_row(r, STATEMENT_LAST_JOURNAL) >= 0;
}

int
reader_begin(struct reader *r, struct err *e)
{
	return run(r, STATEMENT_READ_BEGIN, e);
}

void
reader_end(struct reader *r)
{
	if (r->db.sql != NULL && sqlite3_get_autocommit(r->db.sql) == 0 &&
	    run(r, STATEMENT_COMMIT, NULL) != 0)
		run(r, STATEMENT_ROLLBACK, NULL);
}

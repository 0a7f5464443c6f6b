/*
 * writer.c - the store thread: take everything, one transaction, one sync, answer all;
 * then upkeep.
 */
#include "store/state.h"

#include "store/migrate.h"
#include "store/pack.h"

#include "tdc/base/check.h"
#include "tdc/base/cleanup.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAST_ATTEMPTS = 3 };

/* docs/decisions/0010 has the figures. */
static const struct work_pace pace = {
	.patience_us = 2000, .crowd = 4, .enough = 24, .step_us = 300, .steps = 7
};

static int
wal_grew(void *arg, sqlite3 *sql, const char *name, int pages)
{
	struct writer *w = arg;

	(void)sql;
	(void)name;
	w->wal_pages = pages;
	if (pages > w->wal_file_pages)
		w->wal_file_pages = pages;
	return SQLITE_OK;
}

int
writer_open(struct writer *w, struct err *e)
{
	if (db_open(&w->db, w->spool->database, &w->settings, e) != 0)
		return -1;
	/* After the pragmas: wal_autocheckpoint would take the hook away. */
	sqlite3_wal_hook(w->db.sql, wal_grew, w);
	w->is_full = true;
	return 0;
}

int
writer_set_full(struct writer *w, bool is_full, struct err *e)
{
	if (w->is_full == is_full && w->db.sql != NULL)
		return 0;
	if (!w->settings.is_unsafe &&
	    db_exec(&w->db,
		    is_full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
		    e) != 0)
		return -1;
	w->is_full = is_full;
	return 0;
}

void
writer_trouble(struct writer *w, const struct err *e)
{
	w->is_troubled = e != NULL;
	snprintf(w->trouble, sizeof(w->trouble), "%s", e == NULL ? "" : e->text);
	w->probed_at = mono_now_ms();
	w->is_view_stale = true;
}

int
writer_init(struct writer *w, struct spool *sp, struct err *e)
{
	w->spool = sp;
	w->settings = (struct db_settings){ .mode = DB_WRITE,
					    .cache_kib = WRITER_CACHE_KIB,
					    .busy_ms = 2000,
					    .is_unsafe = sp->limits.is_unsafe };
	w->answers_end = &w->answers;
	buf_init(&w->scratch, PACK_RECIPIENTS_MAX);
	if (work_queue_new(&w->queue, e) != 0 || writer_open(w, e) != 0)
		return -1;
	work_queue_set_pace(w->queue, &pace);
	return migrate(&w->db, e);
}

static void *
writer_main(void *arg)
{
	struct writer *w = arg;
	int attempts_left = LAST_ATTEMPTS;

	while (!atomic_load(&w->is_stopping) || w->again.n > 0 ||
	       (w->kept.n > 0 && attempts_left-- > 0)) {
		bool is_closed;
		struct work_job *chain =
			work_queue_take_all(w->queue, upkeep_wait_ms(w), &is_closed);
		bool is_idle = chain == NULL;
		batch_collect(w, chain);
		batch_run(w);
		upkeep(w, is_idle);
	}
	return NULL;
}

/* Only wakes the thread, which looks whether it is to stop. */
static int
wake_apply(struct writer *w, struct store_op *op, struct err *e)
{
	(void)w;
	(void)op;
	(void)e;
	return 0;
}

static const struct op_kind wake_kind = { .name = "wake", .apply = wake_apply };

int
writer_start(struct writer *w, struct err *e)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return err_set(e, err_kind_of_errno(r), r,
			       "cannot start the store thread");
	pthread_setname_np(w->thread, "tdc-store");
	w->has_thread = true;
	return 0;
}

void
writer_stop(struct writer *w)
{
	if (!w->has_thread)
		return;
	struct store_op *op = calloc(1, sizeof(*op));
	if (op == NULL)
		abort(); /* see spool_record() */
	op_init(op, &wake_kind, w->spool);
	atomic_store(&w->is_stopping, true);
	op_submit(op);
	pthread_join(w->thread, NULL);
	w->has_thread = false;
}

void
writer_drain(struct writer *w)
{
	bool is_closed;

	do {
		batch_collect(w, work_queue_take_all(w->queue, 0, &is_closed));
		batch_run(w);
	} while (w->again.n > 0);
	/*
	 * What the disk refused to the last: an outcome that is sent again, a caller who
	 * hears of it.
	 */
	for (size_t i = 0; i < w->kept.n; i++)
		batch_give_up(w, w->kept.at[i]);
	w->kept.n = 0;
	batch_publish(w);
}

void
writer_done(struct writer *w)
{
	db_close(&w->db);
	if (w->queue != NULL)
		work_queue_free(w->queue);
	pending_done(&w->pending);
	for (size_t i = 0; i < w->n_policies; i++)
		free(w->policies[i].name);
	free(w->policies);
	free(w->batch.at);
	free(w->kept.at);
	free(w->again.at);
	for (struct removal *r; (r = w->removals) != NULL;) {
		w->removals = r->next;
		free(r);
	}
	buf_done(&w->scratch);
}

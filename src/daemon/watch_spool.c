/*
 * watch_spool.c - says in the log, once, what the spool tells only those who ask: that it
 * takes no mail, and why; that it takes mail again; that rows were set aside.
 *
 * A look a second at values that are there anyway. What is over within a second was
 * refused and counted, but is no news. Free space that swings around the reserve is told
 * once: "again" is said only after it stayed so for a while.
 */
#include "daemon.h"

#include "tdc/base/format.h"
#include "tdc/base/log.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	LOOK_MS = 1000,
	LOOKS_UNTIL_AGAIN = 5,
};

struct spool_watch {
	struct spool *spool;
	struct timer timer;
	bool is_refusing;           /* as it was told       */
	unsigned good_looks;        /* in a row, since then */
	char trouble[ERR_TEXT_MAX]; /* as it was told       */
	uint64_t refused_rows, quarantined;
};

static void
tell_refusing(struct spool_watch *w, const struct spool_status *s)
{
	w->good_looks = 0;
	if (w->is_refusing && strcmp(w->trouble, s->trouble) == 0)
		return;
	w->is_refusing = true;
	memcpy(w->trouble, s->trouble, sizeof(w->trouble));
	log_event(LOG_STORE, ERROR, "spool.refusing",
		  F(LF_TEXT("reason", s->trouble), LF_INT("free_bytes", s->free_bytes),
		    LF_INT("reserve", s->reserve)),
		  "no mail is accepted: %s; %" PRIu64 " bytes are free, the reserve is "
		  "%" PRIu64,
		  s->trouble, s->free_bytes, s->reserve);
}

static void
tell_accepting(struct spool_watch *w, const struct spool_status *s)
{
	if (!w->is_refusing || ++w->good_looks < LOOKS_UNTIL_AGAIN)
		return;
	w->is_refusing = false;
	log_event(LOG_STORE, INFO, "spool.accepting",
		  F(LF_TEXT("reason", w->trouble), LF_INT("free_bytes", s->free_bytes),
		    LF_INT("reserve", s->reserve)),
		  "mail is accepted again, after: %s; %" PRIu64 " bytes are free, the "
		  "reserve is %" PRIu64,
		  w->trouble, s->free_bytes, s->reserve);
}

static void
tell_refused_rows(struct spool_watch *w, uint64_t n)
{
	if (n > w->refused_rows)
		log_event(LOG_STORE, ERROR, "spool.refused_rows",
			  F(LF_INT("rows", n), LF_INT("new", n - w->refused_rows)),
			  "the database will not change %" PRIu64 " row%s (%" PRIu64
			  " new), left out until the next start",
			  n, format_plural(n), n - w->refused_rows);
	w->refused_rows = n;
}

static void
tell_quarantined(struct spool_watch *w, uint64_t n)
{
	if (n > w->quarantined)
		log_event(LOG_STORE, ERROR, "spool.quarantined",
			  F(LF_INT("journals", n), LF_INT("new", n - w->quarantined)),
			  "%" PRIu64 " journal%s in quarantine (%" PRIu64
			  " new): body or rows damaged",
			  n, format_plural(n), n - w->quarantined);
	if (n != w->quarantined)
		spool_quarantine_told(w->spool, n);
	w->quarantined = n;
}

static void
look(void *arg)
{
	struct spool_watch *w = arg;
	struct spool_status s;

	spool_status(w->spool, &s);
	if (s.is_accepting)
		tell_accepting(w, &s);
	else
		tell_refusing(w, &s);
	tell_refused_rows(w, s.refused_rows);
	tell_quarantined(w, spool_account(w->spool)->state[JOURNAL_QUARANTINED]);
	timer_set(&w->timer, LOOK_MS);
}

int
spool_watch_new(struct loop *l, struct spool *sp, uint64_t quarantined,
		struct spool_watch **ret, struct err *e)
{
	struct spool_watch *w = calloc(1, sizeof(*w));

	if (w == NULL || timer_init(&w->timer, l, look, w, e) != 0) {
		free(w);
		return err_set(e, ERR_MEMORY, 0, "no memory to watch the spool");
	}
	w->spool = sp;
	w->quarantined = quarantined;
	timer_set(&w->timer, 0);
	*ret = w;
	return 0;
}

void
spool_watch_free(struct spool_watch *w)
{
	if (w == NULL)
		return;
	timer_done(&w->timer);
	free(w);
}

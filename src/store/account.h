/*
 * account.h - the terms of the account, as rows and as numbers.
 */
#ifndef TDC_STORE_ACCOUNT_H
#define TDC_STORE_ACCOUNT_H

#include "store/db.h"

#include "tdc/store/spool.h"

enum account_term {
	TERM_MESSAGES,
	TERM_REFUSED,
	TERM_CREATED,                                     /* + enum message_source */
	TERM_STATE = TERM_CREATED + MESSAGE_SOURCE_COUNT, /* + enum journal_state  */
	TERM_DELETED = TERM_STATE + JOURNAL_STATE_COUNT,
	TERM_DROPPED, /* + enum drop_reason    */
	TERM_COUNT = TERM_DROPPED + DROP_REASON_COUNT
};
enum { ACCOUNT_TERM_MAX = 32 };

/* "messages", "created.smtp", "state.waiting", "dropped.loop", ... */
void account_term_name(unsigned term, char text[ACCOUNT_TERM_MAX]);
/* Fills terms; a row of an unknown name is counted in *strangers. */
int account_load(struct db *db, int64_t terms[TERM_COUNT], unsigned *strangers,
		 struct err *e);
/* oldest_waiting_at is left alone. */
void account_of_terms(const int64_t terms[TERM_COUNT], struct spool_account *ret);
/*
 * The gauges counted from the rows; the other terms from the counters. One snapshot is
 * the caller's.
 */
int account_count(struct db *db, int64_t terms[TERM_COUNT], struct err *e);

#endif

/*
 * account.c - created = delivered + waiting + uncertain + held + dead + quarantined +
 * deleted + dropped.
 */
#include "store/account.h"

#include "tdc/base/cleanup.h"

#include <stdio.h>

void
account_term_name(unsigned term, char text[ACCOUNT_TERM_MAX])
{
	const char *first = "messages", *second = NULL;

	if (term >= TERM_DROPPED) {
		first = "dropped";
		second = drop_reason_name((enum drop_reason)(term - TERM_DROPPED));
	} else if (term == TERM_DELETED) {
		first = "deleted";
	} else if (term >= TERM_STATE) {
		first = "state";
		second = journal_state_name((enum journal_state)(term - TERM_STATE));
	} else if (term >= TERM_CREATED) {
		first = "created";
		second = message_source_name((enum message_source)(term - TERM_CREATED));
	} else if (term == TERM_REFUSED) {
		first = "refused";
	}
	snprintf(text, ACCOUNT_TERM_MAX, "%s%s%s", first, second == NULL ? "" : ".",
		 second == NULL ? "" : second);
}

static int64_t *
find_term(int64_t terms[TERM_COUNT], const char *name)
{
	char text[ACCOUNT_TERM_MAX];

	for (unsigned i = 0; i < TERM_COUNT; i++) {
		account_term_name(i, text);
		if (name != NULL && strcmp(name, text) == 0)
			return &terms[i];
	}
	return NULL;
}

int
account_load(struct db *db, int64_t terms[TERM_COUNT], unsigned *strangers, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_ACCOUNT_ALL, e);
	int r;

	if (st == NULL)
		return -1;
	memset(terms, 0, TERM_COUNT * sizeof(terms[0]));
	*strangers = 0;
	while ((r = db_step(db, st, e)) == 1) {
		int64_t *term = find_term(terms, db_text(st, 0));
		if (term != NULL)
			*term = sqlite3_column_int64(st, 1);
		else
			(*strangers)++;
	}
	return r;
}

int
account_count(struct db *db, int64_t terms[TERM_COUNT], struct err *e)
{
	unsigned strangers;
	enum journal_state state;
	int r;

	if (account_load(db, terms, &strangers, e) != 0)
		return -1;
	/*
	 * Delivered rows go away at the end of their retention: the counter is all there
	 * is.
	 */
	for (unsigned i = 0; i < JOURNAL_STATE_COUNT; i++)
		if (i != JOURNAL_DELIVERED)
			terms[TERM_STATE + i] = 0;
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_COUNT_STATES, e);
	if (st == NULL)
		return -1;
	while ((r = db_step(db, st, e)) == 1)
		if (journal_state_parse(span_of(db_text(st, 0)), &state) == 0 &&
		    state != JOURNAL_DELIVERED)
			terms[TERM_STATE + state] = sqlite3_column_int64(st, 1);
	return r;
}

static uint64_t
not_negative(int64_t n)
{
	return n < 0 ? 0 : (uint64_t)n;
}

void
account_of_terms(const int64_t terms[TERM_COUNT], struct spool_account *ret)
{
	ret->messages = not_negative(terms[TERM_MESSAGES]);
	ret->refused = not_negative(terms[TERM_REFUSED]);
	ret->deleted = not_negative(terms[TERM_DELETED]);
	for (unsigned i = 0; i < MESSAGE_SOURCE_COUNT; i++)
		ret->created[i] = not_negative(terms[TERM_CREATED + i]);
	for (unsigned i = 0; i < JOURNAL_STATE_COUNT; i++)
		ret->state[i] = not_negative(terms[TERM_STATE + i]);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		ret->dropped[i] = not_negative(terms[TERM_DROPPED + i]);
}

int64_t
spool_account_gap(const struct spool_account *a)
{
	int64_t gap = -(int64_t)a->deleted;

	for (unsigned i = 0; i < MESSAGE_SOURCE_COUNT; i++)
		gap += (int64_t)a->created[i];
	for (unsigned i = 0; i < JOURNAL_STATE_COUNT; i++)
		gap -= (int64_t)a->state[i];
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		gap -= (int64_t)a->dropped[i];
	return gap;
}

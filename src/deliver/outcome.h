/*
 * outcome.h - what a reply means, and what becomes of a journal.
 */
#ifndef TDC_DELIVER_OUTCOME_H
#define TDC_DELIVER_OUTCOME_H

#include "dialogue.h"
#include "item.h"

#include "tdc/policy/policy.h"
#include "tdc/store/spool.h"

struct connection;
struct destination;

enum verdict {
	VERDICT_GOOD,
	VERDICT_BACK_OFF,  /* the destination, for a while            */
	VERDICT_SUSPEND,   /* the destination refuses                  */
	VERDICT_SOFT,      /* this journal, for a while                */
	VERDICT_DEAD,      /* this journal, for good                   */
	VERDICT_NO_BDAT,   /* the destination: not the command, whatever the content */
	VERDICT_TOO_LARGE, /* this journal: its SIZE= is refused       */
	VERDICT_BREAK,     /* not a reply that this command can have   */
};
enum verdict verdict_of(enum command c, const struct smtp_reply *reply);

/* Its time in queue is over. That alone ends it where nothing is ever sent to. */
bool outcome_is_overdue(const struct spool_journal *j, const struct bounce_profile *b,
			int64_t now);
/* No more attempt is due to it: as it is taken. */
bool outcome_is_expired(const struct spool_journal *j,
			const struct destination_controls *c);
/* "250 2.0.0 Ok" */
void outcome_reply_text(const struct smtp_reply *reply, char *text, size_t n);

enum { OUTCOME_TEXT_MAX = SMTP_REPLY_TEXT_MAX + 32 };
struct outcome {
	enum outcome_kind kind;
	int code; /* of the reply, 0 = none                     */
	char enhanced[12];
	char reply[OUTCOME_TEXT_MAX];
	const char *reason; /* for DEAD, HELD, QUARANTINED; how DELIVERED was carried */
	int64_t next_at;    /* wall ms                                    */
	bool was_attempted; /* its MAIL was sent                          */
};
void outcome_init(struct outcome *o, enum outcome_kind kind, const char *reason);
void outcome_set_reply(struct outcome *o, const struct smtp_reply *reply);
void outcome_set_text(struct outcome *o, const char *enhanced, const char *text);

/* Records it with the spool, counts it, logs it; the item is finished. c may be NULL. */
void outcome_record(struct connection *c, struct item *i, struct outcome *o);
/* 4xx to the message: another attempt by the bounce profile, or its end. */
void outcome_soft(struct connection *c, struct item *i, struct outcome *o);
/* Waited too long, or tried too often. */
void outcome_expired(struct item *i);

#endif

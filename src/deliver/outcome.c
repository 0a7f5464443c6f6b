/*
 * outcome.c - the retry rules, as one table and four short functions.
 *
 * Every journal has the same envelope: the intake's address. So a refusal before the
 * content speaks of the intake, not of the journal, and the whole destination waits: 4xx,
 * a closed or broken connection and TLS trouble back it off; 5xx suspends it until an
 * operator, a reload or a probe finds it well again. No row is written for any of that,
 * however many wait, and no retry is counted.
 *
 * The reply to DATA belongs there too: nothing of the journal was seen yet. Once the
 * content was sent, a refusal speaks of the content. 4xx moves this one row to a
 * later time: the wait doubles from the bounce profile's first to its longest, with
 * jitter, until the number of retries or the time in queue is used up. 5xx makes a dead
 * letter, which is kept for an operator; nothing is ever sent to the original's sender.
 * Three answers need care:
 *
 * - 421 says that the peer closes, not what it thinks of the journal. Before the content
 *   was sent it is connection trouble. After the final dot it is the reply to the
 *   content, and as soft as any 4xx.
 *
 * - 500 to 504 to BDAT refuse the command, not the content that came with it: the
 *   destination waits, and gets DATA from then on.
 *
 * - No reply to the final dot: nobody knows whether the intake has the message. The row
 *   becomes uncertain, with the profile that rendered it, and the same bytes go out again
 *   under the same Message-ID.
 *
 * The time in queue ends a journal at an answer to it, not before: it may have run out
 * while the destination was down, and what nobody was asked about is not refused. So a
 * journal that is taken is sent, however old it is, and the first 4xx to its content
 * after its time is the last. Trouble of our own is no answer: it puts a journal off
 * once more. A journal that stays uncertain has no answer either: the attempt that was
 * made after its time is its last, but for the first few, which a peer that was about to
 * leave may not even have read.
 */
#include "outcome.h"

#include "connection.h"
#include "report.h"

#include "tdc/base/counter.h"
#include "tdc/base/format.h"

#include <stdio.h>

enum { UNCERTAIN_ATTEMPTS = 3 };

struct verdict_row {
	unsigned char second, third, fourth, fifth, closing; /* by the code; 421 */
};
static const struct verdict_row verdicts[COMMAND_COUNT] = {
#define ROW(c2, c3, c4, c5, c421)                                                        \
	{                                                                                \
		VERDICT_##c2, VERDICT_##c3, VERDICT_##c4, VERDICT_##c5, VERDICT_##c421   \
	}
	/*                    2xx    3xx    4xx       5xx      421      */
	[COMMAND_GREETING] = ROW(GOOD, BREAK, BACK_OFF, SUSPEND, BACK_OFF),
	[COMMAND_EHLO] = ROW(GOOD, BREAK, BACK_OFF, SUSPEND, BACK_OFF),
	[COMMAND_STARTTLS] = ROW(GOOD, BREAK, BACK_OFF, SUSPEND, BACK_OFF),
	[COMMAND_MAIL] = ROW(GOOD, BREAK, BACK_OFF, SUSPEND, BACK_OFF),
	[COMMAND_RCPT] = ROW(GOOD, BREAK, BACK_OFF, SUSPEND, BACK_OFF),
	[COMMAND_DATA] = ROW(BREAK, GOOD, BACK_OFF, SUSPEND, BACK_OFF),
	[COMMAND_BDAT] = ROW(GOOD, BREAK, SOFT, DEAD, SOFT),
	[COMMAND_CONTENT] = ROW(GOOD, BREAK, SOFT, DEAD, SOFT),
	[COMMAND_QUIT] = ROW(GOOD, GOOD, GOOD, GOOD, GOOD),
#undef ROW
};

enum verdict
verdict_of(enum command c, const struct smtp_reply *reply)
{
	const struct verdict_row *row = &verdicts[c];

	if (reply->code == 421)
		return (enum verdict)row->closing;
	/*
	 * RFC 1870 6.1: the answer to SIZE= speaks of this journal alone. 552 is also what a
	 * full mailbox says (5.2.2), and that is the intake's trouble.
	 */
	if (c == COMMAND_MAIL && (strcmp(reply->enhanced, "5.3.4") == 0 ||
				  (reply->code == 552 && reply->enhanced[0] == '\0')))
		return VERDICT_TOO_LARGE;
	switch (reply->code / 100) {
	case 2:
		return (enum verdict)row->second;
	case 3:
		return (enum verdict)(c == COMMAND_DATA && reply->code != 354
					      ? VERDICT_BREAK
					      : row->third);
	case 4:
		return (enum verdict)row->fourth;
	case 5:
		/* RFC 5321 4.2.2: these refuse the command. */
		return (enum verdict)(c == COMMAND_BDAT && reply->code <= 504
					      ? VERDICT_NO_BDAT
					      : row->fifth);
	default:
		return VERDICT_BREAK;
	}
}

bool
outcome_is_overdue(const struct spool_journal *j, const struct bounce_profile *b,
		   int64_t now)
{
	return now - j->created_at >= b->max_time_in_queue_ms;
}

bool
outcome_is_expired(const struct spool_journal *j, const struct destination_controls *c)
{
	const struct bounce_profile *b = &c->bounce;

	if (j->attempts > b->max_retries)
		return true;
	/* No reply ever ended it, so that the time must. */
	return j->state == JOURNAL_UNCERTAIN && j->attempts > UNCERTAIN_ATTEMPTS &&
	       outcome_is_overdue(j, b, j->next_at - c->uncertain_wait_ms);
}

/* Behind the first `at` bytes, as much as fits; returns where the next may go. */
static size_t
add_text(char *text, size_t size, size_t at, const char *more)
{
	size_t n = strlen(more);

	if (n > size - 1 - at)
		n = size - 1 - at;
	memcpy(text + at, more, n);
	text[at + n] = '\0';
	return at + n;
}

void
outcome_reply_text(const struct smtp_reply *reply, char *text, size_t n)
{
	char code[FORMAT_NUMBER_MAX];
	size_t at;

	format_number((uint64_t)reply->code, code);
	at = add_text(text, n, 0, code);
	if (reply->enhanced[0] != '\0')
		at = add_text(text, n, add_text(text, n, at, " "), reply->enhanced);
	if (reply->text[0] != '\0')
		add_text(text, n, add_text(text, n, at, " "), reply->text);
}

void
outcome_init(struct outcome *o, enum outcome_kind kind, const char *reason)
{
	*o = (struct outcome){ .kind = kind, .reason = reason };
}

void
outcome_set_reply(struct outcome *o, const struct smtp_reply *reply)
{
	o->code = reply->code;
	add_text(o->enhanced, sizeof(o->enhanced), 0, reply->enhanced);
	outcome_reply_text(reply, o->reply, sizeof(o->reply));
}

void
outcome_set_text(struct outcome *o, const char *enhanced, const char *text)
{
	snprintf(o->enhanced, sizeof(o->enhanced), "%s", enhanced);
	snprintf(o->reply, sizeof(o->reply), "%s", text);
}

static void
count(struct destination *x, enum outcome_kind kind, uint64_t bytes)
{
	static const struct {
		enum outcome_kind kind;
		enum counter counter;
	} counters[] = {
		{ OUTCOME_DELIVERED, COUNTER_DELIVERED },
		{ OUTCOME_SOFT, COUNTER_SOFT_BOUNCED },
		{ OUTCOME_UNCERTAIN, COUNTER_UNCERTAIN },
		{ OUTCOME_DEAD, COUNTER_HARD_BOUNCED },
		{ OUTCOME_QUARANTINED, COUNTER_QUARANTINED },
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (counters[i].kind == kind)
			counter_add(counters[i].counter, 1);
	if (kind == OUTCOME_DELIVERED)
		counter_add(COUNTER_BYTES_OUT, bytes);
	if (x == NULL)
		return;
	x->delivered += kind == OUTCOME_DELIVERED;
	x->soft_bounced += kind == OUTCOME_SOFT;
	x->hard_bounced += kind == OUTCOME_DEAD;
}

void
outcome_record(struct connection *c, struct item *i, struct outcome *o)
{
	struct deliver *d = i->lane->deliver;
	struct destination *x = c == NULL ? i->lane->destination : c->destination;
	const struct spool_journal *j = i->journal;
	/* What may have been received once is sent with the same bytes ever after. */
	const char *profile = j->profile;
	if (c != NULL &&
	    (o->kind == OUTCOME_UNCERTAIN || c->transaction.must_keep_profile))
		profile = buf_text(&c->transaction.profile);
	struct spool_outcome out = {
		.kind = o->kind,
		.mid = i->mid,
		.attempts = j->attempts + (o->was_attempted ? 1 : 0),
		.next_at = o->next_at,
		.at = loop_wall_ms(d->loop),
		.reply = o->reply[0] == '\0' ? NULL : o->reply,
		.tls = c == NULL || c->tls[0] == '\0' ? NULL : c->tls,
		.profile = profile,
		.reason = o->reason,
		.destination = x == NULL ? NULL : x->domain,
	};

	spool_record(d->spool, &out);
	count(x, o->kind, c == NULL ? 0 : c->transaction.content.size);
	report_outcome(c, i, o);
	lane_finish(i, o->next_at);
}

static void
expire(struct connection *c, struct item *i, struct outcome *o)
{
	bool is_old = !(i->journal->attempts + (o->was_attempted ? 1 : 0) >
			lane_bounce(i->lane)->max_retries);

	o->kind = OUTCOME_DEAD;
	o->reason = "expired";
	o->next_at = 0;
	snprintf(o->enhanced, sizeof(o->enhanced), "5.4.7");
	if (o->reply[0] == '\0')
		snprintf(o->reply, sizeof(o->reply), "000 5.4.7 Delivery expired (%s)",
			 is_old ? "message too old" : "too many retries");
	outcome_record(c, i, o);
}

void
outcome_soft(struct connection *c, struct item *i, struct outcome *o)
{
	struct deliver *d = i->lane->deliver;
	const struct bounce_profile *b = lane_bounce(i->lane);
	int64_t now = loop_wall_ms(d->loop);
	uint32_t attempts = i->journal->attempts + (o->was_attempted ? 1 : 0);

	bool is_overdue = outcome_is_overdue(i->journal, b, now);

	if (!o->was_attempted && !outcome_is_overdue(i->journal, b, i->journal->next_at))
		is_overdue = false;
	if (attempts > b->max_retries || is_overdue) {
		expire(c, i, o);
		return;
	}
	o->kind = OUTCOME_SOFT;
	o->next_at = now + bounce_profile_wait(b, attempts < 1 ? 1 : attempts,
					       deliver_random(d));
	outcome_record(c, i, o);
}

void
outcome_expired(struct item *i)
{
	struct outcome o;

	outcome_init(&o, OUTCOME_DEAD, "expired");
	expire(NULL, i, &o);
}

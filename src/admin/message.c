/*
 * message.c - a MID that no journal has.
 *
 * Messages and their journals have MIDs from one series: a number is never both. The one
 * that a mail server was told ("Ok: queued as 12") is the message's; it stands for the
 * journals of that message. When there are none, the answer says what is kept, and what
 * is not.
 */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { JOURNALS_MAX = 1000 }; /* a page; a message has SPOOL_PLANS_MAX at most */

struct spool_journal *
journal_take(struct list *journals)
{
	struct list_node *n = list_first(journals);

	if (n == NULL)
		return NULL;
	list_remove(journals, n);
	return list_entry(n, struct spool_journal, node);
}

static void
answer_unknown(struct call *c)
{
	struct spool_status s;
	char kept[80] = "not kept";

	spool_status(c->admin->spool, &s);
	if (c->mid > s.last_mid) {
		call_problem(c, 404, NULL,
			     "there is no MID %" PRIu64 "; the latest one is %" PRIu64,
			     c->mid, s.last_mid);
		return;
	}
	if (s.retention_ms > 0)
		snprintf(kept, sizeof(kept), "kept for %" PRId64 " s",
			 (s.retention_ms + 999) / 1000);
	call_problem(c, 404, NULL,
		     "nothing is kept of MID %" PRIu64
		     ": what was delivered is %s (spool.retention), what was refused, "
		     "dropped or deleted never is; the log has what became of it, "
		     "unless it is one of the numbers that a crash skipped and that "
		     "were never given",
		     c->mid, kept);
}

static void
on_journals(void *arg, struct spool_due *due, const struct err *e)
{
	struct call *c = arg;

	if (call_is_over(c, e))
		return;
	if (list_is_empty(&due->journals))
		answer_unknown(c);
	else
		c->of_message(c, &due->journals);
}

void
message_find(struct call *c, message_fn *fn)
{
	const struct spool_list_filter f = {
		.state = JOURNAL_STATE_COUNT,
		.limit = JOURNALS_MAX,
		.message_mid = c->mid,
	};

	c->of_message = fn;
	spool_list(c->admin->spool, &f, on_journals, c);
}

/* "13 is waiting, 14 is held" */
static void
name_journals(const struct list *journals, char *text, size_t n)
{
	size_t used = 0;

	text[0] = '\0';
	for (struct list_node *at = list_first(journals); at != NULL && used < n;
	     at = list_next(journals, at)) {
		const struct spool_journal *j =
			list_entry(at, struct spool_journal, node);
		int wrote = snprintf(text + used, n - used, "%s%" PRIu64 " is %s",
				     used == 0 ? "" : ", ", j->mid,
				     journal_state_name(j->state));
		used += wrote < 0 ? 0 : (size_t)wrote;
	}
}

size_t
message_count(const struct call *c, const struct list *journals)
{
	size_t n = 0;

	for (struct list_node *at = list_first(journals); at != NULL;
	     at = list_next(journals, at))
		n += action_means(c, list_entry(at, struct spool_journal, node)->state);
	return n;
}

void
message_refuse(struct call *c, const struct list *journals)
{
	char states[160], named[ERR_TEXT_MAX];
	size_t n = message_count(c, journals);

	action_states(c->states, states, sizeof(states));
	name_journals(journals, named, sizeof(named));
	if (n == 0)
		call_problem(c, 409, NULL,
			     "message %" PRIu64 " has no journal that is %s: %s", c->mid,
			     states, named);
	else
		call_problem(c, 409, NULL,
			     "message %" PRIu64 " has %zu journals that are %s; name "
			     "one of them: %s",
			     c->mid, n, states, named);
}

/*
 * show.c - everything about one journal, or about a message and its journals.
 */
#include "internal.h"

#include "tdc/deliver/deliver.h"
#include "tdc/loop/loop.h"

#include <inttypes.h>
#include <stdio.h>

struct search {
	const char *domain;
	const struct destination_status *found;
	struct destination_status copy;
};

static void
look_for_destination(void *arg, const struct destination_status *s)
{
	struct search *search = arg;

	if (strcasecmp(s->domain, search->domain) != 0)
		return;
	search->copy = *s;
	search->found = &search->copy;
}

/* Why a waiting journal is not sent in this moment. */
static void
explain_waiting(const struct call *c, const struct spool_journal *j,
		const struct search *search, char *text, size_t n)
{
	const struct destination_status *d = search->found;
	uint64_t dcid = deliver_dcid(c->admin->deliver, j->mid);

	if (dcid != 0)
		snprintf(text, n, "it is being sent in this moment, by DCID %" PRIu64,
			 dcid);
	else if (c->admin->ops->intake(c->admin->ops_arg, j->policy) == NULL)
		snprintf(text, n,
			 "policy %s has no message intake address in the present "
			 "configuration",
			 j->policy);
	else if (j->next_at > loop_wall_ms(c->admin->loop))
		snprintf(text, n,
			 j->state == JOURNAL_UNCERTAIN
				 ? "its final reply was not received; it is sent again, "
				   "the same bytes, when its time comes"
				 : "the intake put it off; it is sent again when its "
				   "time comes");
	else if (d != NULL && d->state != DESTINATION_UP)
		snprintf(text, n, "destination %s is %s: %s", d->domain,
			 destination_state_name(d->state), d->last_error);
	else
		snprintf(text, n, "it is due, behind others");
}

/* Classes of failure by the words in the rows; other reasons speak for themselves. */
static const struct {
	const char *reason, *text;
} classes[] = {
	{ "content", "the intake refused the content with a 5xx" },
	{ "expired", "delivery expired: too long in the queue, or too many retries" },
	{ "corrupt", "its rows are damaged" },
	{ "body", "its body is damaged" },
};

static const char *
class_of(const struct spool_journal *j)
{
	for (size_t i = 0; j->reason != NULL && i < sizeof(classes) / sizeof(classes[0]);
	     i++)
		if (strcmp(j->reason, classes[i].reason) == 0)
			return classes[i].text;
	return j->reason;
}

static void
explain(const struct call *c, const struct spool_journal *j, const struct search *search,
	char *text, size_t n)
{
	static const struct {
		const char *what, *next; /* around the class of failure */
	} ends[JOURNAL_STATE_COUNT] = {
		[JOURNAL_HELD] = { "held",
				   "; kept until an operator releases or deletes it" },
		[JOURNAL_DELIVERED] = { "delivered", "" },
		[JOURNAL_DEAD] = { "hard bounced", "; kept as a dead letter until an "
						   "operator retries or deletes it" },
		[JOURNAL_QUARANTINED] = { "quarantined", "; kept until an operator "
							 "retries or deletes it" },
	};
	const char *class = class_of(j);

	if (j->state == JOURNAL_WAITING || j->state == JOURNAL_UNCERTAIN)
		explain_waiting(c, j, search, text, n);
	else
		snprintf(text, n, "%s%s%s%s", ends[j->state].what,
			 class == NULL ? "" : ": ", class == NULL ? "" : class,
			 ends[j->state].next);
}

static json_t *
json_of_destination(const struct search *search)
{
	const struct destination_status *d = search->found;
	json_t *o = json_object();

	json_put(o, "domain", json_peer_text(search->domain));
	if (d == NULL) {
		json_put(o, "state", json_string(destination_state_name(DESTINATION_UP)));
		return o;
	}
	json_put(o, "state", json_string(destination_state_name(d->state)));
	json_put_outage(o, d);
	return o;
}

/* Its own facts, where it goes, and why it is where it is. */
static json_t *
json_of_whole_journal(const struct call *c, const struct spool_journal *j)
{
	const struct admin *a = c->admin;
	char why[2 * ERR_TEXT_MAX];
	json_t *o = json_of_journal(j);
	struct search search = { .domain = a->ops->destination(a->ops_arg, j->policy) };

	if (search.domain != NULL)
		deliver_each_destination(a->deliver, look_for_destination, &search);
	explain(c, j, &search, why, sizeof(why));
	json_put(o, "intake", json_peer_text(a->ops->intake(a->ops_arg, j->policy)));
	json_put(o, "destination",
		 search.domain == NULL ? json_null() : json_of_destination(&search));
	json_put(o, "why", json_peer_text(why));
	uint64_t dcid = deliver_dcid(a->deliver, j->mid);
	if (dcid != 0)
		json_put(o, "dcid", json_count(dcid));
	return o;
}

static void
show_message(struct call *c, struct list *journals)
{
	json_t *o = json_object(), *list = json_array();

	for (struct spool_journal *j; (j = journal_take(journals)) != NULL;) {
		if (json_array_size(list) == 0)
			json_put_message(o, j);
		(void)json_array_append_new(list, json_of_whole_journal(c, j));
		spool_journal_free(j);
	}
	json_put(o, "message_mid", json_count(c->mid)); /* also when its row is lost */
	json_put(o, "journals", list);
	call_answer(c, 200, o);
}

static void
on_found(void *arg, struct spool_due *due, const struct err *e)
{
	struct call *c = arg;

	if (call_is_over(c, e))
		return;
	struct spool_journal *j = journal_take(&due->journals);
	if (j == NULL) {
		message_find(c, show_message);
		return;
	}
	json_t *o = json_of_whole_journal(c, j);
	json_put_message(o, j);
	spool_journal_free(j);
	call_answer(c, 200, o);
}

void
run_show(struct call *c)
{
	spool_fetch_one(c->admin->spool, c->mid, on_found, c);
}

/*
 * queue.c - looking at journals: a page of the queue, and everything about one of them.
 */
#include "internal.h"

#include "tdc/deliver/deliver.h"
#include "tdc/loop/loop.h"

#include <inttypes.h>
#include <stdio.h>

enum { LIST_DEFAULT = 100, LIST_MAX = 1000 };

/* ---------------------------------------------------------------- the list */

static void
on_list(void *arg, struct spool_due *due, const struct err *e)
{
	struct call *c = arg;
	json_t *o, *rows;

	if (c->admin == NULL || e != NULL) {
		if (c->admin == NULL)
			call_answer(c, 503, NULL);
		else
			call_problem_err(c, e);
		return;
	}
	o = json_object();
	rows = json_array();
	uint64_t last = 0;
	while (!list_is_empty(&due->journals)) {
		struct spool_journal *j =
			(struct spool_journal *)(void *)list_first(&due->journals);
		list_remove(&due->journals, &j->node);
		last = j->mid;
		(void)json_array_append_new(rows, json_of_row(j));
		spool_journal_free(j);
	}
	json_put(o, "journals", rows);
	/* A page that is not full may still not be the last: rows found corrupt are
	 * left out. */
	json_put(o, "next", due->is_end || last == 0 ? json_null() : json_count(last));
	call_answer(c, 200, o);
}

static void
list_state(struct call *c, enum journal_state state)
{
	const char *after = http_request_query(c->request, "after");
	const char *limit = http_request_query(c->request, "limit");
	struct spool_list_filter f = { .state = state, .limit = LIST_DEFAULT };
	uint64_t n = 0;

	if (after != NULL && strcmp(after, "0") != 0 &&
	    parse_mid(span_of(after), &f.after_mid) != 0) {
		call_problem(c, 400, NULL, "after=%s: not a MID", after);
		return;
	}
	if (limit != NULL && (parse_mid(span_of(limit), &n) != 0 || n > LIST_MAX)) {
		call_problem(c, 400, NULL, "limit=%s: a number from 1 to %d is allowed",
			     limit, LIST_MAX);
		return;
	}
	if (limit != NULL)
		f.limit = (size_t)n;
	spool_list(c->admin->spool, &f, on_list, c);
}

void
run_list(struct call *c)
{
	const char *word = http_request_query(c->request, "state");
	enum journal_state state = JOURNAL_STATE_COUNT;

	if (word != NULL && journal_state_parse(span_of(word), &state) != 0) {
		call_problem(c, 400, NULL,
			     "state=%s: allowed are waiting, uncertain, held, delivered, "
			     "dead and quarantined",
			     word);
		return;
	}
	list_state(c, state);
}

void
run_dead(struct call *c)
{
	list_state(c, JOURNAL_DEAD);
}

void
run_quarantine(struct call *c)
{
	list_state(c, JOURNAL_QUARANTINED);
}

/* ---------------------------------------------------------------- one journal */

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

	if (c->admin->ops->intake(c->admin->ops_arg, j->policy) == NULL)
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
		snprintf(text, n, "it is due, behind others or being sent");
}

static void
explain(const struct call *c, const struct spool_journal *j, const struct search *search,
	char *text, size_t n)
{
	const char *reason = j->reason == NULL ? "" : j->reason;
	static const char *const ends[JOURNAL_STATE_COUNT] = {
		[JOURNAL_HELD] = "it is held until an operator releases it",
		[JOURNAL_DELIVERED] = "it was delivered",
		[JOURNAL_DEAD] =
			"it is a dead letter until an operator retries or deletes it",
		[JOURNAL_QUARANTINED] =
			"its row or body is corrupt; it is kept until an operator "
			"retries or deletes it",
	};

	if (j->state == JOURNAL_WAITING || j->state == JOURNAL_UNCERTAIN)
		explain_waiting(c, j, search, text, n);
	else
		snprintf(text, n, "%s%s%s", ends[j->state], reason[0] == '\0' ? "" : ": ",
			 reason);
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
	json_put(o, "last_error",
		 d->last_error[0] == '\0' ? json_null() : json_peer_text(d->last_error));
	json_put(o, "down_since", json_time(d->down_since));
	json_put(o, "next_probe_at", json_time(d->next_probe_at));
	return o;
}

static void
show(struct call *c, const struct spool_journal *j)
{
	struct admin *a = c->admin;
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
	call_answer(c, 200, o);
}

static void
on_found(void *arg, struct spool_due *due, const struct err *e)
{
	struct call *c = arg;

	if (c->admin == NULL) {
		call_answer(c, 503, NULL);
		return;
	}
	if (e != NULL) {
		call_problem_err(c, e);
		return;
	}
	struct spool_journal *j =
		(struct spool_journal *)(void *)list_first(&due->journals);
	if (j == NULL) {
		call_problem(c, 404, NULL, "there is no journal %" PRIu64, c->mid);
		return;
	}
	list_remove(&due->journals, &j->node);
	show(c, j);
	spool_journal_free(j);
}

void
run_show(struct call *c)
{
	spool_fetch_one(c->admin->spool, c->mid, on_found, c);
}

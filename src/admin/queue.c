/*
 * queue.c - a page of the queue: of journals in all states, or in one.
 */
#include "internal.h"

enum { LIST_DEFAULT = 100, LIST_MAX = 1000 };

static void
on_list(void *arg, struct spool_due *due, const struct err *e)
{
	struct call *c = arg;
	json_t *o, *rows;

	if (call_is_over(c, e))
		return;
	o = json_object();
	rows = json_array();
	uint64_t last = 0;
	for (struct spool_journal *j; (j = journal_take(&due->journals)) != NULL;) {
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
			     "state %s: allowed are waiting, uncertain, held, delivered, "
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

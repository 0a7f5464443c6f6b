/*
 * actions.c - what an operator does to one journal.
 *
 * A journal that is being sent in this moment is not touched: the answer is 409 with the
 * DCID. When the row was not in a state that the action applies to, the row is looked at
 * and the answer says which state it is in.
 */
#include "internal.h"

#include "tdc/base/log.h"
#include "tdc/deliver/deliver.h"

#include <inttypes.h>
#include <stdio.h>

const struct action actions[ACTION_COUNT] = {
#define X(id, ...) [ACTION_##id] = { __VA_ARGS__ },
	ACTIONS(X)
#undef X
};
const struct action action_retry_quarantined = { "retry", "put back into the queue",
						 CHANGE_RETRY_QUARANTINED,
						 IN(QUARANTINED), false };

void
action_states(unsigned states, char *text, size_t n)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < JOURNAL_STATE_COUNT; i++) {
		if ((states & (1u << i)) == 0)
			continue;
		bool is_last = (states >> i) == 1;
		int wrote = snprintf(text + used, n - used, "%s%s",
				     used == 0 ? ""
				     : is_last ? " or "
					       : ", ",
				     journal_state_name((enum journal_state)i));
		if (wrote < 0 || (size_t)wrote >= n - used)
			return;
		used += (size_t)wrote;
	}
}

bool
action_means(const struct call *c, enum journal_state state)
{
	return (c->states & (1u << state)) != 0;
}

int
action_narrow(struct call *c)
{
	const struct action *action = c->path->action;
	const char *word = http_request_query(c->request, "state");
	enum journal_state state;
	char allowed[160];

	c->states = action->states;
	if (word == NULL)
		return 0;
	if (journal_state_parse(span_of(word), &state) == 0 &&
	    (action->states & (1u << state)) != 0) {
		c->states = 1u << state;
		return 0;
	}
	action_states(action->states, allowed, sizeof(allowed));
	call_problem(c, 400, NULL, "state %s: %s is for %s journals", word, action->name,
		     allowed);
	return -1;
}

void
action_refuse(struct call *c, enum journal_state state)
{
	char states[160];
	json_t *extra = json_object();

	action_states(c->states, states, sizeof(states));
	json_put(extra, "state", json_string(journal_state_name(state)));
	call_problem(c, 409, extra, "journal %" PRIu64 " is %s; %s is for %s journals",
		     c->mid, journal_state_name(state), c->path->action->name, states);
}

bool
action_does_not_apply(const struct err *e)
{
	return e->kind == ERR_NOT_FOUND || e->kind == ERR_REFUSED;
}

void
action_refuse_in_flight(struct call *c, uint64_t mid, uint64_t dcid)
{
	json_t *extra = json_object();

	json_put(extra, "dcid", json_count(dcid));
	call_problem(c, 409, extra,
		     "journal %" PRIu64 " is being sent in this moment, by DCID %" PRIu64,
		     mid, dcid);
}

static json_t *
json_of_change(const struct call *c, uint64_t changed)
{
	json_t *o = json_object();

	json_put(o, "mid", json_count(c->mid));
	json_put(o, "action", json_string(c->path->action->name));
	json_put(o, "done", json_string(c->path->action->done));
	json_put(o, "changed", json_count(changed));
	return o;
}

/*
 * It has no time of its own: only its destination kept it, or it is on its way already.
 */
static void
answer_due_already(struct call *c)
{
	const struct action *action = c->path->action;
	uint64_t dcid = deliver_dcid(c->admin->deliver, c->mid);
	json_t *o = json_of_change(c, 0);

	deliver_now(c->admin->deliver, c->mid);
	log_event(LOG_ADMIN, INFO, "mid.operator",
		  F(LF_INT("mid", c->mid), LF_TEXT("action", action->name)),
		  "MID %" PRIu64 " %s by operator; it was due already", c->mid,
		  action->done);
	if (dcid != 0)
		json_put(o, "dcid", json_count(dcid));
	call_answer(c, 200, o);
}

/* Nothing was changed: say what the row is. Or there is none, and a message is meant. */
static void
on_looked_at(void *arg, struct spool_due *due, const struct err *e)
{
	struct call *c = arg;

	if (call_is_over(c, e))
		return;
	const struct action *action = c->path->action;
	struct spool_journal *j = journal_take(&due->journals);
	if (j == NULL) {
		message_find(c, sweep_message);
		return;
	}
	enum journal_state state = j->state;
	spool_journal_free(j);
	if (action->change == CHANGE_DUE_NOW && action_means(c, state)) {
		answer_due_already(c);
		return;
	}
	action_refuse(c, state);
}

static void
on_changed(void *arg, uint64_t changed, const struct err *e)
{
	struct call *c = arg;

	if (call_is_over(c, NULL))
		return;
	const struct action *action = c->path->action;
	struct admin *a = c->admin;
	if (action->withdraws)
		deliver_give_back(a->deliver, c->mid);
	/* Gone, or in another state: the row says it better than the error. */
	if (e != NULL && action_does_not_apply(e)) {
		e = NULL;
		changed = 0;
	}
	/* What was withdrawn from the scheduler may still be due. */
	if (e != NULL || changed == 0 || action->change == CHANGE_RELEASE ||
	    action->change == CHANGE_RETRY_DEAD ||
	    action->change == CHANGE_RETRY_QUARANTINED)
		deliver_look_again(a->deliver);
	if (e != NULL) {
		call_problem_err(c, e);
		return;
	}
	if (changed == 0) {
		spool_fetch_one(a->spool, c->mid, on_looked_at, c);
		return;
	}
	if (action->change == CHANGE_DUE_NOW)
		deliver_now(a->deliver, c->mid);
	log_event(LOG_ADMIN, INFO, "mid.operator",
		  F(LF_INT("mid", c->mid), LF_TEXT("action", action->name)),
		  "MID %" PRIu64 " %s by operator", c->mid, action->done);
	call_answer(c, 200, json_of_change(c, changed));
}

void
action_change(struct call *c)
{
	spool_change_in(c->admin->spool, c->path->action->change, c->states, c->mid,
			on_changed, c);
}

void
run_action(struct call *c)
{
	const struct action *action = c->path->action;
	enum withdrawal withdrawal = WITHDRAWAL_DONE;
	uint64_t dcid = 0;

	if (action_narrow(c) != 0)
		return;
	if (action->withdraws)
		withdrawal = deliver_withdraw(c->admin->deliver, c->mid, &dcid);
	if (withdrawal == WITHDRAWAL_NO_MEMORY) {
		call_problem(c, 503, NULL, "no memory to withdraw journal %" PRIu64,
			     c->mid);
		return;
	}
	if (withdrawal == WITHDRAWAL_IN_FLIGHT) {
		action_refuse_in_flight(c, c->mid, dcid);
		return;
	}
	action_change(c);
}

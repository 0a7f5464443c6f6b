/*
 * sweep.c - what an operator does to all journals of a state, of a message, or to all.
 *
 * Actions that a journal in flight must not meet go row by row, a page at a time: what is
 * being sent is left out and counted. So do those on the journals of a message, of which
 * there are a few. The others are one change of the spool.
 */
#include "internal.h"

#include "tdc/base/format.h"
#include "tdc/base/log.h"
#include "tdc/deliver/deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 500 };

struct sweep {
	unsigned states; /* still to be swept, 1 << journal_state      */
	uint64_t after;  /* MID that the present state was swept up to */
	bool is_last_page;
	size_t pending; /* changes under way                          */
	uint64_t changed, in_flight;
	uint64_t damaged; /* rows that cannot be changed: left out          */
	bool has_due;     /* one was due already: nothing to change in it   */
	/* of a message: one that is being sent, and where */
	uint64_t mid_in_flight, dcid;
	struct err failure; /* the first                                  */
};

/* One change of a sweep; knows its MID for the log. */
struct step {
	struct call *call;
	uint64_t mid;
};

static void sweep_on(struct call *c);

static enum journal_state
present_state(const struct sweep *s)
{
	for (int i = 0; i < JOURNAL_STATE_COUNT; i++)
		if ((s->states & (1u << i)) != 0)
			return (enum journal_state)i;
	return JOURNAL_STATE_COUNT;
}

/* One line for all; those of a message have a line each. */
static void
tell(const struct call *c)
{
	const struct sweep *s = c->sweep;
	char left_out[80] = "";

	if (s->in_flight > 0)
		snprintf(left_out, sizeof(left_out),
			 "; %" PRIu64 " left out while being sent", s->in_flight);
	log_event(LOG_ADMIN, INFO, "operator.sweep",
		  F(LF_TEXT("action", c->path->action->name),
		    LF_INT("changed", s->changed), LF_INT("in_flight", s->in_flight)),
		  "%" PRIu64 " journal%s %s by operator%s%s", s->changed,
		  format_plural(s->changed), c->path->action->done, left_out,
		  c->path->action->change == CHANGE_DUE_NOW
			  ? "; all destinations are tried"
			  : "");
}

static void
answer_failed(struct call *c, json_t *o)
{
	const struct sweep *s = c->sweep;

	json_put(o, "kind", json_string(err_kind_name(s->failure.kind)));
	call_problem(c, err_is_temporary(&s->failure) ? 503 : 500, o,
		     "%s; %" PRIu64 " journal%s %s", s->failure.text, s->changed,
		     format_plural(s->changed), c->path->action->done);
}

/* Each journal of the message had left its state when its turn came. */
static bool
is_late(const struct call *c)
{
	const struct sweep *s = c->sweep;

	return c->mid != 0 && s->changed == 0 && s->in_flight == 0 && s->damaged == 0 &&
	       !s->has_due && s->failure.kind == ERR_NONE;
}

/* What there is now says it better than "0 changed". One look: a row that the database
 * tells differently each time is no reason to go on for ever. */
static void
refuse_late(struct call *c, struct list *journals)
{
	message_refuse(c, journals);
}

static void
answer(struct call *c)
{
	struct sweep *s = c->sweep;

	deliver_look_again(c->admin->deliver);
	if (is_late(c)) {
		message_find(c, refuse_late);
		return;
	}
	if (c->mid == 0)
		tell(c);
	/* As the spool says it of a change of all. */
	if (s->damaged > 0 && s->failure.kind == ERR_NONE)
		err_set(&s->failure, ERR_CORRUPT, 0, "%" PRIu64 " damaged row%s left out",
			s->damaged, format_plural(s->damaged));
	if (s->failure.kind == ERR_NONE && s->changed == 0 && s->in_flight > 0 &&
	    s->dcid != 0) {
		action_refuse_in_flight(c, s->mid_in_flight, s->dcid);
		return;
	}
	json_t *o = json_object();
	if (c->mid != 0)
		json_put(o, "message_mid", json_count(c->mid));
	json_put(o, "action", json_string(c->path->action->name));
	json_put(o, "done", json_string(c->path->action->done));
	json_put(o, "changed", json_count(s->changed));
	json_put(o, "in_flight", json_count(s->in_flight));
	if (s->changed == 0 && s->dcid != 0)
		json_put(o, "dcid", json_count(s->dcid));
	if (s->failure.kind == ERR_NONE)
		call_answer(c, 200, o);
	else
		answer_failed(c, o);
}

static void
on_step(void *arg, uint64_t changed, const struct err *e)
{
	struct step *step = arg;
	struct call *c = step->call;
	struct sweep *s = c->sweep;

	if (e != NULL && e->kind == ERR_CORRUPT)
		s->damaged++;
	/* A row that left its state since the page was read is none of ours any more. */
	else if (e != NULL && !action_does_not_apply(e) && s->failure.kind == ERR_NONE)
		s->failure = *e;
	s->changed += changed;
	s->has_due |= e == NULL && changed == 0;
	if (c->admin != NULL && c->path->action->change == CHANGE_DUE_NOW && s->dcid == 0)
		s->dcid = deliver_dcid(c->admin->deliver, step->mid);
	if (c->admin != NULL && c->path->action->withdraws)
		deliver_give_back(c->admin->deliver, step->mid);
	if (c->admin != NULL && c->path->action->change == CHANGE_DUE_NOW)
		deliver_now(c->admin->deliver, step->mid);
	if (changed > 0 && c->admin != NULL)
		log_event(LOG_ADMIN, INFO, "mid.operator",
			  F(LF_INT("mid", step->mid),
			    LF_TEXT("action", c->path->action->name)),
			  "MID %" PRIu64 " %s by operator", step->mid,
			  c->path->action->done);
	free(step);
	if (--s->pending == 0)
		sweep_on(c);
}

static void
sweep_row(struct call *c, uint64_t mid)
{
	struct sweep *s = c->sweep;
	struct step *step = calloc(1, sizeof(*step));
	enum withdrawal withdrawal = WITHDRAWAL_DONE;
	uint64_t dcid = 0;

	if (step == NULL) {
		err_set(&s->failure, ERR_MEMORY, 0, "no memory to go on");
		return;
	}
	if (c->path->action->withdraws)
		withdrawal = deliver_withdraw(c->admin->deliver, mid, &dcid);
	if (withdrawal != WITHDRAWAL_DONE) {
		free(step);
		if (withdrawal == WITHDRAWAL_NO_MEMORY)
			err_set(&s->failure, ERR_MEMORY, 0, "no memory to go on");
		else
			s->in_flight++;
		if (c->mid != 0 && withdrawal == WITHDRAWAL_IN_FLIGHT) {
			s->mid_in_flight = mid;
			s->dcid = dcid;
		}
		return;
	}
	*step = (struct step){ .call = c, .mid = mid };
	s->pending++;
	spool_change_in(c->admin->spool, c->path->action->change, c->states, mid, on_step,
			step);
}

static void
on_page(void *arg, struct spool_due *due, const struct err *e)
{
	struct call *c = arg;
	struct sweep *s = c->sweep;

	if (e != NULL)
		s->failure = *e;
	else
		s->is_last_page = due->is_end || list_is_empty(&due->journals);
	s->pending++; /* this page itself */
	while (e == NULL && !list_is_empty(&due->journals)) {
		struct spool_journal *j = journal_take(&due->journals);
		s->after = j->mid;
		if (c->admin != NULL && s->failure.kind == ERR_NONE)
			sweep_row(c, j->mid);
		spool_journal_free(j);
	}
	if (--s->pending == 0)
		sweep_on(c);
}

/* The next page of this state, the next state, or the end. */
static void
sweep_on(struct call *c)
{
	struct sweep *s = c->sweep;

	if (call_is_over(c, NULL))
		return;
	if (s->is_last_page) {
		s->states &= ~(1u << present_state(s));
		s->after = 0;
		s->is_last_page = false;
	}
	if (s->states == 0 || s->failure.kind != ERR_NONE) {
		answer(c);
		return;
	}
	const struct spool_list_filter f = {
		.state = present_state(s),
		.after_mid = s->after,
		.limit = PAGE,
	};
	spool_list(c->admin->spool, &f, on_page, c);
}

static void
on_all_changed(void *arg, uint64_t changed, const struct err *e)
{
	struct call *c = arg;

	if (call_is_over(c, NULL))
		return;
	c->sweep->changed = changed;
	if (e != NULL)
		c->sweep->failure = *e;
	if (c->path->action->change == CHANGE_DUE_NOW)
		deliver_now(c->admin->deliver, 0);
	answer(c);
}

static int
sweep_new(struct call *c)
{
	c->sweep = calloc(1, sizeof(*c->sweep));
	if (c->sweep != NULL)
		return 0;
	call_problem(c, 503, NULL, "no memory");
	return -1;
}

void
sweep_message(struct call *c, struct list *journals)
{
	if (message_count(c, journals) == 0) {
		message_refuse(c, journals);
		return;
	}
	if (sweep_new(c) != 0)
		return;
	c->sweep->pending++; /* this list itself */
	for (struct spool_journal *j; (j = journal_take(journals)) != NULL;) {
		if (action_means(c, j->state) && c->sweep->failure.kind == ERR_NONE)
			sweep_row(c, j->mid);
		spool_journal_free(j);
	}
	if (--c->sweep->pending == 0)
		sweep_on(c); /* to the end: there are no pages */
}

void
run_action_on_all(struct call *c)
{
	const struct action *action = c->path->action;

	if (action_narrow(c) != 0 || sweep_new(c) != 0)
		return;
	c->sweep->states = c->states;
	if (action->withdraws)
		sweep_on(c);
	else
		spool_change_in(c->admin->spool, action->change, c->states, 0,
				on_all_changed, c);
}

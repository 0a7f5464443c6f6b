/*
 * decide.c - what is to be made of an accepted message.
 *
 * Each recipient goes to the first policy that takes it: the lower of the first that
 * matches it and the first that matches the sender or has no pattern, for that one takes
 * all that is left by then. A policy whose conditions do not hold takes nobody. Then one
 * plan for each policy with an intake, and one drop for all recipients whose policies say
 * no.
 *
 * A decision must not lose a message: without memory, or beyond SPOOL_PLANS_MAX policies
 * in one message, recipients are journaled together with others rather than not at all.
 */
#include "direction.h"
#include "set.h"

#include "tdc/base/check.h"

#include <stdlib.h>

/* In place of a policy: mail that does not come in. */
#define OUTSIDE (UINT32_MAX - 1)

/* What is asked of the policies. */
struct question {
	struct policy_set *set;
	const struct spool_message *message;
	const struct body_facts *facts;
	struct mime_names field_names;
	const char *outside; /* the answer: why the first such recipient is OUTSIDE */
};

/* What the plans are made from. */
struct decision {
	struct policy_set *set;
	const char *outside; /* why some recipients get no incoming mail, or NULL */
	struct spool_plan *plans;
	size_t rids_at[SPOOL_PLANS_MAX]; /* where a plan's text begins in set->rids */
	size_t n;
	size_t n_recipients;
};

/* One plan for all recipients. */
static size_t
plan_all(struct spool_plan *plans, const char *policy, enum drop_reason reason)
{
	plans[0] = (struct spool_plan){
		.kind = JOURNAL_KIND_JOURNAL,
		.policy = policy,
		.drop = reason,
	};
	return 1;
}

static int
make_room(struct policy_set *p, size_t n)
{
	if (n <= p->assigned_room)
		return 0;
	uint32_t *assigned = realloc(p->assigned, n * sizeof(*assigned));
	if (assigned == NULL)
		return -1;
	p->assigned = assigned;
	p->assigned_room = n;
	return 0;
}

/* Judged once for a message. */
static bool
applies(void *arg, uint32_t policy)
{
	const struct question *q = arg;
	struct policy_set *p = q->set;
	const struct conditions *conditions = p->policies[policy].conditions;
	if (conditions == NULL)
		return true;
	if (p->judged[policy] / 2 != p->decisions)
		p->judged[policy] =
			2 * p->decisions +
			conditions_hold(conditions, q->message, q->facts, q->field_names);
	return p->judged[policy] % 2 == 1;
}

static uint32_t
first_match(struct question *q, const struct patterns *patterns, const char *address,
	    uint32_t limit)
{
	struct address_keys keys = address_keys_make(&q->set->key, address);
	return patterns_first(patterns, &keys, limit, applies, q);
}

/* The first policy that takes all recipients: DEFAULT does. */
static uint32_t
first_for_all(struct question *q)
{
	struct policy_set *p = q->set;
	const char *sender = q->message->sender == NULL ? "" : q->message->sender;
	uint32_t limit = (uint32_t)p->n_policies - 1;
	for (size_t i = 0; i < p->n_for_all && p->for_all[i] < limit; i++)
		if (applies(q, p->for_all[i]))
			limit = p->for_all[i];
	return first_match(q, &p->senders, sender, limit);
}

/* Sets p->assigned; true when all recipients have the same policy. */
static bool
assign(struct question *q)
{
	struct policy_set *p = q->set;
	const struct spool_message *m = q->message;
	struct direction direction;
	p->decisions++;
	direction_begin(&direction, p, m);
	uint32_t limit = first_for_all(q);
	bool is_same = true;
	for (size_t i = 0; i < m->n_recipients; i++) {
		const char *outside = direction_of(&direction, &m->recipients[i]);
		p->assigned[i] = outside != NULL
					 ? OUTSIDE
					 : first_match(q, &p->recipients,
						       m->recipients[i].address, limit);
		if (q->outside == NULL)
			q->outside = outside;
		is_same = is_same && p->assigned[i] == p->assigned[0];
	}
	if (m->n_recipients == 0) {
		q->outside = direction.outside;
		p->assigned[0] = q->outside != NULL ? OUTSIDE : limit;
	}
	return is_same;
}

/* The lowest policy number that a recipient has: of all, or of those above `after`. */
static uint32_t
next_policy(const struct decision *d, uint32_t after, bool is_first)
{
	uint32_t next = TEXT_INDEX_NONE;
	for (size_t i = 0; i < d->n_recipients; i++) {
		uint32_t policy = d->set->assigned[i];
		if (policy != OUTSIDE && (is_first || policy > after) && policy < next)
			next = policy;
	}
	return next;
}

static void
begin_plan(struct decision *d, uint32_t policy, enum drop_reason reason)
{
	d->plans[d->n] = (struct spool_plan){
		.kind = JOURNAL_KIND_JOURNAL,
		.policy = d->set->policies[policy].name,
		.drop = reason,
	};
	d->rids_at[d->n] = d->set->rids.n;
	d->n++;
}

static void
add_rid(struct decision *d, size_t rid)
{
	struct buf *rids = &d->set->rids;
	bool is_first = rids->n == d->rids_at[d->n - 1];
	buf_printf(rids, is_first ? "%zu" : ",%zu", rid);
}

static void
end_plan(struct decision *d)
{
	buf_append_byte(&d->set->rids, '\0');
}

/* Recipients of policies from `from` up to `to` with an intake: one plan, named after
 * `from`. */
static void
plan_policies(struct decision *d, uint32_t from, uint32_t to)
{
	begin_plan(d, from, DROP_NONE);
	for (size_t i = 0; i < d->n_recipients; i++) {
		uint32_t policy = d->set->assigned[i];
		if (policy >= from && policy <= to &&
		    d->set->policies[policy].intake != NULL)
			add_rid(d, i);
	}
	end_plan(d);
}

/* All recipients whose policies say no; named after the first of them. */
static void
plan_drop(struct decision *d)
{
	bool is_begun = false;
	for (size_t i = 0; i < d->n_recipients; i++) {
		uint32_t policy = d->set->assigned[i];
		if (policy == OUTSIDE || d->set->policies[policy].intake != NULL)
			continue;
		if (!is_begun)
			begin_plan(d, policy, DROP_POLICY);
		is_begun = true;
		add_rid(d, i);
	}
	if (is_begun)
		end_plan(d);
}

/* All recipients to whom nothing comes in. */
static void
plan_outside(struct decision *d)
{
	if (d->outside == NULL)
		return;
	begin_plan(d, (uint32_t)d->set->n_policies - 1, DROP_DIRECTION);
	d->plans[d->n - 1].drop_detail = d->outside;
	for (size_t i = 0; i < d->n_recipients; i++)
		if (d->set->assigned[i] == OUTSIDE)
			add_rid(d, i);
	end_plan(d);
}

static void
plan_split(struct decision *d)
{
	/* Places that are kept for the drops; and one takes all the rest. */
	size_t kept = d->outside != NULL ? 2 : 1;
	uint32_t last = (uint32_t)d->set->n_policies - 1;
	buf_clear(&d->set->rids);
	uint32_t policy = next_policy(d, 0, true);
	while (policy != TEXT_INDEX_NONE) {
		bool is_rest = d->n + kept + 1 == SPOOL_PLANS_MAX;
		if (d->set->policies[policy].intake != NULL)
			plan_policies(d, policy, is_rest ? last : policy);
		else
			is_rest = false;
		if (is_rest)
			break;
		policy = next_policy(d, policy, false);
	}
	plan_drop(d);
	plan_outside(d);
	/* Only now does the text stay where it is. */
	struct span texts = buf_span(&d->set->rids);
	for (size_t i = 0; i < d->n && d->n > 1; i++)
		d->plans[i].rids = texts.p + d->rids_at[i];
}

/* When something went wrong: everything to the first policy that has an intake. */
static size_t
journal_all(const struct policy_set *p, struct spool_plan *plans)
{
	for (size_t i = 0; i < p->n_policies; i++) {
		if (p->policies[i].intake != NULL)
			return plan_all(plans, p->policies[i].name, DROP_NONE);
	}
	return plan_all(plans, p->policies[p->n_policies - 1].name, DROP_POLICY);
}

size_t
policy_decide(struct policy_set *p, const struct spool_message *m,
	      const struct body_facts *facts, struct mime_names field_names,
	      struct spool_plan plans[SPOOL_PLANS_MAX])
{
	struct question q = {
		.set = p, .message = m, .facts = facts, .field_names = field_names
	};
	const char *fallback = p->policies[p->n_policies - 1].name;
	if ((facts->facts & p->loop_facts) != 0)
		return plan_all(plans, fallback, DROP_LOOP);
	if (!p->is_connector_enabled) {
		plan_all(plans, fallback, DROP_POLICY);
		plans[0].drop_detail = "the connector is disabled";
		return 1;
	}
	if (make_room(p, m->n_recipients == 0 ? 1 : m->n_recipients) != 0)
		return journal_all(p, plans);
	if (assign(&q)) {
		if (p->assigned[0] == OUTSIDE) {
			plan_all(plans, fallback, DROP_DIRECTION);
			plans[0].drop_detail = q.outside;
			return 1;
		}
		const struct policy *policy = &p->policies[p->assigned[0]];
		enum drop_reason drop = policy->intake == NULL ? DROP_POLICY : DROP_NONE;
		return plan_all(plans, policy->name, drop);
	}
	struct decision d = { .set = p,
			      .outside = q.outside,
			      .plans = plans,
			      .n_recipients = m->n_recipients };
	plan_split(&d);
	if (p->rids.failed)
		return journal_all(p, plans);
	check(d.n > 0);
	return d.n;
}

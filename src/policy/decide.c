/*
 * decide.c - what is to be made of an accepted message.
 *
 * Each recipient goes to the first policy that takes it: the lower of the first that
 * matches it and the first that matches the sender, for the sender's takes all that is
 * left by then. Then one plan for each policy with an intake, and one drop for all
 * recipients whose policies say no.
 *
 * A decision must not lose a message: without memory, or beyond SPOOL_PLANS_MAX policies
 * in one message, recipients are journaled together with others rather than not at all.
 */
#include "set.h"

#include "tdc/base/check.h"

#include <stdlib.h>

/* What the plans are made from. */
struct decision {
	struct policy_set *set;
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

/* The first policy with a pattern for the address. */
static uint32_t
first_match(struct policy_set *p, const struct text_index *patterns, const char *address)
{
	struct span domain;
	if (patterns->n == 0)
		return TEXT_INDEX_NONE;
	struct span whole = policy_key(&p->key, address, &domain);
	if (whole.n == 0 || whole.n == domain.n)
		return TEXT_INDEX_NONE; /* the null sender, or no domain */
	uint32_t exact = text_index_find(patterns, whole);
	uint32_t by_domain = text_index_lowest_domain(patterns, domain);
	return exact < by_domain ? exact : by_domain;
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

/* Sets p->assigned; true when all recipients have the same policy. */
static bool
assign(struct policy_set *p, const struct spool_message *m)
{
	uint32_t last = (uint32_t)p->n_policies - 1;
	uint32_t limit = first_match(p, &p->senders, m->sender == NULL ? "" : m->sender);
	if (limit > last)
		limit = last;
	bool is_same = true;
	for (size_t i = 0; i < m->n_recipients; i++) {
		uint32_t policy =
			first_match(p, &p->recipients, m->recipients[i].address);
		p->assigned[i] = policy < limit ? policy : limit;
		is_same = is_same && p->assigned[i] == p->assigned[0];
	}
	if (m->n_recipients == 0)
		p->assigned[0] = limit;
	return is_same;
}

/* The lowest policy number that a recipient has: of all, or of those above `after`. */
static uint32_t
next_policy(const struct decision *d, uint32_t after, bool is_first)
{
	uint32_t next = TEXT_INDEX_NONE;
	for (size_t i = 0; i < d->n_recipients; i++) {
		uint32_t policy = d->set->assigned[i];
		if ((is_first || policy > after) && policy < next)
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
		if (d->set->policies[policy].intake != NULL)
			continue;
		if (!is_begun)
			begin_plan(d, policy, DROP_POLICY);
		is_begun = true;
		add_rid(d, i);
	}
	if (is_begun)
		end_plan(d);
}

static void
plan_split(struct decision *d)
{
	uint32_t last = (uint32_t)d->set->n_policies - 1;
	buf_clear(&d->set->rids);
	uint32_t policy = next_policy(d, 0, true);
	while (policy != TEXT_INDEX_NONE) {
		/* One place is kept for the drop, one takes all the rest. */
		bool is_rest = d->n + 2 == SPOOL_PLANS_MAX;
		if (d->set->policies[policy].intake != NULL)
			plan_policies(d, policy, is_rest ? last : policy);
		else
			is_rest = false;
		if (is_rest)
			break;
		policy = next_policy(d, policy, false);
	}
	plan_drop(d);
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
	      const struct body_facts *facts, struct spool_plan plans[SPOOL_PLANS_MAX])
{
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
	if (assign(p, m)) {
		const struct policy *policy = &p->policies[p->assigned[0]];
		enum drop_reason drop = policy->intake == NULL ? DROP_POLICY : DROP_NONE;
		return plan_all(plans, policy->name, drop);
	}
	struct decision d = { .set = p, .plans = plans, .n_recipients = m->n_recipients };
	plan_split(&d);
	if (p->rids.failed)
		return journal_all(p, plans);
	check(d.n > 0);
	return d.n;
}

/*
 * health.c - whether someone must act, at the three levels that monitoring knows.
 *
 * error    mail is not accepted, or what was accepted is not kept as it was promised
 * warning  mail is accepted and safe, but some of it goes nowhere, or not now
 * ok       neither
 *
 * Each reason is a sentence; the worst come first.
 */
#include "internal.h"

#include "tdc/base/format.h"
#include "tdc/deliver/deliver.h"
#include "tdc/policy/policy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum level { LEVEL_OK, LEVEL_WARNING, LEVEL_ERROR };

struct health {
	enum level level; /* the worst of the reasons */
	json_t *reasons;
};

static const char *
level_name(enum level l)
{
	static const char *const names[] = {
		[LEVEL_OK] = "ok",
		[LEVEL_WARNING] = "warning",
		[LEVEL_ERROR] = "error",
	};

	return names[l];
}

static void add(struct health *h, enum level l, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void
add(struct health *h, enum level l, const char *fmt, ...)
{
	char text[2 * ERR_TEXT_MAX];
	json_t *o = json_object();
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_put(o, "level", json_string(level_name(l)));
	json_put(o, "text", json_peer_text(text));
	(void)json_array_append_new(h->reasons, o);
	if (l > h->level)
		h->level = l;
}

static void
add_errors(struct health *h, const struct admin *a)
{
	int64_t gap = spool_account_gap(spool_account(a->spool));
	struct spool_status s;

	spool_status(a->spool, &s);
	if (!s.is_accepting)
		add(h, LEVEL_ERROR, "mail is not accepted: %s", s.trouble);
	if (s.refused_rows > 0)
		add(h, LEVEL_ERROR,
		    "%" PRIu64 " row%s that the database will not change, left out until "
		    "the next start",
		    s.refused_rows, format_plural(s.refused_rows));
	if (gap != 0)
		add(h, LEVEL_ERROR, "the account does not close: a gap of %" PRId64, gap);
}

static void
add_destination(void *arg, const struct destination_status *s)
{
	if (s->state != DESTINATION_UP)
		add(arg, LEVEL_WARNING, "destination %s is %s%s: %s", s->domain,
		    destination_state_name(s->state),
		    s->is_overdue ? ", for longer than max_time_in_queue" : "",
		    s->last_error);
}

/* Mail gets its 250 and reaches nobody: that must be meant. */
static void
add_dead_ends(struct health *h, const struct admin *a)
{
	const struct spool_account *now = spool_account(a->spool);
	struct policy_dead_end end;

	for (size_t i = 0; a->ops->dead_end(a->ops_arg, i, &end); i++) {
		uint64_t n = now->dropped[end.drop] - a->at_start.dropped[end.drop];
		add(h, LEVEL_WARNING, "%s; %" PRIu64 " journal%s dropped since the start",
		    end.text, n, format_plural(n));
	}
}

/* They wait for a configuration that has one. */
static void
add_policies(struct health *h, const struct admin *a)
{
	enum { NAMES_MAX = 64 };
	const char *names[NAMES_MAX];
	size_t n = spool_waiting_policies(a->spool, names, NAMES_MAX);

	for (size_t i = 0; i < n; i++)
		if (a->ops->intake(a->ops_arg, names[i]) == NULL)
			add(h, LEVEL_WARNING,
			    "journals wait for policy %s, which has no message intake "
			    "address in the present configuration",
			    names[i]);
}

/* What stays until an operator does something about it. */
static void
add_resting(struct health *h, const struct admin *a)
{
	static const struct {
		enum journal_state state;
		const char *what, *where;
	} rows[] = {
		{ JOURNAL_DEAD, "dead letter", "tdcctl dead" },
		{ JOURNAL_QUARANTINED, "quarantined journal", "tdcctl quarantine" },
		{ JOURNAL_HELD, "held journal", "tdcctl queue --state held" },
	};
	const struct spool_account *account = spool_account(a->spool);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = account->state[rows[i].state];
		if (n > 0)
			add(h, LEVEL_WARNING, "%" PRIu64 " %s%s: see %s", n, rows[i].what,
			    format_plural(n), rows[i].where);
	}
}

json_t *
json_of_health(const struct admin *a)
{
	struct health h = { .reasons = json_array() };
	json_t *o = json_object();

	add_errors(&h, a);
	deliver_each_destination(a->deliver, add_destination, &h);
	add_dead_ends(&h, a);
	add_policies(&h, a);
	add_resting(&h, a);
	json_put(o, "status", json_string(level_name(h.level)));
	json_put(o, "reasons", h.reasons);
	return o;
}

/* 503 says to whoever sends mail that another one should have it; the rest is in the
 * body. */
void
run_health(struct call *c)
{
	struct spool_status s;

	spool_status(c->admin->spool, &s);
	call_answer(c, s.is_accepting ? 200 : 503, json_of_health(c->admin));
}

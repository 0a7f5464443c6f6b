/*
 * account.c - the account, and its proof by counting.
 *
 * The rows are counted in one snapshot together with the terms of the account, so that
 * the gap of what was counted is exact while mail comes and goes. The states are compared
 * with the counters in memory, too; those may be a commit behind, which is told from a
 * contradiction by counting again.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 5 };

struct proof {
	struct spool_account before; /* the counters at the last try */
	int tries;
};

static bool
states_are_equal(const struct spool_account *a, const struct spool_account *b)
{
	return memcmp(a->state, b->state, sizeof(a->state)) == 0;
}

static void
answer_proven(struct call *c, const struct spool_account *counted, bool agrees)
{
	json_t *o = json_of_account(spool_account(c->admin->spool)),
	       *verified = json_of_account(counted);

	json_put(verified, "agrees", json_boolean(agrees));
	json_put(o, "verified", verified);
	call_answer(c, 200, o);
}

static void
on_counted(void *arg, const struct spool_account *counted, const struct err *e)
{
	struct call *c = arg;
	struct proof *p = c->proof;

	if (call_is_over(c, e))
		return;
	const struct spool_account *kept = spool_account(c->admin->spool);
	bool closes = spool_account_gap(counted) == 0;
	bool has_moved = !states_are_equal(kept, &p->before);
	if (!closes || states_are_equal(kept, counted) || ++p->tries == TRIES) {
		answer_proven(c, counted,
			      closes && (has_moved || states_are_equal(kept, counted)));
		return;
	}
	p->before = *kept;
	spool_account_verify(c->admin->spool, on_counted, c);
}

void
run_account(struct call *c)
{
	const char *verify = http_request_query(c->request, "verify");
	const struct spool_account *kept = spool_account(c->admin->spool);

	if (verify == NULL || strcmp(verify, "0") == 0) {
		call_answer(c, 200, json_of_account(kept));
		return;
	}
	c->proof = calloc(1, sizeof(*c->proof));
	if (c->proof == NULL) {
		call_problem(c, 503, NULL, "no memory");
		return;
	}
	c->proof->before = *kept;
	spool_account_verify(c->admin->spool, on_counted, c);
}

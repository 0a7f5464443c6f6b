/*
 * envelope_memory.c - the account of the memory of recipients.
 */
#include "envelope_memory.h"

#include "session_inside.h"

enum { ALLOCATION = 32 }; /* what malloc takes beside a short string, and its NUL */

/* The array of recipients grows by doubling: up to two places for each. */
static uint64_t
cost(struct span address, struct span orcpt)
{
	uint64_t n = 2 * sizeof(struct message_recipient) + address.n + ALLOCATION;

	return orcpt.n == 0 ? n : n + orcpt.n + ALLOCATION;
}

bool
envelope_memory_take(struct session *s, struct span address, struct span orcpt)
{
	struct envelope_memory *m = s->config->envelope_memory;
	struct transaction *t = s->transaction;
	uint64_t n = cost(address, orcpt);

	if (m == NULL)
		return true;
	if (t->accepted > 0 && m->used + n > m->max)
		return false;
	m->used += n;
	t->envelope_bytes += n;
	return true;
}

void
envelope_memory_give_back(struct session *s)
{
	if (s->config->envelope_memory != NULL)
		s->config->envelope_memory->used -= s->transaction->envelope_bytes;
	s->transaction->envelope_bytes = 0;
}

/*
 * item.c - items, and their set: chained hashing, doubled when it is full.
 */
#include "item.h"

#include "tdc/base/check.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 256 };

void
item_set_init(struct item_set *s)
{
	*s = (struct item_set){ 0 };
}

void
item_set_done(struct item_set *s)
{
	free(s->slots);
	item_set_init(s);
}

static size_t
slot_of(uint64_t mid, size_t n_slots)
{
	return (size_t)((mid * 0x9e3779b97f4a7c15u) >> 32) & (n_slots - 1);
}

struct item *
item_set_find(const struct item_set *s, uint64_t mid)
{
	if (s->n_slots == 0)
		return NULL;
	struct item *i = s->slots[slot_of(mid, s->n_slots)];
	while (i != NULL && i->mid != mid)
		i = i->hash_next;
	return i;
}

static int
set_grow(struct item_set *s)
{
	size_t n = s->n_slots == 0 ? FIRST_SLOTS : s->n_slots * 2;
	struct item **slots = calloc(n, sizeof(*slots));

	if (slots == NULL)
		return -1;
	for (size_t k = 0; k < s->n_slots; k++) {
		for (struct item *i = s->slots[k], *next; i != NULL; i = next) {
			next = i->hash_next;
			i->hash_next = slots[slot_of(i->mid, n)];
			slots[slot_of(i->mid, n)] = i;
		}
	}
	free(s->slots);
	s->slots = slots;
	s->n_slots = n;
	return 0;
}

struct item *
item_new_mark(struct item_set *s, struct lane *lane, uint64_t mid)
{
	if (s->count >= s->n_slots && set_grow(s) != 0 && s->n_slots == 0)
		return NULL;
	struct item *i = calloc(1, sizeof(*i));
	if (i == NULL)
		return NULL;
	struct item **slot = &s->slots[slot_of(mid, s->n_slots)];
	i->mid = mid;
	i->lane = lane;
	i->state = ITEM_FINISHED;
	i->hash_next = *slot;
	*slot = i;
	s->count++;
	return i;
}

struct item *
item_new(struct item_set *s, struct lane *lane, struct spool_journal *j)
{
	struct item *i = item_new_mark(s, lane, j->mid);

	if (i == NULL) {
		spool_journal_free(j);
		return NULL;
	}
	i->journal = j;
	i->state = ITEM_WAITING;
	return i;
}

void
item_charge(struct item *i, size_t *charge)
{
	i->memory = spool_journal_memory(i->journal);
	i->charge = charge;
	*charge += i->memory;
}

void
item_drop_journal(struct item *i)
{
	if (i->charge != NULL)
		*i->charge -= i->memory;
	i->charge = NULL;
	if (i->journal != NULL)
		spool_journal_free(i->journal);
	i->journal = NULL;
}

void
item_free(struct item_set *s, struct item *i)
{
	check(!list_node_is_linked(&i->node));
	struct item **at = &s->slots[slot_of(i->mid, s->n_slots)];
	while (*at != i)
		at = &(*at)->hash_next;
	*at = i->hash_next;
	s->count--;
	item_drop_journal(i);
	free(i);
}

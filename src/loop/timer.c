/*
 * timer.c - timers in a binary heap, on the loop's clock (so that a test can own the
 * time).
 *
 * A place in the heap is reserved when a timer is initialised: setting one never fails.
 */
#include "loop/inside.h"

#include "tdc/base/check.h"

#include <stdlib.h>

int
timer_init(struct timer *t, struct loop *l, timer_fn *fn, void *arg, struct err *e)
{
	struct timer_heap *h = &l->timers;

	if (h->initialised == h->cap) {
		size_t cap = h->cap == 0 ? 64 : h->cap * 2;
		struct timer **at = realloc(h->at, cap * sizeof(struct timer *));
		if (at == NULL)
			return err_set(e, ERR_MEMORY, 0, "no memory for a timer");
		h->at = at;
		h->cap = cap;
	}
	h->initialised++;
	*t = (struct timer){ .loop = l, .fn = fn, .arg = arg };
	return 0;
}

static void
heap_put(struct timer_heap *h, size_t i, struct timer *t)
{
	h->at[i] = t;
	t->place = i + 1;
}

/* Puts t where it belongs, at index i or nearer to the top. */
static void
heap_rise(struct timer_heap *h, size_t i, struct timer *t)
{
	while (i > 0 && h->at[(i - 1) / 2]->due_ms > t->due_ms) {
		heap_put(h, i, h->at[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(h, i, t);
}

/* Puts t where it belongs, at index i or farther from the top. */
static void
heap_sink(struct timer_heap *h, size_t i, struct timer *t)
{
	for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
		if (child + 1 < h->n && h->at[child + 1]->due_ms < h->at[child]->due_ms)
			child++;
		if (h->at[child]->due_ms >= t->due_ms)
			break;
		heap_put(h, i, h->at[child]);
	}
	heap_put(h, i, t);
}

static void
heap_place(struct timer_heap *h, size_t i, struct timer *t)
{
	if (i > 0 && h->at[(i - 1) / 2]->due_ms > t->due_ms)
		heap_rise(h, i, t);
	else
		heap_sink(h, i, t);
}

void
timer_cancel(struct timer *t)
{
	if (t->place == 0)
		return;
	struct timer_heap *h = &t->loop->timers;
	size_t i = t->place - 1;
	struct timer *last = h->at[--h->n];
	if (last != t)
		heap_place(h, i, last);
	t->place = 0;
}

void
timer_set(struct timer *t, int64_t ms)
{
	check(t->loop != NULL);
	struct timer_heap *h = &t->loop->timers;
	t->due_ms = loop_mono_ms(t->loop) + (ms < 0 ? 0 : ms);
	if (t->place != 0)
		heap_place(h, t->place - 1, t);
	else
		heap_rise(h, h->n++, t);
}

bool
timer_is_set(const struct timer *t)
{
	return t->place != 0;
}

void
timer_done(struct timer *t)
{
	if (t->loop == NULL)
		return;
	timer_cancel(t);
	t->loop->timers.initialised--;
	t->loop = NULL;
}

void
timers_run(struct loop *l)
{
	/* A timer that is set again for now has to wait for the next turn at the
	 * latest. */
	for (size_t n = l->timers.n; n > 0 && l->timers.n > 0; n--) {
		struct timer *t = l->timers.at[0];
		if (t->due_ms > loop_mono_ms(l))
			return;
		timer_cancel(t);
		t->fn(t->arg);
	}
}

void
timers_done(struct loop *l)
{
	free(l->timers.at);
}

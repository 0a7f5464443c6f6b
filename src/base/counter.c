/*
 * counter.c - the counters themselves: the one mutable state at file scope besides the log.
 */
#include "tdc/base/counter.h"

#include "tdc/base/check.h"

#include <stdatomic.h>

static _Atomic uint64_t values[COUNTER_COUNT];

static const struct {
	const char *name, *help;
} rows[COUNTER_COUNT] = {
#define X(id, name, help) [COUNTER_##id] = { name, help },
	COUNTERS(X)
#undef X
};

void
counter_add(enum counter c, uint64_t n)
{
	check((unsigned)c < COUNTER_COUNT);
	atomic_fetch_add_explicit(&values[c], n, memory_order_relaxed);
}

uint64_t
counter_get(enum counter c)
{
	check((unsigned)c < COUNTER_COUNT);
	return atomic_load_explicit(&values[c], memory_order_relaxed);
}

const char *
counter_name(enum counter c)
{
	check((unsigned)c < COUNTER_COUNT);
	return rows[c].name;
}

const char *
counter_help(enum counter c)
{
	check((unsigned)c < COUNTER_COUNT);
	return rows[c].help;
}

/*
 * patterns.h - which policies an address belongs to, by the patterns of all of them.
 *
 * An address has keys, each of which a pattern may be: all of it, its local part with the
 * @, its domain, and .domain for each domain above. The null sender has one, "<>". Keys are
 * in lower case, domains normalized.
 */
#ifndef POLICY_PATTERNS_H
#define POLICY_PATTERNS_H

#include "text_index.h"

#include "tdc/base/buf.h"

#include <stdbool.h>

struct address_keys {
	struct span whole, local, domain; /* empty = there is none */
};
/* In *key, until its next use. No memory, or too long: no keys at all. */
struct address_keys address_keys_make(struct buf *key, const char *address);
/* The one key that a pattern of the configuration stands for. Empty: none. */
struct span address_pattern_key(struct buf *key, const char *pattern);

/* The patterns of senders, or of recipients. Memory is the arena's. */
struct patterns {
	struct text_index yes, no; /* keys to policies, all of each */
	/* Policies that have patterns in `no` alone: they take whoever is not in it. */
	uint32_t *open;
	size_t n_open;
};
void patterns_sort(struct patterns *x);

/* Whether the other conditions of a policy hold. */
typedef bool patterns_applies_fn(void *arg, uint32_t policy);
/* The first policy under `limit` that takes the address and applies; `limit` = none. */
uint32_t patterns_first(const struct patterns *x, const struct address_keys *k,
			uint32_t limit, patterns_applies_fn *applies, void *arg);

#endif

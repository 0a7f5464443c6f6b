/*
 * patterns.c - keys of addresses, and the look-up of each in the sorted patterns.
 */
#include "patterns.h"

#include "tdc/smtp/address.h"

#include <string.h>

static const char null_sender[] = "<>";

static void
append_lower(struct buf *key, const char *p, size_t n)
{
	char *room = buf_reserve(key, n);

	if (room == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		room[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] - 'A' + 'a') : p[i];
	buf_commit(key, n);
}

struct address_keys
address_keys_make(struct buf *key, const char *address)
{
	const char *at = strrchr(address, '@');
	size_t local = at == NULL ? strlen(address) : (size_t)(at - address);
	struct address_keys k = { 0 };

	buf_clear(key);
	if (address[0] == '\0') {
		k.whole = span_make(null_sender, sizeof(null_sender) - 1);
		return k;
	}
	append_lower(key, address, local);
	buf_append_byte(key, '@');
	if (at != NULL && at[1] != '\0')
		smtp_domain_normalize(span_of(at + 1), key);
	if (key->failed)
		return k;
	k.whole = buf_span(key);
	k.local = span_make(k.whole.p, local + 1);
	k.domain = span_skip(k.whole, local + 1);
	return k;
}

struct span
address_pattern_key(struct buf *key, const char *pattern)
{
	const char *at = strrchr(pattern, '@');

	if (strcmp(pattern, null_sender) == 0)
		return span_make(null_sender, sizeof(null_sender) - 1);
	if (at != NULL && at > pattern)
		return address_keys_make(key, pattern).whole;
	buf_clear(key);
	smtp_domain_normalize(span_of(at == NULL ? pattern : at + 1), key);
	return key->failed ? span_make(NULL, 0) : buf_span(key);
}

void
patterns_sort(struct patterns *x)
{
	text_index_sort_all(&x->yes);
	text_index_sort_all(&x->no);
}

/* ------------------------------------------------------------------ one look-up */

struct search {
	const struct patterns *patterns;
	const struct address_keys *keys;
	uint32_t limit; /* the lowest that was found */
	patterns_applies_fn *applies;
	void *arg;
};

static bool
has_pair(const struct text_index *x, struct span key, uint32_t policy)
{
	size_t n;
	const struct text_entry *e = text_index_range(x, key, &n);

	for (size_t i = 0; i < n && e[i].value <= policy; i++)
		if (e[i].value == policy)
			return true;
	return false;
}

static bool
is_excluded(const struct search *s, uint32_t policy)
{
	const struct text_index *no = &s->patterns->no;
	const struct address_keys *k = s->keys;

	if (no->n == 0)
		return false;
	if (has_pair(no, k->whole, policy) || has_pair(no, k->local, policy))
		return true;
	for (struct span d = k->domain; d.n > 0; d = text_index_next_suffix(d))
		if (has_pair(no, d, policy))
			return true;
	return false;
}

static bool
takes(const struct search *s, uint32_t policy)
{
	return s->applies(s->arg, policy) && !is_excluded(s, policy);
}

static void
look_up(struct search *s, struct span key)
{
	size_t n;
	const struct text_entry *e = text_index_range(&s->patterns->yes, key, &n);

	for (size_t i = 0; i < n && e[i].value < s->limit; i++)
		if (takes(s, e[i].value))
			s->limit = e[i].value;
}

uint32_t
patterns_first(const struct patterns *x, const struct address_keys *k, uint32_t limit,
	       patterns_applies_fn *applies, void *arg)
{
	struct search s = { x, k, limit, applies, arg };

	if (k->whole.n == 0)
		return limit;
	if (x->yes.n > 0) {
		look_up(&s, k->whole);
		look_up(&s, k->local);
		for (struct span d = k->domain; d.n > 0; d = text_index_next_suffix(d))
			look_up(&s, d);
	}
	for (size_t i = 0; i < x->n_open && x->open[i] < s.limit; i++)
		if (takes(&s, x->open[i]))
			s.limit = x->open[i];
	return s.limit;
}

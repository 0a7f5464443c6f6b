/*
 * conditions.c - what a policy asks of the message itself: its client, header and size.
 */
#include "set.h"

#include <string.h>

/* A client that is not known is in no network. */
static bool
is_in(const struct networks *networks, const char *client)
{
	for (size_t i = 0; i < networks->n && client != NULL; i++)
		if (network_contains_text(&networks->at[i], client))
			return true;
	return false;
}

/* `present`: names with a NUL behind each. */
static bool
is_any_present(const struct names *names, struct span present)
{
	while (present.n > 0) {
		const char *end = memchr(present.p, '\0', present.n);
		size_t n = end == NULL ? present.n : (size_t)(end - present.p);
		for (size_t i = 0; i < names->n; i++)
			if (span_equal_nocase(span_make(present.p, n),
					      span_of(names->at[i])))
				return true;
		present = span_skip(present, n + (end != NULL));
	}
	return false;
}

bool
conditions_hold(const struct conditions *c, const struct spool_message *m,
		const struct body_facts *facts, struct mime_names field_names)
{
	if (c->larger_than > 0 && facts->size <= c->larger_than)
		return false;
	if (c->smaller_than > 0 && facts->size >= c->smaller_than)
		return false;
	if (c->client.n > 0 && !is_in(&c->client, m->client_address))
		return false;
	if (is_in(&c->not_client, m->client_address))
		return false;
	if (c->header.n > 0 && !is_any_present(&c->header, field_names.text))
		return false;
	/* Whether it is absent is not known where names are missing. */
	return c->not_header.n == 0 ||
	       (!field_names.is_cut && !is_any_present(&c->not_header, field_names.text));
}

/*
 * counts.c - the counts as JSON.
 */
#include "counts.h"

#include <stddef.h>

json_t *
sink_counts_json(const struct sink_counts *c)
{
	static const char *const names[] = {
#define X(id, name) name,
		SINK_COUNTS(X)
#undef X
	};
	json_t *all = json_object();

	for (size_t i = 0; i < SINK_COUNT_END; i++)
		json_object_set_new(all, names[i], json_integer((json_int_t)c->n[i]));
	json_object_set_new(all, "last_violation", json_string(c->last_violation));
	return all;
}

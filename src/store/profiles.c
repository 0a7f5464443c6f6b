/*
 * profiles.c - the render profile in use towards each destination: on disk before its
 * first use.
 */
#include "store/state.h"

#include "tdc/base/cleanup.h"

#include <stdlib.h>

struct set_profile {
	struct store_op op;
	char *destination, *profile;
	spool_done_fn *done;
	void *arg;
};

int
profile_remember(struct spool *sp, const char *destination, const char *profile)
{
	if (destination == NULL || profile == NULL)
		return -1; /* a damaged row, or no memory for its text */
	for (size_t i = 0; i < sp->n_profiles; i++)
		if (strcmp(sp->profiles[i].destination, destination) == 0)
			return spool_message_set(&sp->profiles[i].profile,
						 span_of(profile));
	if (sp->n_profiles == sp->cap_profiles) {
		size_t cap = sp->cap_profiles == 0 ? 8 : sp->cap_profiles * 2;
		struct profile_entry *grown = realloc(sp->profiles, cap * sizeof(*grown));
		if (grown == NULL)
			return -1;
		sp->profiles = grown;
		sp->cap_profiles = cap;
	}
	struct profile_entry p = { strdup(destination), strdup(profile) };
	if (p.destination == NULL || p.profile == NULL) {
		free(p.destination);
		free(p.profile);
		return -1;
	}
	sp->profiles[sp->n_profiles++] = p;
	return 0;
}

void
profiles_done(struct spool *sp)
{
	for (size_t i = 0; i < sp->n_profiles; i++) {
		free(sp->profiles[i].destination);
		free(sp->profiles[i].profile);
	}
	free(sp->profiles);
}

const char *
spool_destination_profile(const struct spool *sp, const char *destination)
{
	for (size_t i = 0; i < sp->n_profiles; i++)
		if (strcmp(sp->profiles[i].destination, destination) == 0)
			return sp->profiles[i].profile;
	return NULL;
}

static int
set_apply(struct writer *w, struct store_op *op, struct err *e)
{
	struct set_profile *s = (struct set_profile *)op;
	int64_t id;

	if (row_profile(w, s->profile, &id, e) != 0)
		return -1;
	SCOPED(db_release)
	sqlite3_stmt *st = db_use(&w->db, STATEMENT_DESTINATION_SET, e);
	if (st == NULL)
		return -1;
	db_bind_text(st, 1, s->destination);
	db_bind_int(st, 2, id);
	return db_run(&w->db, st, e);
}

static void
set_answer(struct store_op *op)
{
	struct set_profile *s = (struct set_profile *)op;

	if (op->error.kind == ERR_NONE &&
	    profile_remember(op->spool, s->destination, s->profile) != 0)
		err_set(&op->error, ERR_MEMORY, 0, "no memory for a render profile");
	if (s->done != NULL)
		s->done(s->arg, op->error.kind == ERR_NONE ? NULL : &op->error);
	free(s->destination);
	free(s->profile);
	free(s);
}

static const struct op_kind set_kind = {
	.name = "destination profile",
	.flags = OP_SYNCED,
	.apply = set_apply,
	.answer = set_answer,
};

void
spool_set_destination_profile(struct spool *sp, const char *destination,
			      const char *profile, spool_done_fn *done, void *arg)
{
	struct set_profile *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort(); /* see spool_record() */
	op_init(&s->op, &set_kind, sp);
	s->destination = strdup(destination);
	s->profile = strdup(profile);
	s->done = done;
	s->arg = arg;
	if (s->destination == NULL || s->profile == NULL) {
		s->op.has_failed = true;
		err_set(&s->op.error, ERR_MEMORY, 0, "no memory for a render profile");
	}
	op_submit(&s->op);
}

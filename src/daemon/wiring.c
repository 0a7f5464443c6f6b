/*
 * wiring.c - the ops tables: what deliver wants of journal, and what admin wants of the
 * daemon.
 */
#include "daemon.h"

#include <stdio.h>

/* ---------------------------------------------------------------- deliver on journal */

static int
content_profile(void *arg, const char *destination, unsigned extensions, struct buf *ret)
{
	const struct daemon *d = arg;

	(void)destination;
	return journal_profile_write(&d->now.setup->journal, extensions, ret);
}

static int
content_render(void *arg, const char *profile, const struct spool_journal *j,
	       const char *intake, struct deliver_content *ret, struct err *e)
{
	const struct daemon *d = arg;
	struct journal_rendering r = { 0 };

	if (journal_render(d->renderer, profile, j, intake, &r, e) != 0)
		return -1;
	/* The buffers go over as they are. */
	*ret = (struct deliver_content){
		.head = r.head,
		.tail = r.tail,
		.body_is_base64 = r.form == JOURNAL_BODY_BASE64,
		.size = r.size,
		.must_use_bdat = r.must_use_bdat,
		.body = r.body,
		.needs_smtputf8 = r.needs_smtputf8,
		.is_held = r.is_held,
	};
	memcpy(ret->mail_from, r.mail_from, sizeof(ret->mail_from));
	memcpy(ret->mark, r.mark, sizeof(ret->mark));
	return 0;
}

_Static_assert(sizeof(((struct deliver_content *)0)->mail_from) ==
		       sizeof(((struct journal_rendering *)0)->mail_from),
	       "the envelope sender fits");
_Static_assert(sizeof(((struct deliver_content *)0)->mark) ==
		       sizeof(((struct journal_rendering *)0)->mark),
	       "the mark fits");

const struct deliver_content_ops daemon_content_ops = { content_profile, content_render };

/* ---------------------------------------------------------------- admin on the daemon */

static int
admin_reload(void *arg, admin_reload_fn *done, void *done_arg, struct err *e)
{
	return reload_ask(((struct daemon *)arg)->reload, done, done_arg, e);
}

static uint64_t
admin_generation(void *arg)
{
	return ((struct daemon *)arg)->generation;
}

static int64_t
admin_started_at(void *arg)
{
	return ((struct daemon *)arg)->started_at;
}

static const char *
admin_intake(void *arg, const char *policy)
{
	return policy_intake(((struct daemon *)arg)->now.policy, policy);
}

static const char *
admin_destination(void *arg, const char *policy)
{
	return policy_destination(((struct daemon *)arg)->now.policy, policy);
}

static bool
admin_dead_end(void *arg, size_t i, struct policy_dead_end *ret)
{
	return policy_dead_end(((struct daemon *)arg)->now.policy, i, ret);
}

static bool
admin_listener(void *arg, size_t i, struct admin_listener *ret)
{
	const struct daemon *d = arg;

	if (i >= d->n_listeners)
		return false;
	*ret = d->listeners[i];
	return true;
}

const struct admin_daemon_ops daemon_admin_ops = {
	.reload = admin_reload,
	.configuration_generation = admin_generation,
	.started_at = admin_started_at,
	.intake = admin_intake,
	.destination = admin_destination,
	.dead_end = admin_dead_end,
	.listener = admin_listener,
};

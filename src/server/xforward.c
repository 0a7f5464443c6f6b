/*
 * xforward.c - XFORWARD: attributes are taken as values, and put into the next message's
 * envelope.
 */
#include "xforward.h"

#include "replies.h"
#include "session_inside.h"
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The attribute's words are written in one way, whatever the case they came in. */
static const char *
source_word(const char *value)
{
	return strcasecmp(value, "LOCAL") == 0 ? "LOCAL" : "REMOTE";
}

/* Takes all attributes or none. */
static int
attributes_take(struct span text, struct xforward *f)
{
	char value[SMTP_XFORWARD_VALUE_MAX + 1];
	enum smtp_xforward a;
	int r, n = 0;

	while ((r = smtp_xforward_take(&text, &a, value)) > 0) {
		if (a == SMTP_XFORWARD_SOURCE && value[0] != '\0')
			snprintf(value, sizeof(value), "%s", source_word(value));
		f->seen |= 1u << a;
		memcpy(f->value[a], value, sizeof(value));
		n++;
	}
	return r < 0 || n == 0 ? -1 : 0;
}

enum verb_outcome
on_xforward(struct session *s, const struct smtp_command *c)
{
	struct xforward *f = malloc(sizeof(*f));

	if (f == NULL) {
		session_reply(s, REPLY_TROUBLE);
		return VERB_REFUSED;
	}
	if (s->forward != NULL)
		*f = *s->forward;
	else
		f->seen = 0;
	if (attributes_take(c->argument, f) != 0) {
		free(f);
		session_reply(s, REPLY_BAD_PARAMETER);
		return VERB_REFUSED;
	}
	free(s->forward);
	s->forward = f;
	session_reply(s, REPLY_XFORWARD_OK);
	return VERB_ACCEPTED;
}

void
xforward_forget(struct session *s)
{
	free(s->forward);
	s->forward = NULL;
}

/* An attribute that was given as unavailable leaves the field NULL: not known. */
static int
field_set(const struct session *s, enum smtp_xforward a, char **field, const char *own)
{
	const char *value = own;

	if (s->forward != NULL && (s->forward->seen & (1u << a)) != 0)
		value = s->forward->value[a];
	if (value == NULL || *value == '\0')
		return 0;
	return spool_message_set(field, span_of(value));
}

int
session_client_facts(struct session *s, struct spool_message *m)
{
	int failed = 0;

	failed |= field_set(s, SMTP_XFORWARD_ADDR, &m->client_address, s->client_address);
	failed |= field_set(s, SMTP_XFORWARD_NAME, &m->client_name, NULL);
	failed |= field_set(s, SMTP_XFORWARD_HELO, &m->helo, s->helo);
	failed |= field_set(s, SMTP_XFORWARD_PROTO, &m->protocol, session_protocol(s));
	failed |= field_set(s, SMTP_XFORWARD_IDENT, &m->queue_id, NULL);
	failed |= field_set(s, SMTP_XFORWARD_SOURCE, &m->forward_source, NULL);
	return failed;
}

/*
 * contexts.c - TLS contexts: one for the settings, one more for each CA file of the
 * destination controls.
 */
#include "inside.h"

#include <stdlib.h>

static int
copy(const char **to, const char *from)
{
	if (from == NULL)
		return 0;
	*to = strdup(from);
	return *to == NULL ? -1 : 0;
}

static void
drop(const char **text)
{
	free((void *)(uintptr_t)*text);
	*text = NULL;
}

int
deliver_copy_tls(struct tls_client_settings *to, const struct tls_client_settings *from,
		 struct err *e)
{
	struct tls_client_settings made = { .sessions_max = from->sessions_max };

	if (copy(&made.ca_file, from->ca_file) != 0 ||
	    copy(&made.min_version, from->min_version) != 0 ||
	    copy(&made.ciphers, from->ciphers) != 0 ||
	    copy(&made.groups, from->groups) != 0 ||
	    copy(&made.certificate_file, from->certificate_file) != 0 ||
	    copy(&made.key_file, from->key_file) != 0) {
		deliver_free_tls(&made);
		return err_set(e, ERR_MEMORY, 0, "no memory for TLS settings");
	}
	*to = made;
	return 0;
}

void
deliver_free_tls(struct tls_client_settings *s)
{
	drop(&s->ca_file);
	drop(&s->min_version);
	drop(&s->ciphers);
	drop(&s->groups);
	drop(&s->certificate_file);
	drop(&s->key_file);
}

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int
deliver_tls_context(struct deliver *d, const char *ca_file, struct tls_context **ret,
		    struct err *e)
{
	struct tls_client_settings s = d->tls;

	for (struct list_node *n = list_first(&d->tls_choices); n != NULL;
	     n = list_next(&d->tls_choices, n)) {
		struct tls_choice *choice = list_entry(n, struct tls_choice, node);
		if (is_same(choice->ca_file, ca_file)) {
			*ret = choice->context;
			return 0;
		}
	}
	struct tls_choice *made = calloc(1, sizeof(*made));
	const char *name = NULL;
	if (ca_file != NULL)
		s.ca_file = ca_file;
	if (made == NULL || copy(&name, ca_file) != 0) {
		free(made);
		return err_set(e, ERR_MEMORY, 0, "no memory for a TLS context");
	}
	made->ca_file = (char *)(uintptr_t)name;
	if (tls_client_context_new(&s, &made->context, e) != 0) {
		free(made->ca_file);
		free(made);
		return -1;
	}
	list_append(&d->tls_choices, &made->node);
	*ret = made->context;
	return 0;
}

void
deliver_forget_tls(struct deliver *d)
{
	for (struct list_node *n; (n = list_first(&d->tls_choices)) != NULL;) {
		struct tls_choice *choice = list_entry(n, struct tls_choice, node);
		list_remove(&d->tls_choices, n);
		tls_context_unref(choice->context);
		free(choice->ca_file);
		free(choice);
	}
}

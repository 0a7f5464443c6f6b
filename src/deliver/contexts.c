/*
 * contexts.c - TLS contexts: one for the settings, one more for each other CA file of the
 * destination controls.
 *
 * They are complete before the loop has them: it looks them up, and reads no file.
 */
#include "inside.h"

#include <stdlib.h>

struct tls_choice {
	struct list_node node;
	char *ca_file; /* NULL = the settings' own */
	struct tls_context *context;
};

static int
copy(const char **to, const char *from)
{
	if (from == NULL)
		return 0;
	*to = strdup(from);
	return *to == NULL ? -1 : 0;
}

static void
drop(const char *text)
{
	free((void *)(uintptr_t)text);
}

static int
copy_settings(struct tls_client_settings *to, const struct tls_client_settings *from,
	      struct err *e)
{
	to->sessions_max = from->sessions_max;
	if (copy(&to->ca_file, from->ca_file) == 0 &&
	    copy(&to->min_version, from->min_version) == 0 &&
	    copy(&to->ciphers, from->ciphers) == 0 &&
	    copy(&to->groups, from->groups) == 0 &&
	    copy(&to->certificate_file, from->certificate_file) == 0 &&
	    copy(&to->key_file, from->key_file) == 0)
		return 0;
	return err_set(e, ERR_MEMORY, 0, "no memory for TLS settings");
}

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct tls_choice *
find(const struct deliver_tls *t, const char *ca_file)
{
	if (is_same(ca_file, t->settings.ca_file))
		ca_file = NULL;
	for (struct list_node *n = list_first(&t->choices); n != NULL;
	     n = list_next(&t->choices, n)) {
		struct tls_choice *choice = list_entry(n, struct tls_choice, node);
		if (is_same(choice->ca_file, ca_file))
			return choice;
	}
	return NULL;
}

static void
choice_free(struct tls_choice *choice)
{
	tls_context_unref(choice->context);
	free(choice->ca_file);
	free(choice);
}

/* ca_file NULL: the settings' own. */
static int
add(struct deliver_tls *t, const char *ca_file, struct err *e)
{
	struct tls_client_settings s = t->settings;
	struct tls_choice *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a TLS context");
	if (ca_file != NULL) {
		s.ca_file = made->ca_file = strdup(ca_file);
		if (made->ca_file == NULL) {
			free(made);
			return err_set(e, ERR_MEMORY, 0, "no memory for a TLS context");
		}
	}
	if (tls_client_context_new(&s, &made->context, e) != 0) {
		choice_free(made);
		return -1;
	}
	list_append(&t->choices, &made->node);
	return 0;
}

int
deliver_tls_new(const struct tls_client_settings *s, struct deliver_tls **ret,
		struct err *e)
{
	struct deliver_tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for TLS contexts");
	list_init(&t->choices);
	if (copy_settings(&t->settings, s, e) != 0 || add(t, NULL, e) != 0) {
		deliver_tls_free(t);
		return -1;
	}
	*ret = t;
	return 0;
}

int
deliver_tls_add(struct deliver_tls *t, const char *ca_file, struct err *e)
{
	return find(t, ca_file) != NULL ? 0 : add(t, ca_file, e);
}

void
deliver_tls_free(struct deliver_tls *t)
{
	if (t == NULL)
		return;
	for (struct list_node *n; (n = list_first(&t->choices)) != NULL;) {
		list_remove(&t->choices, n);
		choice_free(list_entry(n, struct tls_choice, node));
	}
	drop(t->settings.ca_file);
	drop(t->settings.min_version);
	drop(t->settings.ciphers);
	drop(t->settings.groups);
	drop(t->settings.certificate_file);
	drop(t->settings.key_file);
	free(t);
}

int
deliver_tls_context(const struct deliver *d, const char *ca_file,
		    struct tls_context **ret, struct err *e)
{
	const struct tls_choice *choice =
		find(d->tls, ca_file == NULL ? d->tls->settings.ca_file : ca_file);

	if (choice == NULL)
		return err_set(e, ERR_CONFIG, 0, "no TLS context was made with %s",
			       ca_file);
	*ret = choice->context;
	return 0;
}

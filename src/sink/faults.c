/*
 * faults.c - the list of faults and its grammar.
 */
#include "faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const stages[] = {
#define X(id, name) name,
	SINK_STAGES(X)
#undef X
};

static const char *const kinds[FAULT_KINDS] = {
	[FAULT_REPLY] = "reply",     [FAULT_DROP] = "drop",
	[FAULT_DELAY] = "delay",     [FAULT_DUPLICATE] = "duplicate-reply",
	[FAULT_LATE] = "late-reply",
};

void
faults_init(struct faults *f)
{
	list_init(&f->all);
}

void
faults_clear(struct faults *f)
{
	struct list_node *n;

	while ((n = list_first(&f->all)) != NULL) {
		list_remove(&f->all, n);
		free(list_entry(n, struct fault, node));
	}
}

static int
find_word(const char *const *words, size_t n, const char *text, size_t length)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i]) == length && strncmp(words[i], text, length) == 0)
			return (int)i;
	return -1;
}

static bool
parse_number(const char *text, uint64_t *ret)
{
	char *end = NULL;

	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || text[0] == '-')
		return false;
	*ret = n;
	return true;
}

/* Cuts "@every N" or "@first N" off the end of `text`. */
static int
parse_turns(struct fault *f, char *text, struct err *e)
{
	char *at = strrchr(text, '@');

	if (at == NULL)
		return 0;
	if (strncmp(at, "@every ", 7) == 0 && parse_number(at + 7, &f->every) &&
	    f->every > 0)
		*at = '\0';
	else if (strncmp(at, "@first ", 7) == 0 && parse_number(at + 7, &f->first) &&
		 f->first > 0)
		*at = '\0';
	else
		return err_set(e, ERR_SYNTAX, 0,
			       "\"%s\" is neither \"@every N\" nor \"@first N\"", at);
	while (at > text && at[-1] == ' ')
		*--at = '\0';
	return 0;
}

static int
parse_value(struct fault *f, const char *value, struct err *e)
{
	uint64_t ms = 0;

	if (f->kind == FAULT_DELAY) {
		if (value == NULL || !parse_number(value, &ms) || ms > 86400000)
			return err_set(e, ERR_SYNTAX, 0, "a delay is STAGE=milliseconds");
		f->delay_ms = (int64_t)ms;
		return 0;
	}
	if (f->kind != FAULT_REPLY)
		return value == NULL ? 0
				     : err_set(e, ERR_SYNTAX, 0, "%s takes no value",
					       kinds[f->kind]);
	if (value == NULL || strlen(value) < 3 || strspn(value, "0123456789") != 3 ||
	    (value[3] != '\0' && value[3] != ' '))
		return err_set(e, ERR_SYNTAX, 0,
			       "a reply is STAGE=CODE or STAGE=CODE text");
	f->code = (int)strtol(value, NULL, 10);
	snprintf(f->text, sizeof(f->text), "%s%s", value,
		 value[3] == '\0' ? " as ordered" : "");
	return 0;
}

int
faults_add(struct faults *all, const char *kind, const char *text, struct err *e)
{
	char line[256];
	int k = find_word(kinds, FAULT_KINDS, kind, strlen(kind));

	if (k < 0)
		return err_set(e, ERR_SYNTAX, 0, "no such kind of fault: \"%s\"", kind);
	if (strlen(text) >= sizeof(line))
		return err_set(e, ERR_SYNTAX, 0, "too long a fault");
	snprintf(line, sizeof(line), "%s", text);
	struct fault made = { .kind = (enum fault_kind)k };
	if (parse_turns(&made, line, e) != 0)
		return -1;
	char *value = strchr(line, '=');
	int stage = find_word(stages, STAGE_COUNT, line,
			      value == NULL ? strlen(line) : (size_t)(value - line));
	if (stage < 0)
		return err_set(e, ERR_SYNTAX, 0, "no such stage: \"%s\"", line);
	made.stage = (enum sink_stage)stage;
	if (made.kind != FAULT_DROP && made.stage >= STAGE_MID_DATA)
		return err_set(e, ERR_SYNTAX, 0, "\"%s\" is a stage of drop only",
			       stages[stage]);
	if (parse_value(&made, value == NULL ? NULL : value + 1, e) != 0)
		return -1;
	struct fault *f = malloc(sizeof(*f));
	if (f == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a fault");
	*f = made;
	list_append(&all->all, &f->node);
	return 0;
}

static bool
is_due(struct fault *f)
{
	f->passed++;
	if (f->first > 0)
		return f->passed <= f->first;
	return f->every == 0 || f->passed % f->every == 0;
}

const struct fault *
faults_due(struct faults *all, enum fault_kind kind, enum sink_stage stage)
{
	const struct fault *found = NULL;

	for (struct list_node *n = list_first(&all->all); n != NULL;
	     n = list_next(&all->all, n)) {
		struct fault *f = list_entry(n, struct fault, node);

		if (f->kind == kind && f->stage == stage && is_due(f) && found == NULL)
			found = f;
	}
	return found;
}

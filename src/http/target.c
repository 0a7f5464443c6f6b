/*
 * target.c - a copy of the target, decoded in its place.
 */
#include "target.h"

#include <stdlib.h>

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In its place: it only gets shorter. -1: a broken escape, or a NUL. */
static int
decode(char *text, char for_plus)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		char c = *from == '+' ? for_plus : *from;
		if (c == '%') {
			int high = hex_value(from[1]);
			int low = high < 0 ? -1 : hex_value(from[2]);
			if (low < 0 || high + low == 0)
				return -1;
			c = (char)(high * 16 + low);
			from += 2;
		}
		*to++ = c;
	}
	*to = '\0';
	return 0;
}

static int
take_parameter(struct http_target *t, char *text)
{
	char *value = strchr(text, '=');

	if (*text == '\0')
		return 0;
	if (t->n_parameters == HTTP_PARAMETERS_MAX)
		return -1;
	if (value != NULL)
		*value++ = '\0';
	if (decode(text, ' ') != 0 || (value != NULL && decode(value, ' ') != 0))
		return -1;
	t->parameters[t->n_parameters].name = text;
	t->parameters[t->n_parameters++].value = value == NULL ? "" : value;
	return 0;
}

static int
take_query(struct http_target *t, char *query)
{
	while (query != NULL) {
		char *next = strchr(query, '&');
		if (next != NULL)
			*next++ = '\0';
		if (take_parameter(t, query) != 0)
			return -1;
		query = next;
	}
	return 0;
}

/* "http://host/path" is the same as "/path" here (RFC 9112 3.2.2). */
static struct span
without_authority(struct span target)
{
	static const struct span scheme = { "http://", 7 };

	if (!span_starts_nocase(target, scheme))
		return target;
	struct span rest = span_skip(target, scheme.n);
	const char *slash = rest.n == 0 ? NULL : memchr(rest.p, '/', rest.n);
	return slash == NULL ? span_of("/") : span_skip(rest, (size_t)(slash - rest.p));
}

int
http_target_parse(struct span target, struct http_target *ret)
{
	struct http_target t = { 0 };
	struct span local = without_authority(target);

	if (local.n == 0 || local.p[0] != '/' || memchr(local.p, '\0', local.n) != NULL)
		return 400;
	t.text = strndup(local.p, local.n);
	if (t.text == NULL)
		return 500;
	t.text[strcspn(t.text, "#")] = '\0';
	char *query = strchr(t.text, '?');
	if (query != NULL)
		*query++ = '\0';
	if (decode(t.text, '+') != 0 || take_query(&t, query) != 0) {
		free(t.text);
		return 400;
	}
	t.path = t.text;
	*ret = t;
	return 0;
}

void
http_target_done(struct http_target *t)
{
	free(t->text);
	*t = (struct http_target){ 0 };
}

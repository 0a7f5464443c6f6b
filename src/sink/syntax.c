/*
 * syntax.c - the grammar of command arguments.
 */
#include "syntax.h"

#include <arpa/inet.h>
#include <ctype.h>

enum { LOCAL_MAX = 64, DOMAIN_MAX = 255, LABEL_MAX = 63, NUMBER_DIGITS_MAX = 18 };

static bool
is_atext(unsigned char c, bool utf8)
{
	if (c >= 0x80)
		return utf8;
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_dot_string(struct span s, bool utf8)
{
	bool was_dot = true;

	for (size_t i = 0; i < s.n; i++) {
		bool is_dot = s.p[i] == '.';

		if (is_dot ? was_dot : !is_atext((unsigned char)s.p[i], utf8))
			return false;
		was_dot = is_dot;
	}
	return s.n > 0 && !was_dot;
}

static bool
is_quoted_string(struct span s, bool utf8)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i < s.n - 1; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\\' && (++i >= s.n - 1 || s.p[i] < 0x20 || s.p[i] == 0x7f))
			return false;
		if (c == '"' || c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			return false;
	}
	return true;
}

static bool
is_domain(struct span s, bool utf8)
{
	size_t label = 0;

	if (s.n == 0 || s.n > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool is_edge = label == 0 || i + 1 == s.n || s.p[i + 1] == '.';

		if (c == '.') {
			if (label == 0 || i + 1 == s.n)
				return false;
			label = 0;
			continue;
		}
		bool is_inner = c == '-' && !is_edge;
		if (!isalnum(c) && !is_inner && c != '_' && !(c >= 0x80 && utf8))
			return false;
		if (++label > LABEL_MAX && c < 0x80)
			return false;
	}
	return true;
}

static bool
is_literal(struct span s)
{
	char text[INET6_ADDRSTRLEN + 8];
	unsigned char address[16];

	if (s.n < 3 || s.n - 2 >= sizeof(text) || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	memcpy(text, s.p + 1, s.n - 2);
	text[s.n - 2] = '\0';
	if (strncasecmp(text, "IPv6:", 5) == 0)
		return inet_pton(AF_INET6, text + 5, address) == 1;
	return inet_pton(AF_INET, text, address) == 1;
}

bool
syntax_is_host(struct span s, bool utf8)
{
	return is_domain(s, utf8) || is_literal(s);
}

bool
syntax_is_mailbox(struct span s, bool utf8)
{
	const char *at = s.n == 0 ? NULL : memrchr(s.p, '@', s.n);

	if (at == NULL)
		return false;
	struct span local = span_make(s.p, (size_t)(at - s.p));
	struct span host = span_skip(s, local.n + 1);
	return local.n <= LOCAL_MAX && syntax_is_host(host, utf8) &&
	       (is_dot_string(local, utf8) || is_quoted_string(local, utf8));
}

/* Where the '>' is that ends a path; quoted strings may hold others. 0 = nowhere. */
static size_t
path_end(struct span s)
{
	bool is_quoted = false;

	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\' && is_quoted)
			i++;
		else if (s.p[i] == '"')
			is_quoted = !is_quoted;
		else if (s.p[i] == '>' && !is_quoted)
			return i;
	}
	return 0;
}

bool
syntax_split_path(struct span argument, const char *keyword, struct span *path,
		  struct span *parameters)
{
	struct span word = span_of(keyword);

	if (!span_starts_nocase(argument, word))
		return false;
	struct span rest = span_skip(argument, word.n);
	if (rest.n < 2 || rest.p[0] != '<')
		return false;
	size_t end = path_end(rest);
	if (end == 0)
		return false;
	*path = span_make(rest.p + 1, end - 1);
	rest = span_skip(rest, end + 1);
	if (rest.n > 0 && (rest.p[0] != ' ' || rest.n == 1))
		return false;
	*parameters = span_skip(rest, 1);
	return true;
}

bool
syntax_next_parameter(struct span *rest, struct span *name, struct span *value)
{
	size_t n = 0, equals = 0;

	while (n < rest->n && rest->p[n] > ' ' && rest->p[n] != 0x7f) {
		if (rest->p[n] == '=' && equals == 0)
			equals = n;
		n++;
	}
	/* An empty one, or a separator with nothing behind it. */
	if (n == 0 || (n < rest->n && (rest->p[n] != ' ' || n + 1 == rest->n)))
		return false;
	size_t name_n = equals > 0 ? equals : n;
	for (size_t i = 0; i < name_n; i++)
		if (!isalnum((unsigned char)rest->p[i]) && (rest->p[i] != '-' || i == 0))
			return false;
	*name = span_make(rest->p, name_n);
	*value = equals > 0 ? span_make(rest->p + equals + 1, n - equals - 1)
			    : span_make(NULL, 0);
	*rest = span_skip(*rest, n + 1);
	return true;
}

bool
syntax_number(struct span s, uint64_t *ret)
{
	uint64_t n = 0;

	if (s.n == 0 || s.n > NUMBER_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	}
	*ret = n;
	return true;
}

/*
 * received.c - reads the client out of a Received field as Postfix, Sendmail and Exim write it.
 *
 *   from HELO (NAME [192.0.2.1]) by ...           Postfix, Sendmail
 *   from NAME ([192.0.2.1] helo=HELO) by ...      Exim
 *   from [192.0.2.1] (helo=HELO) by ...           Exim, without a name
 *   from HELO ([IPv6:2001:db8::1]) by ...         RFC 5321
 *
 * Nothing is believed but what stands in front of " by ". Anything else is no client.
 */
#include "received.h"

#include <arpa/inet.h>

/* The part between "from" and "by", or nothing. */
static struct span
from_part(struct span value)
{
	struct span from = span_of("from "), by = span_of(" by ");

	value = span_trim(value);
	if (!span_starts_nocase(value, from))
		return span_make(NULL, 0);
	value = span_skip(value, from.n);
	for (size_t i = 0; i + by.n <= value.n; i++)
		if (span_starts_nocase(span_skip(value, i), by))
			return span_make(value.p, i);
	return value;
}

static bool
literal_parse(struct span literal, char address[48])
{
	struct span six = span_of("IPv6:");
	struct in6_addr any;

	if (span_starts_nocase(literal, six))
		literal = span_skip(literal, six.n);
	if (literal.n == 0 || literal.n >= 48)
		return false;
	memcpy(address, literal.p, literal.n);
	address[literal.n] = '\0';
	return inet_pton(AF_INET, address, &any) == 1 || inet_pton(AF_INET6, address, &any) == 1;
}

/* The first [..] that is an address; *at is where it stands. */
static bool
literal_find(struct span part, size_t *at, char address[48])
{
	for (size_t i = 0; i < part.n; i++) {
		if (part.p[i] != '[')
			continue;
		const char *end = memchr(part.p + i, ']', part.n - i);
		if (end == NULL)
			return false;
		struct span inner = span_make(part.p + i + 1, (size_t)(end - part.p) - i - 1);
		if (literal_parse(inner, address)) {
			*at = i;
			return true;
		}
	}
	return false;
}

/* The word at the start of `text`, ended by a space or a bracket. */
static struct span
word(struct span text)
{
	size_t n = 0;

	while (n < text.n && memchr(" \t()[]", text.p[n], 6) == NULL)
		n++;
	return span_make(text.p, n);
}

static struct span
helo_attribute(struct span part)
{
	struct span key = span_of("helo=");

	for (size_t i = 0; i + key.n < part.n; i++)
		if (span_starts_nocase(span_skip(part, i), key))
			return word(span_skip(part, i + key.n));
	return span_make(NULL, 0);
}

bool
received_client_parse(struct span value, struct received_client *ret)
{
	struct span part = from_part(value), inside = span_make(NULL, 0);
	size_t at;

	if (!literal_find(part, &at, ret->address))
		return false;
	struct span first = word(part);
	/* The word in front of the literal, when it opens a parenthesis. */
	const char *open = at == 0 ? NULL : memchr(part.p, '(', at);
	if (open != NULL)
		inside = word(span_make(open + 1, at - (size_t)(open - part.p) - 1));
	struct span helo = helo_attribute(part);
	bool is_exim = helo.n > 0;
	ret->helo = is_exim ? helo : first;
	ret->name = is_exim ? first : inside;
	if (span_equal_nocase(ret->name, span_of("unknown")))
		ret->name = span_make(NULL, 0);
	return true;
}

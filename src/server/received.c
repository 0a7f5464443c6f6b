/*
 * received.c - reads the client out of a Received field as Postfix, Sendmail and Exim
 * write it.
 *
 *   from HELO (NAME [192.0.2.1]) by ...           Postfix, Sendmail
 *   from NAME ([192.0.2.1] helo=HELO) by ...      Exim
 *   from [192.0.2.1] (helo=HELO) by ...           Exim, without a name
 *   from HELO ([IPv6:2001:db8::1]) by ...         RFC 5321
 *
 * HELO is the client's own word, and it may well be an address in brackets: the address
 * counts that the server put into the parenthesis behind it, and nothing that follows.
 */
#include "received.h"

#include <arpa/inet.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the word in front of the first blank. */
static struct span
word_take(struct span *text)
{
	size_t n = 0;

	while (n < text->n && !is_blank(text->p[n]))
		n++;
	struct span word = span_make(text->p, n);
	*text = span_trim(span_skip(*text, n));
	return word;
}

/* What stands in the parenthesis that the text begins with. */
static struct span
parenthesis(struct span text)
{
	if (text.n == 0 || text.p[0] != '(')
		return span_make(NULL, 0);
	const char *end = memchr(text.p, ')', text.n);
	return end == NULL ? span_make(NULL, 0)
			   : span_make(text.p + 1, (size_t)(end - text.p) - 1);
}

/* "[192.0.2.1]..." or "[IPv6:2001:db8::1]..." at the start of the text. */
static bool
literal_parse(struct span text, char address[48])
{
	struct span six = span_of("IPv6:");
	struct in6_addr any;

	if (text.n == 0 || text.p[0] != '[')
		return false;
	const char *end = memchr(text.p, ']', text.n);
	if (end == NULL)
		return false;
	struct span literal = span_make(text.p + 1, (size_t)(end - text.p) - 1);
	if (span_starts_nocase(literal, six))
		literal = span_skip(literal, six.n);
	if (literal.n == 0 || literal.n >= 48)
		return false;
	memcpy(address, literal.p, literal.n);
	address[literal.n] = '\0';
	return inet_pton(AF_INET, address, &any) == 1 ||
	       inet_pton(AF_INET6, address, &any) == 1;
}

/* The server's words in the parenthesis: a name, a literal, attributes with '='. */
static bool
inside_parse(struct span inside, struct received_client *ret)
{
	struct span helo = span_of("helo=");
	bool has_address = false;

	while (inside.n > 0) {
		struct span word = word_take(&inside);
		if (span_starts_nocase(word, helo))
			ret->helo = span_skip(word, helo.n);
		else if (!has_address && literal_parse(word, ret->address))
			has_address = true;
		else if (!has_address && ret->name.n == 0)
			ret->name = word;
	}
	return has_address;
}

bool
received_client_parse(struct span value, struct received_client *ret)
{
	struct span from = span_of("from"), none = span_make(NULL, 0);

	*ret = (struct received_client){ .helo = none, .name = none };
	value = span_trim(value);
	if (!span_equal_nocase(word_take(&value), from))
		return false;
	struct span first = word_take(&value);
	bool has_address = inside_parse(parenthesis(value), ret);
	bool is_exim = ret->helo.n > 0;
	if (!has_address && is_exim)
		return literal_parse(first, ret->address);
	if (is_exim)
		ret->name = first;
	else
		ret->helo = first;
	if (span_equal_nocase(ret->name, span_of("unknown")))
		ret->name = none;
	return has_address;
}

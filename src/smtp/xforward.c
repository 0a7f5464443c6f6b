/*
 * xforward.c - attributes of XFORWARD and XCLIENT: NAME=xtext. To add an attribute, add a
 * row.
 */
#include "tdc/smtp/command.h"

#include "smtp/parameters.h"

#include <arpa/inet.h>

typedef bool value_fn(char *value);

/* "IPV6:" in front of an IPv6 address is part of the protocol, not of the address. */
static bool
take_address(char *value)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (strncasecmp(value, "IPV6:", 5) == 0) {
		memmove(value, value + 5, strlen(value + 5) + 1);
		return inet_pton(AF_INET6, value, address) == 1;
	}
	return inet_pton(AF_INET, value, address) == 1 ||
	       inet_pton(AF_INET6, value, address) == 1;
}

static bool
take_port(char *value)
{
	uint64_t port;

	return smtp_number_parse(span_of(value), &port) == 0 && port <= 65535;
}

static bool
take_source(char *value)
{
	return strcasecmp(value, "LOCAL") == 0 || strcasecmp(value, "REMOTE") == 0;
}

static const struct attribute {
	const char *name;
	value_fn *take; /* NULL: any text */
} attributes[SMTP_XFORWARD_COUNT] = {
	[SMTP_XFORWARD_NAME] = { "NAME", NULL },
	[SMTP_XFORWARD_ADDR] = { "ADDR", take_address },
	[SMTP_XFORWARD_PORT] = { "PORT", take_port },
	[SMTP_XFORWARD_PROTO] = { "PROTO", NULL },
	[SMTP_XFORWARD_HELO] = { "HELO", NULL },
	[SMTP_XFORWARD_IDENT] = { "IDENT", NULL },
	[SMTP_XFORWARD_SOURCE] = { "SOURCE", take_source },
};

const char *
smtp_xforward_name(enum smtp_xforward a)
{
	return (unsigned)a < SMTP_XFORWARD_COUNT ? attributes[a].name : "?";
}

static int
find_attribute(struct span name)
{
	for (int i = 0; i < SMTP_XFORWARD_COUNT; i++)
		if (smtp_word_is(name, attributes[i].name))
			return i;
	return -1;
}

static bool
is_unavailable(struct span value)
{
	return smtp_word_is(value, "[UNAVAILABLE]") ||
	       smtp_word_is(value, "[TEMPUNAVAIL]");
}

/*
 * Takes the first SMTP_XFORWARD_VALUE_MAX bytes of the value, cut between characters:
 * servers hand on what a client called itself, and that may be longer than the protocol
 * allows. -1: malformed.
 */
static int
decode_value(struct span coded, char store[SMTP_XFORWARD_VALUE_MAX + 2])
{
	char room[4];
	size_t n = 0;

	if (!smtp_xtext_is_valid(coded))
		return -1;
	while (coded.n > 0 && n <= SMTP_XFORWARD_VALUE_MAX) {
		struct buf one = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
		size_t length = coded.p[0] == '+' ? 3 : 1;
		smtp_xtext_decode(span_make(coded.p, length), &one);
		store[n++] = room[0];
		coded = span_skip(coded, length);
	}
	if (n > SMTP_XFORWARD_VALUE_MAX)
		for (n--; n > 0 && ((unsigned char)store[n] & 0xc0) == 0x80; n--)
			;
	store[n] = '\0';
	return 0;
}

int
smtp_xforward_take(struct span *text, enum smtp_xforward *attribute,
		   char value[SMTP_XFORWARD_VALUE_MAX + 1])
{
	struct span rest = *text;
	struct span word = smtp_word_take(&rest);
	char store[SMTP_XFORWARD_VALUE_MAX + 2] = ""; /* one more shows what is cut */

	if (word.n == 0)
		return 0;
	const char *equals = memchr(word.p, '=', word.n);
	if (equals == NULL)
		return -1;
	struct span name = span_make(word.p, (size_t)(equals - word.p));
	struct span coded = span_skip(word, name.n + 1);
	int i = find_attribute(name);
	if (i < 0 || (!is_unavailable(coded) && decode_value(coded, store) != 0))
		return -1;
	if (store[0] != '\0' && attributes[i].take != NULL && !attributes[i].take(store))
		return -1;
	memcpy(value, store, strlen(store) + 1);
	*attribute = (enum smtp_xforward)i;
	*text = rest;
	return 1;
}

/*
 * next_hop.c - parsing of next hops.
 */
#include "next_hop.h"

#include "tdc/base/span.h"
#include "tdc/smtp/address.h"

#include <arpa/inet.h>
#include <string.h>

enum { NEXT_HOP_PORT = 25, NEXT_HOP_PRIORITY_MAX = 65535, NEXT_HOP_LABEL_MAX = 63 };

static const char allowed_hop[] = "host:port, [host]:port or [address]:port, with or "
				  "without /pri=0 to /pri=65535 behind a "
				  "space; or USEDNS, or /dev/null";

/* All of the span is a number up to max. */
static bool
parse_number(struct span s, unsigned max, unsigned *ret)
{
	unsigned v = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s.p[i] - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return true;
}

static bool
is_host_name(struct span s)
{
	size_t label = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		bool is_ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!is_ok || ++label > NEXT_HOP_LABEL_MAX)
			return false;
	}
	return label > 0 && s.n <= SMTP_DOMAIN_MAX;
}

static bool
is_address(struct span s, int family)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[16];
	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(family, text, address) == 1;
}

/* The host in brackets is taken off the front of *s, with its IPv6: prefix removed. */
static bool
take_bracketed(struct span *s, struct span *host)
{
	const char *end = memchr(s->p, ']', s->n);
	if (end == NULL)
		return false;
	*host = span_make(s->p + 1, (size_t)(end - s->p) - 1);
	*s = span_skip(*s, host->n + 2);
	if (span_starts_nocase(*host, span_of("IPv6:"))) {
		*host = span_skip(*host, 5);
		return is_address(*host, AF_INET6);
	}
	return is_address(*host, AF_INET6) || is_address(*host, AF_INET) ||
	       is_host_name(*host);
}

static bool
take_bare(struct span *s, struct span *host, bool *is_bracketed)
{
	const char *colon = memchr(s->p, ':', s->n);
	*host = span_make(s->p, colon == NULL ? s->n : (size_t)(colon - s->p));
	*s = span_skip(*s, host->n);
	*is_bracketed = is_address(*host, AF_INET);
	/* Digits and dots that are no address are a mistyped one. */
	bool is_number = strspn(host->p, "0123456789.") >= host->n;
	return *is_bracketed || (!is_number && is_host_name(*host));
}

static bool
parse_priority(struct span *s, unsigned *ret)
{
	const char *space = memchr(s->p, ' ', s->n);
	*ret = 0;
	if (space == NULL)
		return true;
	struct span rest = span_trim(span_make(space, s->n - (size_t)(space - s->p)));
	struct span prefix = span_of("/pri=");
	*s = span_make(s->p, (size_t)(space - s->p));
	return span_starts_nocase(rest, prefix) &&
	       parse_number(span_skip(rest, prefix.n), NEXT_HOP_PRIORITY_MAX, ret);
}

const char *
next_hop_parse(const char *text, struct arena *a, struct next_hop *ret)
{
	struct span s = span_trim(span_of(text)), host;
	struct next_hop hop = { .kind = NEXT_HOP_HOST, .port = NEXT_HOP_PORT };
	unsigned port = NEXT_HOP_PORT;

	if (span_equal_nocase(s, span_of("USEDNS")))
		hop.kind = NEXT_HOP_USEDNS;
	else if (span_equal(s, span_of("/dev/null")))
		hop.kind = NEXT_HOP_DEV_NULL;
	if (hop.kind != NEXT_HOP_HOST) {
		hop.host = "";
		*ret = hop;
		return NULL;
	}
	if (s.n == 0 || !parse_priority(&s, &hop.priority))
		return allowed_hop;
	hop.is_bracketed = s.p[0] == '[';
	bool is_ok = hop.is_bracketed ? take_bracketed(&s, &host)
				      : take_bare(&s, &host, &hop.is_bracketed);
	if (!is_ok)
		return allowed_hop;
	if (s.n > 0 &&
	    (s.p[0] != ':' || !parse_number(span_skip(s, 1), 65535, &port) || port == 0))
		return allowed_hop;
	hop.port = (uint16_t)port;
	hop.host = arena_text(a, host.p, host.n);
	*ret = hop;
	return NULL;
}

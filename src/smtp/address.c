/*
 * address.c - mailboxes and paths: RFC 5321 4.1.2 and 4.1.3, with the UTF-8 of RFC 6531
 * 3.3.
 *
 * Strict where a mistake could be dangerous (control bytes, quoting, brackets), tolerant
 * where real addresses are loose: dots anywhere in a local part, '_' in a domain, a dot
 * behind it.
 */
#include "tdc/smtp/address.h"

#include <arpa/inet.h>

static bool
is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

static bool
is_alphanumeric(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* What may stand in a local part without quotes: atext, dots, UTF-8. */
static bool
is_local_byte(unsigned char c)
{
	return is_alphanumeric(c) || c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

static bool
is_domain_byte(unsigned char c)
{
	return is_alphanumeric(c) || c >= 0x80 || c == '-' || c == '_' || c == '.';
}

/*
 * Length of the quoted string at the start of `text`, quotes included; 0 when it does not
 * end or is not allowed.
 */
static size_t
quoted_length(struct span text)
{
	for (size_t i = 1; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c == '"')
			return i + 1;
		if (c == '\\' && (++i == text.n || (unsigned char)text.p[i] >= 0x80))
			return 0;
		if (is_control((unsigned char)text.p[i]))
			return 0;
	}
	return 0;
}

/* Length of the local part at the start of `text`; 0 when there is none. */
static size_t
local_length(struct span text)
{
	size_t i = 0;

	while (i < text.n) {
		size_t n = 1;
		if (text.p[i] == '"')
			n = quoted_length(span_skip(text, i));
		else if (!is_local_byte((unsigned char)text.p[i]))
			break;
		if (n == 0)
			return 0;
		i += n;
	}
	return i;
}

/* 4.1.3: an IPv4 address, "IPv6:" and one, or "tag:" and anything printable. */
static bool
literal_is_valid(struct span inner)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	const char *colon = inner.n == 0 ? NULL : memchr(inner.p, ':', inner.n);
	int family = colon == NULL ? AF_INET : AF_INET6;

	if (colon != NULL && !span_starts_nocase(inner, span_of("IPv6:")))
		return colon > inner.p && colon + 1 < inner.p + inner.n;
	if (colon != NULL)
		inner = span_skip(inner, 5);
	if (inner.n == 0 || inner.n >= sizeof(text))
		return false;
	memcpy(text, inner.p, inner.n);
	text[inner.n] = '\0';
	return inet_pton(family, text, address) == 1;
}

static size_t
literal_length(struct span text)
{
	for (size_t i = 1; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c == ']')
			return literal_is_valid(span_make(text.p + 1, i - 1)) ? i + 1 : 0;
		if (c <= ' ' || c >= 0x7f || c == '[' || c == '\\')
			return 0;
	}
	return 0;
}

/* Length of the domain or address literal at the start of `text`; 0: there is none. */
static size_t
domain_length(struct span text)
{
	size_t i = 0;

	if (text.n > 0 && text.p[0] == '[')
		return literal_length(text);
	while (i < text.n && is_domain_byte((unsigned char)text.p[i])) {
		if (text.p[i] == '.' && (i == 0 || text.p[i - 1] == '.'))
			return 0;
		i++;
	}
	return i;
}

/*
 * "@one,@two:" in front of the mailbox says how it came; RFC 5321 F.2: to be ignored. -1:
 * malformed.
 */
static int
skip_source_route(struct span *text)
{
	struct span rest = *text;

	while (rest.n > 0 && rest.p[0] == '@') {
		rest = span_skip(rest, 1);
		size_t n = domain_length(rest);
		if (n == 0 || n == rest.n)
			return -1;
		char next = rest.p[n];
		rest = span_skip(rest, n + 1);
		if (next == ':') {
			*text = rest;
			return 0;
		}
		if (next != ',')
			return -1;
	}
	return -1;
}

/* A sender's domain, up to the '>': also one that is none, or nothing. */
static size_t
loose_domain_length(struct span text)
{
	size_t i = 0;

	while (i < text.n && text.p[i] != '\0' && !is_control((unsigned char)text.p[i]) &&
	       strchr(" <>@\"\\", text.p[i]) == NULL)
		i++;
	return i;
}

enum strictness { STRICT, AS_SENDER };

/* Reads "@domain" at the start of `text`, which may be missing; -1: malformed. */
static int
parse_domain(struct span text, enum strictness how, struct smtp_address *a)
{
	if (text.n == 0 || text.p[0] != '@')
		return how == AS_SENDER ||
				       span_equal_nocase(a->local, span_of("postmaster"))
			       ? 0
			       : -1;
	struct span rest = span_skip(text, 1);
	size_t n = domain_length(rest);
	if (how == AS_SENDER && (n == 0 || n == rest.n || rest.p[n] != '>'))
		n = loose_domain_length(rest);
	else if (n == 0)
		return -1;
	a->domain = span_make(rest.p, n);
	return 0;
}

/* The mailbox at the start of `text`; *used is its length. */
static enum smtp_address_result
parse_mailbox(struct span text, enum strictness how, struct smtp_address *ret,
	      size_t *used)
{
	struct smtp_address a = { 0 };
	size_t n = local_length(text);

	if (n == 0)
		return SMTP_ADDRESS_SYNTAX;
	a.local = span_make(text.p, n);
	if (parse_domain(span_skip(text, n), how, &a) != 0)
		return SMTP_ADDRESS_SYNTAX;
	if (a.domain.p != NULL)
		n += 1 + a.domain.n;
	a.whole = span_make(text.p, n);
	for (size_t i = 0; i < n && !a.is_utf8; i++)
		a.is_utf8 = (unsigned char)text.p[i] >= 0x80;
	if (n > SMTP_ADDRESS_MAX || a.domain.n > SMTP_DOMAIN_MAX)
		return SMTP_ADDRESS_TOO_LONG;
	if (a.is_utf8 && !smtp_utf8_is_valid(a.whole))
		return SMTP_ADDRESS_NOT_UTF8;
	*ret = a;
	*used = n;
	return SMTP_ADDRESS_OK;
}

static enum smtp_address_result
parse_path(struct span *text, enum strictness how, struct smtp_address *ret)
{
	struct span rest = *text;
	struct smtp_address a = { 0 };
	size_t n = 0;

	if (rest.n < 2 || rest.p[0] != '<')
		return SMTP_ADDRESS_SYNTAX;
	rest = span_skip(rest, 1);
	if (rest.p[0] == '@' && skip_source_route(&rest) != 0)
		return SMTP_ADDRESS_SYNTAX;
	if (rest.n > 0 && rest.p[0] == '>' && rest.p == text->p + 1) {
		a.whole = span_make(rest.p, 0);
	} else {
		enum smtp_address_result r = parse_mailbox(rest, how, &a, &n);
		if (r != SMTP_ADDRESS_OK)
			return r;
	}
	rest = span_skip(rest, n);
	if (rest.n == 0 || rest.p[0] != '>')
		return SMTP_ADDRESS_SYNTAX;
	*text = span_skip(rest, 1);
	*ret = a;
	return SMTP_ADDRESS_OK;
}

enum smtp_address_result
smtp_path_parse(struct span *text, struct smtp_address *ret)
{
	return parse_path(text, STRICT, ret);
}

enum smtp_address_result
smtp_sender_parse(struct span *text, struct smtp_address *ret)
{
	return parse_path(text, AS_SENDER, ret);
}

enum smtp_address_result
smtp_address_parse(struct span text, struct smtp_address *ret)
{
	struct smtp_address a;
	size_t n;
	enum smtp_address_result r = parse_mailbox(text, STRICT, &a, &n);

	if (r != SMTP_ADDRESS_OK)
		return r;
	if (n != text.n)
		return SMTP_ADDRESS_SYNTAX;
	*ret = a;
	return SMTP_ADDRESS_OK;
}

/* Writes at most local.n bytes to `store`; returns how many. */
static size_t
unquote(struct span local, char *store)
{
	bool is_quoted = false;
	size_t n = 0;

	for (size_t i = 0; i < local.n; i++) {
		char c = local.p[i];
		if (c == '"') {
			is_quoted = !is_quoted;
			continue;
		}
		if (c == '\\' && is_quoted && i + 1 < local.n)
			c = local.p[++i];
		store[n++] = c;
	}
	return n;
}

int
smtp_local_part_unquote(struct span local, struct buf *ret)
{
	char *room = buf_reserve(ret, local.n);

	if (room == NULL)
		return -1;
	buf_commit(ret, unquote(local, room));
	return 0;
}

int
smtp_domain_normalize(struct span domain, struct buf *ret)
{
	if (domain.n > 0 && domain.p[domain.n - 1] == '.')
		domain.n--;
	char *room = buf_reserve(ret, domain.n);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < domain.n; i++) {
		char c = domain.p[i];
		room[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	buf_commit(ret, domain.n);
	return 0;
}

static void
append_quoted(struct buf *ret, struct span local)
{
	buf_append_byte(ret, '"');
	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			buf_append_byte(ret, '\\');
		buf_append_byte(ret, local.p[i]);
	}
	buf_append_byte(ret, '"');
}

int
smtp_address_decode_copy(const struct smtp_address *a, struct buf *ret)
{
	char store[SMTP_ADDRESS_MAX];
	bool needs_quotes = false;

	if (a->local.n > sizeof(store))
		return -1;
	size_t n = unquote(a->local, store);
	const char *divider = memrchr(store, '=', n);
	if (divider == NULL || divider == store)
		return -1;
	struct span user = span_make(store, (size_t)(divider - store));
	struct span domain = span_make(divider + 1, n - user.n - 1);
	if (domain.n == 0 || domain_length(domain) != domain.n)
		return -1;
	for (size_t i = 0; i < user.n && !needs_quotes; i++)
		needs_quotes = !is_local_byte((unsigned char)user.p[i]);
	if (needs_quotes)
		append_quoted(ret, user);
	else
		buf_append_span(ret, user);
	buf_append_byte(ret, '@');
	buf_append_span(ret, domain);
	return ret->failed ? -1 : 0;
}

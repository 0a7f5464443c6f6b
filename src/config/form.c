/*
 * form.c - the forms, one small predicate each.
 */
#include "form.h"

#include "value.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	FORM_DOMAIN_MAX = 255,
	FORM_LABEL_MAX = 63,
	FORM_NAME_MAX = 64,
	FORM_ADDRESS_MAX = 512,
	FORM_PORT_DIGITS = 5,
	FORM_SOCKET_PATH_MAX = 107, /* of a unix socket: unix(7) */
};

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters, digits and those of `more`; at least one, at most max. */
static bool
is_made_of(const char *text, const char *more, size_t max)
{
	size_t n = 0;
	for (; text[n] != '\0'; n++) {
		if (!is_letter(text[n]) && !is_digit(text[n]) &&
		    strchr(more, text[n]) == NULL)
			return false;
	}
	return n > 0 && n <= max;
}

/* Runs of bytes that are printable, without space; UTF-8 is let through. */
static bool
has_no_space(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c <= ' ' || c == 0x7f)
			return false;
	}
	return true;
}

bool
form_is_printable(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p < ' ' || *p == 0x7f)
			return false;
		if (*p == 0xc2 && p[1] < 0xa0) /* U+0080..U+009F */
			return false;
		if (*p == 0xe2 && p[1] == 0x80 &&
		    (p[2] == 0xa8 || p[2] == 0xa9)) /* U+2028, 2029 */
			return false;
		if (*p == 0xef && p[1] == 0xbb && p[2] == 0xbf) /* U+FEFF */
			return false;
		if (*p == 0xef && p[1] == 0xbf && p[2] >= 0xbe) /* U+FFFE, U+FFFF */
			return false;
	}
	return true;
}

bool
form_is_key(const char *text)
{
	return is_made_of(text, "-_", FORM_NAME_MAX);
}

static bool
is_path(const char *text)
{
	return text[0] == '/';
}

static bool
is_socket_path(const char *text)
{
	return is_path(text) && strlen(text) <= FORM_SOCKET_PATH_MAX;
}

static bool
is_name(const char *text)
{
	return is_made_of(text, "-_.", FORM_NAME_MAX) && text[0] != '.' && text[0] != '-';
}

static bool
is_title(const char *text)
{
	size_t n = strlen(text);
	return n > 0 && n <= FORM_NAME_MAX && text[0] != ' ' && text[n - 1] != ' ';
}

/* Labels of letters, digits, - and _, or of UTF-8; a dot between them, none at the ends.
 * */
static bool
is_domain(const char *text)
{
	size_t label = 0;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		bool is_ok = is_letter(*p) || is_digit(*p) || *p == '-' || *p == '_' ||
			     (unsigned char)*p > 127;
		if (!is_ok || ++label > FORM_LABEL_MAX)
			return false;
	}
	return label > 0 && strlen(text) <= FORM_DOMAIN_MAX;
}

static bool
is_ip(const char *text)
{
	unsigned char address[16];
	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/* [1.2.3.4], [::1], [IPv6:::1] */
static bool
is_literal(const char *text)
{
	char inner[64];
	size_t n = strlen(text);
	if (n < 3 || n - 2 >= sizeof(inner) || text[0] != '[' || text[n - 1] != ']')
		return false;
	memcpy(inner, text + 1, n - 2);
	inner[n - 2] = '\0';
	return is_ip(strncasecmp(inner, "IPv6:", 5) == 0 ? inner + 5 : inner);
}

static bool
is_domain_pattern(const char *text)
{
	return is_literal(text) || is_domain(text[0] == '.' ? text + 1 : text);
}

static bool
is_mail_address(const char *text)
{
	const char *at = strrchr(text, '@');
	if (at == NULL || at == text || strlen(text) > FORM_ADDRESS_MAX ||
	    !has_no_space(text))
		return false;
	return strpbrk(text, "<>,;") == NULL && (is_domain(at + 1) || is_literal(at + 1));
}

/* "local@", which is any domain's. */
static bool
is_local_part(const char *text)
{
	size_t n = strlen(text);
	return n > 1 && n <= FORM_ADDRESS_MAX && text[n - 1] == '@' &&
	       has_no_space(text) && strpbrk(text, "<>,;") == NULL;
}

static bool
is_sender_address(const char *text)
{
	return text[0] == '\0' || is_mail_address(text);
}

/* An address may hold a star, but who writes one into a pattern means any name, which
 * would not match. */
static bool
is_address_pattern(const char *text)
{
	const char *at = strrchr(text, '@');
	if (strchr(text, '*') != NULL)
		return false;
	if (at == NULL)
		return is_domain_pattern(text);
	if (at == text)
		return is_domain(at + 1) || is_literal(at + 1);
	return is_mail_address(text) || is_local_part(text);
}

static bool
is_sender_pattern(const char *text)
{
	return strcmp(text, "<>") == 0 || is_address_pattern(text);
}

static bool
is_port(const char *text)
{
	int64_t port;
	return strlen(text) <= FORM_PORT_DIGITS && value_parse_int(text, &port) == 0 &&
	       port <= 65535;
}

static bool
is_v4(const char *text)
{
	unsigned char address[4];
	return inet_pton(AF_INET, text, address) == 1;
}

/* [::1] */
static bool
is_v6_in_brackets(char *text)
{
	unsigned char address[16];
	size_t n = strlen(text);
	if (n < 2 || text[0] != '[' || text[n - 1] != ']')
		return false;
	text[n - 1] = '\0';
	return inet_pton(AF_INET6, text + 1, address) == 1;
}

static bool
is_listen_address(const char *text)
{
	char host[64];
	if (strncmp(text, "unix:", 5) == 0)
		return is_socket_path(text + 5);
	const char *colon = strrchr(text, ':');
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
	    !is_port(colon + 1))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	return is_v4(host) || is_v6_in_brackets(host);
}

static bool
is_mode(const char *text)
{
	return strlen(text) == 4 && text[0] == '0' && strspn(text, "01234567") == 4;
}

static bool
is_network(const char *text)
{
	char host[64];
	int64_t prefix = 0;

	if (strcmp(text, "unix") == 0)
		return true;
	size_t n = strcspn(text, "/");
	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (text[n] == '/' && value_parse_int(text + n + 1, &prefix) != 0)
		return false;
	return is_ip(host) && prefix <= (strchr(host, ':') == NULL ? 32 : 128);
}

static bool
is_field_name(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~' || *p == ':')
			return false;
	}
	return text[0] != '\0' && strlen(text) <= FORM_NAME_MAX;
}

const struct text_form form_path = { "an absolute path", "^/", is_path };
const struct text_form form_socket_path = { "an absolute path of at most 107 bytes",
					    "^/.{0,106}$", is_socket_path };
const struct text_form form_name = {
	"a name of letters, digits, -, _ and . that begins with a letter, a digit or _",
	"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$", is_name
};
const struct text_form form_title = {
	"a name of 1 to 64 characters without spaces at its ends", "^[^ ](.{0,62}[^ ])?$",
	is_title
};
const struct text_form form_hostname = { "a host name", NULL, is_domain };
const struct text_form form_listen_address = {
	"127.0.0.1:PORT, [::1]:PORT or unix:/PATH (an address, not a host name)",
	"^(unix:/|[0-9.]+:[0-9]+$|\\[[0-9A-Za-z:.]+\\]:[0-9]+$)", is_listen_address
};
const struct text_form form_mode = { "four octal digits in quotes, as in \"0660\"",
				     "^0[0-7]{3}$", is_mode };
const struct text_form form_network = {
	"an address, an address/prefix such as 10.0.0.0/8 or fd00::/8, or unix",
	"^(unix|[0-9A-Fa-f.:]+(/[0-9]+)?)$", is_network
};
const struct text_form form_mail_address = { "a mail address such as user@domain",
					     "^[^ ]+@[^ @]+$", is_mail_address };
const struct text_form form_sender_address = {
	"a mail address such as user@domain, or \"\" for the null sender",
	"^([^ ]+@[^ @]+)?$", is_sender_address
};
const struct text_form form_address_pattern = {
	"user@domain, user@, @domain, domain or .domain, without *", "^[^ *]+$",
	is_address_pattern
};
const struct text_form form_sender_pattern = {
	"user@domain, user@, @domain, domain, .domain or <>, without *", "^[^ *]+$",
	is_sender_pattern
};
const struct text_form form_domain_pattern = {
	"a domain, .domain, or the word for all others", "^[^ ]+$", is_domain_pattern
};
const struct text_form form_field_name = { "the name of a header field",
					   "^[!-9;-~]{1,64}$", is_field_name };

/*
 * socket_address.c - addresses of sockets as text, both ways. Names are never resolved
 * here.
 */
#include "tdc/loop/stream.h"

#include "tdc/base/format.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static const char unix_prefix[] = "unix:";

/* Views of the storage. */
static const struct sockaddr_in *
as_v4(const struct socket_address *a)
{
	return (const struct sockaddr_in *)(const void *)&a->storage;
}

static const struct sockaddr_in6 *
as_v6(const struct socket_address *a)
{
	return (const struct sockaddr_in6 *)(const void *)&a->storage;
}

/* An IPv4 address in IPv6's clothes is printed and judged as what it is. */
static bool
v4_inside(const struct socket_address *a, struct in_addr *ret)
{
	if (a->storage.ss_family == AF_INET) {
		*ret = as_v4(a)->sin_addr;
		return true;
	}
	if (a->storage.ss_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&as_v6(a)->sin6_addr))
		return false;
	memcpy(ret, &as_v6(a)->sin6_addr.s6_addr[12], sizeof(*ret));
	return true;
}

/* "192.0.2.1"; inet_ntop() prints it with sprintf(), for every connection twice. */
static void
format_v4(const struct in_addr *a, char text[SOCKET_TEXT_MAX])
{
	const unsigned char *part = (const unsigned char *)&a->s_addr;

	for (size_t i = 0; i < 4; i++) {
		text += format_number(part[i], text);
		*text++ = i < 3 ? '.' : '\0';
	}
}

void
socket_address_format_host(const struct socket_address *a, char text[SOCKET_TEXT_MAX])
{
	struct in_addr v4;

	if (v4_inside(a, &v4))
		format_v4(&v4, text);
	else if (a->storage.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &as_v6(a)->sin6_addr, text, SOCKET_TEXT_MAX);
	else
		snprintf(text, SOCKET_TEXT_MAX, "unix");
}

static void
format_unix(const struct socket_address *a, char text[SOCKET_TEXT_MAX])
{
	const struct sockaddr_un *un =
		(const struct sockaddr_un *)(const void *)&a->storage;
	size_t head = offsetof(struct sockaddr_un, sun_path);

	if (a->length <= head)
		snprintf(text, SOCKET_TEXT_MAX, "unix");
	else if (un->sun_path[0] == '\0') /* an abstract name: Linux writes it with @ */
		snprintf(text, SOCKET_TEXT_MAX, "unix:@%.*s", (int)(a->length - head - 1),
			 un->sun_path + 1);
	else
		snprintf(text, SOCKET_TEXT_MAX, "unix:%.*s", (int)(a->length - head),
			 un->sun_path);
}

void
socket_address_format(const struct socket_address *a, char text[SOCKET_TEXT_MAX])
{
	char host[SOCKET_TEXT_MAX];

	if (a->storage.ss_family != AF_INET && a->storage.ss_family != AF_INET6) {
		format_unix(a, text);
		return;
	}
	socket_address_format_host(a, host);
	bool is_v6 = strchr(host, ':') != NULL;
	unsigned port = ntohs(a->storage.ss_family == AF_INET ? as_v4(a)->sin_port
							      : as_v6(a)->sin6_port);
	snprintf(text, SOCKET_TEXT_MAX, is_v6 ? "[%.100s]:%u" : "%.100s:%u", host, port);
}

static int
parse_unix(const char *path, struct socket_address *ret, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (n == 0)
		return err_set(e, ERR_SYNTAX, 0, "\"unix:\" needs a path");
	if (n >= sizeof(un.sun_path))
		return err_set(e, ERR_SIZE, 0,
			       "the path of a unix socket has at most %zu bytes",
			       sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, path, n);
	*ret = (struct socket_address){ .length = (socklen_t)sizeof(un) };
	memcpy(&ret->storage, &un, sizeof(un));
	return 0;
}

/* 1 to 5 digits, up to 65535. */
static int
parse_port(const char *text, in_port_t *ret)
{
	unsigned long port = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 5 || text[n] != '\0')
		return -1;
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (unsigned long)(text[i] - '0');
	if (port > 65535)
		return -1;
	*ret = htons((in_port_t)port);
	return 0;
}

static int
parse_host(const char *host, bool is_v6, in_port_t port, struct socket_address *ret)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = port };

	if (!is_v6 && inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		*ret = (struct socket_address){ .length = (socklen_t)sizeof(v4) };
		memcpy(&ret->storage, &v4, sizeof(v4));
		return 0;
	}
	if (is_v6 && inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		*ret = (struct socket_address){ .length = (socklen_t)sizeof(v6) };
		memcpy(&ret->storage, &v6, sizeof(v6));
		return 0;
	}
	return -1;
}

int
socket_address_parse(const char *text, struct socket_address *ret, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 1];
	in_port_t port;

	if (strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0)
		return parse_unix(text + sizeof(unix_prefix) - 1, ret, e);
	if (colon == NULL)
		return err_set(e, ERR_SYNTAX, 0, "\"%.100s\" has no port", text);
	if (parse_port(colon + 1, &port) != 0)
		return err_set(e, ERR_SYNTAX, 0, "\"%.20s\" is no port", colon + 1);
	size_t n = (size_t)(colon - text);
	bool is_v6 = n >= 2 && text[0] == '[' && text[n - 1] == ']';
	const char *start = is_v6 ? text + 1 : text;
	n = is_v6 ? n - 2 : n;
	if (n >= sizeof(host))
		return err_set(e, ERR_SYNTAX, 0, "\"%.100s\" is no address", text);
	memcpy(host, start, n);
	host[n] = '\0';
	if (parse_host(host, is_v6, port, ret) != 0)
		return err_set(e, ERR_SYNTAX, 0,
			       "\"%.100s\" is no address literal with a port", text);
	return 0;
}

bool
socket_address_is_loopback(const struct socket_address *a)
{
	struct in_addr v4;

	if (v4_inside(a, &v4))
		return ntohl(v4.s_addr) >> 24 == 127;
	if (a->storage.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&as_v6(a)->sin6_addr);
	return a->storage.ss_family == AF_UNIX;
}

static bool
overlaps_v4(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_port != 0 && a->sin_port == b->sin_port &&
	       (a->sin_addr.s_addr == b->sin_addr.s_addr ||
		a->sin_addr.s_addr == htonl(INADDR_ANY) ||
		b->sin_addr.s_addr == htonl(INADDR_ANY));
}

/* Listeners of IPv6 leave IPv4 alone: IPV6_V6ONLY. */
static bool
overlaps_v6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	return a->sin6_port != 0 && a->sin6_port == b->sin6_port &&
	       (IN6_ARE_ADDR_EQUAL(&a->sin6_addr, &b->sin6_addr) ||
		IN6_IS_ADDR_UNSPECIFIED(&a->sin6_addr) ||
		IN6_IS_ADDR_UNSPECIFIED(&b->sin6_addr));
}

bool
socket_address_overlaps(const struct socket_address *a, const struct socket_address *b)
{
	char text_a[SOCKET_TEXT_MAX], text_b[SOCKET_TEXT_MAX];

	if (a->storage.ss_family != b->storage.ss_family)
		return false;
	if (a->storage.ss_family == AF_INET)
		return overlaps_v4(as_v4(a), as_v4(b));
	if (a->storage.ss_family == AF_INET6)
		return overlaps_v6(as_v6(a), as_v6(b));
	format_unix(a, text_a);
	format_unix(b, text_b);
	return strcmp(text_a, text_b) == 0;
}

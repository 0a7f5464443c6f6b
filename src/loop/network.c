/*
 * network.c - networks that clients come from: CIDR blocks, and unix sockets as one.
 */
#include "tdc/loop/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The digits behind '/'; -1 when they are not a number up to `max`. */
static int
prefix_parse(const char *text, unsigned max, unsigned *ret)
{
	unsigned value = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			return -1;
	}
	*ret = value;
	return 0;
}

/* Bits behind the prefix do not count: "127.0.0.1/8" is what people write. */
static void
address_mask(uint8_t *address, size_t n, unsigned prefix)
{
	for (size_t i = 0; i < n; i++) {
		unsigned bits = prefix >= 8 ? 8 : prefix;
		address[i] &= (uint8_t)(0xff00u >> bits);
		prefix -= bits;
	}
}

int
network_parse(const char *text, struct network *ret, struct err *e)
{
	struct network n = { .family = AF_UNIX };
	char host[INET6_ADDRSTRLEN + 1];

	if (strcmp(text, "unix") == 0) {
		*ret = n;
		return 0;
	}
	size_t length = strcspn(text, "/");
	if (length >= sizeof(host))
		return err_set(e, ERR_SYNTAX, 0, "\"%s\" is not a network", text);
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_pton(AF_INET, host, n.address) == 1)
		n.family = AF_INET;
	else if (inet_pton(AF_INET6, host, n.address) == 1)
		n.family = AF_INET6;
	else
		return err_set(
			e, ERR_SYNTAX, 0,
			"\"%s\" is not a network: an address, ADDRESS/BITS or \"unix\"",
			text);
	unsigned max = n.family == AF_INET ? 32 : 128;
	n.prefix = max;
	if (text[length] == '/' && prefix_parse(text + length + 1, max, &n.prefix) != 0)
		return err_set(e, ERR_SYNTAX, 0,
			       "\"%s\": the prefix is a number from 0 to %u", text, max);
	address_mask(n.address, sizeof(n.address), n.prefix);
	*ret = n;
	return 0;
}

/* The address's bytes; an IPv4 address that came in as ::ffff:a.b.c.d is IPv4. */
static const uint8_t *
v4_of_mapped(const struct in6_addr *six, int *family)
{
	if (!IN6_IS_ADDR_V4MAPPED(six))
		return six->s6_addr;
	*family = AF_INET;
	return six->s6_addr + 12;
}

static const uint8_t *
address_bytes(const struct socket_address *a, int *family)
{
	*family = a->storage.ss_family;
	if (*family == AF_INET)
		return (const void *)&((const struct sockaddr_in *)&a->storage)->sin_addr;
	if (*family != AF_INET6)
		return NULL;
	return v4_of_mapped(&((const struct sockaddr_in6 *)&a->storage)->sin6_addr,
			    family);
}

static bool
contains_bytes(const struct network *n, int family, const uint8_t *bytes)
{
	if (family != n->family)
		return false;
	if (family == AF_UNIX)
		return true;
	if (bytes == NULL)
		return false;
	uint8_t masked[16] = { 0 };
	memcpy(masked, bytes, family == AF_INET ? 4 : 16);
	address_mask(masked, sizeof(masked), n->prefix);
	return memcmp(masked, n->address, sizeof(masked)) == 0;
}

bool
network_contains(const struct network *n, const struct socket_address *a)
{
	int family;
	const uint8_t *bytes = address_bytes(a, &family);

	return contains_bytes(n, family, bytes);
}

bool
network_contains_text(const struct network *n, const char *address)
{
	struct in6_addr six;
	struct in_addr four;
	int family = AF_INET6;

	if (strcmp(address, "unix") == 0)
		return contains_bytes(n, AF_UNIX, NULL);
	if (inet_pton(AF_INET, address, &four) == 1)
		return contains_bytes(n, AF_INET, (const void *)&four);
	if (inet_pton(AF_INET6, address, &six) != 1)
		return false;
	const uint8_t *bytes = v4_of_mapped(&six, &family);
	return contains_bytes(n, family, bytes);
}

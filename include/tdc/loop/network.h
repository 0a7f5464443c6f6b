/*
 * network.h - networks that clients come from: CIDR blocks, and unix sockets as one.
 *
 * Pure; any thread.
 */
#ifndef TDC_LOOP_NETWORK_H
#define TDC_LOOP_NETWORK_H

#include "tdc/base/err.h"
#include "tdc/loop/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct network { /* a CIDR block; family AF_UNIX matches unix sockets */
	int family;
	uint8_t address[16];
	unsigned prefix;
};

/* "10.0.0.0/8", "::1", "unix" */
int network_parse(const char *text, struct network *ret, struct err *e);
/* An IPv4 address that came in as ::ffff:a.b.c.d is IPv4. */
bool network_contains(const struct network *n, const struct socket_address *a);
/* The same for an address literal without brackets or port, or "unix". Anything else is in
 * no network. */
bool network_contains_text(const struct network *n, const char *address);

#endif

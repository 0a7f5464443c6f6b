/*
 * received.h - the client as a trace field tells it (RFC 5321 4.4): "from HELO (NAME
 * [ADDRESS]) by ...".
 */
#ifndef SERVER_RECEIVED_H
#define SERVER_RECEIVED_H

#include "tdc/base/span.h"

#include <stdbool.h>

struct received_client {
	struct span helo; /* into the value; empty = not told */
	struct span name; /* the same                          */
	char address[48]; /* IPv4 or IPv6 without brackets     */
};

/* False when the field names no client address. */
bool received_client_parse(struct span value, struct received_client *ret);

#endif

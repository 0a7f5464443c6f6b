/*
 * next_hop.h - the text of a next hop.
 *
 *	host  host:port  [host]  [host]:port  1.2.3.4:port  [1.2.3.4]:port  [::1]:port  [IPv6:::1]:port
 *
 * each optionally followed by " /pri=N"; or USEDNS; or /dev/null.
 */
#ifndef POLICY_NEXT_HOP_H
#define POLICY_NEXT_HOP_H

#include "tdc/config/arena.h"
#include "tdc/policy/policy.h"

/* NULL, or what is wrong, as a constant text. ret->host is taken from the arena. */
const char *next_hop_parse(const char *text, struct arena *a, struct next_hop *ret);

#endif

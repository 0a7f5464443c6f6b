/*
 * xforward.h - what a trusted feeder tells of the original client: the XFORWARD command.
 */
#ifndef SERVER_XFORWARD_H
#define SERVER_XFORWARD_H

#include "tdc/smtp/command.h"
#include "tdc/store/message.h"

struct session;

struct xforward {
	unsigned seen; /* 1 << enum smtp_xforward */
	char value[SMTP_XFORWARD_COUNT][SMTP_XFORWARD_VALUE_MAX + 1];
};

void xforward_forget(struct session *s);
/* Client address, name, HELO, protocol, queue id and source of the message: XFORWARD's
 * where it was given, the connection's own otherwise. -1: no memory. */
int session_client_facts(struct session *s, struct spool_message *m);

#endif

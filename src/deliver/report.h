/*
 * report.h - the lines of the mail log about deliveries, and their counters.
 */
#ifndef TDC_DELIVER_REPORT_H
#define TDC_DELIVER_REPORT_H

#include "connection.h"
#include "outcome.h"

void report_destination_down(const struct destination *x);
void report_destination_up(const struct destination *x);
void report_destination_unused(const struct destination *x);
void report_destination_overdue(const struct destination *x);
/* Once TLS works: what the field calls a new connection, and its TLS facts. */
void report_connected(const struct connection *c);
void report_closed(const struct connection *c);
void report_injection(const struct connection *c, size_t bytes);
void report_started(const struct connection *c, const struct item *i);
/* An outcome was recorded. c == NULL: without a connection. */
void report_outcome(const struct connection *c, const struct item *i,
		    const struct outcome *o);
/* The content broke off; the journal goes back. */
void report_broken_off(const struct connection *c, const struct item *i,
		       const struct err *why);
void report_fallback(const struct connection *c, const struct item *i, const char *why);

#endif

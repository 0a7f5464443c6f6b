/*
 * mail_log.h - the lines that the server writes into the mail log, one function a line.
 *
 * The text is the field's; every line carries the session's ICID or the message's MID as
 * typed fields. What peers sent is escaped by the log itself.
 */
#ifndef SERVER_MAIL_LOG_H
#define SERVER_MAIL_LOG_H

#include "tdc/base/err.h"
#include "tdc/base/span.h"
#include "tdc/smtp/command.h"

#include <stddef.h>
#include <stdint.h>

struct session;
struct spool_plan;
struct tls_facts;

void mail_log_new(const struct session *s, const char *interface);
void mail_log_turned_away(const char *listener, const char *client, const char *why);
void mail_log_close(const struct session *s);
void mail_log_lost(const struct session *s, const struct err *e);
void mail_log_tls(const struct session *s, const struct tls_facts *facts,
		  const struct err *e);
/* The MAIL or RCPT being served had bytes that no address may hold. */
void mail_log_mended(const struct session *s, enum smtp_verb verb);
void mail_log_command(const struct session *s,
		      struct span line); /* debug: the verb only */

void mail_log_injection(const struct session *s);

void mail_log_start(const struct session *s);
void mail_log_recipient(const struct session *s, size_t rid);
void mail_log_ready(const struct session *s); /* Message-ID, Subject, ready */
void mail_log_foreign_mark(const struct session *s);
void mail_log_many_received(const struct session *s, unsigned received);
void mail_log_plan(const struct session *s, const struct spool_plan *plan);
void mail_log_queued(const struct session *s);
/* It was begun and is over, and was not accepted. */
void mail_log_aborted(const struct session *s, const char *why);
void mail_log_deferred(const struct session *s, int code, const char *enhanced,
		       const char *text);
void mail_log_refused(const struct session *s, int code, const char *enhanced,
		      const char *text);
void mail_log_trouble(const struct session *s, const struct err *e);

#endif

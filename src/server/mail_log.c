/*
 * mail_log.c - the server's lines of the mail log.
 */
#include "mail_log.h"

#include "session_inside.h"

#include "tdc/base/log.h"

#include <inttypes.h>
#include <stdio.h>

/* ------------------------------------------------------------------ sessions */

void
mail_log_new(const struct session *s, const char *interface)
{
	const struct server_listener_settings *set = &s->config->settings;
	const char *protocol = set->protocol == SERVER_LMTP ? "LMTP" : "SMTP";

	log_event(LOG_SERVER, INFO, "icid.new",
		  F(LF_INT("icid", s->icid), LF_TEXT("listener", set->name),
		    LF_TEXT("interface", interface),
		    LF_TEXT("address", s->client_address)),
		  "New %s ICID %" PRIu64 " interface %s (%s) address %s", protocol,
		  s->icid, set->name, interface, s->client_address);
}

void
mail_log_turned_away(const char *listener, const char *client, const char *why)
{
	log_event(LOG_SERVER, WARNING, "connection.refused",
		  F(LF_TEXT("listener", listener), LF_TEXT("address", client),
		    LF_TEXT("reason", why)),
		  "connection from %s on %s turned away: %s", client, listener, why);
}

void
mail_log_close(const struct session *s)
{
	const char *why = s->end == NULL ? "QUIT" : s->end;

	/* The field's line is of an end that needs no reason. */
	log_event(LOG_SERVER, INFO, "icid.close",
		  F(LF_INT("icid", s->icid), LF_TEXT("reason", why)),
		  "ICID %" PRIu64 " close%s%s", s->icid, s->end == NULL ? "" : ": ",
		  s->end == NULL ? "" : why);
}

void
mail_log_lost(const struct session *s, const struct err *e)
{
	const char *why = e == NULL ? "closed by the client" : e->text;

	/* A client that just goes away between two messages has lost nothing. */
	if (s->transaction == NULL && e == NULL)
		return;
	log_event(LOG_SERVER, INFO, "icid.lost",
		  F(LF_INT("icid", s->icid), LF_TEXT("reason", why),
		    LF_TEXT("state", state_name(s->state))),
		  "Incoming connection (ICID %" PRIu64 ") lost: %s", s->icid, why);
}

void
mail_log_tls(const struct session *s, const struct tls_facts *facts, const struct err *e)
{
	char text[TLS_TEXT_MAX];

	if (e != NULL) {
		log_event(LOG_SERVER, WARNING, "icid.tls-failed",
			  F(LF_INT("icid", s->icid), LF_TEXT("reason", e->text)),
			  "ICID %" PRIu64 " TLS failed: %s", s->icid, e->text);
		return;
	}
	tls_facts_format(facts, text, sizeof(text));
	log_event(LOG_SERVER, INFO, "icid.tls",
		  F(LF_INT("icid", s->icid), LF_TEXT("version", facts->version),
		    LF_TEXT("cipher", facts->cipher)),
		  "ICID %" PRIu64 " TLS success %s", s->icid, text);
}

void
mail_log_injection(const struct session *s)
{
	log_event(LOG_SERVER, WARNING, "icid.tls-injection",
		  F(LF_INT("icid", s->icid), LF_TEXT("address", s->client_address)),
		  "ICID %" PRIu64
		  " address %s STARTTLS injection: plaintext stood behind "
		  "STARTTLS",
		  s->icid, s->client_address);
}

void
mail_log_command(const struct session *s, struct span line)
{
	log_event(LOG_SERVER, DEBUG, "icid.command",
		  F(LF_INT("icid", s->icid), LF_TEXT("state", state_name(s->state)),
		    LF_SPAN("line", line)),
		  "ICID %" PRIu64 " %s: %s", s->icid, state_name(s->state),
		  smtp_verb_name(s->verb));
}

void
mail_log_mended(const struct session *s, enum smtp_verb verb)
{
	const char *name = smtp_verb_name(verb);

	log_event(LOG_SERVER, WARNING, "icid.mended",
		  F(LF_INT("icid", s->icid), LF_TEXT("verb", name)),
		  "ICID %" PRIu64
		  " control bytes, or bytes that are not UTF-8, in %s: taken as '?'",
		  s->icid, name);
}

/* ------------------------------------------------------------------ messages */

void
mail_log_start(const struct session *s)
{
	const struct spool_message *m = s->transaction->message;

	log_event(LOG_SERVER, INFO, "mid.start",
		  F(LF_INT("mid", m->mid), LF_INT("icid", s->icid)),
		  "Start MID %" PRIu64 " ICID %" PRIu64, m->mid, s->icid);
	log_event(LOG_SERVER, INFO, "mid.from",
		  F(LF_INT("mid", m->mid), LF_INT("icid", s->icid),
		    LF_TEXT("from", m->sender)),
		  "MID %" PRIu64 " ICID %" PRIu64 " From: <%s>", m->mid, s->icid,
		  m->sender);
}

void
mail_log_recipient(const struct session *s, size_t rid)
{
	const struct spool_message *m = s->transaction->message;
	const struct message_recipient *r = &m->recipients[rid];

	log_event(LOG_SERVER, INFO, "mid.to",
		  F(LF_INT("mid", m->mid), LF_INT("icid", s->icid), LF_INT("rid", rid),
		    LF_TEXT("to", r->address),
		    LF_TEXT("source", recipient_source_name(r->source))),
		  "MID %" PRIu64 " ICID %" PRIu64 " RID %zu To: <%s>", m->mid, s->icid,
		  rid, r->address);
}

void
mail_log_ready(const struct session *s)
{
	const struct spool_message *m = s->transaction->message;
	uint64_t size = s->transaction->facts.size;

	if (m->message_id != NULL)
		log_event(LOG_SERVER, INFO, "mid.message-id",
			  F(LF_INT("mid", m->mid), LF_TEXT("message_id", m->message_id)),
			  "MID %" PRIu64 " Message-ID '%s'", m->mid, m->message_id);
	if (m->subject != NULL)
		log_event(LOG_SERVER, INFO, "mid.subject",
			  F(LF_INT("mid", m->mid), LF_TEXT("subject", m->subject)),
			  "MID %" PRIu64 " Subject \"%s\"", m->mid, m->subject);
	log_event(LOG_SERVER, INFO, "mid.ready",
		  F(LF_INT("mid", m->mid), LF_INT("bytes", size),
		    LF_TEXT("from", m->sender)),
		  "MID %" PRIu64 " ready %" PRIu64 " bytes from <%s>", m->mid, size,
		  m->sender);
}

void
mail_log_foreign_mark(const struct session *s)
{
	uint64_t mid = s->transaction->message->mid;

	log_event(LOG_SERVER, WARNING, "mid.foreign-mark",
		  F(LF_INT("mid", mid), LF_INT("icid", s->icid)),
		  "MID %" PRIu64 " ICID %" PRIu64 " forged or foreign loop mark", mid,
		  s->icid);
}

void
mail_log_many_received(const struct session *s, unsigned received)
{
	uint64_t mid = s->transaction->message->mid;
	unsigned max = s->config->settings.received_max;

	log_event(LOG_SERVER, WARNING, "mid.many-received",
		  F(LF_INT("mid", mid), LF_INT("icid", s->icid),
		    LF_INT("received", received), LF_INT("max", max)),
		  "MID %" PRIu64 " ICID %" PRIu64
		  " has %u Received fields, more than %u: perhaps a mail loop",
		  mid, s->icid, received, max);
}

void
mail_log_plan(const struct session *s, const struct spool_plan *plan)
{
	uint64_t mid = s->transaction->message->mid;
	const char *policy = plan->policy == NULL ? "DEFAULT" : plan->policy;

	if (plan->rids == NULL)
		log_event(LOG_SERVER, INFO, "mid.policy",
			  F(LF_INT("mid", mid), LF_TEXT("policy", policy)),
			  "MID %" PRIu64
			  " matched all recipients for per-recipient policy %s in "
			  "the inbound table",
			  mid, policy);
	else
		log_event(LOG_SERVER, INFO, "mid.policy",
			  F(LF_INT("mid", mid), LF_TEXT("policy", policy),
			    LF_TEXT("rids", plan->rids)),
			  "MID %" PRIu64
			  " matched RID [%s] for per-recipient policy %s in the "
			  "inbound table",
			  mid, plan->rids, policy);
}

/* What an operator can look for in the configuration. */
static void
drop_describe(const struct spool_plan *plan, char *text, size_t n)
{
	if (plan->drop_detail != NULL)
		snprintf(text, n, "%s", plan->drop_detail);
	else if (plan->drop == DROP_POLICY)
		snprintf(text, n, "policy %s has intake no",
			 plan->policy == NULL ? "DEFAULT" : plan->policy);
	else
		snprintf(text, n, "%s", drop_reason_name(plan->drop));
}

/* That mail is kept from the scanner by what it says itself must be seen. */
static void
mail_log_dropped(const struct session *s, const struct spool_plan *plan)
{
	const char *reason = drop_reason_name(plan->drop);
	char detail[256];
	enum log_level level =
		plan->drop == DROP_LOOP ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;

	if (!log_is_on(LOG_SERVER, level))
		return;
	drop_describe(plan, detail, sizeof(detail));
	log_line(LOG_SERVER, level, "tdc.dropped",
		 F(LF_INT("mid", plan->mid), LF_INT("of", s->transaction->message->mid),
		   LF_INT("icid", s->icid), LF_TEXT("reason", reason),
		   LF_TEXT("detail", detail)),
		 "TDC: Message %" PRIu64 " dropped: %s.", plan->mid, detail);
}

static void
mail_log_journal(const struct session *s, const struct spool_plan *plan)
{
	uint64_t of = s->transaction->message->mid;

	log_event(LOG_SERVER, INFO, "mid.generated",
		  F(LF_INT("mid", plan->mid), LF_INT("of", of), LF_INT("icid", s->icid)),
		  "MID %" PRIu64 " was generated based on MID %" PRIu64, plan->mid, of);
	if (plan->drop != DROP_NONE)
		mail_log_dropped(s, plan);
	else
		log_event(LOG_SERVER, INFO, "tdc.queued",
			  F(LF_INT("mid", plan->mid), LF_INT("of", of),
			    LF_INT("icid", s->icid)),
			  "TDC: Message %" PRIu64 " queued for delivery.", plan->mid);
}

void
mail_log_queued(const struct session *s)
{
	const struct transaction *t = s->transaction;
	size_t journals = 0;

	for (size_t i = 0; i < t->n_plans; i++)
		journals += t->plans[i].drop == DROP_NONE;
	if (journals > 0)
		log_event(LOG_SERVER, INFO, "mid.queued",
			  F(LF_INT("mid", t->message->mid), LF_INT("icid", s->icid),
			    LF_INT("journals", journals)),
			  "MID %" PRIu64 " queued for delivery", t->message->mid);
	for (size_t i = 0; i < t->n_plans; i++)
		mail_log_journal(s, &t->plans[i]);
}

/* ------------------------------------------------------------------ what went wrong */

/* Who a line is about: the message where there is one already, and always the session. */
struct subject {
	uint64_t mid;
	char text[64];
};

static struct subject
subject_of(const struct session *s)
{
	struct subject w = { 0 };

	if (s->transaction == NULL) {
		snprintf(w.text, sizeof(w.text), "ICID %" PRIu64, s->icid);
		return w;
	}
	w.mid = s->transaction->message->mid;
	snprintf(w.text, sizeof(w.text), "MID %" PRIu64 " ICID %" PRIu64, w.mid, s->icid);
	return w;
}

void
mail_log_aborted(const struct session *s, const char *why)
{
	uint64_t mid = s->transaction->message->mid;

	log_event(LOG_SERVER, INFO, "mid.aborted",
		  F(LF_INT("mid", mid), LF_INT("icid", s->icid), LF_TEXT("reason", why)),
		  "Message aborted MID %" PRIu64 ": %s", mid, why);
}

void
mail_log_deferred(const struct session *s, int code, const char *enhanced,
		  const char *text)
{
	struct subject w = subject_of(s);

	log_event(LOG_SERVER, WARNING, "mid.deferred",
		  F(LF_INT("mid", w.mid), LF_INT("icid", s->icid), LF_INT("code", code),
		    LF_TEXT("reply", text)),
		  "%s deferred: %d %s %s", w.text, code, enhanced, text);
}

void
mail_log_refused(const struct session *s, int code, const char *enhanced,
		 const char *text)
{
	struct subject w = subject_of(s);

	log_event(LOG_SERVER, ERROR, "mid.refused",
		  F(LF_INT("mid", w.mid), LF_INT("icid", s->icid), LF_INT("code", code),
		    LF_TEXT("command", smtp_verb_name(s->verb)), LF_TEXT("reply", text)),
		  "%s refused: %d %s %s", w.text, code, enhanced, text);
}

void
mail_log_trouble(const struct session *s, const struct err *e)
{
	struct subject w = subject_of(s);

	log_event(LOG_SERVER, ERROR, "mid.trouble",
		  F(LF_INT("mid", w.mid), LF_INT("icid", s->icid),
		    LF_TEXT("kind", err_kind_name(e->kind)), LF_TEXT("reason", e->text)),
		  "%s could not be kept: %s", w.text, e->text);
}

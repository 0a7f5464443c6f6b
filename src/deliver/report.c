/*
 * report.c - the mail log's lines about deliveries.
 *
 * The words are the field's. A destination's trouble is told once, when its state
 * changes, and names the journal that is next in its queue; what follows from it is
 * silent until it is over.
 */
#include "report.h"

#include "tdc/base/counter.h"
#include "tdc/base/log.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECOND = 1000, RIDS_TEXT_MAX = 256, RIDS_TEXT_LEFT = 32 };

/* "TLS Error", the class in front of the reason. */
static const char *
class_of(enum err_kind kind)
{
	static const struct {
		enum err_kind kind;
		const char *text;
	} classes[] = {
		{ ERR_TLS, "TLS Error" },
		{ ERR_DNS, "DNS Error" },
		{ ERR_NOT_FOUND, "DNS Error" },
		{ ERR_TIMEOUT, "Timeout" },
		{ ERR_NETWORK, "Network Error" },
		{ ERR_PROTOCOL, "Protocol Error" },
		{ ERR_REFUSED, "Refused" },
		{ ERR_BUSY, "Refused for now" },
		{ ERR_CONFIG, "Configuration Error" },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (classes[i].kind == kind)
			return classes[i].text;
	return "Local Error";
}

static const char *
intake_of(const struct item *i)
{
	const char *intake = policy_intake(i->lane->deliver->policies, i->lane->policy);

	return intake == NULL ? i->lane->policy : intake;
}

/* "0,3,7": the recipients that a journal is about; of very many the first. */
struct rids {
	char text[RIDS_TEXT_MAX];
};

static void
rids_of(const struct item *i, struct rids *ret)
{
	const struct spool_journal *j = i->journal;
	size_t used = 0, n = j->rids == NULL ? j->message->n_recipients : 0;

	snprintf(ret->text, sizeof(ret->text), "%s", j->rids == NULL ? "-" : j->rids);
	if (j->rids != NULL && strlen(j->rids) >= sizeof(ret->text))
		memcpy(ret->text + sizeof(ret->text) - 4, "...", 4);
	for (size_t k = 0; k < n; k++) {
		if (sizeof(ret->text) - used < RIDS_TEXT_LEFT) {
			snprintf(ret->text + used, sizeof(ret->text) - used, ",...");
			return;
		}
		used += (size_t)snprintf(ret->text + used, sizeof(ret->text) - used,
					 "%s%zu", k == 0 ? "" : ",", k);
	}
}

/* The journal that waits longest for a destination, of any of its lanes. */
static const struct item *
next_item(const struct destination *x)
{
	struct list *lanes = &x->deliver->lanes;

	for (struct list_node *n = list_first(lanes); n != NULL;
	     n = list_next(lanes, n)) {
		struct lane *l = list_entry(n, struct lane, node);
		struct list_node *first = list_first(&l->old);
		if (first == NULL)
			first = list_first(&l->fresh);
		if (l->destination == x && first != NULL)
			return list_entry(first, struct item, node);
	}
	return NULL;
}

void
report_destination_down(const struct destination *x)
{
	const struct err *e = &x->last_error;
	const struct item *i = next_item(x);
	const char *state = destination_state_name(x->state);
	const char *class = class_of(e->kind);
	int64_t wait =
		(x->next_probe_at - loop_mono_ms(x->deliver->loop) + SECOND / 2) / SECOND;

	if (i != NULL)
		log_event(LOG_DELIVER, WARNING, "delivery.failed",
			  F(LF_INT("mid", i->mid), LF_TEXT("destination", x->domain),
			    LF_TEXT("class", err_kind_name(e->kind)),
			    LF_TEXT("reason", e->text)),
			  "TDC: Message %" PRIu64 " delivery failed to %s: %s. %s",
			  i->mid, intake_of(i), class, e->text);
	if (x->state == DESTINATION_SUSPENDED)
		log_event(LOG_DELIVER, WARNING, "destination.suspended",
			  F(LF_TEXT("destination", x->domain), LF_TEXT("reason", e->text),
			    LF_INT("wait_s", wait)),
			  "TDC: Destination %s is %s: %s: %s. %s; probed in %" PRId64
			  " s",
			  x->domain, state,
			  e->kind == ERR_NOT_FOUND ? "its name does not exist"
						   : "it refuses our mail",
			  class, e->text, wait);
	else
		log_event(LOG_DELIVER, WARNING, "destination.backed-off",
			  F(LF_TEXT("destination", x->domain), LF_TEXT("reason", e->text),
			    LF_INT("wait_s", wait)),
			  "TDC: Destination %s is %s: %s. %s; probed in %" PRId64 " s",
			  x->domain, state, class, e->text, wait);
}

void
report_destination_up(const struct destination *x)
{
	int64_t down = (loop_wall_ms(x->deliver->loop) - x->down_since) / SECOND;

	log_event(LOG_DELIVER, INFO, "destination.up",
		  F(LF_TEXT("destination", x->domain), LF_INT("down_s", down)),
		  "TDC: Destination %s is up again after %" PRId64 " s", x->domain, down);
}

void
report_destination_unused(const struct destination *x)
{
	log_event(LOG_DELIVER, INFO, "destination.unused",
		  F(LF_TEXT("destination", x->domain)),
		  "TDC: Destination %s is not used any more, and is no longer %s",
		  x->domain, destination_state_name(x->state));
}

void
report_destination_overdue(const struct destination *x)
{
	int64_t down = (loop_wall_ms(x->deliver->loop) - x->down_since) / SECOND;

	log_event(LOG_DELIVER, WARNING, "destination.overdue",
		  F(LF_TEXT("destination", x->domain), LF_INT("down_s", down),
		    LF_TEXT("reason", x->last_error.text)),
		  "TDC: Destination %s has been down for %" PRId64
		  " s, longer than max_time_in_queue: %s; its mail waits, and is tried "
		  "once more when it is back",
		  x->domain, down, x->last_error.text);
}

void
report_connected(const struct connection *c)
{
	char facts[TLS_TEXT_MAX];

	log_event(LOG_DELIVER, INFO, "connection.new",
		  F(LF_INT("dcid", c->dcid),
		    LF_TEXT("destination", c->destination->domain),
		    LF_TEXT("host", c->host), LF_TEXT("local", c->local),
		    LF_TEXT("remote", c->remote), LF_INT("port", c->port)),
		  "New SMTP DCID %" PRIu64 " interface %s address %s port %u", c->dcid,
		  c->local, c->remote, (unsigned)c->port);
	tls_facts_format(&c->tls_facts, facts, sizeof(facts));
	log_event(
		LOG_DELIVER, INFO, "connection.tls",
		F(LF_INT("dcid", c->dcid), LF_TEXT("version", c->tls_facts.version),
		  LF_TEXT("cipher", c->tls_facts.cipher),
		  LF_TEXT("peer", c->tls_facts.peer_name),
		  LF_TEXT("issuer", c->tls_facts.issuer),
		  LF_INT("verified", c->tls_facts.is_verified),
		  LF_INT("resumed", c->tls_facts.is_resumed)),
		"DCID %" PRIu64 " TLS success %s%s%s%s", c->dcid, facts,
		c->tls_facts.is_resumed ? " resumed" : "",
		c->tls_facts.is_verified ? "" : " not verified: ", c->tls_facts.failure);
}

void
report_closed(const struct connection *c)
{
	log_event(LOG_DELIVER, INFO, "connection.close",
		  F(LF_INT("dcid", c->dcid), LF_INT("messages", c->messages)),
		  "DCID %" PRIu64 " close", c->dcid);
}

void
report_injection(const struct connection *c, size_t bytes)
{
	counter_add(COUNTER_TLS_INJECTION, 1);
	log_event(LOG_DELIVER, ERROR, "tls.injection",
		  F(LF_INT("dcid", c->dcid), LF_TEXT("host", c->host),
		    LF_TEXT("remote", c->remote), LF_INT("bytes", bytes)),
		  "TDC: STARTTLS injection: %zu bytes of plaintext stood behind the "
		  "reply of %s [%s]; "
		  "connection DCID %" PRIu64 " broken off",
		  bytes, c->host, c->remote, c->dcid);
}

void
report_started(const struct connection *c, const struct item *i)
{
	struct rids rids;

	rids_of(i, &rids);
	log_event(LOG_DELIVER, INFO, "delivery.start",
		  F(LF_INT("dcid", c->dcid), LF_INT("mid", i->mid),
		    LF_TEXT("intake", intake_of(i)),
		    LF_INT("attempt", i->journal->attempts + 1)),
		  "Delivery start DCID %" PRIu64 " MID %" PRIu64 " to RID [%s]", c->dcid,
		  i->mid, rids.text);
	if (c->transaction.content.mark[0] != '\0')
		log_event(LOG_DELIVER, INFO, "delivery.mark",
			  F(LF_INT("mid", i->mid),
			    LF_TEXT("mark", c->transaction.content.mark)),
			  "TDC: Message %" PRIu64 " carried as: %s", i->mid,
			  c->transaction.content.mark);
}

/* ------------------------------------------------------------------ outcomes */

static void
tell_delivered(const struct connection *c, const struct item *i, const struct outcome *o)
{
	struct rids rids;

	rids_of(i, &rids);
	log_event(LOG_DELIVER, INFO, "delivery.done",
		  F(LF_INT("dcid", c->dcid), LF_INT("mid", i->mid)),
		  "Message done DCID %" PRIu64 " MID %" PRIu64 " to RID [%s]", c->dcid,
		  i->mid, rids.text);
	log_event(LOG_DELIVER, INFO, "delivery.response",
		  F(LF_INT("mid", i->mid), LF_INT("code", o->code),
		    LF_TEXT("reply", o->reply)),
		  "MID %" PRIu64 " RID [%s] Response '%s'", i->mid, rids.text, o->reply);
	log_event(LOG_DELIVER, INFO, "delivery.delivered",
		  F(LF_INT("dcid", c->dcid), LF_INT("mid", i->mid),
		    LF_TEXT("intake", intake_of(i)), LF_TEXT("reply", o->reply),
		    LF_TEXT("tls", c->tls), LF_TEXT("reason", o->reason),
		    LF_INT("bytes", c->transaction.content.size)),
		  "TDC: Message %" PRIu64 " delivered to %s: '%s' (%s)", i->mid,
		  intake_of(i), o->reply, c->tls);
	log_event(LOG_DELIVER, INFO, "mid.finished", F(LF_INT("mid", i->mid)),
		  "Message finished MID %" PRIu64 " done", i->mid);
}

static void
tell_pending(const struct item *i, const struct outcome *o)
{
	char until[CLOCK_TEXT_MAX];
	struct rids rids;

	rids_of(i, &rids);
	clock_format_log(o->next_at, until);
	log_event(LOG_DELIVER, INFO, "delivery.pending",
		  F(LF_INT("mid", i->mid), LF_INT("next_at", o->next_at)),
		  "Message %" PRIu64 " to RID [%s] pending till %s", i->mid, rids.text,
		  until);
}

/* The words that the field puts between the codes. */
static const char *
words_of(const struct outcome *o)
{
	static const struct {
		const char *subject, *text;
	} subjects[] = {
		{ ".1.", "Unknown address error" },
		{ ".2.", "Mailbox error" },
		{ ".3.", "Mail system error" },
		{ ".4.7", "Delivery expired (message too old)" },
		{ ".4.", "Network error" },
		{ ".5.", "Protocol error" },
		{ ".6.", "Content error" },
		{ ".7.", "Refused by policy" },
	};

	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (o->enhanced[0] != '\0' &&
		    strncmp(o->enhanced + 1, subjects[i].subject,
			    strlen(subjects[i].subject)) == 0)
			return subjects[i].text;
	return "Undefined error";
}

static const char *
enhanced_of(const struct outcome *o)
{
	if (o->enhanced[0] != '\0')
		return o->enhanced;
	return o->kind == OUTCOME_DEAD ? "5.0.0" : "4.0.0";
}

static void
tell_delayed(const struct connection *c, const struct item *i, const struct outcome *o)
{
	uint64_t dcid = c == NULL ? 0 : c->dcid;
	struct rids rids;

	rids_of(i, &rids);
	log_event(LOG_DELIVER, WARNING, "delivery.delayed",
		  F(LF_INT("dcid", dcid), LF_INT("mid", i->mid), LF_INT("code", o->code),
		    LF_TEXT("enhanced", enhanced_of(o)), LF_TEXT("reply", o->reply)),
		  "Delayed: DCID %" PRIu64 " MID %" PRIu64
		  " to RID %s - %s - %s ('%03d', ['%s'])[]",
		  dcid, i->mid, rids.text, enhanced_of(o), words_of(o), o->code,
		  o->reply);
	tell_pending(i, o);
}

static void
tell_bounced(const struct connection *c, const struct item *i, const struct outcome *o)
{
	uint64_t dcid = c == NULL ? 0 : c->dcid;
	struct rids rids;

	rids_of(i, &rids);
	log_event(LOG_DELIVER, ERROR, "delivery.bounced",
		  F(LF_INT("dcid", dcid), LF_INT("mid", i->mid), LF_INT("code", o->code),
		    LF_TEXT("enhanced", enhanced_of(o)), LF_TEXT("reason", o->reason),
		    LF_TEXT("reply", o->reply)),
		  "Bounced: DCID %" PRIu64 " MID %" PRIu64
		  " to RID %s - %s - %s ('%03d', ['%s']) []",
		  dcid, i->mid, rids.text, enhanced_of(o), words_of(o), o->code,
		  o->code == 0 ? "timeout" : o->reply);
	log_event(LOG_DELIVER, ERROR, "delivery.dead",
		  F(LF_INT("mid", i->mid), LF_TEXT("reason", o->reason),
		    LF_TEXT("reply", o->reply)),
		  "TDC: Message %" PRIu64
		  " delivery failed to %s: Hard bounced (%s). %s; kept as a dead "
		  "letter",
		  i->mid, intake_of(i), o->reason, o->reply);
}

static void
tell_uncertain(const struct connection *c, const struct item *i, const struct outcome *o)
{
	log_event(LOG_DELIVER, WARNING, "delivery.uncertain",
		  F(LF_INT("dcid", c->dcid), LF_INT("mid", i->mid),
		    LF_TEXT("reason", o->reply)),
		  "TDC: Message %" PRIu64
		  " delivery to %s is uncertain: no reply to the end of its data: "
		  "%s; the same bytes are sent again (DCID %" PRIu64 ")",
		  i->mid, intake_of(i), o->reply, c->dcid);
	tell_pending(i, o);
}

static void
tell_held(const struct connection *c, const struct item *i, const struct outcome *o)
{
	(void)c;
	log_event(LOG_DELIVER, WARNING, "delivery.held",
		  F(LF_INT("mid", i->mid), LF_TEXT("reason", o->reason)),
		  "TDC: Message %" PRIu64 " held: the next hop of %s cannot carry it: %s",
		  i->mid, intake_of(i), o->reason);
}

static void
tell_quarantined(const struct connection *c, const struct item *i,
		 const struct outcome *o)
{
	(void)c;
	log_event(LOG_DELIVER, ERROR, "delivery.quarantined",
		  F(LF_INT("mid", i->mid), LF_TEXT("reason", o->reason),
		    LF_TEXT("detail", o->reply)),
		  "TDC: Message %" PRIu64 " quarantined: %s: %s", i->mid, o->reason,
		  o->reply);
}

static void
tell_dropped(const struct connection *c, const struct item *i, const struct outcome *o)
{
	(void)c;
	(void)o;
	log_event(LOG_DELIVER, INFO, "delivery.dropped", F(LF_INT("mid", i->mid)),
		  "TDC: Message %" PRIu64 " dropped: the route of %s is /dev/null",
		  i->mid, intake_of(i));
}

void
report_outcome(const struct connection *c, const struct item *i, const struct outcome *o)
{
	static void (*const tell[])(const struct connection *, const struct item *,
				    const struct outcome *) = {
		[OUTCOME_DELIVERED] = tell_delivered,
		[OUTCOME_SOFT] = tell_delayed,
		[OUTCOME_UNCERTAIN] = tell_uncertain,
		[OUTCOME_DEAD] = tell_bounced,
		[OUTCOME_HELD] = tell_held,
		[OUTCOME_QUARANTINED] = tell_quarantined,
		[OUTCOME_DROPPED] = tell_dropped,
	};
	tell[o->kind](c, i, o);
}

void
report_broken_off(const struct connection *c, const struct item *i, const struct err *why)
{
	log_event(LOG_DELIVER, DEBUG, "delivery.broken-off",
		  F(LF_INT("dcid", c->dcid), LF_INT("mid", i->mid),
		    LF_TEXT("reason", why->text)),
		  "DCID %" PRIu64 " MID %" PRIu64
		  " broken off before the end of its data: %s",
		  c->dcid, i->mid, why->text);
}

void
report_fallback(const struct connection *c, const struct item *i, const char *why)
{
	log_event(
		LOG_DELIVER, WARNING, "delivery.profile",
		F(LF_INT("dcid", c->dcid), LF_INT("mid", i->mid), LF_TEXT("reason", why)),
		"TDC: Message %" PRIu64 " rendered anew for DCID %" PRIu64 ": %s", i->mid,
		c->dcid, why);
}

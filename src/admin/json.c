/*
 * json.c - values as JSON.
 */
#include "internal.h"

#include "tdc/base/clock.h"
#include "tdc/base/log.h"
#include "tdc/base/uid.h"
#include "tdc/deliver/deliver.h"
#include "tdc/mime/scan.h"

#include <stdlib.h>
#include <string.h>

json_t *
json_peer_text(const char *text)
{
	if (text == NULL)
		return json_null();
	json_t *value = json_string(text);
	if (value != NULL)
		return value;
	struct buf escaped;
	buf_init(&escaped, 64 << 10);
	log_escape(&escaped, span_of(text));
	const char *shown = buf_text(&escaped);
	value = json_string(shown == NULL ? "" : shown);
	buf_done(&escaped);
	return value;
}

json_t *
json_lines(const char *text)
{
	json_t *list = json_array();

	for (size_t n; (n = strcspn(text, "\n")) > 0; text += n + 1) {
		char *line = strndup(text, n);
		(void)json_array_append_new(list,
					    line == NULL ? NULL : json_peer_text(line));
		free(line);
	}
	return list;
}

json_t *
json_time(int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_ms == 0)
		return json_null();
	clock_format_iso(wall_ms, text);
	return json_string(text);
}

json_t *
json_count(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

void
json_put(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

/* ---------------------------------------------------------------- the account */

static json_t *
json_of_created(const struct spool_account *a, uint64_t *sum)
{
	json_t *o = json_object();

	for (int i = 0; i < MESSAGE_SOURCE_COUNT; i++) {
		json_put(o, message_source_name((enum message_source)i),
			 json_count(a->created[i]));
		*sum += a->created[i];
	}
	return o;
}

static json_t *
json_of_dropped(const struct spool_account *a, uint64_t *sum)
{
	json_t *o = json_object();

	for (int i = DROP_NONE + 1; i < DROP_REASON_COUNT; i++) {
		json_put(o, drop_reason_name((enum drop_reason)i),
			 json_count(a->dropped[i]));
		*sum += a->dropped[i];
	}
	return o;
}

json_t *
json_of_account(const struct spool_account *a)
{
	uint64_t created = 0, dropped = 0;
	json_t *o = json_object(), *states = json_object();
	json_t *created_by = json_of_created(a, &created),
	       *dropped_by = json_of_dropped(a, &dropped);

	for (int i = 0; i < JOURNAL_STATE_COUNT; i++)
		json_put(states, journal_state_name((enum journal_state)i),
			 json_count(a->state[i]));
	json_put(o, "messages", json_count(a->messages));
	json_put(o, "refused", json_count(a->refused));
	json_put(o, "created", json_count(created));
	json_put(o, "created_by", created_by);
	json_put(o, "states", states);
	json_put(o, "deleted", json_count(a->deleted));
	json_put(o, "dropped", json_count(dropped));
	json_put(o, "dropped_by", dropped_by);
	json_put(o, "gap", json_integer(spool_account_gap(a)));
	json_put(o, "oldest_waiting_at", json_time(a->oldest_waiting_at));
	return o;
}

/* ---------------------------------------------------------------- journals */

/* What lists have of it, too. */
static void
put_journal(json_t *o, const struct spool_journal *j)
{
	json_put(o, "mid", json_count(j->mid));
	json_put(o, "kind", json_string(journal_kind_name(j->kind)));
	json_put(o, "state", json_string(journal_state_name(j->state)));
	json_put(o, "policy", json_peer_text(j->policy));
	json_put(o, "attempts", json_integer(j->attempts));
	json_put(o, "in_queue_since", json_time(j->created_at));
	json_put(o, "next_at", json_time(j->next_at));
	json_put(o, "last_reply", json_peer_text(j->last_reply));
	json_put(o, "reason", json_peer_text(j->reason));
}

/* Those of this journal, which may be some of its message's: "0,3,7". */
static void
put_recipients(json_t *o, const struct spool_journal *j)
{
	const struct spool_message *m = j->message;
	size_t first = 0, n = m->n_recipients;

	if (j->rids != NULL) {
		first = strtoul(j->rids, NULL, 10);
		n = 1;
		for (const char *p = j->rids; *p != '\0'; p++)
			n += *p == ',';
	}
	json_put(o, "recipients", json_count(n));
	json_put(o, "first_recipient",
		 json_peer_text(first < m->n_recipients ? m->recipients[first].address
							: NULL));
}

json_t *
json_of_row(const struct spool_journal *j)
{
	const struct spool_message *m = j->message;
	json_t *o = json_object();

	put_journal(o, j);
	if (m != NULL) {
		json_put(o, "message_mid", json_count(m->mid));
		json_put(o, "accepted_at", json_time(m->accepted_at));
		json_put(o, "sender", json_peer_text(m->sender));
		put_recipients(o, j);
		json_put(o, "message_id", json_peer_text(m->message_id));
	}
	if (j->body != NULL)
		json_put(o, "size", json_count(spool_body_facts(j->body)->size));
	return o;
}

static json_t *
json_of_recipients(const struct spool_message *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_recipients; i++) {
		const struct message_recipient *r = &m->recipients[i];
		json_t *o = json_object();
		json_put(o, "rid", json_count(i));
		json_put(o, "address", json_peer_text(r->address));
		json_put(o, "source", json_string(recipient_source_name(r->source)));
		if (r->orcpt != NULL)
			json_put(o, "original", json_peer_text(r->orcpt));
		(void)json_array_append_new(list, o);
	}
	return list;
}

static void
put_message(json_t *o, const struct spool_message *m)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "sender", m->sender },
		{ "envelope_id", m->envid },
		{ "return", message_ret_name(m->ret) },
		{ "listener", m->listener },
		{ "client_address", m->client_address },
		{ "client_name", m->client_name },
		{ "helo", m->helo },
		{ "protocol", m->protocol },
		{ "queue_id", m->queue_id },
		{ "forward_source", m->forward_source },
		{ "message_id", m->message_id },
		{ "subject", m->subject },
		{ "header_from", m->header_from },
	};

	json_put(o, "message_mid", json_count(m->mid));
	json_put(o, "icid", json_count(m->icid));
	json_put(o, "source", json_string(message_source_name(m->source)));
	json_put(o, "accepted_at", json_time(m->accepted_at));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_put(o, texts[i].key, json_peer_text(texts[i].value));
	json_put(o, "smtputf8", json_boolean(m->is_smtputf8));
	json_put(o, "binarymime", json_boolean(m->is_binarymime));
	json_put(o, "8bitmime", json_boolean(m->is_8bitmime));
	json_put(o, "recipients", json_of_recipients(m));
}

/* By name; a bit that this program does not know is left out. */
static json_t *
json_of_facts(unsigned facts)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < MIME_FACT_COUNT; i++)
		if ((facts & (1u << i)) != 0)
			(void)json_array_append_new(list, json_string(mime_fact_name(i)));
	return list;
}

static json_t *
json_of_body(const struct spool_body *b)
{
	const struct body_facts *f = spool_body_facts(b);
	char digest[2 * sizeof(f->sha256) + 1];
	json_t *o = json_object();

	hex_format(f->sha256, sizeof(f->sha256), digest);
	json_put(o, "size", json_count(f->size));
	json_put(o, "sha256", json_string(digest));
	json_put(o, "place", json_string(body_place_name(spool_body_place(b))));
	json_put(o, "header_size", json_count(f->header_size));
	json_put(o, "longest_line", json_integer(f->longest_line));
	json_put(o, "facts", json_of_facts(f->facts));
	return o;
}

json_t *
json_of_journal(const struct spool_journal *j)
{
	char uid[UID_TEXT_MAX];
	json_t *o = json_object();

	uid_format(&j->uid, uid);
	put_journal(o, j);
	json_put(o, "uid", json_string(uid));
	json_put(o, "tls", json_peer_text(j->tls));
	json_put(o, "profile", json_peer_text(j->profile));
	json_put(o, "rids", json_peer_text(j->rids));
	json_put(o, "last_destination", json_peer_text(j->destination));
	json_put(o, "ended_at", json_time(j->ended_at));
	return o;
}

void
json_put_message(json_t *o, const struct spool_journal *j)
{
	if (j->message != NULL)
		put_message(o, j->message);
	if (j->body != NULL)
		json_put(o, "body", json_of_body(j->body));
}

void
json_put_outage(json_t *o, const struct destination_status *s)
{
	json_put(o, "last_error",
		 s->last_error[0] == '\0' ? json_null() : json_peer_text(s->last_error));
	json_put(o, "last_error_at", json_time(s->last_error_at));
	json_put(o, "down_since", json_time(s->down_since));
	json_put(o, "is_overdue", json_boolean(s->is_overdue));
	json_put(o, "next_probe_at", json_time(s->next_probe_at));
	json_put(o, "is_being_probed", json_boolean(s->is_being_probed));
}

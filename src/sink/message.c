/*
 * message.c - message data by DATA and BDAT, and the final reply.
 */
#include "sink.h"

#include <inttypes.h>
#include <stdio.h>

void
message_begin(struct session *s)
{
	s->content = (struct content){ 0 };
	s->is_mid_passed = false;
	draft_begin(&s->draft, &s->sink->store);
}

static void
put(void *arg, const char *p, size_t n)
{
	struct session *s = arg;

	/* What is too long is counted, not kept. */
	if (s->draft.bytes > s->sink->options.size_max)
		s->draft.bytes += n;
	else
		draft_put(&s->draft, p, n);
}

/* A drop in the middle of the data, at its first bytes. */
static bool
is_cut_in_the_middle(struct session *s)
{
	struct sink *k = s->sink;

	if (s->is_mid_passed)
		return false;
	s->is_mid_passed = true;
	if (list_is_empty(&k->faults.all) ||
	    faults_due(&k->faults, FAULT_DROP, STAGE_MID_DATA) == NULL)
		return false;
	k->counts.n[SINK_FAULTS]++;
	session_cut(s);
	return true;
}

/* -- the facts beside a message -- */

/* Strings one behind the other, each with its NUL: every second one, from `which` on. */
static json_t *
every_second(const struct buf *b, size_t which)
{
	struct span rest = buf_span(b);
	json_t *list = json_array();

	for (size_t i = 0; rest.n > 0; i++) {
		size_t n = strnlen(rest.p, rest.n);

		if (i % 2 == which)
			json_array_append_new(list, json_stringn_nocheck(rest.p, n));
		rest = span_skip(rest, n + 1);
	}
	return list;
}

static void
set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_stringn_nocheck(text, strlen(text)));
}

static json_t *
describe(const struct session *s, bool is_final)
{
	const struct content *c = &s->content;
	/* path NUL parameters */
	const char *from = s->from.n > 0 ? buf_span(&s->from).p : "\0";
	json_t *o = json_object();
	char at[CLOCK_TEXT_MAX];

	clock_format_iso(loop_wall_ms(s->sink->loop), at);
	set_text(o, "from", from);
	set_text(o, "parameters", from + strlen(from) + 1);
	json_object_set_new(o, "to", every_second(&s->recipients, 0));
	json_object_set_new(o, "recipient_parameters", every_second(&s->recipients, 1));
	set_text(o, "helo", s->helo);
	json_object_set_new(o, "connection", json_integer((json_int_t)s->number));
	json_object_set_new(o, "tls", json_boolean(s->has_tls));
	set_text(o, "tls_version", s->facts.version);
	set_text(o, "tls_cipher", s->facts.cipher);
	json_object_set_new(o, "tls_resumed", json_boolean(s->facts.is_resumed));
	json_object_set_new(o, "chunked", json_boolean(s->is_chunked));
	json_object_set_new(o, "long_lines", json_integer((json_int_t)c->long_lines));
	json_object_set_new(o, "final", json_boolean(is_final));
	set_text(o, "received_at", at);
	return o;
}

/* -- the end of a message -- */

static void
judge_content(struct session *s)
{
	const struct content *c = &s->content;
	struct sink_counts *counts = &s->sink->counts;

	counts->n[SINK_LONG_LINES] += c->long_lines;
	if (c->has_8bit && s->body == BODY_7BIT && !s->is_utf8)
		counts->n[SINK_EIGHT_BIT]++;
	if (c->bare_cr > 0)
		session_violation(s, "a bare CR in DATA");
	if (c->bare_lf > 0)
		session_violation(s, "a bare LF in DATA");
	if (c->nul > 0)
		session_violation(s, "a NUL in DATA");
	if (c->odd_dots > 0)
		session_violation(s, "a dot at the start of a line was not doubled");
	if (c->has_8bit && s->sink->options.lacks[EXTENSION_8BITMIME])
		session_violation(s, "8-bit data, which was not offered");
}

/* Stores the message if `r` accepts it; a trouble of ours changes the reply. */
static void
store_message(struct session *s, struct reply *r, bool is_final)
{
	struct sink *k = s->sink;
	struct err e = { 0 };
	uint64_t bytes = s->draft.bytes;
	json_t *facts = k->store.discard ? NULL : describe(s, is_final);

	if (draft_keep(&s->draft, &k->store, facts, &e) != 0) {
		fprintf(stderr, "tdcsink: %s\n", e.text);
		buf_clear(&s->reply);
		buf_append_text(&s->reply, "452 4.3.1 cannot be stored\r\n");
		r->code = 452;
		return;
	}
	s->messages++;
	k->counts.n[SINK_MESSAGES]++;
	k->counts.n[SINK_BYTES] += bytes;
}

static bool
is_drop_due(struct session *s, enum sink_stage stage)
{
	struct sink *k = s->sink;

	if (list_is_empty(&k->faults.all) ||
	    faults_due(&k->faults, FAULT_DROP, stage) == NULL)
		return false;
	k->counts.n[SINK_FAULTS]++;
	return true;
}

static struct reply
choose_final(struct session *s)
{
	char text[80];

	if (s->draft.bytes > s->sink->options.size_max)
		return reply_choose(s, STAGE_FINAL, 552, "5.3.4", "message too large");
	snprintf(text, sizeof(text), "Ok: taken as %06" PRIu64,
		 s->sink->store.last_number + 1);
	return reply_choose(s, STAGE_FINAL, 250, "2.0.0", text);
}

static void
end_message(struct session *s)
{
	struct sink *k = s->sink;

	struct reply r = choose_final(s);
	if (r.is_cut)
		return;
	s->mode = MODE_COMMAND;
	if (r.code >= 300) {
		draft_drop(&s->draft, &k->store);
		session_end_transaction(s);
		reply_send(s, &r, AFTER_NOTHING);
		return;
	}
	bool is_silent = is_drop_due(s, STAGE_BEFORE_FINAL);
	bool is_last_word = !is_silent && is_drop_due(s, STAGE_AFTER_FINAL);
	store_message(s, &r, !is_silent);
	session_end_transaction(s);
	if (is_silent) {
		k->counts.n[SINK_CUT_AFTER_STORING]++;
		session_cut(s);
		return;
	}
	reply_send(s, &r, is_last_word ? AFTER_CUT : AFTER_NOTHING);
}

size_t
message_take_data(struct session *s, struct span in)
{
	bool is_end = false;

	if (is_cut_in_the_middle(s))
		return in.n;
	size_t n = content_feed(&s->content, in, put, s, &is_end);
	session_take(s, span_make(in.p, n));
	if (is_end) {
		judge_content(s);
		end_message(s);
	}
	return n;
}

void
message_end_chunk(struct session *s)
{
	char text[60];

	s->mode = MODE_COMMAND;
	s->sink->counts.n[SINK_BDAT_CHUNKS]++;
	if (s->is_chunk_refused) {
		s->is_chunk_refused = false;
		reply_now(s, STAGE_BDAT, 503, "5.5.1", "no transaction for this chunk");
		return;
	}
	if (s->is_last_chunk) {
		end_message(s);
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64 " octets taken", s->chunk_size);
	if (!reply_now(s, STAGE_BDAT, 250, "2.0.0", text) && !s->is_over) {
		draft_drop(&s->draft, &s->sink->store);
		session_end_transaction(s);
	}
}

size_t
message_take_chunk(struct session *s, struct span in)
{
	size_t n = in.n < s->chunk_left ? in.n : (size_t)s->chunk_left;

	if (!s->is_chunk_refused) {
		if (is_cut_in_the_middle(s))
			return n;
		put(s, in.p, n);
	}
	session_take(s, span_make(in.p, n));
	s->chunk_left -= n;
	if (s->chunk_left == 0)
		message_end_chunk(s);
	return n;
}

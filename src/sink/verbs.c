/*
 * verbs.c - commands, by one table.
 */
#include "sink.h"
#include "syntax.h"

#include <stdio.h>

enum { RECIPIENTS_MAX = 1000 };

enum verb_flags {
	VERB_ENDS_GROUP = 1, /* nothing may follow before its reply (RFC 2920 3.1) */
	VERB_NEEDS_TLS = 2,
	VERB_NO_ARGUMENT = 4,
};

static bool
offers(const struct session *s, enum extension x)
{
	return !s->sink->options.lacks[x];
}

static void
refuse(struct session *s, int code, const char *enhanced, const char *text)
{
	reply_plain(s, code, enhanced, text, AFTER_NOTHING);
}

/* What no honest client says: counted, and refused. */
static void
refuse_violation(struct session *s, int code, const char *enhanced, const char *text)
{
	session_violation(s, text);
	refuse(s, code, enhanced, text);
}

/* -- hello -- */

static void
add_extensions(struct session *s, struct buf *lines)
{
	const struct options *o = &s->sink->options;

	for (size_t i = 0; i < EXTENSION_COUNT; i++) {
		if (o->lacks[i])
			continue;
		if (i == EXTENSION_SIZE)
			buf_printf(lines, "250-SIZE %llu\r\n",
				   (unsigned long long)o->size_max);
		else
			buf_printf(lines, "250-%s\r\n",
				   extension_name((enum extension)i));
	}
	if (!s->has_tls && !o->no_starttls)
		buf_append_text(lines, "250-STARTTLS\r\n");
	buf_append_text(lines, "250 HELP\r\n");
}

static void
greet_back(struct session *s, struct span name, bool is_extended)
{
	char text[1024];
	struct buf lines;

	if (!syntax_is_host(name, true)) {
		refuse_violation(s, 501, "5.5.4", "malformed name of the client");
		return;
	}
	buf_init(&lines, sizeof(text) - 1);
	buf_printf(&lines, "250%c%s at your service\r\n", is_extended ? '-' : ' ',
		   s->sink->options.names[0]);
	if (is_extended)
		add_extensions(s, &lines);
	snprintf(text, sizeof(text), "%s", buf_text(&lines));
	buf_done(&lines);
	struct reply r = reply_choose_lines(s, STAGE_EHLO, 250, text);
	if (r.is_cut)
		return;
	session_end_transaction(s);
	if (r.code < 400) {
		snprintf(s->helo, sizeof(s->helo), "%.*s", (int)name.n, name.p);
		s->is_greeted = true;
	}
	reply_send(s, &r, AFTER_NOTHING);
}

static void
on_ehlo(struct session *s, struct span argument)
{
	greet_back(s, argument, true);
}

static void
on_helo(struct session *s, struct span argument)
{
	greet_back(s, argument, false);
}

static void
on_starttls(struct session *s, struct span argument)
{
	const struct options *o = &s->sink->options;

	(void)argument;
	if (o->no_starttls || s->has_tls) {
		refuse_violation(s, 502, "5.5.1", "STARTTLS was not offered");
		return;
	}
	if (!s->is_greeted) {
		refuse_violation(s, 503, "5.5.1", "STARTTLS before EHLO");
		return;
	}
	struct reply r = o->starttls_refuse
				 ? reply_choose(s, STAGE_STARTTLS, 454, "4.7.0",
						"TLS is not available now")
				 : reply_choose(s, STAGE_STARTTLS, 220, "2.0.0",
						"ready to start TLS");
	if (r.is_cut)
		return;
	if (r.code < 400 && o->inject_after_starttls) {
		s->sink->counts.n[SINK_FAULTS]++;
		buf_append_text(&s->reply, "250 2.0.0 injected in the clear\r\n");
	}
	reply_send(s, &r, AFTER_STARTTLS);
}

/* -- the envelope -- */

static bool
mail_parameter(struct session *s, struct span name, struct span value, const char **why)
{
	uint64_t size = 0;

	if (span_equal_nocase(name, span_of("SIZE")) && offers(s, EXTENSION_SIZE)) {
		if (!syntax_number(value, &size))
			*why = "malformed SIZE";
		else if (size > s->sink->options.size_max)
			*why = "552";
		return true;
	}
	if (span_equal_nocase(name, span_of("BODY")) && offers(s, EXTENSION_8BITMIME)) {
		if (span_equal_nocase(value, span_of("8BITMIME")))
			s->body = BODY_8BIT;
		else if (span_equal_nocase(value, span_of("BINARYMIME")) &&
			 offers(s, EXTENSION_BINARYMIME) && offers(s, EXTENSION_CHUNKING))
			s->body = BODY_BINARY;
		else if (!span_equal_nocase(value, span_of("7BIT")))
			*why = "a BODY that was not offered";
		return true;
	}
	if (span_equal_nocase(name, span_of("SMTPUTF8")) &&
	    offers(s, EXTENSION_SMTPUTF8)) {
		s->is_utf8 = true;
		if (value.n > 0)
			*why = "SMTPUTF8 takes no value";
		return true;
	}
	return offers(s, EXTENSION_DSN) && (span_equal_nocase(name, span_of("RET")) ||
					    span_equal_nocase(name, span_of("ENVID")));
}

static bool
rcpt_parameter(struct session *s, struct span name, struct span value, const char **why)
{
	(void)why;
	return offers(s, EXTENSION_DSN) && value.n > 0 &&
	       (span_equal_nocase(name, span_of("NOTIFY")) ||
		span_equal_nocase(name, span_of("ORCPT")));
}

typedef bool parameter_fn(struct session *s, struct span name, struct span value,
			  const char **why);

/* True if all is well; else the refusal was sent. */
static bool
take_parameters(struct session *s, struct span rest, parameter_fn *take)
{
	struct span name, value;
	const char *why = NULL;

	while (rest.n > 0 && why == NULL) {
		if (!syntax_next_parameter(&rest, &name, &value)) {
			refuse_violation(s, 501, "5.5.4", "malformed parameters");
			return false;
		}
		if (!take(s, name, value, &why)) {
			refuse_violation(s, 555, "5.5.4",
					 "a parameter that was not offered");
			return false;
		}
	}
	if (why == NULL)
		return true;
	if (strcmp(why, "552") == 0)
		refuse(s, 552, "5.3.4", "message too large");
	else
		refuse_violation(s, 501, "5.5.4", why);
	return false;
}

static void
keep_path(struct buf *b, struct span path, struct span parameters)
{
	buf_append_span(b, path);
	buf_append_byte(b, '\0');
	buf_append_span(b, parameters);
	buf_append_byte(b, '\0');
}

static void
on_mail(struct session *s, struct span argument)
{
	const struct options *o = &s->sink->options;
	struct span path, parameters;

	if (!s->is_greeted) {
		refuse_violation(s, 503, "5.5.1", "MAIL before EHLO");
		return;
	}
	if (s->is_mail) {
		refuse_violation(s, 503, "5.5.1", "MAIL inside a transaction");
		return;
	}
	if (o->messages_per_connection > 0 && s->messages >= o->messages_per_connection) {
		reply_plain(s, 421, "4.7.0", "enough messages for one connection",
			    AFTER_CLOSE);
		return;
	}
	if (!syntax_split_path(argument, "FROM:", &path, &parameters)) {
		refuse_violation(s, 501, "5.5.4", "malformed MAIL");
		return;
	}
	session_end_transaction(s);
	if (!take_parameters(s, parameters, mail_parameter)) {
		session_end_transaction(s);
		return;
	}
	if (path.n > 0 && !syntax_is_mailbox(path, s->is_utf8)) {
		session_end_transaction(s);
		refuse_violation(s, 501, "5.1.7", "malformed sender");
		return;
	}
	keep_path(&s->from, path, parameters);
	struct reply r = reply_choose(s, STAGE_MAIL, 250, "2.1.0", "Ok");
	if (r.is_cut)
		return;
	s->is_mail = r.code < 400;
	if (s->is_mail)
		s->sink->counts.n[SINK_TRANSACTIONS]++;
	else
		session_end_transaction(s);
	reply_send(s, &r, AFTER_NOTHING);
}

static void
on_rcpt(struct session *s, struct span argument)
{
	struct span path, parameters;

	if (!s->is_mail || s->is_chunked) {
		refuse(s, 503, "5.5.1", "RCPT before MAIL");
		return;
	}
	if (!syntax_split_path(argument, "TO:", &path, &parameters)) {
		refuse_violation(s, 501, "5.5.4", "malformed RCPT");
		return;
	}
	if (!take_parameters(s, parameters, rcpt_parameter))
		return;
	if (!syntax_is_mailbox(path, s->is_utf8) &&
	    !span_equal_nocase(path, span_of("postmaster"))) {
		refuse_violation(s, 501, "5.1.3", "malformed recipient");
		return;
	}
	if (s->recipient_count >= RECIPIENTS_MAX) {
		refuse(s, 452, "4.5.3", "too many recipients");
		return;
	}
	struct reply r = reply_choose(s, STAGE_RCPT, 250, "2.1.5", "Ok");
	if (r.is_cut)
		return;
	if (r.code < 400) {
		keep_path(&s->recipients, path, parameters);
		s->recipient_count++;
		s->sink->counts.n[SINK_RECIPIENTS]++;
	}
	reply_send(s, &r, AFTER_NOTHING);
}

/* -- the content -- */

static void
on_data(struct session *s, struct span argument)
{
	(void)argument;
	if (s->is_chunked || s->body == BODY_BINARY) {
		refuse_violation(s, 503, "5.5.1", "DATA for a chunked or binary message");
		return;
	}
	/* A pipelining client cannot know yet that its MAIL or RCPT was refused. */
	if (!s->is_mail || s->recipient_count == 0) {
		refuse(s, 503, "5.5.1", "no valid recipients");
		return;
	}
	struct reply r = reply_choose(s, STAGE_DATA, 354, "", "go on");
	if (r.is_cut)
		return;
	if (r.code < 400) {
		s->mode = MODE_DATA;
		message_begin(s);
	} else {
		session_end_transaction(s);
	}
	reply_send(s, &r, AFTER_NOTHING);
}

/* "n" or "n LAST" */
static bool
parse_chunk(struct session *s, struct span argument)
{
	const char *space = argument.n == 0 ? NULL : memchr(argument.p, ' ', argument.n);
	size_t n = space == NULL ? argument.n : (size_t)(space - argument.p);

	s->is_last_chunk = space != NULL;
	return syntax_number(span_make(argument.p, n), &s->chunk_size) &&
	       (space == NULL ||
		span_equal_nocase(span_skip(argument, n + 1), span_of("LAST")));
}

static void
on_bdat(struct session *s, struct span argument)
{
	if (!offers(s, EXTENSION_CHUNKING) || !parse_chunk(s, argument)) {
		/* The octets that follow cannot be told from commands. */
		session_violation(s, "malformed BDAT, or not offered");
		reply_plain(s, 501, "5.5.4", "malformed BDAT, or not offered",
			    AFTER_CLOSE);
		return;
	}
	s->is_chunk_refused = !s->is_mail || s->recipient_count == 0;
	if (!s->is_chunk_refused && !s->is_chunked) {
		s->is_chunked = true;
		message_begin(s);
	}
	s->chunk_left = s->chunk_size;
	s->mode = MODE_CHUNK;
	if (s->chunk_left == 0)
		message_end_chunk(s);
}

/* -- the rest -- */

static void
on_rset(struct session *s, struct span argument)
{
	(void)argument;
	draft_drop(&s->draft, &s->sink->store);
	session_end_transaction(s);
	refuse(s, 250, "2.0.0", "Ok");
}

static void
on_noop(struct session *s, struct span argument)
{
	(void)argument;
	refuse(s, 250, "2.0.0", "Ok");
}

static void
on_vrfy(struct session *s, struct span argument)
{
	(void)argument;
	refuse(s, 252, "2.5.0", "send some mail and see");
}

static void
on_help(struct session *s, struct span argument)
{
	(void)argument;
	refuse(s, 214, "2.0.0", "see RFC 5321");
}

static void
on_quit(struct session *s, struct span argument)
{
	(void)argument;
	reply_now(s, STAGE_QUIT, 221, "2.0.0", "goodbye");
}

static const struct verb {
	const char *name;
	unsigned flags;
	void (*run)(struct session *s, struct span argument);
} verbs[] = {
	{ "MAIL", VERB_NEEDS_TLS, on_mail },
	{ "RCPT", VERB_NEEDS_TLS, on_rcpt },
	{ "BDAT", VERB_NEEDS_TLS, on_bdat },
	{ "DATA", VERB_NEEDS_TLS | VERB_ENDS_GROUP | VERB_NO_ARGUMENT, on_data },
	{ "EHLO", VERB_ENDS_GROUP, on_ehlo },
	{ "HELO", VERB_ENDS_GROUP, on_helo },
	{ "STARTTLS", VERB_ENDS_GROUP | VERB_NO_ARGUMENT, on_starttls },
	{ "RSET", VERB_NO_ARGUMENT, on_rset },
	{ "NOOP", VERB_ENDS_GROUP, on_noop },
	{ "VRFY", VERB_ENDS_GROUP, on_vrfy },
	{ "HELP", VERB_ENDS_GROUP, on_help },
	{ "QUIT", VERB_ENDS_GROUP | VERB_NO_ARGUMENT, on_quit },
};

static const struct verb *
find_verb(struct span word)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (span_equal_nocase(word, span_of(verbs[i].name)))
			return &verbs[i];
	return NULL;
}

void
verbs_run(struct session *s, struct span line, bool has_more)
{
	const char *space = line.n == 0 ? NULL : memchr(line.p, ' ', line.n);
	size_t n = space == NULL ? line.n : (size_t)(space - line.p);
	const struct verb *v = find_verb(span_make(line.p, n));
	struct span argument = span_skip(line, n + 1);
	bool is_open = !s->has_tls && !s->sink->options.plaintext_ok;

	if (v == NULL) {
		refuse_violation(s, 500, "5.5.2", "an unknown command");
		return;
	}
	if (has_more && v->run != on_starttls && v->run != on_bdat &&
	    ((v->flags & VERB_ENDS_GROUP) || !offers(s, EXTENSION_PIPELINING)))
		session_violation(
			s, "something was sent behind a command that ends its group");
	if ((v->flags & VERB_NO_ARGUMENT) && space != NULL) {
		refuse_violation(s, 501, "5.5.4", "an argument where there is none");
		return;
	}
	if ((v->flags & VERB_NEEDS_TLS) && is_open) {
		session_violation(s, "mail in the clear");
		reply_plain(s, 530, "5.7.0", "STARTTLS comes first", AFTER_NOTHING);
		return;
	}
	v->run(s, argument);
}

/*
 * session.c - the machine: lines to verbs by the tables, bytes to readers by state.
 */
#include "session_inside.h"

#include "mail_log.h"
#include "xforward.h"

#include "tdc/base/check.h"
#include "tdc/smtp/line.h"

#include <stdlib.h>
#include <string.h>

enum {
	OUTPUT_MAX = 16 * 1024 * 1024, /* LMTP: 100,000 replies to one message      */
	OUTPUT_BATCH = 16 * 1024,      /* enough in one go: no more commands are read */
	ROOM_TIMEOUT_MS = 60 * 1000,   /* how long a message waits for memory        */
};

static const char shutting_down[] = "shutting down";

int
session_new(const struct session_settings *settings, const struct session_host_ops *ops,
	    void *host, struct session **ret, struct err *e)
{
	const struct listener_config *c = settings->config;
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->client_address = strdup(settings->client_address)) == NULL) {
		free(s);
		return err_set(e, ERR_MEMORY, 0, "no memory for a session");
	}
	s->config = listener_config_ref(settings->config);
	s->icid = settings->icid;
	s->clock = settings->clock;
	s->secret = settings->secret;
	s->ops = ops;
	s->host = host;
	s->is_deadline_due = true;
	buf_init(&s->output, OUTPUT_MAX);
	struct buf banner;
	buf_init(&banner, 512);
	buf_printf(&banner, "%s %s tdcd", c->hostname,
		   c->settings.protocol == SERVER_LMTP ? "LMTP" : "ESMTP");
	session_reply_with(s, REPLY_GREETING, buf_span(&banner));
	buf_done(&banner);
	*ret = s;
	return 0;
}

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	transaction_end(s, NULL);
	xforward_forget(s);
	buf_done(&s->output);
	free(s->helo);
	free(s->client_address);
	listener_config_unref(s->config);
	free(s);
}

/* ------------------------------------------------------------------ state */

void
session_enter(struct session *s, enum session_state to)
{
	check(state_edge_exists(s->state, to));
	s->state = to;
	s->is_deadline_due = true;
}

void
session_reset(struct session *s, const char *why)
{
	transaction_end(s, why);
	session_enter(s, ST_IDLE);
}

/* Without a word: there is nobody who could read one, or it was said. */
static void
session_drop(struct session *s, const char *why)
{
	s->end = why;
	transaction_end(s, why);
	session_enter(s, ST_CLOSED);
}

void
session_close(struct session *s, enum reply r, const char *why)
{
	session_reply(s, r);
	session_drop(s, why);
}

enum session_wants
session_wants(const struct session *s)
{
	if (s->state == ST_CLOSED)
		return SESSION_WANTS_CLOSE;
	if (s->state == ST_COMMIT)
		return SESSION_WANTS_COMMIT;
	if (s->state == ST_TLS)
		return SESSION_WANTS_TLS;
	return s->is_waiting_for_room ? SESSION_WANTS_ROOM : SESSION_WANTS_INPUT;
}

struct buf *
session_output(struct session *s)
{
	return &s->output;
}

static enum state_clock
session_clock(const struct session *s)
{
	return s->is_line_begun ? CLOCK_COMMAND : state_clock(s->state);
}

bool
session_take_deadline(struct session *s, int64_t *ms)
{
	const struct server_listener_settings *set = &s->config->settings;
	const int64_t by_clock[] = {
		[CLOCK_IDLE] = set->idle_timeout_ms,
		[CLOCK_COMMAND] = set->command_timeout_ms,
		[CLOCK_DATA] = set->data_timeout_ms,
		[CLOCK_NONE] = 0,
	};
	bool is_due = s->is_deadline_due;

	s->is_deadline_due = false;
	*ms = by_clock[session_clock(s)];
	if (s->is_waiting_for_room && *ms > ROOM_TIMEOUT_MS)
		*ms = ROOM_TIMEOUT_MS;
	return is_due;
}

/* ------------------------------------------------------------------ commands */

void
session_refuse(struct session *s, const struct smtp_command *c, enum reply r)
{
	const struct verb *v = verb_find(s->config->settings.protocol, c->verb, s->state);
	if (v != NULL && (v->flags & VF_OCTETS) != 0) {
		s->chunk.left = c->chunk_size;
		s->chunk.reply = r;
		s->chunk.then = s->state;
		session_enter(s, ST_SKIP);
		return;
	}
	session_reply_refusal(s, r, c->verb);
}

static void
session_dispatch(struct session *s, const struct smtp_command *c)
{
	const struct verb *v = verb_find(s->config->settings.protocol, c->verb, s->state);
	bool needs_tls = s->config->settings.is_tls_required && !s->is_tls;

	if (v == NULL) {
		session_reply(s, REPLY_UNKNOWN);
		return;
	}
	if (needs_tls && (v->flags & (VF_IN_CLEAR | VF_NOT_HERE)) == 0) {
		session_refuse(s, c, REPLY_TLS_FIRST);
		return;
	}
	if (!verb_is_legal(v, s->state)) {
		session_refuse(s, c,
			       s->state == ST_START ? REPLY_GREET_FIRST : REPLY_ORDER);
		return;
	}
	if (v->run(s, c) == VERB_ACCEPTED && v->next != ST_SAME)
		session_enter(s, (enum session_state)v->next);
}

/* A command line that is no command. Where a BDAT line cannot be read, it is not known
 * how many octets follow, and what follows must not be taken for commands: there is no
 * way to go on. */
static void
command_malformed(struct session *s, enum smtp_command_result r, struct span line,
		  const struct smtp_command *c, const struct smtp_command_error *error)
{
	static const enum reply by_result[] = {
		[SMTP_COMMAND_OK] = REPLY_UNKNOWN,
		[SMTP_COMMAND_UNKNOWN] = REPLY_UNKNOWN,
		[SMTP_COMMAND_SYNTAX] = REPLY_SYNTAX,
		[SMTP_COMMAND_BAD_ADDRESS] = REPLY_BAD_RECIPIENT,
		[SMTP_COMMAND_UNKNOWN_PARAMETER] = REPLY_UNKNOWN_PARAMETER,
		[SMTP_COMMAND_BAD_PARAMETER] = REPLY_BAD_PARAMETER,
		[SMTP_COMMAND_CONTROL] = REPLY_CONTROL,
	};
	enum reply reply = by_result[r];
	struct buf detail;

	if (r == SMTP_COMMAND_BAD_ADDRESS && c->verb == SMTP_MAIL)
		reply = REPLY_BAD_SENDER;
	if (r == SMTP_COMMAND_BAD_ADDRESS && !smtp_utf8_is_valid(line))
		reply = REPLY_NOT_UTF8;
	buf_init(&detail, 512);
	if (error->detail != NULL)
		buf_printf(&detail, ": %s", error->detail);
	if (error->detail_span.n > 0)
		buf_printf(&detail, ": %.*s",
			   (int)(error->detail_span.n < 200 ? error->detail_span.n : 200),
			   error->detail_span.p);
	session_reply_with(s, reply, buf_span(&detail));
	buf_done(&detail);
	if (span_starts_nocase(line, span_of("BDAT")))
		session_drop(s, "BDAT that cannot be read");
}

void
session_after_command(struct session *s)
{
	if (s->state == ST_CLOSED)
		return;
	if (s->errors >= s->config->settings.errors_max)
		session_close(s, REPLY_TOO_MANY_ERRORS, "too many errors");
	else if (s->is_stopping && (s->state == ST_IDLE || s->state == ST_START))
		session_close(s, REPLY_STOPPING, shutting_down);
}

static void
command_run(struct session *s, enum smtp_command_result r, struct span line,
	    const struct smtp_command *c, const struct smtp_command_error *error)
{
	s->is_deadline_due = true;
	s->is_line_begun = false;
	s->verb = c->verb;
	mail_log_command(s, line);
	if (r == SMTP_COMMAND_OK)
		session_dispatch(s, c);
	else
		command_malformed(s, r, line, c, error);
	s->verb = SMTP_UNKNOWN;
	session_after_command(s);
}

static void
session_command(struct session *s, struct span line)
{
	struct smtp_command c = { .verb = SMTP_UNKNOWN };
	struct smtp_command_error error = { 0 };
	enum smtp_command_result r = smtp_command_parse(line, &c, &error);
	struct buf mended;

	buf_init(&mended, line.n);
	if (r != SMTP_COMMAND_OK && smtp_command_mend(line, &mended)) {
		line = buf_span(&mended);
		r = smtp_command_parse(line, &c, &error);
		mail_log_mended(s, c.verb);
	}
	command_run(s, r, line, &c, &error);
	buf_done(&mended);
}

/* From here on it has the time of one command line to arrive in. */
static void
line_begins(struct session *s)
{
	s->is_deadline_due = s->is_deadline_due || !s->is_line_begun;
	s->is_line_begun = true;
}

/* Its verb may still be what makes the refusal one of a message. */
static void
session_long_line(struct session *s, struct span start)
{
	s->scanned = 0;
	s->is_discarding = true;
	line_begins(s);
	s->verb = span_starts_nocase(start, span_of("MAIL ")) ? SMTP_MAIL : SMTP_UNKNOWN;
	session_reply(s, REPLY_LINE_TOO_LONG);
	s->verb = SMTP_UNKNOWN;
	if (span_starts_nocase(start, span_of("BDAT")))
		session_drop(s, "BDAT that cannot be read");
	session_after_command(s);
}

/* ------------------------------------------------------------------ input */

/* Reads away the rest of a line that is too long; a CR at the end waits for what
 * follows it. */
static size_t
discard_line(struct session *s, struct span input)
{
	size_t at = 0;

	while (at < input.n) {
		const char *cr = memchr(input.p + at, '\r', input.n - at);
		if (cr == NULL)
			return input.n;
		at = (size_t)(cr - input.p);
		if (at + 1 == input.n)
			return at;
		if (cr[1] == '\n') {
			s->is_discarding = s->is_line_begun = false;
			s->is_deadline_due = true;
			return at + 2;
		}
		at++;
	}
	return input.n;
}

static size_t
session_read_command(struct session *s, struct span input)
{
	struct span line;
	size_t used;

	if (s->is_discarding)
		return discard_line(s, input);
	switch (smtp_line_take(input, s->config->settings.command_line_max, &s->scanned,
			       &line, &used)) {
	case SMTP_LINE_MORE:
		if (input.n > 0)
			line_begins(s);
		return 0;
	case SMTP_LINE_TOO_LONG:
		session_long_line(s, input);
		return 0;
	case SMTP_LINE_OK:
		break;
	}
	s->behind = input.n - used;
	session_command(s, line);
	return used;
}

size_t
session_input(struct session *s, struct span input)
{
	typedef size_t reader_fn(struct session *, struct span);
	static reader_fn *const readers[ST_COUNT] = {
		[ST_START] = session_read_command, [ST_IDLE] = session_read_command,
		[ST_MAIL] = session_read_command,  [ST_RCPT] = session_read_command,
		[ST_BDAT] = session_read_command,  [ST_DATA] = session_read_data,
		[ST_CHUNK] = session_read_chunk,   [ST_SKIP] = session_read_skip,
	};
	size_t used = 0;

	while (session_wants(s) == SESSION_WANTS_INPUT && s->output.n < OUTPUT_BATCH) {
		enum session_state before = s->state;
		bool was_discarding = s->is_discarding;
		size_t n = readers[s->state](s, span_skip(input, used));
		used += n;
		if (n == 0 && s->state == before && s->is_discarding == was_discarding)
			break;
	}
	return used;
}

/* ----------------------------------------------- late answers and ends */

void
session_after_feed(struct session *s)
{
	s->is_deadline_due = true;
	s->is_waiting_for_room = ingest_is_full(&s->transaction->ingest);
}

void
session_room(struct session *s)
{
	s->is_waiting_for_room = false;
	s->is_deadline_due = true;
}

void
session_tls_done(struct session *s, const struct tls_facts *facts, const struct err *e)
{
	if (s->state != ST_TLS)
		return;
	mail_log_tls(s, facts, e);
	if (e != NULL) {
		session_drop(s, "TLS failed");
		return;
	}
	/* RFC 3207 4.2: all that was said before is forgotten. */
	s->is_tls = true;
	s->is_esmtp = false;
	free(s->helo);
	s->helo = NULL;
	xforward_forget(s);
	session_enter(s, ST_START);
	session_after_command(s);
}

void
session_tls_injected(struct session *s)
{
	mail_log_injection(s);
	session_drop(s, "STARTTLS injection");
}

/* Which of the listener's time-outs it was. */
static const char *
timeout_name(const struct session *s)
{
	static const char *const names[] = {
		[CLOCK_IDLE] = "idle timeout",
		[CLOCK_COMMAND] = "command timeout",
		[CLOCK_DATA] = "data timeout",
		[CLOCK_NONE] = "timeout",
	};

	return names[session_clock(s)];
}

void
session_timeout(struct session *s)
{
	struct err e;

	if (s->state == ST_COMMIT || s->state == ST_CLOSED)
		return;
	if (s->state == ST_TLS) {
		session_drop(s, "timeout in the TLS handshake");
	} else if (s->is_waiting_for_room) {
		/* All of the memory for drafts is taken. This one gives its share
		 * back, so that others can end, and is answered with a 4xx as soon as
		 * its data is over. */
		err_set(&e, ERR_SPACE, 0, "no room for the message's data");
		ingest_give_up(&s->transaction->ingest, &e);
		session_room(s);
	} else {
		session_close(s, REPLY_TIMEOUT, timeout_name(s));
	}
}

void
session_lost(struct session *s, const struct err *e)
{
	if (s->is_lost || s->state == ST_CLOSED)
		return;
	mail_log_lost(s, e);
	s->is_lost = true;
	s->end = e == NULL ? "closed by the client" : "connection lost";
	if (s->state != ST_COMMIT)
		session_drop(s, s->end);
}

void
session_stop(struct session *s)
{
	s->is_stopping = true;
	if (s->state == ST_IDLE || s->state == ST_START)
		session_close(s, REPLY_STOPPING, shutting_down);
}

void
session_stop_now(struct session *s)
{
	s->is_stopping = true;
	if (s->state == ST_COMMIT || s->state == ST_CLOSED)
		return;
	if (s->state == ST_TLS)
		session_drop(s, shutting_down);
	else
		session_close(s, REPLY_STOPPING, shutting_down);
}

void
session_abort(struct session *s)
{
	if (s->state == ST_CLOSED)
		return;
	/* A commit that is under way may still succeed: nothing is said of its message. */
	if (s->state == ST_COMMIT)
		transaction_end(s, NULL);
	session_drop(s, shutting_down);
}

struct tls_context *
session_tls_context(const struct session *s)
{
	return s->config->settings.tls;
}

uint64_t
session_icid(const struct session *s)
{
	return s->icid;
}

bool
session_is_in_transaction(const struct session *s)
{
	return s->transaction != NULL;
}

const char *
session_state_name(const struct session *s)
{
	return state_name(s->state);
}

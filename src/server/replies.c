/*
 * replies.c - the table of replies: code, enhanced code (RFC 3463), text.
 */
#include "replies.h"

#include "mail_log.h"
#include "session_inside.h"

#include "tdc/base/counter.h"
#include "tdc/smtp/reply.h"

#include <stdio.h>

/* clang-format off */
static const struct reply_row {
	int code;
	const char *enhanced; /* NULL: RFC 2034 leaves these without one */
	const char *text;     /* details go behind it */
} replies[REPLY_COUNT] = {
	[REPLY_GREETING]            = { 220, NULL,     "" },
	[REPLY_HELLO]               = { 250, NULL,     "" },
	[REPLY_GO_TLS]              = { 220, "2.0.0",  "Ready to start TLS" },
	[REPLY_SENDER_OK]           = { 250, "2.1.0",  "Sender ok" },
	[REPLY_RECIPIENT_OK]        = { 250, "2.1.5",  "Recipient ok" },
	[REPLY_GO_DATA]             = { 354, NULL,     "End data with <CRLF>.<CRLF>" },
	[REPLY_CHUNK_OK]            = { 250, "2.0.0",  "Octets received: " },
	[REPLY_QUEUED]              = { 250, "2.0.0",  "Ok: queued as " },
	[REPLY_RESET]               = { 250, "2.0.0",  "Reset" },
	[REPLY_NOOP]                = { 250, "2.0.0",  "Ok" },
	[REPLY_XFORWARD_OK]         = { 250, "2.0.0",  "Taken" },
	[REPLY_BYE]                 = { 221, "2.0.0",  "Bye" },
	[REPLY_VRFY]                = { 252, "2.5.0",  "Send it and see" },
	[REPLY_HELP]                = { 214, "2.0.0",  "Commands: " },

	[REPLY_TIMEOUT]             = { 421, "4.4.2",  "Timeout, closing" },
	[REPLY_STOPPING]            = { 421, "4.3.2",  "Shutting down, try later" },
	[REPLY_BUSY]                = { 421, "4.3.2",  "Too many connections" },
	[REPLY_BUSY_CLIENT]         = { 421, "4.7.0",  "Too many connections from you" },
	[REPLY_TOO_MANY_ERRORS]     = { 421, "4.7.0",  "Too many errors, closing" },
	[REPLY_TOO_MANY_MESSAGES]   = { 421, "4.7.0",  "Too many messages, reconnect" },
	[REPLY_TOO_MANY_RECIPIENTS] = { 452, "4.5.3",  "Too many recipients" },
	[REPLY_NO_SPACE]            = { 452, "4.3.1",  "No room now, try later" },
	[REPLY_TROUBLE]             = { 451, "4.3.0",  "Local trouble, try later" },

	[REPLY_UNKNOWN]             = { 500, "5.5.2",  "Command not recognized" },
	[REPLY_CONTROL]             = { 500, "5.5.2",  "Control character in it" },
	[REPLY_LINE_TOO_LONG]       = { 500, "5.5.2",  "Line too long" },
	[REPLY_USE_LHLO]            = { 500, "5.5.1",  "This is LMTP: use LHLO" },
	[REPLY_NOT_HERE]            = { 502, "5.5.1",  "Command not implemented" },
	[REPLY_ORDER]               = { 503, "5.5.1",  "Out of order: " },
	[REPLY_GREET_FIRST]         = { 503, "5.5.1",  "Greet first: " },
	[REPLY_TLS_ACTIVE]          = { 503, "5.5.1",  "TLS is already active" },
	[REPLY_NEEDS_BDAT]          = { 503, "5.5.1",  "BINARYMIME needs BDAT" },
	[REPLY_SYNTAX]              = { 501, "5.5.4",  "Syntax error" },
	[REPLY_BAD_SENDER]          = { 501, "5.1.7",  "Bad sender address" },
	[REPLY_BAD_RECIPIENT]       = { 501, "5.1.3",  "Bad recipient address" },
	[REPLY_BAD_PARAMETER]       = { 501, "5.5.4",  "Bad parameter" },
	[REPLY_UNKNOWN_PARAMETER]   = { 555, "5.5.4",  "Parameter not recognized" },
	[REPLY_NOT_UTF8]            = { 550, "5.6.7",  "Address is not valid UTF-8" },
	[REPLY_TOO_LARGE]           = { 552, "5.3.4",  "Message over the maximum of " },
	[REPLY_BARE_LINE_END]       = { 550, "5.6.11", "Bare CR or LF in the message" },
	[REPLY_TLS_FIRST]           = { 530, "5.7.0",  "STARTTLS first" },
	[REPLY_TLS_INJECTION]       = { 554, "5.5.1",  "Input behind STARTTLS, closing" },
	[REPLY_NOT_TRUSTED]         = { 554, "5.7.1",  "No service for your address" },
};
/* clang-format on */

enum { REPLY_TEXT_MAX = 1024 };

int
reply_code(enum reply r)
{
	return replies[r].code;
}

/* Table text and detail as one; what a peer sent cannot start a line of its own. */
static void
reply_text(enum reply r, struct span detail, char text[REPLY_TEXT_MAX])
{
	size_t n = strlen(replies[r].text);

	memcpy(text, replies[r].text, n); /* the table's are short */
	/* A line feed would begin a line; other bytes are smtp_reply_format()'s to
	 * clean. */
	for (size_t i = 0; i < detail.n && n < REPLY_TEXT_MAX - 1; i++)
		text[n++] = detail.p[i] == '\n' ? ' ' : detail.p[i];
	text[n] = '\0';
}

void
session_count_refused(struct session *s)
{
	counter_add(COUNTER_REFUSED, 1);
	s->ops->refused(s->host);
}

/* Whether the reply is that to DATA, to a chunk, or to the message. */
static bool
is_of_data(const struct session *s)
{
	bool is_asked_for = s->verb == SMTP_DATA || s->verb == SMTP_BDAT;

	return s->transaction->accepted > 0 &&
	       (is_asked_for || !state_reads_commands(s->state));
}

/* The one place that accounts what the original's sender may never hear of. */
static void
reply_account(struct session *s, const struct reply_row *row, const char *text)
{
	struct transaction *t = s->transaction;
	bool after_mail = t != NULL || s->verb == SMTP_MAIL;

	if (row->code >= 500)
		s->errors++;
	if (t != NULL)
		transaction_note_reply(t, s->verb, is_of_data(s), row->code);
	if (row->code < 400 || !after_mail)
		return;
	if (row->code >= 500) {
		if (t == NULL)
			session_count_refused(s);
		mail_log_refused(s, row->code, row->enhanced, text);
	} else {
		counter_add(COUNTER_DEFERRED_IN, 1);
		mail_log_deferred(s, row->code, row->enhanced, text);
	}
}

void
session_reply(struct session *s, enum reply r)
{
	session_reply_with(s, r, span_make(NULL, 0));
}

void
session_reply_with(struct session *s, enum reply r, struct span detail)
{
	char text[REPLY_TEXT_MAX];

	reply_text(r, detail, text);
	reply_account(s, &replies[r], text);
	smtp_reply_format(&s->output, replies[r].code, replies[r].enhanced, text);
}

void
session_reply_refusal(struct session *s, enum reply r, enum smtp_verb verb)
{
	bool names_verb = r == REPLY_ORDER || r == REPLY_GREET_FIRST;

	session_reply_with(s, r, span_of(names_verb ? smtp_verb_name(verb) : NULL));
}

void
session_reply_lines(struct session *s, enum reply r, const char *lines)
{
	smtp_reply_format(&s->output, replies[r].code, replies[r].enhanced, lines);
}

void
session_reply_message(struct session *s, enum reply r, struct span detail)
{
	bool is_lmtp = s->config->settings.protocol == SERVER_LMTP;
	unsigned times = is_lmtp ? s->transaction->accepted : 1;
	char text[REPLY_TEXT_MAX];

	reply_text(r, detail, text);
	reply_account(s, &replies[r], text);
	for (unsigned i = 0; i < times; i++)
		smtp_reply_format(&s->output, replies[r].code, replies[r].enhanced, text);
}

enum reply
reply_for_trouble(const struct err *e)
{
	return e->kind == ERR_SPACE ? REPLY_NO_SPACE : REPLY_TROUBLE;
}

size_t
reply_format(enum reply r, const char *hostname, char *text, size_t size)
{
	const struct reply_row *row = &replies[r];
	int n = snprintf(text, size, "%d %s %s %s\r\n", row->code, row->enhanced,
			 hostname, row->text);

	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

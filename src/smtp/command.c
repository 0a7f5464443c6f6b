/*
 * command.c - command lines. To add a verb, add a row (and its constant in the header).
 */
#include "tdc/smtp/command.h"

#include "smtp/parameters.h"

#include "tdc/base/bytes.h"

enum argument { ARGUMENT_NONE, ARGUMENT_OPTIONAL, ARGUMENT_REQUIRED };

typedef enum smtp_command_result argument_fn(struct smtp_command *ret,
					     struct smtp_command_error *error);

static argument_fn parse_mail, parse_rcpt, parse_bdat;

static const struct verb {
	const char *name;
	enum argument argument;
	argument_fn *parse; /* NULL: the argument stays text */
} verbs[SMTP_VERB_COUNT] = {
	[SMTP_UNKNOWN] = { "?", ARGUMENT_OPTIONAL, NULL },
	[SMTP_HELO] = { "HELO", ARGUMENT_REQUIRED, NULL },
	[SMTP_EHLO] = { "EHLO", ARGUMENT_REQUIRED, NULL },
	[SMTP_LHLO] = { "LHLO", ARGUMENT_REQUIRED, NULL },
	[SMTP_MAIL] = { "MAIL", ARGUMENT_REQUIRED, parse_mail },
	[SMTP_RCPT] = { "RCPT", ARGUMENT_REQUIRED, parse_rcpt },
	[SMTP_DATA] = { "DATA", ARGUMENT_NONE, NULL },
	[SMTP_BDAT] = { "BDAT", ARGUMENT_REQUIRED, parse_bdat },
	[SMTP_RSET] = { "RSET", ARGUMENT_NONE, NULL },
	[SMTP_NOOP] = { "NOOP", ARGUMENT_OPTIONAL, NULL },
	[SMTP_QUIT] = { "QUIT", ARGUMENT_NONE, NULL },
	[SMTP_VRFY] = { "VRFY", ARGUMENT_REQUIRED, NULL },
	[SMTP_EXPN] = { "EXPN", ARGUMENT_REQUIRED, NULL },
	[SMTP_HELP] = { "HELP", ARGUMENT_OPTIONAL, NULL },
	[SMTP_STARTTLS] = { "STARTTLS", ARGUMENT_NONE, NULL },
	[SMTP_XFORWARD] = { "XFORWARD", ARGUMENT_REQUIRED, NULL },
	[SMTP_XCLIENT] = { "XCLIENT", ARGUMENT_REQUIRED, NULL },
	[SMTP_AUTH] = { "AUTH", ARGUMENT_REQUIRED, NULL },
	[SMTP_TURN] = { "TURN", ARGUMENT_NONE, NULL },
	[SMTP_ETRN] = { "ETRN", ARGUMENT_REQUIRED, NULL },
};

const char *
smtp_verb_name(enum smtp_verb v)
{
	return verbs[(unsigned)v < SMTP_VERB_COUNT ? v : SMTP_UNKNOWN].name;
}

static enum smtp_verb
find_verb(struct span word)
{
	for (int v = SMTP_UNKNOWN + 1; v < SMTP_VERB_COUNT; v++)
		if (smtp_word_is(word, verbs[v].name))
			return (enum smtp_verb)v;
	return SMTP_UNKNOWN;
}

static struct span
skip_blanks(struct span text)
{
	while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = span_skip(text, 1);
	return text;
}

static enum smtp_command_result
syntax(struct smtp_command_error *error, const char *detail)
{
	error->detail = detail;
	return SMTP_COMMAND_SYNTAX;
}

static const char *
address_detail(enum smtp_address_result r)
{
	if (r == SMTP_ADDRESS_TOO_LONG)
		return "address too long";
	return r == SMTP_ADDRESS_NOT_UTF8 ? "address is not UTF-8" : "malformed address";
}

typedef enum smtp_address_result path_fn(struct span *text, struct smtp_address *ret);

/* "FROM:" or "TO:", a path, parameters. */
static enum smtp_command_result
parse_path(struct span keyword, path_fn *parse, struct smtp_command *ret,
	   struct smtp_command_error *error)
{
	struct span text = ret->argument;

	if (!span_starts_nocase(text, keyword))
		return syntax(error, "FROM: or TO: expected");
	text = skip_blanks(span_skip(text, keyword.n));
	if (text.n == 0 || text.p[0] != ':')
		return syntax(error, "colon expected");
	text = skip_blanks(span_skip(text, 1));
	error->detail_span = text;
	enum smtp_address_result r = parse(&text, &ret->address);
	if (r == SMTP_ADDRESS_OK && text.n > 0 && text.p[0] != ' ' && text.p[0] != '\t')
		r = SMTP_ADDRESS_SYNTAX;
	if (r != SMTP_ADDRESS_OK) {
		error->detail = address_detail(r);
		return SMTP_COMMAND_BAD_ADDRESS;
	}
	error->detail_span = span_make(NULL, 0);
	return smtp_parameters_parse(text, ret, error);
}

static enum smtp_command_result
parse_mail(struct smtp_command *ret, struct smtp_command_error *error)
{
	return parse_path(span_of("FROM"), smtp_sender_parse, ret, error);
}

static enum smtp_command_result
parse_rcpt(struct smtp_command *ret, struct smtp_command_error *error)
{
	enum smtp_command_result r =
		parse_path(span_of("TO"), smtp_path_parse, ret, error);

	if (r == SMTP_COMMAND_OK && ret->address.whole.n == 0) {
		error->detail = "empty recipient";
		return SMTP_COMMAND_BAD_ADDRESS;
	}
	return r;
}

/* RFC 3030 2: "BDAT size [LAST]". */
static enum smtp_command_result
parse_bdat(struct smtp_command *ret, struct smtp_command_error *error)
{
	struct span text = ret->argument;

	if (smtp_number_parse(smtp_word_take(&text), &ret->chunk_size) != 0)
		return syntax(error, "chunk size expected");
	struct span word = smtp_word_take(&text);
	ret->chunk_is_last = word.n > 0;
	if (text.n > 0 || (word.n > 0 && !smtp_word_is(word, "LAST")))
		return syntax(error, "only LAST may follow the chunk size");
	return SMTP_COMMAND_OK;
}

static bool
has_control(struct span line)
{
	if (bytes_are_visible(line.p, line.n))
		return false;
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

enum smtp_command_result
smtp_command_parse(struct span line, struct smtp_command *ret,
		   struct smtp_command_error *error)
{
	*ret = (struct smtp_command){ 0 };
	*error = (struct smtp_command_error){ 0 };
	size_t n = 0;
	while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
		n++;
	ret->verb = find_verb(span_make(line.p, n));
	if (has_control(line))
		return SMTP_COMMAND_CONTROL;
	ret->argument = span_trim(span_skip(line, n));
	if (ret->verb == SMTP_UNKNOWN)
		return SMTP_COMMAND_UNKNOWN;

	const struct verb *v = &verbs[ret->verb];
	if (v->argument == ARGUMENT_NONE && ret->argument.n > 0)
		return syntax(error, "no argument allowed");
	if (v->argument == ARGUMENT_REQUIRED && ret->argument.n == 0)
		return syntax(error, "argument expected");
	return v->parse == NULL ? SMTP_COMMAND_OK : v->parse(ret, error);
}

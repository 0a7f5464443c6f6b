/*
 * parameters.c - "KEYWORD=value ..." behind an address. To add a parameter, add a row.
 */
#include "smtp/parameters.h"

typedef int value_fn(struct span value, struct smtp_command *ret);

int
smtp_number_parse(struct span text, uint64_t *ret)
{
	uint64_t n = 0;

	if (text.n == 0 || text.n > 20)
		return -1;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c < '0' || c > '9')
			return -1;
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(c - '0'), &n))
			n = UINT64_MAX;
	}
	*ret = n;
	return 0;
}

struct span
smtp_word_take(struct span *text)
{
	struct span rest = span_trim(*text);
	size_t n = 0;

	while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != '\t')
		n++;
	*text = span_skip(rest, n);
	return span_make(rest.p, n);
}

/* Index of `word` in a list of names, -1 when it is none of them. */
static int
find_word(struct span word, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (smtp_word_is(word, names[i]))
			return i;
	return -1;
}

static int
set_size(struct span value, struct smtp_command *ret)
{
	return smtp_number_parse(value, &ret->size);
}

static int
set_body(struct span value, struct smtp_command *ret)
{
	static const char *const names[] = {
		[SMTP_BODY_7BIT] = "7BIT",
		[SMTP_BODY_8BITMIME] = "8BITMIME",
		[SMTP_BODY_BINARYMIME] = "BINARYMIME",
	};
	int i = find_word(value, names, 3);

	if (i < 0)
		return -1;
	ret->body = (enum smtp_body_type)i;
	return 0;
}

static int
set_ret(struct span value, struct smtp_command *ret)
{
	static const char *const names[] = { "HDRS", "FULL" };
	int i = find_word(value, names, 2);

	if (i < 0)
		return -1;
	ret->ret_full = i == 1;
	return 0;
}

/* RFC 3461 4.4 has 100 characters at most. Mail servers hand on longer ones, and nobody
 * here is hurt by them. */
static int
set_envid(struct span value, struct smtp_command *ret)
{
	if (value.n == 0 || !smtp_xtext_is_valid(value))
		return -1;
	ret->envid = value;
	return 0;
}

static int
set_notify(struct span value, struct smtp_command *ret)
{
	static const char *const names[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	unsigned notify = 0;

	for (bool is_last = false; !is_last;) {
		const char *comma = value.n == 0 ? NULL : memchr(value.p, ',', value.n);
		size_t n = comma == NULL ? value.n : (size_t)(comma - value.p);
		int i = find_word(span_make(value.p, n), names, 4);
		if (i < 0)
			return -1;
		notify |= 1u << i;
		is_last = comma == NULL;
		value = span_skip(value, n + 1);
	}
	if ((notify & SMTP_NOTIFY_NEVER) != 0 && notify != SMTP_NOTIFY_NEVER)
		return -1;
	ret->notify = notify;
	return 0;
}

/*
 * "type;xtext". RFC 6533 3: the type "utf-8" has its own form, which may hold '+' and
 * UTF-8.
 */
static int
set_orcpt(struct span value, struct smtp_command *ret)
{
	const char *semicolon = value.n == 0 ? NULL : memchr(value.p, ';', value.n);

	if (semicolon == NULL || semicolon == value.p)
		return -1;
	struct span type = span_make(value.p, (size_t)(semicolon - value.p));
	struct span text = span_skip(value, type.n + 1);
	bool is_xtext = text.n > 0 && smtp_xtext_is_valid(text);
	if (!is_xtext &&
	    !(text.n > 0 && smtp_word_is(type, "utf-8") && smtp_utf8_is_valid(text)))
		return -1;
	ret->orcpt = value;
	return 0;
}

/* RFC 4954 5: "<>" or an xtext mailbox; nobody here trusts it, it is only looked at. */
static int
set_auth(struct span value, struct smtp_command *ret)
{
	(void)ret;
	return value.n > 0 && (span_equal(value, span_of("<>")) ||
			       smtp_xtext_is_valid(value))
		       ? 0
		       : -1;
}

#define ON(verb) (1u << (verb))

static const struct parameter {
	const char *name;
	unsigned bit;
	unsigned verbs;
	value_fn *set; /* NULL: it has no value */
	const char *detail;
} parameters[] = {
	{ "SIZE", SMTP_PARAMETER_SIZE, ON(SMTP_MAIL), set_size,
	  "SIZE needs 1 to 20 digits" },
	{ "BODY", SMTP_PARAMETER_BODY, ON(SMTP_MAIL), set_body,
	  "BODY is 7BIT, 8BITMIME or BINARYMIME" },
	{ "SMTPUTF8", SMTP_PARAMETER_SMTPUTF8, ON(SMTP_MAIL), NULL,
	  "SMTPUTF8 has no value" },
	{ "RET", SMTP_PARAMETER_RET, ON(SMTP_MAIL), set_ret, "RET is FULL or HDRS" },
	{ "ENVID", SMTP_PARAMETER_ENVID, ON(SMTP_MAIL), set_envid, "ENVID needs xtext" },
	{ "AUTH", SMTP_PARAMETER_AUTH, ON(SMTP_MAIL), set_auth,
	  "AUTH needs <> or an xtext mailbox" },
	{ "REQUIRETLS", SMTP_PARAMETER_REQUIRETLS, ON(SMTP_MAIL), NULL,
	  "REQUIRETLS has no value" },
	{ "NOTIFY", SMTP_PARAMETER_NOTIFY, ON(SMTP_RCPT), set_notify,
	  "NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY" },
	{ "ORCPT", SMTP_PARAMETER_ORCPT, ON(SMTP_RCPT), set_orcpt,
	  "ORCPT needs type;xtext" },
};

/* esmtp-keyword: RFC 5321 4.1.2. */
static bool
keyword_is_valid(struct span keyword)
{
	for (size_t i = 0; i < keyword.n; i++) {
		unsigned char c = (unsigned char)keyword.p[i];
		bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				       (c >= 'a' && c <= 'z');
		if (!is_alphanumeric && (c != '-' || i == 0))
			return false;
	}
	return keyword.n > 0;
}

static const struct parameter *
find_parameter(struct span keyword, enum smtp_verb verb)
{
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		const struct parameter *p = &parameters[i];
		if ((p->verbs & ON(verb)) != 0 && smtp_word_is(keyword, p->name))
			return p;
	}
	return NULL;
}

static enum smtp_command_result
take_parameter(struct span word, struct smtp_command *ret, const char **detail)
{
	const char *equals = memchr(word.p, '=', word.n);
	struct span keyword = word, value = { 0 };

	if (equals != NULL) {
		keyword.n = (size_t)(equals - word.p);
		value = span_skip(word, keyword.n + 1);
	}
	if (!keyword_is_valid(keyword)) {
		*detail = "malformed parameter";
		return SMTP_COMMAND_SYNTAX;
	}
	const struct parameter *p = find_parameter(keyword, ret->verb);
	if (p == NULL) {
		*detail = "unknown parameter";
		return SMTP_COMMAND_UNKNOWN_PARAMETER;
	}
	if ((ret->parameters & p->bit) != 0) {
		*detail = "parameter given twice";
		return SMTP_COMMAND_BAD_PARAMETER;
	}
	ret->parameters |= p->bit;
	if (p->set == NULL ? equals == NULL : equals != NULL && p->set(value, ret) == 0)
		return SMTP_COMMAND_OK;
	*detail = p->detail;
	return SMTP_COMMAND_BAD_PARAMETER;
}

enum smtp_command_result
smtp_parameters_parse(struct span text, struct smtp_command *ret,
		      struct smtp_command_error *error)
{
	for (;;) {
		struct span word = smtp_word_take(&text);
		if (word.n == 0)
			return SMTP_COMMAND_OK;
		enum smtp_command_result r = take_parameter(word, ret, &error->detail);
		if (r != SMTP_COMMAND_OK) {
			error->detail_span = word;
			return r;
		}
	}
}

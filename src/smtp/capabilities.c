/*
 * capabilities.c - the lines of an EHLO reply. To know another extension, add a row.
 */
#include "tdc/smtp/reply.h"

#include "smtp/parameters.h"

#include <limits.h>

typedef void value_fn(struct smtp_capabilities *c, struct span value);

static void
add_size(struct smtp_capabilities *c, struct span value)
{
	uint64_t n;

	if (smtp_number_parse(smtp_word_take(&value), &n) == 0)
		c->size_max = n;
}

/*
 * RFC 9422 4: "NAME=value" words; those that are not known or make no sense are passed
 * over.
 */
static void
add_limits(struct smtp_capabilities *c, struct span value)
{
	for (struct span word; (word = smtp_word_take(&value)).n > 0;) {
		const char *equals = memchr(word.p, '=', word.n);
		uint64_t n;
		if (equals == NULL)
			continue;
		struct span name = span_make(word.p, (size_t)(equals - word.p));
		if (smtp_number_parse(span_skip(word, name.n + 1), &n) != 0)
			continue;
		unsigned limit = n > UINT_MAX ? UINT_MAX : (unsigned)n;
		if (smtp_word_is(name, "MAILMAX"))
			c->mail_max = limit;
		else if (smtp_word_is(name, "RCPTMAX"))
			c->rcpt_max = limit;
	}
}

static const struct extension {
	const char *name;
	unsigned bit;
	value_fn *add; /* NULL: it has no value that matters here */
} extensions[] = {
	{ "PIPELINING", SMTP_EXT_PIPELINING, NULL },
	{ "SIZE", SMTP_EXT_SIZE, add_size },
	{ "8BITMIME", SMTP_EXT_8BITMIME, NULL },
	{ "SMTPUTF8", SMTP_EXT_SMTPUTF8, NULL },
	{ "ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCEDSTATUSCODES, NULL },
	{ "DSN", SMTP_EXT_DSN, NULL },
	{ "CHUNKING", SMTP_EXT_CHUNKING, NULL },
	{ "BINARYMIME", SMTP_EXT_BINARYMIME, NULL },
	{ "STARTTLS", SMTP_EXT_STARTTLS, NULL },
	{ "REQUIRETLS", SMTP_EXT_REQUIRETLS, NULL },
	{ "LIMITS", SMTP_EXT_LIMITS, add_limits },
	{ "AUTH", SMTP_EXT_AUTH, NULL },
	{ "XFORWARD", SMTP_EXT_XFORWARD, NULL },
};

void
smtp_capabilities_add(struct smtp_capabilities *c, struct span line)
{
	struct span keyword = smtp_word_take(&line);

	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		const struct extension *x = &extensions[i];
		if (!smtp_word_is(keyword, x->name))
			continue;
		c->extensions |= x->bit;
		if (x->add != NULL)
			x->add(c, line);
		return;
	}
}

/*
 * carry.c - what the next hop can carry: the table of the capabilities.
 *
 * Every row is looked at. "hold" of any row wins, then "attach"; a row without trouble
 * costs nothing. Only what is written here can happen to an original: nothing is recoded.
 */
#include "render.h"

#include <stddef.h>

enum { BINARY = SMTP_EXT_CHUNKING | SMTP_EXT_BINARYMIME };

struct carry_rule {
	unsigned facts;       /* the original holds one of these           */
	unsigned extensions;  /* and the hop needs all of these             */
	size_t choice;        /* place of the configured choice             */
	bool must_not_go_raw; /* the default without them is `attach`       */
	size_t effect;        /* with them, this of struct carry is set     */
	const char *why;
};

#define NO_EFFECT SIZE_MAX
static const struct carry_rule rules[] = {
	{ MIME_HAS_NUL | MIME_HAS_BARE_CR | MIME_HAS_BARE_LF, BINARY,
	  offsetof(struct profile, bare_line_ends), true,
	  offsetof(struct carry, is_binary), "bare line ends or NUL" },
	{ MIME_HAS_8BIT, SMTP_EXT_8BITMIME, offsetof(struct profile, eight_bit), true,
	  NO_EFFECT, "8-bit data, no 8BITMIME" },
	{ MIME_HAS_LONG_LINE, BINARY, offsetof(struct profile, long_lines), false,
	  offsetof(struct carry, is_binary), "lines over 998 octets" },
	{ MIME_HAS_UTF8_HEADER, SMTP_EXT_SMTPUTF8, offsetof(struct profile, utf8_header),
	  false, offsetof(struct carry, is_global), "UTF-8 header, no SMTPUTF8" },
};

static void
apply_rule(const struct carry_rule *rule, const struct profile *p, struct carry *c)
{
	int choice = *(const int *)(const void *)((const char *)p + rule->choice);

	if ((p->extensions & rule->extensions) == rule->extensions) {
		if (rule->effect != NO_EFFECT)
			*(bool *)((char *)c + rule->effect) = true;
		return;
	}
	bool attach = choice == JOURNAL_CHOICE_ATTACH ||
		      (choice == JOURNAL_CHOICE_DEFAULT && rule->must_not_go_raw);
	if (choice == JOURNAL_CHOICE_HOLD && !c->is_held) {
		c->is_held = true;
		c->why = rule->why;
	} else if (attach && !c->is_held && !c->is_attached) {
		c->is_attached = true;
		c->why = rule->why;
	}
}

/* Fields can only be put in front of a header, and DATA always ends a last line. */
static void
apply_bcc(const struct profile *p, unsigned facts, uint64_t header_size, struct carry *c)
{
	if (header_size == 0 || (facts & (MIME_IS_OPAQUE | MIME_IS_EMPTY)) != 0) {
		c->is_attached = true;
		c->why = "no header to add fields to";
		return;
	}
	if ((facts & MIME_HAS_NO_FINAL_CRLF) == 0)
		return;
	if ((p->extensions & SMTP_EXT_CHUNKING) != 0) {
		c->must_use_bdat = true;
		return;
	}
	c->is_attached = true;
	c->why = "no line end at the end";
}

struct carry
carry_decide(const struct profile *p, unsigned facts, uint64_t header_size)
{
	struct carry c = { .why = "" };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if ((facts & rules[i].facts) != 0)
			apply_rule(&rules[i], p, &c);
	if (p->format == JOURNAL_FORMAT_BCC && !c.is_held && !c.is_attached)
		apply_bcc(p, facts, header_size, &c);
	if (c.is_attached)
		c.is_binary = c.is_global = c.must_use_bdat = false;
	if (c.is_binary)
		c.must_use_bdat = true;
	return c;
}

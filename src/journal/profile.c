/*
 * profile.c - the table of a profile's keys, and the text both ways.
 *
 * "v2 format=journal ext=8bitmime,chunking host=mx.example ...": values are xtext, so
 * that none can hold a space. A released version never changes; what changes the bytes
 * gets a new version. All versions have the same keys so far.
 */
#include "profile.h"

#include <stddef.h>
#include <stdio.h>

enum key_kind { KEY_WORD, KEY_BITS, KEY_TEXT };
struct word {
	const char *name;
	int value;
};
struct key {
	const char *name;
	enum key_kind kind;
	size_t at, size; /* place in struct profile */
	const struct word *words;
};

static const struct word formats[] = {
	{ "journal", JOURNAL_FORMAT_JOURNAL },
	{ "exchange", JOURNAL_FORMAT_EXCHANGE },
	{ "bcc", JOURNAL_FORMAT_BCC },
	{ NULL, 0 },
};
static const struct word choices[] = {
	{ "default", JOURNAL_CHOICE_DEFAULT },
	{ "attach", JOURNAL_CHOICE_ATTACH },
	{ "hold", JOURNAL_CHOICE_HOLD },
	{ NULL, 0 },
};
static const struct word answers[] = { { "no", 0 }, { "yes", 1 }, { NULL, 0 } };
static const struct word extensions[] = {
	{ "8bitmime", SMTP_EXT_8BITMIME },
	{ "smtputf8", SMTP_EXT_SMTPUTF8 },
	{ "chunking", SMTP_EXT_CHUNKING },
	{ "binarymime", SMTP_EXT_BINARYMIME },
	{ NULL, 0 },
};

#define PLACE(member)                                                                    \
	offsetof(struct profile, member), sizeof(((struct profile *)0)->member)
static const struct key keys[] = {
	/* name        kind      place                     words      */
	{ "format", KEY_WORD, PLACE(format), formats },
	{ "ext", KEY_BITS, PLACE(extensions), extensions },
	{ "host", KEY_TEXT, PLACE(hostname), NULL },
	{ "mail_from", KEY_TEXT, PLACE(mail_from), NULL },
	{ "from", KEY_TEXT, PLACE(header_from), NULL },
	{ "to", KEY_TEXT, PLACE(header_to), NULL },
	{ "ip", KEY_TEXT, PLACE(client_ip_field), NULL },
	{ "cse", KEY_WORD, PLACE(has_cse_fields), answers },
	{ "eight_bit", KEY_WORD, PLACE(eight_bit), choices },
	{ "utf8_header", KEY_WORD, PLACE(utf8_header), choices },
	{ "long_lines", KEY_WORD, PLACE(long_lines), choices },
	{ "bare", KEY_WORD, PLACE(bare_line_ends), choices },
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static void
write_bits(const struct word *words, unsigned bits, struct buf *ret)
{
	const char *comma = "";

	for (const struct word *w = words; w->name != NULL; w++) {
		if ((bits & (unsigned)w->value) == 0)
			continue;
		buf_printf(ret, "%s%s", comma, w->name);
		comma = ",";
	}
}

static void
write_value(const struct key *k, const struct profile *p, struct buf *ret)
{
	const char *at = (const char *)p + k->at;

	switch (k->kind) {
	case KEY_TEXT:
		smtp_xtext_encode(span_of(at), ret);
		break;
	case KEY_BITS:
		write_bits(k->words, *(const unsigned *)(const void *)at, ret);
		break;
	case KEY_WORD:
		for (const struct word *w = k->words; w->name != NULL; w++)
			if (w->value == *(const int *)(const void *)at)
				buf_append_text(ret, w->name);
		break;
	}
}

int
profile_write(const struct profile *p, struct buf *ret)
{
	buf_printf(ret, "v%d", p->version);
	for (size_t i = 0; i < KEYS; i++) {
		buf_printf(ret, " %s=", keys[i].name);
		write_value(&keys[i], p, ret);
	}
	return ret->failed ? -1 : 0;
}

void
profile_let_go(struct profile *p)
{
	for (size_t i = 0; i < KEYS; i++) {
		int *choice = (int *)(void *)((char *)p + keys[i].at);
		if (keys[i].words == choices && *choice == JOURNAL_CHOICE_HOLD)
			*choice = JOURNAL_CHOICE_DEFAULT;
	}
}

static int
find_word(const struct word *words, struct span text, int *ret)
{
	for (const struct word *w = words; w->name != NULL; w++)
		if (span_equal(text, span_of(w->name))) {
			*ret = w->value;
			return 0;
		}
	return -1;
}

/* Takes what stands before the next `c` (or all), and moves *text behind it. */
static struct span
take_until(struct span *text, char c)
{
	const char *at = text->n == 0 ? NULL : memchr(text->p, c, text->n);
	size_t n = at == NULL ? text->n : (size_t)(at - text->p);
	struct span taken = span_make(text->p, n);

	*text = span_skip(*text, at == NULL ? n : n + 1);
	return taken;
}

static int
parse_bits(const struct word *words, struct span text, unsigned *ret)
{
	unsigned bits = 0;

	while (text.n > 0) {
		int bit;
		if (find_word(words, take_until(&text, ','), &bit) != 0)
			return -1;
		bits |= (unsigned)bit;
	}
	*ret = bits;
	return 0;
}

static int
parse_text(struct span text, char *at, size_t size)
{
	struct buf decoded = { .p = at, .cap = size, .max = size - 1 }; /* no memory */

	if (text.n == 0 || memchr(text.p, '+', text.n) == NULL) { /* nearly all */
		if (text.n >= size)
			return -1;
		if (text.n > 0)
			memcpy(at, text.p, text.n);
		at[text.n] = '\0';
		return 0;
	}
	if (smtp_xtext_decode(text, &decoded) != 0)
		return -1;
	at[decoded.n] = '\0';
	return 0;
}

static int
parse_value(const struct key *k, struct span text, struct profile *p)
{
	char *at = (char *)p + k->at;

	switch (k->kind) {
	case KEY_TEXT:
		return parse_text(text, at, k->size);
	case KEY_BITS:
		return parse_bits(k->words, text, (unsigned *)(void *)at);
	case KEY_WORD:
		return find_word(k->words, text, (int *)(void *)at);
	}
	return -1;
}

static const struct key *
find_key(struct span name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (span_equal(name, span_of(keys[i].name)))
			return &keys[i];
	return NULL;
}

static int
parse_version(struct span text, int *ret)
{
	char name[16];

	for (int v = PROFILE_FIRST; v <= PROFILE_LATEST; v++) {
		snprintf(name, sizeof(name), "v%d", v);
		if (!span_equal(text, span_of(name)))
			continue;
		*ret = v;
		return 0;
	}
	return -1;
}

int
profile_parse(const char *text, struct profile *ret, struct err *e)
{
	struct span rest = span_of(text);
	struct profile p = { 0 };
	unsigned seen = 0;

	if (parse_version(take_until(&rest, ' '), &p.version) != 0)
		return err_set(e, ERR_SYNTAX, 0,
			       "render profile of an unknown version: %.40s", text);
	while (rest.n > 0) {
		struct span value = take_until(&rest, ' ');
		struct span name = take_until(&value, '=');
		const struct key *k = find_key(name);
		unsigned bit = k == NULL ? 0 : 1u << (k - keys);
		if (k == NULL || (seen & bit) != 0 || parse_value(k, value, &p) != 0)
			return err_set(e, ERR_SYNTAX, 0, "render profile: bad \"%.*s\"",
				       (int)(name.n > 40 ? 40 : name.n),
				       name.n == 0 ? "" : name.p);
		seen |= bit;
	}
	if (seen != (1u << KEYS) - 1)
		return err_set(e, ERR_SYNTAX, 0,
			       "render profile: not all keys are there");
	*ret = p;
	return 0;
}

static void
copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from == NULL ? "" : from);
}

int
journal_profile_write(const struct journal_settings *s, unsigned extension_bits,
		      struct buf *ret)
{
	struct profile p = {
		.version = PROFILE_LATEST,
		.format = (int)s->format,
		.extensions = extension_bits & PROFILE_EXTENSIONS,
		.has_cse_fields = s->has_cse_fields,
		.eight_bit = (int)s->eight_bit,
		.utf8_header = (int)s->utf8_header,
		.long_lines = (int)s->long_lines,
		.bare_line_ends = (int)s->bare_line_ends,
	};

	copy_text(p.hostname, sizeof(p.hostname), s->hostname);
	copy_text(p.mail_from, sizeof(p.mail_from), s->mail_from);
	copy_text(p.client_ip_field, sizeof(p.client_ip_field), s->client_ip_field);
	copy_text(p.header_to, sizeof(p.header_to), s->header_to);
	if (s->header_from == NULL)
		snprintf(p.header_from, sizeof(p.header_from), "postmaster@%s",
			 p.hostname);
	else
		copy_text(p.header_from, sizeof(p.header_from), s->header_from);
	return profile_write(&p, ret);
}

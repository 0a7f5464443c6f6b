/*
 * addresses.c - finds the addresses in a field's value, one pass, nothing refused.
 *
 * What matters is what a recipient's address is: what stands in <>, or the word with an @
 * when there are no <>. Display names, comments, group names and source routes are passed
 * over. What does not make an address is left out; nothing is guessed.
 */
#include "mime/addresses.h"

#include "mime/utf8.h"

/* One mailbox while it is read. */
struct reader {
	struct mime_addresses *addresses;
	const char *p, *end;
	char word[MIME_ADDRESS_MAX];
	size_t word_n;
	char kept[MIME_ADDRESS_MAX]; /* the last word with an @, outside of <> */
	size_t kept_n;
	bool is_bad;  /* the word cannot be an address         */
	bool has_gap; /* blanks or a comment came behind it    */
	bool is_in_angle;
	bool is_finished; /* behind the > of this mailbox          */
};

void
mime_addresses_init(struct mime_addresses *a)
{
	buf_init(&a->text, UINT16_MAX);
	a->n = 0;
	memset(a->slots, 0, sizeof(a->slots));
}

void
mime_addresses_done(struct mime_addresses *a)
{
	buf_done(&a->text);
	a->n = 0;
}

void
mime_addresses_clear(struct mime_addresses *a)
{
	for (size_t i = 0; i < a->n; i++)
		a->slots[a->items[i].slot] = 0;
	a->n = 0;
	buf_clear(&a->text);
}

struct span
mime_addresses_get(const struct mime_addresses *a, size_t i)
{
	if (i >= a->n)
		return span_make(NULL, 0);
	return span_make(buf_span(&a->text).p + a->items[i].off, a->items[i].n);
}

static uint32_t
hash_nocase(struct span s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c - 'A' + 'a');
		h = (h ^ c) * 16777619u;
	}
	return h ^ (h >> 15);
}

static void
add_once(struct mime_addresses *a, struct span address)
{
	uint32_t slot = hash_nocase(address) % MIME_ADDRESS_SLOTS;

	for (; a->slots[slot] != 0; slot = (slot + 1) % MIME_ADDRESS_SLOTS)
		if (span_equal_nocase(mime_addresses_get(a, a->slots[slot] - 1u),
				      address))
			return;
	size_t off = a->text.n;
	if (a->n == MIME_ADDRESSES_MAX || address.n > buf_room(&a->text) ||
	    buf_append_span(&a->text, address) != 0)
		return;
	a->items[a->n].off = (uint16_t)off;
	a->items[a->n].n = (uint16_t)address.n;
	a->items[a->n].slot = (uint16_t)slot;
	a->n++;
	a->slots[slot] = (uint16_t)a->n;
}

static bool
is_word_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

/* Length of the local part: atoms, dots and quoted strings. */
static size_t
local_length(struct span word)
{
	bool is_quoted = false;
	size_t i = 0;

	for (; i < word.n; i++) {
		unsigned char c = (unsigned char)word.p[i];
		if (c == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && c == '\\')
			i++;
		else if (!is_quoted && !is_word_byte(c))
			break;
	}
	return i < word.n ? i : word.n;
}

static bool
domain_is_plausible(struct span domain)
{
	if (domain.n > 2 && domain.p[0] == '[' && domain.p[domain.n - 1] == ']')
		return true;
	for (size_t i = 0; i < domain.n; i++) {
		unsigned char c = (unsigned char)domain.p[i];
		if (!is_word_byte(c) ||
		    (c < 0x80 && strchr("!#$%&'*+/=?^`{|}~", c) != NULL) ||
		    (c == '.' && (i == 0 || domain.p[i - 1] == '.')))
			return false;
	}
	return domain.n > 0;
}

static bool
is_address(struct span word)
{
	size_t n = local_length(word);

	if (n == 0 || n >= word.n || word.p[n] != '@' ||
	    !domain_is_plausible(span_skip(word, n + 1)) || !mime_utf8_is_valid(word))
		return false;
	for (size_t i = 0; i < word.n; i++)
		if ((unsigned char)word.p[i] < ' ' || word.p[i] == 0x7f)
			return false;
	return true;
}

static void
start_word(struct reader *r)
{
	r->word_n = 0;
	r->is_bad = r->has_gap = false;
}

/* Outside of <>, a word with an @ is remembered until the mailbox is complete. */
static void
end_word(struct reader *r)
{
	if (!r->is_bad && !r->is_finished && is_address(span_make(r->word, r->word_n))) {
		memcpy(r->kept, r->word, r->word_n);
		r->kept_n = r->word_n;
	}
	start_word(r);
}

static void
end_mailbox(struct reader *r)
{
	end_word(r);
	if (r->kept_n > 0)
		add_once(r->addresses, span_make(r->kept, r->kept_n));
	r->kept_n = 0;
	r->is_in_angle = r->is_finished = false;
}

/* Blanks may stand around the dots and the @ of an address; else they divide words. */
static void
add_byte(struct reader *r, char c)
{
	if (r->has_gap && r->word_n > 0) {
		char last = r->word[r->word_n - 1];
		bool joins = last == '.' || last == '@' || c == '.' || c == '@';
		if (!joins && !r->is_in_angle)
			end_word(r);
		r->is_bad = r->is_bad || (!joins && r->is_in_angle);
	}
	r->has_gap = false;
	if (r->word_n == sizeof(r->word))
		r->is_bad = true;
	else
		r->word[r->word_n++] = c;
}

static void
skip_comment(struct reader *r)
{
	size_t depth = 0;

	while (r->p < r->end) {
		char c = *r->p++;
		if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			break;
		else if (c == '\\' && r->p < r->end)
			r->p++;
	}
	r->has_gap = true;
}

/* A quoted string or an address literal: as it is, up to `last`. */
static void
take_enclosed(struct reader *r, char last)
{
	add_byte(r, *r->p++);
	while (r->p < r->end && *r->p != last) {
		if (*r->p == '\\' && last == '"' && r->p + 1 < r->end)
			add_byte(r, *r->p++);
		add_byte(r, *r->p++);
	}
	if (r->p < r->end)
		add_byte(r, *r->p++);
	else
		r->is_bad = true;
}

static void
forget_mailbox(struct reader *r)
{
	start_word(r);
	r->kept_n = 0;
}

static void
start_angle(struct reader *r)
{
	if (r->is_finished)
		end_mailbox(r);
	forget_mailbox(r);
	r->is_in_angle = true;
}

static void
end_angle(struct reader *r)
{
	if (!r->is_in_angle)
		return;
	end_word(r);
	r->is_in_angle = false;
	r->is_finished = true;
}

/* ',' ends a mailbox, or stands in a source route; ':' ends a route or a group's name. */
static void
take_divider(struct reader *r, char c)
{
	bool is_route = r->is_in_angle && r->word_n > 0 && r->word[0] == '@';

	if (is_route && c != ';')
		start_word(r);
	else if (c != ':')
		end_mailbox(r);
	else if (r->is_in_angle)
		r->is_bad = true;
	else
		forget_mailbox(r);
}

/* But for the bytes of words, which need no beginning. */
static void
reader_init(struct reader *r, struct mime_addresses *a, struct span value)
{
	r->addresses = a;
	r->p = value.p;
	r->end = value.n == 0 ? value.p : value.p + value.n;
	r->word_n = r->kept_n = 0;
	r->is_bad = r->has_gap = r->is_in_angle = r->is_finished = false;
}

void
mime_addresses_read(struct mime_addresses *a, struct span value)
{
	struct reader r;

	reader_init(&r, a, value);
	while (r.p < r.end) {
		switch (*r.p) {
		case '(':
			skip_comment(&r);
			continue;
		case '"':
			take_enclosed(&r, '"');
			continue;
		case '[':
			take_enclosed(&r, ']');
			continue;
		case '<':
			start_angle(&r);
			break;
		case '>':
			end_angle(&r);
			break;
		case ',':
		case ';':
		case ':':
			take_divider(&r, *r.p);
			break;
		case ' ':
		case '\t':
			r.has_gap = true;
			break;
		default:
			add_byte(&r, *r.p);
			break;
		}
		r.p++;
	}
	end_mailbox(&r);
}

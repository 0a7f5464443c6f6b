/*
 * header.c - the header's state machine. To want another field, add a row.
 *
 *	START --name--> NAME --':'--> VALUE --LF--> START --blank--> VALUE (folded)
 *	  |  CR            | not a name               |
 *	START_CR --LF--> COMPLETE <------ empty line -+
 */
#include "mime/header.h"

#include <string.h>

enum header_state {
	HEADER_START,
	HEADER_START_CR,
	HEADER_NAME,
	HEADER_VALUE,
	HEADER_COMPLETE
};

const char mime_loop_mark[] = "X-TDC-Journal";

enum field_use { USE_NOTHING, USE_VALUE, USE_ADDRESSES, USE_RECEIVED };

struct mime_field_row {
	const char *name;
	enum field_use use;
	enum mime_field field; /* of USE_VALUE                             */
	unsigned facts;        /* enum mime_fact bits: that it is there    */
};

static const struct mime_field_row rows[] = {
	{ "Received", USE_RECEIVED, 0, 0 },
	{ "Subject", USE_VALUE, MIME_SUBJECT, 0 },
	{ "Message-ID", USE_VALUE, MIME_MESSAGE_ID, 0 },
	{ "From", USE_VALUE, MIME_FROM, 0 },
	{ "Date", USE_VALUE, MIME_DATE, 0 },
	{ "To", USE_ADDRESSES, 0, 0 },
	{ "Cc", USE_ADDRESSES, 0, 0 },
	{ "Bcc", USE_ADDRESSES, 0, 0 },
	{ "X-Original-To", USE_ADDRESSES, 0, 0 },
	{ "Delivered-To", USE_ADDRESSES, 0, 0 },
	{ "Apparently-To", USE_ADDRESSES, 0, 0 },
	{ mime_loop_mark, USE_VALUE, MIME_LOOP_MARK, MIME_HAS_LOOP_MARK },
	{ "X-MS-Journal-Report", USE_NOTHING, 0, MIME_IS_JOURNAL_REPORT },
};

void
mime_header_init(struct mime_header *h, uint64_t max)
{
	*h = (struct mime_header){ .max = max };
	for (int i = 0; i < MIME_FIELD_COUNT; i++)
		buf_init(&h->values[i], MIME_FIELD_MAX);
	buf_init(&h->names, MIME_NAMES_MAX);
	buf_init(&h->addresses, MIME_ADDRESS_FIELDS_MAX);
	buf_init(&h->received_text, (size_t)MIME_RECEIVED_MAX * MIME_FIELD_MAX);
}

void
mime_header_done(struct mime_header *h)
{
	for (int i = 0; i < MIME_FIELD_COUNT; i++)
		buf_done(&h->values[i]);
	buf_done(&h->names);
	buf_done(&h->addresses);
	buf_done(&h->received_text);
}

void
mime_header_start(struct mime_header *h)
{
	for (int i = 0; i < MIME_FIELD_COUNT; i++)
		buf_clear(&h->values[i]);
	buf_clear(&h->names);
	buf_clear(&h->addresses);
	buf_clear(&h->received_text);
	h->taken = h->line_at = h->size = 0;
	h->state = HEADER_START;
	h->utf8 = (struct mime_utf8){ 0 };
	h->facts = h->fields = h->received = h->seen = 0;
	h->is_cut = h->has_field = h->is_behind_cr = h->is_value_cut = h->has_name_gap =
		false;
	h->name_n = h->into_max = h->address_at = h->last_name = 0;
	h->row = NULL;
	h->into = NULL;
	h->has_more_names = false;
}

bool
mime_header_is_complete(const struct mime_header *h)
{
	return h->state == HEADER_COMPLETE;
}

static const struct mime_field_row *
find_row(struct span name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (span_equal_nocase(name, span_of(rows[i].name)))
			return &rows[i];
	return NULL;
}

/* Without room, or memory, it is not kept. */
static void
keep_name(struct mime_header *h, struct span name)
{
	struct span last = span_skip(buf_span(&h->names), h->last_name);

	if (last.n == name.n + 1 && span_equal(span_make(last.p, name.n), name))
		return;
	char *room =
		buf_room(&h->names) > name.n ? buf_reserve(&h->names, name.n + 1) : NULL;
	h->has_more_names = h->has_more_names || room == NULL;
	if (room == NULL)
		return;
	memcpy(room, name.p, name.n);
	room[name.n] = '\0';
	h->last_name = h->names.n;
	buf_commit(&h->names, name.n + 1);
}

/* The name is complete: where does the value go? */
static void
begin_field(struct mime_header *h)
{
	h->fields++;
	h->has_field = true;
	h->into = NULL;
	h->is_value_cut = h->is_behind_cr = false;
	h->row = NULL;
	if (h->name_n <= sizeof(h->name) && !h->is_cut) {
		struct span name = span_make(h->name, h->name_n);
		keep_name(h, name);
		h->row = find_row(name);
	} else {
		h->has_more_names = true;
	}
	if (h->row == NULL)
		return;
	h->facts |= h->row->facts;
	switch (h->row->use) {
	case USE_NOTHING:
		break;
	case USE_VALUE:
		if ((h->seen & (1u << h->row->field)) != 0)
			break;
		h->seen |= 1u << h->row->field;
		h->into = &h->values[h->row->field];
		h->into_max = MIME_FIELD_MAX;
		break;
	case USE_ADDRESSES:
		h->into = &h->addresses;
		h->address_at = h->addresses.n;
		h->into_max = MIME_ADDRESS_FIELDS_MAX - 1;
		break;
	case USE_RECEIVED:
		h->received++;
		if (h->received > MIME_RECEIVED_MAX)
			break;
		h->into = &h->received_text;
		h->received_at[h->received - 1].off = h->received_text.n;
		h->into_max = h->received_text.n + MIME_FIELD_MAX;
		break;
	}
}

/*
 * The value is complete. Of addresses that were cut off, what stands behind the last
 * comma may be half an address, which is a wrong one: it goes.
 */
static void
end_field(struct mime_header *h)
{
	struct buf *b = h->into;

	h->into = NULL;
	if (b == NULL)
		return;
	if (h->row->use == USE_RECEIVED) {
		size_t off = h->received_at[h->received - 1].off;
		h->received_at[h->received - 1].n = b->n - off;
	} else if (h->row->use == USE_ADDRESSES) {
		const char *text = buf_span(b).p;
		while (h->is_value_cut && b->n > h->address_at && text[b->n - 1] != ',')
			b->n--;
		if (b->n > h->address_at)
			buf_append_byte(b, '\n');
	}
}

static void
keep_value(struct mime_header *h, const char *p, size_t n)
{
	if (h->into == NULL || n == 0)
		return;
	if (h->is_cut) {
		h->is_value_cut = true;
		return;
	}
	size_t room = h->into->n < h->into_max ? h->into_max - h->into->n : 0;
	if (n > room) {
		h->is_value_cut = true;
		n = room;
	}
	buf_append(h->into, p, n);
}

static void
complete(struct mime_header *h, uint64_t size)
{
	end_field(h);
	h->size = size;
	h->state = HEADER_COMPLETE;
}

/* "From " or ">From " in front of all fields: an mbox line that travelled along. */
static bool
is_mbox_line(const struct mime_header *h)
{
	struct span name =
		span_make(h->name, h->name_n < sizeof(h->name) ? h->name_n : 0);

	return h->line_at == 0 && h->has_name_gap &&
	       (span_equal(name, span_of("From")) || span_equal(name, span_of(">From")));
}

/* One byte at the start of a line. */
static const char *
take_start(struct mime_header *h, const char *p, uint64_t at)
{
	h->line_at = at;
	switch (*p) {
	case '\r':
		h->state = HEADER_START_CR;
		return p + 1;
	case '\n':
		complete(h, at + 1);
		return p + 1;
	case ' ':
	case '\t':
		if (h->has_field)
			h->state = HEADER_VALUE;
		else
			complete(h, at);
		return p;
	default:
		end_field(h);
		h->name_n = 0;
		h->has_name_gap = false;
		h->state = HEADER_NAME;
		return p;
	}
}

static const char *
take_name(struct mime_header *h, const char *p, const char *end)
{
	for (; p < end; p++) {
		unsigned char c = (unsigned char)*p;
		if (c > ' ' && c < 0x7f && c != ':' && !h->has_name_gap) {
			if (h->name_n < sizeof(h->name))
				h->name[h->name_n] = (char)c;
			h->name_n++;
		} else if (c == ':' && h->name_n > 0) {
			begin_field(h);
			h->state = HEADER_VALUE;
			return p + 1;
		} else if ((c == ' ' || c == '\t') && h->name_n > 0) {
			h->has_name_gap = true;
		} else if (is_mbox_line(h)) {
			h->has_field = true;
			h->state = HEADER_VALUE;
			return p;
		} else {
			complete(h, h->line_at);
			return p;
		}
	}
	return p;
}

static const char *
take_value(struct mime_header *h, const char *p, const char *end)
{
	if (h->is_behind_cr && *p != '\n')
		keep_value(h, "\r", 1);
	h->is_behind_cr = false;
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	const char *stop = lf == NULL ? end : lf;
	h->is_behind_cr = lf == NULL && stop[-1] == '\r';
	const char *last = stop > p && stop[-1] == '\r' ? stop - 1 : stop;
	keep_value(h, p, (size_t)(last - p));
	if (lf == NULL)
		return end;
	h->state = HEADER_START;
	return lf + 1;
}

/* Takes what belongs to the header; returns how much that was. */
static size_t
take(struct mime_header *h, const char *p, size_t n)
{
	const char *start = p, *end = p + n;

	while (p < end && h->state != HEADER_COMPLETE) {
		switch (h->state) {
		case HEADER_START:
			p = take_start(h, p, h->taken + (uint64_t)(p - start));
			break;
		case HEADER_START_CR:
			if (*p != '\n') {
				complete(h, h->line_at);
				break;
			}
			p++;
			complete(h, h->taken + (uint64_t)(p - start));
			break;
		case HEADER_NAME:
			p = take_name(h, p, end);
			break;
		default:
			p = take_value(h, p, end);
			break;
		}
	}
	mime_utf8_feed(&h->utf8, start, (size_t)(p - start));
	h->taken += (uint64_t)(p - start);
	return (size_t)(p - start);
}

void
mime_header_feed(struct mime_header *h, const char *p, size_t n)
{
	if (!h->is_cut && n > h->max - h->taken) {
		size_t room = (size_t)(h->max - h->taken);
		take(h, p, room);
		if (h->state == HEADER_COMPLETE)
			return;
		h->is_cut = true;
		h->facts |= MIME_HEADER_TOO_LARGE;
		p += room;
		n -= room;
	}
	take(h, p, n);
}

void
mime_header_finish(struct mime_header *h)
{
	if (h->state != HEADER_COMPLETE) {
		bool is_whole = h->state == HEADER_VALUE || h->state == HEADER_START;
		complete(h, is_whole ? h->taken : h->line_at);
	}
	if (!mime_utf8_finish(&h->utf8))
		h->facts |= MIME_HAS_8BIT_HEADER;
	else if (h->utf8.has_8bit)
		h->facts |= MIME_HAS_UTF8_HEADER;
}

/*
 * header.c - the fields around an original.
 *
 * Every value that comes from outside is cleaned and written by mime_field_write(), so
 * that none can begin a field of its own.
 */
#include "render.h"

#include "tdc/base/format.h"
#include "tdc/mime/text.h"

enum {
	LINE_WANTED = 78,    /* a longer one is folded by mime_field_write()            */
	VALUE_AS_IT_IS = 66, /* has no run of blanks that mime_field_write() would cut  */
};

/* Printable, and so short that mime_field_write() would change nothing about it. */
static bool
goes_as_it_is(size_t name_n, struct span value)
{
	return value.n > 0 && value.n <= VALUE_AS_IT_IS &&
	       name_n + 2 + value.n <= LINE_WANTED && value.p[0] != ' ' &&
	       value.p[value.n - 1] != ' ';
}

static void
write_field(const struct rendering_parts *r, struct buf *out, const char *name,
	    struct span value)
{
	struct buf *clean = &r->writer->clean;

	if (text_is_printable(value)) { /* nearly all; no copy */
		size_t n = strlen(name);
		if (!goes_as_it_is(n, value)) {
			mime_field_write(out, name, value, false);
			return;
		}
		buf_append(out, name, n);
		buf_append(out, ": ", 2);
		buf_append_span(out, value);
		buf_append(out, "\r\n", 2);
		return;
	}
	buf_clear(clean);
	clean_text_append(clean, value);
	if (clean->failed)
		out->failed = true;
	else
		mime_field_write(out, name, buf_span(clean), r->carry.is_global);
}

static void
write_number(struct buf *out, uint64_t number)
{
	char digits[FORMAT_NUMBER_MAX];

	buf_append(out, digits, format_number(number, digits));
}

static void
write_text(const struct rendering_parts *r, struct buf *out, const char *name,
	   const char *value)
{
	write_field(r, out, name, span_of(value));
}

/* RFC 5322 3.6.8. */
static bool
is_field_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == ':')
			return false;
	return name[0] != '\0';
}

static void
add_recipient(void *arg, const struct message_recipient *r)
{
	struct buf *list = arg;

	if (list->n > 0)
		buf_append_text(list, ", ");
	buf_append_text(list, r->address);
}

static void
write_recipients(const struct rendering_parts *r, struct buf *out)
{
	struct buf *list = &r->writer->list;

	buf_clear(list);
	recipients_each(r->journal, add_recipient, list);
	if (list->failed)
		out->failed = true;
	else
		write_field(r, out, "X-CSE-RcptTo", buf_span(list));
}

static void
write_cse(const struct rendering_parts *r, struct buf *out)
{
	const struct spool_message *m = r->journal->message;

	if (m->client_address != NULL)
		write_text(r, out, "X-CSE-ClientIP", m->client_address);
	write_text(r, out, "X-CSE-MailFrom",
		   m->sender == NULL || m->sender[0] == '\0' ? "<>" : m->sender);
	write_recipients(r, out);
	write_text(r, out, "X-CSE-MsgDirection", "Incoming");
}

void
header_write_facts(const struct rendering_parts *r, struct buf *out)
{
	const struct spool_message *m = r->journal->message;
	char sha256[2 * sizeof(r->facts->sha256) + 1];

	/* Id and tag are hexadecimal, each of one length: two lines in any case. */
	buf_append_text(out, mime_loop_mark);
	buf_append(out, ": ", 2);
	buf_append(out, r->uid, UID_TEXT_MAX - 1);
	buf_append(out, "\r\n ", 3);
	buf_append(out, r->tag, HMAC_TAG_TEXT_MAX - 1);
	buf_append(out, "\r\n", 2);
	hex_format(r->facts->sha256, sizeof(r->facts->sha256), sha256);
	write_text(r, out, "X-TDC-SHA256", sha256);
	buf_append_text(out, "X-TDC-Size: ");
	write_number(out, r->facts->size);
	buf_append(out, "\r\n", 2);
	if (r->mark[0] != '\0')
		write_text(r, out, "X-TDC-Mark", r->mark);
	if (is_field_name(r->profile->client_ip_field) && m->client_address != NULL)
		write_text(r, out, r->profile->client_ip_field, m->client_address);
	if (r->profile->has_cse_fields)
		write_cse(r, out);
}

const char *
encoding_of_original(const struct rendering_parts *r)
{
	if (r->carry.is_attached)
		return "7bit"; /* base64 inside, and so is its report */
	if (r->carry.is_binary)
		return "binary";
	return (r->facts->facts & MIME_HAS_8BIT) != 0 ? "8bit" : "7bit";
}

static const char *
outer_encoding(const struct rendering_parts *r)
{
	const char *encoding = encoding_of_original(r);

	if (strcmp(encoding, "7bit") == 0 && r->report_is_8bit && !r->report_is_base64)
		return "8bit";
	return encoding;
}

void
header_write_outer(const struct rendering_parts *r, struct buf *out)
{
	const struct spool_journal *j = r->journal;
	const char *subject = j->message->subject;

	if (r->profile->format == JOURNAL_FORMAT_EXCHANGE)
		buf_append_text(out, "X-MS-Journal-Report:\r\n");
	write_text(r, out, "From", r->profile->header_from);
	write_text(r, out, "To",
		   r->profile->header_to[0] == '\0' ? "undisclosed-recipients:;"
						    : r->profile->header_to);
	write_text(r, out, "Subject",
		   subject == NULL || subject[0] == '\0' ? "(no subject)" : subject);
	buf_append_text(out, "Date: ");
	buf_append_text(out, renderer_date(r->writer, j->message->accepted_at));
	buf_append_text(out, "\r\nMessage-ID: <");
	buf_append(out, r->uid, UID_TEXT_MAX - 1);
	buf_append(out, "@", 1);
	clean_text_append(out, span_of(r->profile->hostname));
	buf_append_text(out,
			">\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n");
	header_write_facts(r, out);
	buf_append_text(out, "Content-Type: multipart/mixed; boundary=\"tdc-");
	buf_append(out, r->uid, UID_TEXT_MAX - 1);
	buf_append_text(out, "\"\r\nContent-Transfer-Encoding: ");
	buf_append_text(out, outer_encoding(r));
	buf_append(out, "\r\n\r\n", 4);
}

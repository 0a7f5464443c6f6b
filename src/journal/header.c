/*
 * header.c - the fields around an original.
 *
 * Every value that comes from outside is cleaned and written by mime_field_write(), so
 * that none can begin a field of its own.
 */
#include "render.h"

#include "tdc/base/clock.h"
#include "tdc/mime/text.h"

#include <stdio.h>

static bool
is_printable(struct span value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < ' ' || value.p[i] > '~')
			return false;
	return true;
}

static void
write_field(const struct rendering_parts *r, struct buf *out, const char *name,
	    struct span value)
{
	struct buf clean;

	if (is_printable(value)) { /* nearly all; no copy */
		mime_field_write(out, name, value, false);
		return;
	}
	buf_init(&clean, value.n + 1);
	clean_text_append(&clean, value);
	if (clean.failed)
		out->failed = true;
	else
		mime_field_write(out, name, buf_span(&clean), r->carry.is_global);
	buf_done(&clean);
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
	struct buf list;

	buf_init(&list, out->max);
	recipients_each(r->journal, add_recipient, &list);
	if (list.failed)
		out->failed = true;
	else
		write_field(r, out, "X-CSE-RcptTo", buf_span(&list));
	buf_done(&list);
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
	char loop_mark[UID_TEXT_MAX + HMAC_TAG_TEXT_MAX];

	snprintf(loop_mark, sizeof(loop_mark), "%s %s", r->uid, r->tag);
	write_text(r, out, mime_loop_mark, loop_mark);
	hex_format(r->facts->sha256, sizeof(r->facts->sha256), sha256);
	write_text(r, out, "X-TDC-SHA256", sha256);
	buf_printf(out, "X-TDC-Size: %llu\r\n", (unsigned long long)r->facts->size);
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
	char date[CLOCK_TEXT_MAX];

	if (r->profile->format == JOURNAL_FORMAT_EXCHANGE)
		buf_append_text(out, "X-MS-Journal-Report:\r\n");
	write_text(r, out, "From", r->profile->header_from);
	write_text(r, out, "To",
		   r->profile->header_to[0] == '\0' ? "undisclosed-recipients:;"
						    : r->profile->header_to);
	write_text(r, out, "Subject",
		   subject == NULL || subject[0] == '\0' ? "(no subject)" : subject);
	clock_format_mail(j->message->accepted_at, date);
	buf_printf(out, "Date: %s\r\n", date);
	buf_printf(out, "Message-ID: <%s@", r->uid);
	clean_text_append(out, span_of(r->profile->hostname));
	buf_append_text(out,
			">\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n");
	header_write_facts(r, out);
	buf_printf(out, "Content-Type: multipart/mixed; boundary=\"tdc-%s\"\r\n", r->uid);
	buf_printf(out, "Content-Transfer-Encoding: %s\r\n\r\n", outer_encoding(r));
}

/*
 * log_form.c - one event as a line of text, a line of JSON, or a datagram for journald.
 */
#include "log_internal.h"

#include "tdc/base/check.h"
#include "tdc/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const struct {
	const char *word, *name, *priority;
} levels[] = {
	/* in the text, in JSON, for syslog */
	[LOG_LEVEL_DEBUG] = { " Debug: ", "debug", "7" },
	[LOG_LEVEL_INFO] = { " Info: ", "info", "6" },
	[LOG_LEVEL_WARNING] = { " Warning: ", "warning", "4" },
	[LOG_LEVEL_ERROR] = { " Error: ", "error", "3" },
};

static const char *const subsystems[LOG_SUBSYSTEM_COUNT] = {
	[LOG_DAEMON] = "daemon",   [LOG_SERVER] = "server", [LOG_STORE] = "store",
	[LOG_DELIVER] = "deliver", [LOG_ADMIN] = "admin",
};

const char *
log_subsystem_name(enum log_subsystem sub)
{
	check((unsigned)sub < LOG_SUBSYSTEM_COUNT);
	return subsystems[sub];
}

/* The record's time, formatted once for all lines of a unit of `unit_ms`. */
static void
append_time(struct buf *out, const struct log_record *r, int64_t unit_ms,
	    void (*format)(int64_t wall_ms, char *text))
{
	struct log_stamp own = { 0 }, *s = r->stamp == NULL ? &own : r->stamp;
	int64_t at = r->wall_ms - (r->wall_ms % unit_ms + unit_ms) % unit_ms;

	if (s->format != format || s->at != at) {
		format(r->wall_ms, s->text);
		s->format = format;
		s->at = at;
	}
	buf_append_text(out, s->text);
}

int
log_encode_text(struct buf *out, const struct log_record *r)
{
	append_time(out, r, 1000, clock_format_log);
	buf_append_text(out, levels[r->level].word);
	log_escape_cut(out, r->text, LOG_MESSAGE_MAX);
	return buf_append_byte(out, '\n');
}

static void
append_json_text(struct buf *out, const char *key, struct span value, size_t max)
{
	buf_append_text(out, ",\"");
	buf_append_text(out, key);
	buf_append_text(out, "\":\"");
	log_escape_json(out, value, max);
	buf_append_byte(out, '"');
}

int
log_encode_json(struct buf *out, const struct log_record *r)
{
	buf_append_text(out, "{\"time\":\"");
	append_time(out, r, 1, clock_format_iso);
	buf_append_byte(out, '"');
	append_json_text(out, "level", span_of(levels[r->level].name), LOG_VALUE_MAX);
	append_json_text(out, "subsystem", span_of(log_subsystem_name(r->subsystem)),
			 LOG_VALUE_MAX);
	append_json_text(out, "event", span_of(r->event), LOG_VALUE_MAX);
	for (size_t i = 0; i < r->n_fields; i++) {
		const struct log_field *f = &r->fields[i];
		if (f->type == LOG_FIELD_INT)
			buf_printf(out, ",\"%s\":%" PRId64, f->key, f->number);
		else
			append_json_text(out, f->key, f->text, LOG_VALUE_MAX);
	}
	append_json_text(out, "text", r->text, LOG_MESSAGE_MAX);
	return buf_append_text(out, "}\n");
}

int
log_encode(struct buf *out, enum log_form form, const struct log_record *r)
{
	return form == LOG_FORM_JSON ? log_encode_json(out, r) : log_encode_text(out, r);
}

/* "TDC_" and the key in capitals; what is not a letter or digit becomes '_'. */
static void
append_journald_key(struct buf *out, const char *key)
{
	buf_append_text(out, "TDC_");
	for (const char *p = key; *p != '\0'; p++) {
		char c = *p;
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
			c = '_';
		buf_append_byte(out, c);
	}
	buf_append_byte(out, '=');
}

static void
append_journald_text(struct buf *out, const char *key, struct span value)
{
	append_journald_key(out, key);
	log_escape_cut(out, value, LOG_VALUE_MAX);
	buf_append_byte(out, '\n');
}

int
log_encode_journald(struct buf *out, const struct log_record *r)
{
	buf_append_text(out, "MESSAGE=");
	log_escape_cut(out, r->text, LOG_MESSAGE_MAX);
	buf_append_text(out, "\nPRIORITY=");
	buf_append_text(out, levels[r->level].priority);
	buf_append_text(out, "\nSYSLOG_IDENTIFIER=tdcd\nSYSLOG_FACILITY=2\n");
	append_journald_text(out, "subsystem", span_of(log_subsystem_name(r->subsystem)));
	append_journald_text(out, "event", span_of(r->event));
	for (size_t i = 0; i < r->n_fields; i++) {
		const struct log_field *f = &r->fields[i];
		if (f->type == LOG_FIELD_TEXT) {
			append_journald_text(out, f->key, f->text);
			continue;
		}
		append_journald_key(out, f->key);
		buf_printf(out, "%" PRId64 "\n", f->number);
	}
	return out->failed ? -1 : 0;
}

int
log_encode_syslog(struct buf *out, enum log_form form, const struct log_record *r)
{
	enum { FACILITY_MAIL = 2 << 3 };

	buf_printf(out,
		   "<%d>tdcd[%d]: ", FACILITY_MAIL + levels[r->level].priority[0] - '0',
		   (int)getpid());
	if (form == LOG_FORM_TEXT)
		log_escape_cut(out, r->text, LOG_MESSAGE_MAX);
	else if (log_encode_json(out, r) == 0)
		out->n--; /* without its line feed */
	return out->failed ? -1 : 0;
}

void
log_lost_init(struct log_lost *l, uint64_t lost)
{
	int n = snprintf(l->text, sizeof(l->text),
			 "%" PRIu64 " log lines could not be written and are lost", lost);

	l->field = LF_INT("lost", lost);
	l->record = (struct log_record){
		.wall_ms = clock_system()->wall_ms(clock_system()),
		.subsystem = LOG_DAEMON,
		.level = LOG_LEVEL_WARNING,
		.event = "log.lost",
		.fields = &l->field,
		.n_fields = 1,
		.text = span_make(l->text, (size_t)n),
	};
}

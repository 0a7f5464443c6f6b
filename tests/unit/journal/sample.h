/*
 * sample.h - a journal made by hand, with a body that is facts only. For the tests of
 * this directory.
 */
#ifndef TDC_TESTS_JOURNAL_SAMPLE_H
#define TDC_TESTS_JOURNAL_SAMPLE_H

#include "tdc/journal/journal.h"
#include "tdc/mime/scan.h"

#include <string.h>

/* The renderer knows nothing of a body but its facts. */
struct spool_body {
	struct body_facts facts;
};

const struct body_facts *
spool_body_facts(const struct spool_body *b)
{
	return &b->facts;
}

struct sample {
	struct spool_body body;
	struct spool_message message;
	struct message_recipient recipients[4];
	struct spool_journal journal;
};

static inline void
sample_init(struct sample *s)
{
	*s = (struct sample){ 0 };
	s->body.facts.size = 100;
	s->body.facts.header_size = 50;
	memset(s->body.facts.sha256, 0xab, sizeof(s->body.facts.sha256));
	s->recipients[0].address = (char *)(uintptr_t) "r0@example.org";
	s->recipients[1].address = (char *)(uintptr_t) "r1@example.org";
	s->message.mid = 6;
	s->message.accepted_at = 1050609382000; /* Thu, 17 Apr 2003 19:56:22 +0000 */
	s->message.sender = (char *)(uintptr_t) "s@example.com";
	s->message.recipients = s->recipients;
	s->message.n_recipients = 2;
	s->message.client_address = (char *)(uintptr_t) "192.0.2.7";
	s->message.subject = (char *)(uintptr_t) "Hello";
	s->message.message_id = (char *)(uintptr_t) "<1@example.com>";
	s->journal.mid = 7;
	s->journal.message = &s->message;
	s->journal.body = &s->body;
	for (size_t i = 0; i < sizeof(s->journal.uid.b); i++)
		s->journal.uid.b[i] = (uint8_t)i;
}

#define SAMPLE_UID    "000102030405060708090a0b0c0d0e0f"
#define SAMPLE_SECRET ((const uint8_t *)"0123456789abcdef0123456789abcdef")
/* HMAC-SHA-256 of the one under the other, by another implementation. */
#define SAMPLE_TAG "e91d134a3f340d732b3a7b9f0fb03295"

static inline struct journal_settings
sample_settings(void)
{
	return (struct journal_settings){
		.hostname = "mx.example.org",
		.format = JOURNAL_FORMAT_JOURNAL,
		.mail_from = "",
		.header_to = "tenant@intake.example",
		.client_ip_field = "X-IronPort-RemoteIP",
		.has_cse_fields = true,
	};
}

/* 0, or what journal_render() said, by a renderer of its own. */
static inline int
sample_render_text(const struct sample *s, const char *profile, const char *intake,
		   const uint8_t *secret, struct journal_rendering *ret, struct err *e)
{
	struct journal_renderer *w;

	if (journal_renderer_new(secret, &w, e) != 0)
		return -1;
	int result = journal_render(w, profile, &s->journal, intake, ret, e);
	journal_renderer_free(w);
	return result;
}

/* The same; the profile is written and used as text. */
static inline int
sample_render_as(const struct sample *s, const struct journal_settings *settings,
		 unsigned extensions, char version, struct journal_rendering *ret,
		 struct err *e)
{
	struct buf profile;

	buf_init(&profile, 8192);
	int result = journal_profile_write(settings, extensions, &profile);
	if (result == 0) {
		profile.p[profile.off + 1] = version; /* "v2 ..." */
		result =
			sample_render_text(s, buf_text(&profile), "tenant@intake.example",
					   SAMPLE_SECRET, ret, e);
	}
	buf_done(&profile);
	return result;
}

/* The same, in the latest version. */
static inline int
sample_render(const struct sample *s, const struct journal_settings *settings,
	      unsigned extensions, struct journal_rendering *ret, struct err *e)
{
	return sample_render_as(s, settings, extensions, '2', ret, e);
}

#endif

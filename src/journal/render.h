/*
 * render.h - the parts of a rendering, between the files of src/journal.
 */
#ifndef TDC_JOURNAL_RENDER_H
#define TDC_JOURNAL_RENDER_H

#include "profile.h"

#include "tdc/base/clock.h"
#include "tdc/digest/hmac.h"
#include "tdc/mime/scan.h"

/* How the original is carried: what carry_decide() made of the capability table. */
struct carry {
	bool is_held, is_attached, is_binary, is_global;
	bool must_use_bdat;
	const char *why; /* of held or attached: words of the mark */
};
struct carry carry_decide(const struct profile *p, unsigned facts, uint64_t header_size);

enum { PROFILES_KEPT = 4 };

struct journal_renderer {
	struct hmac_key *key; /* of the loop mark */
	struct {
		char *text; /* NULL: free */
		struct profile profile;
	} kept[PROFILES_KEPT];
	size_t next; /* the place that is given up next */
	/* Empty between renderings. */
	struct buf report; /* text of the first part */
	struct buf list;   /* recipients             */
	struct buf clean;  /* a value                */
	int64_t dated_at;  /* second of accepted_at that `date` stands for */
	char date[CLOCK_TEXT_MAX];
};
/* The profile, valid until the next call; NULL with *e: as profile_parse() says. */
const struct profile *renderer_profile(struct journal_renderer *w, const char *text,
				       struct err *e);
const char *renderer_date(struct journal_renderer *w, int64_t wall_ms);

/* All that the writers of one rendering share; lives on the stack of journal_render(). */
struct rendering_parts {
	struct journal_renderer *writer;
	const struct profile *profile;
	const struct spool_journal *journal;
	const struct body_facts *facts;
	const char *intake;
	char uid[UID_TEXT_MAX];
	char tag[HMAC_TAG_TEXT_MAX]; /* of the uid: together, the loop mark */
	struct carry carry;
	const char *mark;
	bool report_is_8bit, report_is_base64;
};

/* Recipients of the journal's rids: calls fn for each. */
typedef void recipient_fn(void *arg, const struct message_recipient *r);
void recipients_each(const struct spool_journal *j, recipient_fn *fn, void *arg);

/*
 * Appends `text` as valid UTF-8 without control characters or line separators ('?' for
 * each).
 */
void clean_text_append(struct buf *out, struct span text);
bool text_is_ascii(struct span text);
/* ASCII without control characters: can stand anywhere as it is. */
bool text_is_printable(struct span text);

void report_write(const struct spool_journal *j, struct buf *out);
/* Fields X-CSE-*, X-TDC-*, client address: common to all formats. */
void header_write_facts(const struct rendering_parts *r, struct buf *out);
/* The whole outer header of the multipart, with the empty line. */
void header_write_outer(const struct rendering_parts *r, struct buf *out);
/* 7bit, 8bit or binary: of the part that holds the original, and of what is around it. */
const char *encoding_of_original(const struct rendering_parts *r);

#endif

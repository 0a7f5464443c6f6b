/*
 * fake_host.h - a session's world in memory: drafts are buffers, the commit does as it is told.
 *
 * Drives a session as a connection does: input is offered, output collected, and what the session
 * waits for is answered at once, unless the test wants it late. Nothing sleeps.
 */
#ifndef DIALOG_SERVER_FAKE_HOST_H
#define DIALOG_SERVER_FAKE_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/session.h"

#include "tdc/base/buf.h"
#include "tdc/base/clock.h"
#include "tdc/base/log.h"

#define FAKE_SECRET ((const uint8_t *)"0123456789abcdef0123456789abcdef")

struct spool_draft { /* of this world only */
	struct buf bytes;
};

struct fake {
	struct session *session;
	struct listener_config *config;
	struct clock_manual clock;
	struct buf input;      /* sent by the client, not used yet */
	struct buf transcript; /* all that was replied */
	unsigned writes;       /* how many times there was output */

	/* what this world does */
	enum err_kind draft_new_fails, append_fails, commit_fails, tls_fails;
	size_t append_fails_at; /* only from so many bytes on */
	bool is_commit_late, is_tls_late, is_room_late;
	size_t full_above; /* a draft is full above this; 0 = never */
	size_t n_plans;    /* 0 = 1 */
	enum drop_reason drop;
	const char *drop_detail;
	bool is_bare_refused; /* for whoever opens it */

	/* what happened */
	uint64_t last_mid;
	unsigned drafts_open, commits, refused, room_waits;
	bool is_commit_pending;
	struct spool_message *message; /* of the last commit */
	struct body_facts facts;
	struct spool_plan plans[SPOOL_PLANS_MAX];
	size_t n_committed_plans;
	struct buf body;
	size_t largest_draft;
};

static inline uint64_t
fake_next_mid(void *host)
{
	return ++((struct fake *)host)->last_mid;
}

static inline int
fake_fail(enum err_kind kind, struct err *e)
{
	return kind == ERR_NONE ? 0 : err_set(e, kind, 0, "told to fail");
}

static inline int
fake_draft_new(void *host, uint64_t size_hint, struct spool_draft **ret, struct err *e)
{
	struct fake *f = host;

	(void)size_hint;
	if (fake_fail(f->draft_new_fails, e) != 0)
		return -1;
	*ret = calloc(1, sizeof(**ret));
	assert_non_null(*ret);
	buf_init(&(*ret)->bytes, SIZE_MAX / 2);
	f->drafts_open++;
	return 0;
}

static inline int
fake_draft_append(void *host, struct spool_draft *d, const char *p, size_t n,
		  struct err *e)
{
	struct fake *f = host;

	if (d->bytes.n + n > f->append_fails_at && fake_fail(f->append_fails, e) != 0)
		return -1;
	assert_int_equal(buf_append(&d->bytes, p, n), 0);
	if (d->bytes.n > f->largest_draft)
		f->largest_draft = d->bytes.n;
	return 0;
}

static inline bool
fake_draft_is_full(void *host, struct spool_draft *d)
{
	struct fake *f = host;
	bool is_full = f->full_above > 0 && d->bytes.n > f->full_above;

	if (is_full)
		f->room_waits++;
	return is_full;
}

static inline void
fake_draft_free(void *host, struct spool_draft *d)
{
	struct fake *f = host;

	buf_done(&d->bytes);
	free(d);
	f->drafts_open--;
}

static inline size_t
fake_decide(void *host, const struct spool_message *m, const struct body_facts *facts,
	    struct mime_names field_names, struct spool_plan plans[SPOOL_PLANS_MAX])
{
	struct fake *f = host;
	size_t n = f->n_plans == 0 ? 1 : f->n_plans;

	(void)m;
	(void)facts;
	(void)field_names;
	for (size_t i = 0; i < n; i++)
		plans[i] = (struct spool_plan){ .policy = i == 0 ? "DEFAULT" : "other",
						.rids = n == 1 ? NULL : "0",
						.drop = f->drop,
						.drop_detail = f->drop_detail };
	return n;
}

static inline void
fake_commit(void *host, struct spool_draft *d, struct spool_message *m,
	    const struct body_facts *facts, const struct spool_plan *plans, size_t n)
{
	struct fake *f = host;

	assert_false(f->is_commit_pending);
	f->is_commit_pending = true;
	f->commits++;
	spool_message_unref(f->message);
	f->message = spool_message_ref(m);
	f->facts = *facts;
	memcpy(f->plans, plans, n * sizeof(*plans));
	f->n_committed_plans = n;
	buf_clear(&f->body);
	assert_int_equal(buf_append_span(&f->body, buf_span(&d->bytes)), 0);
	fake_draft_free(f, d);
}

static inline void
fake_refused(void *host)
{
	((struct fake *)host)->refused++;
}

static const struct session_host_ops fake_ops = {
	.next_mid = fake_next_mid,
	.draft_new = fake_draft_new,
	.draft_append = fake_draft_append,
	.draft_is_full = fake_draft_is_full,
	.draft_free = fake_draft_free,
	.decide = fake_decide,
	.commit = fake_commit,
	.refused = fake_refused,
};

static inline void
fake_collect(struct fake *f)
{
	struct buf *out = session_output(f->session);

	if (out->n == 0)
		return;
	f->writes++;
	assert_int_equal(buf_append_span(&f->transcript, buf_span(out)), 0);
	buf_clear(out);
}

/* A context is never looked into here: that there is one makes the session offer STARTTLS. */
#define FAKE_TLS ((struct tls_context *)(void *)&fake_ops)

/* `settings` may be NULL. Defaults: SMTP, hostname mx.example, queue domain the.tdc.queue. */
static inline void
fake_open(struct fake *f, const struct server_listener_settings *settings)
{
	static const struct server_listener_settings none = { 0 };
	struct server_listener_settings one = settings == NULL ? none : *settings;
	struct tls_context *tls = one.tls;
	struct err e;

	one.name = "feed";
	one.tls = NULL;
	struct server_settings all = { .hostname = "mx.example",
				       .queue_domain = "the.tdc.queue",
				       .listeners = &one,
				       .n_listeners = 1 };
	assert_int_equal(listener_config_new(&all, 0, &f->config, &e), 0);
	f->config->settings.tls = tls;
	clock_manual_init(&f->clock, 1700000000000);
	buf_init(&f->input, SIZE_MAX / 2);
	buf_init(&f->transcript, SIZE_MAX / 2);
	buf_init(&f->body, SIZE_MAX / 2);
	struct session_settings s = { .config = f->config,
				      .icid = 5,
				      .client_address = "10.1.1.209",
				      .clock = &f->clock.base,
				      .secret = FAKE_SECRET };
	assert_int_equal(session_new(&s, &fake_ops, f, &f->session, &e), 0);
	fake_collect(f);
}

static inline void
fake_close(struct fake *f)
{
	session_free(f->session);
	assert_int_equal(f->drafts_open, 0);
	f->config->settings.tls = NULL;
	listener_config_unref(f->config);
	spool_message_unref(f->message);
	buf_done(&f->input);
	buf_done(&f->transcript);
	buf_done(&f->body);
	memset(f, 0, sizeof(*f));
}

static inline void
fake_commit_now(struct fake *f)
{
	struct err e;

	assert_true(f->is_commit_pending);
	f->is_commit_pending = false;
	bool failed = fake_fail(f->commit_fails, &e) != 0;
	session_committed(f->session, failed ? &e : NULL);
	fake_collect(f);
}

static inline void
fake_tls_now(struct fake *f)
{
	static const struct tls_facts facts = { .version = "TLSv1.3", .cipher = "X" };
	struct err e;
	bool failed = fake_fail(f->tls_fails, &e) != 0;

	session_tls_done(f->session, failed ? NULL : &facts, failed ? &e : NULL);
	fake_collect(f);
}

static inline void
fake_room_now(struct fake *f)
{
	session_room(f->session);
	fake_collect(f);
}

/* Answers what is not to come late. False: nothing was answered. */
static inline bool
fake_answer(struct fake *f)
{
	switch (session_wants(f->session)) {
	case SESSION_WANTS_COMMIT:
		if (!f->is_commit_late)
			fake_commit_now(f);
		return !f->is_commit_late;
	case SESSION_WANTS_TLS:
		if (!f->is_tls_late)
			fake_tls_now(f);
		return !f->is_tls_late;
	case SESSION_WANTS_ROOM:
		if (!f->is_room_late)
			fake_room_now(f);
		return !f->is_room_late;
	case SESSION_WANTS_INPUT:
	case SESSION_WANTS_CLOSE:
		break;
	}
	return false;
}

/* As connection_go_on() does it. */
static inline void
fake_go_on(struct fake *f)
{
	bool has_moved = true;

	while (has_moved) {
		has_moved = false;
		if (session_wants(f->session) == SESSION_WANTS_INPUT) {
			size_t used = session_input(f->session, buf_span(&f->input));
			has_moved = used > 0 || session_output(f->session)->n > 0;
			buf_consume(&f->input, used);
			fake_collect(f);
		}
		has_moved = fake_answer(f) || has_moved;
	}
}

static inline void
fake_send(struct fake *f, const void *p, size_t n)
{
	assert_int_equal(buf_append(&f->input, p, n), 0);
	fake_go_on(f);
}

static inline void
fake_say(struct fake *f, const char *text)
{
	fake_send(f, text, strlen(text));
}

/* How input is cut: CUT_WHOLE, CUT_BYTES, or anything else as the seed of random cuts. */
enum { CUT_WHOLE, CUT_BYTES, CUT_RANDOM };

static inline void
fake_send_cut(struct fake *f, const char *p, size_t n, unsigned cut)
{
	uint32_t random = cut * 2654435761u + 1;

	while (n > 0) {
		random = random * 1664525u + 1013904223u;
		size_t piece = cut == CUT_WHOLE   ? n
			       : cut == CUT_BYTES ? 1
						  : 1 + (random >> 20) % 23;
		if (piece > n)
			piece = n;
		fake_send(f, p, piece);
		p += piece;
		n -= piece;
	}
}

/* "220|250|250 2.1.0|...": the last line of each reply, code and enhanced code. */
static inline const char *
fake_codes(struct fake *f, struct buf *ret)
{
	assert_non_null(buf_text(&f->transcript)); /* ended by a NUL */
	struct span rest = buf_span(&f->transcript);

	buf_init(ret, SIZE_MAX / 2);
	while (rest.n > 0) {
		const char *end = memchr(rest.p, '\n', rest.n);
		assert_non_null(end);
		size_t n = (size_t)(end - rest.p) + 1;
		assert_true(n >= 6 && end[-1] == '\r');
		if (rest.p[3] == ' ') {
			buf_printf(ret, "%s%.3s", ret->n == 0 ? "" : "|", rest.p);
			unsigned a, b, c;
			if (sscanf(rest.p + 4, "%1u.%3u.%3u ", &a, &b, &c) == 3)
				buf_printf(ret, " %u.%u.%u", a, b, c);
		} else {
			assert_int_equal(rest.p[3], '-');
		}
		rest = span_skip(rest, n);
	}
	const char *text = buf_text(ret);
	assert_non_null(text);
	return text;
}

/* Compares all replies so far; prints the row's sentence, got and want. Returns 0 or 1. */
static inline int
fake_expect(struct fake *f, const char *sentence, const char *want)
{
	struct buf got;
	int failed = strcmp(fake_codes(f, &got), want) != 0;

	if (failed)
		print_error("%s\n  got  %s\n  want %s\n", sentence, buf_text(&got), want);
	buf_done(&got);
	return failed;
}

/* Forgets the replies so far. */
static inline void
fake_forget(struct fake *f)
{
	buf_clear(&f->transcript);
}

/* What is refused here is refused on purpose. */
static inline int
fake_quiet(void **state)
{
	struct log_settings s = { .target = LOG_TO_FILE,
				  .level = LOG_LEVEL_DEBUG,
				  .path = "/dev/null" };
	struct err e;

	(void)state;
	return log_open(&s, &e);
}

static inline int
fake_loud(void **state)
{
	(void)state;
	log_close();
	return 0;
}

#endif

/*
 * fuzz_server_session.c - a session fed with anything.
 *
 * The first byte chooses the listener's options. Properties: the replies and the committed bytes do not
 * depend on how the input is cut; 250 for a message is said exactly as often as a commit succeeded; no
 * draft is left behind; a commit that fails is never answered 5xx; nobody makes a loop mark of ours
 * (the corpus has one, which may be copied).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/session.h"

#include "tdc/base/check.h"
#include "tdc/base/log.h"
#include "tdc/mime/scan.h"

struct spool_draft {
	struct buf bytes;
};

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char known_mark[] = "e91d134a3f340d732b3a7b9f0fb03295"; /* in the corpus */

struct host {
	struct session *session;
	struct buf input, output, kept;
	uint64_t mids;
	unsigned drafts, commits, accepted;
	bool is_pending, fails;
};

static uint64_t
next_mid(void *arg)
{
	return ++((struct host *)arg)->mids;
}

static int
draft_new(void *arg, uint64_t size_hint, struct spool_draft **ret, struct err *e)
{
	(void)size_hint;
	*ret = calloc(1, sizeof(**ret));
	if (*ret == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory");
	buf_init(&(*ret)->bytes, 1 << 24);
	((struct host *)arg)->drafts++;
	return 0;
}

static int
draft_append(void *arg, struct spool_draft *d, const char *p, size_t n, struct err *e)
{
	(void)arg;
	return buf_append(&d->bytes, p, n) == 0 ? 0 : err_set(e, ERR_SPACE, 0, "no room");
}

static bool
draft_is_full(void *arg, struct spool_draft *d)
{
	(void)arg;
	return d->bytes.n % 7 == 3; /* now and then; answered at once */
}

static void
draft_free(void *arg, struct spool_draft *d)
{
	((struct host *)arg)->drafts--;
	buf_done(&d->bytes);
	free(d);
}

static size_t
decide(void *arg, const struct spool_message *m, const struct body_facts *facts,
       struct mime_names field_names, struct spool_plan plans[SPOOL_PLANS_MAX])
{
	(void)arg;
	(void)facts;
	(void)field_names;
	check(m->n_recipients > 0);
	plans[0] = (struct spool_plan){ .policy = "DEFAULT" };
	return 1;
}

static void
commit(void *arg, struct spool_draft *d, struct spool_message *m,
       const struct body_facts *facts, const struct spool_plan *plans, size_t n)
{
	struct host *h = arg;

	(void)m;
	(void)plans;
	check(!h->is_pending && n == 1 && facts->size == d->bytes.n);
	check((facts->facts & MIME_HAS_LOOP_MARK) == 0 ||
	      memmem(buf_span(&d->bytes).p, d->bytes.n, known_mark,
		     sizeof(known_mark) - 1) != NULL);
	h->is_pending = true;
	h->commits++;
	buf_append_span(&h->kept, buf_span(&d->bytes));
	buf_append_byte(&h->kept, '\0');
	draft_free(h, d);
}

static void
refused(void *arg)
{
	(void)arg;
}

static const struct session_host_ops ops = {
	next_mid,   draft_new, draft_append, draft_is_full,
	draft_free, decide,    commit,       refused,
};

static void
collect(struct host *h)
{
	struct buf *out = session_output(h->session);

	check(!out->failed);
	buf_append_span(&h->output, buf_span(out));
	buf_clear(out);
}

/* Lines that say that a message is ours. What a peer said cannot begin a line. */
static unsigned
count_accepted(struct span said)
{
	static const char ok[] = "250 2.0.0 Ok: queued as ";
	unsigned count = 0;

	for (size_t i = 0; i < said.n; i++) {
		bool begins = i == 0 || said.p[i - 1] == '\n';
		count += begins && span_starts_nocase(span_skip(said, i), span_of(ok));
	}
	return count;
}

/* The reply to a commit, and nothing but that, is what comes out of its completion. */
static void
answer_commit(struct host *h)
{
	struct err e = { .kind = ERR_CORRUPT, .text = "told to fail" };

	h->is_pending = false;
	session_committed(h->session, h->fails ? &e : NULL);
	struct span said = buf_span(session_output(h->session));
	check(said.n > 4 && said.p[0] == (h->fails ? '4' : '2'));
	check((count_accepted(said) == 0) == h->fails);
	h->accepted += count_accepted(said);
	collect(h);
}

static void
go_on(struct host *h)
{
	bool has_moved = true;

	while (has_moved) {
		has_moved = false;
		enum session_wants wants = session_wants(h->session);
		if (wants == SESSION_WANTS_INPUT) {
			size_t used = session_input(h->session, buf_span(&h->input));
			has_moved = used > 0 || session_output(h->session)->n > 0;
			buf_consume(&h->input, used);
			collect(h);
		} else if (wants == SESSION_WANTS_COMMIT) {
			answer_commit(h);
			has_moved = true;
		} else if (wants == SESSION_WANTS_ROOM) {
			session_room(h->session);
			has_moved = true;
		}
	}
}

static void
run(struct host *h, uint8_t options, const uint8_t *data, size_t n, size_t piece)
{
	struct server_listener_settings l = {
		.name = "feed",
		.protocol = (options & 1) != 0 ? SERVER_LMTP : SERVER_SMTP,
		.bare_line_ends = (options & 2) != 0 ? BARE_REFUSE : BARE_KEEP,
		.message_size_max = (options & 4) != 0 ? 20 : 0,
		.recipients_max = (options & 8) != 0 ? 2 : 0,
		.command_line_max = 512,
		.errors_max = (options & 16) != 0 ? 3 : 1000,
	};
	struct server_settings all = { .hostname = "mx.example",
				       .listeners = &l,
				       .n_listeners = 1 };
	struct listener_config *config;
	struct clock_manual clock;
	struct err e;

	*h = (struct host){ .fails = (options & 32) != 0 };
	buf_init(&h->input, SIZE_MAX / 2);
	buf_init(&h->output, SIZE_MAX / 2);
	buf_init(&h->kept, SIZE_MAX / 2);
	clock_manual_init(&clock, 1700000000000);
	check(listener_config_new(&all, 0, &config, &e) == 0);
	struct session_settings s = { config, 1, "192.0.2.1", &clock.base,
				      (const uint8_t *)secret };
	check(session_new(&s, &ops, h, &h->session, &e) == 0);
	collect(h);
	for (size_t at = 0; at < n; at += piece) {
		buf_append(&h->input, data + at, n - at < piece ? n - at : piece);
		go_on(h);
	}
	session_lost(h->session, NULL);
	check(session_wants(h->session) == SESSION_WANTS_CLOSE);
	session_free(h->session);
	listener_config_unref(config);
	check(h->drafts == 0 && !h->is_pending);
	check(count_accepted(buf_span(&h->output)) == h->accepted);
}

static void
host_done(struct host *h)
{
	buf_done(&h->input);
	buf_done(&h->output);
	buf_done(&h->kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = { 1, 2, 7, 64 };
	struct host whole;

	log_set_level(LOG_SERVER, (enum log_level)(LOG_LEVEL_ERROR + 1)); /* nothing */
	if (size == 0 || size > 65536)
		return 0;
	run(&whole, data[0], data + 1, size - 1, size);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct host cut;
		run(&cut, data[0], data + 1, size - 1, pieces[i]);
		check(span_equal(buf_span(&cut.output), buf_span(&whole.output)));
		check(span_equal(buf_span(&cut.kept), buf_span(&whole.kept)));
		check(cut.commits == whole.commits);
		host_done(&cut);
	}
	host_done(&whole);
	return 0;
}

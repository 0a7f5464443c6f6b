/*
 * world.h - the delivery on a loop with a clock that stands still, a spool in memory and
 * a scripted peer.
 *
 * The wire is real (sockets, TLS), time is not: it moves when the test says so. Every
 * wait is for something that happens.
 */
#ifndef DIALOG_DELIVER_WORLD_H
#define DIALOG_DELIVER_WORLD_H

#include "peer.h"

#include "fake_routes.h"
#include "fakes.h"

#include "tdc/base/counter.h"
#include "tdc/base/log.h"
#include "tdc/mime/text.h"
#include "tdc/smtp/reply.h"
#include "tdc/tls/selfsigned.h"

#include <unistd.h>

#define NOW 1050609382000
enum { TURNS_MAX = 20000, QUIET_TURNS = 12 };

struct world {
	struct clock_manual clock;
	struct loop *loop;
	struct spool spool;
	struct policy_set policies;
	struct dns dns;
	struct peer peer;
	struct deliver *deliver;
	struct tls_client_settings tls;
	struct fake_content {
		bool is_base64, must_use_bdat, needs_smtputf8, is_held;
		enum smtp_body_type body;
		const char *mark;    /* how the body is carried */
		const char *unknown; /* a profile that cannot be rendered */
		unsigned failures;   /* renderings that find no memory    */
		const char *no_tail;
	} content;
	unsigned stopped;
	struct deliver_settings settings;
};

/* ------------------------------------------------------------------ a renderer */

static inline int
world_profile(void *arg, const char *destination, unsigned extensions, struct buf *ret)
{
	(void)arg;
	(void)destination;
	return buf_printf(ret, "profile-%x", extensions & SMTP_EXT_8BITMIME);
}

static inline int
world_render(void *arg, const char *profile, const struct spool_journal *j,
	     const char *intake, struct deliver_content *ret, struct err *e)
{
	struct fake_content *c = &((struct world *)arg)->content;
	uint64_t size = spool_body_facts(j->body)->size;

	if (c->failures > 0) {
		c->failures--;
		return err_set(e, ERR_MEMORY, 0, "no memory to render a journal");
	}
	if (c->unknown != NULL && strcmp(profile, c->unknown) == 0)
		return err_set(e, ERR_SYNTAX, 0, "render profile of an unknown version");
	*ret = (struct deliver_content){ .body_is_base64 = c->is_base64,
					 .must_use_bdat = c->must_use_bdat,
					 .body = c->body,
					 .needs_smtputf8 = c->needs_smtputf8,
					 .is_held = c->is_held };
	snprintf(ret->mark, sizeof(ret->mark), "%s",
		 c->is_held        ? "hold: it says so"
		 : c->mark == NULL ? ""
				   : c->mark);
	buf_init(&ret->head, 4096);
	buf_init(&ret->tail, 4096);
	buf_printf(&ret->head, "Mid: %" PRIu64 "\r\nProfile: %s\r\nTo: %s\r\n\r\n",
		   j->mid, profile, intake);
	if (c->no_tail == NULL)
		buf_append_text(&ret->tail, "\r\ntail\r\n");
	if (c->is_base64)
		size = mime_base64_encoded_size(size);
	ret->size = ret->head.n + size + ret->tail.n;
	return 0;
}

static const struct deliver_content_ops world_ops = { world_profile, world_render };

/* ------------------------------------------------------------------ life */

static char world_directory[64];

static inline void
world_path(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", world_directory, name);
}

static inline int
world_setup_certificates(void **state)
{
	static const char *const names[] = { "intake.example" };
	struct tls_leaf_settings leaf = { .common_name = "intake.example",
					  .names = names,
					  .name_count = 1,
					  .valid_from_s = -3600,
					  .valid_until_s = 3600 };
	struct tls_issuer *issuer;
	char ca[128], certificate[128], key[128], other[128];
	struct err e;

	(void)state;
	snprintf(world_directory, sizeof(world_directory), "/tmp/tdc-deliver-XXXXXX");
	assert_non_null(mkdtemp(world_directory));
	world_path(ca, "ca.pem");
	world_path(certificate, "certificate.pem");
	world_path(key, "key.pem");
	world_path(other, "other.pem");
	assert_int_equal(tls_issuer_new("tests", &issuer, &e), 0);
	assert_int_equal(tls_issuer_write(issuer, ca, NULL, &e), 0);
	assert_int_equal(tls_leaf_write(issuer, &leaf, certificate, key, &e), 0);
	tls_issuer_free(issuer);
	assert_int_equal(tls_issuer_new("others", &issuer, &e), 0);
	assert_int_equal(tls_issuer_write(issuer, other, NULL, &e), 0);
	tls_issuer_free(issuer);
	return 0;
}

static inline int
world_remove_certificates(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", world_directory);
	return system(command);
}

static inline struct destination_controls
world_controls(void)
{
	return (struct destination_controls){
		.pattern = "default",
		.concurrency = 5,
		.messages_per_connection = 10,
		.tls_mode = TLS_MODE_VERIFY,
		.bounce = { "default", 100, 259200000, 60000, 3600000 },
		.connect_timeout_ms = 30000,
		.greeting_timeout_ms = 300000,
		.ehlo_timeout_ms = 300000,
		.starttls_timeout_ms = 120000,
		.mail_timeout_ms = 300000,
		.rcpt_timeout_ms = 300000,
		.data_timeout_ms = 120000,
		.block_timeout_ms = 180000,
		.final_timeout_ms = 600000,
		.idle_timeout_ms = 30000,
		.probe_first_ms = 15000,
		.probe_longest_ms = 300000,
		.suspended_probe_ms = 600000,
		.uncertain_wait_ms = 900000,
	};
}

static inline void
world_init_policies(struct world *w)
{
	w->policies = (struct policy_set){ .refs = 1,
					   .intakes = { "tenant@intake.example",
							"other@intake.example" },
					   .controls = world_controls() };
	w->policies.hops[0] =
		(struct next_hop){ NEXT_HOP_HOST, "intake.example", 25, true, 0 };
	w->policies.route = (struct smtp_route){ "intake.example", w->policies.hops, 1 };
}

static inline struct tls_context *
world_peer_tls(void)
{
	struct tls_server_settings s = { 0 };
	char certificate[128], key[128];
	struct tls_context *context;
	struct err e;

	world_path(certificate, "certificate.pem");
	world_path(key, "key.pem");
	s.certificate_file = certificate;
	s.key_file = key;
	assert_int_equal(tls_server_context_new(&s, &context, &e), 0);
	return context;
}

static inline void
world_init(struct world *w)
{
	static const char body[] = "Subject: x\r\n\r\nbody\r\n.dot\r\n";
	static char ca[128];
	struct err e;

	*w = (struct world){ .stopped = 0 };
	clock_manual_init(&w->clock, NOW);
	assert_int_equal(loop_new(&w->clock.base, &w->loop, &e), 0);
	fake_loop = w->loop;
	w->spool.loop = w->loop;
	w->spool.message = spool_message_new();
	w->spool.body = fake_body(body, sizeof(body) - 1);
	w->spool.names[0] = "DEFAULT";
	w->spool.n_names = 1;
	buf_init(&w->spool.log, 1 << 20);
	world_init_policies(w);
	peer_open(&w->peer, w->loop, world_peer_tls());
	w->dns.found.address[0] = w->peer.address;
	w->dns.found.count = 1;
	world_path(ca, "ca.pem");
	w->tls.ca_file = ca;
	w->settings.hostname = "me.example";
}

static inline void
world_rows(struct world *w, size_t n)
{
	w->spool.rows = calloc(n, sizeof(*w->spool.rows));
	assert_non_null(w->spool.rows);
	w->spool.n_rows = n;
	for (size_t i = 0; i < n; i++)
		w->spool.rows[i] = (struct fake_row){ .mid = i + 1,
						      .state = JOURNAL_WAITING,
						      .policy = "DEFAULT",
						      .created_at = w->clock.wall };
}

/* With the CA file of the controls, if they have one. */
static inline struct deliver_tls *
world_tls(struct world *w)
{
	const char *ca_file = w->policies.controls.ca_file;
	struct deliver_tls *tls;
	struct err e;

	assert_int_equal(deliver_tls_new(&w->tls, &tls, &e), 0);
	if (ca_file != NULL)
		assert_int_equal(deliver_tls_add(tls, ca_file, &e), 0);
	return tls;
}

static inline void
world_start_with(struct world *w, struct deliver_tls *tls)
{
	struct err e;

	assert_int_equal(deliver_new(w->loop, &w->settings, &w->spool, &w->dns,
				     &w->policies, tls, &world_ops, w, &w->deliver, &e),
			 0);
	deliver_start(w->deliver);
}

static inline void
world_start(struct world *w)
{
	world_start_with(w, world_tls(w));
}

static inline void
world_done(struct world *w)
{
	struct err e;

	deliver_free(w->deliver);
	struct tls_context *tls = w->peer.tls;
	peer_close(&w->peer);
	for (int i = 0; i < 20; i++)
		loop_run_once(w->loop, 0, &e);
	tls_context_unref(tls);
	loop_free(w->loop);
	for (size_t i = 0; i < w->spool.n_rows; i++) {
		free(w->spool.rows[i].profile);
		spool_body_unref(w->spool.rows[i].body);
	}
	free(w->spool.rows);
	free(w->spool.destination_profile);
	fake_forget_crashes(&w->spool);
	spool_message_unref(w->spool.message);
	spool_body_unref(w->spool.body);
	buf_done(&w->spool.log);
	assert_int_equal(w->policies.refs, 1);
	log_flush();
}

/* ------------------------------------------------------------------ time and waiting */

static inline void
world_turn(struct world *w, int wait_ms)
{
	struct err e;

	assert_int_equal(loop_run_once(w->loop, wait_ms, &e), 0);
}

/* A number that changes when anything happens that a test can see. */
static inline uint64_t
world_pulse(struct world *w)
{
	uint64_t pulse = w->spool.outcomes * 7 + w->spool.fetches +
			 w->peer.connections * 3 + w->peer.open + w->peer.clear.n +
			 w->peer.commands.n + w->peer.handshakes + w->dns.queries +
			 w->peer.n_messages_in_all + w->spool.profiles_set;

	for (struct list_node *n = list_first(&w->peer.sessions); n != NULL;
	     n = list_next(&w->peer.sessions, n)) {
		struct peer_session *s = list_entry(n, struct peer_session, node);
		pulse += s->message.n;
		if (!s->is_dead)
			pulse += stream_bytes_in(s->stream) +
				 stream_bytes_out(s->stream) + stream_input(s->stream).n;
	}
	return pulse;
}

/*
 * Turns until nothing happens any more; the clock stands still. The last turns wait a
 * little for the kernel, should it be slow to hand over what was sent.
 */
static inline void
world_settle(struct world *w)
{
	uint64_t last = 0;
	unsigned quiet = 0;

	for (int i = 0; i < TURNS_MAX && quiet < QUIET_TURNS; i++) {
		world_turn(w, quiet >= QUIET_TURNS - 3 ? 10 : 0);
		uint64_t now = world_pulse(w);
		quiet = now == last ? quiet + 1 : 0;
		last = now;
	}
}

static inline void
world_pass(struct world *w, int64_t ms)
{
	clock_manual_advance(&w->clock, ms);
	world_settle(w);
}

static inline void
world_pass_often(struct world *w, int times, int64_t ms)
{
	while (times-- > 0)
		world_pass(w, ms);
}

/* ------------------------------------------------------------------ what happens */

/* A delivery that finds n rows, as far as it comes without time passing. */
static inline void
world_run(struct world *w, size_t n)
{
	world_rows(w, n);
	world_start(w);
	world_settle(w);
}

/* Another one is accepted. */
static inline void
world_offer(struct world *w, uint64_t mid)
{
	struct fake_row fresh = { .mid = mid,
				  .policy = "DEFAULT",
				  .created_at = w->clock.wall };

	w->spool.accepted(w->spool.accepted_arg, fake_journal(&w->spool, &fresh));
}

static inline void
world_offer_all(struct world *w, uint64_t first, uint64_t last)
{
	for (uint64_t mid = first; mid <= last; mid++)
		world_offer(w, mid);
}

static inline void
world_reload(struct world *w)
{
	deliver_reload(w->deliver, &w->settings, &w->policies, world_tls(w));
}

static inline void
world_stopped(void *arg)
{
	((struct world *)arg)->stopped++;
}

static inline void
world_stop(struct world *w, int64_t grace_ms)
{
	deliver_stop(w->deliver, grace_ms, world_stopped, w);
}

/* ------------------------------------------------------------------ looking */

static inline void
keep_status(void *arg, const struct destination_status *s)
{
	*(struct destination_status *)arg = *s;
}

static inline struct destination_status
world_destination(struct world *w)
{
	struct destination_status s = { .domain = NULL };

	deliver_each_destination(w->deliver, keep_status, &s);
	return s;
}

static inline const char *
world_log(struct world *w)
{
	return buf_text(&w->spool.log);
}

/* All that was said under TLS; '|' ends a line. */
static inline const char *
world_commands(struct world *w)
{
	return buf_text(&w->peer.commands);
}

/* How often a word stands among them. */
static inline unsigned
world_count(struct world *w, const char *word)
{
	struct span s = buf_span(&w->peer.commands);
	size_t n = strlen(word);
	unsigned found = 0;

	for (size_t i = 0; i + n <= s.n; i++)
		found += memcmp(s.p + i, word, n) == 0;
	return found;
}

/* Of all connections ever, in their order; the last: -1. */
static inline struct peer_session *
world_session(struct world *w, int which)
{
	struct list_node *n =
		which < 0 ? w->peer.sessions.head.prev : list_first(&w->peer.sessions);

	while (which-- > 0)
		n = list_next(&w->peer.sessions, n);
	return list_entry(n, struct peer_session, node);
}

/* What the peer says in one session, or in all that are open. */
static inline void
world_say(struct world *w, int which, const char *text)
{
	peer_say(world_session(w, which), text);
	world_settle(w);
}

static inline void
world_say_to_all(struct world *w, const char *text)
{
	for (struct list_node *n = list_first(&w->peer.sessions); n != NULL;
	     n = list_next(&w->peer.sessions, n))
		peer_say(list_entry(n, struct peer_session, node), text);
	world_settle(w);
}

/* ------------------------------------------------------------------ tests in a world */

/* The test's *state is a world of its own, which ends with it, also when it fails. */
#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)

static inline int
world_open(void **state)
{
	struct world *w = malloc(sizeof(*w));

	assert_non_null(w);
	world_init(w);
	*state = w;
	return 0;
}

static inline int
world_close(void **state)
{
	world_done(*state);
	free(*state);
	return 0;
}

static inline bool
world_log_nothing(void)
{
	const struct log_settings quiet = { .target = LOG_TO_FILE, .path = "/dev/null" };
	struct err e;

	return log_open(&quiet, &e) == 0;
}

/* The body of main(). */
#define WORLD_RUN_TESTS(tests)                                                           \
	(!world_log_nothing() ? 1                                                        \
			      : cmocka_run_group_tests(tests, world_setup_certificates,  \
						       world_remove_certificates))

#endif

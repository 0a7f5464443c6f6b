/*
 * test_chaos.c - faults in any order: an intake that changes its mind, connections that
 * end, an operator, reloads, stops, crashes, a slow spool.
 *
 * Whatever happened: no journal is called delivered that was not whole at the peer; none
 * is sent after its end; what may have been received once is sent with the same bytes
 * ever after; none but those are sent while somebody changes their row; and when the
 * intake is well again all are delivered. Each story has a seed: TDC_SEED brings it back.
 */
#include "world.h"

#include "deliver/inside.h"

#include <time.h>

enum { ROWS = 60, ROWS_MAX = 200, STEPS = 60, STORIES = 4, STORIES_FULL = 20 };
#define NEVER (INT64_C(1) << 50)

struct fate {
	bool is_at_peer, is_over, is_held, is_withdrawn;
	char heard[32]; /* the profile of a whole message, until its outcome comes  */
	char kept[32];  /* it may have been received with this one                  */
};
struct story {
	struct world world;
	uint64_t random;
	struct fate fates[ROWS_MAX + 1]; /* by MID */
	size_t log_at;
	unsigned wrong;
};

static unsigned
below(struct story *s, unsigned n)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (unsigned)((s->random >> 16) % n);
}

static void
complain(struct story *s, unsigned long mid, const char *what)
{
	print_error("journal %lu %s\n", mid, what);
	s->wrong++;
}

/* ------------------------------------------------------------------ what may not be */

static void
heard(void *arg, const char *message)
{
	struct story *s = arg;
	const char *profile = strstr(message, "\r\nProfile: ");
	unsigned long mid = 0;

	if (sscanf(message, "Mid: %lu\r\n", &mid) != 1 || mid < 1 || mid > ROWS_MAX ||
	    profile == NULL || strstr(message, "\r\ntail\r\n") == NULL) {
		complain(s, mid, "is no journal of ours");
		return;
	}
	struct fate *f = &s->fates[mid];
	assert_int_equal(sscanf(profile, "\r\nProfile: %31s", f->heard), 1);
	f->is_at_peer = true;
	if (f->is_over)
		complain(s, mid, "was sent after its end");
	if (f->is_withdrawn)
		complain(s, mid, "was sent while its row was changed");
	if (f->is_held)
		complain(s, mid, "was sent although it is held");
	if (f->kept[0] != '\0' && strcmp(f->kept, f->heard) != 0)
		complain(s, mid, "was sent again with other bytes");
}

static void
judge(struct story *s, unsigned long mid, const char *outcome)
{
	struct fate *f = &s->fates[mid];

	if (f->is_over)
		complain(s, mid, "ended twice");
	if (strncmp(outcome, "delivered ", 10) == 0) {
		f->is_over = true;
		if (!f->is_at_peer)
			complain(s, mid, "was not at the peer");
	} else if (strncmp(outcome, "uncertain ", 10) == 0) {
		if (f->kept[0] == '\0')
			memcpy(f->kept, f->heard, sizeof(f->kept));
	} else if (strncmp(outcome, "soft ", 5) != 0) {
		complain(s, mid, outcome);
	}
	f->heard[0] = '\0';
}

static bool
is_in_flight(struct story *s, uint64_t mid)
{
	const struct item *i = item_set_find(&s->world.deliver->items, mid);

	return i != NULL && i->state == ITEM_IN_FLIGHT;
}

static void
look(struct story *s)
{
	const char *log = world_log(&s->world), *end;

	for (log += s->log_at; (end = strchr(log, '\n')) != NULL; log = end + 1) {
		judge(s, strtoul(log, NULL, 10), strchr(log, ' ') + 1);
		s->log_at += (size_t)(end + 1 - log);
	}
	/* Refused before its content was looked at. */
	for (uint64_t mid = 1; mid <= ROWS_MAX; mid++)
		if (!is_in_flight(s, mid))
			s->fates[mid].heard[0] = '\0';
}

/* ------------------------------------------------------------------ what happens */

#define CODES "250-ENHANCEDSTATUSCODES\r\n"
static const char *const offers[] = {
	"250-peer\r\n250-PIPELINING\r\n250-SIZE\r\n" CODES "250 8BITMIME\r\n",
	"250-peer\r\n250-PIPELINING\r\n250-CHUNKING\r\n" CODES "250 8BITMIME\r\n",
	"250-peer\r\n250-PIPELINING\r\n" CODES "250 CHUNKING\r\n",
	"250-peer\r\n250-LIMITS MAILMAX=2\r\n" CODES "250 CHUNKING\r\n",
	"250-peer\r\n250-CHUNKING\r\n250 PIPELINING\r\n",
	"250-peer\r\n250 8BITMIME\r\n",
	"250 peer\r\n",
};
#define AT(member) offsetof(struct peer_script, member)
static const struct {
	size_t at;
	const char *text;
} moods[] = {
	{ AT(greeting), "421 4.3.2 not now\r\n" },
	{ AT(greeting), "554 5.3.2 go away\r\n" },
	{ AT(greeting), NULL },
	{ AT(ehlo), "250 peer\r\n" },
	{ AT(mail), "451 4.7.1 later\r\n" },
	{ AT(mail), "550 5.7.1 denied\r\n" },
	{ AT(mail), NULL },
	{ AT(mail), CLOSE },
	{ AT(mail_later), "421 4.7.0 enough\r\n" },
	{ AT(mail_later), CLOSE },
	{ AT(mail_later), CUT },
	{ AT(rcpt), "450 4.2.1 busy\r\n" },
	{ AT(rcpt), "550 5.1.1 unknown\r\n" },
	{ AT(rcpt), "250 2.0.0 ok\r\n" },
	{ AT(rcpt), NULL },
	{ AT(rcpt_late), "250 2.1.5 ok\r\n" },
	{ AT(data), "451 4.3.0 later\r\n" },
	{ AT(data), NULL },
	{ AT(bdat), "502 5.5.1 not implemented\r\n" },
	{ AT(content), "452 4.3.1 full\r\n" },
	{ AT(content), "421 4.3.2 closing\r\n" CLOSE },
	{ AT(content), "250 2.0.0 taken\r\n421 4.3.2 bye\r\n" CLOSE },
	{ AT(content), "250 taken\r\n" },
	{ AT(content), NULL },
	{ AT(quit), NULL },
};
enum { MOODS = sizeof(moods) / sizeof(moods[0]) };

static void
change_mind(struct story *s)
{
	struct peer_script k = peer_script_good();
	unsigned mood = below(s, MOODS + 6);

	k.ehlo_tls = offers[below(s, sizeof(offers) / sizeof(offers[0]))];
	if (mood < MOODS)
		*(const char **)(void *)((char *)&k + moods[mood].at) = moods[mood].text;
	else if (mood < MOODS + 3)
		k.drop = (enum peer_drop)(DROP_IN_CONTENT + mood - MOODS);
	k.holds_envelope_replies = k.drop == DROP_AFTER_CONTENT && below(s, 2) == 0;
	k.good_messages = k.holds_envelope_replies;
	s->world.peer.scripts[0] = k;
}

/* One of the latest. */
static struct peer_session *
any_session(struct story *s)
{
	unsigned n = (unsigned)s->world.peer.sessions.count;

	return n == 0 ? NULL
		      : world_session(&s->world, (int)(n - 1 - below(s, n < 9 ? n : 9)));
}

static void
end_session(struct story *s)
{
	struct peer_session *session = any_session(s);

	if (session == NULL || session->is_dead)
		return;
	if (below(s, 2) == 0)
		peer_session_cut(session);
	else
		peer_session_close(session);
}

static void
blurt_out(struct story *s)
{
	static const char *const replies[] = {
		"250 2.0.0 taken\r\n",
		"421 4.3.2 bye\r\n",
		"451 4.3.0 later\r\n",
		"250 2.1.5 ok\r\n",
		"221 2.0.0 bye\r\n",
		"250 ok\r\n",
		"250 2.0",
		"that is no reply\r\n",
	};
	struct peer_session *session = any_session(s);

	if (session != NULL)
		peer_say(session, replies[below(s, sizeof(replies) / sizeof(*replies))]);
}

static void
withdraw(struct story *s)
{
	uint64_t mid = 1 + below(s, (unsigned)s->world.spool.n_rows), dcid;
	struct fate *f = &s->fates[mid];

	if (f->is_withdrawn || f->is_held || f->is_over ||
	    deliver_withdraw(s->world.deliver, mid, &dcid) != WITHDRAWAL_DONE)
		return;
	f->is_withdrawn = true;
}

/* The changes are answered: in the order of the spool, behind the outcomes. */
static void
give_back(struct story *s)
{
	struct spool *sp = &s->world.spool;

	sp->is_slow = false;
	fake_commit(sp);
	look(s);
	for (uint64_t mid = 1; mid <= sp->n_rows; mid++) {
		struct fate *f = &s->fates[mid];
		if (!f->is_withdrawn)
			continue;
		f->is_withdrawn = false;
		f->is_held = !f->is_over && below(s, 2) == 0;
		if (f->is_held)
			fake_find(sp, mid)->state = JOURNAL_HELD;
		deliver_give_back(s->world.deliver, mid);
	}
}

static void
release(struct story *s)
{
	struct spool *sp = &s->world.spool;
	bool is_any = false;

	give_back(s);
	for (uint64_t mid = 1; mid <= sp->n_rows; mid++) {
		struct fake_row *r = fake_find(sp, mid);
		if (!s->fates[mid].is_held)
			continue;
		s->fates[mid].is_held = false;
		r->state = JOURNAL_WAITING;
		r->attempts = 0;
		r->next_at = s->world.clock.wall;
		is_any = true;
	}
	if (is_any)
		deliver_look_again(s->world.deliver);
}

static void
accept_some(struct story *s)
{
	struct spool *sp = &s->world.spool;

	for (unsigned n = below(s, 12); n > 0 && sp->n_rows < ROWS_MAX; n--) {
		struct fake_row *r = &sp->rows[sp->n_rows++];
		*r = (struct fake_row){ .mid = sp->n_rows,
					.state = JOURNAL_WAITING,
					.policy = n % 4 == 0 ? "OTHER" : "DEFAULT",
					.created_at = s->world.clock.wall };
		sp->accepted(sp->accepted_arg, fake_journal(sp, r));
	}
}

static void
change_settings(struct story *s)
{
	struct world *w = &s->world;

	w->settings.window = 8 + below(s, 100);
	w->policies.controls.concurrency = 1 + below(s, 6);
	w->policies.controls.messages_per_connection = 1 + below(s, 10);
	world_reload(w);
}

static void
answer_reads(struct story *s)
{
	if (s->world.spool.is_reader_slow)
		fake_answer(&s->world.spool);
}

static void
stop_and_start(struct story *s)
{
	struct world *w = &s->world;

	answer_reads(s);
	give_back(s);
	w->stopped = 0;
	world_stop(w, below(s, 2) == 0 ? 0 : 20000);
	world_settle(w);
	world_pass(w, 20001);
	world_pass(w, 1);
	assert_int_equal(w->stopped, 1);
	look(s);
	deliver_free(w->deliver);
	world_start(w);
}

/* All that was in flight may have been received, and no row tells. */
static void
crash_and_start(struct story *s)
{
	struct world *w = &s->world;

	answer_reads(s);
	give_back(s);
	world_settle(w);
	look(s);
	for (uint64_t mid = 1; mid <= w->spool.n_rows; mid++) {
		struct fate *f = &s->fates[mid];
		if (f->kept[0] == '\0')
			memcpy(f->kept, f->heard, sizeof(f->kept));
	}
	w->spool.is_lost = true;
	deliver_free(w->deliver);
	w->spool.is_lost = false;
	if (w->spool.n_crashes < FAKE_CRASHES_MAX)
		fake_crash(&w->spool, w->spool.n_rows);
	world_start(w);
}

static void
act(struct story *s)
{
	struct world *w = &s->world;

	switch (below(s, 22)) {
	case 0:
		w->spool.is_slow = true;
		break;
	case 1:
		give_back(s); /* slow no more */
		break;
	case 2:
		w->spool.is_reader_slow = true;
		break;
	case 3:
		answer_reads(s);
		break;
	case 4:
		world_pass(w, below(s, 900) * 1000);
		break;
	case 5:
	case 6:
	case 7:
		world_pass(w, below(s, 30) * 1000);
		break;
	case 8:
	case 9:
		end_session(s);
		break;
	case 10:
		blurt_out(s);
		break;
	case 11:
	case 12:
		withdraw(s);
		break;
	case 13:
		release(s);
		break;
	case 14:
		accept_some(s);
		break;
	case 15:
		deliver_now(w->deliver, below(s, 2) * (1 + below(s, ROWS)));
		break;
	case 16:
		change_settings(s);
		break;
	case 17:
		stop_and_start(s);
		break;
	case 18:
		crash_and_start(s);
		break;
	default:
		change_mind(s);
	}
	if (below(s, 2) == 0)
		world_settle(w);
	look(s);
}

/* ------------------------------------------------------------------ the stories */

static void
begin(struct story *s)
{
	struct world *w = &s->world;

	world_init(w);
	w->policies.controls.bounce.max_retries = 100000;
	w->policies.controls.bounce.max_time_in_queue_ms = NEVER;
	w->spool.names[1] = "OTHER";
	w->spool.n_names = 2;
	w->peer.keeps_messages = false;
	w->peer.heard = heard;
	w->peer.heard_arg = s;
	world_rows(w, ROWS_MAX);
	w->spool.n_rows = ROWS;
	for (size_t i = 0; i < ROWS; i += 5)
		w->spool.rows[i].policy = "OTHER";
	change_mind(s);
	world_start(w);
}

/* The intake is well, nobody does anything, and time passes. */
static void
all_is_well(struct story *s)
{
	struct world *w = &s->world;

	w->peer.scripts[0] = peer_script_good();
	answer_reads(s);
	release(s);
	for (int i = 0; i < 16; i++) {
		world_pass(w, 650000);
		look(s);
	}
	for (uint64_t mid = 1; mid <= w->spool.n_rows; mid++)
		if (!s->fates[mid].is_over)
			complain(s, mid, "was not delivered");
	assert_int_equal(world_destination(w).state, DESTINATION_UP);
	assert_int_equal(world_destination(w).in_flight, 0);
}

static void
tell(uint64_t seed)
{
	struct story *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->random = seed * 0x9e3779b97f4a7c15u | 1;
	begin(s);
	for (int i = 0; i < STEPS; i++)
		act(s);
	all_is_well(s);
	if (s->wrong > 0)
		fail_msg("TDC_SEED=%" PRIu64, seed);
	world_done(&s->world);
	free(s);
}

static void
in_the_end_all_is_delivered_and_nothing_happened_that_may_not(void **state)
{
	const char *tier = getenv("TDC_TEST_TIER"), *given = getenv("TDC_SEED");
	bool is_full = tier != NULL && strcmp(tier, "full") == 0;
	uint64_t first = given == NULL ? (uint64_t)time(NULL) * STORIES_FULL
				       : strtoull(given, NULL, 0);
	uint64_t stories = given != NULL ? 1 : is_full ? STORIES_FULL : STORIES;

	(void)state;
	for (uint64_t i = 0; i < stories; i++)
		tell(first + i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			in_the_end_all_is_delivered_and_nothing_happened_that_may_not),
	};

	return WORLD_RUN_TESTS(tests);
}
